//! `connect --udp`: datagrams over UDP and Unix sockets, each sent and printed whole.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::peers::datagram::{receive, receive_from, socket, socket_path, unix_socket};
use crate::support::program::events;
use crate::support::{
    Outcome, Sockkit, TIMEOUT, Terminal, beside, eventually, in_namespace, sockkit,
};

/// A port that refuses datagrams while its socket is open, because the socket is connected to
/// another address.
fn refusing_port(addr: &str) -> (UdpSocket, SocketAddr) {
    let held = socket(addr);
    let addr = held.local_addr().unwrap();
    let elsewhere = if addr.is_ipv4() { "127.0.0.1:9" } else { "[::1]:9" };
    held.connect(elsewhere).unwrap();
    (held, addr)
}

/// `sockkit ARGS…` with a file that holds `bytes` as standard input.
fn with_input(bytes: &[u8], args: &str) -> (tempfile::TempDir, Sockkit) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("input");
    std::fs::write(&path, bytes).unwrap();
    let mut command = Command::new("sh");
    let script = format!("exec {} {args} < {}", env!("CARGO_BIN_EXE_sockkit"), path.display());
    command.args(["-c", &script]);
    (directory, Sockkit::of(command))
}

fn run_with_input(bytes: &[u8], args: &str) -> Outcome {
    let (_directory, sockkit) = with_input(bytes, args);
    sockkit.run()
}

/// A member of a group: a socket that is bound to the group's address, possibly with others.
fn member(group: SocketAddr) -> UdpSocket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&group.into()).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    socket.into()
}

/// Answers one datagram that `member` receives, from another address, and returns that address.
fn answer(member: UdpSocket, from: &str) -> (SocketAddr, thread::JoinHandle<()>) {
    let answers = socket(from);
    let addr = answers.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (request, from) = receive_from(&member);
        assert_eq!(request, b"who?");
        answers.send_to(b"me\n", from).unwrap();
    });
    (addr, thread)
}

