//! One probe of each port: targets, formats and exit codes.

use std::os::unix::net::{UnixDatagram, UnixListener};

use serde_json::{Value, json};

use super::{banner, json, open_port, probe, tls};
use crate::json_doc;
use crate::support::{ClosedPort, sockkit};

#[test]
fn an_open_port_exits_0_and_a_closed_one_1_with_the_reason() {
    let (_listener, open) = open_port();
    let closed = ClosedPort::new();
    let ran = probe([&open.to_string()]).code(0);
    let rows: Vec<String> = ran.out().lines().map(str::to_owned).collect();
    assert_eq!(rows[0].split_whitespace().next(), Some("TARGET"));
    assert!(rows[1].contains("open") && rows[1].ends_with("accepted the connection"), "{rows:?}");
    assert_eq!((rows.len(), ran.stderr.as_str()), (2, ""));
    let (open, closed) = (open.port().to_string(), closed.addr().port().to_string());
    let ran = probe(["127.0.0.1", &open, &closed]).code(1);
    assert!(ran.out().lines().nth(2).unwrap().contains("closed"), "{}", ran.out());
    assert!(ran.out().contains("connection refused"), "{}", ran.out());
    probe(["127.0.0.1", &open, &closed, "--any"]).code(0);
    probe(["127.0.0.1", &open, &closed, "--invert"]).code(1);
    probe(["127.0.0.1", &closed, "--invert"]).code(0);
}

#[test]
fn json_and_plain_have_the_same_results_in_the_order_of_the_ports() {
    let (_listener, open) = open_port();
    let closed = ClosedPort::new();
    let (open, closed) = (open.port(), closed.addr().port());
    let ports = format!("{closed},{open}");
    let ran = probe(["--json", "localhost", &ports, "-4"]).code(1);
    let lines = json(&ran);
    assert_eq!(lines[0]["state"], "closed");
    assert_eq!(lines[0]["connect_us"], Value::Null);
    let expected = json!({
        "type": "probe", "host": "localhost", "addr": format!("127.0.0.1:{open}"), "port": open,
        "transport": "tcp", "service": null, "state": "open",
        "connect_us": lines[1]["connect_us"], "reason": "accepted the connection",
    });
    assert_eq!(lines[1], expected);
    let repeated = json(&probe(["--json", "localhost", &ports, "-4", "-c1"]).code(1));
    let others = [banner::report(b"220 ready\r\n"), banner::report(b"\xff"), tls::report()];
    json_doc::holds("Reports", &[&lines[..], &repeated[..2], &others].concat());
    assert!(lines[1]["connect_us"].is_u64());
    let ran = probe(["--plain", "localhost", &ports, "-4"]).code(1);
    let states: Vec<String> =
        ran.out().lines().map(|it| it.split('\t').nth(3).unwrap().into()).collect();
    assert_eq!(states, ["closed", "open"]);
}

#[test]
fn every_form_of_a_target_is_probed() {
    let (_listener, open) = open_port();
    let port = open.port();
    for target in [
        format!("127.0.0.1:{port}"),
        format!("tcp://localhost:{port}"),
        format!("http://127.0.0.1:{port}/path?query"),
        format!("custom://user:secret@127.0.0.1:{port}"),
    ] {
        let ran = probe(["--json", &target]).code(0);
        assert_eq!(json(&ran)[0]["port"], port, "{target}");
    }
    let ran = sockkit("probe - --plain")
        .stdin(format!("# servers\n\n127.0.0.1 {port}\n127.0.0.1:{port} localhost:{port}\n"));
    assert_eq!(ran.run().code(0).out().lines().count(), 3);
}

#[test]
fn a_name_of_two_addresses_is_open_if_one_of_them_is() {
    let (_listener, open) = open_port();
    let (target, closed) = (format!("localhost:{}", open.port()), ClosedPort::new());
    let ran = probe(["--json", &target]).code(0);
    assert_eq!(json(&ran)[0]["addr"], open.to_string());
    let each = probe(["--json", &target, "--each"]);
    for line in json(&each) {
        let is_open = line["addr"] == open.to_string();
        assert_eq!(line["state"] == "open", is_open, "{line}");
    }
    probe([&format!("localhost:{}", closed.addr().port())]).code(1);
}

