//! The line editor that `connect` offers at a terminal.

use rustix::process::Signal;

use crate::support::terminal::{LEFT, UP, here, rows};
use crate::support::{Client, Peer, Terminal};

/// A conversation with a peer that does `serve`, once lines can be edited.
#[track_caller]
fn conversation<T: Send + 'static>(
    serve: impl FnOnce(Client) -> T + Send + 'static,
) -> (tempfile::TempDir, Peer<T>, Terminal) {
    let directory = here();
    let peer = Peer::start(serve);
    let terminal = Terminal::start(&format!("connect {}", peer.addr), directory.path());
    terminal.edits();
    (directory, peer, terminal)
}

#[test]
fn a_line_is_sent_as_it_was_edited() {
    let (_directory, peer, mut terminal) = conversation(|mut client| client.line());
    terminal.type_in("helxo\u{7f}\u{7f}l");
    terminal.shows(&["> hell"]);
    terminal.type_in(&format!("!{LEFT}o"));
    terminal.shows(&["> hello!"]);
    terminal.type_in("\r");
    assert_eq!(peer.join(), "hello!");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn the_lines_before_can_be_had_again() {
    let (_directory, peer, mut terminal) =
        conversation(|mut client| [client.line(), client.line(), client.line()]);
    terminal.type_in("first\r");
    terminal.shows(&["> first", ">"]);
    terminal.type_in("second\r");
    terminal.shows(&["> second", ">"]);
    terminal.type_in(&format!("{UP}{UP}"));
    terminal.shows(&["> second", "> first"]);
    terminal.type_in("\r");
    assert_eq!(peer.join(), ["first", "second", "first"]);
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn what_comes_does_not_break_the_line_being_typed() {
    let (_directory, peer, mut terminal) = conversation(|mut client| {
        client.send(b"ready\r\n");
        // Somebody has typed half a line, and says so out of band.
        client.read_until("now\n");
        client.send(b"one\r\ntwo\r\n");
        client.line()
    });
    terminal.shows(&["ready", ">"]);
    terminal.type_in("now\r");
    terminal.type_in("half a li");
    terminal.shows(&["> now", "one", "two", "> half a li"]);
    terminal.type_in("ne\r");
    assert_eq!(peer.join(), "half a line");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_peers_prompt_is_seen_though_its_line_has_no_end() {
    let (_directory, peer, mut terminal) = conversation(|mut client| {
        client.send(b"Username: ");
        let user = client.line();
        client.send(b"Password: ");
        (user, client.line())
    });
    terminal.shows(&["Username:", ">"]);
    terminal.type_in("alice\r");
    terminal.shows(&["Username:", "> alice", "Password:", ">"]);
    terminal.type_in("s3cret\r");
    assert_eq!(peer.join(), ("alice".to_owned(), "s3cret".to_owned()));
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn what_came_without_a_line_end_stays_on_the_screen() {
    let (_directory, _peer, mut terminal) = conversation(|mut client| {
        client.send(b"Hello, ");
        client.read_until("go on\n");
        client.send(b"world\r\n");
    });
    terminal.shows(&["Hello,", ">"]);
    terminal.type_in("go on\r");
    terminal.shows(&["Hello,", "> go on", "world"]);
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_line_that_comes_in_parts_is_one_line() {
    let (sender, parts) = std::sync::mpsc::channel::<String>();
    let (_directory, peer, mut terminal) = conversation(move |mut client| {
        for part in parts {
            client.send(part);
        }
    });
    let long = "0123456789".repeat(7);
    terminal.type_in("typed");
    sender.send(long.clone()).unwrap();
    terminal.shows(&[&long, "> typed"]);
    sender.send("abcdefghij".to_owned()).unwrap();
    let row = format!("{long}abcdefghij");
    terminal.shows(&[&row, "> typed"]);
    sender.send("the next row".to_owned()).unwrap();
    terminal.shows(&[&row, "the next row", "> typed"]);
    sender.send(" and its \u{1b}[2J end\nmore\n".to_owned()).unwrap();
    terminal.shows(&[&row, "the next row and its \\u{1b}[2J end", "more", "> typed"]);
    drop(sender);
    peer.join();
    terminal.shows(&["more", "> typed"]);
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn what_is_pasted_is_sent_whole() {
    let (_directory, peer, mut terminal) = conversation(|mut client| client.read_until("end\n"));
    // As a terminal marks it, with line ends as the Enter key sends them.
    terminal.type_in("\u{1b}[200~one\rtwo\tx\r\u{1b}[201~\r");
    // And as one that marks nothing sends it.
    terminal.type_in("three\rfour\tx\rend\r");
    assert_eq!(peer.join(), "one\ntwo\tx\n\nthree\nfour\tx\nend\n");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_key_that_is_not_utf_8_is_left_out_and_the_line_is_kept() {
    let (_directory, peer, mut terminal) = conversation(|mut client| client.line());
    terminal.type_in("caf");
    terminal.type_bytes(b"\xff");
    terminal.shows(&["warning: a key that is not UTF-8 is left out; a pipe carries any byte"]);
    terminal.edits();
    terminal.type_in("é\r");
    assert_eq!(peer.join(), "café");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn ctrl_d_on_an_empty_line_ends_our_side() {
    let (_directory, peer, mut terminal) = conversation(|mut client| {
        let read = client.read_to_end();
        client.send(b"goodbye\r\n");
        read
    });
    terminal.type_in("x\r");
    terminal.shows(&["> x", ">"]);
    terminal.type_in("\u{4}");
    assert_eq!(peer.join(), b"x\n");
    terminal.screen.wait_for_text("goodbye");
    assert_eq!(terminal.exit_code(), 0);
    assert!(terminal.echoes());
}

#[test]
fn what_is_typed_faster_than_it_is_read_is_not_lost() {
    let lines: Vec<String> = (0..50).map(|number| format!("line {number}\r")).collect();
    let (_directory, peer, mut terminal) = conversation(|mut client| client.read_to_end());
    for line in &lines {
        terminal.type_in(line);
    }
    // Wherever it meets the editor.
    terminal.type_in("\u{4}");
    assert_eq!(String::from_utf8(peer.join()).unwrap(), lines.concat().replace('\r', "\n"));
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn signals_leave_the_terminal_as_it_was() {
    for (signal, code) in
        [(None, 130), (Some(Signal::INT), 130), (Some(Signal::TERM), 143), (Some(Signal::HUP), 129)]
    {
        let (_directory, peer, mut terminal) = conversation(|mut client| client.read_to_end());
        terminal.type_in("half");
        terminal.shows(&["> half"]);
        match signal {
            None => terminal.type_in("\u{3}"),
            Some(signal) => terminal.signal(signal),
        }
        assert_eq!(terminal.exit_code(), code);
        assert!(terminal.echoes());
        let text = terminal.everything();
        let (on, off) = (text.rfind("\u{1b}[?2004h"), text.rfind("\u{1b}[?2004l"));
        assert!(on < off, "{text:?}");
        assert_eq!(peer.join(), b"");
    }
}

#[test]
fn the_peers_end_ends_the_editing() {
    let (sender, go) = std::sync::mpsc::channel();
    let (_directory, peer, mut terminal) = conversation(move |mut client| {
        go.recv().unwrap();
        client.send(b"last words");
    });
    terminal.type_in("half");
    terminal.shows(&["> half"]);
    sender.send(()).unwrap();
    peer.join();
    assert_eq!(terminal.exit_code(), 0);
    assert!(terminal.echoes());
    let text = terminal.everything();
    let shown = rows(&text);
    let at = shown.iter().position(|row| row == "last words").unwrap();
    assert_eq!(shown[at + 1], "> half", "{shown:?}");
    assert!(shown[at + 2].starts_with("closed "), "{shown:?}");
    assert!(text.ends_with('\n'), "{text:?}");
}

#[test]
fn nothing_is_held_up_by_a_search_or_half_a_key() {
    for keys in ["\u{12}", "\u{1b}", "\u{1b}["] {
        let (sender, go) = std::sync::mpsc::channel();
        let (_directory, peer, mut terminal) = conversation(move |mut client| {
            client.line();
            go.recv().unwrap();
            client.send(b"meanwhile\r\n");
        });
        // There has to be something to search.
        terminal.type_in("before\r");
        terminal.shows(&["> before", ">"]);
        terminal.type_in(&format!("typed{keys}"));
        terminal.shows(&[match keys {
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
fn a_terminal_that_can_do_nothing_is_used_as_it_is() {
    let directory = here();
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
        let text = terminal.everything();
        assert_eq!(text.contains("> "), prompted, "{text:?}");
    }
}
