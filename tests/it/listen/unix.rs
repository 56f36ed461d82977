//! `listen unix:PATH`: sockets in the file system and in the abstract namespace, and the files that
//! occupy their paths.

use std::io::Write as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::{fs, thread};

use rustix::process::Signal;

use crate::support::peers::unix::{
    SocketPath, client, read_to_end, reply_after_eof, shut_down, with_deadlines,
};
use crate::support::{Running, eventually, shell, sockkit};

/// Starts a listener and waits for its `listening` line.
fn listen(args: &str) -> Running {
    let running = sockkit(&format!("listen {args}")).start();
    running.stderr.wait_for_text("listening on unix:");
    running
}

#[test]
fn listen_prints_what_a_client_sends_and_sends_its_input() {
    let socket = SocketPath::new();
    let mut running = listen(&socket.endpoint());
    let mut client = client(&socket.path);
    running.write(b"welcome\n");
    running.close_stdin();
    assert_eq!(read_to_end(&client), b"welcome\n");
    client.write_all(b"late").unwrap();
    shut_down(&client);
    let ran = running.wait().code(0);
    assert_eq!(ran.stdout, b"late");
    assert!(ran.stderr.contains("connected unix:"), "{}", ran.stderr);
    assert!(ran.stderr.contains(": 4 bytes in, 8 bytes out"), "{}", ran.stderr);
}

#[test]
fn keep_open_serves_many_clients_at_once() {
    let socket = SocketPath::new();
    let running = listen(&format!("{} --keep-open", socket.endpoint()));
    let mut idle = client(&socket.path);
    for _ in 0..10 {
        let mut client = client(&socket.path);
        client.write_all(b"hello\n").unwrap();
        shut_down(&client);
        assert_eq!(read_to_end(&client), b"");
    }
    idle.write_all(b"still here\n").unwrap();
    let out = running.stdout.wait_for_text("still here\n");
    assert_eq!(out.matches("hello\n").count(), 10);
    running.signal(Signal::TERM);
    running.wait().code(0);
}

#[test]
fn an_abstract_name_creates_no_file() {
    let name = format!("sockkit-test-{}", std::process::id());
    let running = listen(&format!("unix:@{name}"));
    assert!(running.stderr.text().contains(&format!("listening on unix:@{name}")));
    // The kernel has the socket under that name.
    let addr = SocketAddr::from_abstract_name(&name).unwrap();
    let mut stream = with_deadlines(UnixStream::connect_addr(&addr).unwrap());
    stream.write_all(b"hello").unwrap();
    shut_down(&stream);
    assert_eq!(running.wait().code(0).stdout, b"hello");
    let peer = reply_after_eof(UnixListener::bind_addr(&addr).unwrap(), b"answer".to_vec());
    let ran = sockkit(&format!("connect unix:@{name}")).stdin("request").run().code(0);
    assert_eq!(ran.stdout, b"answer");
    assert_eq!(peer.join().unwrap(), b"request");
    assert!(!Path::new(&format!("@{name}")).exists());
}

#[test]
fn a_second_listener_on_an_abstract_name_fails() {
    let name = format!("unix:@sockkit-test-twice-{}", std::process::id());
    let first = listen(&name);
    let ran = sockkit(&format!("listen {name}")).run().code(7);
    let expected = format!("error: cannot listen on {name}: address already in use\n");
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
    drop(first);
}

#[test]
fn json_reports_the_path_and_no_port() {
    let socket = SocketPath::new();
    let running = sockkit(&format!("listen {} --json", socket.endpoint())).start();
    let line = running
        .stdout
        .wait_for(|text| text.lines().next().map(str::to_owned).filter(|_| text.contains('\n')));
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["type"], "listening");
    assert_eq!(event["addr"], socket.endpoint());
    assert!(event["port"].is_null(), "{event}");
    shut_down(&client(&socket.path));
    running.wait().code(0);
}

#[test]
fn x01_a_stale_socket_file_is_replaced() {
    let socket = SocketPath::new();
    socket.leave_stale();
    let running = listen(&socket.endpoint());
    let mut client = client(&socket.path);
    client.write_all(b"hello").unwrap();
    shut_down(&client);
    assert_eq!(running.wait().code(0).stdout, b"hello");
}

