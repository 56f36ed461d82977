//! `chat-server --tls`.

use rustix::process::Signal;

use crate::chat_server::enter;
use crate::support::peers::tls::{Certificates, TlsClient};
use crate::support::recording::{course_of, read_recording, recording_path};
use crate::support::{Server, sockkit};

fn join_room(certificates: &Certificates, chat: &Server, nick: &str) -> TlsClient {
    enter(TlsClient::secure(certificates, chat), nick)
}

#[test]
fn members_over_tls_exchange_messages_and_quit_is_answered_with_close_notify() {
    let certificates = Certificates::new();
    let (_directory, path) = recording_path();
    let chat = certificates.serve(&format!("chat-server 127.0.0.1:0 --record {}", path.display()));
    let mut alice = join_room(&certificates, &chat, "alice");
    let mut bob = join_room(&certificates, &chat, "bob");
    assert_eq!(alice.line(), "-!- bob joined (2 here)");
    alice.send("Olá, ação ✓\n");
    assert_eq!(bob.line(), "<alice> Olá, ação ✓");
    bob.send("/quit so long\n");
    assert_eq!(bob.line(), "OK bye");
    assert_eq!(bob.read_to_close(), b"");
    assert_eq!(alice.line(), "-!- bob left (quit: so long)");
    alice.send_close_notify();
    assert_eq!(alice.read_to_close(), b"");
    chat.stop().code(0);
    let lines = read_recording(&path);
    for conn in [1, 2] {
        let of_it = lines[1..].iter().filter(|line| line["conn"] == conn);
        let course = course_of(&lines[..1].iter().chain(of_it).cloned().collect::<Vec<_>>());
        assert_eq!(course[..3], ["connected", "secured", "data out"]);
        assert!(course.contains(&"end local close_notify".to_owned()), "{course:?}");
        assert_eq!(course.last().unwrap(), "closed");
    }
}

#[test]
fn much_text_reaches_a_member_over_tls_in_order() {
    let certificates = Certificates::new();
    let chat = certificates.serve("chat-server 127.0.0.1:0");
    let mut reader = join_room(&certificates, &chat, "reader");
    let mut talker = join_room(&certificates, &chat, "talker");
    reader.line();
    for number in 0..500 {
        talker.send(format!("{number} {}\n", "x".repeat(200)));
    }
    for number in 0..500 {
        let line = reader.line();
        assert!(line.starts_with(&format!("<talker> {number} x")), "{line}");
    }
}

#[test]
fn a_full_room_refuses_a_client_over_tls_with_an_error_line() {
    let certificates = Certificates::new();
    let chat = certificates.serve("chat-server 127.0.0.1:0 --max-clients 1");
    let _alice = join_room(&certificates, &chat, "alice");
    let mut late = TlsClient::secure(&certificates, &chat);
    assert_eq!(late.read_to_close(), b"ERR busy, try later\r\n");
    // A client that does not use TLS gets an alert, not plain text.
    let mut plain = chat.client();
    plain.send("bob\r\n");
    assert!(!plain.read_to_end().starts_with(b"ERR"));
}

#[test]
fn a_stop_is_announced_over_tls_before_close_notify() {
    let certificates = Certificates::new();
    let chat = certificates.serve("chat-server 127.0.0.1:0");
    let mut alice = join_room(&certificates, &chat, "alice");
    let mut unnamed = TlsClient::secure(&certificates, &chat);
    unnamed.read_until("Nickname: ");
    let _silent = chat.client();
    chat.running.signal(Signal::TERM);
    for client in [&mut alice, &mut unnamed] {
        let text = String::from_utf8(client.read_to_close()).unwrap();
        assert!(text.contains("-!- the server is stopping\r\n"), "{text}");
    }
    chat.running.wait().code(0);
}

#[test]
fn connect_takes_part_in_a_chat_over_tls() {
    let certificates = Certificates::new();
    let chat = certificates.serve("chat-server 127.0.0.1:0");
    let mut running = certificates.connect(&chat.port(), "").start();
    running.stdout.wait_for_text("Nickname: ");
    running.write(b"carol\n/quit\n");
    running.stdout.wait_for_text("OK bye");
    running.wait().code(0);
    chat.running.stderr.wait_for_text("(quit)");
    sockkit(&format!("connect {}", chat.addr)).stdin("x").run();
    chat.running.stderr.wait_for_text("does not speak TLS");
    chat.stop().code(0);
}

#[test]
fn a_room_without_tls_refuses_a_client_that_speaks_it() {
    let chat = sockkit("chat-server 0").serve();
    let mut client = chat.client();
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\n");
    assert_eq!(client.read_to_end(), b"Nickname: ERR this server does not use TLS\r\n");
    chat.running.stderr.wait_for_text("speaks TLS; this server was started without --tls");
    chat.stop().code(0);
}
