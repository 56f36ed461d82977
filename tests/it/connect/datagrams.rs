//! `connect --udp`: datagrams over UDP and Unix sockets, each sent and printed whole.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::peers::datagram::{place, receive, receive_from, socket, unix_socket};
use crate::support::program::events;
use crate::support::{Ran, Sockkit, Terminal, eventually, sockkit};

/// A port that refuses for as long as this lives: connected sockets take nothing from others.
fn refusing(addr: &str) -> (UdpSocket, SocketAddr) {
    let held = socket(addr);
    let addr = held.local_addr().unwrap();
    let nobody = if addr.is_ipv4() { "127.0.0.1:9" } else { "[::1]:9" };
    held.connect(nobody).unwrap();
    (held, addr)
}

/// `sockkit ARGS…` with a file as standard input, which is read at once.
fn from_file(bytes: &[u8], args: &str) -> (tempfile::TempDir, Sockkit) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("input");
    std::fs::write(&path, bytes).unwrap();
    let mut command = Command::new("sh");
    let script = format!("exec {} {args} < {}", env!("CARGO_BIN_EXE_sockkit"), path.display());
    command.args(["-c", &script]);
    (directory, Sockkit::of(command))
}

fn run_from_file(bytes: &[u8], args: &str) -> Ran {
    let (_directory, sockkit) = from_file(bytes, args);
    sockkit.run()
}

#[test]
fn u01_an_answer_that_takes_a_while_is_printed_and_then_the_run_ends() {
    let peer = socket("127.0.0.1:0");
    let addr = peer.local_addr().unwrap();
    let answering = thread::spawn(move || {
        let (request, from) = receive_from(&peer);
        thread::sleep(Duration::from_millis(300));
        peer.send_to(b"ANSWER", from).unwrap();
        request
    });
    let ran = sockkit(&format!("connect -u {addr} --linger 3s")).stdin("q").run().code(0);
    assert_eq!(ran.stdout, b"ANSWER");
    assert_eq!(ran.stderr, "");
    assert_eq!(answering.join().unwrap(), b"q");
}

#[test]
fn u02_a_closed_port_is_refused_and_named() {
    let (_held, addr) = refusing("127.0.0.1:0");
    for flags in ["", "--send-only", "--split lines"] {
        let ran = sockkit(&format!("connect -u {addr} {flags}")).stdin("1\n2\n").run().code(4);
        let expected = format!("error: cannot connect to udp://{addr}: connection refused\ntry: ");
        assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
    }
}

#[test]
fn u02_a_port_that_closes_after_an_answer_is_a_failure_after_it() {
    let peer = socket("127.0.0.1:0");
    let addr = peer.local_addr().unwrap();
    let mut running = sockkit(&format!("connect -u {addr} --split lines")).start();
    running.write(b"one\n");
    let (_, from) = receive_from(&peer);
    peer.send_to(b"ANSWER", from).unwrap();
    running.stdout.wait_for_text("ANSWER");
    // From now on it takes nothing from our client any more.
    peer.connect("127.0.0.1:9").unwrap();
    running.write(b"two\n");
    let ran = running.wait().code(4);
    assert_eq!(ran.stdout, b"ANSWER");
    assert!(ran.stderr.contains(&format!("{addr} failed: connection refused")), "{}", ran.stderr);
}

#[test]
fn u03_silence_is_not_called_a_success() {
    let peer = socket("127.0.0.1:0");
    let addr = peer.local_addr().unwrap();
    let ran = sockkit(&format!("connect -u {addr} --linger 300ms")).stdin("q").run().code(0);
    let expected = "note: no answer came within 300ms; UDP does not say whether anything arrived\n";
    assert_eq!(ran.stderr, expected);
    assert_eq!(receive(&peer), b"q");
    let ran = sockkit(&format!("connect -u {addr} --linger 300ms")).run().code(0);
    assert_eq!(ran.stderr, "note: standard input was empty: nothing was sent\n");
}

