//! Observers of a connection: recording, hex dump, statistics and progress bar.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;

use rustix::process::Signal;
use serde_json::Value;

use crate::json_doc;
use crate::support::recording::{carried, directory, recorded};
use crate::support::{ClosedPort, Peer, Terminal, eventually, sockkit};

/// A peer that answers lines until its client is gone.
fn answering() -> Peer<()> {
    Peer::start(|mut client| {
        let stream = BufReader::new(client.stream.try_clone().unwrap());
        for line in stream.lines().map_while(Result::ok) {
            client.send(format!("got {line}\n"));
        }
    })
}

#[test]
fn e32_a_recording_has_both_directions_in_order_and_is_complete_when_killed() {
    for signal in [Signal::TERM, Signal::KILL] {
        let (_directory, path) = directory();
        let peer = answering();
        let connect = format!("connect {} --record", peer.addr);
        let mut running = sockkit(&connect).arg(&path).start();
        let mut asked = String::new();
        let mut answered = String::new();
        for number in 0..20 {
            let line = format!("line {number}\n");
            running.write(line.as_bytes());
            asked += &line;
            answered += "got ";
            answered += &line;
            running.stdout.wait_for_text(&answered);
        }
        running.signal(signal);
        running.wait();
        let lines = recorded(&path);
        let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!(kinds[..2], ["record", "connected"]);
        let addr = peer.addr.to_string();
        assert_eq!(carried(&lines, "out", &addr), asked);
        assert_eq!(carried(&lines, "in", &addr), answered);
        // Each was waited for: question and answer take turns.
        let turns = lines.iter().filter_map(|line| line["direction"].as_str());
        assert!(turns.eq(["out", "in"].into_iter().cycle().take(40)), "{lines:?}");
        let times = lines[1..].iter().map(|line| line["time_us"].as_u64().unwrap());
        assert!(times.is_sorted());
        peer.join();
    }
}

#[test]
fn a_recording_ends_with_the_end_of_the_connection_and_is_continued_by_the_next_run() {
    let (_directory, path) = directory();
    for run in 1..=2 {
        let peer = Peer::start(|mut client| {
            client.send(b"caf\xe9");
            client.read_to_end()
        });
        let connect = format!("connect {} --record", peer.addr);
        let ran = sockkit(&connect).arg(&path).stdin("x").run().code(0);
        assert_eq!(ran.stdout, b"caf\xe9");
        let lines = recorded(&path);
        let records = lines.iter().filter(|line| line["type"] == "record").count();
        assert_eq!(records, run);
        let last = lines.last().unwrap();
        assert_eq!((&last["type"], &last["reason"]), (&"closed".into(), &"eof".into()));
        assert_eq!((&last["bytes_in"], &last["bytes_out"]), (&4.into(), &1.into()));
        assert!(lines.iter().any(|line| line["bytes"] == "Y2Fm6Q=="), "{lines:?}");
    }
}

#[test]
fn a_recording_that_cannot_begin_is_exit_8_before_anything_is_connected() {
    // Whoever connected first would be refused.
    let port = ClosedPort::new();
    for path in ["/dev/full", "/no/such/directory/talk"] {
        let ran = sockkit(&format!("connect {} --record {path}", port.addr())).run().code(8);
        assert!(ran.stderr.contains(path), "{}", ran.stderr);
        assert!(ran.stderr.contains("try: "), "{}", ran.stderr);
    }
}

#[test]
fn a_recording_that_fails_is_said_once_and_is_exit_8_after_the_whole_conversation() {
    let (_directory, path) = directory();
    // A pipe fails when its reader leaves.
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, mode, 0).unwrap();
    let peer = answering();
    let connect = format!("connect {} --record", peer.addr);
    let mut running = sockkit(&connect).arg(&path).start();
    let mut first = String::new();
    BufReader::new(File::open(&path).unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("\"record\""), "{first}");
    for line in ["one\n", "two\n"] {
        running.write(line.as_bytes());
        running.stdout.wait_for_text(&format!("got {line}"));
    }
    running.close_stdin();
    let ran = running.wait().code(8);
    assert_eq!(ran.out(), "got one\ngot two\n");
    assert_eq!(ran.stderr.matches("recording ends").count(), 1, "{}", ran.stderr);
    let error = format!("error: cannot write {}: ", path.display());
    assert!(ran.stderr.contains(&error), "{}", ran.stderr);
    peer.join();
}

#[test]
fn a_hexdump_shows_both_directions_and_leaves_the_payload_alone() {
    let peer = Peer::start(|mut client| {
        let request = client.read_until("\r\n\r\n");
        client.send(b"\x1b[2Jno\xff");
        client.read_to_end();
        request
    });
    let request = "GET / HTTP/1.0\r\n\r\n";
    let connect = format!("connect {} --hexdump -q", peer.addr);
    let ran = sockkit(&connect).stdin(request).run().code(0);
    assert_eq!(ran.stdout, b"\x1b[2Jno\xff");
    assert_eq!(peer.join(), request);
    let rows: Vec<_> = ran.stderr.lines().collect();
    let [out, first, second, incoming, answer] = rows[..] else { panic!("{}", ran.stderr) };
    assert!(out.starts_with(">>> ") && out.contains(" s to 127.0.0.1:"), "{out}");
    assert!(out.ends_with(", 18 bytes"), "{out}");
    assert_eq!(
        first,
        "00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 30 0d 0a  |GET / HTTP/1.0..|"
    );
    assert!(second.starts_with("00000010  0d 0a ") && second.ends_with("  |..|"), "{second}");
    assert!(incoming.starts_with("<<< ") && incoming.contains(" s from 127.0.0.1:"), "{incoming}");
    assert!(answer.ends_with("  |.[2Jno.|"), "{answer}");
}

