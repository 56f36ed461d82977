//! `listen --tls`.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::thread;

use crate::support::peers::tls::{BULK, Certificates, LONGER_THAN_IDLE_INPUT, pseudorandom};
use crate::support::sockkit;

/// The first pin in `text`.
fn pin_in(text: &str) -> Option<String> {
    let at = text.find("sha256:")?;
    text.get(at..at + "sha256:".len() + 64).map(str::to_owned)
}

#[test]
fn t04_a_tls_client_of_a_plain_listener_is_reported_with_a_hint() {
    let certificates = Certificates::new();
    let server = sockkit("listen 127.0.0.1:0 --keep-open").serve();
    let mut client = certificates.client(&server);
    // The listener does not answer the handshake.
    client.conn.write_tls(&mut client.sock).unwrap();
    client.sock.shutdown(Shutdown::Write).unwrap();
    let text = server.running.stderr.wait_for_text("looks like TLS");
    assert!(text.contains("--tls"), "{text}");
    server.stop().code(0);
}

#[test]
fn t05_e12b_half_open_delivers_late_input_after_close_notify_from_the_client() {
    let certificates = Certificates::new();
    let mut server = certificates.listen("--half-open");
    let mut client = certificates.client(&server);
    client.write_all(b"HI").unwrap();
    client.conn.send_close_notify();
    client.flush().unwrap();
    server.running.stdout.wait_for_text("HI");
    thread::sleep(LONGER_THAN_IDLE_INPUT);
    server.running.write(b"LATE");
    server.running.close_stdin();
    let mut late = Vec::new();
    client.read_to_end(&mut late).unwrap();
    assert_eq!(late, b"LATE");
    drop(client);
    assert_eq!(server.running.wait().code(0).stdout, b"HI");
}

#[test]
fn e33_a_tls_listener_delivers_every_byte_before_the_close() {
    let certificates = Certificates::new();
    let mut server = certificates.listen("");
    let much = pseudorandom(BULK);
    let client = certificates.connect(&server.port(), "").start();
    server.running.write(&much);
    server.running.close_stdin();
    let ran = client.wait().code(0);
    assert!(ran.stdout == much, "received {} of {BULK} bytes", ran.stdout.len());
    server.running.wait().code(0);
}

#[test]
fn e35_silent_and_plain_text_clients_do_not_block_a_tls_listener() {
    let certificates = Certificates::new();
    let server = certificates.listen("--keep-open");
    let silent = server.client();
    let mut plain = server.client();
    plain.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = plain.read_to_end();
    // A TLS alert, then EOF.
    assert!(answer.starts_with(&[0x15, 3]), "{answer:?}");
    let quoted = r#"the client does not speak TLS: it sent "GET / HTTP/1.1\r\n"#;
    server.running.stderr.wait_for_text(quoted);
    let mut client = certificates.client(&server);
    client.write_all(b"at last\n").unwrap();
    server.running.stdout.wait_for_text("at last");
    client.conn.send_close_notify();
    client.flush().unwrap();
    drop((silent, client));
    server.stop().code(0);
}

#[test]
fn connect_accepts_the_pin_that_the_listener_prints() {
    let mut server = sockkit("listen 127.0.0.1:0 --tls --self-signed").serve();
    let pin = server.running.stderr.wait_for(pin_in);
    server.running.close_stdin();
    let command = sockkit(&format!("connect 127.0.0.1 {} --tls --pin {pin}", server.port()));
    command.stdin("for you alone").run().code(0);
    assert_eq!(server.running.wait().code(0).stdout, b"for you alone");
}

#[test]
fn a_client_without_the_demanded_certificate_is_refused_with_a_hint() {
    let certificates = Certificates::new();
    let server =
        certificates.listen(&format!("--keep-open --client-ca {}", certificates.path("ca")));
    let ran = certificates.connect(&server.port(), "").run().code(6);
    for part in ["the peer requires a client certificate", "--cert FILE --key FILE"] {
        assert!(ran.stderr.contains(part), "{part:?} is not in {}", ran.stderr);
    }
    server.running.stderr.wait_for_text("the client sent no certificate");
    let (cert, key) = (certificates.path("cert"), certificates.path("key"));
    let with = certificates.connect(&server.port(), &format!("--cert {cert} --key {key}"));
    with.stdin("it is me\n").run().code(0);
    server.running.stdout.wait_for_text("it is me");
    server.stop().code(0);
}
