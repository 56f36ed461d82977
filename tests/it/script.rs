//! `connect` and `listen` as a script says.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;

use crate::support::{ClosedPort, Peer, Ran, Sockkit, sockkit};

/// A folder with a script in it.
struct Scripted {
    folder: tempfile::TempDir,
}

impl Scripted {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("s.txt"), text).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `sockkit ARGS… --script s.txt`, run where the script is.
    fn sockkit(&self, args: &str) -> Sockkit {
        sockkit(args).arg("--script").arg("s.txt").dir(self.folder.path())
    }
}

/// A mail server that greets, takes one line and says goodbye; it returns the line.
fn mail(greeting: &'static str) -> Peer<String> {
    Peer::start(move |mut client| {
        client.send(greeting);
        let line = client.line();
        client.send("221 bye\r\n");
        line
    })
}

#[track_caller]
fn says(ran: &Ran, parts: &[&str]) {
    for part in parts {
        assert!(ran.stderr.contains(part), "{part:?} is not in {}", ran.stderr);
    }
}

#[test]
fn send_and_expect_are_taken_in_their_order() {
    let peer = mail("220 here\r\n");
    let ran = sockkit(&format!("connect {}", peer.addr))
        .arg("--expect")
        .arg("^220 .*\\r\\n")
        .arg("--send")
        .arg("QUIT\\r\\n")
        .arg("--expect")
        .arg("/^221/ 30s")
        .start()
        .wait()
        .code(0);
    assert_eq!(ran.stdout, b"220 here\r\n221 bye\r\n");
    assert_eq!(ran.stderr, "");
    assert_eq!(peer.join(), "QUIT");
}

#[test]
fn a_script_is_followed_to_its_end() {
    let script = Scripted::new(
        "# a client\nexpect /^220 .*\\r\\n/ 30s\nsend \"QUIT\\r\\n\"\nexpect \"221 bye\\r\\n\" 30s\nexpect-end 30s\n",
    );
    let peer = mail("220 here\r\n");
    let ran = script.sockkit(&format!("connect {}", peer.addr)).start().wait().code(0);
    assert_eq!(ran.stdout, b"220 here\r\n221 bye\r\n");
    assert_eq!(peer.join(), "QUIT");
}

#[test]
fn an_expectation_that_is_not_met_is_exit_1_and_shows_what_came_instead() {
    let peer = Peer::start(|mut client| {
        client.send("421 busy\r\n");
        client.read_to_end()
    });
    let script = Scripted::new("# mail\n\nexpect /^220/ 3s\nsend \"QUIT\\r\\n\"\n");
    let ran = script.sockkit(&format!("connect {}", peer.addr)).start().wait().code(1);
    assert_eq!(ran.stdout, b"421 busy\r\n");
    let expected = "error: expect /^220/ was not met within 3s (s.txt:3)\n\
                    cause: what came instead: \"421 busy\\r\\n\"\n";
    assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
    assert_eq!(peer.join(), b"");
}

#[test]
fn an_expectation_of_a_peer_that_ends_is_given_up_at_once() {
    let peer = Peer::start(|mut client| client.send("421 busy\r\n"));
    let ran = sockkit(&format!("connect {}", peer.addr))
        .arg("--expect")
        .arg("/^220/ 1h")
        .start()
        .wait()
        .code(1);
    says(&ran, &["expect /^220/ was not met before the peer's end (--expect)", "421 busy"]);
}

#[test]
fn a_peer_that_says_nothing_is_told_as_such() {
    let peer = Peer::start(|mut client| client.read_to_end());
    let ran = sockkit(&format!("connect {} --expect", peer.addr))
        .arg("/^220/ 200ms")
        .start()
        .wait()
        .code(1);
    says(&ran, &["was not met within 200ms", "cause: nothing came"]);
}

#[test]
fn the_deadline_for_everything_is_exit_5_in_the_middle_of_a_script() {
    let peer = Peer::start(|mut client| client.read_to_end());
    let script = Scripted::new("expect /^220/ 1h\n");
    let connect = format!("connect {} --timeout 3s", peer.addr);
    let ran = script.sockkit(&connect).start().wait().code(5);
    says(&ran, &["timed out in expect /^220/ (s.txt:1)"]);
}

