//! `login-server --tls`: a handshake delays no other client, and what observes a login is private.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::login_server::{log, log_in, server};
use crate::support::peers::tls::{Certificates, TlsClient};
use crate::support::recording::{course_of, payload_of, read_recording, recording_path};
use crate::support::{Running, shell, sockkit};

/// Starts a process that holds `count` connections to `addr` on which it sends nothing.
fn hold_silent_connections(addr: std::net::SocketAddr, count: usize) -> Running {
    let open = format!("exec {{fd}}<>/dev/tcp/{}/{} || exit 1", addr.ip(), addr.port());
    // The descriptors belong to bash, because the other tests need those of this process.
    let holder = shell(&format!("for n in {{1..{count}}}; do {open}; done; echo held; read"));
    let holder = holder.start();
    holder.stdout.wait_for_text("held");
    holder
}

#[test]
fn a_login_over_tls_is_recorded_and_answered_with_close_notify() {
    let certificates = Certificates::new();
    let server = certificates.serve("login-server 127.0.0.1:0 --log log");
    let mut client = TlsClient::secure(&certificates, &server);
    assert_eq!(log_in(&mut client, "alice", "s3cret"), "OK recorded");
    assert_eq!(client.read_to_close(), b"");
    let mut client = TlsClient::secure(&certificates, &server);
    client.read_until("Username: ");
    client.send_close_notify();
    assert_eq!(client.read_to_close(), b"");
    server.running.stderr.wait_for_text("(eof)");
    let ran = server.stop().code(0);
    assert!(ran.out().ends_with("user=\"alice\" password=\"s3cret\"\n"), "{}", ran.out());
    assert_eq!(ran.stderr.matches("\nsecured ").count(), 2, "{}", ran.stderr);
}

#[test]
fn silent_tls_clients_delay_no_login() {
    let (server, _directory) = server("--tls --self-signed");
    let holder = hold_silent_connections(server.addr, 500);
    let login = format!("login {} --tls --insecure --user alice --password-stdin", server.addr);
    for _ in 0..3 {
        let started = Instant::now();
        assert_eq!(sockkit(&login).stdin("x\n").run().code(0).out(), "OK recorded\n");
        // Far more than a login takes, and far less than a handshake may take.
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
    // A stop waits for no handshake.
    let ran = server.stop().code(0);
    assert!(!ran.stderr.contains("cut off"), "{}", ran.stderr);
    drop(holder);
}

#[test]
fn a_client_can_be_evicted_before_its_handshake_is_complete() {
    let (server, _directory) = server("--tls --self-signed --max-clients 20");
    let holder = hold_silent_connections(server.addr, 50);
    let login = format!("login {} --tls --insecure --user alice --password-stdin", server.addr);
    sockkit(&login).stdin("x\n").run().code(0);
    let text = server
        .running
        .stderr
        .wait_for(|text| (text.matches(": evicted\n").count() == 31).then(|| text.to_owned()));
    assert!(!text.contains("timed out"), "{text}");
    drop(holder);
    server.stop().code(0);
}

#[test]
fn once_ends_after_a_failed_handshake_with_exit_1() {
    let certificates = Certificates::new();
    let once = certificates.serve("login-server 127.0.0.1:0 --once");
    let mut plain = once.client();
    plain.send("alice\r\nx\r\n");
    plain.read_to_end();
    let ran = once.running.wait().code(1);
    assert_eq!(ran.stderr.matches("does not speak TLS").count(), 1, "{}", ran.stderr);
}

#[test]
fn a_recording_of_logins_is_private_and_a_warning_says_that_it_has_passwords() {
    let certificates = Certificates::new();
    let (_directory, path) = recording_path();
    let server = certificates
        .serve(&format!("login-server 127.0.0.1:0 --hexdump --record {}", path.display()));
    let warnings = [
        format!("warning: the recording {} contains passwords in clear text", path.display()),
        "warning: the hex dump contains passwords in clear text".to_owned(),
    ];
    for warning in warnings {
        server.running.stderr.wait_for_text(&warning);
    }
    let mut client = TlsClient::secure(&certificates, &server);
    let peer = client.stream.sock.local_addr().unwrap().to_string();
    assert_eq!(log_in(&mut client, "alice", "s3cret"), "OK recorded");
    client.send_close_notify();
    client.read_to_close();
    let text = server.running.stderr.wait_for_text("(logged in)");
    assert!(text.contains("|s3cret.|"), "{text}");
    server.stop().code(0);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let lines = read_recording(&path);
    assert_eq!(payload_of(&lines, "in", &peer), "alice\ns3cret\n");
    let course = course_of(&lines);
    assert_eq!(course[..3], ["connected", "secured", "data out"]);
    let end = ["end local close_notify", "end peer close_notify", "closed"];
    assert_eq!(course[course.len() - 3..], end);
}

#[test]
fn a_stop_is_announced_over_tls_before_close_notify() {
    let certificates = Certificates::new();
    let server = certificates.serve("login-server 127.0.0.1:0");
    let mut client = TlsClient::secure(&certificates, &server);
    client.read_until("Username: ");
    server.running.signal(Signal::TERM);
    assert_eq!(client.read_to_close(), b"ERR server is stopping\r\n");
    server.running.wait().code(0);
}

#[test]
fn a_server_without_tls_refuses_a_client_that_speaks_it() {
    let (server, directory) = server("");
    let mut client = server.client();
    let addr = client.stream.local_addr().unwrap();
    // The beginning of a ClientHello, which contains line endings by chance.
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\n\x01\xfc\x03\x03\r\n");
    let answer = client.read_to_end();
    assert_eq!(answer, b"Username: ERR this server does not use TLS\r\n");
    let warning = format!("{addr} speaks TLS; this server was started without --tls");
    server.running.stderr.wait_for_text(&warning);
    assert!(server.stop().code(0).stderr.contains("(tls)"));
    assert_eq!(log(&directory), "");
}
