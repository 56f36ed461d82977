//! Stopping and continuing `connect` at a terminal.

use rustix::process::Signal;

use crate::support::{Peer, Terminal, eventually};

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_continues_with_the_same_line() {
    let directory = tempfile::tempdir().unwrap();
    for key in [true, false] {
        let peer = Peer::start(|mut client| client.line());
        let mut terminal = Terminal::start_job(&format!("connect {}", peer.addr), directory.path());
        terminal.wait_until_editing();
        terminal.type_in("half");
        terminal.wait_for_rows(&["> half"]);
        if key {
            terminal.type_in("\u{1a}");
        } else {
            terminal.signal_foreground(Signal::TSTP);
        }
        terminal.screen.wait_for_text("Stopped");
        assert!(terminal.echoes());
        terminal.type_in("echo in the $0\r");
        terminal.screen.wait_for_text("in the bash");
        terminal.type_in("fg\r");
        terminal.wait_until_editing();
        eventually("the line is drawn again", || {
            terminal.rows().ends_with(&["> half".to_owned()]).then_some(())
        });
        terminal.type_in(" a line\r");
        assert_eq!(peer.join(), "half a line");
        terminal.end_shell();
    }
}

#[test]
fn a_stopped_connection_that_continues_in_the_background_prints_and_does_not_take_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let (sender, go) = std::sync::mpsc::channel();
    let peer = Peer::start(move |mut client| {
        go.recv().unwrap();
        client.send(b"news\r\n");
        client.line()
    });
    let mut terminal = Terminal::start_job(&format!("connect {}", peer.addr), directory.path());
    terminal.wait_until_editing();
    terminal.type_in("half");
    terminal.wait_for_rows(&["> half"]);
    terminal.type_in("\u{1a}");
    terminal.screen.wait_for_text("Stopped");
    terminal.type_in("bg\r");
    sender.send(()).unwrap();
    terminal.screen.wait_for_text("news\r\n");
    assert!(terminal.echoes());
    terminal.type_in("fg\r");
    terminal.wait_until_editing();
    terminal.type_in(" a line\r");
    assert_eq!(peer.join(), "half a line");
    terminal.end_shell();
}

#[test]
fn without_a_shell_to_continue_it_ctrl_z_stops_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let peer = Peer::start(|mut client| client.line());
    let mut terminal = Terminal::start(&format!("connect {}", peer.addr), directory.path());
    terminal.wait_until_editing();
    terminal.type_in("half");
    terminal.wait_for_rows(&["> half"]);
    terminal.type_in("\u{1a}");
    // The line is drawn once more.
    terminal.wait_for_rows(&["> half", "> half"]);
    terminal.wait_until_editing();
    terminal.type_in(" a line\r");
    assert_eq!(peer.join(), "half a line");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_program_that_was_stopped_without_notice_draws_the_line_again() {
    let directory = tempfile::tempdir().unwrap();
    let peer = Peer::start(|mut client| client.line());
    let mut terminal = Terminal::start_job(&format!("connect {}", peer.addr), directory.path());
    terminal.wait_until_editing();
    terminal.type_in("half");
    terminal.wait_for_rows(&["> half"]);
    terminal.signal_foreground(Signal::STOP);
    terminal.screen.wait_for_text("Stopped");
    terminal.type_in("fg\r");
    eventually("the line is drawn again", || {
        terminal.rows().ends_with(&["> half".to_owned()]).then_some(())
    });
    terminal.wait_until_editing();
    terminal.type_in(" a line\r");
    assert_eq!(peer.join(), "half a line");
    terminal.end_shell();
}

#[test]
fn ten_thousand_typed_characters_write_few_bytes_to_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let typed = "x".repeat(10_000);
    let expected = typed.clone();
    let peer = Peer::start(move |mut client| assert_eq!(client.line(), expected));
    let mut terminal = Terminal::start(&format!("connect {}", peer.addr), directory.path());
    terminal.wait_until_editing();
    terminal.screen.wait_for_text("> ");
    let before = terminal.screen.text().len();
    for piece in typed.as_bytes().chunks(7) {
        terminal.type_bytes(piece);
    }
    terminal.type_in("\r");
    peer.join();
    let after = terminal.full_output().len();
    assert!(after - before < 2 * typed.len(), "{} bytes", after - before);
    assert_eq!(terminal.wait(), 0);
}
