//! `listen --udp`: datagrams over UDP and Unix sockets.

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::process::Signal;

use crate::support::peers::datagram::{
    client, receive, receive_from, socket, socket_path, unix_socket,
};
use crate::support::program::events;
use crate::support::recording::{payload_of, read_recording, recording_path};
use crate::support::{Running, Server, beside, eventually, in_namespace, sockkit};

/// Starts `listen -u --json` and waits for its `listening` event.
fn listen_json(args: &str) -> Server {
    let running = sockkit(&format!("listen -u --json {args}")).start();
    let addr = eventually("a listening event", || {
        events(&running, "listening").first().map(|event| event["addr"].clone())
    });
    Server { addr: addr.as_str().unwrap().parse().unwrap(), running }
}

#[test]
fn u04_a_listener_reports_an_empty_datagram_as_data() {
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
fn u06_keep_open_reports_each_client_by_address_and_sends_input_to_all() {
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
fn u06_without_keep_open_only_the_first_client_is_served() {
    let mut server = sockkit("listen -u 0").serve();
    let (first, second) = (client(server.addr), client(server.addr));
    first.send(b"first\n").unwrap();
    server.running.stdout.wait_for_text("first\n");
    second.send(b"second\n").unwrap();
    second.send(b"again\n").unwrap();
    let refusal = format!("refused {}: ", second.local_addr().unwrap());
    server.running.stderr.wait_for_text(&refusal);
    server.running.write(b"answer");
    assert_eq!(receive(&first), b"answer");
    first.send(b"more\n").unwrap();
    server.running.stdout.wait_for_text("more\n");
    let ran = server.stop().code(143);
    assert_eq!(ran.stdout, b"first\nmore\n");
    assert_eq!(ran.stderr.matches(&refusal).count(), 1, "{}", ran.stderr);
}

#[test]
fn u07_a_reply_is_sent_from_the_address_that_the_request_came_to() {
    let mut server = sockkit("listen -u -k 0 --public").serve();
    assert!(server.addr.ip().is_unspecified());
    let asked = [("127.0.0.2:0", "127.0.0.3"), ("127.0.0.1:0", "127.0.0.4"), ("[::1]:0", "::1")];
    for (number, (client, asked)) in asked.into_iter().enumerate() {
        if UdpSocket::bind(client).is_err() {
            continue;
        }
        let asking = socket(client);
        let asked = SocketAddr::new(asked.parse().unwrap(), server.addr.port());
        asking.send_to(b"q", asked).unwrap();
        let (from, here) = (asking.local_addr().unwrap(), format!("local {asked}"));
        server.running.stderr.wait_for(|text| {
            let mut lines =
                text.lines().filter(|line| line.starts_with(&format!("connected {from} ")));
            lines.any(|line| line.contains(&here)).then_some(())
        });
        let answer = format!("answer {number}");
        server.running.write(answer.as_bytes());
        assert_eq!(receive_from(&asking), (answer.into_bytes(), asked));
    }
    server.stop().code(0);
}

#[test]
fn connect_and_listen_exchange_datagrams() {
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
fn a_listener_is_bound_on_both_families_and_a_second_one_fails() {
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
fn a_denied_sender_is_reported_and_its_datagrams_are_dropped() {
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
fn linger_and_idle_timeout_end_a_listener() {
    for (flags, code) in [("--linger 200ms", 0), ("--idle-timeout 200ms", 5)] {
        let mut server = sockkit(&format!("listen -u 0 {flags}")).serve();
        server.running.close_stdin();
        client(server.addr).send(b"last\n").unwrap();
        assert_eq!(server.running.wait().code(code).stdout, b"last\n");
    }
}

/// Starts `listen -u unix:PATH` and waits for its `listening` line.
fn listen_unix(path: &Path, flags: &str) -> Running {
    let running = sockkit(&format!("listen -u unix:{} {flags}", path.display())).start();
    running.stderr.wait_for_text("listening on unix:");
    running
}

#[test]
fn connect_and_listen_exchange_unix_datagrams() {
    let (_directory, path) = socket_path();
    let abstract_name = format!("unix:@sockkit-test-{}", std::process::id());
    for name in [format!("unix:{}", path.display()), abstract_name] {
        let mut server = sockkit(&format!("listen -u {name}")).start();
        server.stderr.wait_for_text("listening on unix:");
        // Without --from, connect binds an address that the server can reply to.
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
fn x01_a_stale_datagram_socket_is_replaced_and_a_live_one_is_refused() {
    let (_directory, path) = socket_path();
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
fn x02_a_regular_file_is_refused_and_not_changed() {
    let (_directory, path) = socket_path();
    std::fs::write(&path, "precious").unwrap();
    sockkit(&format!("listen -u unix:{}", path.display())).run().code(7);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    let args = format!("connect -u unix:@absent --from unix:{}", path.display());
    sockkit(&args).run().code(7);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn x03_the_socket_file_is_removed_after_a_signal() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let (_directory, path) = socket_path();
        let running = listen_unix(&path, "");
        running.signal(signal);
        running.wait().code(code);
        assert!(!path.exists());
        // The socket file that connect has created is removed, too.
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
fn x04_a_too_long_path_is_refused_and_mode_sets_the_permissions() {
    let long = "x".repeat(108);
    let ran = sockkit(&format!("listen -u unix:{long}")).run().code(7);
    assert!(ran.stderr.contains("108 bytes"), "{}", ran.stderr);
    use std::os::unix::fs::PermissionsExt as _;
    let (_directory, path) = socket_path();
    let running = listen_unix(&path, "--mode 600");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    drop(running);
}

#[test]
fn a_sender_without_an_address_delays_no_other() {
    let (_directory, path) = socket_path();
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
fn a_unix_peer_that_does_not_read_delays_no_other() {
    let (_directory, path) = socket_path();
    let mut server = listen_unix(&path, "-k --split lines");
    let stuck = unix_socket(&path.with_file_name("stuck"));
    stuck.send_to(b"stuck\n", &path).unwrap();
    server.stdout.wait_for_text("stuck\n");
    let reading = unix_socket(&path.with_file_name("reading"));
    reading.send_to(b"reading\n", &path).unwrap();
    server.stdout.wait_for_text("reading\n");
    // The queue of the peer that does not read is full after net.unix.max_dgram_qlen datagrams.
    let mut number = 0;
    while !server.stderr.text().contains("stalled") {
        number += 1;
        server.write(format!("{number}\n").as_bytes());
        let mut buffer = [0; 10];
        let len = reading.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], format!("{number}\n").as_bytes());
    }
}

#[test]
fn a_route_that_forbids_replies_is_named() {
    // Replies to the client do not use the table of local addresses, so that a route applies.
    let setup = "ip link set lo up
        ip address add 192.0.2.1 dev lo; ip address add 192.0.2.7 dev lo
        ip rule add pref 5 lookup local; ip rule del pref 0";
    let args = "listen -u 192.0.2.1:9 --split lines";
    let Some(listen) = in_namespace("a route of a listener", setup, args) else { return };
    let mut listen = listen.start();
    listen.stderr.wait_for_text("listening on ");
    beside(&listen, "echo hi | sockkit connect -u 192.0.2.1 9 --from 192.0.2.7 --send-only");
    listen.stderr.wait_for_text("connected 192.0.2.7:");
    beside(&listen, "ip rule add pref 1 from 192.0.2.1 to 192.0.2.7 prohibit");
    listen.write(b"reply\n");
    let ran = listen.wait().code(4);
    let expected = "a route or firewall rule on this machine forbids packets to 192.0.2.7\n";
    assert!(ran.stderr.ends_with(expected), "{}", ran.stderr);
}

#[test]
fn plain_output_is_one_line_for_each_datagram_with_its_sender_and_escaped_payload() {
    let server = sockkit("listen -u -k 0 --plain").serve();
    let clients = [client(server.addr), client(server.addr)];
    let mut expected = String::new();
    for (client, payload, shown) in [
        (&clients[0], &b"one\ttwo\r\nthree\\\n"[..], r"one\ttwo\r\nthree\\\n"),
        (&clients[1], b"caf\xe9 \x1b[2J", r"caf\xe9 \u{1b}[2J"),
        (&clients[1], b"", ""),
        (&clients[0], "ol\u{e1}".as_bytes(), "ol\u{e1}"),
    ] {
        client.send(payload).unwrap();
        expected += &client.local_addr().unwrap().to_string();
        expected += &["\t", shown, "\n"].concat();
        server.running.stdout.wait_for_text(&expected);
    }
    assert_eq!(server.stop().code(0).out(), expected);
}

#[test]
fn a_recording_and_a_hexdump_name_the_sender_and_the_receiver_of_each_datagram() {
    let (_directory, path) = recording_path();
    let mut server = sockkit("listen -u -k 0 --hexdump --record").arg(&path).serve();
    let clients = [client(server.addr), client(server.addr)];
    for (client, word) in clients.iter().zip(["one", "two"]) {
        client.send(word.as_bytes()).unwrap();
        server.running.stdout.wait_for_text(word);
    }
    server.running.write(b"to all");
    for client in &clients {
        assert_eq!(receive(client), b"to all");
    }
    let ran = server.stop().code(0);
    let lines = read_recording(&path);
    for (client, word) in clients.iter().zip(["one", "two"]) {
        let peer = client.local_addr().unwrap().to_string();
        assert_eq!(payload_of(&lines, "in", &peer), word);
        assert_eq!(payload_of(&lines, "out", &peer), "to all");
        let received = format!(" s from {peer}, 3 bytes\n00000000 ");
        let sent = format!(" s to {peer}, 6 bytes\n00000000 ");
        assert!(ran.stderr.contains(&received) && ran.stderr.contains(&sent), "{}", ran.stderr);
    }
}
