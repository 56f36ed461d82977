//! Tests of the recording.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::net::tls::Trust;

const PEER: RecordedConnection<'_> = RecordedConnection { conn: 1, peer: "peer" };

fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record.jsonl");
    (directory, path)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn events() -> Events {
    use crate::output::{ColorChoice, EventQueue, Format, Output, Verbosity, WhenGone};
    let out = Output::new(Format::Table, ColorChoice::Never, Verbosity::Quiet);
    EventQueue::start(out, WhenGone::Stop).events()
}

/// Waits until everything is written.
fn flush(recording: &Recording) {
    recording.flush_blocking(Duration::from_secs(30));
}

#[test]
fn a_recording_starts_with_its_time_and_every_other_line_names_its_connection() {
    let (_directory, path) = directory();
    let recording = Recording::start(&path, events(), None).unwrap();
    let connection = RecordedConnection { conn: 3, peer: "192.0.2.1:80" };
    let facts = TlsFacts {
        version: "TLS 1.3",
        cipher_suite: "TLS_AES_128_GCM_SHA256".to_owned(),
        alpn: None,
        server_name: None,
        peer_pin: None,
        trust: Trust::NotRequested,
    };
    recording.connected(connection, "192.0.2.7:40112");
    recording.secured(connection, &facts);
    recording.data(connection, Direction::In, b"x");
    recording.ended(connection, StreamSide::Peer, SideEnd::Fin);
    recording.closed(connection, 1, 0, "eof");
    flush(&recording);
    let lines = lines(&path);
    let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["record", "connected", "secured", "data", "end", "closed"]);
    let started: Timestamp = lines[0]["started"].as_str().unwrap().parse().unwrap();
    assert!(started <= Timestamp::now());
    let times = lines[1..].iter().map(|line| line["time_us"].as_u64().unwrap());
    assert!(times.is_sorted());
    for line in &lines[1..] {
        assert_eq!((&line["conn"], &line["peer"]), (&3.into(), &"192.0.2.1:80".into()));
    }
    recording.check().unwrap();
}

#[test]
fn each_line_is_written_at_once_and_only_the_owner_may_read_the_file() {
    let (_directory, path) = directory();
    let recording = Recording::start(&path, events(), None).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for number in 0..100 {
        recording.data(PEER, Direction::In, format!("{number}").as_bytes());
        flush(&recording);
        assert_eq!(lines(&path).last().unwrap()["text"], number.to_string());
    }
}

#[test]
fn connections_share_a_recording_without_mixing_their_lines() {
    let (_directory, path) = directory();
    let recording = Recording::start(&path, events(), None).unwrap();
    std::thread::scope(|scope| {
        for conn in 1..=4 {
            let recording = recording.clone();
            scope.spawn(move || {
                for _ in 0..200 {
                    let connection = RecordedConnection { conn, ..PEER };
                    recording.data(connection, Direction::In, &[b'x'; 3000]);
                }
            });
        }
    });
    flush(&recording);
    let lines = lines(&path);
    for conn in 1..=4 {
        assert_eq!(lines.iter().filter(|line| line["conn"] == conn).count(), 200);
    }
    let times = lines[1..].iter().map(|line| line["time_us"].as_u64().unwrap());
    assert!(times.is_sorted());
}

#[test]
fn a_recording_is_appended_even_after_an_incomplete_line() {
    let (_directory, path) = directory();
    fs::write(&path, "{\"type\":\"dat").unwrap();
    Recording::start(&path, events(), None).unwrap();
    Recording::start(&path, events(), None).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("{\"type\":\"dat\n{\"type\":\"record\""), "{text}");
    assert_eq!(text.lines().count(), 3);
}

#[test]
fn a_line_begins_on_a_new_line_after_another_process_left_an_incomplete_one() {
    let (_directory, path) = directory();
    let recording = Recording::start(&path, events(), None).unwrap();
    let mut other = append::open(&path, Existing::RegularFile).unwrap();
    io::Write::write_all(&mut other, b"{\"type\":\"dat").unwrap();
    recording.data(PEER, Direction::In, b"x");
    flush(&recording);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\n{\"type\":\"dat\n{\"type\":\"data\","), "{text}");
}

#[test]
fn a_write_error_ends_the_recording_and_finish_returns_it() {
    let error = Recording::start(Path::new("/dev/full"), events(), None).unwrap_err();
    assert_eq!(error.to_string(), "cannot write /dev/full: no space left on device");
    let error = Recording::start(Path::new("/no/such/place"), events(), None).unwrap_err();
    assert!(error.to_string().starts_with("cannot open /no/such/place: "));
    // A pipe fails when its reader closes it.
    let (reader, writer) = io::pipe().unwrap();
    let writer = std::os::fd::OwnedFd::from(writer);
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
    let recording = Recording::start(Path::new(&path), events(), None).unwrap();
    flush(&recording);
    recording.check().unwrap();
    drop(reader);
    recording.data(PEER, Direction::In, b"x");
    recording.data(PEER, Direction::In, b"y");
    flush(&recording);
    let error = recording.check().unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write {path}: ")), "{error}");
}

#[test]
fn a_recording_that_is_not_read_loses_lines_only_after_the_limit_and_says_how_many() {
    let (_directory, path) = directory();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    // The FIFO has no reader, and no call waits for one.
    let recording = Recording::start(&path, events(), Some(Duration::ZERO)).unwrap();
    for _ in 0..100 {
        recording.data(PEER, Direction::In, &vec![b'x'; 100_000]);
    }
    recording.flush_blocking(Duration::from_millis(1));
    let error = recording.check().unwrap_err().to_string();
    assert!(error.ends_with(" in time; missing lines: 101"), "{error}");
    // The reader finds what fitted into the queue, and then how much is missing.
    let file = File::open(path).unwrap();
    let mut lines = io::BufRead::lines(io::BufReader::new(file)).map(Result::unwrap);
    let found: Vec<_> = lines.by_ref().take_while(|line| !line.contains("lost")).collect();
    assert!((20..60).contains(&found.len()), "{}", found.len());
    recording.closed(PEER, 1, 0, "eof");
    assert!(lines.next().unwrap().contains(r#""type":"closed""#));
    let error = recording.check().unwrap_err().to_string();
    let lines = 101 - found.len();
    assert!(error.ends_with(&format!("missing lines: {lines}")), "{error}");
}
