//! `listen --tls`.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::thread;

use crate::support::peers::tls::{Certificates, LONGER_THAN_A_REST, MUCH, noise};
use crate::support::sockkit;

/// The pin that `text` names.
fn pin_in(text: &str) -> Option<String> {
    let at = text.find("sha256:")?;
    text.get(at..at + "sha256:".len() + 64).map(str::to_owned)
}

#[test]
fn t04_a_tls_client_at_a_plain_listener_is_told_with_a_hint() {
    let certificates = Certificates::new();
    let server = sockkit("listen 127.0.0.1:0 --keep-open").serve();
    let mut client = certificates.client(&server);
    // Nobody answers it.
    client.conn.write_tls(&mut client.sock).unwrap();
    client.sock.shutdown(Shutdown::Write).unwrap();
    let text = server.running.stderr.wait_for_text("looks like TLS");
    assert!(text.contains("--tls"), "{text}");
    server.stop().code(0);
}

#[test]
fn t05_e12b_a_client_that_has_ended_its_side_still_gets_what_comes_late() {
    let certificates = Certificates::new();
    let mut server = certificates.listen("--half-open");
    let mut client = certificates.client(&server);
    client.write_all(b"HI").unwrap();
    client.conn.send_close_notify();
    client.flush().unwrap();
    server.running.stdout.wait_for_text("HI");
    thread::sleep(LONGER_THAN_A_REST);
    server.running.write(b"LATE");
    server.running.close_stdin();
    let mut late = Vec::new();
    client.read_to_end(&mut late).unwrap();
    assert_eq!(late, b"LATE");
    drop(client);
    assert_eq!(server.running.wait().code(0).stdout, b"HI");
}

#[test]
fn e33_everything_crosses_before_the_end_from_a_listener_to_a_client() {
    let certificates = Certificates::new();
    let mut server = certificates.listen("");
    let much = noise(MUCH);
    let client = certificates.connect(&server.port(), "").start();
    server.running.write(&much);
    server.running.close_stdin();
    let ran = client.wait().code(0);
    assert!(ran.stdout == much, "{} bytes of {MUCH} came", ran.stdout.len());
    server.running.wait().code(0);
}

#[test]
fn e35_a_silent_client_and_a_plain_one_do_not_keep_a_tls_listener_from_others() {
    let certificates = Certificates::new();
    let server = certificates.listen("--keep-open");
    let silent = server.client();
    let mut plain = server.client();
    plain.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = plain.read_to_end();
    // A fatal alert, and the end.
    assert!(answer.starts_with(&[0x15, 3]), "{answer:?}");
    let quoted = r#"the client does not speak TLS: it said "GET / HTTP/1.1\r\n"#;
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
fn the_pin_that_a_listener_says_is_the_one_a_client_takes() {
    let mut server = sockkit("listen 127.0.0.1:0 --tls --self-signed").serve();
    let pin = server.running.stderr.wait_for(pin_in);
    server.running.close_stdin();
    let command = sockkit(&format!("connect 127.0.0.1 {} --tls --pin {pin}", server.port()));
    command.stdin("for you alone").run().code(0);
    assert_eq!(server.running.wait().code(0).stdout, b"for you alone");
}

#[test]
fn a_listener_that_demands_certificates_tells_who_has_none_what_to_give() {
    let certificates = Certificates::new();
    let server =
        certificates.listen(&format!("--keep-open --client-ca {}", certificates.path("ca")));
    let ran = certificates.connect(&server.port(), "").run().code(6);
    for part in ["the peer demands a client certificate", "--cert FILE --key FILE"] {
        assert!(ran.stderr.contains(part), "{part:?} is not in {}", ran.stderr);
    }
    server.running.stderr.wait_for_text("the client showed no certificate");
    let (cert, key) = (certificates.path("cert"), certificates.path("key"));
    let with = certificates.connect(&server.port(), &format!("--cert {cert} --key {key}"));
    with.stdin("it is me\n").run().code(0);
    server.running.stdout.wait_for_text("it is me");
    server.stop().code(0);
}
