//! `probe --wait`, and the program that runs afterwards.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{json, open_port, probe};
use crate::support::{ClosedPort, Sockkit, on_own_machine, sockkit};

#[test]
fn a_wait_ends_when_the_port_opens() {
    let port = ClosedPort::new();
    let running = sockkit(&format!("probe {} --wait 30s --json", port.addr())).start();
    running.stderr.wait_for_text("waiting: ");
    running.stderr.wait_for_text("is closed (connection refused)");
    let _listener = port.open();
    let ran = running.wait().code(0);
    assert_eq!(json(&ran)[0]["state"], "open");
    assert!(ran.stderr.contains("is open after "), "{}", ran.stderr);
}

#[test]
fn an_expired_wait_exits_5_and_says_what_is_missing() {
    let (_listener, open) = open_port();
    let closed = ClosedPort::new();
    let (open, closed) = (open.to_string(), closed.addr().to_string());
    let ran = probe([&open, &closed, "--wait=300ms"]).code(5);
    assert!(ran.stderr.contains("error: gave up after "), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("{closed} is closed (connection refused)")));
    assert!(!ran.stderr.contains(&format!("{open} is")), "{}", ran.stderr);
    probe([&open, &closed, "--wait=5s", "--any"]).code(0);
    let ran = probe([&closed, "--timeout=300ms", "--wait=30s"]).code(5);
    assert!(ran.stderr.contains("gave up after"), "{}", ran.stderr);
}

#[test]
fn an_inverted_wait_ends_when_the_port_closes() {
    let (listener, open) = open_port();
    let running = sockkit(&format!("probe {open} --wait 30s --invert --interval 10ms")).start();
    running.stderr.wait_for_text("is open (accepted the connection)");
    drop(listener);
    running.wait().code(0);
}

#[test]
fn a_stable_wait_lasts_at_least_as_long_as_the_port_must_stay_open() {
    let (_listener, open) = open_port();
    let started = Instant::now();
    probe([&open.to_string(), "--wait=30s", "--stable=400ms"]).code(0);
    assert!(started.elapsed() >= Duration::from_millis(400));
    probe([&open.to_string(), "--wait=200ms", "--stable=30s"]).code(5);
}

#[test]
fn a_command_replaces_sockkit_and_keeps_its_process_id_and_standard_streams() {
    let (_listener, open) = open_port();
    let script = "read line; echo $$ $line; exit 7";
    let mut running = Sockkit::new(["probe", &open.to_string(), "--", "sh", "-c", script]).start();
    let pid = running.pid();
    running.write(b"input\n");
    let ran = running.wait().code(7);
    // Standard output carries nothing else.
    assert_eq!(ran.out(), format!("{pid} input\n"));
}

#[test]
fn a_command_does_not_run_if_the_port_is_not_as_wanted_or_the_wait_is_stopped() {
    let closed = ClosedPort::new();
    let addr = closed.addr().to_string();
    assert_eq!(probe([&addr, "--", "echo", "started"]).code(1).out(), "");
    assert_eq!(probe([&addr, "--wait=200ms", "--", "echo", "started"]).code(5).out(), "");
    assert_eq!(probe([&addr, "--invert", "--", "echo", "started"]).code(0).out(), "started\n");
    let running = Sockkit::new(["probe", &addr, "--wait=0", "--", "echo", "started"]).start();
    running.stderr.wait_for_text("waiting: ");
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code(143).out(), "");
    let ran = probe([&addr, "--invert", "--", "/nowhere/program"]).code(8);
    assert!(ran.stderr.contains("cannot run /nowhere/program: no such file"), "{}", ran.stderr);
    probe([&addr, "-c1", "--", "true"]).code(2);
}

#[test]
fn a_command_gets_the_signals_and_limits_that_sockkit_inherited() {
    let (_listener, open) = open_port();
    let show = r#"grep -E "Sig(Blk|Ign)" /proc/self/status"#;
    let script = format!(
        "ulimit -Sn 256; trap '' HUP; {show}; exec {} probe {open} -- sh -c \
         'ulimit -Sn; exec {show}'",
        env!("CARGO_BIN_EXE_sockkit")
    );
    let ran = crate::support::shell(&script).run().code(0);
    let out = ran.out();
    let [blocked, ignored, limit, blocked_now, ignored_now] = out.lines().collect::<Vec<_>>()[..]
    else {
        panic!("{out}")
    };
    assert_eq!(limit, "256");
    // SIGHUP stays ignored, and SIGPIPE, which Rust ignores, has its default action.
    assert!(ignored.ends_with('1'), "{ignored}");
    assert_eq!((blocked_now, ignored_now), (blocked, ignored));
}

#[test]
fn a_wait_looks_the_name_up_again() {
    let run = || {
        let listener = TcpListener::bind("127.0.0.7:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::fs::write("/etc/hosts", "127.0.0.1 db.example\n").unwrap();
        let running = sockkit(&format!("probe db.example:{port} --wait 30s --json")).start();
        running.stderr.wait_for_text("is closed");
        std::fs::write("/etc/hosts", "127.0.0.7 db.example\n").unwrap();
        let ran = running.wait().code(0);
        assert_eq!(json(&ran)[0]["addr"], format!("127.0.0.7:{port}"));
    };
    on_own_machine("a wait looks the name up again", "", "", run);
}

#[test]
fn a_wait_outlasts_a_name_that_does_not_exist_yet() {
    let run = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let running = sockkit(&format!("probe late.example:{port} --wait 30s")).start();
        running.stderr.wait_for_text("waiting: late.example:");
        std::fs::write("/etc/hosts", "127.0.0.1 late.example\n").unwrap();
        running.wait().code(0);
        drop(listener);
    };
    on_own_machine("a name that does not exist yet", "", "", run);
}
