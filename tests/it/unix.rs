//! Cases X01 to X04: sockets in the file system and in the abstract namespace, and the files that
//! stand in their way.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Running, eventually, payload, shell, sockkit};

/// A directory with room for a socket.
struct Place {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { path: directory.path().join("socket"), _directory: directory }
    }

    /// `unix:PATH`
    fn word(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    /// Leaves a socket behind that nobody listens on.
    fn leave_stale(&self) {
        drop(UnixListener::bind(&self.path).unwrap());
        assert!(fs::symlink_metadata(&self.path).unwrap().file_type().is_socket());
    }
}

/// Starts a listener and waits until it says where it listens.
fn listen(args: &str) -> Running {
    let running = sockkit(&format!("listen {args}")).start();
    running.stderr.wait_for_text("listening on unix:");
    running
}

fn client(path: &Path) -> UnixStream {
    with_deadlines(UnixStream::connect(path).unwrap())
}

fn with_deadlines(stream: UnixStream) -> UnixStream {
    stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    stream.set_write_timeout(Some(crate::support::PATIENCE)).unwrap();
    stream
}

fn read_to_end(mut stream: &UnixStream) -> Vec<u8> {
    let mut read = Vec::new();
    stream.read_to_end(&mut read).unwrap();
    read
}

fn end(stream: &UnixStream) {
    stream.shutdown(std::net::Shutdown::Write).unwrap();
}

/// Serves one client of a foreign server with an answer after its end, and returns its request.
fn answer_after_the_end(listener: UnixListener, answer: Vec<u8>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut stream = with_deadlines(listener.accept().unwrap().0);
        let request = read_to_end(&stream);
        stream.write_all(&answer).unwrap();
        request
    })
}

#[test]
fn connect_sends_its_input_and_prints_the_answer() {
    let place = Place::new();
    let (request, answer) = (payload(5_000_000), payload(4_999_999));
    let peer = answer_after_the_end(UnixListener::bind(&place.path).unwrap(), answer.clone());
    let ran = sockkit("connect").arg(place.word()).stdin(&request).run().code(0);
    assert!(ran.stdout == answer);
    assert!(peer.join().unwrap() == request);
}

#[test]
fn listen_prints_what_a_client_sends_and_sends_its_input() {
    let place = Place::new();
    let mut running = listen(&place.word());
    let mut client = client(&place.path);
    running.write(b"welcome\n");
    running.close_stdin();
    assert_eq!(read_to_end(&client), b"welcome\n");
    client.write_all(b"late").unwrap();
    end(&client);
    let ran = running.wait().code(0);
    assert_eq!(ran.stdout, b"late");
    assert!(ran.stderr.contains("connected unix:"), "{}", ran.stderr);
    assert!(ran.stderr.contains(": 4 bytes in, 8 bytes out"), "{}", ran.stderr);
}

#[test]
fn many_clients_are_served_at_once_with_keep_open() {
    let place = Place::new();
    let running = listen(&format!("{} --keep-open", place.word()));
    let mut idle = client(&place.path);
    for _ in 0..10 {
        let mut client = client(&place.path);
        client.write_all(b"hello\n").unwrap();
        end(&client);
        assert_eq!(read_to_end(&client), b"");
    }
    idle.write_all(b"still here\n").unwrap();
    let out = running.stdout.wait_for_text("still here\n");
    assert_eq!(out.matches("hello\n").count(), 10);
    running.signal(Signal::TERM);
    running.wait().code(0);
}

#[test]
fn an_abstract_name_needs_no_file() {
    let name = format!("sockkit-test-{}", std::process::id());
    let running = listen(&format!("unix:@{name}"));
    assert!(running.stderr.text().contains(&format!("listening on unix:@{name}")));
    // A foreign program means the same by that name.
    let addr = SocketAddr::from_abstract_name(&name).unwrap();
    let mut stream = with_deadlines(UnixStream::connect_addr(&addr).unwrap());
    stream.write_all(b"hello").unwrap();
    end(&stream);
    assert_eq!(running.wait().code(0).stdout, b"hello");
    let peer = answer_after_the_end(UnixListener::bind_addr(&addr).unwrap(), b"answer".to_vec());
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
    let told = format!("error: cannot listen on {name}: address already in use\n");
    assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
    drop(first);
}

#[test]
fn under_json_the_address_is_the_path_and_there_is_no_port() {
    let place = Place::new();
    let running = sockkit(&format!("listen {} --json", place.word())).start();
    let line = running
        .stdout
        .wait_for(|text| text.lines().next().map(str::to_owned).filter(|_| text.contains('\n')));
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["type"], "listening");
    assert_eq!(event["addr"], place.word());
    assert!(event["port"].is_null(), "{event}");
    end(&client(&place.path));
    running.wait().code(0);
}

#[test]
fn where_nobody_listens_connecting_is_exit_4_with_its_reason() {
    let place = Place::new();
    let ran = sockkit("connect").arg(place.word()).run().code(4);
    let told = format!("error: cannot connect to {}: no such file or directory", place.word());
    assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
    place.leave_stale();
    let ran = sockkit("connect").arg(place.word()).run().code(4);
    let told = format!("error: cannot connect to {}: connection refused", place.word());
    assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
}

