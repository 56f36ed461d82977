//! `echo-server`: sends back what it receives, to many clients at once.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use crate::support::program::over_unix;
use crate::support::{Client, eventually, sockkit};

#[test]
fn bytes_come_back_as_they_were() {
    let echo = sockkit("echo-server 0").serve();
    let mut client = echo.client();
    let all: Vec<u8> = (0..=255).collect();
    client.send(&all);
    client.end();
    assert_eq!(client.read_to_end(), all);
    echo.stop().code(0);
}

#[test]
fn everything_comes_back_to_a_client_that_reads_late() {
    let echo = sockkit("echo-server 0").serve();
    let mut client = echo.client();
    client.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    // Until every buffer on the way there and back is full, and the server waits for its reader.
    let mut sent = 0;
    let byte = |at: usize| u8::try_from(at % 251).unwrap();
    let piece = |from: usize| (from..from + 65536).map(byte).collect::<Vec<u8>>();
    while let Ok(len) = (&client.stream).write(&piece(sent)) {
        sent += len;
    }
    client.end();
    let came = client.read_to_end();
    assert_eq!(came.len(), sent);
    assert!(came.into_iter().eq((0..sent).map(byte)));
}

#[test]
fn with_timestamp_every_read_is_answered_at_once_with_the_time() {
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
fn what_clients_send_is_shown_escaped_with_v_only() {
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
fn one_client_too_many_waits_for_a_place() {
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
    second.stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    assert_eq!(second.recv(), b"2");
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
fn a_peer_that_resets_costs_nobody_else_anything() {
    let echo = sockkit("echo-server 0").serve();
    let mut good = echo.client();
    for _ in 0..100 {
        let mut bad = echo.client();
        bad.send(b"x");
        bad.reset();
    }
    good.send(b"alive");
    assert_eq!(good.recv(), b"alive");
    // Not one descriptor is left behind.
    let fds = format!("/proc/{}/fd", echo.running.pid());
    let quiet = std::fs::read_dir(&fds).unwrap().count();
    drop(good);
    eventually("the connections are closed", || {
        (std::fs::read_dir(&fds).unwrap().count() < quiet).then_some(())
    });
    echo.stop().code(0);
}

#[test]
fn no_more_clients_are_admitted_than_descriptors_allow() {
    let program = env!("CARGO_BIN_EXE_sockkit");
    let mut command = std::process::Command::new("sh");
    let script = format!("ulimit -n 40; exec {program} echo-server 0 -4 --max-clients 1000");
    command.args(["-c", &script]);
    let echo = crate::support::Sockkit::of(command).serve();
    echo.running.stderr.wait_for_text("only 8 clients fit");
    let clients: Vec<Client> = (0..30).map(|_| echo.client()).collect();
    drop(clients);
    let mut client = echo.client();
    client.send(b"served");
    assert_eq!(client.recv(), b"served");
    echo.stop().code(0);
}

#[test]
fn running_out_of_descriptors_neither_spins_nor_kills() {
    use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
    let echo = sockkit("echo-server 0 -4").serve();
    let pid = Pid::from_raw(echo.running.pid().cast_signed()).unwrap();
    // The hard limit it inherited stays.
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = |current| {
        let new = Rlimit { current: Some(current), maximum };
        prlimit(Some(pid), Resource::Nofile, new).unwrap().current
    };
    // Below what it has open already: every accept fails with EMFILE.
    let before = limit(5).unwrap();
    let mut clients: Vec<Client> = (0..20).map(|_| echo.client()).collect();
    echo.running.stderr.wait_for_text("cannot accept connections: too many open files");
    let used = cpu_time(echo.running.pid());
    let started = Instant::now();
    // What is measured is that nothing happens: a spinning loop would use all of this time.
    std::thread::sleep(Duration::from_millis(500));
    let used = cpu_time(echo.running.pid()).saturating_sub(used);
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
fn ctrl_c_with_clients_connected_is_a_clean_stop() {
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
fn a_stalled_client_cannot_hold_a_stop_beyond_its_grace_and_a_second_signal_forces() {
    use rustix::process::Signal;
    let stalled = |args: &str| {
        let echo = sockkit(args).serve();
        let client = echo.client();
        client.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        // Never reads: the server ends up with an answer it cannot deliver.
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
fn an_operator_who_does_not_look_delays_nobody() {
    // Standard error is a pipe nobody reads, and full long before the last client.
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
    let _child = crate::support::Killed(child.unwrap());
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
fn standard_output_that_is_closed_is_warned_of_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let running = sockkit("echo-server 0 --json --port-file").arg(&path).unheard().start();
    let port: u16 =
        eventually("the port file", || std::fs::read_to_string(&path).ok()?.trim().parse().ok());
    for _ in 0..3 {
        let mut client = Client::connect(([127, 0, 0, 1], port).into());
        client.send(b"x");
        assert_eq!(client.recv(), b"x");
    }
    running.stderr.wait_for_text("standard output is gone");
    running.signal(rustix::process::Signal::TERM);
    let ran = running.wait().code(0);
    assert_eq!(ran.stderr.matches("standard output is gone").count(), 1);
}

#[test]
fn the_echo_server_lets_in_who_may() {
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
fn the_echo_server_speaks_over_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let (server, mut client) = over_unix("echo-server", &path);
    client.write(b"hello");
    client.close_stdin();
    assert_eq!(client.wait().code(0).out(), "hello");
    server.signal(rustix::process::Signal::TERM);
    server.wait().code(0);
    assert!(!path.exists());
}

/// User and system time of a process, to the clock tick.
fn cpu_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
