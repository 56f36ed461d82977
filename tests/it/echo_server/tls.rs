//! `echo-server --tls`.

use rustix::process::Signal;

use crate::support::peers::tls::{Certificates, TlsClient, pseudorandom};
use crate::support::sockkit;

/// More than all buffers hold.
const MUCH: usize = 8 * 1024 * 1024;

#[test]
fn every_byte_is_sent_back_over_tls_and_the_end_is_answered_with_close_notify() {
    let certificates = Certificates::new();
    let echo = certificates.serve("echo-server 127.0.0.1:0");
    let mut client = TlsClient::secure(&certificates, &echo);
    let all: Vec<u8> = (0..=255).collect();
    client.send(&all);
    client.send_close_notify();
    assert_eq!(client.read_to_close(), all);
    let ran = echo.stop().code(0);
    for event in ["\nconnected 127.0.0.1:", "\nsecured 127.0.0.1:", "256 bytes out", "(eof)"] {
        assert!(ran.stderr.contains(event), "{event:?} is not in {}", ran.stderr);
    }
}

#[test]
fn a_client_over_tls_that_reads_while_it_sends_gets_everything_back() {
    let certificates = Certificates::new();
    let echo = certificates.serve("echo-server 127.0.0.1:0");
    let much = pseudorandom(MUCH);
    let ran = certificates.connect(&echo.port(), "").stdin(&much).run().code(0);
    assert!(ran.stdout == much, "received {} of {MUCH} bytes", ran.stdout.len());
}

#[test]
fn the_scheme_of_the_address_starts_tls_and_clients_can_use_the_printed_pin() {
    let echo = sockkit("echo-server tls://127.0.0.1:0 --self-signed").serve();
    let pin = echo.running.stderr.wait_for(|text| {
        let pin = &text[text.find("sha256:")?..];
        pin.split_once(' ').map(|(pin, _)| pin.to_owned())
    });
    let connect = sockkit(&format!("connect tls://{} --pin {pin}", echo.addr));
    assert_eq!(connect.stdin("for you alone").run().code(0).stdout, b"for you alone");
    echo.stop().code(0);
}

#[test]
fn tls_works_over_a_unix_socket() {
    let certificates = Certificates::new();
    let directory = tempfile::tempdir().unwrap();
    let address = format!("unix:{}", directory.path().join("socket").display());
    let echo = sockkit(&format!("echo-server {address} --tls {}", certificates.own())).start();
    echo.stderr.wait_for_text("listening on unix:");
    let ran = certificates.dial(&format!("connect {address}"), "").stdin("hello").run().code(0);
    assert_eq!(ran.stdout, b"hello");
}

#[test]
fn a_failed_handshake_is_one_warning_and_affects_no_other_client() {
    let certificates = Certificates::new();
    let echo = certificates.serve("echo-server 127.0.0.1:0");
    let mut good = TlsClient::secure(&certificates, &echo);
    good.send("before");
    assert_eq!(good.recv(), b"before");
    let stderr = &echo.running.stderr;
    let mut plain = echo.client();
    plain.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    // An alert, then EOF.
    assert!(plain.read_to_end().starts_with(&[0x15, 3]));
    stderr.wait_for_text(r#"does not speak TLS: it sent "GET / HTTP/1.1\r\n"#);
    sockkit(&format!("connect {} --tls", echo.addr)).run().code(6);
    stderr.wait_for_text("the client rejected sockkit's certificate");
    drop(echo.client());
    stderr.wait_for_text("the client closed the connection during the handshake");
    good.send("after");
    assert_eq!(good.recv(), b"after");
    good.send_close_notify();
    good.read_to_close();
    let ran = echo.stop().code(0);
    let count = |start: &str| ran.stderr.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("warning: "), count("connected "), count("closed ")), (3, 1, 1), "{ran:?}");
}

#[test]
fn a_client_without_the_required_certificate_is_refused_with_a_hint() {
    let certificates = Certificates::new();
    let server = format!("echo-server 127.0.0.1:0 --client-ca {}", certificates.path("ca"));
    let echo = certificates.serve(&server);
    let ran = certificates.connect(&echo.port(), "").run().code(6);
    assert!(ran.stderr.contains("the peer requires a client certificate"), "{}", ran.stderr);
    echo.running.stderr.wait_for_text("the client sent no certificate");
    let connect = certificates.connect(&echo.port(), &certificates.own());
    assert_eq!(connect.stdin("it is me").run().code(0).stdout, b"it is me");
    echo.running.stderr.wait_for_text("certificate verified");
    echo.stop().code(0);
}

#[test]
fn a_client_over_tls_that_is_idle_gets_close_notify() {
    let certificates = Certificates::new();
    let echo = certificates.serve("echo-server 127.0.0.1:0 --idle-timeout 300ms");
    let mut client = TlsClient::secure(&certificates, &echo);
    client.send("hello");
    assert_eq!(client.recv(), b"hello");
    assert_eq!(client.read_to_close(), b"");
    echo.running.stderr.wait_for_text("(idle)");
}

#[test]
fn a_client_that_ends_without_close_notify_is_reported_as_truncated() {
    let certificates = Certificates::new();
    let echo = certificates.serve("echo-server 127.0.0.1:0");
    let mut client = TlsClient::secure(&certificates, &echo);
    client.send("hello");
    assert_eq!(client.recv(), b"hello");
    client.stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
    echo.running.stderr.wait_for_text("(truncated)");
    let flag = "echo-server 127.0.0.1:0 --ignore-missing-close-notify";
    let echo = certificates.serve(flag);
    let mut client = TlsClient::secure(&certificates, &echo);
    client.send("hello");
    client.stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.read_to_close(), b"hello");
    echo.running.stderr.wait_for_text("(eof)");
}

#[test]
fn a_stop_ends_each_client_with_close_notify_and_waits_for_no_handshake() {
    let certificates = Certificates::new();
    // The grace is far longer than a test may take.
    let echo = certificates.serve("echo-server 127.0.0.1:0 --grace 1h");
    let _silent = echo.client();
    let mut half = certificates.client(&echo);
    half.conn.write_tls(&mut half.sock).unwrap();
    let mut clients: Vec<_> = (0..5).map(|_| TlsClient::secure(&certificates, &echo)).collect();
    for client in &mut clients {
        client.send("x");
        assert_eq!(client.recv(), b"x");
    }
    echo.running.signal(Signal::TERM);
    for client in &mut clients {
        assert_eq!(client.read_to_close(), b"");
    }
    let ran = echo.running.wait().code(0);
    assert!(!ran.stderr.contains("cut off"), "{}", ran.stderr);
}

#[test]
fn a_server_without_tls_warns_of_a_client_that_speaks_it() {
    let echo = sockkit("echo-server 0").serve();
    let mut client = echo.client();
    let hello = b"\x16\x03\x01\x02\x00\x01";
    client.send(hello);
    assert_eq!(client.recv(), hello);
    client.send(hello);
    client.recv();
    let ran = echo.stop().code(0);
    assert_eq!(ran.stderr.matches("speaks TLS; this server was started without --tls").count(), 1);
}