#[test]
fn x01_a_live_socket_is_refused_and_keeps_working() {
    let socket = SocketPath::new();
    let first = listen(&format!("{} --keep-open", socket.endpoint()));
    let ran = sockkit("listen").arg(socket.endpoint()).run().code(7);
    let expected =
        format!("error: cannot listen on {}: address already in use\n", socket.endpoint());
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
    client(&socket.path).write_all(b"hello").unwrap();
    first.stdout.wait_for_text("hello");
    first.signal(Signal::TERM);
    first.wait().code(0);
}

#[test]
fn x02_a_file_that_is_not_a_socket_is_refused_and_not_changed() {
    let socket = SocketPath::new();
    fs::write(&socket.path, "precious").unwrap();
    let ran = sockkit("listen").arg(socket.endpoint()).run().code(7);
    let expected = format!("error: cannot listen on {}: ", socket.endpoint());
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&socket.path).unwrap(), "precious");
    // A symbolic link to the file is refused, too.
    let link = socket.path.with_extension("link");
    std::os::unix::fs::symlink(&socket.path, &link).unwrap();
    sockkit("listen").arg(format!("unix:{}", link.display())).run().code(7);
    assert_eq!(fs::read_to_string(&socket.path).unwrap(), "precious");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn x03_the_socket_file_is_removed_at_every_exit() {
    for (signal, code) in [(None, 0), (Some(Signal::TERM), 143), (Some(Signal::INT), 130)] {
        let socket = SocketPath::new();
        let running = listen(&socket.endpoint());
        assert!(socket.path.exists());
        match signal {
            None => shut_down(&client(&socket.path)),
            Some(signal) => running.signal(signal),
        }
        running.wait().code(code);
        assert!(!socket.path.exists(), "{signal:?}");
    }
    let socket = SocketPath::new();
    let running = listen(&format!("{} --keep-open", socket.endpoint()));
    running.signal(Signal::TERM);
    running.wait().code(0);
    assert!(!socket.path.exists());
}

#[test]
fn x03_a_socket_file_that_another_process_created_is_not_removed() {
    let socket = SocketPath::new();
    let running = listen(&format!("{} --keep-open", socket.endpoint()));
    fs::remove_file(&socket.path).unwrap();
    let other = UnixListener::bind(&socket.path).unwrap();
    running.signal(Signal::TERM);
    running.wait().code(0);
    UnixStream::connect(&socket.path).unwrap();
    drop(other);
}

#[test]
fn x04_a_too_long_path_is_refused_with_the_limit() {
    let long = format!("unix:/tmp/{}", "x".repeat(103));
    for (command, code) in [("listen", 7), ("connect", 4)] {
        let ran = sockkit(command).arg(&long).run().code(code);
        assert!(ran.stderr.contains("107"), "{}", ran.stderr);
    }
    // A path of exactly 107 bytes works.
    let directory = tempfile::tempdir_in("/tmp").unwrap();
    let start = directory.path().join("x");
    let room = 107 - start.as_os_str().len();
    let path = PathBuf::from(format!("{}{}", start.display(), "x".repeat(room)));
    let running = listen(&format!("unix:{}", path.display()));
    shut_down(&client(&path));
    running.wait().code(0);
}

#[test]
fn x04_mode_is_applied_before_a_client_can_connect() {
    let socket = SocketPath::new();
    let path = socket.path.clone();
    // Connects as early as possible, and reads the mode then.
    let watching = thread::spawn(move || {
        eventually("a socket listens", || UnixStream::connect(&path).ok());
        fs::metadata(&path).unwrap().permissions().mode() & 0o777
    });
    let script = format!("umask 0; exec sockkit listen {} -k --mode 600", socket.endpoint());
    let running = shell(&script).start();
    running.stderr.wait_for_text("listening on unix:");
    assert_eq!(watching.join().unwrap(), 0o600);
    running.signal(Signal::TERM);
    running.wait().code(0);
    sockkit(&format!("listen {} --mode rw", socket.endpoint())).run().code(2);
    sockkit("listen 0 --mode 600").run().code(2);
}

#[test]
fn checking_a_live_socket_leaves_no_connection_in_its_queue() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listening = UnixListener::bind(&path).unwrap();
    listening.set_nonblocking(true).unwrap();
    sockkit(&format!("listen unix:{}", path.display())).run().code(7);
    assert_eq!(listening.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    UnixStream::connect(&path).unwrap();
}
