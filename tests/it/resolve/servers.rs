//! Servers that fail, refuse, refer or stay silent, and which one `resolve` asks next.

use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::SOA;
use hickory_resolver::proto::rr::{Name, RData, Record};
use serde_json::{Value, json};

use super::{
    Run, assert_ends_soon, closed_port, resolve, server_answering, silent_server, www_records,
};
use crate::support::peers::dns_server::{DnsServer, a, ns, record, wire};
use crate::support::{Sockkit, in_namespace};

#[test]
fn r18_a_server_that_fails_or_refuses_is_named_with_its_status() {
    for (code, status) in [
        (ResponseCode::ServFail, "SERVFAIL"),
        (ResponseCode::Refused, "REFUSED"),
        (ResponseCode::BADCOOKIE, "BADCOOKIE"),
    ] {
        let server = server_answering(code);
        let run = resolve(["--json", "www.ita.br", "a", &server.argument()]);
        assert_eq!(run.code, 4);
        let line = &run.json()[0];
        assert_eq!(line["status"], status);
        assert_eq!(line["server"], format!("udp://{}", server.addr));
        assert_eq!(line.get("error"), None);
        let error: Value = serde_json::from_str(run.stderr.trim()).unwrap();
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(4)));
        run.assert_stderr_contains(&format!("udp://{} answered {status}", server.addr));
    }
}

#[test]
fn a_referral_is_not_an_answer() {
    let refers = || {
        DnsServer::start(|query| {
            let mut reply = query.reply();
            reply.metadata.recursion_available = false;
            reply.add_authorities([ns("example.", "ns1.example."), ns("example.", "ns2.example.")]);
            vec![wire(&reply)]
        })
    };
    let server = refers();
    let run = resolve(["--json", "www.example", "a", &server.argument()]);
    assert_eq!(run.code, 4);
    let line = &run.json()[0];
    let url = format!("udp://{}", server.addr);
    assert_eq!((&line["status"], &line["server"]), (&json!("ERROR"), &json!(url)));
    let reason = format!("{url} referred to ns1.example. (the server does not recurse)");
    assert_eq!(line["error"], reason);
    run.assert_stderr_contains(&format!("cannot look up www.example: {reason}"));
    let good = DnsServer::with_records(vec![a("www.example.", [192, 0, 2, 1])]);
    let run = resolve(["--plain", "www.example", "a", &server.argument(), &good.argument()]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "www.example.\tA\t300\t192.0.2.1\t\n"));
    run.assert_stderr_contains(&format!(
        "no usable answer from {url}: referred to ns1.example. (the server does not recurse)"
    ));
}

#[test]
fn an_authoritative_reply_or_one_with_soa_is_not_a_referral() {
    let soa = || {
        let of = |name: &str| Name::from_ascii(name).unwrap();
        record("example.", RData::SOA(SOA::new(of("ns1.example."), of("h."), 1, 2, 3, 4, 5)))
    };
    let nothing: [fn(&mut Message, Record); 2] = [
        |reply, _| reply.metadata.authoritative = true,
        |reply, soa| {
            reply.add_authorities([soa]);
        },
    ];
    for says_so in nothing {
        let server = DnsServer::start(move |query| {
            let mut reply = query.reply();
            reply.add_authorities([ns("example.", "ns1.example.")]);
            says_so(&mut reply, soa());
            vec![wire(&reply)]
        });
        let run = resolve(["--json", "www.example", "a", &server.argument()]);
        assert_eq!((run.code, &run.json()[0]["status"]), (1, &json!("NOERROR")));
        run.assert_stderr_contains("www.example has no A record (the name exists)");
    }
}

#[test]
fn a_self_connected_socket_counts_as_a_closed_port() {
    // With one ephemeral port, a socket that queries that port reaches itself, through another
    // address.
    let setup = "ip link set lo up; echo '40000 40000' > /proc/sys/net/ipv4/ip_local_port_range";
    for way in ["", "--tcp"] {
        let args = format!("resolve www.ita.br a @0.0.0.0:40000 {way}");
        let Some(resolve) = in_namespace("a question to oneself", setup, &args) else { return };
        let ran = resolve.run().code(4);
        assert!(ran.stderr.contains("0.0.0.0:40000 connection refused"), "{}", ran.stderr);
    }
}

