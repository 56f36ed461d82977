//! The signals that end a process by default: whichever arrives, sockkit removes its files, ends
//! its child processes, and exits with 128 plus the signal's number unless a server ends cleanly.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal};

use crate::support::procfs::{pid_in, wait_until_ended};
use crate::support::{
    ClosedPort, KillOnDrop, Running, Server, Sockkit, eventually, full_pipe, shell, sockkit,
};

/// The numbers of the signals that end a process by default and are not those of a fault (signal(7)
/// on Linux), with the first and last real-time signal.
const FATAL_SIGNALS: [i32; 16] = [
    Signal::HUP.as_raw(),
    Signal::INT.as_raw(),
    Signal::QUIT.as_raw(),
    Signal::TERM.as_raw(),
    Signal::ABORT.as_raw(),
    Signal::ALARM.as_raw(),
    Signal::USR1.as_raw(),
    Signal::USR2.as_raw(),
    Signal::PROF.as_raw(),
    Signal::VTALARM.as_raw(),
    Signal::XCPU.as_raw(),
    Signal::IO.as_raw(),
    Signal::POWER.as_raw(),
    Signal::STKFLT.as_raw(),
    34,
    64,
];

/// Sends any signal; rustix has no constants for the real-time signals.
fn send(running: &Running, signal: i32) {
    let (option, pid) = (format!("-{signal}"), running.pid().to_string());
    assert!(Command::new("kill").args([option, pid]).status().unwrap().success());
}

/// A folder in which sockkit creates a port file and, with the Unix socket `socket`, its file.
fn folder() -> (tempfile::TempDir, impl Fn(&str) -> Sockkit) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    (folder, move |args: &str| sockkit(args).dir(&path))
}

fn entries(folder: &Path) -> Vec<std::ffi::OsString> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

#[test]
fn every_fatal_signal_ends_the_command_and_removes_the_port_file() {
    for signal in FATAL_SIGNALS {
        let (folder, run) = folder();
        let listen = run("listen 0 --port-file port -- sh -c");
        let listen = listen.arg("echo pid $$; exec sleep 1000").start();
        let pid = listen.stderr.wait_for(pid_in);
        assert_eq!(entries(folder.path()), ["port"]);
        send(&listen, signal);
        listen.wait().code(128 + signal);
        assert!(entries(folder.path()).is_empty(), "signal {signal}: {:?}", entries(folder.path()));
        wait_until_ended(&pid);
    }
}

#[test]
fn every_fatal_signal_removes_the_socket_file() {
    for signal in FATAL_SIGNALS {
        let (folder, run) = folder();
        let listen = run("listen unix:socket").start();
        listen.stderr.wait_for_text("listening on unix:");
        assert_eq!(entries(folder.path()), ["socket"]);
        send(&listen, signal);
        listen.wait().code(128 + signal);
        assert!(entries(folder.path()).is_empty(), "signal {signal}: {:?}", entries(folder.path()));
    }
}

#[test]
fn a_server_ends_cleanly_on_a_hangup_unless_it_has_a_log() {
    let (folder, run) = folder();
    let server = run("echo-server 0 --port-file port").serve();
    send(&server.running, Signal::HUP.as_raw());
    server.running.wait().code(0);
    assert!(entries(folder.path()).is_empty());
    let server = run("login-server 0 --port-file port").serve();
    send(&server.running, Signal::HUP.as_raw());
    let mut client = server.client();
    client.read_until("Username: ");
    drop(client);
    server.stop().code(0);
    assert_eq!(entries(folder.path()), ["log-acesso.txt"]);
}

#[test]
fn a_signal_that_the_parent_ignores_stays_ignored() {
    for server in ["echo-server 0", "login-server 0"] {
        let (folder, _) = folder();
        let script = format!("trap '' HUP INT QUIT USR1; exec sockkit {server}");
        let server = shell(&script).dir(folder.path()).serve();
        for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::USR1] {
            server.running.signal(signal);
        }
        assert_serves(&server);
        server.stop().code(0);
    }
}

/// Asserts that a server accepts clients. One that stops may still accept one client, which was in
/// the backlog, but no second one.
fn assert_serves(server: &Server) {
    for _ in 0..2 {
        let mut client = server.client();
        client.send("hello\n");
        assert!(!client.recv().is_empty());
    }
    assert!(!server.running.stderr.text().contains("stopping"));
}

#[test]
fn sigint_does_not_stop_a_background_job_of_a_shell() {
    let script = "sockkit echo-server 0 & job=$!; read -r _; kill -INT $job; echo sent; read -r _; \
                  kill -TERM $job; wait $job; echo \"ended with $?\"";
    let mut server = shell(script).serve();
    server.running.write(b"interrupt\n");
    server.running.stdout.wait_for_text("sent");
    assert_serves(&server);
    server.running.write(b"terminate\n");
    assert_eq!(server.running.wait().code(0).out(), "sent\nended with 0\n");
}

#[test]
fn a_signal_that_the_parent_blocks_still_stops_sockkit() {
    let server = shell("exec env --block-signal=TERM sockkit listen 0 -k").serve();
    server.stop().code(0);
}

#[test]
fn a_second_signal_ends_a_run_whose_standard_error_is_blocked() {
    let port = ClosedPort::new();
    let (_reader, writer) = full_pipe();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockkit"));
    command.args(["connect", "-v", &port.addr().to_string()]).stdin(Stdio::piped()).stderr(writer);
    let mut connect = KillOnDrop(command.spawn().unwrap());
    // SIGTERM ends sockkit by default until it has installed its handlers.
    let status = format!("/proc/{}/status", connect.0.id());
    eventually("the handlers", || {
        let status = fs::read_to_string(&status).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
        let caught = u64::from_str_radix(caught, 16).unwrap();
        (caught & (1 << (Signal::TERM.as_raw() - 1)) != 0).then_some(())
    });
    let end = eventually("the end", || {
        // Signals that arrive together count as one.
        rustix::process::kill_process(Pid::from_child(&connect.0), Signal::TERM).unwrap();
        connect.0.try_wait().unwrap()
    });
    assert_eq!(end.code(), Some(143));
}
