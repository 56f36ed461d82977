//! `listen` at a terminal: the line editor, and several clients.

use std::net::{Shutdown, SocketAddr};

use crate::support::peers::datagram;
use crate::support::terminal::{LEFT, rows};
use crate::support::{Client, Terminal, eventually};

/// Starts `sockkit listen 127.0.0.1:0 ARGS…` at a terminal, and returns its address.
fn start_listening(args: &str, directory: &tempfile::TempDir) -> (Terminal, SocketAddr) {
    let terminal = Terminal::start(&format!("listen 127.0.0.1:0 {args}"), directory.path());
    let addr = terminal.screen.wait_for(|text| {
        let line = text.lines().find(|line| line.contains("listening"))?;
        rows(line).concat().split_whitespace().nth(2)?.parse().ok()
    });
    (terminal, addr)
}

#[test]
fn the_line_editor_starts_when_a_client_connects() {
    let directory = tempfile::tempdir().unwrap();
    let (mut terminal, addr) = start_listening("", &directory);
    assert!(terminal.echoes());
    let mut client = Client::connect(addr);
    terminal.wait_until_editing();
    client.send(b"hello\n");
    terminal.wait_for_rows(&["hello", ">"]);
    terminal.type_in(&format!("hi{LEFT}\u{4}ello\r"));
    assert_eq!(client.line(), "hello");
    terminal.wait_until_editing();
    terminal.type_in("\u{3}");
    assert_eq!(client.read_to_end(), b"");
    assert_eq!(terminal.exit_code(), 130);
    assert!(terminal.echoes());
}

#[test]
fn with_several_clients_each_line_names_its_sender_and_the_prompt_counts_the_receivers() {
    let directory = tempfile::tempdir().unwrap();
    let (mut terminal, addr) = start_listening("-k", &directory);
    let mut one = Client::connect(addr);
    terminal.wait_until_editing();
    let label = one.local_addr();
    one.send("Hel");
    let from_one = |text: &str| format!("{label}: {text}");
    terminal.wait_for_rows(&[&from_one("Hel"), ">"]);
    one.send("lo\nagain\n");
    terminal.wait_for_rows(&[&from_one("Hello"), &from_one("again"), ">"]);
    let mut two = Client::connect(addr);
    eventually_prompts(&terminal, "2 clients>");
    terminal.type_in("to both");
    two.send("hi");
    let label = two.local_addr();
    let from_two = |text: &str| format!("{label}: {text}");
    terminal.wait_for_rows(&[&from_two("hi"), "2 clients> to both"]);
    terminal.type_in("\r");
    assert_eq!((one.line(), two.line()), ("to both".to_owned(), "to both".to_owned()));
    // Another client's text interrupts a line, which then has its label again.
    two.send("half");
    terminal.wait_for_rows(&[&from_two("half"), "2 clients>"]);
    one.send("whole\n");
    terminal.wait_for_rows(&[&from_two("half"), &from_one("whole"), "2 clients>"]);
    two.send(" a line\n");
    terminal.wait_for_rows(&[&from_one("whole"), &from_two(" a line"), "2 clients>"]);
    drop(two);
    eventually_prompts(&terminal, ">");
    drop(one);
    eventually_prompts(&terminal, "0 clients>");
    // The line waits for the next client.
    terminal.type_in("to the next\r");
    let mut three = Client::connect(addr);
    assert_eq!(three.line(), "to the next");
    terminal.type_in("\u{3}");
    assert_eq!(terminal.exit_code(), 0);
    assert!(terminal.has_default_settings());
}

#[test]
fn each_client_is_reported_before_its_data() {
    let directory = tempfile::tempdir().unwrap();
    let (terminal, addr) = start_listening("-k", &directory);
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(addr)).collect();
    for client in &mut clients {
        client.send("data\n");
    }
    for client in &clients {
        let label = client.local_addr();
        let (report, data) = (format!("connected {label} "), format!("{label}: data"));
        let (reported, received) = terminal.screen.wait_for(|text| {
            let rows = rows(text);
            let place = |start| rows.iter().position(|row: &String| row.starts_with(start));
            Some((place(&report), place(&data)?))
        });
        assert!(reported.is_some_and(|reported| reported < received), "{label} was not reported");
    }
}

#[test]
fn the_prompt_counts_the_receivers_at_once_although_no_client_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let args = "listen 127.0.0.1:0 -k -q --port-file port";
    let terminal = Terminal::start(args, directory.path());
    let port = eventually("the port file", || {
        std::fs::read_to_string(directory.path().join("port")).ok()?.trim().parse::<u16>().ok()
    });
    let connect = || Client::connect(SocketAddr::from(([127, 0, 0, 1], port)));
    let one = connect();
    eventually_prompts(&terminal, ">");
    let two = connect();
    eventually_prompts(&terminal, "2 clients>");
    drop(one);
    eventually_prompts(&terminal, ">");
    drop(two);
    eventually_prompts(&terminal, "0 clients>");
}

/// Waits until the last row is `prompt`.
#[track_caller]
fn eventually_prompts(terminal: &Terminal, prompt: &str) {
    terminal.screen.wait_for(|text| {
        let shown = rows(text).into_iter().rfind(|row| !row.is_empty());
        (shown.as_deref() == Some(prompt)).then_some(())
    });
}

#[test]
fn a_listener_for_the_datagrams_of_several_peers_names_each_sender_and_counts_the_receivers() {
    let directory = tempfile::tempdir().unwrap();
    let (mut terminal, addr) = start_listening("-u -k", &directory);
    terminal.wait_until_editing();
    eventually_prompts(&terminal, "0 clients>");
    let peers = [datagram::client(addr), datagram::client(addr)];
    for (peer, prompt) in peers.iter().zip([">", "2 clients>"]) {
        let from_peer = |text: &str| format!("{}: {text}", peer.local_addr().unwrap());
        peer.send(b"hello").unwrap();
        // The client is announced before its first datagram.
        let connected =
            format!("connected {} (localhost), local {addr}", peer.local_addr().unwrap());
        terminal.wait_for_rows(&[&connected, &from_peer("hello"), prompt]);
        // Each datagram begins a line.
        peer.send(b"again\n").unwrap();
        terminal.wait_for_rows(&[&from_peer("hello"), &from_peer("again"), prompt]);
    }
    terminal.type_in(&format!("to bth{LEFT}{LEFT}o\r"));
    for peer in &peers {
        assert_eq!(datagram::receive(peer), b"to both\n");
    }
    terminal.type_in("\u{3}");
    assert_eq!(terminal.exit_code(), 0);
    assert!(terminal.has_default_settings());
}

#[test]
fn a_stop_ends_the_session_although_clients_have_not_finished() {
    let directory = tempfile::tempdir().unwrap();
    let (mut terminal, addr) = start_listening("-k", &directory);
    let mut client = Client::connect(addr);
    terminal.wait_until_editing();
    terminal.type_in("not sent\u{3}");
    // The client gets FIN and takes its time. No client gets what is typed now.
    assert_eq!(client.read_to_end(), b"");
    eventually("the terminal's settings", || terminal.echoes().then_some(()));
    client.send("late\n");
    let label = client.local_addr();
    let late = format!("{label}: late");
    terminal.screen.wait_for(|text| rows(text).contains(&late).then_some(()));
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(terminal.exit_code(), 0);
}
