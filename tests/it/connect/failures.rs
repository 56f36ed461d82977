//! What `connect` prints when it cannot connect or loses the connection, and its exit code.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::procfs::wait_until_acknowledged;
use crate::support::{ClosedPort, Peer, in_namespace, payload, sockkit};

#[test]
fn c01_an_unknown_host_exits_3() {
    let ran = sockkit("connect no-such-host.invalid 80 --connect-timeout 20s").run().code(3);
    assert!(ran.stderr.contains("cannot resolve no-such-host.invalid"), "{}", ran.stderr);
    sockkit("listen no-such-host.invalid:0").run().code(3);
}

#[test]
fn c02_an_unreachable_network_is_named_and_exits_4() {
    // A new network namespace has no routes.
    let connect = "connect 192.0.2.1 80";
    let Some(connect) = in_namespace("c02", "ip link set lo up", connect) else { return };
    let ran = connect.run().code(4);
    let expected = "error: cannot connect to 192.0.2.1:80: network unreachable\n";
    assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
}

#[test]
fn a_route_that_discards_or_forbids_packets_is_named() {
    let setup = "ip link set lo up
        ip route add blackhole 192.0.2.1
        ip route add prohibit 192.0.2.2
        ip -6 route add blackhole 2001:db8::1
        ip -6 route add prohibit 2001:db8::2";
    let discards = "a route on this machine discards packets to";
    let forbids = "a route or firewall rule on this machine forbids packets to";
    for (ip, reason) in [
        ("192.0.2.1", discards),
        ("192.0.2.2", forbids),
        ("2001:db8::1", discards),
        ("2001:db8::2", forbids),
    ] {
        for command in ["connect", "connect -u", "resolve a.example @"] {
            let args = match command.strip_suffix('@') {
                Some(resolve) => format!("{resolve}@{ip}"),
                None => format!("{command} {ip} 80"),
            };
            let test = "a route that discards or forbids packets";
            let Some(sockkit) = in_namespace(test, setup, &args) else { return };
            let ran = sockkit.run().code(4);
            let expected = format!(" {reason} {ip}\n");
            assert!(ran.stderr.contains(&expected), "{args}: {}", ran.stderr);
        }
    }
}

#[test]
fn a_link_local_address_without_a_zone_lists_the_interfaces() {
    for (args, code) in [
        ("connect fe80::1 80", 4),
        ("connect -u fe80::1 80", 4),
        ("connect ::1 80 --from fe80::1", 7),
        ("listen [fe80::1]:80", 7),
        ("listen -u [fe80::1]:80", 7),
    ] {
        let setup = "ip link set lo up";
        let Some(sockkit) = in_namespace("a missing zone", setup, args) else { return };
        let ran = sockkit.run().code(code);
        let expected = ": a link-local address needs the name of an interface\n\
                        try: fe80::1%INTERFACE, with one of lo\n";
        assert!(ran.stderr.ends_with(expected), "{args}: {}", ran.stderr);
    }
}

#[test]
fn c03_a_busy_source_address_is_named_and_exits_7() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let from = taken.local_addr().unwrap();
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = peer.local_addr().unwrap();
    let ran = sockkit(&format!("connect {to} --from {from}")).run().code(7);
    let expected = format!("error: cannot connect from {from}: address already in use\n");
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
    let ran = sockkit(&format!("connect {to} --from 192.0.2.1")).run().code(7);
    assert!(ran.stderr.contains("192.0.2.1"), "{}", ran.stderr);
}

#[test]
fn c04_an_idle_timeout_exits_5() {
    let peer = Peer::start(|mut client| {
        client.send(b"x");
        client.read_to_end();
    });
    let ran = sockkit(&format!("connect {} --idle-timeout 1s", peer.addr)).start().wait().code(5);
    assert_eq!(ran.stdout, b"x");
    assert!(ran.stderr.contains("timed out"), "{}", ran.stderr);
    peer.join();
}

#[test]
fn e03_a_reset_exits_4() {
    let peer = Peer::start(crate::support::Client::reset);
    let ran = sockkit(&format!("connect {}", peer.addr)).start().wait().code(4);
    assert!(ran.stderr.contains("connection reset by peer"), "{}", ran.stderr);
    assert!(ran.stdout.is_empty());
}

#[test]
fn e03_a_peer_that_closes_with_unread_data_exits_4() {
    let peer = Peer::start(|mut client| {
        client.read_until("first");
        // The peer closes with unread data, so the kernel sends a reset.
    });
    let sent = [b"first".to_vec(), payload(5_000_000)].concat();
    sockkit(&format!("connect {}", peer.addr)).stdin(sent).run().code(4);
}

#[test]
fn e03b_a_reset_after_data_prints_the_data_and_exits_4() {
    let sent = payload(1_000_000);
    let expected = sent.clone();
    let peer = Peer::start(move |mut client| {
        client.send(&sent);
        // A reset discards unacknowledged data, so the peer waits for the acknowledgement first.
        let (local, peer) =
            (client.stream.local_addr().unwrap(), client.stream.peer_addr().unwrap());
        wait_until_acknowledged(local, peer);
        client.reset();
    });
    let ran = sockkit(&format!("connect {}", peer.addr)).start().wait().code(4);
    assert!(ran.stdout == expected, "{} bytes", ran.stdout.len());
    assert!(ran.stderr.contains("connection reset by peer"), "{}", ran.stderr);
}

#[test]
fn e04_a_closed_port_is_reported_with_its_address_reason_and_a_hint() {
    let port = ClosedPort::new();
    let ran = sockkit(&format!("connect {}", port.addr())).run().code(4);
    let expected = format!(
        "error: cannot connect to {}: connection refused\n\
         try: check that the server is running and listening on this port\n",
        port.addr()
    );
    assert_eq!(ran.stderr, expected);
}

#[test]
fn e05_a_connect_timeout_exits_5() {
    // A listener with a full backlog does not answer.
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let addr = listener.local_addr().unwrap().as_socket().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&addr, Duration::from_millis(200)) {
        held.push(stream);
    }
    let started = Instant::now();
    let ran = sockkit(&format!("connect {addr} --connect-timeout 300ms")).run().code(5);
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert!(ran.stderr.contains("timed out"), "{}", ran.stderr);
}

#[test]
fn a_silent_peer_exits_5_when_the_timeout_expires() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let ran = sockkit(&format!("connect {addr} --timeout 300ms")).start().wait().code(5);
    assert!(ran.stderr.contains("timed out"), "{}", ran.stderr);
}