#[test]
fn r26_a_closed_port_is_reported_at_once() {
    let (_socket, word) = closed_port();
    let started = Instant::now();
    let run = resolve(["--json", "www.ita.br", "a", &word]);
    assert_ends_soon(started);
    assert_eq!(run.code, 4);
    let line = &run.json()[0];
    assert_eq!((&line["status"], &line["server"]), (&json!("ERROR"), &Value::Null));
    let reason = format!("no server reachable: {} connection refused", &word[1..]);
    assert_eq!(line["error"], reason);
    run.assert_stderr_contains(&reason);
}

#[test]
fn r27_a_silent_server_ends_the_lookup_at_the_timeout() {
    let server = silent_server();
    let started = Instant::now();
    let run = resolve(["--json", "www.ita.br", "--timeout", "400ms", &server.argument()]);
    assert!(started.elapsed() >= Duration::from_millis(400));
    assert_ends_soon(started);
    assert_eq!(run.code, 5);
    let reason = format!("no reply from udp://{} within 400ms", server.addr);
    for line in run.json() {
        assert_eq!((&line["status"], &line["server"]), (&json!("TIMEOUT"), &Value::Null));
        let sent = line["tries"].as_u64().unwrap();
        assert!((1..=2).contains(&sent), "{line}");
        let queries = if sent == 1 { "query" } else { "queries" };
        assert_eq!(line["error"], format!("{reason} ({sent} {queries} sent)"));
    }
    assert!(server.count() <= 4, "two types, two tries at most");
    run.assert_stderr_contains(&reason);
}

#[test]
fn one_timeout_covers_all_lookups() {
    let server = silent_server();
    let names: Vec<String> = (0..49).map(|at| format!("n{at}.example")).collect();
    let word = server.argument();
    let words = ["resolve", "--json", "a", "--timeout=1s", &word];
    let started = Instant::now();
    let ran = Sockkit::new(words.into_iter().chain(names.iter().map(String::as_str))).run();
    assert_ends_soon(started);
    let run = Run { code: ran.code, stdout: ran.out(), stderr: ran.stderr };
    assert_eq!(run.code, 5);
    let lines = run.json();
    assert_eq!(lines.len(), names.len());
    let reason = format!("no reply from udp://{} within 1s", server.addr);
    for line in lines {
        assert_eq!(line["status"], "TIMEOUT");
        assert!(line["error"].as_str().unwrap().starts_with(&reason), "{line}");
    }
    assert!(server.count() <= 32, "those whose time was over before their turn are not queried");
}

#[test]
fn without_a_timeout_the_run_takes_5_seconds() {
    let started = Instant::now();
    let silent = silent_server();
    let run = resolve(["www.ita.br", "a", &silent.argument()]);
    assert!(started.elapsed() >= Duration::from_secs(5));
    assert_eq!(run.code, 5);
    let reason = format!("no reply from udp://{} within 5s (2 queries sent)\n", silent.addr);
    run.assert_stderr_contains(&reason);
}

#[test]
fn r28_the_next_server_is_queried_when_one_fails() {
    let good = DnsServer::with_records(www_records());
    let (_socket, dead) = closed_port();
    let failing = server_answering(ResponseCode::ServFail);
    let silent = silent_server();
    for bad in [dead.clone(), failing.argument(), silent.argument()] {
        let run = resolve(["--json", "www.ita.br", "a", &bad, &good.argument(), "--timeout=2s"]);
        assert_eq!((run.code, run.data()), (0, vec!["161.24.23.180".to_owned()]), "{bad}");
        assert_eq!(run.json()[0]["server"], format!("udp://{}", good.addr));
        run.assert_stderr_contains("no usable answer from udp://");
    }
    let run = resolve([
        "www.ita.br",
        "a",
        &dead,
        &silent.argument(),
        &failing.argument(),
        "--timeout=2s",
    ]);
    assert_eq!(run.code, 4);
    run.assert_stderr_contains("answered SERVFAIL");
    run.assert_stderr_contains("connection refused, udp://");
}
