//! `login`: sends a user name and a password to a server.

mod observers;
mod terminal;
mod tls;

use crate::login_server::{log, pairs, server};
use crate::support::{Client, Outcome, Peer, TIMEOUT, Terminal, eventually, sockkit};

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
    for (option, code) in [("", 0), ("--confirm", 1)] {
        let peer = Peer::start(|mut client| {
            client.read_until("x\n");
        });
        let ran = login(peer.addr, option).code(code);
        let note = "closed the connection without confirming the login";
        assert!(ran.stderr.contains(note), "{}", ran.stderr);
    }
    // A server that closes before it has received the password.
    for prompt in ["Password: ", ""] {
        let peer = Peer::start(move |mut client| {
            client.line();
            client.send(prompt);
        });
        let ran = login(peer.addr, "");
        assert!([4, 9].contains(&ran.code), "{ran:?}");
    }
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

/// Logs in to a server that `serve` plays, with the user name alice and the password x.
fn log_in_to<T: Send + 'static>(serve: impl FnOnce(Client) -> T + Send + 'static) -> (Outcome, T) {
    let peer = Peer::start(serve);
    let login = format!("login {} --user alice --password-stdin --timeout 20s", peer.addr);
    (sockkit(&login).stdin("x\n").run(), peer.join())
}

#[test]
fn nothing_before_the_password_counts_as_success() {
    for greeting in ["OK MPD 0.23\n", "OK", "OK ready\nUsername: "] {
        let (ran, fields) = log_in_to(move |mut client| {
            client.send(greeting);
            let fields = (client.line(), client.line());
            client.send("ERR no such user\n");
            fields
        });
        let shown = format!("{}\nERR no such user\n", greeting.lines().next().unwrap());
        assert_eq!(ran.code(1).out(), shown);
        assert_eq!(fields, ("alice".to_owned(), "x".to_owned()));
    }
    // The rest of a line that began before the password is not a reply either.
    let (ran, ()) = log_in_to(|mut client| {
        client.send("Username: ");
        client.line();
        client.send("Password: OK");
        client.line();
        client.send(" 1\n");
    });
    assert!(ran.code(0).stderr.contains("without confirming the login"));
}

#[test]
fn a_server_that_asks_again_has_refused_the_login() {
    for (prompts, again) in [
        (["Usuario:", "Senha:"], "Usuario:"),
        (["Usuario: ", "Senha: "], "Senha: "),
        (["", ""], "Usuario:"),
        (["Usuario:\n", "Senha:\n"], "Usuario:\n"),
    ] {
        let (ran, ()) = log_in_to(move |mut client| {
            for prompt in prompts {
                client.send(prompt);
                client.line();
            }
            client.send(again);
            client.read_to_end();
        });
        assert!(ran.code(1).stderr.contains("asked again: it did not accept the login"));
    }
}

#[test]
fn a_user_at_a_terminal_answers_a_server_that_asks_again() {
    let peer = Peer::start(|mut client| {
        client.send("Usuario:");
        let mut fields = vec![client.line()];
        client.send("Senha:");
        fields.push(client.line());
        // Only the password is asked for again, then both.
        client.send("Senha:");
        fields.push(client.line());
        client.send("Usuario:");
        fields.push(client.line());
        client.send("Senha:");
        fields.push(client.line());
        client.send("OK\n");
        fields
    });
    let directory = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(&format!("login {}", peer.addr), directory.path());
    let typed = [
        ("Usuario:", 1, "ana"),
        ("Senha:", 1, "hidden1"),
        ("Senha:", 2, "hidden2"),
        ("Usuario:", 2, "bia"),
        ("Senha:", 3, "hidden3"),
    ];
    for (prompt, count, text) in typed {
        terminal.screen.wait_for(|text| (text.matches(prompt).count() == count).then_some(()));
        terminal.type_in(&format!("{text}\r"));
    }
    let text = terminal.screen.wait_for_text("OK");
    assert!(text.contains("ana") && text.contains("bia") && !text.contains("hidden"), "{text:?}");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(peer.join(), typed.map(|(_, _, text)| text));
}

#[test]
fn text_without_a_line_ending_is_shown() {
    let (ran, ()) = log_in_to(|mut client| {
        client.send("Bem-vindo");
        client.line();
        client.line();
        client.send("Gravado");
    });
    assert_eq!(ran.code(0).out(), "Bem-vindo\nGravado\n");
    // Also while the server keeps the connection open.
    for (reply, code) in [("OK gravado", 0), ("ERR", 1)] {
        let (ran, ()) = log_in_to(move |mut client| {
            client.line();
            client.line();
            client.send(reply);
            client.read_to_end();
        });
        assert_eq!(ran.code(code).out(), format!("{reply}\n"));
    }
    let peer = Peer::start(|mut client| {
        client.line();
        client.line();
        client.send("Gravado");
        client.read_to_end();
    });
    let login = format!("login {} --user alice --password-stdin", peer.addr);
    let mut login = sockkit(&login).start();
    login.write(b"x\n");
    login.stdout.wait_for_text("Gravado\n");
}

#[test]
fn the_password_is_hidden_before_the_server_asks_for_it() {
    let (asks, asked) = std::sync::mpsc::channel();
    let peer = Peer::start(move |mut client| {
        client.send("Usuario: ");
        let user = client.line();
        asked.recv_timeout(TIMEOUT).unwrap();
        client.send("Senha: ");
        let password = client.line();
        client.send("OK\n");
        (user, password)
    });
    let directory = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(&format!("login {}", peer.addr), directory.path());
    terminal.screen.wait_for_text("Usuario: ");
    terminal.type_in("ana\r");
    eventually("the echo is off", || (!terminal.echoes()).then_some(()));
    terminal.type_in("s3cret\r");
    asks.send(()).unwrap();
    let text = terminal.screen.wait_for_text("OK");
    assert!(!text.contains("s3cret"), "{text:?}");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(peer.join(), ("ana".to_owned(), "s3cret".to_owned()));
}

#[test]
fn an_endpoint_that_is_not_a_stream_is_refused_before_the_password_is_read() {
    let closed = crate::support::ClosedPort::new();
    let login = format!("login udp://{} --user alice --password-stdin", closed.addr());
    // Standard input stays open.
    let ran = sockkit(&login).start().wait().code(2);
    assert!(ran.stderr.contains("is not a stream"), "{}", ran.stderr);
}

#[test]
fn the_answer_is_the_exit_code_although_the_reader_of_standard_output_has_closed_it() {
    for (reply, code, json) in
        [("OK", 0, ""), ("OK", 0, "--json"), ("ERR", 1, ""), ("ERR", 1, "--json")]
    {
        let peer = Peer::start(move |mut client| {
            client.send("Welcome\nUsername: ");
            client.line();
            client.send("Password: ");
            client.line();
            client.send(format!("{reply}\n"));
        });
        let login = format!("login {} --user alice --password-stdin {json}", peer.addr);
        let ran = sockkit(&login).stdin("secret\n").with_closed_stdout().run().code(code);
        assert_eq!(ran.stderr, "");
        peer.join();
    }
}
