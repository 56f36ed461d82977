//! `login`: sends a user name and a password to a server.

use crate::login_server::{log, pairs, server};
use crate::support::{Peer, Terminal, eventually, sockkit};

#[test]
fn login_reads_the_password_from_standard_input() {
    let (server, directory) = server("");
    let login = |password: &str| {
        sockkit(&format!("login 127.0.0.1 {} --user alice --password-stdin", server.port()))
            .stdin(password)
            .run()
    };
    let ran = login("s3cret\n").code(0);
    assert_eq!(ran.out(), "OK recorded\n");
    assert_eq!(pairs(&log(&directory)), ["user=\"alice\" password=\"s3cret\""]);
    let ran = login("\n").code(1);
    assert_eq!(ran.out(), "ERR empty password, try again\n");
    login("").code(2);
    assert_eq!(log(&directory).lines().count(), 1);
}

#[test]
fn each_way_a_login_fails_has_its_own_exit_code() {
    let login = |addr: std::net::SocketAddr, more: &str| {
        let target = format!("login {addr} --user alice --password-stdin {more}");
        sockkit(&target).stdin("x\n").run()
    };
    // A server that closes without a reply.
    let peer = Peer::start(|mut client| {
        client.read_until("x\n");
    });
    assert!(login(peer.addr, "").code(9).stderr.contains("closed the connection without a reply"));
    // A server that never replies.
    let peer = Peer::start(|mut client| {
        client.send("Username: ");
        client.read_to_end();
    });
    assert!(login(peer.addr, "--timeout 300ms").code(5).stderr.contains("timed out"));
    // A server that sends without end.
    let peer = Peer::start(|mut client| {
        use std::io::Write as _;
        while client.stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    login(peer.addr, "").code(9);
    // A server that sends terminal escapes.
    let peer = Peer::start(|mut client| {
        client.send("Username: ");
        client.line();
        client.send("Password: ");
        client.line();
        client.send("ERR \x1b]0;pwned\x07\r\n");
    });
    assert_eq!(login(peer.addr, "").code(1).out(), "ERR \\u{1b}]0;pwned\\u{7}\n");
    let closed = crate::support::ClosedPort::new();
    login(closed.addr(), "").code(4);
}

#[test]
fn login_without_a_terminal_does_not_prompt() {
    let ran = sockkit("login 127.0.0.1").run().code(2);
    assert!(ran.stderr.contains("try: --user NAME --password-stdin"), "{}", ran.stderr);
}

#[test]
fn login_works_with_a_server_that_prompts_late() {
    let peer = Peer::start(|mut client| {
        // The server has read the user name before it prompts for it.
        let user = client.line();
        client.send("Username: ");
        client.send("Password: ");
        let password = client.line();
        client.send("OK recorded\r\n");
        (user, password)
    });
    let login = format!("login {} --user alice --password-stdin", peer.addr);
    assert_eq!(sockkit(&login).stdin("x\n").run().code(0).out(), "OK recorded\n");
    assert_eq!(peer.join(), ("alice".to_owned(), "x".to_owned()));
}

#[test]
fn a_timeout_expires_while_login_waits_for_the_password() {
    let (server, _directory) = server("");
    let login = format!("login {} --user alice --password-stdin --timeout 300ms", server.addr);
    let ran = sockkit(&login).start().wait().code(5);
    assert!(
        ran.stderr.contains("cannot read standard input: timed out (--timeout)"),
        "{}",
        ran.stderr
    );
}

#[test]
fn login_hides_the_password_and_prints_the_answer() {
    let directory = tempfile::tempdir().unwrap();
    let server = sockkit("login-server 0").dir(directory.path()).serve();
    let mut terminal = Terminal::start(&format!("login {}", server.addr), directory.path());
    terminal.screen.wait_for_text("Username: ");
    terminal.type_in("\r");
    terminal.screen.wait_for_text("ERR empty user name, try again");
    terminal.screen.wait_for(|text| (text.matches("Username: ").count() == 2).then_some(()));
    terminal.type_in("alice\r");
    terminal.screen.wait_for_text("Password: ");
    eventually("the echo is off", || (!terminal.echoes()).then_some(()));
    terminal.type_in("s3cret\r");
    let text = terminal.screen.wait_for_text("OK recorded");
    assert!(text.contains("alice") && !text.contains("s3cret"), "{text:?}");
    assert_eq!(terminal.wait(), 0);
    let log = std::fs::read_to_string(directory.path().join("log-acesso.txt")).unwrap();
    assert!(log.ends_with("user=\"alice\" password=\"s3cret\"\n"), "{log}");
}

#[test]
fn an_interrupt_at_the_password_prompt_restores_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let server = sockkit("login-server 0").dir(directory.path()).serve();
    let login = format!("login {} --user alice", server.addr);
    let mut terminal = Terminal::start(&login, directory.path());
    terminal.screen.wait_for_text("Password: ");
    eventually("the echo is off", || (!terminal.echoes()).then_some(()));
    terminal.type_in("\u{3}");
    eventually("the echo is on again", || terminal.echoes().then_some(()));
    assert_eq!(terminal.wait(), 130);
}
