//! `connect --udp` and `listen --udp`: datagrams, whole and counted, over UDP and Unix sockets.

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{PATIENCE, Ran, Running, Server, Sockkit, Terminal, eventually, sockkit};

/// A foreign UDP socket with a deadline on everything.
fn socket(addr: &str) -> UdpSocket {
    let socket = UdpSocket::bind(addr).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A foreign client of `addr`, which takes answers from there alone.
fn client(addr: SocketAddr) -> UdpSocket {
    let client = socket(if addr.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" });
    client.connect(addr).unwrap();
    client
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    receive_from(socket).0
}

fn receive_from(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 70_000];
    let (len, from) = socket.recv_from(&mut buffer).unwrap();
    buffer.truncate(len);
    (buffer, from)
}

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

/// The events of standard output so far that have this type.
fn events(running: &Running, kind: &str) -> Vec<Value> {
    let text = running.stdout.text();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let all = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|event| event["type"] == kind).collect()
}

/// `listen` under `--json`, and where.
fn listen_json(args: &str) -> Server {
    let running = sockkit(&format!("listen -u --json {args}")).start();
    let addr = eventually("a listening event", || {
        events(&running, "listening").first().map(|event| event["addr"].clone())
    });
    Server { addr: addr.as_str().unwrap().parse().unwrap(), running }
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
fn u04_a_listener_takes_an_empty_datagram_for_a_datagram_too() {
    let server = listen_json("0");
    let client = client(server.addr);
    client.send(b"").unwrap();
    client.send(b"after").unwrap();
    let data = eventually("two data events", || {
        let data = events(&server.running, "data");
        (data.len() == 2).then_some(data)
    });
    assert_eq!((&data[0]["text"], &data[1]["text"]), (&"".into(), &"after".into()));
    server.stop().code(143);
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
fn u06_every_client_is_shown_by_name_and_gets_what_is_said() {
    let mut server = listen_json("-k 0");
    let addr = server.addr;
    let clients = [client(addr), client(addr)];
    for (client, word) in clients.iter().zip(["one", "two"]) {
        client.send(word.as_bytes()).unwrap();
    }
    let data = eventually("both clients' data", || {
        let data = events(&server.running, "data");
        (data.len() == 2).then_some(data)
    });
    let peer = |text: &str| {
        let event = data.iter().find(|event| event["text"] == text).unwrap();
        event["peer"].as_str().unwrap().to_owned()
    };
    for (client, word) in clients.iter().zip(["one", "two"]) {
        assert_eq!(peer(word), client.local_addr().unwrap().to_string());
    }
    assert_eq!(events(&server.running, "connected").len(), 2);
    server.running.write(b"to all");
    for client in &clients {
        assert_eq!(receive(client), b"to all");
    }
    let ran = server.stop().code(0);
    let closed = ran.out().lines().filter(|line| line.contains(r#""type":"closed""#)).count();
    assert_eq!(closed, 2);
}

#[test]
fn u06_without_keep_open_the_first_to_come_is_the_only_one() {
    let mut server = sockkit("listen -u 0").serve();
    let (first, second) = (client(server.addr), client(server.addr));
    first.send(b"first\n").unwrap();
    server.running.stdout.wait_for_text("first\n");
    second.send(b"second\n").unwrap();
    second.send(b"again\n").unwrap();
    let stranger = format!("refused {}: ", second.local_addr().unwrap());
    server.running.stderr.wait_for_text(&stranger);
    server.running.write(b"answer");
    assert_eq!(receive(&first), b"answer");
    first.send(b"more\n").unwrap();
    server.running.stdout.wait_for_text("more\n");
    let ran = server.stop().code(143);
    assert_eq!(ran.stdout, b"first\nmore\n");
    assert_eq!(ran.stderr.matches(&stranger).count(), 1, "{}", ran.stderr);
}

#[test]
fn u07_an_answer_leaves_from_the_address_that_was_asked() {
    let mut server = sockkit("listen -u -k 0 --public").serve();
    assert!(server.addr.ip().is_unspecified());
    let asked = [("127.0.0.2:0", "127.0.0.3"), ("127.0.0.1:0", "127.0.0.4"), ("[::1]:0", "::1")];
    for (number, (ours, asked)) in asked.into_iter().enumerate() {
        if UdpSocket::bind(ours).is_err() {
            continue;
        }
        let asking = socket(ours);
        let asked = SocketAddr::new(asked.parse().unwrap(), server.addr.port());
        asking.send_to(b"q", asked).unwrap();
        let here = format!("{} (here {asked})", asking.local_addr().unwrap());
        server.running.stderr.wait_for_text(&here);
        let answer = format!("answer {number}");
        server.running.write(answer.as_bytes());
        assert_eq!(receive_from(&asking), (answer.into_bytes(), asked));
    }
    server.stop().code(0);
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
fn both_sides_are_ours_and_both_hear_each_other() {
    let mut server = sockkit("listen -u 0").serve();
    let mut running = sockkit(&format!("connect -u 127.0.0.1 {}", server.port())).start();
    running.write(b"question");
    server.running.stdout.wait_for_text("question");
    server.running.write(b"answer");
    running.stdout.wait_for_text("answer");
    running.close_stdin();
    running.wait().code(0);
    server.stop().code(143);
}

#[test]
fn a_listener_is_on_both_families_and_its_port_is_not_shared() {
    let server = sockkit("listen -u -k 0").serve();
    let Ok(v6) = UdpSocket::bind("[::1]:0") else { return };
    v6.send_to(b"over six\n", ("::1", server.addr.port())).unwrap();
    server.running.stdout.wait_for_text("over six\n");
    let ran = sockkit(&format!("listen -u {}", server.port())).run().code(7);
    let expected = format!("error: cannot listen on {}: address already in use\n", server.addr);
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
    server.stop().code(0);
}

#[test]
fn who_is_not_allowed_is_told_of_and_not_heard() {
    let server = sockkit("listen -u -k 0 --deny 127.0.0.2").serve();
    let denied = socket("127.0.0.2:0");
    denied.send_to(b"psst", server.addr).unwrap();
    let refused = format!("refused {}: not allowed", denied.local_addr().unwrap());
    server.running.stderr.wait_for_text(&refused);
    client(server.addr).send(b"hello\n").unwrap();
    server.running.stdout.wait_for_text("hello\n");
    assert_eq!(server.stop().code(0).stdout, b"hello\n");
}

#[test]
fn a_listener_ends_when_it_was_told_to() {
    for (flags, code) in [("--linger 200ms", 0), ("--idle-timeout 200ms", 5)] {
        let mut server = sockkit(&format!("listen -u 0 {flags}")).serve();
        server.running.close_stdin();
        client(server.addr).send(b"last\n").unwrap();
        assert_eq!(server.running.wait().code(code).stdout, b"last\n");
    }
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
fn flags_that_are_for_datagrams_only_say_so() {
    let ran = sockkit("connect 127.0.0.1 9 --split lines").run().code(2);
    assert!(ran.stderr.contains("--split is for datagrams\ntry: --udp"), "{}", ran.stderr);
    sockkit("connect -u tls://127.0.0.1:9").run().code(2);
    sockkit("connect -u 127.0.0.1 9 --half-open").run().code(2);
    for size in ["0", "65508", "line", "-1"] {
        sockkit("connect -u 127.0.0.1 9").arg(format!("--split={size}")).run().code(2);
    }
}

/// A directory, and the path of a socket in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    (directory, path)
}

fn unix_socket(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// `listen -u unix:PATH`, once it listens.
fn listen_unix(path: &Path, flags: &str) -> Running {
    let running = sockkit(&format!("listen -u unix:{} {flags}", path.display())).start();
    running.stderr.wait_for_text("listening on unix:");
    running
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
fn unix_datagrams_go_both_ways_between_two_of_ours() {
    let (_directory, path) = place();
    let abstract_name = format!("unix:@sockkit-test-{}", std::process::id());
    for name in [format!("unix:{}", path.display()), abstract_name] {
        let mut server = sockkit(&format!("listen -u {name}")).start();
        server.stderr.wait_for_text("listening on unix:");
        // Without a name of its own: it is given one that can be answered.
        let mut running = sockkit(&format!("connect -u {name}")).start();
        running.write(b"question");
        server.stdout.wait_for_text("question");
        server.write(b"answer");
        running.stdout.wait_for_text("answer");
        running.close_stdin();
        running.wait().code(0);
        server.signal(Signal::TERM);
        server.wait().code(143);
    }
    assert!(!path.exists());
}

#[test]
fn x01_a_dead_sockets_file_is_reused_and_a_live_ones_is_refused() {
    let (_directory, path) = place();
    drop(unix_socket(&path));
    assert!(path.exists());
    let live = listen_unix(&path, "");
    let args = format!("listen -u unix:{}", path.display());
    let ran = sockkit(&args).run().code(7);
    assert!(ran.stderr.contains("address already in use"), "{}", ran.stderr);
    let sender = UnixDatagram::unbound().unwrap();
    sender.send_to(b"still here\n", &path).unwrap();
    live.stdout.wait_for_text("still here\n");
}

#[test]
fn x02_a_regular_file_is_refused_and_stays_as_it_is() {
    let (_directory, path) = place();
    std::fs::write(&path, "precious").unwrap();
    sockkit(&format!("listen -u unix:{}", path.display())).run().code(7);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    let args = format!("connect -u unix:@nobody --from unix:{}", path.display());
    sockkit(&args).run().code(7);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn x03_the_sockets_file_is_gone_after_every_kind_of_end() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let (_directory, path) = place();
        let running = listen_unix(&path, "");
        running.signal(signal);
        running.wait().code(code);
        assert!(!path.exists());
        // The client's own file, too.
        let peer = unix_socket(&path);
        let own = path.with_file_name("own");
        let args = format!("connect -u unix:{} --from unix:{}", path.display(), own.display());
        let mut running = sockkit(&args).start();
        running.write(b"q");
        peer.recv(&mut [0; 10]).unwrap();
        assert!(own.exists());
        running.signal(signal);
        running.wait().code(code);
        assert!(!own.exists());
    }
}

#[test]
fn x04_a_path_too_long_is_told_and_the_mode_holds() {
    let long = "x".repeat(108);
    let ran = sockkit(&format!("listen -u unix:{long}")).run().code(7);
    assert!(ran.stderr.contains("108 bytes"), "{}", ran.stderr);
    use std::os::unix::fs::PermissionsExt as _;
    let (_directory, path) = place();
    let running = listen_unix(&path, "--mode 600");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    drop(running);
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

#[test]
fn a_peer_without_a_name_is_heard_and_holds_nobody_up() {
    let (_directory, path) = place();
    let mut server = listen_unix(&path, "-k");
    UnixDatagram::unbound().unwrap().send_to(b"nameless\n", &path).unwrap();
    server.stdout.wait_for_text("nameless\n");
    let named = unix_socket(&path.with_file_name("named"));
    named.send_to(b"named\n", &path).unwrap();
    server.stdout.wait_for_text("named\n");
    server.write(b"answer");
    let mut buffer = [0; 10];
    let len = named.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"answer");
}

#[test]
fn a_unix_peer_that_does_not_read_keeps_nobody_else_waiting() {
    let (_directory, path) = place();
    let mut server = listen_unix(&path, "-k --split lines");
    let stuck = unix_socket(&path.with_file_name("stuck"));
    stuck.send_to(b"stuck\n", &path).unwrap();
    server.stdout.wait_for_text("stuck\n");
    let reading = unix_socket(&path.with_file_name("reading"));
    reading.send_to(b"reading\n", &path).unwrap();
    server.stdout.wait_for_text("reading\n");
    // Sooner or later the queue of the one that does not read is full (net.unix.max_dgram_qlen).
    let mut number = 0;
    while !server.stderr.text().contains("it does not read what it is sent") {
        number += 1;
        server.write(format!("{number}\n").as_bytes());
        let mut buffer = [0; 10];
        let len = reading.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], format!("{number}\n").as_bytes());
    }
}
