//! `probe --banner`: what servers send first.

use std::net::Shutdown;

use serde_json::Value;

use super::{json, probe};
use crate::support::{Peer, sockkit};

/// A server that sends `greeting` at once, or after a request, and then closes.
fn server(greeting: &'static [u8], after_request: bool) -> Peer<Vec<u8>> {
    Peer::start(move |mut client| {
        let request = if after_request { client.recv() } else { Vec::new() };
        client.send(greeting);
        // sockkit may have read enough, and reset the connection.
        client.stream.shutdown(Shutdown::Write).ok();
        client.read_to_end();
        request
    })
}

/// The JSON of a server that sends `greeting`.
pub(super) fn report(greeting: &'static [u8]) -> Value {
    let peer = server(greeting, false);
    let ran = sockkit(&format!("probe --json --banner {}", peer.addr)).run().code(0);
    peer.join();
    json(&ran).remove(0)
}

#[test]
fn the_greeting_of_a_server_is_shown_escaped_with_its_protocol() {
    for (greeting, protocol, shown) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], "SSH", "sent SSH \"SSH-2.0-OpenSSH_9.2\""),
        (b"220 mail.example ESMTP\r\nmore", "SMTP", "sent SMTP \"220 mail.example ESMTP\""),
    ] {
        let line = report(greeting);
        assert_eq!(line["banner_protocol"], protocol);
        assert_eq!(line["banner"]["text"], String::from_utf8_lossy(greeting).as_ref());
        assert!(line["reason"].as_str().unwrap().ends_with(shown), "{line}");
    }
    let peer = server(b"\x1b[2Jhello", false);
    let ran = probe(["--banner", &peer.addr.to_string()]).code(0);
    assert!(ran.out().contains("sent \"\\u{1b}[2Jhello\""), "{:?}", ran.out());
    peer.join();
}

#[test]
fn a_silent_server_gets_a_request_that_http_and_tls_servers_answer() {
    for (answer, protocol) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "TLS"),
    ] {
        let peer = server(answer, true);
        let ran = sockkit(&format!("probe --json --banner {}", peer.addr)).run().code(0);
        let line = json(&ran).remove(0);
        assert_eq!(line["banner_protocol"], protocol);
        assert!(line["reason"].as_str().unwrap().ends_with(" after a request"), "{line}");
        assert_eq!(peer.join(), b"GET / HTTP/1.0\r\n\r\n");
    }
}

#[test]
fn a_server_that_closes_or_stays_silent_is_still_open() {
    let peer = server(b"", false);
    let ran = probe(["--banner", &peer.addr.to_string()]).code(0);
    assert!(ran.out().contains("accepted the connection; sent nothing"), "{}", ran.out());
    peer.join();
    let (_listener, silent) = super::open_port();
    let ran = probe(["--banner", &silent.to_string()]).code(0);
    assert!(ran.out().contains("sent nothing"), "{}", ran.out());
}
