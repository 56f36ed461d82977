//! Several servers: each of them, their comparison, and the fastest.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::ResponseCode;
use serde_json::{Value, json};

use super::{
    Run, assert_ends_soon, closed_port, resolve, server_answering, silent_server, www_records,
};
use crate::support::Sockkit;
use crate::support::peers::dns_server::{DnsServer, a, wire};

fn with_address(last: u8) -> DnsServer {
    DnsServer::with_records(vec![a("t.example.", [192, 0, 2, last])])
}

fn servers(run: &Run) -> Vec<Value> {
    run.json().iter().map(|line| line["server"].clone()).collect()
}

#[test]
fn r28_all_shows_the_answer_of_each_server_and_a_dead_one_does_not_fail_the_run() {
    let (one, two) = (with_address(1), with_address(2));
    let (_socket, dead) = closed_port();
    let words = ["--json", "--all", "t.example", "a"];
    let [json, all, name, kind] = words;
    let run = resolve([json, all, name, kind, &one.argument(), &dead, &two.argument()]);
    assert_eq!(run.code, 0);
    let urls =
        [json!(format!("udp://{}", one.addr)), Value::Null, json!(format!("udp://{}", two.addr))];
    assert_eq!(servers(&run), urls);
    run.assert_stderr_contains("connection refused");
    let run = resolve(["--all", "t.example", "a", &one.argument(), &two.argument()]);
    let from = |server: &DnsServer| format!("from udp://{}", server.addr);
    assert!(run.stdout.contains(&from(&one)) && run.stdout.contains(&from(&two)), "{}", run.stdout);
}

#[test]
fn r29_compare_marks_where_servers_differ_and_ignores_ttls_and_order() {
    let (one, two) = (with_address(1), with_address(2));
    let run = resolve(["--json", "--compare", "t.example", "a", &one.argument(), &two.argument()]);
    assert_eq!(run.code, 1);
    assert!(run.json().iter().all(|line| line["differs"] == true));
    run.assert_stderr_contains(&format!(
        "the servers differ on t.example A: udp://{} has 192.0.2.1; udp://{} has 192.0.2.2",
        one.addr, two.addr
    ));
    let ordered = |ips: [u8; 2], ttl| {
        DnsServer::start(move |query| {
            let mut reply = query.reply();
            for last in ips {
                let mut record = a(&query.name, [192, 0, 2, last]);
                record.ttl = ttl;
                reply.add_answer(record);
            }
            vec![wire(&reply)]
        })
    };
    let (one, two) = (ordered([1, 2], 5), ordered([2, 1], 300));
    let run = resolve(["--json", "--compare", "t.example", "a", &one.argument(), &two.argument()]);
    assert_eq!(run.code, 0);
    assert!(run.json().iter().all(|line| line["differs"] == false));
    let none = server_answering(ResponseCode::NXDomain);
    let run = resolve(["--compare", "t.example", "a", &one.argument(), &none.argument()]);
    assert_eq!(run.code, 1);
    run.assert_stderr_contains("has none (NXDOMAIN)");
}

#[test]
fn an_expectation_holds_only_if_every_server_that_is_asked_meets_it() {
    let (one, same, two) = (with_address(1), with_address(1), with_address(2));
    let lookup = |words: &[&str], server: &DnsServer| {
        let servers = [one.argument(), server.argument()];
        let all = ["resolve", "t.example", "--expect=192.0.2.1", &servers[0], &servers[1]];
        Sockkit::new(all.iter().chain(words)).run()
    };
    lookup(&["--all"], &same).code(0);
    lookup(&["--compare"], &same).code(0);
    lookup(&[], &two).code(0);
    for option in ["--all", "--compare"] {
        let ran = lookup(&[option], &two).code(1);
        let reason = "t.example has no record with the data \"192.0.2.1\" from every server";
        assert!(ran.stderr.contains(reason), "{}", ran.stderr);
        lookup(&[option, "--wait=200ms"], &two).code(5);
    }
}

#[test]
fn a_comparison_that_waits_ends_when_the_servers_agree() {
    let (one, two) = (with_address(1), with_address(2));
    let words = ["--compare", "t.example", "a", "--wait=300ms"];
    let [compare, name, kind, wait] = words;
    let run = resolve([compare, name, kind, wait, &one.argument(), &two.argument()]);
    assert_eq!(run.code, 5);
    run.assert_stderr_contains("the servers' answers did not become the same within 300ms");
    // Both have the expected record, but only one has another record beside it.
    let both = DnsServer::with_records(vec![
        a("t.example.", [192, 0, 2, 1]),
        a("t.example.", [192, 0, 2, 2]),
    ]);
    let expect = "--expect=192.0.2.1";
    let run = resolve(["--compare", name, kind, expect, &one.argument(), &both.argument()]);
    assert_eq!(run.code, 1);
    run.assert_stderr_contains("the servers differ");
}

#[test]
fn r29_a_comparison_needs_two_answers() {
    let (one, two) = (with_address(1), with_address(1));
    let (_socket, dead) = closed_port();
    let run = resolve(["--compare", "t.example", "a", &one.argument(), &dead, &two.argument()]);
    assert_eq!(run.code, 0, "two answers are the same");
    let run = resolve(["--compare", "t.example", "a", &one.argument(), &dead]);
    assert_eq!(run.code, 4, "there is nothing to compare");
}

