//! `echo-server`: sends back what it receives, to many clients at once.

mod observers;
mod tls;

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use crate::support::procfs::Process;
use crate::support::program::start_over_unix;
use crate::support::{Client, eventually, sockkit};

#[test]
fn every_byte_value_is_sent_back_unchanged() {
    let echo = sockkit("echo-server 0").serve();
    let mut client = echo.client();
    let all: Vec<u8> = (0..=255).collect();
    client.send(&all);
    client.shut_down();
    assert_eq!(client.read_to_end(), all);
    echo.stop().code(0);
}

#[test]
fn a_client_that_reads_late_gets_everything_back() {
    let echo = sockkit("echo-server 0").serve();
    let mut client = echo.client();
    client.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    // Until every buffer in both directions is full, and the server waits for the client to read.
    let mut sent = 0;
    let byte = |at: usize| u8::try_from(at % 251).unwrap();
    let piece = |from: usize| (from..from + 65536).map(byte).collect::<Vec<u8>>();
    while let Ok(len) = (&client.stream).write(&piece(sent)) {
        sent += len;
    }
    client.shut_down();
    let received = client.read_to_end();
    assert_eq!(received.len(), sent);
    assert!(received.into_iter().eq((0..sent).map(byte)));
}

#[test]
fn timestamp_answers_every_read_at_once_with_the_time() {
    let echo = sockkit("echo-server 0 --timestamp").env("TZ", "UTC").serve();
    let mut client = echo.client();
    for text in ["hello", "no line end either", "olá\n"] {
        client.send(text);
        let answer = String::from_utf8(client.recv()).unwrap();
        let (time, echoed) = answer.split_at(25);
        assert_eq!(echoed, text);
        // Sun Nov 22 01:21:27 2026
        let parsed = jiff::civil::DateTime::strptime("%a %b %e %H:%M:%S %Y ", time);
        assert!(parsed.is_ok(), "{time:?}");
    }
}

#[test]
fn received_data_is_shown_escaped_and_only_with_verbose() {
    let echo = sockkit("echo-server 0 -v").serve();
    let mut client = echo.client();
    client.send(b"a\x1b[2J\xff");
    client.recv();
    echo.running.stderr.wait_for_text(r#": "a\u{1b}[2J\xff""#);
    let ran = echo.stop().code(0);
    assert!(!ran.stderr.contains('\u{1b}'));
    let echo = sockkit("echo-server 0").serve();
    let mut client = echo.client();
    client.send(b"secret");
    client.recv();
    assert!(!echo.stop().code(0).stderr.contains("secret"));
}

#[test]
fn hundreds_of_clients_are_served_at_once() {
    let echo = sockkit("echo-server 0").serve();
    let mut clients: Vec<Client> = (0..300).map(|_| echo.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("client {number}\n"));
    }
    for (number, client) in clients.iter_mut().enumerate().rev() {
        assert_eq!(client.line(), format!("client {number}"));
    }
}

#[test]
fn a_client_beyond_max_clients_waits_until_another_leaves() {
    let echo = sockkit("echo-server 0 --max-clients 1 -4").serve();
    let mut first = echo.client();
    first.send(b"1");
    assert_eq!(first.recv(), b"1");
    let mut second = echo.client();
    second.send(b"2");
    second.stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut buffer = [0];
    assert!(second.stream.read(&mut buffer).is_err(), "served beyond the limit");
    drop(first);
    second.stream.set_read_timeout(Some(crate::support::TIMEOUT)).unwrap();
    assert_eq!(second.recv(), b"2");
}

#[test]
fn a_full_server_reports_it_once() {
    let echo = sockkit("echo-server 0 --max-clients 2 -4").serve();
    for round in 0..3 {
        let mut clients = [echo.client(), echo.client()];
        for client in &mut clients {
            client.send(b"1");
            assert_eq!(client.recv(), b"1");
        }
        let mut waiting = echo.client();
        waiting.send(b"2");
        if round == 0 {
            echo.running.stderr.wait_for_text("\nfull: 2 clients; the next one waits\n");
        }
        drop(clients);
        assert_eq!(waiting.recv(), b"2");
    }
    let ran = echo.stop().code(0);
    assert_eq!(ran.stderr.matches("full: ").count(), 1, "{}", ran.stderr);
    // A listener for one client never waits for a second one.
    let listen = sockkit("listen 0 -4").serve();
    drop(listen.client());
    let ran = listen.running.wait();
    assert!(!ran.stderr.contains("full: "), "{}", ran.stderr);
}

