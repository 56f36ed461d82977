//! `SSLKEYLOGFILE`: a FIFO delays no handshake, and missing lines are reported.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use crate::support::peers::tls::{Certificates, TlsClient, close_with_notify};
use crate::support::{fifo, sockkit};

#[test]
fn a_probe_writes_every_line_before_it_exits() {
    let certificates = Certificates::new();
    let server = certificates.serve("echo-server 127.0.0.1:0");
    let path = certificates.path("keys");
    let probe = certificates.dial(&format!("probe {}", server.addr), "");
    probe.env("SSLKEYLOGFILE", &path).run().code(0);
    let keys = fs::read_to_string(path).unwrap();
    assert!(keys.lines().any(|line| line.starts_with("SERVER_TRAFFIC_SECRET_0 ")), "{keys}");
}

/// What a run prints whose key log has no reader.
fn missing_lines(path: &Path) -> String {
    format!("warning: cannot write the key log {} in time; missing lines: ", path.display())
}

#[test]
fn a_key_log_without_a_reader_delays_no_client_and_its_missing_lines_are_reported() {
    let certificates = Certificates::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    fifo(&path);
    for command in ["connect --timeout 30s", "login --user alice --password-stdin --timeout 30s"] {
        let peer = certificates.peer(|mut stream| {
            stream.write_all(b"Username: ").unwrap();
            stream.flush().unwrap();
            for _ in 0..2 {
                while (&mut stream).bytes().next().unwrap().unwrap() != b'\n' {}
            }
            stream.write_all(b"OK\n").unwrap();
            close_with_notify(&mut stream);
        });
        let client = certificates.dial(&format!("{command} {}", peer.addr), "");
        let client = client.env("SSLKEYLOGFILE", path.to_str().unwrap());
        let ran = client.stdin("alice\nsecret\n").run().code(0);
        assert!(ran.stderr.contains(&missing_lines(&path)), "{command}: {}", ran.stderr);
        peer.join();
    }
}

#[test]
fn a_reader_of_the_key_log_that_comes_late_gets_every_line() {
    let certificates = Certificates::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    fifo(&path);
    let fifo = path.clone();
    let peer = certificates.peer(move |mut stream| {
        // The client has completed the handshake, and has logged its secrets, when it answers.
        stream.read_exact(&mut [0; 2]).unwrap();
        let mut reader = fs::File::open(fifo).unwrap();
        close_with_notify(&mut stream);
        let mut keys = String::new();
        reader.read_to_string(&mut keys).unwrap();
        keys
    });
    let client = certificates.connect(&peer.port(), "--timeout 30s");
    let ran = client.env("SSLKEYLOGFILE", path.to_str().unwrap()).stdin("x\n").run().code(0);
    assert_eq!(ran.stderr, "");
    let keys = peer.join();
    for label in ["CLIENT_HANDSHAKE_TRAFFIC_SECRET ", "SERVER_TRAFFIC_SECRET_0 "] {
        assert!(keys.lines().any(|line| line.starts_with(label)), "{keys}");
    }
}

#[test]
fn a_key_log_without_a_reader_delays_no_client_of_a_server_and_no_signal() {
    let certificates = Certificates::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    fifo(&path);
    for command in ["echo-server", "listen -k"] {
        let server = format!("{command} 127.0.0.1:0 --tls {}", certificates.own());
        let server = sockkit(&server).env("SSLKEYLOGFILE", path.to_str().unwrap()).serve();
        for _ in 0..3 {
            let mut client = TlsClient::secure(&certificates, &server);
            client.send("hello\n");
            if command == "echo-server" {
                assert_eq!(client.line(), "hello");
            }
            client.send_close_notify();
            client.stream.read_to_end(&mut Vec::new()).unwrap();
        }
        let ran = server.stop().code(0);
        assert!(ran.stderr.contains(&missing_lines(&path)), "{command}: {}", ran.stderr);
    }
}