#[test]
fn u04_an_empty_datagram_is_a_datagram_and_no_end() {
    for flags in ["", "--json"] {
        let peer = socket("127.0.0.1:0");
        let args = format!("connect -u {} {flags}", peer.local_addr().unwrap());
        let mut running = sockkit(&args).start();
        running.write(b"q");
        let (_, from) = receive_from(&peer);
        for datagram in [&b""[..], b"after"] {
            peer.send_to(datagram, from).unwrap();
        }
        running.stdout.wait_for_text("after");
        if flags == "--json" {
            let data = eventually("two data events", || {
                let data = events(&running, "data");
                (data.len() == 2).then_some(data)
            });
            assert_eq!((&data[0]["text"], &data[1]["text"]), (&"".into(), &"after".into()));
        }
        running.close_stdin();
        let ran = running.wait().code(0);
        assert!(flags == "--json" || ran.stdout == b"after");
    }
}

#[test]
fn u05_a_long_datagram_arrives_whole_both_ways() {
    let longest: String = ('!'..='~').cycle().take(65_507).collect();
    let peer = socket("127.0.0.1:0");
    let args = format!("connect -u {} --linger 60s", peer.local_addr().unwrap());
    let (_directory, sockkit) = from_file(longest.as_bytes(), &args);
    let running = sockkit.start();
    let (datagram, from) = receive_from(&peer);
    assert!(datagram == longest.as_bytes());
    peer.send_to(&datagram, from).unwrap();
    running.stdout.wait_for(|text| (text == longest).then_some(()));
}

#[test]
fn u05_input_is_split_where_it_was_asked_for_and_nowhere_else() {
    for (flags, input, expected) in [
        ("--split lines", "one\n\ntwo\nlast", &["one\n", "\n", "two\n", "last"][..]),
        ("--split 3", "abcdefg", &["abc", "def", "g"]),
        ("", "one\ntwo\n", &["one\ntwo\n"]),
        ("--split lines --crlf --delay 10ms", "one\ntwo\r\n", &["one\r\n", "two\r\n"]),
    ] {
        let peer = socket("127.0.0.1:0");
        let addr = peer.local_addr().unwrap();
        run_from_file(input.as_bytes(), &format!("connect -u {addr} --send-only {flags}")).code(0);
        let received: Vec<_> = expected.iter().map(|_| receive(&peer)).collect();
        let expected: Vec<_> = expected.iter().map(|text| text.as_bytes().to_vec()).collect();
        assert_eq!(received, expected);
    }
}

#[test]
fn u05_what_is_written_at_different_times_goes_in_different_datagrams() {
    let peer = socket("127.0.0.1:0");
    let mut running = sockkit(&format!("connect -u {}", peer.local_addr().unwrap())).start();
    for part in [&b"first"[..], b"second"] {
        running.write(part);
        // Sent once the input rests, and so before there is any more of it.
        assert_eq!(receive(&peer), part);
    }
    running.close_stdin();
    running.wait().code(0);
}

#[test]
fn u08_more_than_a_datagram_carries_is_refused_and_nothing_of_it_sent() {
    let peer = socket("127.0.0.1:0");
    let addr = peer.local_addr().unwrap();
    let input = vec![b'x'; 65_508];
    let ran = run_from_file(&input, &format!("connect -u {addr}")).code(2);
    assert!(ran.stderr.contains("65507 bytes"), "{}", ran.stderr);
    assert!(ran.stderr.contains("\ntry: --split "), "{}", ran.stderr);
    // The first thing to arrive is what is sent afterwards.
    run_from_file(&input, &format!("connect -u {addr} --send-only --split 40000")).code(0);
    assert_eq!(receive(&peer).len(), 40_000);
    assert_eq!(receive(&peer).len(), 25_508);
}