#[test]
fn the_fastest_server_answers_and_silent_ones_are_not_waited_for() {
    let silent = silent_server();
    let slow = DnsServer::start(|query| {
        thread::sleep(Duration::from_secs(2));
        let mut reply = query.reply();
        reply.add_answer(a(&query.name, [192, 0, 2, 9]));
        vec![wire(&reply)]
    });
    let good = DnsServer::with_records(www_records());
    let started = Instant::now();
    let run = resolve([
        "--json",
        "--fastest",
        "www.ita.br",
        "a",
        &silent.argument(),
        &slow.argument(),
        &good.argument(),
    ]);
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!((run.code, run.data()), (0, vec!["161.24.23.180".to_owned()]));
    assert_eq!(servers(&run), [json!(format!("udp://{}", good.addr))]);
    let failing = server_answering(ResponseCode::ServFail);
    let (_socket, dead) = closed_port();
    let run = resolve(["--json", "--fastest", "www.ita.br", "a", &dead, &failing.argument()]);
    assert_ends_soon(started);
    assert_eq!((run.code, &run.json()[0]["status"]), (4, &json!("SERVFAIL")));
    run.assert_stderr_contains("connection refused");
}

#[test]
fn system_shows_what_programs_get_beside_the_dns_and_marks_the_difference() {
    let hosts = "192.0.2.7 www.ita.br\n127.0.0.1 localhost\n";
    crate::support::on_own_machine("--system", "nameserver 127.0.0.1\n", hosts, || {
        let _server = DnsServer::with_records_at("127.0.0.1:53".parse().unwrap(), www_records());
        let run = resolve(["--json", "--system", "www.ita.br", "a"]);
        assert_eq!(run.code, 0);
        assert_eq!(servers(&run), ["system:getaddrinfo", "udp://127.0.0.1:53"]);
        run.assert_stderr_contains(
            "programs on this machine get 192.0.2.7 for www.ita.br A; the DNS has 161.24.23.180",
        );
        let run = resolve(["--system", "192.0.2.7"]);
        assert!(run.stdout.contains("www.ita.br.  from system:getaddrinfo"), "{}", run.stdout);
    });
}

#[test]
fn r43_system_searches_once_and_says_nothing_that_the_system_does_not() {
    let resolv_conf = "nameserver 127.0.0.1\nsearch a.example b.example\noptions attempts:1\n";
    crate::support::on_own_machine("--system with a search", resolv_conf, "", || {
        // The C library looks up no addresses if this machine has only loopback addresses.
        let ip = ["ip", "addr", "add", "192.0.2.55/32", "dev", "lo"];
        assert!(Command::new(ip[0]).args(&ip[1..]).status().unwrap().success());
        let _server = DnsServer::start_at("127.0.0.1:53".parse().unwrap(), |query| {
            let code = match query.name.split('.').next().unwrap() {
                "empty" => ResponseCode::NoError,
                "broken" => ResponseCode::ServFail,
                _ => ResponseCode::NXDomain,
            };
            vec![query.reply_code(code)]
        });
        let run = resolve(["--system", "none"]);
        assert_eq!(run.code, 1);
        assert_eq!(
            run.stderr,
            "note: none does not exist (NXDOMAIN from udp://127.0.0.1:53); also tried \
             none.a.example, none.b.example\n\
             note: programs on this machine get no A or AAAA record of none\n"
        );
        let run = resolve(["--system", "empty", "a"]);
        assert_eq!(
            run.stderr,
            "note: empty.a.example has no A record (the name exists); also tried \
             empty.b.example, empty\n\
             note: programs on this machine get no A record of empty\n"
        );
        let run = resolve(["--system", "192.0.2.99"]);
        run.assert_stderr_contains("programs on this machine get no PTR record of 192.0.2.99");
        assert!(!run.stderr.contains("the name exists"), "{}", run.stderr);
        let run = resolve(["--system", "broken", "a"]);
        assert_eq!(run.code, 4);
        let system = "error: cannot look up broken: the system resolver failed (";
        let line = run.stderr.lines().find(|line| line.starts_with(system));
        let line = line.unwrap_or_else(|| panic!("{}", run.stderr));
        assert!(!line.contains("also tried"), "{line}");
    });
}

#[test]
fn a_system_resolver_that_does_not_answer_in_time_exits_5() {
    let resolv_conf = "nameserver 127.0.0.1\n";
    crate::support::on_own_machine("--system in time", resolv_conf, "", || {
        let _server = DnsServer::start_at("127.0.0.1:53".parse().unwrap(), |_| Vec::new());
        let words = ["--json", "--system", "192.0.2.99", "--timeout=400ms"];
        let run = resolve(words);
        assert_eq!(run.code, 5, "{}", run.stderr);
        let run = resolve(["--json", "--system", "t.example", "a", "--timeout=400ms"]);
        assert_eq!((run.code, &run.json()[0]["status"]), (5, &json!("TIMEOUT")));
    });
}
