//! What users of dig, host, drill and doggo are used to typing.

use hickory_resolver::proto::rr::{DNSClass, RData};

use serde_json::json;

use super::{resolve, www_records};
use crate::support::peers::dns_server::{DnsServer, raw, wire};

fn server() -> DnsServer {
    let mut records = www_records();
    records.push(raw("www.ita.br.", 15, b"\0\x0a\x04mail\0"));
    records.push(raw("10.2.0.192.in-addr.arpa.", 12, b"\x04host\0"));
    DnsServer::with_records(records)
}

#[test]
fn the_usual_command_lines_of_other_tools_work() {
    let server = server();
    let plain = server.argument();
    let drill = format!("@127.0.0.1#{}", server.addr.port());
    let port = server.addr.port().to_string();
    let mx = "10 mail.\n";
    for (words, expected) in [
        (vec!["www.ita.br", "MX", "+short", &plain], mx),
        (vec![&*plain, "www.ita.br", "MX", "+short"], mx),
        (vec!["MX", "www.ita.br.", &plain, "--short"], mx),
        (vec!["www.ita.br.", "mx", &drill, "+short"], mx),
        (vec!["-t", "mx", "www.ita.br", &plain, "--short"], mx),
        (vec!["+short", "-p", &port, "www.ita.br", "IN", "MX", "@127.0.0.1"], mx),
        (vec!["+short", "-x", "192.0.2.10", &plain], "host.\n"),
        (vec!["+noall", "+answer", "+short", "+tcp", "www.ita.br", "mx", &plain], mx),
        (vec!["+short", "+time=2", "+tries=1", "+retry=0", "www.ita.br", "mx", &plain], mx),
        (vec!["--tcp", "--tries=3", "--class=IN", "+short", "www.ita.br", "mx", &plain], mx),
        (vec!["-c", "IN", "-b", "127.0.0.1", "+short", "+edns=0", "www.ita.br", "mx", &plain], mx),
        (vec!["+short", "-t", "a,mx", "www.ita.br", &plain], "161.24.23.180\n10 mail.\n"),
        (vec!["+short", "www.ita.br", &plain], "161.24.23.180\n2001:db8::10\n"),
    ] {
        let ran = crate::support::Sockkit::new(["resolve"].iter().chain(&words)).run().code(0);
        assert_eq!((ran.out().as_str(), ran.stderr.as_str()), (expected, ""), "{words:?}");
    }
}

#[test]
fn an_option_of_dig_that_sockkit_lacks_is_an_error_that_names_it() {
    for (word, reason) in [
        ("+besteffart", "+besteffart is not an option that sockkit knows from dig"),
        ("+json", "try: --json"),
        ("+yaml", "sockkit has no +yaml: its formats are table, plain and JSON\ntry: --json"),
        ("+time=x", "\"x\" is not a number of seconds"),
        ("+tries=0", "+tries=0: "),
    ] {
        let run = resolve(["www.ita.br", word, "@127.0.0.1:9"]);
        assert_eq!(run.code, 2, "{word}");
        run.assert_stderr_contains(reason);
    }
}

#[test]
fn a_question_of_another_class_is_asked_and_its_class_is_shown() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        assert_eq!(query.message.queries[0].query_class(), DNSClass::CH);
        let mut record = raw(&query.name, 16, b"\x03one");
        record.dns_class = DNSClass::CH;
        assert!(matches!(record.data, RData::Unknown { .. }));
        reply.add_answer(record);
        vec![wire(&reply)]
    });
    for words in [["ch", "txt"], ["--class=CH", "txt"], ["TXT", "CH"]] {
        let [first, second] = words;
        let run = resolve(["--plain", first, second, "version.bind", &server.argument()]);
        assert_eq!(run.stdout, "version.bind.\tTXT\t300\t\"one\"\tclass CH\n", "{}", run.stderr);
    }
}

#[test]
fn a_zone_transfer_is_a_type_and_not_a_name() {
    for word in ["AXFR", "axfr"] {
        let run = resolve(["--json", "ita.br", word, "@127.0.0.1:9"]);
        let lines = run.json();
        assert_eq!((lines.len(), &lines[0]["record_type"]), (1, &json!("AXFR")));
    }
    let run = resolve(["ita.br", "IXFR", "@127.0.0.1:9"]);
    assert_eq!(run.code, 2);
    run.assert_stderr_contains("IXFR");
}
