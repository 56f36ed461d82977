//! A terminal whose width changes while a line is typed, and the history of tmux.

use rustix::termios::Winsize;

use crate::support::tmux::Tmux;
use crate::support::{Peer, Terminal, skip};

/// Starts `connect` in tmux, with 40 columns, and a peer that sends what the sender is given, and
/// returns the line that it then receives.
fn start_in_tmux(
    test: &str,
) -> Option<(Tmux, std::sync::mpsc::Sender<&'static str>, Peer<String>)> {
    let (sender, messages) = std::sync::mpsc::channel::<&str>();
    let peer = Peer::start(move |mut client| {
        for message in messages {
            client.send(message);
        }
        client.line()
    });
    let command = format!("{} connect {}", env!("CARGO_BIN_EXE_sockkit"), peer.addr);
    let Some(tmux) = Tmux::start((40, 50), &command) else {
        skip(test, "tmux cannot be started");
        return None;
    };
    // tmux keeps the empty rows below the line, so rows at the top of the screen scroll out of it.
    sender.send("\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\nfirst\nsecond\n").unwrap();
    tmux.wait_for_rows(&["first", "second", ">"]);
    Some((tmux, sender, peer))
}

/// The rows that `text` takes on a terminal with this many columns.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let chars: Vec<_> = text.chars().collect();
    chars.chunks(columns).map(|row| row.iter().collect()).collect()
}

#[test]
fn a_change_of_the_terminals_width_erases_no_message_of_the_peer() {
    let test = "a_change_of_the_terminals_width";
    let Some((tmux, sender, peer)) = start_in_tmux(test) else { return };
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

#[test]
fn a_terminal_that_wraps_its_lines_again_shows_the_line_once_at_every_width() {
    let test = "a_terminal_that_wraps_its_lines_again";
    let Some((tmux, sender, peer)) = start_in_tmux(test) else { return };
    let line = "0123456789abcdefghijklmnopqrstuvwxyz".repeat(2) + "end";
    tmux.type_in(&line);
    let wait_for_line = |line: &str, columns: u16| {
        let rows = wrapped(&format!("> {line}"), columns.into());
        let rows = rows.iter().map(|row| &**row);
        tmux.wait_for_rows(&["first", "second"].into_iter().chain(rows).collect::<Vec<_>>());
    };
    // With 77 characters, the cursor is behind the last column where there are 11 of them. Then it
    // is on a character.
    for (key, widths) in
        [("", [40, 25, 33, 11, 80, 20, 39]), ("\u{1b}[D", [13, 77, 38, 19, 76, 11, 50])]
    {
        tmux.type_in(key);
        for columns in widths {
            tmux.resize(columns);
            wait_for_line(&line, columns);
            // tmux shows that before sockkit knows the width, and before it has drawn the line. The
            // next width waits for that: tmux would take what is drawn for it.
            tmux.type_in("\u{1}\u{1b}[C");
            tmux.wait_for_column("> ".len() + 1);
            tmux.type_in(&format!("\u{5}{key}"));
            tmux.wait_for_column((2 + line.len() - key.len() / 3) % usize::from(columns));
        }
    }
    sender.send("third\n").unwrap();
    drop(sender);
    let rows = wrapped(&format!("> {line}"), 50);
    tmux.wait_for_rows(&["first", "second", "third", &rows[0], &rows[1]]);
    tmux.type_in("\r");
    assert_eq!(peer.join(), line);
}

#[test]
fn text_above_a_line_at_the_top_of_the_screen_leaves_no_copy_of_it_in_the_history_of_tmux() {
    let test = "text_above_a_line_at_the_top_of_the_screen";
    let Some((tmux, sender, peer)) = start_in_tmux(test) else { return };
    // Clears the screen.
    tmux.type_in("\u{c}");
    tmux.type_in("typed");
    tmux.wait_for_rows(&["> typed"]);
    sender.send("third\n").unwrap();
    drop(sender);
    tmux.wait_for_rows(&["third", "> typed"]);
    assert_eq!(tmux.rows().iter().filter(|row| *row == "> typed").count(), 1);
    tmux.type_in("\r");
    assert_eq!(peer.join(), "typed");
}

/// Sets the width of the terminal.
fn resize(terminal: &Terminal, columns: u16) {
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(terminal.master(), size).unwrap();
}

/// Asks for the position of the cursor.
const REPORT_CURSOR: &str = "\u{1b}[6n";

#[test]
fn a_terminal_that_does_not_report_its_cursor_is_asked_once_and_delays_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (sender, messages) = std::sync::mpsc::channel::<&str>();
    let peer = Peer::start(move |mut client| {
        for message in messages {
            client.send(message);
        }
        client.line()
    });
    let mut terminal = Terminal::start(&format!("connect {}", peer.addr), directory.path());
    terminal.wait_until_editing();
    let line = "x".repeat(100);
    terminal.type_in(&line);
    terminal.wait_for_rows(&[&"x".repeat(22)]);
    resize(&terminal, 50);
    terminal.screen.wait_for_text(REPORT_CURSOR);
    terminal.type_in("typed");
    terminal.screen.wait_for_text("xtyped");
    resize(&terminal, 30);
    sender.send("news\n").unwrap();
    terminal.screen.wait_for(|text| {
        let after = text.split_once("news\r\n")?.1;
        after.contains("xtyped").then_some(())
    });
    drop(sender);
    terminal.type_in("\r");
    assert_eq!(peer.join(), format!("{line}typed"));
    assert_eq!(terminal.exit_code(), 0);
    assert_eq!(terminal.full_output().matches(REPORT_CURSOR).count(), 1);
}

#[test]
fn the_report_of_the_cursor_is_not_part_of_the_line_that_is_typed_meanwhile() {
    // The terminal has cut the two rows, or has wrapped the line again into three.
    for (column, removed) in [(23, "\u{1b}[1A\u{1b}[2G"), (3, "\u{1b}[2A\u{1b}[2G")] {
        let directory = tempfile::tempdir().unwrap();
        let peer = Peer::start(|mut client| client.line());
        let mut terminal = Terminal::start(&format!("connect {}", peer.addr), directory.path());
        terminal.wait_until_editing();
        let line = "x".repeat(100);
        terminal.type_in(&line);
        terminal.wait_for_rows(&[&"x".repeat(22)]);
        resize(&terminal, 50);
        terminal.screen.wait_for_text(REPORT_CURSOR);
        terminal.type_in(&format!("a\u{16}\u{1b}[7;{column}R\tb\r"));
        assert_eq!(peer.join(), format!("{line}a\tb"));
        assert_eq!(terminal.exit_code(), 0);
        assert!(terminal.full_output().contains(removed), "{column}");
    }
}