#[test]
fn an_idle_client_is_closed_and_a_busy_one_is_not() {
    let echo = sockkit("echo-server 0 --idle-timeout 1s").serve();
    let started = Instant::now();
    let mut client = echo.client();
    while started.elapsed() < Duration::from_millis(1500) {
        client.send(b"x");
        assert_eq!(client.recv(), b"x");
    }
    let quiet = Instant::now();
    assert_eq!(client.read_to_end(), b"");
    assert!(quiet.elapsed() >= Duration::from_millis(800));
    echo.running.stderr.wait_for_text("(idle)");
}

#[test]
fn a_client_that_resets_affects_no_other_and_leaks_no_descriptor() {
    let echo = sockkit("echo-server 0").serve();
    let mut good = echo.client();
    for _ in 0..100 {
        let mut bad = echo.client();
        bad.send(b"x");
        bad.reset();
    }
    good.send(b"alive");
    assert_eq!(good.recv(), b"alive");
    // No descriptor is leaked.
    let fds = format!("/proc/{}/fd", echo.running.pid());
    let quiet = std::fs::read_dir(&fds).unwrap().count();
    drop(good);
    eventually("the connections are closed", || {
        (std::fs::read_dir(&fds).unwrap().count() < quiet).then_some(())
    });
    echo.stop().code(0);
}

#[test]
fn max_clients_is_reduced_to_what_the_descriptor_limit_allows() {
    let program = env!("CARGO_BIN_EXE_sockkit");
    let mut command = std::process::Command::new("sh");
    let script = format!("ulimit -n 40; exec {program} echo-server 0 -4 --max-clients 1000");
    command.args(["-c", &script]);
    let echo = crate::support::Sockkit::of(command).serve();
    // One of 8 connections is kept for a client that the server waits for to close.
    echo.running.stderr.wait_for_text("allows only 7 clients");
    let clients: Vec<Client> = (0..30).map(|_| echo.client()).collect();
    drop(clients);
    let mut client = echo.client();
    client.send(b"served");
    assert_eq!(client.recv(), b"served");
    echo.stop().code(0);
}

#[test]
fn running_out_of_descriptors_neither_spins_nor_ends_the_server() {
    use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
    let echo = sockkit("echo-server 0 -4").serve();
    let pid = Pid::from_raw(echo.running.pid().cast_signed()).unwrap();
    // The inherited hard limit stays.
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = |current| {
        let new = Rlimit { current: Some(current), maximum };
        prlimit(Some(pid), Resource::Nofile, new).unwrap().current
    };
    // Fewer than the server has open, so every accept fails with EMFILE.
    let before = limit(5).unwrap();
    let mut clients: Vec<Client> = (0..20).map(|_| echo.client()).collect();
    echo.running.stderr.wait_for_text("cannot accept connections: too many open files");
    let process = Process::of(&echo.running);
    let used = process.cpu_time();
    let started = Instant::now();
    // A busy loop would use the CPU for this whole interval.
    std::thread::sleep(Duration::from_millis(500));
    let used = process.cpu_time().saturating_sub(used);
    assert!(used * 4 < started.elapsed(), "used {used:?}");
    limit(before);
    for client in &mut clients {
        client.send(b"recovered");
        assert_eq!(client.recv(), b"recovered");
    }
    let ran = echo.stop().code(0);
    assert_eq!(ran.stderr.matches("cannot accept connections").count(), 1);
}

