//! Faults of the system: strace(1) makes one system call after the other fail, and no run may then
//! exit with 0 although a byte is missing.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use crate::support::{Outcome, Peer, Sockkit, TIMEOUT, eventually, payload, shell, skip};

/// Whether strace can trace a process here; if not, the test is reported as skipped.
fn can_trace(test: &str) -> bool {
    let traced = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let able = traced.is_ok_and(|status| status.success());
    if !able {
        skip(test, "strace cannot trace a process");
    }
    able
}

/// `sockkit ARGS…` in a shell, in which call `number` of the system call `call` fails in each
/// thread.
fn with_fault(call: &str, error: &str, number: u32, args: &str) -> Sockkit {
    let inject = format!("{call}:error={error}:when={number}");
    // With -D, sockkit and not strace is the child of the test.
    let strace = format!("strace -D -f -qq -o /dev/null -e trace={call} -e inject={inject}");
    shell(&format!("exec {strace} sockkit {args}"))
}

/// Runs a server under `sockkit`, with one client that sends `request`. Returns the outcome and
/// what the client received.
fn serve_one(sockkit: Sockkit, request: &[u8]) -> (Outcome, Vec<u8>) {
    let mut running = sockkit.start();
    let addr: Option<SocketAddr> = eventually("the server listens or exits", || {
        let has_ended = running.has_ended();
        let text = running.stderr.text();
        let line = text.split_inclusive('\n').find(|line| line.starts_with("listening on "));
        match line.filter(|line| line.ends_with('\n')) {
            Some(line) => Some(Some(line.split_whitespace().nth(2).unwrap().parse().unwrap())),
            None => has_ended.then_some(None),
        }
    });
    let mut received = Vec::new();
    if let Some(addr) = addr {
        // The fault may close the listener or the connection at any moment.
        if let Ok(mut client) = TcpStream::connect(addr) {
            client.set_read_timeout(Some(TIMEOUT)).unwrap();
            client.write_all(request).ok();
            client.shutdown(Shutdown::Write).ok();
            client.read_to_end(&mut received).ok();
        }
    }
    (running.wait_after_fault(), received)
}

#[test]
fn a_lost_thread_that_writes_standard_output_is_no_success() {
    if !can_trace("a lost thread that writes standard output") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let sent = payload(24 * 1024 * 1024);
    // The thread that writes standard output also wakes the runtime with `write`. Each of the first
    // calls of every thread fails in turn.
    for number in 1..24 {
        let data = sent.clone();
        let peer = Peer::start(move |mut client| {
            // The fault may close the connection.
            client.stream.write_all(&data).ok();
        });
        let args = format!("connect {} > out", peer.addr);
        let running = with_fault("write", "EIO", number, &args).dir(directory.path()).start();
        let ran = running.wait_after_fault();
        let printed = std::fs::read(directory.path().join("out")).unwrap();
        assert!(ran.code != 0 || printed == sent, "{number}: {} bytes, {ran:?}", printed.len());
    }
}

#[test]
fn a_client_whose_address_is_unknown_is_no_success_of_a_server_for_one_client() {
    if !can_trace("a client whose address is unknown") {
        return;
    }
    for number in 1..6 {
        let listen = with_fault("getsockname", "EIO", number, "listen 0 -4");
        let (ran, _) = serve_one(listen, b"hello");
        assert!(ran.code != 0 || ran.stdout == b"hello", "{number}: {ran:?}");
        let args = "login-server 127.0.0.1:0 --once --log /dev/null";
        let server = with_fault("getsockname", "EIO", number, args);
        let (ran, replies) = serve_one(server, b"alice\r\nsecret\r\n");
        let replies = String::from_utf8(replies).unwrap();
        assert!(ran.code != 0 || replies.contains("OK"), "{number}: {replies:?}, {ran:?}");
    }
}

#[test]
fn a_standard_input_that_cannot_be_duplicated_is_no_success_of_listen() {
    if !can_trace("a standard input that cannot be duplicated") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("input");
    std::fs::write(&input, "welcome\n").unwrap();
    let mut named = 0;
    for number in 1..40 {
        let listen = with_fault("fcntl", "EMFILE", number, "listen 0 -4 < input");
        let (ran, received) = serve_one(listen.dir(directory.path()), b"");
        assert!(ran.code != 0 || received == b"welcome\n", "{number}: {received:?}, {ran:?}");
        named += usize::from(ran.stderr.contains("error: cannot read standard input: "));
    }
    assert_ne!(named, 0, "no run failed to duplicate standard input");
}

#[test]
fn a_file_that_is_read_slowly_is_sent_to_its_end_after_the_client_has_closed() {
    if !can_trace("a file that is read slowly") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("input"), "welcome\n").unwrap();
    // Longer than an input may pause after the client has closed.
    let slow = "strace -D -f -qq -o /dev/null -P input -e trace=read \
                -e inject=read:delay_enter=600ms";
    for keep_open in ["", "--keep-open"] {
        let command = format!("exec {slow} sockkit listen 0 -4 {keep_open} < input");
        let server = shell(&command).dir(directory.path()).serve();
        let mut client = server.client();
        client.shut_down();
        assert_eq!(client.read_to_end(), b"welcome\n", "{keep_open}");
        let ran = if keep_open.is_empty() { server.running.wait() } else { server.stop() };
        ran.code(0);
    }
}

#[test]
fn a_failed_read_of_the_signal_pipe_is_repeated_and_loses_no_signal() {
    if !can_trace("a failed read of the signal pipe") {
        return;
    }
    for number in 1..4 {
        let server = with_fault("recvfrom", "EIO", number, "echo-server 0 -4").serve();
        let ran = server.stop().code(0);
        assert!(ran.stderr.ends_with("stopping\n"), "{number}: {}", ran.stderr);
    }
}

#[test]
fn a_missing_pair_of_sockets_for_signals_is_a_plain_error() {
    if !can_trace("no pair of sockets") {
        return;
    }
    for number in 1..6 {
        let listen = with_fault("socketpair", "ENFILE", number, "listen 0 -4");
        let (ran, _) = serve_one(listen, b"hello");
        assert!(!ran.stderr.contains("internal error"), "{number}: {}", ran.stderr);
        let is_named = ran.stderr.contains(": too many open files in system\n");
        assert!(is_named || ran.stdout == b"hello", "{number}: {ran:?}");
    }
}
