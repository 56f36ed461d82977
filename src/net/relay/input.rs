//! An input read in chunks: the runtime reads a pipe, and a thread reads anything that can only
//! block. The caller opens the stream or file.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Deref;
use std::sync::{Arc, mpsc as blocking};
use std::thread;

use tokio::sync::mpsc;

use crate::net::relay::buffers::{BUFFERS, CHUNK};
use crate::net::relay::pipe::PipeReader;

/// An input that is read in chunks.
#[derive(Debug)]
pub struct Input(Kind);

/// How the input is read.
#[derive(Debug)]
enum Kind {
    /// By a thread, which sends filled buffers and receives empty ones.
    Thread {
        filled: mpsc::Receiver<io::Result<(Vec<u8>, usize)>>,
        empty: blocking::Sender<Vec<u8>>,
    },
    /// In the runtime, from a pipe; with the spare buffer for the next read.
    Pipe(PipeReader, Vec<u8>),
}

impl Input {
    /// Returns an input that is already at its end.
    pub fn empty() -> Self {
        let ((_, filled), (empty, _)) = (mpsc::channel(1), blocking::channel());
        Self(Kind::Thread { filled, empty })
    }

    /// Returns an input that reads `file` in this runtime; `None` if it is not a pipe or cannot be
    /// reopened.
    pub fn of_pipe(file: &File) -> Option<Self> {
        Some(Self(Kind::Pipe(PipeReader::open(file)?, Vec::new())))
    }

    /// Starts a thread that reads `reader`. It ends after EOF or an error; after the input is
    /// dropped, it ends once the read in progress returns.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(mut reader: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, filled) = mpsc::channel(BUFFERS);
        let (empty, empties) = blocking::channel();
        for _ in 0..BUFFERS {
            // Cannot fail: the receiver is still in scope.
            empty.send(vec![0; CHUNK]).ok();
        }
        thread::Builder::new()
            .name("input".into())
            .spawn(move || {
                while let Ok(mut buffer) = empties.recv() {
                    let outcome = read_some(&mut reader, &mut buffer);
                    let more = matches!(outcome, Ok(1..));
                    let chunk = outcome.map(|len| (buffer, len));
                    if sender.blocking_send(chunk).is_err() || !more {
                        break;
                    }
                }
            })
            .map_err(crate::reason::of_thread)?;
        Ok(Self(Kind::Thread { filled, empty }))
    }

    /// Waits for the next chunk; returns `None` at the end of the input.
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

    /// Takes the chunk's buffer back for the next read.
    pub(super) fn recycle(&mut self, chunk: Chunk) {
        match (&mut self.0, chunk) {
            // Sending fails if the thread has ended and needs no more buffers.
            (Kind::Thread { empty, .. }, Chunk::Own(buffer, _)) => drop(empty.send(buffer)),
            (Kind::Pipe(_, spare), Chunk::Own(buffer, _)) => *spare = buffer,
            _ => {}
        }
    }
}

/// The bytes of one read.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// A buffer and the number of valid bytes in it.
    Own(Vec<u8>, usize),
    /// Bytes that other connections send as well.
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
