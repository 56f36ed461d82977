//! `chat-server`: one room and one order of messages; a slow member delays no other.

mod tls;

use std::io::{Read, Write};
use std::time::Duration;

use crate::support::procfs::Process;
use crate::support::program::start_over_unix;
use crate::support::{Client, Server, sockkit};

fn join_room(server: &Server, nick: &str) -> Client {
    enter(server.client(), nick)
}

/// Chooses a nickname.
fn enter<S: Read + Write>(mut client: Client<S>, nick: &str) -> Client<S> {
    client.read_until("Nickname: ");
    client.send(format!("{nick}\n"));
    client.read_until("OK welcome, ");
    client.read_until("commands\r\n");
    client
}

#[test]
fn two_members_exchange_messages_and_use_every_command() {
    let chat = sockkit("chat-server 0").serve();
    let mut alice = join_room(&chat, "alice");
    let mut bob = join_room(&chat, "bob");
    assert_eq!(alice.line(), "-!- bob joined (2 here)");
    alice.send("Olá, ação ✓\n");
    assert_eq!(bob.line(), "<alice> Olá, ação ✓");
    bob.send("/me waves\n");
    assert_eq!(alice.line(), "* bob waves");
    bob.send("/who\n");
    assert_eq!(bob.line(), "OK 2 here: alice, bob");
    bob.send("/msg alice psst\n");
    assert_eq!(alice.line(), "[bob -> you] psst");
    assert_eq!(bob.line(), "OK sent to alice");
    bob.send("/nick robert\n");
    assert_eq!(alice.line(), "-!- bob is now robert");
    assert_eq!(bob.line(), "OK you are now robert");
    bob.send("/help\n");
    assert!(bob.line().contains("/msg NAME TEXT"));
    bob.send("/dance\n");
    assert!(bob.line().starts_with("ERR unknown command /dance"));
    bob.send("/quit so long\n");
    assert_eq!(bob.line(), "OK bye");
    assert_eq!(bob.read_to_end(), b"");
    assert_eq!(alice.line(), "-!- robert left (quit: so long)");
    let ran = chat.stop().code(0);
    assert_eq!(ran.out(), "<alice> Olá, ação ✓\n* bob waves\n");
    assert!(ran.stderr.contains("\nrenamed bob to robert (127.0.0.1:"), "{}", ran.stderr);
}

#[test]
fn a_refused_nickname_is_asked_for_again() {
    let chat = sockkit("chat-server 0").serve();
    let _alice = join_room(&chat, "alice");
    let mut client = chat.client();
    client.read_until("Nickname: ");
    for (nick, answer) in [
        ("", "ERR empty nickname"),
        ("ALICE", "ERR nickname in use, try ALICE2"),
        ("<alice>", "ERR a nickname may contain only letters, digits, '_', '-' and '.'"),
        ("server", "ERR that nickname is reserved"),
        ("\u{430}lice", "ERR a nickname may not mix alphabets"),
    ] {
        client.send(format!("{nick}\n"));
        assert_eq!(client.line(), answer);
        client.read_until("Nickname: ");
    }
    client.send("carol\n");
    assert_eq!(client.line(), "OK welcome, carol; 2 here: alice, carol");
}

