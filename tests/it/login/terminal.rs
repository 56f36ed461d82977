//! `login` at a terminal: what is shown of a password, and stopping at its prompt.

use std::path::Path;
use std::sync::mpsc;

use crate::support::{Client, Peer, TIMEOUT, Terminal};

/// Commands that run `sockkit ARGS…` at a terminal with an editor, at one that cannot move its
/// cursor, and with a standard error that is not the terminal.
fn commands(args: &str) -> [String; 3] {
    let sockkit = format!("{} {args}", env!("CARGO_BIN_EXE_sockkit"));
    [sockkit.clone(), format!("TERM=dumb {sockkit}"), format!("{sockkit} 2>errors")]
}

/// Runs a command of [`commands`] in the foreground of a terminal.
fn run(command: &str, directory: &Path) -> Terminal {
    Terminal::of("sh", ["-c", &format!("{command}; exit $?")], directory)
}

/// Asks a client for a user name and a password, as a server in Portuguese, and accepts them.
fn ask(client: &mut Client) -> (String, String) {
    client.send("Usuario: ");
    let user = client.line();
    client.send("Senha: ");
    let password = client.line();
    client.send("OK\n");
    (user, password)
}

#[test]
fn a_password_typed_ahead_is_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    for (which, before_the_prompt) in (0..6).map(|run| (run / 2, run % 2 == 0)) {
        let (asks, asked) = mpsc::channel();
        let peer = Peer::start(move |mut client| {
            asked.recv_timeout(TIMEOUT).unwrap();
            ask(&mut client)
        });
        let command = &commands(&format!("login {}", peer.addr))[which];
        let mut terminal = run(command, directory.path());
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
    let errors = std::fs::read_to_string(directory.path().join("errors")).unwrap();
    assert_eq!(errors, "");
}

#[test]
fn a_user_name_is_shown_and_corrected_on_a_terminal_that_cannot_move_its_cursor() {
    let directory = tempfile::tempdir().unwrap();
    let peer = Peer::start(|mut client| ask(&mut client));
    let command = &commands(&format!("login {}", peer.addr))[1];
    let mut terminal = run(command, directory.path());
    terminal.screen.wait_for_text("Usuario: ");
    terminal.type_in("anx\u{7f}a\r");
    terminal.screen.wait_for_text("Senha: ");
    terminal.type_in("s3crex\u{7f}t\r");
    terminal.wait_for_rows(&["Usuario: ana", "Senha:", "OK"]);
    let text = terminal.full_output();
    assert!(!text.contains('\u{1b}') && !text.contains("s3"), "{text:?}");
    assert_eq!(peer.join(), ("ana".to_owned(), "s3cret".to_owned()));
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn ctrl_z_at_the_password_prompt_stops_login_and_fg_asks_again() {
    let directory = tempfile::tempdir().unwrap();
    for which in 0..3 {
        let peer = Peer::start(|mut client| {
            client.send("Usuario: ");
            client.line();
            client.send("Senha: ");
            let password = client.line();
            client.send("OK\n");
            password
        });
        let command = &commands(&format!("login {} --user ana", peer.addr))[which];
        let mut terminal = Terminal::start_command_job(command, directory.path());
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
        terminal.end_shell();
    }
}