#[test]
fn a_hexdump_has_no_place_where_every_line_is_json() {
    let port = ClosedPort::new();
    let ran = sockkit(&format!("connect {} --json --hexdump", port.addr())).run().code(2);
    assert!(ran.stderr.contains("--record"), "{}", ran.stderr);
}

#[test]
fn the_figures_of_a_conversation_are_a_table_beside_the_payload() {
    let peer = Peer::start(|mut client| {
        client.read_to_end();
        client.send(b"answer");
    });
    let connect = format!("connect localhost {} --stats", peer.port());
    let ran = sockkit(&connect).stdin("question").run().code(0);
    assert_eq!(ran.out(), "answer");
    let row = |start: &str| {
        let row = ran.stderr.lines().find(|line| line.starts_with(start));
        row.unwrap_or_else(|| panic!("no {start}: {}", ran.stderr)).to_owned()
    };
    assert_eq!(row("stats "), format!("stats {}", peer.addr));
    for phase in ["resolve ", "connect ", "first byte "] {
        assert!(row(phase).contains('█'), "{}", ran.stderr);
    }
    assert!(row("in ").contains(" 6 "), "{}", ran.stderr);
    assert!(row("out ").contains(" 8 "), "{}", ran.stderr);
    assert!(row("RTT ").contains("RETRANSMITS"), "{}", ran.stderr);
}

#[test]
fn the_figures_are_an_event_under_json() {
    let peer = Peer::start(|mut client| {
        client.read_to_end();
        client.send(b"answer");
    });
    let connect = format!("connect {} --stats --json", peer.addr);
    let ran = sockkit(&connect).stdin("question").run().code(0);
    let lines = ran.out();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let stats: Vec<_> = lines.filter(|line| line["type"] == "stats").collect();
    assert_eq!(stats.len(), 1);
    json_doc::holds("Events", &stats);
    let stats = &stats[0];
    assert_eq!((&stats["bytes_in"], &stats["bytes_out"]), (&6.into(), &8.into()));
    // An address is not resolved.
    let phases = stats["phases"].as_array().unwrap();
    let names: Vec<_> = phases.iter().map(|phase| phase["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["connect", "first_byte"]);
    let end = |phase: &Value| {
        phase["start_us"].as_u64().unwrap() + phase["duration_us"].as_u64().unwrap()
    };
    assert!(end(&phases[0]) <= end(&phases[1]), "{stats}");
    assert!(end(&phases[1]) <= stats["duration_us"].as_u64().unwrap(), "{stats}");
    assert!(stats["tcp"]["rtt_us"].as_u64().unwrap() > 0, "{stats}");
}

#[test]
fn a_long_transfer_into_a_file_shows_a_bar_that_is_gone_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let program = env!("CARGO_BIN_EXE_sockkit");
    let script = format!("exec {program} connect {addr} < /dev/null > received");
    let terminal = Terminal::of("sh", ["-c", &script], directory.path());
    let (mut stream, _) = listener.accept().unwrap();
    std::io::Write::write_all(&mut stream, &[b'x'; 3 << 20]).unwrap();
    let screen = terminal.screen.wait_for_text("3.0 MiB received");
    assert!(!screen.contains("xxx"), "{screen:?}");
    drop(stream);
    let screen = terminal.screen.clone();
    assert_eq!(terminal.wait(), 0);
    // Nothing is left on the line.
    eventually("the line is cleared", || {
        screen.text().rsplit_once("received").unwrap().1.contains("\u{1b}[2K").then_some(())
    });
    assert_eq!(fs::metadata(directory.path().join("received")).unwrap().len(), 3 << 20);
}

#[test]
fn no_bar_disturbs_a_terminal_that_shows_the_payload() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("input");
    fs::write(&input, "question\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let program = env!("CARGO_BIN_EXE_sockkit");
    let script = format!("exec {program} connect {addr} < input");
    let terminal = Terminal::of("sh", ["-c", &script], directory.path());
    let (mut stream, _) = listener.accept().unwrap();
    // Nothing comes: the bar appears.
    terminal.screen.wait_for_text("9 B sent");
    std::io::Write::write_all(&mut stream, b"answer").unwrap();
    let screen = terminal.screen.wait_for_text("answer");
    let (before, _) = screen.split_once("answer").unwrap();
    assert!(before.ends_with("\u{1b}[2K"), "{screen:?}");
    std::io::Read::read_to_end(&mut stream, &mut Vec::new()).unwrap();
    drop(stream);
    let screen = terminal.screen.clone();
    assert_eq!(terminal.wait(), 0);
    let text = screen.text();
    assert!(!text.split_once("answer").unwrap().1.contains(" sent"), "{text:?}");
}
