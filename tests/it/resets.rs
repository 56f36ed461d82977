//! FIN means that a stream is complete: after every other end, the connection is reset, so that no
//! receiver takes a part for the whole.

use std::io::{ErrorKind, Read as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::program::exec;
use crate::support::recording::{course_of, read_recording, recording_path};
use crate::support::{Client, Peer, TIMEOUT, eventually, payload, shell, sockkit};

/// More than the kernel buffers for a peer that does not read.
const LARGE: u32 = 40_000_000;

/// What a peer received, and whether the end was FIN.
struct Received {
    bytes: usize,
    is_complete: bool,
}

fn receive(client: &mut Client) -> Received {
    let mut bytes = Vec::new();
    let end = client.stream.read_to_end(&mut bytes);
    if let Err(error) = &end {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    Received { bytes: bytes.len(), is_complete: end.is_ok() }
}

/// A peer that reads nothing until it is told to, and then everything.
fn late_reader() -> (mpsc::Sender<()>, Peer<Received>) {
    let (start, started) = mpsc::channel();
    let peer = Peer::start(move |mut client| {
        started.recv_timeout(TIMEOUT).unwrap();
        receive(&mut client)
    });
    (start, peer)
}

#[test]
fn a_stop_in_the_middle_of_a_file_resets_the_connection() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let (start, peer) = late_reader();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), payload(LARGE)).unwrap();
        let script = format!("exec sockkit connect {} -v < file", peer.addr);
        let connect = shell(&script).dir(directory.path()).start();
        connect.stderr.wait_for_text("connected");
        connect.signal(signal);
        let ran = connect.wait().code(code);
        assert!(ran.stderr.contains("cut off"), "{}", ran.stderr);
        start.send(()).unwrap();
        assert!(!peer.join().is_complete);
    }
}

#[test]
fn a_stop_while_the_input_is_idle_sends_what_is_owed_and_fin() {
    let peer = Peer::start(|mut client| receive(&mut client));
    let mut connect = sockkit(&format!("connect {} -v", peer.addr)).start();
    connect.stderr.wait_for_text("connected");
    connect.write(&payload(5_000_000));
    connect.signal(Signal::TERM);
    // The pipe stays open. What sockkit had not read from it decides how the connection ends.
    let ran = connect.wait().code(143);
    let received = peer.join();
    if received.is_complete {
        assert_eq!(received.bytes, 5_000_000);
        assert!(ran.stderr.contains("(stopped)"), "{}", ran.stderr);
    } else {
        assert!(ran.stderr.contains("cut off"), "{}", ran.stderr);
    }
}

#[test]
fn a_stop_after_all_input_was_sent_ends_with_fin() {
    let (seen, saw) = mpsc::channel();
    let peer = Peer::start(move |mut client| {
        client.read_until("last line\n");
        seen.send(()).unwrap();
        receive(&mut client)
    });
    let mut connect = sockkit(&format!("connect {} -v", peer.addr)).start();
    connect.write(b"last line\n");
    saw.recv_timeout(TIMEOUT).unwrap();
    connect.signal(Signal::TERM);
    let ran = connect.wait().code(143);
    assert!(ran.stderr.contains("(stopped)"), "{}", ran.stderr);
    assert!(peer.join().is_complete);
}

#[test]
fn a_timeout_in_the_middle_of_a_file_resets_the_connection() {
    let (start, peer) = late_reader();
    sockkit(&format!("connect {} --timeout 500ms", peer.addr)).stdin(payload(LARGE)).run().code(5);
    start.send(()).unwrap();
    assert!(!peer.join().is_complete);
}

#[test]
fn an_input_that_cannot_be_read_resets_the_connection() {
    let peer = Peer::start(|mut client| receive(&mut client));
    shell(&format!("exec sockkit connect {} < /", peer.addr)).run().code(8);
    assert!(!peer.join().is_complete);
    let listen = shell("exec sockkit listen 0 < /").serve();
    let mut client = listen.client();
    assert!(!receive(&mut client).is_complete);
    listen.running.wait().code(8);
}

#[test]
fn a_failed_script_resets_the_connection() {
    let peer = Peer::start(|mut client| {
        client.send(b"421 busy\r\n");
        receive(&mut client)
    });
    sockkit(&format!("connect {} --expect ^220 --send QUIT --timeout 500ms", peer.addr)).run();
    assert!(!peer.join().is_complete);
}

#[test]
fn a_stopped_listener_resets_a_client_that_does_not_have_the_whole_file() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), payload(LARGE)).unwrap();
    for flags in ["", "--keep-open"] {
        let script = format!("exec sockkit listen 0 -4 {flags} < file");
        let listen = shell(&script).dir(directory.path()).serve();
        let mut client = listen.client();
        let mut first = [0; 1];
        client.stream.read_exact(&mut first).unwrap();
        listen.running.signal(Signal::TERM);
        listen.running.wait().code(143);
        let received = receive(&mut client);
        assert!(!received.is_complete && received.bytes < LARGE as usize, "{flags}");
    }
}

