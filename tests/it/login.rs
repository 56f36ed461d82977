//! `login`: sends a user name and a password to a server.

use crate::login_server::{log, pairs, server};
use crate::support::terminal::here;
use crate::support::{Peer, Terminal, eventually, sockkit};

#[test]
fn the_client_logs_in_from_a_script() {
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
fn the_client_says_what_came_of_it() {
    let login = |addr: std::net::SocketAddr, more: &str| {
        let target = format!("login {addr} --user alice --password-stdin {more}");
        sockkit(&target).stdin("x\n").run()
    };
    // A server that closes without a word.
    let peer = Peer::start(|mut client| {
        client.read_until("x\n");
    });
    assert!(login(peer.addr, "").code(9).stderr.contains("closed without an answer"));
    // One that never answers.
    let peer = Peer::start(|mut client| {
        client.send("Username: ");
        client.read_to_end();
    });
    assert!(login(peer.addr, "--timeout 300ms").code(5).stderr.contains("timed out"));
    // One that talks without end.
    let peer = Peer::start(|mut client| {
        use std::io::Write as _;
        while client.stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    login(peer.addr, "").code(9);
    // One that would like to play with the terminal.
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
fn without_a_terminal_nothing_is_asked() {
    let ran = sockkit("login 127.0.0.1").run().code(2);
    assert!(ran.stderr.contains("try: --user NAME --password-stdin"), "{}", ran.stderr);
}

#[test]
fn a_server_that_asks_late_is_not_misunderstood() {
    let peer = Peer::start(|mut client| {
        // It has the user before it has asked for it.
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
fn the_limit_for_everything_holds_while_a_password_is_waited_for() {
    let (server, _directory) = server("");
    let login = format!("login {} --user alice --password-stdin --timeout 300ms", server.addr);
    let ran = sockkit(&login).start().wait().code(5);
    assert!(ran.stderr.contains("nothing was typed in time"), "{}", ran.stderr);
}

#[test]
fn login_hides_the_password_and_shows_the_answer() {
    let directory = here();
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
fn an_interrupted_password_leaves_the_terminal_as_it_was() {
    let directory = here();
    let server = sockkit("login-server 0").dir(directory.path()).serve();
    let login = format!("login {} --user alice", server.addr);
    let mut terminal = Terminal::start(&login, directory.path());
    terminal.screen.wait_for_text("Password: ");
    eventually("the echo is off", || (!terminal.echoes()).then_some(()));
    terminal.type_in("\u{3}");
    eventually("the echo is on again", || terminal.echoes().then_some(()));
    assert_eq!(terminal.wait(), 130);
}
