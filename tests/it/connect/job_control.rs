//! Stopping and continuing `connect` at a terminal, and a terminal whose size changes.

use std::process::Command;

use rustix::process::Signal;

use crate::support::{Peer, Terminal, eventually, skip};

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

/// A tmux server of its own, with one window in which a program runs.
struct Tmux(String);

impl Tmux {
    /// Returns `None` if there is no tmux.
    fn start(size: (u16, u16), command: &str) -> Option<Self> {
        let this = Self(format!("sockkit-test-{}", std::process::id()));
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        let started =
            this.run(&["-f/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, command]);
        started.map(|_| this)
    }

    fn run(&self, args: &[&str]) -> Option<String> {
        let output = Command::new("tmux").arg("-L").arg(&self.0).args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    fn type_in(&self, text: &str) {
        self.run(&["send-keys", "-l", text]).unwrap();
    }

    fn resize(&self, columns: u16) {
        self.run(&["resize-window", "-x", &columns.to_string()]).unwrap();
    }

    /// Waits until the screen shows these rows, and nothing below them.
    #[track_caller]
    fn wait_for_rows(&self, expected: &[&str]) {
        eventually(&format!("{expected:?}"), || {
            let shown = self.run(&["capture-pane", "-p"]).unwrap();
            let rows: Vec<_> = shown.trim_end().lines().map(str::trim_end).collect();
            rows.ends_with(expected).then_some(())
        });
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

#[test]
fn a_change_of_the_terminals_width_erases_no_message_of_the_peer() {
    let (sender, go) = std::sync::mpsc::channel::<&str>();
    let peer = Peer::start(move |mut client| {
        for message in go {
            client.send(message);
        }
        client.line()
    });
    let command = format!("{} connect {}", env!("CARGO_BIN_EXE_sockkit"), peer.addr);
    let Some(tmux) = Tmux::start((40, 12), &command) else {
        return skip("a_change_of_the_terminals_width", "tmux cannot be started");
    };
    sender.send("first\nsecond\n").unwrap();
    tmux.wait_for_rows(&["first", "second", ">"]);
    let (word, rest) = ("0123456789".repeat(3), "abcdefghijklmnopqrstuvwxyz");
    let line = format!("{word}{rest}");
    tmux.type_in(&line);
    tmux.wait_for_rows(&["first", "second", &format!("> {word}abcdefgh"), "ijklmnopqrstuvwxyz"]);
    tmux.resize(80);
    tmux.wait_for_rows(&["first", "second", &format!("> {line}")]);
    sender.send("third\n").unwrap();
    tmux.wait_for_rows(&["first", "second", "third", &format!("> {line}")]);
    drop(sender);
    tmux.type_in("\u{1b}[H!");
    tmux.wait_for_rows(&["first", "second", "third", &format!("> !{line}")]);
    tmux.type_in("\r");
    assert_eq!(peer.join(), format!("!{line}"));
}