#[test]
fn a_stopped_listener_whose_input_is_idle_ends_its_clients_with_fin() {
    let mut listen = sockkit("listen 0 -4 --keep-open --grace 2s").serve();
    let mut clients = [listen.client(), listen.client()];
    for client in &mut clients {
        client.send(b"<here>");
    }
    listen.running.stdout.wait_for(|out| (out.matches("<here>").count() == 2).then_some(()));
    listen.running.write(b"news\n");
    for client in &mut clients {
        assert_eq!(client.line(), "news");
    }
    listen.running.signal(Signal::TERM);
    for mut client in clients {
        assert!(receive(&mut client).is_complete);
    }
    let ran = listen.running.wait().code(0);
    assert_eq!(ran.stderr.matches("(eof)").count() + ran.stderr.matches("(stopped)").count(), 2);
}

#[test]
fn a_sole_client_is_never_cut_off_however_slowly_it_reads() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), payload(LARGE)).unwrap();
    let listen = shell("exec sockkit listen 0 -4 --keep-open < file").dir(directory.path()).serve();
    let mut client = listen.client();
    // Longer than the 5 s after which an earlier version cut the client off.
    std::thread::sleep(Duration::from_secs(8));
    let received = receive(&mut client);
    assert!(received.is_complete && received.bytes == LARGE as usize);
    client.shut_down();
    listen.stop().code(0);
}

#[test]
fn no_shutdown_withholds_fin_until_the_peer_closes() {
    // A server that discards its answer if the client has shut down its side.
    let peer = Peer::start(|mut client| {
        assert_eq!(client.line(), "Q");
        client.stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let fin = client.stream.read(&mut [0; 1]).is_ok();
        client.stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        if !fin {
            client.send(b"answer\n");
        }
        client.shut_down();
        receive(&mut client).is_complete
    });
    let connect = format!("connect {} --no-shutdown", peer.addr);
    assert_eq!(sockkit(&connect).stdin("Q\n").run().code(0).out(), "answer\n");
    assert!(peer.join());
}

#[test]
fn the_end_of_a_program_ends_the_connection_with_fin_and_a_stop_does_not() {
    let listen = exec("listen 0", "echo done").serve();
    let mut client = listen.client();
    assert!(receive(&mut client).is_complete);
    client.shut_down();
    listen.running.wait().code(0);
    let listen = exec("listen 0 --grace 100ms", "yes").serve();
    let mut client = listen.client();
    client.read_until("y\n");
    listen.running.signal(Signal::TERM);
    listen.running.wait().code(143);
    assert!(!receive(&mut client).is_complete);
}

#[test]
fn a_truncated_stream_over_a_unix_socket_is_told_by_the_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sock");
    let listener = UnixListener::bind(&path).unwrap();
    let connect = format!("connect unix:{} --timeout 500ms", path.display());
    let ran = sockkit(&connect).stdin(payload(LARGE)).run().code(5);
    assert!(ran.stderr.contains("timed out"), "{}", ran.stderr);
    // The peer sees EOF, because a Unix socket has no reset.
    let mut bytes = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut bytes).unwrap();
    assert!(bytes.len() < LARGE as usize);
}

#[test]
fn a_connected_line_that_cannot_be_printed_resets_the_connection() {
    let (directory, path) = recording_path();
    let peer = Peer::start(|mut client| receive(&mut client));
    let script =
        format!("exec sockkit connect {} --json --record talk.jsonl > /dev/full", peer.addr);
    shell(&script).dir(directory.path()).run().code(8);
    assert!(!peer.join().is_complete);
    let lines = read_recording(&path);
    assert_eq!(course_of(&lines), ["connected", "end local reset", "closed"]);
    assert_eq!(lines[3]["reason"], "cannot write output: no space left on device");
}

#[test]
fn a_listener_whose_connected_line_cannot_be_printed_resets_the_client() {
    for flags in ["", "--keep-open"] {
        let directory = tempfile::tempdir().unwrap();
        // Files may grow to 1,024 bytes: the `listening` line fits.
        let script = format!(
            "trap '' XFSZ; ulimit -f 1; head -c 940 /dev/zero > out; \
             exec sockkit listen 0 -4 --json {flags} --port-file port >> out"
        );
        let listen = shell(&script).dir(directory.path()).start();
        let port = eventually("the server listens", || {
            std::fs::read_to_string(directory.path().join("port")).ok()?.trim().parse().ok()
        });
        let mut client = Client::connect(SocketAddr::from(([127, 0, 0, 1], port)));
        assert!(!receive(&mut client).is_complete, "{flags}");
        listen.wait().code(8);
    }
}

#[test]
fn a_killed_client_resets_the_connection() {
    let (seen, saw) = mpsc::channel();
    let peer = Peer::start(move |mut client| {
        client.read_until("first half");
        seen.send(()).unwrap();
        receive(&mut client)
    });
    let mut connect = sockkit(&format!("connect {}", peer.addr)).start();
    connect.write(b"the first half");
    saw.recv_timeout(TIMEOUT).unwrap();
    connect.signal(Signal::KILL);
    assert!(!peer.join().is_complete);
}

#[test]
fn a_second_stop_resets_a_client_that_does_not_have_everything() {
    let mut listen = sockkit("listen 0 -4 --keep-open --grace 1m").serve();
    let mut client = listen.client();
    // The input stays open and idle, so the first stop sends the rest and FIN.
    listen.running.write(&payload(3_600_000));
    client.stream.read_exact(&mut [0; 1]).unwrap();
    listen.running.signal(Signal::TERM);
    listen.running.stderr.wait_for_text("stopping");
    listen.running.signal(Signal::TERM);
    listen.running.wait().code(143);
    let received = receive(&mut client);
    assert!(!received.is_complete || received.bytes == 3_599_999, "{} bytes", received.bytes);
}
