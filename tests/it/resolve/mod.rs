//! `resolve` with a DNS server whose replies the test defines.

mod aliases;
mod bulk;
mod conflicts;
mod connections;
mod contradictions;
mod encrypted;
mod exchange;
mod habits;
mod machine;
mod names;
mod output;
mod presentation;
mod query_options;
#[cfg(feature = "doh3")]
mod quic;
mod search;
mod servers;
mod snapshots;
mod strategies;
mod trace;
mod transfer;
mod validate;

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::rdata::{AAAA, PTR};
use hickory_resolver::proto::rr::{Name, RData, Record};
use serde_json::{Value, json};

use crate::json_doc;
use crate::support::Sockkit;
use crate::support::peers::dns_server::{DnsServer, a, record, wire};

struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs `sockkit resolve` with these arguments.
fn resolve<const N: usize>(words: [&str; N]) -> Run {
    let ran = Sockkit::new(["resolve"].into_iter().chain(words)).run();
    Run { code: ran.code, stdout: ran.out(), stderr: ran.stderr }
}

impl Run {
    /// The JSON objects on standard output. They and those on standard error have the documented
    /// fields.
    #[track_caller]
    fn json(&self) -> Vec<Value> {
        for line in self.stderr.lines().filter(|line| line.starts_with('{')) {
            json_doc::conforms("Diagnostics", &serde_json::from_str(line).unwrap());
        }
        json_lines(&self.stdout)
    }

    /// The data of the answers to the first lookup.
    fn data(&self) -> Vec<String> {
        let answers = self.json()[0]["answers"].as_array().unwrap().clone();
        let data = |answer: &Value| answer["data"].as_str().unwrap().to_owned();
        answers.iter().map(data).collect()
    }

    #[track_caller]
    fn assert_stderr_contains(&self, words: &str) {
        assert!(self.stderr.contains(words), "{words:?} not in {:?}", self.stderr);
    }
}

/// The JSON objects of an output, which have the documented fields.
#[track_caller]
fn json_lines(out: &str) -> Vec<Value> {
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        json_doc::conforms("Reports", line);
    }
    lines
}

fn www_records() -> Vec<Record> {
    vec![
        a("www.ita.br.", [161, 24, 23, 180]),
        record("www.ita.br.", RData::AAAA(AAAA("2001:db8::10".parse().unwrap()))),
    ]
}

/// A server that answers every query with this response code.
fn server_answering(code: ResponseCode) -> DnsServer {
    DnsServer::start(move |query| vec![query.reply_code(code)])
}

/// A server that never answers.
fn silent_server() -> DnsServer {
    DnsServer::start(|_| Vec::new())
}

/// A port that refuses datagrams while its socket is open, because the socket is connected to
/// itself.
fn closed_port() -> (UdpSocket, String) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(socket.local_addr().unwrap()).unwrap();
    let word = format!("@{}", socket.local_addr().unwrap());
    (socket, word)
}

