//! Observers of a connection: recording, hex dump, statistics and progress bar.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

use rustix::process::Signal;
use serde_json::Value;

use crate::json_doc;
use crate::support::peers::tls::{Certificates, close_with_notify, close_without_notify};
use crate::support::recording::{course_of, payload_of, read_recording, recording_path};
use crate::support::{ClosedPort, Peer, Terminal, eventually, fifo, sockkit};

/// A peer that answers every line until the client closes.
fn line_server() -> Peer<()> {
    Peer::start(|mut client| {
        let stream = BufReader::new(client.stream.try_clone().unwrap());
        for line in stream.lines().map_while(Result::ok) {
            client.send(format!("got {line}\n"));
        }
    })
}

#[test]
fn e32_a_recording_holds_both_directions_in_order_and_is_complete_after_a_kill() {
    for signal in [Signal::TERM, Signal::KILL] {
        let (_directory, path) = recording_path();
        let peer = line_server();
        let connect = format!("connect {} --record", peer.addr);
        let mut running = sockkit(&connect).arg(&path).start();
        let mut sent = String::new();
        let mut received = String::new();
        for number in 0..20 {
            let line = format!("line {number}\n");
            running.write(line.as_bytes());
            sent += &line;
            received += "got ";
            received += &line;
            running.stdout.wait_for_text(&received);
        }
        running.signal(signal);
        running.wait();
        let lines = read_recording(&path);
        let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!(kinds[..2], ["record", "connected"]);
        let addr = peer.addr.to_string();
        assert_eq!(payload_of(&lines, "out", &addr), sent);
        assert_eq!(payload_of(&lines, "in", &addr), received);
        // The test waited for every answer, so the directions alternate.
        let turns = lines.iter().filter_map(|line| line["direction"].as_str());
        assert!(turns.eq(["out", "in"].into_iter().cycle().take(40)), "{lines:?}");
        let times = lines[1..].iter().map(|line| line["time_us"].as_u64().unwrap());
        assert!(times.is_sorted());
        peer.join();
    }
}

#[test]
fn a_recording_ends_with_the_close_and_a_second_run_appends_to_it() {
    let (_directory, path) = recording_path();
    for run in 1..=2 {
        let peer = Peer::start(|mut client| {
            client.send(b"caf\xe9");
            client.read_to_end()
        });
        let connect = format!("connect {} --record", peer.addr);
        let ran = sockkit(&connect).arg(&path).stdin("x").run().code(0);
        assert_eq!(ran.stdout, b"caf\xe9");
        let lines = read_recording(&path);
        let records = lines.iter().filter(|line| line["type"] == "record").count();
        assert_eq!(records, run);
        let last = lines.last().unwrap();
        assert_eq!((&last["type"], &last["reason"]), (&"closed".into(), &"eof".into()));
        assert_eq!((&last["bytes_in"], &last["bytes_out"]), (&4.into(), &1.into()));
        // Each run counts its connections from 1.
        let mut of_connections = lines.iter().filter(|line| line["type"] != "record");
        assert!(of_connections.all(|line| line["conn"] == 1), "{lines:?}");
        assert!(lines.iter().any(|line| line["bytes"] == "Y2Fm6Q=="), "{lines:?}");
    }
}

#[test]
fn a_recording_shows_the_half_close_and_the_end_of_each_side() {
    let (_directory, path) = recording_path();
    let peer = Peer::start(|mut client| {
        client.read_to_end();
        client.send("answer");
    });
    let connect = format!("connect {} --record", peer.addr);
    sockkit(&connect).arg(&path).stdin("question").run().code(0);
    peer.join();
    let course = course_of(&read_recording(&path));
    let expected = ["connected", "data out", "end local fin", "data in", "end peer fin", "closed"];
    assert_eq!(course, expected);
}

#[test]
fn a_recording_names_the_side_that_reset_the_connection() {
    let (_directory, path) = recording_path();
    let peer = Peer::start(|mut client| {
        client.send("hello");
        client.line();
        client.reset();
    });
    let connect = format!("connect {} --record", peer.addr);
    let mut running = sockkit(&connect).arg(&path).start();
    running.stdout.wait_for_text("hello");
    running.write(b"go\n");
    running.wait().code(4);
    peer.join();
    let course = course_of(&read_recording(&path));
    assert_eq!(course[..4], ["connected", "data in", "data out", "end peer reset"]);
}

#[test]
fn a_recording_of_tls_has_its_facts_and_tells_a_close_from_a_cut() {
    for (closes, end, code) in [(true, "end peer close_notify", 0), (false, "end peer cut", 6)] {
        let certificates = Certificates::new();
        let peer = certificates.peer(move |mut stream| {
            stream.read_to_end(&mut Vec::new()).unwrap();
            stream.write_all(b"answer").unwrap();
            if closes {
                close_with_notify(&mut stream);
            } else {
                close_without_notify(&mut stream.sock);
            }
        });
        let (_directory, path) = recording_path();
        let connect = certificates.connect(&peer.port(), "--servername localhost --record");
        connect.arg(&path).stdin("question").run().code(code);
        peer.join();
        let lines = read_recording(&path);
        let mut expected = vec!["connected", "secured", "data out", "end local close_notify"];
        expected.extend(["data in", end, "closed"]);
        assert_eq!(course_of(&lines), expected);
        let secured = &lines[2];
        assert_eq!(secured["pin"], certificates.pin());
        assert_eq!(
            (&secured["server_name"], &secured["verified"]),
            (&"localhost".into(), &true.into())
        );
    }
}

#[test]
fn a_recording_that_cannot_be_opened_exits_8_before_connecting() {
    // Connecting first would fail with another exit code.
    let port = ClosedPort::new();
    for path in ["/dev/full", "/no/such/directory/talk"] {
        let ran = sockkit(&format!("connect {} --record {path}", port.addr())).run().code(8);
        assert!(ran.stderr.contains(path), "{}", ran.stderr);
        assert!(ran.stderr.contains("try: "), "{}", ran.stderr);
    }
}

#[test]
fn a_recording_that_fails_is_reported_once_and_exits_8_after_the_connection_ends() {
    let (_directory, path) = recording_path();
    // Writing to a FIFO fails when its reader has closed it.
    fifo(&path);
    let peer = line_server();
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
fn a_hexdump_shows_both_directions_and_does_not_change_the_payload() {
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
fn hexdump_with_json_is_a_usage_error() {
    let port = ClosedPort::new();
    let ran = sockkit(&format!("connect {} --json --hexdump", port.addr())).run().code(2);
    assert!(ran.stderr.contains("--record"), "{}", ran.stderr);
}

#[test]
fn stats_are_a_table_on_standard_error() {
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
fn json_prints_stats_as_one_event() {
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
    // An address is not resolved, so there is no resolve phase.
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
fn a_transfer_to_a_file_shows_a_progress_bar_and_clears_it_at_the_end() {
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
    // The bar is cleared.
    eventually("the line is cleared", || {
        screen.text().rsplit_once("received").unwrap().1.contains("\u{1b}[2K").then_some(())
    });
    assert_eq!(fs::metadata(directory.path().join("received")).unwrap().len(), 3 << 20);
}

#[test]
fn the_progress_bar_is_cleared_before_payload_is_printed() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("input");
    fs::write(&input, "question\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let program = env!("CARGO_BIN_EXE_sockkit");
    let script = format!("exec {program} connect {addr} < input");
    let terminal = Terminal::of("sh", ["-c", &script], directory.path());
    let (mut stream, _) = listener.accept().unwrap();
    // The bar appears while no data arrives.
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
