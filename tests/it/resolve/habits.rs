//! What users of dig, host, drill and doggo are used to typing.

use hickory_resolver::proto::rr::{DNSClass, RData};

use serde_json::json;

use super::{resolve, www_records};
use crate::support::peers::dns_server::{DnsServer, a, raw, wire};
use crate::support::shell;

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
        (vec!["+short", "a,mx", "www.ita.br", &plain], "161.24.23.180\n10 mail.\n"),
        (vec!["-b", "127.0.0.1#0", "+short", "www.ita.br", "mx", &plain], mx),
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
        ("+tries=101", "+tries=101: "),
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
    for words in [["ch", "txt"], ["--class=CH", "txt"], ["TXT", "CH"], ["chaos", "txt"]] {
        let [first, second] = words;
        let run = resolve(["--plain", first, second, "version.bind", &server.argument()]);
        assert_eq!(run.stdout, "version.bind.\tTXT\t300\t\"one\"\tclass CH\n", "{}", run.stderr);
    }
}

#[test]
fn a_question_for_all_classes_is_answered_by_a_record_of_any_class() {
    let server = DnsServer::with_records(vec![raw("t.example.", 16, b"\x03one")]);
    for class in ["ANY", "CLASS255"] {
        let run = resolve(["--plain", "--class", class, "t.example", "txt", &server.argument()]);
        let shown = (run.code, run.stdout.as_str(), run.stderr.as_str());
        assert_eq!(shown, (0, "t.example.\tTXT\t300\t\"one\"\t\n", ""), "{class}");
    }
}

#[test]
fn a_line_without_a_name_names_the_server_and_the_type() {
    let run = resolve(["@z.ita.br", "A"]);
    let message = "error: no name given: \"A\" is a record type, and @z.ita.br a server\n";
    let hint = "try: `A.`, with a trailing dot, to look up that name, or sockkit resolve NAME A \
                @z.ita.br\n";
    assert_eq!((run.code, run.stderr), (2, format!("{message}{hint}")));
}

#[test]
fn the_address_of_an_address_is_a_usage_error_with_the_reverse_name() {
    for words in [["192.0.2.1", "A"], ["-x192.0.2.1", "a"]] {
        let [address, record_type] = words;
        let run = resolve([address, record_type, "@127.0.0.1:9"]);
        let message = "error: 192.0.2.1 is an address, and has no A record\n";
        let hint = "try: `sockkit resolve 192.0.2.1` for its name, or 1.2.0.192.in-addr.arpa A\n";
        assert_eq!((run.code, run.stderr), (2, format!("{message}{hint}")));
    }
    let server = server();
    let run = resolve(["192.0.2.10", "ns", &server.argument()]);
    assert_eq!(run.code, 1);
    run.assert_stderr_contains("(the reverse name of 192.0.2.10) has no NS record");
}