#[test]
fn a_wrong_script_is_exit_2_before_anything_is_dialled() {
    let port = ClosedPort::new();
    let script = Scripted::new("# mail\n  expect 220\n");
    let ran = script.sockkit(&format!("connect {}", port.addr())).run().code(2);
    says(&ran, &["s.txt:2:10: what to expect is missing", "try: /REGEX/"]);
    fs::write(script.path("s.txt"), "send-file none\n").unwrap();
    let ran = script.sockkit(&format!("connect {}", port.addr())).run().code(8);
    says(&ran, &["s.txt:1:11: cannot read none: no such file or directory"]);
    let ran = script.sockkit("listen 0").run().code(8);
    says(&ran, &["s.txt:1:11"]);
    fs::remove_file(script.path("s.txt")).unwrap();
    let ran = script.sockkit(&format!("connect {}", port.addr())).run().code(8);
    says(&ran, &["cannot read s.txt: no such file or directory"]);
}

#[test]
fn a_large_file_is_sent_while_the_answer_comes() {
    let script = Scripted::new("send-file all.bin\nclose-write\nexpect-end 1m\n");
    let all: Vec<u8> = (0..=255).cycle().take(8_000_000).collect();
    fs::write(script.path("all.bin"), &all).unwrap();
    let server = sockkit("echo-server 0").serve();
    let ran = script.sockkit(&format!("connect {}", server.addr)).start().wait().code(0);
    assert!(ran.stdout == all);
}

#[test]
fn a_script_can_end_in_a_reset() {
    let peer = Peer::start(|mut client| {
        client.send("hello\n");
        let mut buffer = [0; 16];
        client.stream.read(&mut buffer).map_err(|error| error.kind())
    });
    let script = Scripted::new("expect \"hello\\n\" 30s\nreset\n");
    script.sockkit(&format!("connect {}", peer.addr)).start().wait().code(0);
    assert_eq!(peer.join(), Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_listener_can_be_a_mock_server() {
    let script = Scripted::new(
        "send \"220 mock\\r\\n\"\nexpect /^EHLO .*\\r\\n/i 30s\nsend \"250 mock\\r\\n\"\nclose-write\nexpect-end 30s\n",
    );
    let listen = script.sockkit("listen 0").serve();
    let mut client = listen.client();
    assert_eq!(client.line(), "220 mock");
    client.send("ehlo me\r\n");
    assert_eq!(client.read_to_end(), b"250 mock\r\n");
    client.end();
    let ran = listen.running.wait().code(0);
    assert_eq!(ran.stdout, b"ehlo me\r\n");
}

#[test]
fn a_mock_server_plays_its_script_for_every_client() {
    let script = Scripted::new("send-file greeting\nexpect \"x\" 30s\nsend \"bye\"\n");
    fs::write(script.path("greeting"), "hello\n").unwrap();
    let listen = script.sockkit("listen 0 --keep-open").serve();
    let mut clients: Vec<_> = (0..3).map(|_| listen.client()).collect();
    for client in &mut clients {
        assert_eq!(client.line(), "hello");
    }
    for mut client in clients {
        client.send("x");
        client.end();
        assert_eq!(client.read_to_end(), b"bye");
    }
    listen.stop().code(0);
}

#[test]
fn a_mock_server_that_is_not_sent_what_it_expects_is_exit_1() {
    let script = Scripted::new("expect /^EHLO/ 30s\n");
    let listen = script.sockkit("listen 0").serve();
    let mut client = listen.client();
    client.send("HELO me\r\n");
    client.end();
    let ran = listen.running.wait().code(1);
    says(&ran, &["expect /^EHLO/ was not met before the peer's end (s.txt:1)", "HELO me"]);
}

#[test]
fn two_scripts_can_talk_to_each_other() {
    let server = Scripted::new(
        "send \"220 mock\\r\\n\"\nexpect \"QUIT\\r\\n\" 30s\nsend \"221 bye\\r\\n\"\nclose-write\nexpect-end 30s\n",
    );
    let client = Scripted::new(
        "expect /^220 .*\\r\\n/ 30s\nsend \"QUIT\\r\\n\"\nexpect /^221 .*\\r\\n/ 30s\nexpect-end 30s\n",
    );
    let listen = server.sockkit("listen 0").serve();
    let ran = client.sockkit(&format!("connect {}", listen.addr)).start().wait().code(0);
    assert_eq!(ran.stdout, b"220 mock\r\n221 bye\r\n");
    assert_eq!(listen.running.wait().code(0).stdout, b"QUIT\r\n");
}