#[test]
fn a_message_cannot_imitate_another_member_or_send_terminal_escapes() {
    let chat = sockkit("chat-server 0").serve();
    let mut bob = join_room(&chat, "bob");
    let mut eve = join_room(&chat, "eve");
    bob.line();
    eve.send(b"hello\n<alice> I am alice\n");
    eve.send(b"one\r<alice> two\n");
    eve.send(b"\x1b[2K\x07\xc2\x9b31m\xe2\x80\xae\xff\n");
    for expected in [
        "<eve> hello",
        "<eve> <alice> I am alice",
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
fn a_line_is_one_message_however_its_bytes_arrive() {
    let chat = sockkit("chat-server 0").serve();
    let mut bob = join_room(&chat, "bob");
    let mut alice = join_room(&chat, "alice");
    bob.line();
    for byte in "olá\r\n".bytes() {
        alice.send([byte]);
    }
    assert_eq!(bob.line(), "<alice> olá");
    // The last line needs no line ending.
    alice.send("bye");
    alice.shut_down();
    assert_eq!(bob.line(), "<alice> bye");
    assert_eq!(bob.line(), "-!- alice left (eof)");
}

#[test]
fn a_line_over_1024_bytes_is_refused_and_an_endless_line_closes_the_connection() {
    let chat = sockkit("chat-server 0").serve();
    let mut bob = join_room(&chat, "bob");
    let mut alice = join_room(&chat, "alice");
    bob.line();
    alice.send([vec![b'x'; 1024], b"\n".to_vec()].concat());
    assert_eq!(bob.line().len(), "<alice> ".len() + 1024);
    alice.send([vec![b'x'; 1025], b"\nok\n".to_vec()].concat());
    assert_eq!(alice.line(), "ERR line too long (max 1024 bytes)");
    assert_eq!(bob.line(), "<alice> ok");
    // The server may close the connection during the write.
    alice.stream.write_all(&vec![b'x'; 10_000_000]).ok();
    assert_eq!(bob.line(), "-!- alice left (line too long)");
}

#[test]
fn a_member_that_never_reads_is_dropped_and_delays_no_other() {
    let chat = sockkit("chat-server 0").serve();
    let mut talker = join_room(&chat, "talker");
    let mut readers: Vec<Client> =
        (0..5).map(|n| join_room(&chat, &format!("reader{n}"))).collect();
    let stalled: Vec<Client> = (0..3).map(|n| join_room(&chat, &format!("stalled{n}"))).collect();
    // Far more than the socket buffers and the queues of the stalled members hold.
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
fn a_burst_of_lines_that_grow_when_they_are_escaped_drops_no_member_that_reads() {
    let chat = sockkit("chat-server 0").serve();
    let mut reader = join_room(&chat, "reader");
    let mut talkers: Vec<Client> = (0..4).map(|n| join_room(&chat, &format!("t{n}"))).collect();
    // One byte becomes six, or four; all lines of a burst are longer than a member's queue.
    let bursts: [(&str, &[u8]); 4] =
        [("", b"\x1b"), ("/me ", b"\x1b"), ("/msg reader ", b"\x1b"), ("", b"\xff")];
    for (talker, (command, byte)) in talkers.iter_mut().zip(bursts) {
        let line = [command.as_bytes(), &byte.repeat(1024 - command.len()), b"\n"].concat();
        talker.send(line.repeat(32));
    }
    let mut lines = 0;
    while lines < 4 * 32 {
        let line = reader.line();
        lines += usize::from(line.contains(r"\u{1b}") || line.contains(r"\xff"));
    }
    for client in talkers.iter_mut().chain([&mut reader]) {
        client.send("/who\n");
        client.read_until("OK 5 here: ");
    }
    assert!(!chat.stop().code(0).stderr.contains("too slow"));
}

#[test]
fn bursts_of_many_members_cost_little_memory_while_some_never_read() {
    let chat = sockkit("chat-server 0").serve();
    let stalled: Vec<Client> = (0..8).map(|n| join_room(&chat, &format!("stalled{n}"))).collect();
    let mut talkers: Vec<Client> = (0..8).map(|n| join_room(&chat, &format!("t{n}"))).collect();
    let before = Process::of(&chat.running).peak_memory();
    let burst = [&[0x1b; 1024][..], b"\n"].concat().repeat(64);
    let sending: Vec<_> = talkers
        .drain(..)
        .map(|talker| {
            let mut talker = talker.stream;
            let mut from = talker.try_clone().unwrap();
            let burst = burst.clone();
            // Each reads what the others send: 3.6 MB a round.
            std::thread::spawn(move || std::io::copy(&mut from, &mut std::io::sink()).ok());
            std::thread::spawn(move || (0..6).try_for_each(|_| talker.write_all(&burst)).ok())
        })
        .collect();
    for thread in sending {
        thread.join().unwrap();
    }
    chat.running.stderr.wait_for(|text| (text.matches("left stalled").count() == 8).then_some(()));
    // The queues of 16 members at their limits, and the received bytes of the talkers.
    let used = Process::of(&chat.running).peak_memory() - before;
    assert!(used < 16 << 20, "{used} bytes");
    drop(stalled);
}

#[test]
fn all_members_see_the_messages_in_the_same_order() {
    let chat = sockkit("chat-server 0").serve();
    let mut watchers: Vec<Client> =
        (0..3).map(|n| join_room(&chat, &format!("watcher{n}"))).collect();
    let talkers: Vec<_> = (0..5)
        .map(|talker| {
            let mut client = join_room(&chat, &format!("talker{talker}"));
            std::thread::spawn(move || {
                for number in 0..50 {
                    client.send(format!("{number}\n"));
                }
                client.shut_down();
                client.read_to_end();
            })
        })
        .collect();
    let seen: Vec<Vec<String>> = watchers
        .iter_mut()
        .map(|watcher| {
            let mut messages = Vec::new();
            while messages.len() < 250 {
                let line = watcher.line();
                if line.starts_with("<talker") {
                    messages.push(line);
                }
            }
            messages
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
fn members_that_reset_are_removed_from_the_room() {
    let chat = sockkit("chat-server 0").serve();
    let mut alice = join_room(&chat, "alice");
    for number in 0..200 {
        join_room(&chat, &format!("guest{number}")).reset();
    }
    chat.running.stderr.wait_for(|text| (text.matches("left guest").count() == 200).then_some(()));
    alice.send("/who\n");
    alice.read_until("OK 1 here: alice\r\n");
}

#[test]
fn a_full_room_refuses_a_client_with_an_error_line() {
    let chat = sockkit("chat-server 0 --max-clients 1").serve();
    let _alice = join_room(&chat, "alice");
    let mut late = chat.client();
    late.send("bob\n");
    assert_eq!(late.read_to_end(), b"ERR busy, try later\r\n");
}

#[test]
fn a_client_without_a_nickname_times_out_and_a_silent_member_does_not() {
    let chat = sockkit("chat-server 0 --idle-timeout 1s").serve();
    let mut alice = join_room(&chat, "alice");
    let mut silent = chat.client();
    let text = String::from_utf8(silent.read_to_end()).unwrap();
    assert_eq!(text, "Nickname: \r\nERR timed out waiting for a nickname\r\n");
    std::thread::sleep(Duration::from_millis(100));
    alice.send("/who\n");
    assert_eq!(alice.line(), "OK 1 here: alice");
}

#[test]
fn a_stop_is_announced_to_every_member() {
    let chat = sockkit("chat-server 0").serve();
    let mut clients: Vec<Client> = (0..10).map(|n| join_room(&chat, &format!("c{n}"))).collect();
    chat.running.signal(rustix::process::Signal::TERM);
    for client in &mut clients {
        let text = String::from_utf8(client.read_to_end()).unwrap();
        assert!(text.contains("-!- the server is stopping\r\n"), "{text}");
    }
    chat.running.wait().code(0);
}

#[test]
fn connect_can_take_part_in_the_chat() {
    let chat = sockkit("chat-server 0").serve();
    let mut bob = join_room(&chat, "bob");
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
fn a_member_that_sends_without_pause_delays_no_other() {
    let chat = sockkit("chat-server 0").serve();
    let talker = join_room(&chat, "talker");
    let listener = join_room(&chat, "listener");
    let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stop = std::sync::Arc::clone(&over);
    // Tens of thousands of lines per write, until the other members are done.
    let talking = std::thread::spawn(move || {
        let lines = "a\n".repeat(30_000);
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            (&talker.stream).write_all(lines.as_bytes()).unwrap();
        }
    });
    for _ in 0..5 {
        let mut late = join_room(&chat, "late");
        late.send("/quit\n");
        late.read_until("OK bye\r\n");
    }
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    talking.join().unwrap();
    drop(listener);
}

#[test]
fn chat_works_over_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let (_server, mut alice) = start_over_unix("chat-server", &path);
    let mut bob = sockkit("connect").arg(format!("unix:{}", path.display())).start();
    for (name, client) in [("alice", &mut alice), ("bob", &mut bob)] {
        client.stdout.wait_for_text("Nickname: ");
        client.write(format!("{name}\n").as_bytes());
    }
    alice.stdout.wait_for_text("bob");
    alice.write(b"hello all\n");
    bob.stdout.wait_for_text("hello all");
    bob.write(b"/quit\n");
    bob.wait().code(0);
}
