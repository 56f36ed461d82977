//! Observers of `login`: recording, hex dump and statistics.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;

use crate::login_server::server;
use crate::support::peers::tls::Certificates;
use crate::support::recording::{course_of, payload_of, read_recording, recording_path};
use crate::support::{ClosedPort, Peer, sockkit};

const LOGIN: &str = "--user alice --password-stdin --timeout 20s";

#[test]
fn a_recording_of_a_login_is_private_and_a_warning_says_that_it_has_the_password() {
    let certificates = Certificates::new();
    let server = certificates.serve("login-server 127.0.0.1:0");
    let (_directory, path) = recording_path();
    let login = format!("login {} {LOGIN} --record {}", server.addr, path.display());
    let ran = certificates.dial(&login, "").stdin("s3cret\n").run().code(0);
    let warning =
        format!("warning: the recording {} contains passwords in clear text\n", path.display());
    assert_eq!(ran.stderr, warning);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let lines = read_recording(&path);
    let addr = server.addr.to_string();
    assert_eq!(payload_of(&lines, "out", &addr), "alice\ns3cret\n");
    let course = course_of(&lines);
    assert_eq!(course[..4], ["connected", "secured", "data in", "data out"]);
    let end = ["end local close_notify", "end peer close_notify", "closed"];
    assert_eq!(course[course.len() - 3..], end);
    assert_eq!(lines.last().unwrap()["reason"], "login over");
}

#[test]
fn a_hexdump_of_a_login_shows_the_password_after_a_warning() {
    let (server, _directory) = server("");
    let login = format!("login {} {LOGIN} --hexdump --stats", server.addr);
    let ran = sockkit(&login).stdin("s3cret\n").run().code(0);
    assert_eq!(ran.out(), "OK recorded\n");
    let warning = "warning: the hex dump contains passwords in clear text\n";
    assert!(ran.stderr.starts_with(warning), "{}", ran.stderr);
    assert!(ran.stderr.contains("|s3cret.|"), "{}", ran.stderr);
    let row = |start: &str| ran.stderr.lines().any(|line| line.starts_with(start));
    assert!(row("stats ") && row("connect ") && row("first byte "), "{}", ran.stderr);
}

#[test]
fn a_recording_that_cannot_be_opened_exits_8_before_the_password_is_read() {
    let port = ClosedPort::new();
    for path in ["/dev/full", "/no/such/directory/talk"] {
        let login = format!("login {} {LOGIN} --record {path}", port.addr());
        let ran = sockkit(&login).start().wait().code(8);
        assert!(ran.stderr.contains(path) && ran.stderr.contains("try: "), "{}", ran.stderr);
    }
}

#[test]
fn a_recording_is_complete_after_a_stop() {
    let (_directory, path) = recording_path();
    let peer = Peer::start(|mut client| {
        client.send("Username: ");
        client.line();
        client.send("Wait");
        client.read_to_end();
    });
    let login = format!("login {} {LOGIN} --record {}", peer.addr, path.display());
    let mut running = sockkit(&login).start();
    running.write(b"x\n");
    running.stdout.wait_for_text("Wait");
    running.signal(Signal::TERM);
    running.wait().code(143);
    peer.join();
    let lines = read_recording(&path);
    let last = lines.last().unwrap();
    assert_eq!((&last["type"], &last["reason"]), (&"closed".into(), &"stopped".into()));
    assert!(course_of(&lines).contains(&"end local reset".to_owned()), "{lines:?}");
}
