//! How a connection of `connect` ends: EOF on standard input, EOF from the peer, and the options
//! that change what sockkit waits for.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::{Peer, SLOW_REPLY, TIMEOUT, payload, shell, sockkit};

#[test]
fn e01_a_piped_request_gets_its_whole_reply() {
    let peer = Peer::start(|mut client| {
        let request = client.read_to_end();
        thread::sleep(SLOW_REPLY);
        client.send(b"REPLY");
        request
    });
    let ran = sockkit(&format!("connect {}", peer.addr)).stdin("req\n").run().code(0);
    assert_eq!(ran.stdout, b"REPLY");
    assert_eq!(ran.stderr, "");
    assert_eq!(peer.join(), b"req\n");
}

#[test]
fn e02_eof_from_the_peer_ends_the_run_while_standard_input_is_open() {
    let peer = Peer::start(|mut client| client.send(b"BYE"));
    let running = sockkit(&format!("connect {}", peer.addr)).start();
    let ran = running.wait().code(0);
    assert_eq!(ran.stdout, b"BYE");
}

#[test]
fn e12_pending_input_is_still_sent_after_eof_from_the_peer() {
    let peer = Peer::start(|mut client| {
        client.shut_down();
        client.read_to_end()
    });
    let sent = payload(5_000_000);
    sockkit(&format!("connect {}", peer.addr)).stdin(&sent).run().code(0);
    assert!(peer.join() == sent);
    // The same between connect and listen, when the input of connect is empty.
    let listen = sockkit("listen 0").serve();
    let mut connect = sockkit(&format!("connect 127.0.0.1 {}", listen.port())).start();
    connect.close_stdin();
    let mut listening = listen.running;
    listening.write(&sent);
    listening.close_stdin();
    assert!(connect.wait().code(0).stdout == sent);
    listening.wait().code(0);
}

#[test]
fn e12_idle_standard_input_is_not_waited_for_after_eof_from_the_peer() {
    let peer = Peer::start(|mut client| {
        client.send(b"HI");
        client.shut_down();
        client.read_to_end()
    });
    let ran = sockkit(&format!("connect {}", peer.addr)).start().wait().code(0);
    assert_eq!(ran.stdout, b"HI");
    assert!(ran.stderr.contains("unread standard input was discarded"), "{}", ran.stderr);
    assert_eq!(peer.join(), b"");
}

#[test]
fn e12_half_open_delivers_late_input_after_eof_from_the_peer() {
    let peer = Peer::start(|mut client| {
        client.send(b"HI");
        client.shut_down();
        client.read_to_end()
    });
    let mut connect = sockkit(&format!("connect {} --half-open", peer.addr)).start();
    connect.stdout.wait_for_text("HI");
    thread::sleep(SLOW_REPLY);
    connect.write(b"LATE");
    connect.close_stdin();
    assert_eq!(connect.wait().code(0).stdout, b"HI");
    assert_eq!(peer.join(), b"LATE");
}

#[test]
fn e24_send_only_ends_once_the_peer_has_acknowledged_everything() {
    let sent = payload(5_000_000);
    let (end, ended) = mpsc::channel();
    let peer = Peer::start(move |mut client| {
        // sockkit discards this data, which must not block the transfer.
        client.send(payload(1_000_000));
        let read = client.read_to_end();
        // sockkit ends although the peer does not close.
        ended.recv_timeout(TIMEOUT).unwrap();
        read
    });
    let connect = format!("connect {} --send-only -v", peer.addr);
    let ran = sockkit(&connect).stdin(&sent).run().code(0);
    end.send(()).unwrap();
    assert!(ran.stdout.is_empty());
    assert!(ran.stderr.contains("(sent)"), "{}", ran.stderr);
    assert!(peer.join() == sent);
}

#[test]
fn e24_linger_limits_the_wait_for_the_peer_to_close() {
    let peer = Peer::start(|mut client| {
        let read = client.read_to_end();
        // The peer keeps its side open until sockkit has closed the connection.
        client.stream.set_nonblocking(false).unwrap();
        while std::io::Write::write(&mut client.stream, b".").is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
        read
    });
    let connect = format!("connect {} --linger 300ms", peer.addr);
    let ran = sockkit(&connect).stdin("data").run().code(5);
    assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    assert_eq!(peer.join(), b"data");
}

#[test]
fn e24_recv_only_does_not_read_standard_input_or_shut_down_its_side() {
    let peer = Peer::start(|mut client| {
        client.send(b"data");
        client.stream.set_read_timeout(Some(SLOW_REPLY)).unwrap();
        let nothing = std::io::Read::read(&mut client.stream, &mut [0]);
        nothing.unwrap_err().kind()
    });
    let script = format!("sockkit connect {} --recv-only; cat", peer.addr);
    let ran = shell(&script).stdin("for cat").run().code(0);
    assert_eq!(ran.stdout, b"datafor cat");
    assert_eq!(peer.join(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn e25_eof_on_both_sides_ends_the_run_before_the_idle_timeout() {
    // Longer than the timeout of the test.
    const IDLE: &str = "--idle-timeout 10m";
    let peer = Peer::start(|mut client| client.read_to_end());
    sockkit(&format!("connect {} {IDLE}", peer.addr)).stdin("data").run().code(0);
    assert_eq!(peer.join(), b"data");
    let mut listen = sockkit(&format!("listen 0 {IDLE}")).serve();
    let mut client = listen.client();
    listen.running.write(b"data");
    listen.running.close_stdin();
    assert_eq!(client.read_to_end(), b"data");
    client.shut_down();
    listen.running.wait().code(0);
}

#[test]
fn e26_a_tar_pipeline_transfers_a_directory_tree() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let written = payload(5_000_000);
    std::fs::create_dir(from.path().join("dir")).unwrap();
    std::fs::write(from.path().join("dir/large"), &written).unwrap();
    std::fs::write(from.path().join("empty"), b"").unwrap();
    let receive = "set -o pipefail; sockkit listen 0 < /dev/null | tar x";
    let receiving = shell(receive).dir(to.path()).serve();
    let send = format!("set -o pipefail; tar c . | sockkit connect {}", receiving.addr);
    shell(&send).dir(from.path()).run().code(0);
    receiving.running.wait().code(0);
    assert!(std::fs::read(to.path().join("dir/large")).unwrap() == written);
    assert_eq!(std::fs::read(to.path().join("empty")).unwrap(), b"");
}

#[test]
fn a_fifo_whose_writer_has_exited_is_read_to_eof() {
    let directory = tempfile::tempdir().unwrap();
    let peer = Peer::start(|mut client| client.read_to_end());
    let script = format!(
        "mkfifo f; printf hi > f & exec 3< f; wait; exec sockkit connect {} <&3 3<&-",
        peer.addr
    );
    shell(&script).dir(directory.path()).run().code(0);
    assert_eq!(peer.join(), b"hi");
}

#[test]
fn half_open_passes_eof_from_the_server_to_a_filter() {
    let listen = sockkit("listen 0").serve();
    let script =
        format!("mkfifo fifo; sockkit connect {} --half-open < fifo | sort > fifo", listen.addr);
    let directory = tempfile::tempdir().unwrap();
    let connect = shell(&script).dir(directory.path()).start();
    let mut running = listen.running;
    running.write(b"pear\napple\n");
    running.close_stdin();
    assert_eq!(running.wait().code(0).out(), "apple\npear\n");
    connect.wait().code(0);
}
