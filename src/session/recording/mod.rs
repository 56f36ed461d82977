//! The recording of `--record`: a JSON line for each piece of traffic and each connection event.
//!
//! One thread writes the lines, each with one write(2), because a FIFO may have no reader and a
//! disk may be slow. A connection waits until its line is written before it goes on, so the file is
//! complete however sockkit ends. Several connections share one recording; each line has the
//! connection's number. A write error ends the recording, but not the session: a warning reports
//! it, and [`Recording::check`] returns it.

pub(super) mod line;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::files::append::{self, Existing};
use crate::net::stream::observer::{SideEnd, StreamSide};
use crate::net::tls::TlsFacts;
use crate::output::{Direction, Event, Events, NetText, json};
use crate::reason;
use crate::session::recording::line::{LineStart, RecordedConnection, RecordingLine};
use crate::sync::lock;
use crate::threads::{self, FirstError};
use crate::write_queue::{Queued, Ticket, WriteQueue, WriteQueueReader};

/// Limit for the lines that wait to be written, in bytes.
const RECORDING_QUEUE: usize = 4 * 1024 * 1024;

/// An open recording; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    shared: Arc<RecordingFile>,
    queue: WriteQueue<String>,
}

#[derive(Debug)]
struct RecordingFile {
    path: PathBuf,
    started: Instant,
    /// Locked while a line is queued, so that the lines are in the order of their times.
    order: Mutex<()>,
    /// How long a connection waits for a file that takes nothing; then lines that do not fit into
    /// the queue are lost, and counted. `None`: the connection waits under its own deadline.
    stall: Option<Duration>,
    /// Lines that were lost in the middle of the recording.
    lost: AtomicU64,
    /// The error of writing.
    failure: FirstError,
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
    /// The file took the lines too slowly.
    #[error("cannot write {} in time; missing lines: {lines}", path.display())]
    Slow {
        /// The file.
        path: PathBuf,
        /// The number of lines that are missing.
        lines: u64,
    },
}

impl Recording {
    /// Opens the file for appending and starts the thread that writes it. The first line is written
    /// before this returns, unless the file can block: a FIFO or a terminal.
    ///
    /// # Errors
    /// The file cannot be opened, or the first line cannot be written.
    pub(super) fn start(
        path: &Path,
        events: Events,
        stall: Option<Duration>,
    ) -> Result<Self, RecordingError> {
        let failed = |source| RecordingError::Open { path: path.to_owned(), source };
        let mut file = append::open_now(path).map_err(failed)?;
        let started = Instant::now();
        let first = json::line(&RecordingLine::record(Timestamp::now()));
        let (queue, reader) = WriteQueue::new(RECORDING_QUEUE);
        match &mut file {
            Some(file) if !can_block(file) => {
                if let (_, Some(source)) = append::append_lines(file, first.as_bytes()) {
                    return Err(RecordingError::Write { path: path.to_owned(), source });
                }
            }
            _ => {
                let size = first.len();
                queue.push(first, size);
            }
        }
        let shared = Arc::new(RecordingFile {
            path: path.to_owned(),
            started,
            order: Mutex::default(),
            stall,
            lost: AtomicU64::new(0),
            failure: FirstError::default(),
        });
        let writer = RecordingWriter { shared: Arc::clone(&shared), events };
        let started = threads::start("recording", move || writer.run(file, reader));
        started.map_err(|error| failed(reason::of_thread(error)))?;
        Ok(Self { shared, queue })
    }

    /// Records a new connection.
    pub(super) fn connected(&self, connection: RecordedConnection<'_>, local: &str) -> Ticket {
        self.write(connection, |at| RecordingLine::Connected { at, local })
    }

    /// Records a completed TLS handshake.
    pub(super) fn secured(&self, connection: RecordedConnection<'_>, facts: &TlsFacts) -> Ticket {
        self.write(connection, |at| RecordingLine::secured(at, facts))
    }

    /// Records bytes that are sent or received now.
    pub(super) fn data(
        &self,
        connection: RecordedConnection<'_>,
        direction: Direction,
        bytes: &[u8],
    ) -> Ticket {
        let data = NetText(bytes.to_vec());
        self.write(connection, |at| RecordingLine::Data { at, direction, data })
    }

