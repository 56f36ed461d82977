//! An input that nothing else reads: a pipe in the runtime itself, or a thread for what can only
//! block. Which standard stream is behind it is the caller's business.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Deref;
use std::sync::{Arc, mpsc as blocking};
use std::thread;

use tokio::sync::mpsc;

use crate::net::relay::buffers::{BUFFERS, CHUNK};
use crate::net::relay::pipe::PipeReader;

/// An input that is read in pieces.
#[derive(Debug)]
pub struct Input(Kind);

/// How it is read.
#[derive(Debug)]
enum Kind {
    /// By a thread.
    Thread {
        filled: mpsc::Receiver<io::Result<(Vec<u8>, usize)>>,
        empty: blocking::Sender<Vec<u8>>,
    },
    /// From a pipe, into this buffer when it is not in use.
    Pipe(PipeReader, Vec<u8>),
}

impl Input {
    /// Returns an input that has ended already.
    pub fn empty() -> Self {
        let ((_, filled), (empty, _)) = (mpsc::channel(1), blocking::channel());
        Self(Kind::Thread { filled, empty })
    }

    /// Reads `file` in this runtime if it is a pipe that allows it; else none.
    pub fn of_pipe(file: &File) -> Option<Self> {
        Some(Self(Kind::Pipe(PipeReader::open(file)?, Vec::new())))
    }

    /// Starts reading. The thread ends with its input, or with the process.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start(mut reader: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, filled) = mpsc::channel(BUFFERS);
        let (empty, empties) = blocking::channel();
        for _ in 0..BUFFERS {
            // The receiver is at hand.
            empty.send(vec![0; CHUNK]).ok();
        }
        thread::Builder::new().name("input".into()).spawn(move || {
            while let Ok(mut buffer) = empties.recv() {
                let outcome = read_some(&mut reader, &mut buffer);
                let more = matches!(outcome, Ok(1..));
                let chunk = outcome.map(|len| (buffer, len));
                if sender.blocking_send(chunk).is_err() || !more {
                    break;
                }
            }
        })?;
        Ok(Self(Kind::Thread { filled, empty }))
    }

    /// Waits for what was read next; none at the end.
    ///
    /// # Errors
    /// Reading failed.
    pub(super) async fn next(&mut self) -> io::Result<Option<Chunk>> {
        match &mut self.0 {
            Kind::Thread { filled, .. } => {
                let read = filled.recv().await.transpose()?;
                Ok(read.filter(|(_, len)| *len > 0).map(|(buffer, len)| Chunk::Own(buffer, len)))
            }
            Kind::Pipe(pipe, spare) => {
                let mut buffer = std::mem::take(spare);
                buffer.resize(CHUNK, 0);
                let len = match pipe.read(&mut buffer).await? {
                    0 => return Ok(None),
                    len => len,
                };
                Ok(Some(Chunk::Own(buffer, len)))
            }
        }
    }

    /// Returns the chunk's buffer for the next read.
    pub(super) fn give_back(&mut self, chunk: Chunk) {
        match (&mut self.0, chunk) {
            // A reader that has ended needs none.
            (Kind::Thread { empty, .. }, Chunk::Own(buffer, _)) => drop(empty.send(buffer)),
            (Kind::Pipe(_, spare), Chunk::Own(buffer, _)) => *spare = buffer,
            _ => {}
        }
    }
}

/// What was read at once.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// A buffer, and how much of it counts.
    Own(Vec<u8>, usize),
    /// Bytes that others get as well.
    Shared(Arc<[u8]>),
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(buffer, len) => &buffer[..*len],
            Self::Shared(bytes) => bytes,
        }
    }
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
