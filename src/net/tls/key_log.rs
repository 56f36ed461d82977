//! The key log: TLS secrets in a file from which Wireshark decrypts a capture.
//!
//! One thread writes the lines, because the file may be a FIFO without a reader or on a slow disk,
//! and a handshake waits for neither. Lines that do not fit into the queue are counted.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::KeyLog;

use crate::files::append::{self, Existing};
use crate::net::tls::pem::SetupError;
use crate::reason;
use crate::threads::{self, FirstError};
use crate::write_queue::{Queued, WriteQueue, WriteQueueReader};

/// Limit for the lines that wait to be written, in bytes: those of more than a thousand handshakes.
const KEY_LOG_QUEUE: usize = 1024 * 1024;

/// At the end of a run, how long the last lines may take.
const LAST_KEYS_TIMEOUT: Duration = Duration::from_secs(1);

/// The file that `SSLKEYLOGFILE` names, in the NSS format (draft-ietf-tls-keylogfile). Unlike
/// rustls's implementation, it reports an error if the file cannot be opened, and only the file's
/// owner can read it.
#[derive(Debug)]
pub struct KeyLogFile {
    shared: Arc<KeyLogState>,
    queue: WriteQueue<String>,
}

#[derive(Debug)]
struct KeyLogState {
    path: PathBuf,
    /// Lines that were lost between others.
    lost: AtomicU64,
    failure: FirstError,
}

/// Why a key log is incomplete.
#[derive(Debug, thiserror::Error)]
pub enum KeyLogError {
    /// A line could not be written; it and all later ones are missing.
    #[error("cannot write the key log {}: {}", path.display(), reason::of(source))]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file took the lines too slowly.
    #[error("cannot write the key log {} in time; missing lines: {lines}", path.display())]
    Slow {
        /// The file.
        path: PathBuf,
        /// The number of lines that are missing.
        lines: u64,
    },
}

impl KeyLogFile {
    /// Opens the key log at `path` for appending; without a path, there is none. A FIFO is opened
    /// without waiting for its reader.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(super) fn open(path: Option<&Path>) -> Result<Option<Arc<Self>>, SetupError> {
        let Some(path) = path else { return Ok(None) };
        let failed = |source| SetupError::KeyLog { path: path.to_owned(), source };
        let file = append::open_now(path).map_err(failed)?;
        let (queue, reader) = WriteQueue::new(KEY_LOG_QUEUE);
        let (lost, failure) = (AtomicU64::new(0), FirstError::default());
        let shared = Arc::new(KeyLogState { path: path.to_owned(), lost, failure });
        let writer = Arc::clone(&shared);
        let started = threads::start("key log", move || writer.run(file, reader));
        started.map_err(|error| failed(reason::of_thread(error)))?;
        Ok(Some(Arc::new(Self { shared, queue })))
    }

    /// Waits until all lines are written, at most for 1 s.
    ///
    /// # Errors
    /// Lines are missing.
    pub fn finish(&self) -> Result<(), KeyLogError> {
        self.queue.wait(self.queue.last(), Some(LAST_KEYS_TIMEOUT));
        let KeyLogState { path, lost, failure } = &*self.shared;
        if let Some(source) = failure.get() {
            return Err(KeyLogError::Write { path: path.clone(), source });
        }
        let lines = lost.load(Ordering::Relaxed).saturating_add(self.queue.unwritten());
        if lines > 0 {
            return Err(KeyLogError::Slow { path: path.clone(), lines });
        }
        Ok(())
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        let size = line.len();
        self.queue.offer(line, size);
    }
}

impl Drop for KeyLogFile {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl KeyLogState {
    /// Writes the lines of `reader` to the file; if there is none, first waits for the reader of
    /// the FIFO.
    fn run(&self, file: Option<File>, reader: WriteQueueReader<String>) {
        let mut file =
            match file.map_or_else(|| append::open(&self.path, Existing::FileOrStream), Ok) {
                Ok(file) => file,
                Err(error) => return self.failure.record(error),
            };
        for line in reader {
            let line = match line {
                Queued::Item(line) => line,
                Queued::Lost(lines) => {
                    self.lost.fetch_add(lines, Ordering::Relaxed);
                    format!("# {lines} lines are missing here\n")
                }
            };
            if let (_, Some(error)) = append::append_lines(&mut file, line.as_bytes()) {
                return self.failure.record(error);
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        // Writing to a String cannot fail.
        write!(digits, "{byte:02x}").unwrap_or_default();
        digits
    })
}
