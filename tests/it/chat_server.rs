//! `chat-server`: one room and one order of messages; a slow member delays no other.

use std::io::Write as _;
use std::time::Duration;

use crate::support::program::over_unix;
use crate::support::{Client, Server, sockkit};

fn enter(server: &Server, nick: &str) -> Client {
    let mut client = server.client();
    client.read_until("Nickname: ");
    client.send(format!("{nick}\n"));
    client.read_until("OK welcome, ");
    client.read_until("commands\r\n");
    client
}

#[test]
fn two_people_talk() {
    let chat = sockkit("chat-server 0").serve();
    let mut alice = enter(&chat, "alice");
    let mut bob = enter(&chat, "bob");
    assert_eq!(alice.line(), "-!- bob joined (2 here)");
    alice.send("Olá, ação ✓\n");
    assert_eq!(bob.line(), "<alice> Olá, ação ✓");
    bob.send("/me waves\n");
    assert_eq!(alice.line(), "* bob waves");
    bob.send("/who\n");
    assert_eq!(bob.line(), "OK 2 here: alice, bob");
    bob.send("/msg alice psst\n");
    assert_eq!(alice.line(), "[bob -> you] psst");
    assert_eq!(bob.line(), "OK told alice");
    bob.send("/nick robert\n");
    assert_eq!(alice.line(), "-!- bob is now robert");
    assert_eq!(bob.line(), "OK you are now robert");
    bob.send("/help\n");
    assert!(bob.line().contains("/msg NAME TEXT"));
    bob.send("/dance\n");
    assert!(bob.line().starts_with("ERR no command /dance"));
    bob.send("/quit so long\n");
    assert_eq!(bob.line(), "OK bye");
    assert_eq!(bob.read_to_end(), b"");
    assert_eq!(alice.line(), "-!- robert left (quit: so long)");
    let ran = chat.stop().code(0);
    assert_eq!(ran.out(), "<alice> Olá, ação ✓\n* bob waves\n");
}

#[test]
fn nicknames_are_unique_and_refused_ones_asked_again() {
    let chat = sockkit("chat-server 0").serve();
    let _alice = enter(&chat, "alice");
    let mut client = chat.client();
    client.read_until("Nickname: ");
    for (nick, answer) in [
        ("", "ERR empty nickname"),
        ("ALICE", "ERR nickname in use, try ALICE2"),
        ("<alice>", "ERR a nickname has only letters, digits and _-."),
        ("server", "ERR that nickname is reserved"),
    ] {
        client.send(format!("{nick}\n"));
        assert_eq!(client.line(), answer);
        client.read_until("Nickname: ");
    }
    client.send("carol\n");
    assert_eq!(client.line(), "OK welcome, carol; 2 here: alice, carol");
}

#[test]
fn nobody_can_speak_in_anothers_voice_or_reach_a_terminal() {
    let chat = sockkit("chat-server 0").serve();
    let mut bob = enter(&chat, "bob");
    let mut eve = enter(&chat, "eve");
    bob.line();
    eve.send(b"hello\n<alice> I am somebody else\n");
    eve.send(b"one\r<alice> two\n");
    eve.send(b"\x1b[2K\x07\xc2\x9b31m\xe2\x80\xae\xff\n");
    for expected in [
        "<eve> hello",
        "<eve> <alice> I am somebody else",
        "<eve> one",
        "<eve> <alice> two",
        "<eve> \\u{1b}[2K\\u{7}\\u{9b}31m\\u{202e}\\xff",
    ] {
        assert_eq!(bob.line(), expected);
    }
    eve.send("/quit \x1b[2J\n");
    assert_eq!(bob.line(), "-!- eve left (quit: \\u{1b}[2J)");
    let ran = chat.stop().code(0);
    assert!(!ran.stderr.contains('\u{1b}') && !ran.out().contains('\u{1b}'));
}

#[test]
fn lines_are_lines_however_they_are_cut() {
    let chat = sockkit("chat-server 0").serve();
    let mut bob = enter(&chat, "bob");
    let mut alice = enter(&chat, "alice");
    bob.line();
    for byte in "olá\r\n".bytes() {
        alice.send([byte]);
    }
    assert_eq!(bob.line(), "<alice> olá");
    // The last line counts, whatever ends it.
    alice.send("bye");
    alice.end();
    assert_eq!(bob.line(), "<alice> bye");
    assert_eq!(bob.line(), "-!- alice left (eof)");
}

#[test]
fn a_line_that_is_too_long_is_refused_and_one_without_end_is_cut_off() {
    let chat = sockkit("chat-server 0").serve();
    let mut bob = enter(&chat, "bob");
    let mut alice = enter(&chat, "alice");
    bob.line();
    alice.send([vec![b'x'; 1024], b"\n".to_vec()].concat());
    assert_eq!(bob.line().len(), "<alice> ".len() + 1024);
    alice.send([vec![b'x'; 1025], b"\nok\n".to_vec()].concat());
    assert_eq!(alice.line(), "ERR line too long (max 1024 bytes)");
    assert_eq!(bob.line(), "<alice> ok");
    // It may be closed on us at any moment.
    alice.stream.write_all(&vec![b'x'; 10_000_000]).ok();
    assert_eq!(bob.line(), "-!- alice left (line too long)");
}