#[test]
fn sigint_with_clients_connected_is_a_clean_stop() {
    let echo = sockkit("echo-server 0").serve();
    let mut clients: Vec<Client> = (0..20).map(|_| echo.client()).collect();
    for client in &mut clients {
        client.send(b"x");
        assert_eq!(client.recv(), b"x");
    }
    echo.running.signal(rustix::process::Signal::INT);
    for client in &mut clients {
        assert_eq!(client.read_to_end(), b"");
    }
    let ran = echo.running.wait().code(0);
    assert!(ran.stderr.contains("stopping"), "{}", ran.stderr);
}

#[test]
fn grace_limits_the_wait_for_a_stalled_client_and_a_second_signal_ends_it() {
    use rustix::process::Signal;
    let stalled = |args: &str| {
        let echo = sockkit(args).serve();
        let client = echo.client();
        client.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        // The client never reads, so the server holds data that it cannot send.
        while (&client.stream).write_all(&[b'x'; 65536]).is_ok() {}
        (echo, client)
    };
    let (echo, _client) = stalled("echo-server 0 --grace 200ms");
    let ran = echo.stop().code(0);
    assert!(ran.stderr.contains("1 client was cut off"), "{}", ran.stderr);
    let (echo, _client) = stalled("echo-server 0 --grace 1h");
    echo.running.signal(Signal::TERM);
    echo.running.stderr.wait_for_text("stopping");
    echo.running.signal(Signal::TERM);
    echo.running.wait().code(143);
}

#[test]
fn a_blocked_standard_error_delays_no_client() {
    // Standard error is a pipe without a reader, which is full long before the last client.
    let program = env!("CARGO_BIN_EXE_sockkit");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let (reader, writer) = std::io::pipe().unwrap();
    let child = std::process::Command::new(program)
        .args(["echo-server", "0", "-v", "--port-file"])
        .arg(&path)
        .stdin(std::process::Stdio::null())
        .stderr(writer)
        .spawn();
    let _child = crate::support::KillOnDrop(child.unwrap());
    let port: u16 =
        eventually("the port file", || std::fs::read_to_string(&path).ok()?.trim().parse().ok());
    for _ in 0..2_000 {
        let mut client = Client::connect(([127, 0, 0, 1], port).into());
        client.send([b'x'; 64]);
        assert_eq!(client.recv(), [b'x'; 64]);
    }
    drop(reader);
}

#[test]
fn a_closed_standard_output_is_reported_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let running =
        sockkit("echo-server 0 --json --port-file").arg(&path).with_closed_stdout().start();
    let port: u16 =
        eventually("the port file", || std::fs::read_to_string(&path).ok()?.trim().parse().ok());
    for _ in 0..3 {
        let mut client = Client::connect(([127, 0, 0, 1], port).into());
        client.send(b"x");
        assert_eq!(client.recv(), b"x");
    }
    running.stderr.wait_for_text("cannot write standard output");
    running.signal(rustix::process::Signal::TERM);
    let ran = running.wait().code(0);
    assert_eq!(ran.stderr.matches("cannot write standard output").count(), 1);
}

#[test]
fn allow_and_deny_decide_which_clients_are_accepted() {
    for (rules, comes_in) in [
        ("--allow 127.0.0.0/8", true),
        ("--allow 127.0.0.0/8 --deny 127.0.0.1", false),
        ("--allow 192.0.2.0/24,2001:db8::/32", false),
    ] {
        let echo = sockkit(&format!("echo-server 127.0.0.1:0 {rules}")).serve();
        let mut client = echo.client();
        let who = client.stream.local_addr().unwrap();
        if comes_in {
            client.send("hello\n");
            assert_eq!(client.line(), "hello");
        } else {
            assert_eq!(client.read_to_end(), b"");
            echo.running.stderr.wait_for_text(&format!("refused {who}"));
        }
        echo.stop().code(0);
    }
}

#[test]
fn echo_works_over_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let (server, mut client) = start_over_unix("echo-server", &path);
    client.write(b"hello");
    client.close_stdin();
    assert_eq!(client.wait().code(0).out(), "hello");
    server.signal(rustix::process::Signal::TERM);
    server.wait().code(0);
    assert!(!path.exists());
}
