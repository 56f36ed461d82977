//! `probe --tls`: the certificate, and why it is not trusted.

use std::net::TcpListener;
use std::thread;

use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::{json, open_port, probe};
use crate::support::peers::tls::{Certificates, LATE, self_signed};
use crate::support::{Peer, sockkit};

/// The JSON of a server with a trusted certificate.
pub(super) fn report() -> Value {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        std::io::Read::read_to_end(&mut stream, &mut Vec::new()).ok();
    });
    let target = format!("tls://127.0.0.1:{}", peer.port());
    let ran = probe(["--json", &target, "--ca", &certificates.path("ca")]).code(0);
    peer.join();
    let line = json(&ran).remove(0);
    assert_eq!(line["tls"]["chain"][0]["pin"], certificates.pin());
    line
}

#[test]
fn a_trusted_certificate_is_shown_with_its_names_chain_expiry_and_pin() {
    let line = report();
    let tls = &line["tls"];
    assert_eq!((&tls["version"], &tls["trusted"]), (&"TLS 1.3".into(), &true.into()));
    assert_eq!(tls["problem"], Value::Null);
    assert_eq!(tls["chain"][0]["names"], json!(["127.0.0.1", "localhost"]));
    assert!(tls["expires_in_days"].as_f64().unwrap() > 365.0, "{tls}");
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        std::io::Read::read_to_end(&mut stream, &mut Vec::new()).ok();
    });
    let target = format!("127.0.0.1:{}", peer.port());
    let ran = probe(["--tls", &target, "--ca", &certificates.path("ca")]).code(0);
    peer.join();
    for part in [
        "trusted",
        "TLS 1.3",
        "cipher suite    TLS_",
        "127.0.0.1 localhost",
        "issued by CN=sockkit's tests",
        &certificates.pin(),
    ] {
        assert!(ran.out().contains(part), "{part} not in {}", ran.out());
    }
}

#[test]
fn each_fault_of_a_certificate_is_named_and_exits_6_although_the_port_is_open() {
    let certificates = Certificates::new();
    for (names, last_day, reason) in [
        (&["127.0.0.1"][..], LATE, "it is self-signed"),
        (&["127.0.0.1"], (2021, 1, 1), "it expired at 2021-01-01T00:00:00Z"),
    ] {
        let (peer, pin) = self_signed(names, last_day);
        let ran = probe(["--json", "--tls", &peer.addr.to_string()]).code(6);
        peer.join();
        let line = json(&ran).remove(0);
        assert_eq!((&line["state"], &line["tls"]["trusted"]), (&"open".into(), &false.into()));
        assert!(line["tls"]["problem"].as_str().unwrap().contains(reason), "{line}");
        assert_eq!(line["tls"]["chain"][0]["pin"], pin);
        assert!(ran.stderr.contains("cannot verify the peer's certificate"), "{}", ran.stderr);
    }
    // The issuer is unknown without --ca, and the certificate is not valid for another name.
    for (options, reason) in [
        (vec![], "its issuer is not trusted"),
        (
            vec!["--ca", &certificates.path("ca"), "--servername", "a.example"],
            "it is not valid for a.example, only for 127.0.0.1, localhost",
        ),
    ] {
        let peer = certificates.peer(|mut stream| {
            std::io::Read::read_to_end(&mut stream, &mut Vec::new()).ok();
        });
        let target = peer.addr.to_string();
        let words = ["--json", "--tls", &target].into_iter().chain(options);
        let ran = crate::support::Sockkit::new(["probe"].into_iter().chain(words)).run().code(6);
        peer.join();
        let line = json(&ran).remove(0);
        let problem = line["tls"]["problem"].as_str().unwrap().to_owned();
        let is_named = problem.contains(reason) || problem.contains("no CA certificates");
        assert!(is_named, "{problem}");
    }
}

#[test]
fn a_pin_or_insecure_accepts_a_certificate_and_only_the_pin_is_trust() {
    let (peer, pin) = self_signed(&["a.example"], LATE);
    let ran = probe(["--json", "--tls", &peer.addr.to_string(), "--pin", &pin]).code(0);
    peer.join();
    assert_eq!(json(&ran)[0]["tls"]["trusted"], true);
    let (peer, _) = self_signed(&["a.example"], LATE);
    let ran = probe(["--json", "--tls", &peer.addr.to_string(), "--insecure"]).code(0);
    peer.join();
    assert_eq!(json(&ran)[0]["tls"]["trusted"], false);
}

#[test]
fn a_certificate_that_expires_soon_exits_1() {
    let day = jiff::Zoned::now().date().checked_add(jiff::Span::new().days(10)).unwrap();
    let last_day = (day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs());
    for (within, code) in [("30d", 1), ("5d", 0), ("1000h", 1)] {
        let (peer, pin) = self_signed(&["127.0.0.1"], last_day);
        let target = format!("tls://{}", peer.addr);
        let ran = probe(["--json", &target, "--pin", &pin, "--expires-within", within]).code(code);
        peer.join();
        let days = json(&ran)[0]["tls"]["expires_in_days"].as_f64().unwrap();
        assert!((8.0..=11.0).contains(&days), "{days}");
    }
}

#[test]
fn a_server_without_tls_exits_6_and_says_what_it_sent() {
    let peer = Peer::start(|mut client| {
        client.send("220 smtp ready\r\n");
        client.read_to_end();
    });
    let ran = probe(["--json", "--tls", &peer.addr.to_string()]).code(6);
    peer.join();
    let line = json(&ran).remove(0);
    assert_eq!((&line["state"], &line["tls"]["version"]), (&"open".into(), &Value::Null));
    let problem = line["tls"]["problem"].as_str().unwrap();
    assert!(problem.contains("does not speak TLS: it sent \"220 smtp ready"), "{problem}");
}

#[test]
fn a_server_that_never_starts_tls_exits_5_and_tls_options_need_tls() {
    let (_listener, open) = open_port();
    let target = open.to_string();
    probe(["--tls", &target, "--connect-timeout=200ms"]).code(5);
    for option in ["--insecure", "--expires-within=3d"] {
        let ran = probe([&target, option]).code(2);
        assert!(ran.stderr.contains("applies only to TLS"), "{}", ran.stderr);
    }
    sockkit("probe unix:/x --tls").run().code(2);
}

#[test]
fn a_wait_over_tls_ends_when_the_handshake_succeeds() {
    let certificates = Certificates::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let config = certificates.server_config();
    let serve = move || {
        // The first client is disconnected before the handshake.
        drop(listener.accept().unwrap());
        let (stream, _) = listener.accept().unwrap();
        let session = ServerConnection::new(config).unwrap();
        let mut stream = StreamOwned::new(session, stream);
        std::io::Read::read_to_end(&mut stream, &mut Vec::new()).ok();
    };
    let server = thread::spawn(serve);
    probe(["--tls", &target, "--ca", &certificates.path("ca"), "--wait=30s"]).code(0);
    server.join().unwrap();
}