#[test]
fn unix_sockets_are_open_closed_or_missing() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let target = |name: &str| format!("unix:{}", path(name).display());
    let listener = UnixListener::bind(path("stream")).unwrap();
    let ran = probe(["--json", &target("stream")]).code(0);
    assert_eq!((&json(&ran)[0]["host"], &json(&ran)[0]["port"]), (&Value::Null, &Value::Null));
    drop(listener);
    for (name, reason) in [("stream", "connection refused"), ("none", "no such file or directory")]
    {
        let ran = probe(["--json", &target(name)]).code(1);
        assert_eq!(
            (&json(&ran)[0]["state"], &json(&ran)[0]["reason"]),
            (&"closed".into(), &reason.into())
        );
    }
    let datagrams = UnixDatagram::bind(path("datagram")).unwrap();
    probe(["-u", &target("datagram")]).code(0);
    drop(datagrams);
    probe(["-u", &target("datagram")]).code(1);
}

#[test]
fn a_name_without_an_address_exits_3_and_the_others_are_still_probed() {
    let (_listener, open) = open_port();
    let ran = probe(["--json", "no-such-name.invalid:80", &open.to_string()]).code(3);
    let lines = json(&ran);
    assert_eq!((&lines[0]["state"], &lines[1]["state"]), (&Value::Null, &"open".into()));
    assert!(ran.stderr.contains("cannot resolve no-such-name.invalid"), "{}", ran.stderr);
    // One open port is enough.
    probe(["no-such-name.invalid:80", &open.to_string(), "--any"]).code(0);
    // An unknown address is no proof that the port is shut.
    probe(["no-such-name.invalid:80", "--invert"]).code(3);
}

#[test]
fn many_ports_are_counted_in_a_table_and_listed_in_full_for_a_script() {
    let (_listener, open) = open_port();
    let port = open.port();
    let (first, last) = (port.saturating_sub(30).max(1), port.saturating_add(30));
    let range = format!("127.0.0.1:{first}-{last}");
    let ran = probe([&range]).code(1);
    assert!(ran.out().contains(&format!("127.0.0.1:{port} ")), "{}", ran.out());
    assert!(ran.stderr.contains(" ports are closed, and not listed"), "{}", ran.stderr);
    let all = usize::from(last - first + 1);
    assert_eq!(probe([&range, "--plain"]).out().lines().count(), all);
    assert_eq!(json(&probe([&range, "--json"])).len(), all);
}

#[test]
fn an_invalid_target_exits_2_and_says_what_to_write() {
    for (words, message) in [
        (["localhost", "", ""], "no port given for localhost\ntry: sockkit probe localhost 80"),
        (["a:80", "b", ""], "b follows a:80, and has no port\ntry: HOST PORTS"),
        (["a", "b:80", ""], "b:80 follows a, which has no port\ntry: HOST PORTS"),
        (["a", "90-80", ""], "\"90-80\" is not a range of ports"),
        (["a", "0", ""], "no server has port 0"),
        (["a", "no-such-service", ""], "\"no-such-service\" is not a port"),
        (["a:70000", "", ""], "\"70000\" is not a port"),
        (["custom://a", "", ""], "its scheme has no known port"),
        (["-", "a:80", ""], "either arguments or on standard input"),
        (["unix:/x", "--udp", "a:b"], "is not a port"),
        (["tls://a:80", "--udp", ""], "--udp contradicts"),
        (["a", "80", "--from=unix:/x"], "is not a network address"),
        (["a", "80", "--payload=x"], "give dns, ntp or hex:"),
        (["a", "80", "--stable=1s"], "--wait"),
        (["a", "80", "-i1s"], "--interval applies only to repeated probes\ntry: --watch"),
        (["a", "80", "--wait=5"], "give a number with a unit"),
        (["a:80", "-c1", "--watch"], "cannot be used with"),
        (["a:80", "-c0", ""], "0 is not in"),
        (["a:80", "-c1", "-i0s"], "give at least 1ms"),
    ] {
        let words = words.into_iter().filter(|word| !word.is_empty());
        let ran = crate::support::Sockkit::new(["probe"].into_iter().chain(words)).run().code(2);
        assert!(ran.stderr.contains(message), "{message:?} not in {}", ran.stderr);
        assert_eq!(ran.out(), "");
    }
    let ran = sockkit("probe -").stdin("a 80\nb\n").run().code(2);
    assert!(ran.stderr.contains("line 2 of standard input"), "{}", ran.stderr);
}
