//! The line editor that `connect` offers at a terminal.

use rustix::process::Signal;

use crate::support::terminal::{LEFT, UP, rows};
use crate::support::{Client, Peer, Terminal};

/// Starts `connect` at a terminal with a peer that runs `serve`, and waits for the line editor.
#[track_caller]
fn start_editing<T: Send + 'static>(
    serve: impl FnOnce(Client) -> T + Send + 'static,
) -> (tempfile::TempDir, Peer<T>, Terminal) {
    let directory = tempfile::tempdir().unwrap();
    let peer = Peer::start(serve);
    let terminal = Terminal::start(&format!("connect {}", peer.addr), directory.path());
    terminal.wait_until_editing();
    (directory, peer, terminal)
}

#[test]
fn the_edited_line_is_sent() {
    let (_directory, peer, mut terminal) = start_editing(|mut client| client.line());
    terminal.type_in("helxo\u{7f}\u{7f}l");
    terminal.wait_for_rows(&["> hell"]);
    terminal.type_in(&format!("!{LEFT}o"));
    terminal.wait_for_rows(&["> hello!"]);
    terminal.type_in("\r");
    assert_eq!(peer.join(), "hello!");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn the_up_key_recalls_earlier_lines() {
    let (_directory, peer, mut terminal) =
        start_editing(|mut client| [client.line(), client.line(), client.line()]);
    terminal.type_in("first\r");
    terminal.wait_for_rows(&["> first", ">"]);
    terminal.type_in("second\r");
    terminal.wait_for_rows(&["> second", ">"]);
    terminal.type_in(&format!("{UP}{UP}"));
    terminal.wait_for_rows(&["> second", "> first"]);
    terminal.type_in("\r");
    assert_eq!(peer.join(), ["first", "second", "first"]);
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn received_data_is_printed_above_the_line_being_typed() {
    let (_directory, peer, mut terminal) = start_editing(|mut client| {
        client.send(b"ready\r\n");
        // The test sends this line before it types the unfinished one.
        client.read_until("now\n");
        client.send(b"one\r\ntwo\r\n");
        client.line()
    });
    terminal.wait_for_rows(&["ready", ">"]);
    terminal.type_in("now\r");
    terminal.type_in("half a li");
    terminal.wait_for_rows(&["> now", "one", "two", "> half a li"]);
    terminal.type_in("ne\r");
    assert_eq!(peer.join(), "half a line");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_prompt_from_the_peer_is_shown_without_a_newline() {
    let (_directory, peer, mut terminal) = start_editing(|mut client| {
        client.send(b"Username: ");
        let user = client.line();
        client.send(b"Password: ");
        (user, client.line())
    });
    terminal.wait_for_rows(&["Username:", ">"]);
    terminal.type_in("alice\r");
    terminal.wait_for_rows(&["Username:", "> alice", "Password:", ">"]);
    terminal.type_in("s3cret\r");
    assert_eq!(peer.join(), ("alice".to_owned(), "s3cret".to_owned()));
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn received_text_without_a_newline_stays_on_the_screen() {
    let (_directory, _peer, mut terminal) = start_editing(|mut client| {
        client.send(b"Hello, ");
        client.read_until("go on\n");
        client.send(b"world\r\n");
    });
    terminal.wait_for_rows(&["Hello,", ">"]);
    terminal.type_in("go on\r");
    terminal.wait_for_rows(&["Hello,", "> go on", "world"]);
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_line_received_in_parts_is_shown_as_one_line() {
    let (sender, parts) = std::sync::mpsc::channel::<String>();
    let (_directory, peer, mut terminal) = start_editing(move |mut client| {
        for part in parts {
            client.send(part);
        }
    });
    let long = "0123456789".repeat(7);
    terminal.type_in("typed");
    sender.send(long.clone()).unwrap();
    terminal.wait_for_rows(&[&long, "> typed"]);
    sender.send("abcdefghij".to_owned()).unwrap();
    let row = format!("{long}abcdefghij");
    terminal.wait_for_rows(&[&row, "> typed"]);
    sender.send("the next row".to_owned()).unwrap();
    terminal.wait_for_rows(&[&row, "the next row", "> typed"]);
    sender.send(" and its \u{1b}[2J end\nmore\n".to_owned()).unwrap();
    terminal.wait_for_rows(&[&row, "the next row and its \\u{1b}[2J end", "more", "> typed"]);
    drop(sender);
    peer.join();
    terminal.wait_for_rows(&["more", "> typed"]);
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn pasted_text_is_sent_whole() {
    let (_directory, peer, mut terminal) = start_editing(|mut client| client.read_until("end\n"));
    // A paste with brackets; a terminal sends line endings as the Enter key does.
    terminal.type_in("\u{1b}[200~one\rtwo\tx\r\u{1b}[201~\r");
    // A paste without brackets.
    terminal.type_in("three\rfour\tx\rend\r");
    assert_eq!(peer.join(), "one\ntwo\tx\n\nthree\nfour\tx\nend\n");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_key_that_is_not_utf_8_is_ignored_with_a_warning() {
    let (_directory, peer, mut terminal) = start_editing(|mut client| client.line());
    terminal.type_in("caf");
    terminal.type_bytes(b"\xff");
    terminal.wait_for_rows(&[
        "warning: discarded a key that is not UTF-8; use a pipe to send any byte",
    ]);
    terminal.wait_until_editing();
    terminal.type_in("é\r");
    assert_eq!(peer.join(), "café");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn ctrl_d_on_an_empty_line_sends_eof() {
    let (_directory, peer, mut terminal) = start_editing(|mut client| {
        let read = client.read_to_end();
        client.send(b"goodbye\r\n");
        read
    });
    terminal.type_in("x\r");
    terminal.wait_for_rows(&["> x", ">"]);
    terminal.type_in("\u{4}");
    assert_eq!(peer.join(), b"x\n");
    terminal.screen.wait_for_text("goodbye");
    assert_eq!(terminal.exit_code(), 0);
    assert!(terminal.echoes());
}

#[test]
fn lines_typed_faster_than_they_are_read_are_all_sent() {
    let lines: Vec<String> = (0..50).map(|number| format!("line {number}\r")).collect();
    let (_directory, peer, mut terminal) = start_editing(|mut client| client.read_to_end());
    for line in &lines {
        terminal.type_in(line);
    }
    // Ctrl-D may arrive before the editor has started.
    terminal.type_in("\u{4}");
    assert_eq!(String::from_utf8(peer.join()).unwrap(), lines.concat().replace('\r', "\n"));
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_signal_restores_the_terminal() {
    for (signal, code) in
        [(None, 130), (Some(Signal::INT), 130), (Some(Signal::TERM), 143), (Some(Signal::HUP), 129)]
    {
        let (_directory, peer, mut terminal) = start_editing(|mut client| client.read_to_end());
        terminal.type_in("half");
        terminal.wait_for_rows(&["> half"]);
        match signal {
            None => terminal.type_in("\u{3}"),
            Some(signal) => terminal.signal(signal),
        }
        assert_eq!(terminal.exit_code(), code);
        assert!(terminal.echoes());
        let text = terminal.full_output();
        let (on, off) = (text.rfind("\u{1b}[?2004h"), text.rfind("\u{1b}[?2004l"));
        assert!(on < off, "{text:?}");
        assert_eq!(peer.join(), b"");
    }
}

#[test]
fn eof_from_the_peer_ends_the_line_editor() {
    let (sender, go) = std::sync::mpsc::channel();
    let (_directory, peer, mut terminal) = start_editing(move |mut client| {
        go.recv().unwrap();
        client.send(b"last words");
    });
    terminal.type_in("half");
    terminal.wait_for_rows(&["> half"]);
    sender.send(()).unwrap();
    peer.join();
    assert_eq!(terminal.exit_code(), 0);
    assert!(terminal.echoes());
    let text = terminal.full_output();
    let shown = rows(&text);
    let at = shown.iter().position(|row| row == "last words").unwrap();
    assert_eq!(shown[at + 1], "> half", "{shown:?}");
    assert!(shown[at + 2].starts_with("closed "), "{shown:?}");
    assert!(text.ends_with('\n'), "{text:?}");
}

#[test]
fn an_open_search_or_an_incomplete_key_does_not_delay_output() {
    for keys in ["\u{12}", "\u{1b}", "\u{1b}["] {
        let (sender, go) = std::sync::mpsc::channel();
        let (_directory, peer, mut terminal) = start_editing(move |mut client| {
            client.line();
            go.recv().unwrap();
            client.send(b"meanwhile\r\n");
        });
        // The search needs an earlier line.
        terminal.type_in("before\r");
        terminal.wait_for_rows(&["> before", ">"]);
        terminal.type_in(&format!("typed{keys}"));
        terminal.wait_for_rows(&[match keys {
            "\u{12}" => "(reverse-i-search)`': typed",
            _ => "> typed",
        }]);
        sender.send(()).unwrap();
        peer.join();
        terminal.screen.wait_for_text("meanwhile");
        assert_eq!(terminal.exit_code(), 0);
        assert!(terminal.echoes());
    }
}

#[test]
fn a_dumb_terminal_and_raw_do_without_the_line_editor() {
    let directory = tempfile::tempdir().unwrap();
    for (term, flag) in [("dumb", None), ("xterm", Some("--raw"))] {
        let peer = Peer::start(|mut client| {
            client.send(b"welcome\n");
            client.line()
        });
        let (term, addr) = (format!("TERM={term}"), peer.addr.to_string());
        let args = [&*term, env!("CARGO_BIN_EXE_sockkit"), "connect", &addr];
        let mut terminal = Terminal::of("env", args.into_iter().chain(flag), directory.path());
        terminal.screen.wait_for_text("welcome");
        assert!(terminal.echoes());
        terminal.type_in("hello\r");
        assert_eq!(peer.join(), "hello");
        let prompted = flag.is_none();
        assert_eq!(terminal.exit_code(), 0);
        let text = terminal.full_output();
        assert_eq!(text.contains("> "), prompted, "{text:?}");
    }
}
