//! Who ends what, and when: stops, ends that come while others go on, and what is kept meanwhile.

use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;

use crate::support::{Peer, payload, shell, sockkit};

#[test]
fn a_fifo_whose_writer_has_left_already_ends_our_input() {
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
fn a_client_of_many_that_has_ended_still_gets_all_that_is_there_to_give() {
    let much = payload(4 * 1024 * 1024);
    let mut listen = sockkit("listen 127.0.0.1:0 --keep-open").serve();
    let mut client = listen.client();
    client.send("GET\n");
    client.end();
    listen.running.write(&much);
    listen.running.close_stdin();
    let got = client.read_to_end();
    assert!(got == much, "{} bytes came", got.len());
    listen.stop().code(0);
}

#[test]
fn what_was_read_when_the_last_client_left_is_for_the_next_one() {
    let mut listen = sockkit("listen 127.0.0.1:0 --keep-open").serve();
    let mut first = listen.client();
    first.send("first");
    listen.running.stdout.wait_for_text("first");
    first.end();
    first.read_to_end();
    listen.running.stderr.wait_for_text("closed ");
    listen.running.write(b"for you\n");
    let mut second = listen.client();
    assert_eq!(second.line(), "for you");
    listen.stop().code(0);
}

#[test]
fn a_listener_that_is_stopped_lets_an_upload_end_within_the_grace() {
    let listen = sockkit("listen 127.0.0.1:0 --keep-open --grace 20s").serve();
    let mut client = listen.client();
    client.send("one ");
    listen.running.stdout.wait_for_text("one ");
    listen.running.signal(rustix::process::Signal::TERM);
    // Our side is over, and the client may still finish.
    assert_eq!(client.recv(), b"");
    client.send("two");
    client.end();
    assert_eq!(listen.running.wait().code(0).out(), "one two");
}

#[test]
fn a_tls_client_of_a_listener_that_is_stopped_sees_an_end_in_order() {
    let listen = sockkit("listen 127.0.0.1:0 --keep-open --tls --self-signed").serve();
    let mut connect = sockkit(&format!("connect {} --tls --insecure", listen.addr)).start();
    connect.write(b"here\n");
    listen.running.stdout.wait_for_text("here");
    listen.running.signal(rustix::process::Signal::TERM);
    connect.wait().code(0);
    listen.running.wait().code(0);
}

#[test]
fn a_client_that_is_cut_off_is_no_success() {
    let directory = tempfile::tempdir().unwrap();
    let program = "exec 3<>/dev/tcp/127.0.0.1/$SOCKKIT_LISTEN_PORT; printf begun >&3; \
                   sleep 30 <&3 >/dev/null 2>&1 & echo $! > left_behind";
    let listen = sockkit("listen 127.0.0.1:0 --grace 300ms --").arg("bash").arg("-c").arg(program);
    let ran = listen.dir(directory.path()).run().code(5);
    assert_eq!(ran.out(), "begun");
    assert!(ran.stderr.contains("--grace"), "{}", ran.stderr);
    // What was left behind ends with this test.
    let number = std::fs::read_to_string(directory.path().join("left_behind")).unwrap();
    Command::new("kill").arg(number.trim()).status().unwrap();
}

#[test]
fn a_script_that_was_played_does_not_wait_for_a_peer_that_stays() {
    let peer = Peer::start(|mut client| {
        client.send("220 hi\r\n");
        client.read_to_end();
        // To the end of the other side, and then some.
        std::thread::sleep(std::time::Duration::from_secs(3));
    });
    sockkit(&format!("connect {} --expect ^220", peer.addr)).run().code(0);
    peer.join();
}

#[test]
fn one_failure_of_many_scripted_clients_fails_the_listener() {
    let listen = sockkit("listen 127.0.0.1:0 --keep-open --expect ^yes").serve();
    for (said, fails) in [("yes", false), ("no", true), ("yes", false)] {
        let mut client = listen.client();
        client.send(said);
        client.end();
        client.read_to_end();
        if fails {
            listen.running.stderr.wait_for_text("was not met");
        }
    }
    listen.stop().code(1);
}

#[test]
fn a_mock_server_nobody_came_to_is_no_success() {
    let ran = sockkit("listen 127.0.0.1:0 --expect ^yes -- true").run().code(1);
    assert!(ran.stderr.contains("nobody came"), "{}", ran.stderr);
}

#[test]
fn flags_that_mean_nothing_beside_a_script_are_refused() {
    for flag in ["--crlf", "--delay 1s", "--idle-timeout 1s", "--half-open", "--recv-only"] {
        let ran = sockkit(&format!("connect 127.0.0.1:1 --expect x {flag}")).run().code(2);
        assert!(ran.stderr.contains("does not go with a script"), "{}", ran.stderr);
    }
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
