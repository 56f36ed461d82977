//! The recording of `--record`: a JSON line for each piece of traffic and each connection event.
//!
//! Each line is written with one write(2) as its bytes pass, so the file is complete however
//! sockkit ends. Several connections share one recording. A write error ends the recording, but not
//! the session: a warning reports it, and [`Recording::finish`] returns it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;

use crate::files::append::{self, Existing};
use crate::output::{Direction, NetText, Output, json};
use crate::reason;
use crate::sync::lock;

/// The version of the format that `docs/json.md` describes.
const VERSION: u32 = 1;

/// An open recording; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    out: Output,
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

/// A line of the file. `time_us` counts microseconds from the first line.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum RecordingLine<'a> {
    Record {
        version: u32,
        started: String,
    },
    Connected {
        time_us: u64,
        peer: &'a str,
        local: &'a str,
    },
    Data {
        time_us: u64,
        peer: &'a str,
        direction: Direction,
        #[serde(flatten)]
        data: NetText,
    },
    Closed {
        time_us: u64,
        peer: &'a str,
        bytes_in: u64,
        bytes_out: u64,
        reason: &'a str,
    },
}

impl Recording {
    /// Opens the file for appending and writes the first line of the recording.
    ///
    /// # Errors
    /// The file cannot be opened, or the first line cannot be written.
    pub(super) fn start(path: &Path, out: Output) -> Result<Self, RecordingError> {
        let opened = append::open(path, Existing::FileOrStream);
        let mut file =
            opened.map_err(|source| RecordingError::Open { path: path.to_owned(), source })?;
        let (started, version) = (Instant::now(), VERSION);
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let first = json::line(&RecordingLine::Record { version, started: now });
        if let (_, Some(source)) = append::append_lines(&mut file, first.as_bytes()) {
            return Err(RecordingError::Write { path: path.to_owned(), source });
        }
        let state = Mutex::new(RecordingState::Open(file));
        Ok(Self { out, shared: Arc::new(RecordingFile { path: path.to_owned(), started, state }) })
    }

    /// Records a new connection.
    pub(super) fn connected(&self, peer: &str, local: &str) {
        self.write(|time_us| RecordingLine::Connected { time_us, peer, local });
    }

    /// Records bytes that are sent or received now.
    pub(super) fn data(&self, peer: &str, direction: Direction, bytes: &[u8]) {
        self.write(|time_us| RecordingLine::Data {
            time_us,
            peer,
            direction,
            data: NetText(bytes.to_vec()),
        });
    }

    /// Records the end of a connection, with the counts and the reason of its `closed` event.
    pub(super) fn closed(&self, peer: &str, bytes_in: u64, bytes_out: u64, reason: &str) {
        self.write(|time_us| RecordingLine::Closed { time_us, peer, bytes_in, bytes_out, reason });
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

    fn write<'a>(&self, line: impl FnOnce(u64) -> RecordingLine<'a>) {
        let mut state = self.state();
        let RecordingState::Open(file) = &mut *state else { return };
        // The time is read under the lock, so that the lines are in the order of their times.
        let elapsed = self.shared.started.elapsed().as_micros();
        let line = json::line(&line(u64::try_from(elapsed).unwrap_or(u64::MAX)));
        // This is one write(2), unless the disk is full or a pipe is read slowly.
        let (_, Some(source)) = append::append_lines(file, line.as_bytes()) else { return };
        let path = self.shared.path.display();
        let message = format!("cannot write {path}: {}; recording ends", reason::of(&source));
        *state = RecordingState::Failed(Some(source));
        drop(state);
        self.out.warn(&message);
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
    fn a_recording_has_the_documented_lines() {
        let (_directory, path) = directory();
        let recording = Recording::start(&path, quiet()).unwrap();
        recording.connected("192.0.2.1:80", "192.0.2.7:40112");
        recording.data("192.0.2.1:80", Direction::Out, "olá\u{1b}\n".as_bytes());
        recording.data("192.0.2.1:80", Direction::In, b"caf\xe9");
        recording.closed("192.0.2.1:80", 4, 6, "eof");
        let lines = lines(&path);
        let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["record", "connected", "data", "data", "closed"]);
        assert_eq!(
            (&lines[2]["direction"], &lines[2]["text"]),
            (&"out".into(), &"olá\u{1b}\n".into())
        );
        assert_eq!(
            (&lines[3]["direction"], &lines[3]["bytes"]),
            (&"in".into(), &"Y2Fm6Q==".into())
        );
        let times: Vec<_> =
            lines[1..].iter().map(|line| line["time_us"].as_u64().unwrap()).collect();
        assert!(times.is_sorted());
        let started: Timestamp = lines[0]["started"].as_str().unwrap().parse().unwrap();
        assert!(started <= Timestamp::now());
        recording.finish().unwrap();
    }

    #[test]
    fn each_line_is_written_at_once_and_only_the_owner_may_read_the_file() {
        let (_directory, path) = directory();
        let recording = Recording::start(&path, quiet()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for number in 0..100 {
            recording.data("peer", Direction::In, format!("{number}").as_bytes());
            assert_eq!(lines(&path).last().unwrap()["text"], number.to_string());
        }
    }

    #[test]
    fn connections_share_a_recording_without_mixing_their_lines() {
        let (_directory, path) = directory();
        let recording = Recording::start(&path, quiet()).unwrap();
        std::thread::scope(|scope| {
            for peer in ["one", "two", "three", "four"] {
                let recording = recording.clone();
                scope.spawn(move || {
                    for _ in 0..200 {
                        recording.data(peer, Direction::In, &[b'x'; 3000]);
                    }
                });
            }
        });
        let lines = lines(&path);
        assert_eq!(lines.len(), 801);
        let times = lines[1..].iter().map(|line| line["time_us"].as_u64().unwrap());
        assert!(times.is_sorted());
    }

    #[test]
    fn a_recording_is_appended_even_after_an_incomplete_line() {
        let (_directory, path) = directory();
        fs::write(&path, "{\"type\":\"dat").unwrap();
        Recording::start(&path, quiet()).unwrap();
        Recording::start(&path, quiet()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\"type\":\"dat\n{\"type\":\"record\""), "{text}");
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn a_line_begins_on_a_new_line_after_another_process_left_an_incomplete_one() {
        let (_directory, path) = directory();
        let recording = Recording::start(&path, quiet()).unwrap();
        let mut other = append::open(&path, Existing::RegularFile).unwrap();
        io::Write::write_all(&mut other, b"{\"type\":\"dat").unwrap();
        recording.data("peer", Direction::In, b"x");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\n{\"type\":\"dat\n{\"type\":\"data\","), "{text}");
    }

    #[test]
    fn a_write_error_ends_the_recording_and_finish_returns_it() {
        let error = Recording::start(Path::new("/dev/full"), quiet()).unwrap_err();
        assert_eq!(error.to_string(), "cannot write /dev/full: no space left on device");
        let error = Recording::start(Path::new("/no/such/place"), quiet()).unwrap_err();
        assert!(error.to_string().starts_with("cannot open /no/such/place: "));
        // A pipe fails when its reader closes it.
        let (reader, writer) = io::pipe().unwrap();
        let writer = std::os::fd::OwnedFd::from(writer);
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
        let recording = Recording::start(Path::new(&path), quiet()).unwrap();
        recording.finish().unwrap();
        drop(reader);
        recording.data("peer", Direction::In, b"x");
        recording.data("peer", Direction::In, b"y");
        let error = recording.finish().unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot write {path}: ")), "{error}");
        recording.finish().unwrap();
    }
}