fn assert_ends_soon(started: Instant) {
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[test]
fn both_families_are_queried_by_default() {
    let server = DnsServer::with_records(www_records());
    let run = resolve(["www.ita.br", &server.argument()]);
    assert_eq!(run.code, 0);
    assert_eq!(
        run.stdout,
        "NAME         TYPE  TTL  DATA\n\
         www.ita.br.  A     300  161.24.23.180\n\
         www.ita.br.  AAAA  300  2001:db8::10\n"
    );
    assert_eq!(run.stderr, "");
    assert_eq!(server.count(), 2);
}

#[test]
fn a_missing_family_is_mentioned_only_on_request() {
    let server = DnsServer::with_records(vec![a("v4.example.", [192, 0, 2, 1])]);
    let run = resolve(["v4.example", &server.argument()]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let run = resolve(["v4.example", &server.argument(), "-v"]);
    run.assert_stderr_contains("v4.example has no AAAA record (the name exists)");
    let run = resolve(["v4.example", "a", "aaaa", &server.argument()]);
    assert_eq!(run.code, 0);
    run.assert_stderr_contains("v4.example has no AAAA record (the name exists)");
}

#[test]
fn r45_r47_an_address_is_looked_up_in_reverse() {
    let target = RData::PTR(PTR(Name::from_ascii("host.example.").unwrap()));
    let server = DnsServer::with_records(vec![record("10.2.0.192.in-addr.arpa.", target)]);
    for word in ["192.0.2.10", "::ffff:192.0.2.10", "10.2.0.192.in-addr.arpa"] {
        let run = resolve(["--json", word, &server.argument()]);
        assert_eq!(run.code, 0, "{word}");
        let line = &run.json()[0];
        assert_eq!((&line["record_type"], &line["name"]), (&json!("PTR"), &json!(word)));
        assert_eq!(run.data(), ["host.example."]);
    }
    let run = resolve(["2001:db8::10", &server.argument()]);
    assert_eq!(run.code, 1);
    run.assert_stderr_contains(
        "8.b.d.0.1.0.0.2.ip6.arpa (the reverse name of 2001:db8::10) does not exist",
    );
}

#[test]
fn a_nonexistent_name_and_a_name_without_records_are_reported_differently() {
    let server = DnsServer::with_records(www_records());
    let run = resolve(["nope.ita.br", &server.argument()]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    let expected =
        format!("note: nope.ita.br does not exist (NXDOMAIN from udp://{})\n", server.addr);
    assert_eq!(run.stderr, expected);
    let run = resolve(["www.ita.br", "mx", "txt", &server.argument()]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert_eq!(run.stderr, "note: www.ita.br has no MX or TXT record (the name exists)\n");
    let run = resolve(["--json", "nope.ita.br", "a", &server.argument()]);
    assert_eq!(run.json()[0]["status"], "NXDOMAIN");
}

#[test]
fn the_highest_exit_code_of_several_names_wins() {
    let server = DnsServer::start(|query| {
        let code = match query.name.as_str() {
            "broken.example." => ResponseCode::ServFail,
            "no.example." => ResponseCode::NXDomain,
            _ => {
                let mut reply = query.reply();
                reply.add_answer(a(&query.name, [192, 0, 2, 1]));
                return vec![wire(&reply)];
            }
        };
        vec![query.reply_code(code)]
    });
    let word = server.argument();
    assert_eq!(resolve(["yes.example", "also.example", "a", &word]).code, 0);
    assert_eq!(resolve(["no.example", "yes.example", "a", &word]).code, 1);
    let run = resolve(["--json", "broken.example", "no.example", "yes.example", "a", &word]);
    assert_eq!(run.code, 4);
    let names: Vec<Value> = run.json().iter().map(|line| line["name"].clone()).collect();
    assert_eq!(names, ["broken.example", "no.example", "yes.example"]);
}

#[test]
fn r48_a_name_that_looks_like_a_type_needs_a_trailing_dot() {
    let server = DnsServer::with_records(vec![a("mx.", [192, 0, 2, 5])]);
    let run = resolve(["mx.", "--plain", &server.argument()]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "mx.\tA\t300\t192.0.2.5\t\n"));
    let run = resolve(["mx", &server.argument()]);
    assert_eq!(run.code, 2);
    run.assert_stderr_contains("no name given: \"mx\" is a record type");
    run.assert_stderr_contains("try: `mx.`");
}

#[test]
fn an_invalid_name_is_refused_before_any_query() {
    let server = DnsServer::with_records(www_records());
    for (word, reason) in [
        ("a..b", "empty label"),
        ("http://www.ita.br/x", "did you mean www.ita.br?"),
        ("www.ita.br:443", "did you mean www.ita.br?"),
        ("TYPE99999", "is not a record type"),
        ("\u{1b}[31mred.example", "contains white space or a control character"),
        ("", "a name cannot be empty"),
    ] {
        let run = resolve([word, &server.argument()]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{word:?}");
        run.assert_stderr_contains(reason);
        assert!(!run.stderr.contains('\u{1b}'), "{word:?}");
    }
    assert_eq!(server.count(), 0);
}

#[test]
fn a_name_that_begins_with_a_dash_is_quoted_in_the_error_as_a_whole() {
    let run = resolve(["-dash.ita.br"]);
    assert_eq!(run.code, 2);
    let expected = "error: unexpected argument \"-dash.ita.br\"\n\
                    try: -- -dash.ita.br, if it is a name\n";
    assert_eq!(run.stderr, expected);
    let run = resolve(["--json", "-dash.ita.br"]);
    assert_eq!(run.code, 2);
    run.assert_stderr_contains("\"hint\":\"-- -dash.ita.br, if it is a name\"");
    // An option alone is not a part of another argument.
    let run = resolve(["-x192.0.2.1", "-2"]);
    assert_eq!(run.code, 2);
    run.assert_stderr_contains("unexpected argument '-2'");
    let server = DnsServer::with_records(Vec::new());
    let run = resolve([&*server.argument(), "--", "-dash.ita.br"]);
    assert_eq!(run.code, 1);
    run.assert_stderr_contains("-dash.ita.br does not exist");
}

#[test]
fn an_unusable_server_argument_exits_2_or_3() {
    let run = resolve(["www.ita.br", "@127.0.0.1:99999"]);
    assert_eq!(run.code, 2);
    run.assert_stderr_contains("give a number from 1 to 65535");
    let run = resolve(["www.ita.br", "@::1", "--from", "127.0.0.1"]);
    assert_eq!(run.code, 3);
    run.assert_stderr_contains("cannot query ::1: no address of the family of --from");
    assert!(!run.stderr.contains("-4"), "{}", run.stderr);
    let run = resolve(["www.ita.br", "@no such host"]);
    assert_eq!(run.code, 2);
    let run = resolve(["www.ita.br", "@192.0.2.1", "--from", "127.0.0.1"]);
    assert_eq!(run.code, 4);
    run.assert_stderr_contains("a loopback address reaches only this machine");
}
