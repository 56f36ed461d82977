//! `connect unix:PATH`.

use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

use crate::support::peers::unix::{
    SocketPath, read_to_end, reply_after_eof, shut_down, with_deadlines,
};
use crate::support::{payload, sockkit};

#[test]
fn connect_sends_its_input_and_prints_the_answer() {
    let socket = SocketPath::new();
    let (request, answer) = (payload(5_000_000), payload(4_999_999));
    let peer = reply_after_eof(UnixListener::bind(&socket.path).unwrap(), answer.clone());
    let ran = sockkit("connect").arg(socket.endpoint()).stdin(&request).run().code(0);
    assert!(ran.stdout == answer);
    assert!(peer.join().unwrap() == request);
}

#[test]
fn a_socket_without_a_listener_exits_4_with_the_reason() {
    let socket = SocketPath::new();
    let ran = sockkit("connect").arg(socket.endpoint()).run().code(4);
    let expected =
        format!("error: cannot connect to {}: no such file or directory", socket.endpoint());
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
    socket.leave_stale();
    let ran = sockkit("connect").arg(socket.endpoint()).run().code(4);
    let expected = format!("error: cannot connect to {}: connection refused", socket.endpoint());
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
}

#[test]
fn a_path_that_is_not_a_socket_is_named_without_a_hint_about_ports() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [directory.path(), &file] {
        for flags in ["", "--udp"] {
            let to = format!("unix:{}", path.display());
            let ran = sockkit(&format!("connect {flags}")).arg(&to).run().code(4);
            let expected = format!("error: cannot connect to {to}: not a socket\n");
            assert_eq!(ran.stderr, expected);
        }
    }
    let socket = SocketPath::new();
    socket.leave_stale();
    let ran = sockkit("connect").arg(socket.endpoint()).run().code(4);
    assert!(ran.stderr.ends_with("running and listening on this path\n"), "{}", ran.stderr);
}

#[test]
fn e12b_half_open_delivers_late_input_after_eof_from_the_peer() {
    let socket = SocketPath::new();
    let listener = UnixListener::bind(&socket.path).unwrap();
    let peer = thread::spawn(move || {
        let mut stream = with_deadlines(listener.accept().unwrap().0);
        stream.write_all(b"HI").unwrap();
        shut_down(&stream);
        read_to_end(&stream)
    });
    let mut connect = sockkit(&format!("connect {} --half-open", socket.endpoint())).start();
    connect.stdout.wait_for_text("HI");
    // Longer than sockkit waits for idle input without --half-open.
    thread::sleep(Duration::from_millis(500));
    connect.write(b"LATE");
    connect.close_stdin();
    connect.wait().code(0);
    assert_eq!(peer.join().unwrap(), b"LATE");
}
