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
    Place, answer_after_the_end, client, end, read_to_end, with_deadlines,
};
use crate::support::{Running, eventually, shell, sockkit};

/// Starts a listener and waits until it says where it listens.
fn listen(args: &str) -> Running {
    let running = sockkit(&format!("listen {args}")).start();
    running.stderr.wait_for_text("listening on unix:");
    running
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

#[test]
fn asking_for_a_taken_unix_path_does_not_take_its_only_client() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listening = UnixListener::bind(&path).unwrap();
    listening.set_nonblocking(true).unwrap();
    sockkit(&format!("listen unix:{}", path.display())).run().code(7);
    assert_eq!(listening.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    UnixStream::connect(&path).unwrap();
}