#[test]
fn an_address_after_a_name_has_a_note_on_how_to_write_a_server() {
    let run = resolve(["-t", "mx", "www.ita.br", "127.0.0.1", "-p", "5300"]);
    let message = "error: -p applies only to @SERVER\ntry: @127.0.0.1 -p 5300\n";
    assert_eq!((run.code, run.stderr.as_str()), (2, message));
    let run = resolve(["www.ita.br", "127.0.0.1", "a"]);
    assert_eq!(run.code, 2);
    run.assert_stderr_contains("try: @127.0.0.1 to query that server\n");
    // The address is not one of this machine, so that nothing is queried.
    let run = resolve(["www.ita.br", "127.0.0.1", "--from=203.0.113.9"]);
    run.assert_stderr_contains("127.0.0.1 is looked up; to query that server, write @127.0.0.1\n");
    let run = resolve(["www.ita.br", "192.0.2.10", &server().argument()]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
fn words_that_other_tools_take_for_types_have_an_error_with_the_type() {
    for (words, hint) in [
        (["t.example", "65"], "TYPE65, or `65.` to look up that name"),
        (["t.example", "IXFR=7"], "--axfr for the whole zone"),
        (["-x192.0.2", "ns"], "sockkit resolve 2.0.192.in-addr.arpa"),
        (["-x@127.0.0.1", "192.0.2.1"], "-x ADDRESS @127.0.0.1"),
    ] {
        let [first, second] = words;
        let run = resolve([first, second, "@127.0.0.1:9"]);
        assert_eq!(run.code, 2, "{words:?}");
        assert!(run.stderr.ends_with(&format!("try: {hint}\n")), "{words:?}: {}", run.stderr);
    }
    let server = server();
    let run = resolve(["--short", "-t", "15", "www.ita.br", &server.argument()]);
    assert_eq!(run.stdout, "10 mail.\n");
    // A name that is given twice is looked up once.
    let run = resolve(["--short", "www.ita.br", "a", "www.ita.br", "mx", &server.argument()]);
    assert_eq!(run.stdout, "161.24.23.180\n10 mail.\n");
}

#[test]
fn the_server_that_resolves_names_of_servers_can_have_a_port() {
    let bootstrap = DnsServer::with_records(vec![a("ns.example.", [127, 0, 0, 1])]);
    let server = server();
    let word = format!("@ns.example:{}", server.addr.port());
    let option = format!("--bootstrap={}", bootstrap.addr);
    let run = resolve(["--short", "www.ita.br", "a", &word, &option]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "161.24.23.180\n"), "{}", run.stderr);
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

/// Options of other tools, and the command line that the error shows. `S` is a server.
const ADVICE: &[(&str, &str)] = &[
    // host
    (
        "-a t.example S",
        "`sockkit resolve -v -t ANY t.example S` for -a of host, \
         `sockkit resolve t.example S` for -a of drill",
    ),
    ("-l t.example S", "sockkit resolve --axfr t.example S"),
    (
        "-rt mx t.example S",
        "`sockkit resolve -t mx t.example S` for -r of dig, \
         `sockkit resolve --no-recurse -t mx t.example S` for -r of host",
    ),
    ("-W 2 -R 1 t.example S", "sockkit resolve --timeout 2s --tries 2 t.example S"),
    ("-W2 t.example S", "sockkit resolve --timeout 2s t.example S"),
    ("-N 2 t.example S", "RES_OPTIONS=ndots:2 sockkit resolve t.example S"),
    ("-U t.example S", "sockkit resolve t.example S"),
    ("-w t.example S", "sockkit resolve --timeout 1h t.example S"),
    // kdig
    ("-d t.example S", "sockkit resolve -v t.example S"),
    ("-d t.example mx S", "sockkit resolve -v t.example mx S"),
    // drill
    ("-D t.example S", "sockkit resolve --dnssec t.example S"),
    ("-I 127.0.0.1 t.example S", "sockkit resolve --from 127.0.0.1 t.example S"),
    ("-Q t.example S", "sockkit resolve -q t.example S"),
    ("-b 4096 t.example S", "`sockkit resolve --bufsize 4096 t.example S` for -b of drill"),
    ("-t t.example S", "`sockkit resolve --tcp t.example S` for -t of drill"),
    // doggo
    ("-q t.example -t MX -n 127.0.0.1", "sockkit resolve t.example -t MX @127.0.0.1"),
    ("--query=t.example --nameserver=::1", "sockkit resolve t.example @::1"),
    ("-J t.example S", "sockkit resolve --json t.example S"),
    ("--any t.example S", "sockkit resolve -t a,aaaa,cname,mx,ns,soa,srv,txt,caa t.example S"),
    (
        "--query=t.example,u.example --type=A,MX --nameserver=127.0.0.1,::1",
        "sockkit resolve t.example u.example --type=A,MX @127.0.0.1 @::1",
    ),
    ("-la t.example S", "sockkit resolve --axfr t.example S"),
    ("--do --rd=false t.example S", "sockkit resolve --dnssec --no-recurse t.example S"),
    ("--ipv4 --debug t.example S", "sockkit resolve -4 -v t.example S"),
    ("--strategy random t.example S", "sockkit resolve --random t.example S"),
    ("--strategy=first t.example S", "sockkit resolve t.example S"),
    ("--time t.example S", "sockkit resolve -v t.example S"),
    ("--ndots=2 t.example S", "RES_OPTIONS=ndots:2 sockkit resolve t.example S"),
    (
        "--color=false t.example S",
        "`sockkit resolve --color never t.example S` for --color of doggo",
    ),
    ("--padding t.example S", "`sockkit resolve --padding 128 t.example S` for --padding of doggo"),
    // dog and q
    ("-1 t.example S", "sockkit resolve --short t.example S"),
    ("--server=127.0.0.1 t.example", "sockkit resolve @127.0.0.1 t.example"),
    // what users expect
    ("--mx t.example S", "sockkit resolve mx t.example S"),
    ("--norecurse t.example S", "sockkit resolve +norecurse t.example S"),
    ("--subnet 192.0.2.0/24 t.example S", "sockkit resolve +subnet=192.0.2.0/24 t.example S"),
    ("--resolver ::1 --tcp t.example", "sockkit resolve @::1 --tcp t.example"),
    // nslookup
    ("-type=mx t.example S", "`sockkit resolve -t mx t.example S` for -type of nslookup"),
    ("-querytype=mx t.example S", "sockkit resolve -t mx t.example S"),
    ("-debug t.example S", "sockkit resolve -v t.example S"),
];

/// The same, with command lines that query the root servers, or servers without a port.
const ADVICE_ONLY: &[(&str, &str)] = &[
    (
        "-T t.example",
        "`sockkit resolve --tcp t.example` for -T of host, \
         `sockkit resolve --trace t.example` for -T of drill",
    ),
    (
        "-S t.example S",
        "`sockkit resolve --validate t.example S` for -S of drill, \
         `sockkit resolve +tls t.example S` for -S of dog",
    ),
    ("-TD t.example", "sockkit resolve --trace --dnssec t.example"),
    ("--authoritative t.example", "sockkit resolve --trace t.example"),
    ("-l t.example 192.0.2.1", "sockkit resolve --axfr t.example @192.0.2.1"),
    ("-debug -port=5300 t.example ns.example", "sockkit resolve -v -p 5300 t.example @ns.example"),
    (
        "-k keys t.example",
        "`sockkit resolve --validate --trust-anchor keys t.example` for -k of drill",
    ),
    ("-W x t.example", "--timeout Ns for -W N of host"),
    ("-n", "@ADDR for -n ADDR of doggo"),
    ("-y hmac:k:x t.example", "dig or kdig, for a server that requires signatures"),
    ("-V", "sockkit --version"),
    ("-s t.example", "one @SERVER for -s of host, the type DS for -s of drill"),
    ("--http3 t.example", "@h3://HOST/PATH"),
    ("--yaml t.example", "--json"),
    ("--tls t.example", "+tls"),
    ("--tls @192.0.2.1 t.example", "sockkit resolve +tls @192.0.2.1 t.example"),
    ("-o CD t.example", "--cd, --ad or --no-recurse"),
];

#[test]
fn an_option_of_another_tool_is_an_error_with_the_command_line_of_sockkit() {
    let server = server();
    let word = format!(" {}", server.argument());
    for (typed, advice) in ADVICE.iter().chain(ADVICE_ONLY) {
        let [typed, advice] = [typed, advice].map(|text| text.replace(" S", &word));
        let ran = crate::support::sockkit(&format!("resolve {typed}")).run().code(2);
        assert!(ran.stderr.ends_with(&format!("\ntry: {advice}\n")), "{typed}: {}", ran.stderr);
        assert!(!ran.stderr.contains("tip:"), "{typed}: {}", ran.stderr);
    }
}

#[test]
fn the_command_line_in_the_error_about_an_option_of_another_tool_runs() {
    let server = server();
    let word = format!(" {}", server.argument());
    for (_, advice) in ADVICE {
        let lines = advice.split('`').filter(|part| part.contains("sockkit"));
        for line in lines.map(|line| line.replace(" S", &word)) {
            let ran = shell(&line).run();
            assert!([0, 1, 4, 6, 9].contains(&ran.code), "{line}: {} {}", ran.code, ran.stderr);
        }
    }
}

#[test]
fn an_error_about_an_option_of_another_tool_is_json_on_request() {
    let run = resolve(["--json", "-n", "192.0.2.1", "t.example"]);
    assert_eq!(run.code, 2);
    let expected = r#""hint":"sockkit resolve --json @192.0.2.1 t.example""#;
    run.assert_stderr_contains(expected);
    // A misspelt type, and an option that no tool has, are not options of another tool.
    for words in [["-t", "mxx"], ["--foo", "t.example"]] {
        let [option, value] = words;
        let run = resolve([option, value, "t.example"]);
        assert!(!run.stderr.contains("try: "), "{}", run.stderr);
    }
}
