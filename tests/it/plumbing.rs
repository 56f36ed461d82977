//! Cases E13, E14 and E37 to E39: standard streams and terminals that are closed, shared or hurt.

use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::process::Signal;

use crate::support::{Killed, Peer, Terminal, eventually, shell};

#[test]
fn e13_and_e37_closed_standard_streams_do_no_harm() {
    for closing in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let peer = Peer::start(|mut client| {
            client.send(b"hello");
            client.read_to_end()
        });
        let ran = shell(&format!("exec sockkit connect {} {closing}", peer.addr)).run();
        // Nothing the peer sent may come back to it, nothing else reach it.
        assert_eq!(peer.join(), b"", "{closing}");
        if closing == "<&-" {
            assert_eq!(ran.code(0).stdout, b"hello");
        }
    }
    for closing in ["<&-", ">&-", "<&- >&-"] {
        let listen = shell(&format!("exec sockkit listen 0 {closing}")).serve();
        let mut client = listen.client();
        client.send(b"hello");
        client.end();
        assert_eq!(client.read_to_end(), b"", "{closing}");
        listen.running.wait();
    }
}

#[test]
fn e14_streams_shared_with_a_shell_are_left_as_they_were() {
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
    let mut child = Killed(child.unwrap());
    use std::io::{Read as _, Write as _};
    output.read_exact(&mut [0; 5]).unwrap();
    assert!(!nonblocking(), "while it runs");
    input.write_all(b"bye\n").unwrap();
    peer.join();
    eventually("the end", || child.0.try_wait().unwrap());
    assert!(!nonblocking(), "when it has ended");
}

#[test]
fn e38_the_terminal_is_as_it_was_however_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    for how in ["the peer's end", "Ctrl-D", "Ctrl-C", "SIGTERM"] {
        let peer = Peer::start(move |mut client| {
            client.send(b"hello\r\n");
            if how == "the peer's end" {
                client.read_until("go\n");
            } else {
                client.read_to_end();
            }
        });
        let mut terminal = Terminal::start(&format!("connect {}", peer.addr), directory.path());
        terminal.screen.wait_for_text("hello");
        terminal.screen.wait_for_text("> ");
        match how {
            "the peer's end" => terminal.type_in("go\r"),
            "Ctrl-D" => terminal.type_in("\u{4}"),
            "Ctrl-C" => terminal.type_in("\u{3}"),
            _ => terminal.signal(Signal::TERM),
        }
        let code = terminal.exit_code();
        let expected = match how {
            "Ctrl-C" => 130,
            "SIGTERM" => 143,
            _ => 0,
        };
        assert_eq!(code, expected, "{how}");
        assert!(terminal.is_as_new(), "{how}");
        peer.join();
    }
}

#[test]
fn e39_what_a_peer_sends_cannot_play_with_the_terminal_unless_raw() {
    let directory = tempfile::tempdir().unwrap();
    let attack = b"\x1b]0;pwned\x07 ok\r\n";
    for (raw, shown) in [("", "\\u{1b}]0;pwned\\u{7} ok"), (" --raw", "\u{1b}]0;pwned\u{7} ok")] {
        let peer = Peer::start(move |mut client| client.send(attack));
        let terminal = Terminal::start(&format!("connect {}{raw}", peer.addr), directory.path());
        terminal.screen.wait_for_text(shown);
        assert_eq!(terminal.wait(), 0);
    }
}

#[test]
fn e39_what_a_client_sends_cannot_play_with_the_servers_terminal() {
    let directory = tempfile::tempdir().unwrap();
    for server in ["listen 0 -4", "listen 0 -4 -k", "echo-server 0 -4 -v", "chat-server 0 -4 -v"] {
        let terminal = Terminal::start(server, directory.path());
        let addr = terminal.screen.wait_for(|text| {
            let (_, rest) = text.split_once(" on ")?;
            rest.split_once(' ')?.0.parse().ok()
        });
        let mut client = crate::support::Client::connect(addr);
        if server.starts_with("chat") {
            client.read_until("Nickname: ");
            client.send(b"eve\n");
        }
        client.send(b"\x1b]0;pwned\x07 ok\n");
        let text = terminal.screen.wait_for_text("pwned\\u{7} ok");
        assert!(!text.contains("\u{1b}]0;") && !text.contains('\u{7}'), "{server}: {text:?}");
    }
}
