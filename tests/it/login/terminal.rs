//! `login` at a terminal: what is shown of a password, and stopping at its prompt.

use std::sync::mpsc;

use crate::support::{Peer, TIMEOUT, Terminal};

#[test]
fn a_password_typed_ahead_is_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    for before_the_prompt in [false, true] {
        let (asks, asked) = mpsc::channel();
        let peer = Peer::start(move |mut client| {
            asked.recv_timeout(TIMEOUT).unwrap();
            client.send("Usuario: ");
            let user = client.line();
            client.send("Senha: ");
            let password = client.line();
            client.send("OK\n");
            (user, password)
        });
        let mut terminal = Terminal::start(&format!("login {}", peer.addr), directory.path());
        terminal.wait_until_editing();
        if !before_the_prompt {
            asks.send(()).unwrap();
            terminal.screen.wait_for_text("Usuario: ");
        }
        // In one write, as a program or a paste sends it.
        terminal.type_in("ana\rs3cret\r");
        if before_the_prompt {
            asks.send(()).unwrap();
        }
        terminal.wait_for_rows(&["Usuario: ana", "Senha:", "OK"]);
        let text = terminal.full_output();
        assert!(!text.contains("s3"), "{text:?}");
        assert_eq!(peer.join(), ("ana".to_owned(), "s3cret".to_owned()));
        assert_eq!(terminal.wait(), 0);
    }
}

#[test]
fn ctrl_z_at_the_password_prompt_stops_login_and_fg_asks_again() {
    let directory = tempfile::tempdir().unwrap();
    let peer = Peer::start(|mut client| {
        client.send("Usuario: ");
        client.line();
        client.send("Senha: ");
        let password = client.line();
        client.send("OK\n");
        password
    });
    let login = format!("login {} --user ana", peer.addr);
    let mut terminal = Terminal::start_job(&login, directory.path());
    terminal.screen.wait_for_text("Senha: ");
    terminal.type_in("\u{1a}");
    terminal.screen.wait_for_text("Stopped");
    assert!(terminal.echoes());
    // The shell reads this, and not the password prompt.
    terminal.type_in("echo in the $0\r");
    terminal.screen.wait_for_text("in the bash");
    terminal.type_in("fg\r");
    terminal.screen.wait_for(|text| (text.matches("Senha: ").count() == 2).then_some(()));
    terminal.wait_until_editing();
    terminal.type_in("s3cret\r");
    terminal.screen.wait_for_text("OK");
    assert_eq!(peer.join(), "s3cret");
    assert!(!terminal.screen.text().contains("s3cret"));
}
