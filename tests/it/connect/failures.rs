//! What `connect` prints when it cannot connect or loses the connection, and its exit code.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::procfs::wait_until_acknowledged;
use crate::support::{ClosedPort, Peer, in_namespace, payload, sockkit};

#[test]
fn c01_a_name_that_does_not_exist_is_exit_3() {
    let ran = sockkit("connect no-such-host.invalid 80 --connect-timeout 20s").run().code(3);
    assert!(ran.stderr.contains("cannot resolve no-such-host.invalid"), "{}", ran.stderr);
    sockkit("listen no-such-host.invalid:0").run().code(3);
}

#[test]
fn c02_a_network_that_cannot_be_reached_is_named_so() {
    // A network of its own has no route to anywhere.
    let connect = "connect 192.0.2.1 80";
    let Some(connect) = in_namespace("c02", "ip link set lo up", connect) else { return };
    let ran = connect.run().code(4);
    let told = "error: cannot connect to 192.0.2.1:80: network unreachable\n";
    assert!(ran.stderr.starts_with(told), "{}", ran.stderr);
}

#[test]
fn c03_a_busy_address_to_connect_from_is_exit_7_and_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let from = taken.local_addr().unwrap();
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = peer.local_addr().unwrap();
    let ran = sockkit(&format!("connect {to} --from {from}")).run().code(7);
    let told = format!("error: cannot connect from {from}: address already in use\n");
    assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
    let ran = sockkit(&format!("connect {to} --from 192.0.2.1")).run().code(7);
    assert!(ran.stderr.contains("192.0.2.1"), "{}", ran.stderr);
}

#[test]
fn c04_silence_beyond_the_idle_limit_is_exit_5() {
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
fn e03_a_reset_is_exit_4() {
    let peer = Peer::start(crate::support::Client::reset);
    let ran = sockkit(&format!("connect {}", peer.addr)).start().wait().code(4);
    assert!(ran.stderr.contains("connection reset by peer"), "{}", ran.stderr);
    assert!(ran.stdout.is_empty());
}

#[test]
fn e03_bytes_the_peer_threw_away_are_no_success() {
    let peer = Peer::start(|mut client| {
        client.read_until("first");
        // Closed with bytes unread: the kernel answers the rest with a reset.
    });
    let sent = [b"first".to_vec(), payload(5_000_000)].concat();
    sockkit(&format!("connect {}", peer.addr)).stdin(sent).run().code(4);
}

#[test]
fn e03b_everything_that_came_before_a_reset_is_printed() {
    let sent = payload(1_000_000);
    let expected = sent.clone();
    let peer = Peer::start(move |mut client| {
        client.send(&sent);
        // A reset throws away what has not arrived; what has is the other end's.
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
fn e04_a_closed_port_is_named_with_its_reason_and_a_hint() {
    let port = ClosedPort::new();
    let ran = sockkit(&format!("connect {}", port.addr())).run().code(4);
    let expected = format!(
        "error: cannot connect to {}: connection refused\n\
         try: another port, or start the server: nothing listens there\n",
        port.addr()
    );
    assert_eq!(ran.stderr, expected);
}

#[test]
fn e05_silence_while_connecting_is_exit_5() {
    // A full backlog answers nothing.
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
fn a_silent_peer_is_exit_5_at_the_deadline_for_everything() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let ran = sockkit(&format!("connect {addr} --timeout 300ms")).start().wait().code(5);
    assert!(ran.stderr.contains("timed out"), "{}", ran.stderr);
}