#[test]
fn an_address_that_refuses_gives_way_to_the_next_one_of_the_host() {
    // Only where localhost has both, which is what goes wrong with other clients.
    let peer = socket("127.0.0.1:0");
    let port = peer.local_addr().unwrap().port();
    let Ok(held) = UdpSocket::bind(("::1", port)) else { return };
    held.connect("[::1]:9").unwrap();
    let mut running = sockkit(&format!("connect -u localhost:{port}")).start();
    running.write(b"q");
    let (request, from) = receive_from(&peer);
    assert_eq!(request, b"q");
    peer.send_to(b"ANSWER", from).unwrap();
    running.stdout.wait_for_text("ANSWER");
    running.close_stdin();
    running.wait().code(0);
}

#[test]
fn a_client_ends_in_time_whatever_it_waits_for() {
    let peer = socket("127.0.0.1:0");
    let addr = peer.local_addr().unwrap();
    for flags in ["--idle-timeout 200ms", "--timeout 200ms", "--recv-only --timeout 200ms"] {
        let running = sockkit(&format!("connect -u {addr} {flags}")).start();
        running.wait().code(5);
    }
    let started = Instant::now();
    sockkit(&format!("connect -u {addr} --recv-only --linger 300ms")).start().wait().code(0);
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[test]
fn our_own_address_and_port_can_be_chosen() {
    let peer = socket("127.0.0.1:0");
    let addr = peer.local_addr().unwrap();
    let args = format!("connect -u {addr} --send-only --from 127.0.0.2");
    sockkit(&args).stdin("q").run().code(0);
    assert_eq!(receive_from(&peer).1.ip().to_string(), "127.0.0.2");
    let held = socket("127.0.0.1:0");
    let args = format!("connect -u {addr} --from {}", held.local_addr().unwrap());
    let ran = sockkit(&args).stdin("q").run().code(7);
    assert!(ran.stderr.contains("address already in use"), "{}", ran.stderr);
}

#[test]
fn a_line_typed_at_a_terminal_is_a_datagram() {
    let peer = socket("127.0.0.1:0");
    let args = format!("connect -u {} --linger 200ms", peer.local_addr().unwrap());
    let mut terminal = Terminal::start(&args, Path::new("."));
    for line in ["one\n", "\n", "two\n"] {
        terminal.screen.wait_for_text("> ");
        terminal.type_in(line);
        let (datagram, from) = receive_from(&peer);
        assert_eq!(datagram, line.as_bytes());
        peer.send_to(format!("got {}", line.len()).as_bytes(), from).unwrap();
        terminal.screen.wait_for_text(&format!("got {}", line.len()));
    }
    terminal.type_in("\u{4}");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_unix_datagram_gets_its_answer_from_a_peer_that_needs_an_address() {
    let (_directory, path) = place();
    let peer = unix_socket(&path);
    // With a path of its own, which is gone at the end.
    let own = path.with_file_name("own");
    let args = format!("connect -u unix:{} --from unix:{}", path.display(), own.display());
    let mut running = sockkit(&args).start();
    running.write(b"q");
    let mut buffer = [0; 100];
    let (len, from) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..len], from.as_pathname()), (&b"q"[..], Some(own.as_path())));
    peer.send_to(b"ANSWER", &own).unwrap();
    running.stdout.wait_for_text("ANSWER");
    running.close_stdin();
    running.wait().code(0);
    assert!(!own.exists());
}

#[test]
fn nobody_at_a_unix_socket_is_said_at_once() {
    let (_directory, path) = place();
    let args = format!("connect -u unix:{}", path.display());
    let ran = sockkit(&args).stdin("q").run().code(4);
    assert!(ran.stderr.contains("no such file or directory"), "{}", ran.stderr);
    drop(unix_socket(&path));
    let ran = sockkit(&args).stdin("q").run().code(4);
    assert!(ran.stderr.contains("connection refused"), "{}", ran.stderr);
}
