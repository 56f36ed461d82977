//! The recording of `--record`: a JSON line for each piece of traffic and each connection event.
//!
//! Each line is written with one write(2) as its bytes pass, so the file is complete however
//! sockkit ends. Several connections share one recording; each line has the connection's number. A
//! write error ends the recording, but not the session: a warning reports it, and
//! [`Recording::finish`] returns it.

pub(super) mod line;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use jiff::Timestamp;

use crate::files::append::{self, Existing};
use crate::net::stream::observer::{SideEnd, StreamSide};
use crate::net::tls::TlsFacts;
use crate::output::{Direction, Event, Events, NetText, Output, json};
use crate::reason;
use crate::session::recording::line::{LineStart, RecordedConnection, RecordingLine};
use crate::sync::lock;

/// An open recording; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    out: Output,
    /// Where the warning is printed; `None` to print it directly.
    queue: Option<Events>,
    shared: Arc<RecordingFile>,
}

#[derive(Debug)]
struct RecordingFile {
    path: PathBuf,
    started: Instant,
    state: Mutex<RecordingState>,
}

#[derive(Debug)]
enum RecordingState {
    Open(File),
    /// A write failed, so nothing more is written; the error is there until it is returned.
    Failed(Option<io::Error>),
}

/// Why a recording is missing or incomplete.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordingError {
    /// The file could not be opened.
    #[error("cannot open {}: {}", path.display(), reason::of(source))]
    Open {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A line could not be written; it and all later ones are missing.
    #[error("cannot write {}: {}", path.display(), reason::of(source))]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl Recording {
    /// Opens the file for appending and writes the first line of the recording.
    ///
    /// # Errors
    /// The file cannot be opened, or the first line cannot be written.
    pub(super) fn start(
        path: &Path,
        out: Output,
        queue: Option<Events>,
    ) -> Result<Self, RecordingError> {
        let opened = append::open(path, Existing::FileOrStream);
        let mut file =
            opened.map_err(|source| RecordingError::Open { path: path.to_owned(), source })?;
        let started = Instant::now();
        let first = json::line(&RecordingLine::record(Timestamp::now()));
        if let (_, Some(source)) = append::append_lines(&mut file, first.as_bytes()) {
            return Err(RecordingError::Write { path: path.to_owned(), source });
        }
        let state = Mutex::new(RecordingState::Open(file));
        let shared = Arc::new(RecordingFile { path: path.to_owned(), started, state });
        Ok(Self { out, queue, shared })
    }

    /// Records a new connection.
    pub(super) fn connected(&self, connection: RecordedConnection<'_>, local: &str) {
        self.write(connection, |at| RecordingLine::Connected { at, local });
    }

    /// Records a completed TLS handshake.
    pub(super) fn secured(&self, connection: RecordedConnection<'_>, facts: &TlsFacts) {
        self.write(connection, |at| RecordingLine::secured(at, facts));
    }

    /// Records bytes that are sent or received now.
    pub(super) fn data(
        &self,
        connection: RecordedConnection<'_>,
        direction: Direction,
        bytes: &[u8],
    ) {
        let data = NetText(bytes.to_vec());
        self.write(connection, |at| RecordingLine::Data { at, direction, data });
    }

    /// Records that one side of a connection sends no more bytes.
    pub(super) fn ended(&self, connection: RecordedConnection<'_>, side: StreamSide, how: SideEnd) {
        self.write(connection, |at| RecordingLine::end(at, side, how));
    }

    /// Records the end of a connection, with the counts and the reason of its `closed` event.
    pub(super) fn closed(
        &self,
        connection: RecordedConnection<'_>,
        bytes_in: u64,
        bytes_out: u64,
        reason: &str,
    ) {
        self.write(connection, |at| RecordingLine::Closed { at, bytes_in, bytes_out, reason });
    }

    /// Checks that everything was recorded.
    ///
    /// # Errors
    /// A write failed. The error is returned only once.
    pub(super) fn finish(&self) -> Result<(), RecordingError> {
        let path = self.shared.path.clone();
        match &mut *self.state() {
            RecordingState::Failed(failure) => match failure.take() {
                Some(source) => Err(RecordingError::Write { path, source }),
                None => Ok(()),
            },
            RecordingState::Open(_) => Ok(()),
        }
    }

    fn write<'a>(
        &self,
        connection: RecordedConnection<'a>,
        line: impl FnOnce(LineStart<'a>) -> RecordingLine<'a>,
    ) {
        let mut state = self.state();
        let RecordingState::Open(file) = &mut *state else { return };
        // The time is read under the lock, so that the lines are in the order of their times.
        let elapsed = self.shared.started.elapsed().as_micros();
        let time_us = u64::try_from(elapsed).unwrap_or(u64::MAX);
        let line = json::line(&line(LineStart { time_us, connection }));
        // This is one write(2), unless the disk is full or a pipe is read slowly.
        let (_, Some(source)) = append::append_lines(file, line.as_bytes()) else { return };
        let path = self.shared.path.display();
        let message = format!("cannot write {path}: {}; recording ends", reason::of(&source));
        *state = RecordingState::Failed(Some(source));
        drop(state);
        match &self.queue {
            Some(queue) => queue.send(Event::Warning { message }),
            None => self.out.warn(&message),
        }
    }

    fn state(&self) -> MutexGuard<'_, RecordingState> {
        // The state is never left half-updated, so a poisoned lock is safe to use.
        lock(&self.shared.state)
    }
}