    /// Records that one side of a connection sends no more bytes.
    pub(super) fn ended(
        &self,
        connection: RecordedConnection<'_>,
        side: StreamSide,
        how: SideEnd,
    ) -> Ticket {
        self.write(connection, |at| RecordingLine::end(at, side, how))
    }

    /// Records the end of a connection, with the counts and the reason of its `closed` event.
    pub(super) fn closed(
        &self,
        connection: RecordedConnection<'_>,
        bytes_in: u64,
        bytes_out: u64,
        reason: &str,
    ) -> Ticket {
        self.write(connection, |at| RecordingLine::Closed { at, bytes_in, bytes_out, reason })
    }

    /// Waits until the connection whose last line is `line` may go on.
    pub(super) fn ready(&self, line: Ticket) -> impl Future<Output = ()> + Send + 'static {
        let (queue, stall) = (self.queue.clone(), self.shared.stall);
        async move { queue.ready(line, stall).await }
    }

    /// Waits until everything is written or writing has failed.
    pub(super) async fn flush(&self) {
        self.queue.written(self.queue.last()).await;
    }

    /// Blocks until everything is written or writing has failed, at most for `timeout`.
    pub(super) fn flush_blocking(&self, timeout: Duration) {
        self.queue.wait(self.queue.last(), Some(timeout));
    }

    /// Checks that everything was recorded.
    ///
    /// # Errors
    /// A write failed, or lines are missing.
    pub(super) fn check(&self) -> Result<(), RecordingError> {
        let RecordingFile { path, lost, failure, .. } = &*self.shared;
        if let Some(source) = failure.get() {
            return Err(RecordingError::Write { path: path.clone(), source });
        }
        let lines = lost.load(Ordering::Relaxed).saturating_add(self.queue.unwritten());
        if lines > 0 {
            return Err(RecordingError::Slow { path: path.clone(), lines });
        }
        Ok(())
    }

    fn write<'a>(
        &self,
        connection: RecordedConnection<'a>,
        line: impl FnOnce(LineStart<'a>) -> RecordingLine<'a>,
    ) -> Ticket {
        if self.queue.has_ended() {
            return Ticket::default();
        }
        let is_stalled = self.shared.stall.is_some_and(|stall| self.queue.is_stalled(stall));
        if is_stalled && !self.queue.has_room() {
            self.queue.lose();
            return Ticket::default();
        }
        let _order = lock(&self.shared.order);
        let elapsed = self.shared.started.elapsed().as_micros();
        let time_us = u64::try_from(elapsed).unwrap_or(u64::MAX);
        let line = json::line(&line(LineStart { time_us, connection }));
        let size = line.len();
        if is_stalled {
            self.queue.offer(line, size);
            return Ticket::default();
        }
        self.queue.push(line, size)
    }
}

/// Returns whether a write to `file` can take as long as another process or a user wants.
fn can_block(file: &File) -> bool {
    let is_fifo = file.metadata().is_ok_and(|metadata| append::is_fifo(&metadata));
    is_fifo || file.is_terminal()
}

/// What the writing thread has.
struct RecordingWriter {
    shared: Arc<RecordingFile>,
    events: Events,
}

impl RecordingWriter {
    /// Writes the lines of `reader` to the file; if there is none, first waits for the reader of
    /// the FIFO.
    fn run(self, file: Option<File>, reader: WriteQueueReader<String>) {
        let opened =
            file.map_or_else(|| append::open(&self.shared.path, Existing::FileOrStream), Ok);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) => return self.fail(error),
        };
        for line in reader {
            let line = match line {
                Queued::Item(line) => line,
                Queued::Lost(lines) => {
                    self.shared.lost.fetch_add(lines, Ordering::Relaxed);
                    json::line(&RecordingLine::Lost { lines })
                }
            };
            // This is one write(2), unless the disk is full or a pipe is read slowly.
            if let (_, Some(error)) = append::append_lines(&mut file, line.as_bytes()) {
                return self.fail(error);
            }
        }
    }

    fn fail(&self, error: io::Error) {
        let path = self.shared.path.display();
        let message = format!("cannot write {path}: {}; recording ends", reason::of(&error));
        self.shared.failure.record(error);
        self.events.send(Event::Warning { message });
    }
}
