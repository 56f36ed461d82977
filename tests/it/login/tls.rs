//! `login --tls`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use rustls::{ServerConnection, StreamOwned};

use crate::support::peers::tls::{Certificates, close_without_notify};
use crate::support::{Peer, Sockkit, sockkit};

const LOGIN: &str = "--user alice --password-stdin --timeout 20s";

/// Asks for both fields and returns what the client sent.
fn ask(stream: &mut StreamOwned<ServerConnection, TcpStream>) -> String {
    let mut sent = String::new();
    for prompt in ["Username: ", "Password: "] {
        stream.write_all(prompt.as_bytes()).unwrap();
        stream.flush().unwrap();
        BufReader::with_capacity(1, &mut *stream).read_line(&mut sent).unwrap();
    }
    sent
}

fn log_in(certificates: &Certificates, port: &str, flags: &str) -> Sockkit {
    certificates.dial(&format!("login 127.0.0.1 {port} {LOGIN}"), flags).stdin("x\n")
}

#[test]
fn a_login_over_tls_ends_with_close_notify() {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        let sent = ask(&mut stream);
        stream.write_all(b"OK recorded\r\n").unwrap();
        stream.flush().unwrap();
        // Fails without close_notify.
        stream.read_to_end(&mut Vec::new()).unwrap();
        sent
    });
    let ran = log_in(&certificates, &peer.port(), "").run().code(0);
    assert_eq!((ran.out().as_str(), ran.stderr.as_str()), ("OK recorded\n", ""));
    assert_eq!(peer.join(), "alice\nx\n");
}

#[test]
fn the_scheme_of_the_address_starts_tls_and_json_reports_it() {
    let certificates = Certificates::new();
    let server = certificates.serve("login-server 127.0.0.1:0");
    let target = format!("login tls://{} {LOGIN} --ca {}", server.addr, certificates.path("ca"));
    assert_eq!(sockkit(&target).stdin("x\n").run().code(0).out(), "OK recorded\n");
    let ran = sockkit(&format!("{target} --json")).stdin("x\n").run().code(0);
    assert!(ran.out().starts_with("{\"type\":\"secured\","), "{}", ran.out());
    let ran = sockkit(&format!("{target} -v")).stdin("x\n").run().code(0);
    assert!(ran.stderr.contains("secured 127.0.0.1:"), "{}", ran.stderr);
    server.stop().code(0);
}

#[test]
fn a_server_whose_certificate_does_not_verify_gets_no_password() {
    let certificates = Certificates::new();
    let server = certificates.serve("login-server 127.0.0.1:0");
    let target = format!("login {} --tls {LOGIN}", server.addr);
    let ran = sockkit(&target).stdin("x\n").run().code(6);
    assert!(ran.stderr.contains("cannot verify the peer's certificate"), "{}", ran.stderr);
    let ran = sockkit(&format!("{target} --insecure")).stdin("x\n").run().code(0);
    assert!(ran.stderr.contains("warning: the certificate is not verified"), "{}", ran.stderr);
    assert_eq!(server.stop().code(0).out().lines().count(), 1);
}

#[test]
fn a_server_that_does_not_speak_tls_gets_no_password() {
    let certificates = Certificates::new();
    let peer = Peer::start(|mut client| {
        client.send("Username: ");
        client.read_to_end()
    });
    let ran = log_in(&certificates, &peer.port(), "").run().code(6);
    assert!(ran.stderr.contains("does not speak TLS: it sent \"Username: \""), "{}", ran.stderr);
    // A ClientHello.
    assert!(peer.join().starts_with(&[0x16, 3]));
}

#[test]
fn a_login_in_plain_text_to_a_tls_server_gets_a_hint() {
    let certificates = Certificates::new();
    let server = certificates.serve("login-server 127.0.0.1:0");
    let ran = sockkit(&format!("login {} {LOGIN}", server.addr)).stdin("x\n").run();
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("looks like TLS: try --tls"), "{}", ran.stderr);
}

#[test]
fn an_answer_that_was_cut_short_is_no_success() {
    let certificates = Certificates::new();
    let answer = |reply: &'static str| {
        certificates.peer(move |mut stream| {
            ask(&mut stream);
            stream.write_all(reply.as_bytes()).unwrap();
            stream.flush().unwrap();
            close_without_notify(&mut stream.sock);
        })
    };
    for reply in ["", "O", "Welcome\n"] {
        let peer = answer(reply);
        let ran = log_in(&certificates, &peer.port(), "").run().code(6);
        assert!(ran.stderr.contains("closed without close_notify"), "{}", ran.stderr);
        peer.join();
        let peer = answer(reply);
        let flag = "--ignore-missing-close-notify";
        let ran = log_in(&certificates, &peer.port(), flag).run().code(0);
        assert!(ran.stderr.contains("without confirming the login"), "{}", ran.stderr);
        peer.join();
    }
}

#[test]
fn a_login_without_the_required_client_certificate_exits_6_with_a_hint() {
    let certificates = Certificates::new();
    let server = format!("login-server 127.0.0.1:0 --client-ca {}", certificates.path("ca"));
    let server = certificates.serve(&server);
    let ran = log_in(&certificates, &server.port(), "").run().code(6);
    for part in ["the peer requires a client certificate", "--cert FILE --key FILE"] {
        assert!(ran.stderr.contains(part), "{part:?} is not in {}", ran.stderr);
    }
    let ran = log_in(&certificates, &server.port(), &certificates.own()).run().code(0);
    assert_eq!(ran.out(), "OK recorded\n");
    server.stop().code(0);
}

#[test]
fn a_tls_option_without_tls_is_a_usage_error_before_the_password_is_read() {
    let ran = sockkit(&format!("login 127.0.0.1 9 {LOGIN} --insecure")).start().wait().code(2);
    assert!(ran.stderr.contains("--insecure applies only to TLS"), "{}", ran.stderr);
}