#[cfg(test)]
mod tests {
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

    fn quiet() -> Output {
        use crate::output::{ColorChoice, Format, Verbosity};
        Output::new(Format::Table, ColorChoice::Never, Verbosity::Quiet)
    }

    #[test]
    fn a_recording_starts_with_its_time_and_every_other_line_names_its_connection() {
        let (_directory, path) = directory();
        let recording = Recording::start(&path, quiet(), None).unwrap();
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
        recording.finish().unwrap();
    }

    #[test]
    fn each_line_is_written_at_once_and_only_the_owner_may_read_the_file() {
        let (_directory, path) = directory();
        let recording = Recording::start(&path, quiet(), None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for number in 0..100 {
            recording.data(PEER, Direction::In, format!("{number}").as_bytes());
            assert_eq!(lines(&path).last().unwrap()["text"], number.to_string());
        }
    }

    #[test]
    fn connections_share_a_recording_without_mixing_their_lines() {
        let (_directory, path) = directory();
        let recording = Recording::start(&path, quiet(), None).unwrap();
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
        Recording::start(&path, quiet(), None).unwrap();
        Recording::start(&path, quiet(), None).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\"type\":\"dat\n{\"type\":\"record\""), "{text}");
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn a_line_begins_on_a_new_line_after_another_process_left_an_incomplete_one() {
        let (_directory, path) = directory();
        let recording = Recording::start(&path, quiet(), None).unwrap();
        let mut other = append::open(&path, Existing::RegularFile).unwrap();
        io::Write::write_all(&mut other, b"{\"type\":\"dat").unwrap();
        recording.data(PEER, Direction::In, b"x");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\n{\"type\":\"dat\n{\"type\":\"data\","), "{text}");
    }

    #[test]
    fn a_write_error_ends_the_recording_and_finish_returns_it() {
        let error = Recording::start(Path::new("/dev/full"), quiet(), None).unwrap_err();
        assert_eq!(error.to_string(), "cannot write /dev/full: no space left on device");
        let error = Recording::start(Path::new("/no/such/place"), quiet(), None).unwrap_err();
        assert!(error.to_string().starts_with("cannot open /no/such/place: "));
        // A pipe fails when its reader closes it.
        let (reader, writer) = io::pipe().unwrap();
        let writer = std::os::fd::OwnedFd::from(writer);
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
        let recording = Recording::start(Path::new(&path), quiet(), None).unwrap();
        recording.finish().unwrap();
        drop(reader);
        recording.data(PEER, Direction::In, b"x");
        recording.data(PEER, Direction::In, b"y");
        let error = recording.finish().unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot write {path}: ")), "{error}");
        recording.finish().unwrap();
    }
}