#[test]
fn e12b_with_half_open_late_words_reach_a_peer_that_has_ended() {
    let place = Place::new();
    let listener = UnixListener::bind(&place.path).unwrap();
    let peer = thread::spawn(move || {
        let mut stream = with_deadlines(listener.accept().unwrap().0);
        stream.write_all(b"HI").unwrap();
        end(&stream);
        read_to_end(&stream)
    });
    let mut connect = sockkit(&format!("connect {} --half-open", place.word())).start();
    connect.stdout.wait_for_text("HI");
    // Longer than a resting input is waited for without it.
    thread::sleep(Duration::from_millis(500));
    connect.write(b"LATE");
    connect.close_stdin();
    connect.wait().code(0);
    assert_eq!(peer.join().unwrap(), b"LATE");
}

#[test]
fn x01_a_socket_that_nobody_listens_on_any_more_is_replaced() {
    let place = Place::new();
    place.leave_stale();
    let running = listen(&place.word());
    let mut client = client(&place.path);
    client.write_all(b"hello").unwrap();
    end(&client);
    assert_eq!(running.wait().code(0).stdout, b"hello");
}

#[test]
fn x01_a_socket_that_somebody_listens_on_is_refused_and_goes_on() {
    let place = Place::new();
    let first = listen(&format!("{} --keep-open", place.word()));
    let ran = sockkit("listen").arg(place.word()).run().code(7);
    let told = format!("error: cannot listen on {}: address already in use\n", place.word());
    assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
    client(&place.path).write_all(b"hello").unwrap();
    first.stdout.wait_for_text("hello");
    first.signal(Signal::TERM);
    first.wait().code(0);
}

#[test]
fn x02_a_file_that_is_no_socket_is_refused_and_left_alone() {
    let place = Place::new();
    fs::write(&place.path, "precious").unwrap();
    let ran = sockkit("listen").arg(place.word()).run().code(7);
    let told = format!("error: cannot listen on {}: ", place.word());
    assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&place.path).unwrap(), "precious");
    // Nor is it reached through a link.
    let link = place.path.with_extension("link");
    std::os::unix::fs::symlink(&place.path, &link).unwrap();
    sockkit("listen").arg(format!("unix:{}", link.display())).run().code(7);
    assert_eq!(fs::read_to_string(&place.path).unwrap(), "precious");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn x03_the_socket_file_is_gone_however_it_ends() {
    for (signal, code) in [(None, 0), (Some(Signal::TERM), 143), (Some(Signal::INT), 130)] {
        let place = Place::new();
        let running = listen(&place.word());
        assert!(place.path.exists());
        match signal {
            None => end(&client(&place.path)),
            Some(signal) => running.signal(signal),
        }
        running.wait().code(code);
        assert!(!place.path.exists(), "{signal:?}");
    }
    let place = Place::new();
    let running = listen(&format!("{} --keep-open", place.word()));
    running.signal(Signal::TERM);
    running.wait().code(0);
    assert!(!place.path.exists());
}

#[test]
fn x03_what_somebody_else_put_there_meanwhile_stays() {
    let place = Place::new();
    let running = listen(&format!("{} --keep-open", place.word()));
    fs::remove_file(&place.path).unwrap();
    let theirs = UnixListener::bind(&place.path).unwrap();
    running.signal(Signal::TERM);
    running.wait().code(0);
    UnixStream::connect(&place.path).unwrap();
    drop(theirs);
}

#[test]
fn x04_a_path_that_is_too_long_is_refused_with_its_limit() {
    let long = format!("unix:/tmp/{}", "x".repeat(103));
    for (command, code) in [("listen", 7), ("connect", 4)] {
        let ran = sockkit(command).arg(&long).run().code(code);
        assert!(ran.stderr.contains("107"), "{}", ran.stderr);
    }
    // The longest there can be is none too long.
    let directory = tempfile::tempdir_in("/tmp").unwrap();
    let start = directory.path().join("x");
    let room = 107 - start.as_os_str().len();
    let path = PathBuf::from(format!("{}{}", start.display(), "x".repeat(room)));
    let running = listen(&format!("unix:{}", path.display()));
    end(&client(&path));
    running.wait().code(0);
}

#[test]
fn x04_the_mode_holds_before_anybody_can_connect() {
    let place = Place::new();
    let path = place.path.clone();
    // Connects as soon as that is possible at all, and looks then.
    let watching = thread::spawn(move || {
        eventually("somebody listens", || UnixStream::connect(&path).ok());
        fs::metadata(&path).unwrap().permissions().mode() & 0o777
    });
    let script = format!("umask 0; exec sockkit listen {} -k --mode 600", place.word());
    let running = shell(&script).start();
    running.stderr.wait_for_text("listening on unix:");
    assert_eq!(watching.join().unwrap(), 0o600);
    running.signal(Signal::TERM);
    running.wait().code(0);
    sockkit(&format!("listen {} --mode rw", place.word())).run().code(2);
    sockkit("listen 0 --mode 600").run().code(2);
}
