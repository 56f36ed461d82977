//! Standard streams that are closed, or shared with a shell.

use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};

use rustix::fs::{OFlags, fcntl_getfl};

use crate::support::{KillOnDrop, Peer, eventually, shell};

#[test]
fn e13_and_e37_a_closed_standard_stream_is_not_confused_with_the_socket() {
    for closing in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let peer = Peer::start(|mut client| {
            client.send(b"hello");
            client.read_to_end()
        });
        let ran = shell(&format!("exec sockkit connect {} {closing}", peer.addr)).run();
        // sockkit sends the peer neither the peer's own data nor a message.
        assert_eq!(peer.join(), b"", "{closing}");
        if closing == "<&-" {
            assert_eq!(ran.code(0).stdout, b"hello");
        }
    }
    for closing in ["<&-", ">&-", "<&- >&-"] {
        let listen = shell(&format!("exec sockkit listen 0 {closing}")).serve();
        let mut client = listen.client();
        client.send(b"hello");
        client.shut_down();
        assert_eq!(client.read_to_end(), b"", "{closing}");
        listen.running.wait();
    }
}

#[test]
fn e14_a_stream_shared_with_a_shell_stays_in_blocking_mode() {
    let peer = Peer::start(|mut client| {
        client.send(b"hello");
        client.read_until("bye\n")
    });
    let (stdin, mut input) = std::io::pipe().unwrap();
    let (mut output, stdout) = std::io::pipe().unwrap();
    let nonblocking = || {
        let flags = [fcntl_getfl(stdin.as_fd()), fcntl_getfl(stdout.as_fd())];
        flags.into_iter().any(|flags| flags.unwrap().contains(OFlags::NONBLOCK))
    };
    let child = Command::new(env!("CARGO_BIN_EXE_sockkit"))
        .args(["connect", &peer.addr.to_string()])
        .stdin(stdin.try_clone().unwrap())
        .stdout(stdout.try_clone().unwrap())
        .stderr(Stdio::null())
        .spawn();
    let mut child = KillOnDrop(child.unwrap());
    use std::io::{Read as _, Write as _};
    output.read_exact(&mut [0; 5]).unwrap();
    assert!(!nonblocking(), "while it runs");
    input.write_all(b"bye\n").unwrap();
    peer.join();
    eventually("the end", || child.0.try_wait().unwrap());
    assert!(!nonblocking(), "when it has ended");
}
