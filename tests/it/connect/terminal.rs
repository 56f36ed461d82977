//! `connect` at a terminal: prompts, escaping, and the terminal's state afterwards.

use rustix::process::Signal;

use crate::support::{Peer, Terminal, sockkit};

#[test]
fn connect_prompts_and_shows_both_addresses() {
    let directory = tempfile::tempdir().unwrap();
    let echo = sockkit("echo-server 0 --timestamp").serve();
    let mut terminal = Terminal::start(&format!("connect {}", echo.addr), directory.path());
    let text = terminal.screen.wait_for_text("(local 127.0.0.1:");
    assert!(text.contains(&format!("{}", echo.addr)), "{text:?}");
    terminal.screen.wait_for_text("> ");
    terminal.type_in("hello\r");
    let prompts = |text: &str| text.matches("> ").count();
    let text = terminal.screen.wait_for(|text| {
        let answered = text.contains(" hello\r\n") && prompts(text) >= 2;
        answered.then(|| text.to_owned())
    });
    assert!(!text.contains("data "), "{text:?}");
    terminal.type_in("\u{4}");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn e38_the_terminal_settings_are_restored_however_the_run_ends() {
    let directory = tempfile::tempdir().unwrap();
    for how in ["the peer's end", "Ctrl-D", "Ctrl-C", "SIGTERM"] {
        let peer = Peer::start(move |mut client| {
            client.send(b"hello\r\n");
            if how == "the peer's end" {
                client.read_until("go\n");
            } else {
                client.read_to_end();
            }
        });
        let mut terminal = Terminal::start(&format!("connect {}", peer.addr), directory.path());
        terminal.screen.wait_for_text("hello");
        terminal.screen.wait_for_text("> ");
        match how {
            "the peer's end" => terminal.type_in("go\r"),
            "Ctrl-D" => terminal.type_in("\u{4}"),
            "Ctrl-C" => terminal.type_in("\u{3}"),
            _ => terminal.signal(Signal::TERM),
        }
        let code = terminal.exit_code();
        let expected = match how {
            "Ctrl-C" => 130,
            "SIGTERM" => 143,
            _ => 0,
        };
        assert_eq!(code, expected, "{how}");
        assert!(terminal.has_default_settings(), "{how}");
        peer.join();
    }
}

#[test]
fn e39_control_characters_from_the_peer_are_escaped_unless_raw_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let attack = b"\x1b]0;pwned\x07 ok\r\n";
    for (raw, shown) in [("", "\\u{1b}]0;pwned\\u{7} ok"), (" --raw", "\u{1b}]0;pwned\u{7} ok")] {
        let peer = Peer::start(move |mut client| client.send(attack));
        let terminal = Terminal::start(&format!("connect {}{raw}", peer.addr), directory.path());
        terminal.screen.wait_for_text(shown);
        assert_eq!(terminal.wait(), 0);
    }
}

#[test]
fn json_at_a_terminal_does_without_the_line_editor() {
    let directory = tempfile::tempdir().unwrap();
    let echo = sockkit("echo-server 0").serve();
    let mut terminal = Terminal::start(&format!("connect {} --json", echo.addr), directory.path());
    terminal.screen.wait_for_text("\"connected\"");
    terminal.type_in("hello\r");
    terminal.screen.wait_for_text("\"text\":\"hello\\n\"");
    assert!(terminal.echoes());
    terminal.type_in("\u{4}");
    assert_eq!(terminal.wait(), 0);
}
