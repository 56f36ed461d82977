//! Servers that fail, refuse, refer or stay silent, and which one `resolve` asks next.

use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::SOA;
use hickory_resolver::proto::rr::{Name, RData, Record};
use serde_json::{Value, json};

use super::{Run, always, closed_port, ends_soon, resolve, silent, www};
use crate::support::peers::dns_server::{DnsServer, a, ns, record, wire};
use crate::support::{Sockkit, in_namespace};

#[test]
fn a_server_that_fails_or_refuses_is_named_with_its_words() {
    for (code, status) in [
        (ResponseCode::ServFail, "SERVFAIL"),
        (ResponseCode::Refused, "REFUSED"),
        (ResponseCode::BADCOOKIE, "BADCOOKIE"),
    ] {
        let server = always(code);
        let run = resolve(["--json", "www.ita.br", "a", &server.word()]);
        assert_eq!(run.code, 4);
        let line = &run.json()[0];
        assert_eq!(line["status"], status);
        assert_eq!(line["server"], format!("udp://{}", server.addr));
        assert_eq!(line.get("error"), None);
        let complaint: Value = serde_json::from_str(run.stderr.trim()).unwrap();
        assert_eq!((&complaint["type"], &complaint["code"]), (&json!("error"), &json!(4)));
        run.says(&format!("udp://{} answered {status}", server.addr));
    }
}

#[test]
fn a_server_that_only_refers_to_others_has_not_answered() {
    let refers = || {
        DnsServer::start(|asked| {
            let mut reply = asked.reply();
            reply.metadata.recursion_available = false;
            reply.add_authorities([ns("example.", "ns1.example."), ns("example.", "ns2.example.")]);
            vec![wire(&reply)]
        })
    };
    let server = refers();
    let run = resolve(["--json", "www.example", "a", &server.word()]);
    assert_eq!(run.code, 4);
    let line = &run.json()[0];
    let url = format!("udp://{}", server.addr);
    assert_eq!((&line["status"], &line["server"]), (&json!("ERROR"), &json!(url)));
    let reason = format!("{url} referred to ns1.example. (it does not recurse)");
    assert_eq!(line["error"], reason);
    run.says(&format!("cannot look up www.example: {reason}"));
    let good = DnsServer::with_records(vec![a("www.example.", [192, 0, 2, 1])]);
    let run = resolve(["--plain", "www.example", "a", &server.word(), &good.word()]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "www.example.\tA\t300\t192.0.2.1\n"));
    run.says(&format!("passed over {url}: referred to ns1.example. (it does not recurse)"));
}

#[test]
fn name_servers_in_a_reply_with_authority_are_no_referral() {
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
        let server = DnsServer::start(move |asked| {
            let mut reply = asked.reply();
            reply.add_authorities([ns("example.", "ns1.example.")]);
            says_so(&mut reply, soa());
            vec![wire(&reply)]
        });
        let run = resolve(["--json", "www.example", "a", &server.word()]);
        assert_eq!((run.code, &run.json()[0]["status"]), (1, &json!("NOERROR")));
        run.says("www.example has no A record (the name exists)");
    }
}

#[test]
fn a_socket_that_meets_itself_is_a_closed_port() {
    // With one port to ask from, asking that port meets oneself, here under another address.
    let setup = "ip link set lo up; echo '40000 40000' > /proc/sys/net/ipv4/ip_local_port_range";
    for way in ["", "--tcp"] {
        let args = format!("resolve www.ita.br a @0.0.0.0:40000 {way}");
        let Some(resolve) = in_namespace("a question to oneself", setup, &args) else { return };
        let ran = resolve.run().code(4);
        assert!(ran.stderr.contains("0.0.0.0:40000 connection refused"), "{}", ran.stderr);
    }
}

#[test]
fn a_closed_port_is_told_at_once() {
    let (_socket, word) = closed_port();
    let started = Instant::now();
    let run = resolve(["--json", "www.ita.br", "a", &word]);
    ends_soon(started);
    assert_eq!(run.code, 4);
    let line = &run.json()[0];
    assert_eq!((&line["status"], &line["server"]), (&json!("ERROR"), &Value::Null));
    let reason = format!("no server reachable: {} connection refused", &word[1..]);
    assert_eq!(line["error"], reason);
    run.says(&reason);
}

#[test]
fn silence_ends_at_the_timeout() {
    let server = silent();
    let started = Instant::now();
    let run = resolve(["--json", "www.ita.br", "--timeout", "400ms", &server.word()]);
    assert!(started.elapsed() >= Duration::from_millis(400));
    ends_soon(started);
    assert_eq!(run.code, 5);
    let reason = format!("no answer from udp://{} within 400ms", server.addr);
    for line in run.json() {
        assert_eq!((&line["status"], &line["server"]), (&json!("TIMEOUT"), &Value::Null));
        assert_eq!(line["error"], reason);
    }
    assert!(server.count() <= 4, "two types, two tries at most");
    run.says(&reason);
}

#[test]
fn the_timeout_is_one_for_all_lookups() {
    let server = silent();
    let names: Vec<String> = (0..49).map(|at| format!("n{at}.example")).collect();
    let word = server.word();
    let words = ["resolve", "--json", "a", "--timeout=1s", &word];
    let started = Instant::now();
    let ran = Sockkit::new(words.into_iter().chain(names.iter().map(String::as_str))).run();
    ends_soon(started);
    let run = Run { code: ran.code, stdout: ran.out(), stderr: ran.stderr };
    assert_eq!(run.code, 5);
    let lines = run.json();
    assert_eq!(lines.len(), names.len());
    let reason = format!("no answer from udp://{} within 1s", server.addr);
    for line in lines {
        assert_eq!((&line["status"], &line["error"]), (&json!("TIMEOUT"), &json!(reason)));
    }
    assert!(server.count() <= 32, "those whose time was over before their turn are not asked");
}

#[test]
fn without_a_timeout_each_server_has_its_own_time() {
    let started = Instant::now();
    let (mute, good) = (silent(), DnsServer::with_records(www()));
    let alone = Sockkit::new(["resolve", "www.ita.br", "a", &mute.word()]).start();
    let run = resolve(["--plain", "www.ita.br", "a", &mute.word(), &good.word()]);
    assert!(started.elapsed() >= Duration::from_secs(5));
    assert_eq!((run.code, run.stdout.as_str()), (0, "www.ita.br.\tA\t300\t161.24.23.180\n"));
    let ran = alone.wait().code(5);
    let words = format!("no answer from udp://{} within 5s\n", mute.addr);
    assert!(ran.stderr.contains(&words), "{}", ran.stderr);
}

#[test]
fn the_next_server_is_asked_when_one_is_of_no_use() {
    let good = DnsServer::with_records(www());
    let (_socket, dead) = closed_port();
    let failing = always(ResponseCode::ServFail);
    let mute = silent();
    for bad in [dead.clone(), failing.word(), mute.word()] {
        let run = resolve(["--json", "www.ita.br", "a", &bad, &good.word(), "--timeout=2s"]);
        assert_eq!((run.code, run.data()), (0, vec!["161.24.23.180".to_owned()]), "{bad}");
        assert_eq!(run.json()[0]["server"], format!("udp://{}", good.addr));
        run.says("passed over udp://");
    }
    let run = resolve(["www.ita.br", "a", &dead, &mute.word(), &failing.word(), "--timeout=2s"]);
    assert_eq!(run.code, 4);
    run.says("answered SERVFAIL");
    run.says("connection refused, udp://");
}