#[test]
fn a_client_that_never_reads_delays_nobody_and_is_dropped() {
    let chat = sockkit("chat-server 0").serve();
    let mut talker = enter(&chat, "talker");
    let mut readers: Vec<Client> = (0..5).map(|n| enter(&chat, &format!("reader{n}"))).collect();
    let stalled: Vec<Client> = (0..3).map(|n| enter(&chat, &format!("stalled{n}"))).collect();
    // Far more than the sockets' buffers and the queues of the stalled hold together.
    let text = "x".repeat(1000);
    for hundred in 0..200 {
        let lines: Vec<String> = (0..100).map(|n| format!("{hundred}.{n} {text}\n")).collect();
        talker.send(lines.concat());
        for reader in &mut readers {
            reader.read_until(&format!("<talker> {hundred}.99 "));
        }
    }
    chat.running.stderr.wait_for(|text| (text.matches(": too slow").count() == 3).then_some(()));
    drop(stalled);
    talker.send("/who\n");
    talker.read_until("OK 6 here: ");
}

#[test]
fn everybody_sees_the_same_order() {
    let chat = sockkit("chat-server 0").serve();
    let mut watchers: Vec<Client> = (0..3).map(|n| enter(&chat, &format!("watcher{n}"))).collect();
    let talkers: Vec<_> = (0..5)
        .map(|talker| {
            let mut client = enter(&chat, &format!("talker{talker}"));
            std::thread::spawn(move || {
                for number in 0..50 {
                    client.send(format!("{number}\n"));
                }
                client.end();
                client.read_to_end();
            })
        })
        .collect();
    let seen: Vec<Vec<String>> = watchers
        .iter_mut()
        .map(|watcher| {
            let mut said = Vec::new();
            while said.len() < 250 {
                let line = watcher.line();
                if line.starts_with("<talker") {
                    said.push(line);
                }
            }
            said
        })
        .collect();
    for talker in talkers {
        talker.join().unwrap();
    }
    assert!(seen.iter().all(|order| *order == seen[0]));
    for talker in 0..5 {
        let own: Vec<&String> =
            seen[0].iter().filter(|line| line.starts_with(&format!("<talker{talker}>"))).collect();
        let expected = (0..50).map(|number| format!("<talker{talker}> {number}"));
        assert!(own.into_iter().cloned().eq(expected));
    }
}

#[test]
fn resets_leave_the_room_exact() {
    let chat = sockkit("chat-server 0").serve();
    let mut alice = enter(&chat, "alice");
    for number in 0..200 {
        enter(&chat, &format!("guest{number}")).reset();
    }
    chat.running.stderr.wait_for(|text| (text.matches("left guest").count() == 200).then_some(()));
    alice.send("/who\n");
    alice.read_until("OK 1 here: alice\r\n");
}

#[test]
fn a_full_room_refuses_in_words() {
    let chat = sockkit("chat-server 0 --max-clients 1").serve();
    let _alice = enter(&chat, "alice");
    let mut late = chat.client();
    late.send("bob\n");
    assert_eq!(late.read_to_end(), b"ERR busy, try later\r\n");
}

#[test]
fn who_gives_no_nickname_is_closed_and_members_may_be_silent() {
    let chat = sockkit("chat-server 0 --idle-timeout 1s").serve();
    let mut alice = enter(&chat, "alice");
    let mut nobody = chat.client();
    let text = String::from_utf8(nobody.read_to_end()).unwrap();
    assert_eq!(text, "Nickname: \r\nERR no nickname was given in time\r\n");
    std::thread::sleep(Duration::from_millis(100));
    alice.send("/who\n");
    assert_eq!(alice.line(), "OK 1 here: alice");
}

#[test]
fn a_stop_is_announced_to_everybody() {
    let chat = sockkit("chat-server 0").serve();
    let mut clients: Vec<Client> = (0..10).map(|n| enter(&chat, &format!("c{n}"))).collect();
    chat.running.signal(rustix::process::Signal::TERM);
    for client in &mut clients {
        let text = String::from_utf8(client.read_to_end()).unwrap();
        assert!(text.contains("-!- the server is stopping\r\n"), "{text}");
    }
    chat.running.wait().code(0);
}

#[test]
fn our_own_client_takes_part() {
    let chat = sockkit("chat-server 0").serve();
    let mut bob = enter(&chat, "bob");
    let mut running = sockkit(&format!("connect 127.0.0.1 {}", chat.port())).start();
    running.stdout.wait_for_text("Nickname: ");
    running.write(b"carol\nhi all\n");
    assert_eq!(bob.line(), "-!- carol joined (2 here)");
    assert_eq!(bob.line(), "<carol> hi all");
    bob.send("hello carol\n");
    running.stdout.wait_for_text("<bob> hello carol");
    running.close_stdin();
    running.wait().code(0);
    assert_eq!(bob.line(), "-!- carol left (eof)");
}

#[test]
fn one_who_talks_without_a_pause_keeps_nobody_waiting() {
    let chat = sockkit("chat-server 0").serve();
    let talker = enter(&chat, "talker");
    let listener = enter(&chat, "listener");
    let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stop = std::sync::Arc::clone(&over);
    // Tens of thousands of lines in every read, for as long as it takes.
    let talking = std::thread::spawn(move || {
        let lines = "a\n".repeat(30_000);
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            (&talker.stream).write_all(lines.as_bytes()).unwrap();
        }
    });
    for _ in 0..5 {
        let mut late = enter(&chat, "late");
        late.send("/quit\n");
        late.read_until("OK bye\r\n");
    }
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    talking.join().unwrap();
    drop(listener);
}

#[test]
fn the_chat_server_speaks_over_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let (_server, mut alice) = over_unix("chat-server", &path);
    let mut bob = sockkit("connect").arg(format!("unix:{}", path.display())).start();
    for (name, client) in [("alice", &mut alice), ("bob", &mut bob)] {
        client.stdout.wait_for_text("Nickname: ");
        client.write(format!("{name}\n").as_bytes());
    }
    alice.stdout.wait_for_text("bob");
    alice.write(b"hello everybody\n");
    bob.stdout.wait_for_text("hello everybody");
    bob.write(b"/quit\n");
    bob.wait().code(0);
}