#[test]
fn a_broadcast_accepts_answers_from_other_addresses_and_shows_each_sender() {
    // The broadcast address of the loopback network. Each member receives the datagram.
    let first = member("127.255.255.255:0".parse().unwrap());
    let group = first.local_addr().unwrap();
    let second = member(group);
    let answering = [answer(first, "127.0.0.1:0"), answer(second, "127.0.0.2:0")];
    let ran = sockkit(&format!("connect -u {group} --linger 2s")).stdin("who?").run().code(0);
    assert_eq!(ran.out(), "me\nme\n");
    for (addr, thread) in answering {
        thread.join().unwrap();
        let note = format!("note: answer from {addr}\n");
        assert_eq!(ran.stderr.matches(&note).count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn a_multicast_group_answers_from_the_addresses_of_its_members() {
    let first = member("239.255.77.1:0".parse().unwrap());
    let group = first.local_addr().unwrap();
    first.join_multicast_v4(&Ipv4Addr::new(239, 255, 77, 1), &Ipv4Addr::LOCALHOST).unwrap();
    let (addr, thread) = answer(first, "127.0.0.1:0");
    let connect = format!("connect -u {group} --from 127.0.0.1 --linger 2s --json");
    let ran = sockkit(&connect).stdin("who?").run().code(0);
    thread.join().unwrap();
    let data = format!("{{\"type\":\"data\",\"peer\":\"{addr}\",\"text\":\"me\\n\"}}\n");
    assert!(ran.out().contains(&data), "{}", ran.out());
}

#[test]
fn u01_a_late_answer_is_printed_before_the_run_ends() {
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
fn u02_a_closed_port_is_reported_as_refused_and_exits_4() {
    let (_held, addr) = refusing_port("127.0.0.1:0");
    for flags in ["", "--send-only", "--split lines"] {
        let ran = sockkit(&format!("connect -u {addr} {flags}")).stdin("1\n2\n").run().code(4);
        let expected = format!("error: cannot connect to udp://{addr}: connection refused\ntry: ");
        assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
    }
}

#[test]
fn u02_a_port_that_closes_after_an_answer_exits_4() {
    let peer = socket("127.0.0.1:0");
    let addr = peer.local_addr().unwrap();
    let mut running = sockkit(&format!("connect -u {addr} --split lines")).start();
    running.write(b"one\n");
    let (_, from) = receive_from(&peer);
    peer.send_to(b"ANSWER", from).unwrap();
    running.stdout.wait_for_text("ANSWER");
    // A socket connected to another address refuses datagrams from the client.
    peer.connect("127.0.0.1:9").unwrap();
    running.write(b"two\n");
    let ran = running.wait().code(4);
    assert_eq!(ran.stdout, b"ANSWER");
    assert!(ran.stderr.contains(&format!("{addr} failed: connection refused")), "{}", ran.stderr);
}

#[test]
fn u03_a_missing_answer_is_reported() {
    let peer = socket("127.0.0.1:0");
    let addr = peer.local_addr().unwrap();
    let ran = sockkit(&format!("connect -u {addr} --linger 300ms")).stdin("q").run().code(0);
    let expected =
        "note: no reply within 300ms; UDP does not report whether the peer received the data\n";
    assert_eq!(ran.stderr, expected);
    assert_eq!(receive(&peer), b"q");
    let ran = sockkit(&format!("connect -u {addr} --linger 300ms")).run().code(0);
    assert_eq!(ran.stderr, "note: standard input was empty; nothing was sent\n");
}

#[test]
fn u04_an_empty_datagram_is_data_and_not_eof() {
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
fn u05_the_longest_datagram_arrives_whole_in_both_directions() {
    let longest: String = ('!'..='~').cycle().take(65_507).collect();
    let peer = socket("127.0.0.1:0");
    let args = format!("connect -u {} --linger 60s", peer.local_addr().unwrap());
    let (_directory, sockkit) = with_input(longest.as_bytes(), &args);
    let running = sockkit.start();
    let (datagram, from) = receive_from(&peer);
    assert!(datagram == longest.as_bytes());
    peer.send_to(&datagram, from).unwrap();
    running.stdout.wait_for(|text| (text == longest).then_some(()));
}

#[test]
fn u05_input_is_split_only_as_split_says() {
    for (flags, input, expected) in [
        ("--split lines", "one\n\ntwo\nlast", &["one\n", "\n", "two\n", "last"][..]),
        ("--split 3", "abcdefg", &["abc", "def", "g"]),
        ("", "one\ntwo\n", &["one\ntwo\n"]),
        ("--split lines --crlf --delay 10ms", "one\ntwo\r\n", &["one\r\n", "two\r\n"]),
    ] {
        let peer = socket("127.0.0.1:0");
        let addr = peer.local_addr().unwrap();
        run_with_input(input.as_bytes(), &format!("connect -u {addr} --send-only {flags}")).code(0);
        let received: Vec<_> = expected.iter().map(|_| receive(&peer)).collect();
        let expected: Vec<_> = expected.iter().map(|text| text.as_bytes().to_vec()).collect();
        assert_eq!(received, expected);
    }
}

#[test]
fn u05_input_written_at_different_times_is_sent_in_separate_datagrams() {
    let peer = socket("127.0.0.1:0");
    let mut running = sockkit(&format!("connect -u {}", peer.local_addr().unwrap())).start();
    for part in [&b"first"[..], b"second"] {
        running.write(part);
        // sockkit sends as soon as one read returns, before more input arrives.
        assert_eq!(receive(&peer), part);
    }
    running.close_stdin();
    running.wait().code(0);
}

#[test]
fn u08_input_longer_than_a_datagram_is_refused_and_none_of_it_is_sent() {
    let peer = socket("127.0.0.1:0");
    let addr = peer.local_addr().unwrap();
    let input = vec![b'x'; 65_508];
    let ran = run_with_input(&input, &format!("connect -u {addr}")).code(2);
    assert!(ran.stderr.contains("65507 bytes"), "{}", ran.stderr);
    assert!(ran.stderr.contains("\ntry: --split "), "{}", ran.stderr);
    // The first datagram to arrive is from this run.
    run_with_input(&input, &format!("connect -u {addr} --send-only --split 40000")).code(0);
    assert_eq!(receive(&peer).len(), 40_000);
    assert_eq!(receive(&peer).len(), 25_508);
}

#[test]
fn when_one_address_of_a_host_refuses_the_next_is_used() {
    // This needs a localhost with both families.
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
fn idle_timeout_timeout_and_linger_end_a_run_that_waits() {
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
fn from_sets_the_source_address_and_port() {
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
fn each_line_typed_at_a_terminal_is_one_datagram() {
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
fn from_gives_a_unix_datagram_client_a_path_that_the_peer_can_answer() {
    let (_directory, path) = socket_path();
    let peer = unix_socket(&path);
    // The path given with --from is removed at exit.
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
fn a_unix_datagram_socket_without_a_receiver_exits_4() {
    let (_directory, path) = socket_path();
    let args = format!("connect -u unix:{}", path.display());
    let ran = sockkit(&args).stdin("q").run().code(4);
    assert!(ran.stderr.contains("no such file or directory"), "{}", ran.stderr);
    drop(unix_socket(&path));
    let ran = sockkit(&args).stdin("q").run().code(4);
    assert!(ran.stderr.contains("connection refused"), "{}", ran.stderr);
}

#[test]
fn a_route_that_appears_during_an_exchange_is_named_as_for_a_connection() {
    for (kind, reason) in [
        ("blackhole", "a route on this machine discards packets to 192.0.2.7"),
        ("prohibit", "a route or firewall rule on this machine forbids packets to 192.0.2.7"),
    ] {
        let setup = "ip link set lo up; ip route add 192.0.2.0/24 dev lo";
        let args = "connect -u 192.0.2.7 9 --split lines --hexdump";
        let Some(connect) = in_namespace("a route of an exchange", setup, args) else { return };
        let mut connect = connect.start();
        connect.write(b"before\n");
        connect.stderr.wait_for_text("before");
        beside(&connect, &format!("ip route add {kind} 192.0.2.7"));
        connect.write(b"after\n");
        let ran = connect.wait().code(4);
        let expected = format!("error: writing to 192.0.2.7:9 failed: {reason}\n");
        assert!(ran.stderr.contains(&expected), "{}", ran.stderr);
    }
}
