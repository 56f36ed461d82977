//! An input read in chunks: the runtime reads a pipe, and a thread reads anything that can only
//! block. The caller opens the stream or file.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _, Read};
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc as blocking};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;

use crate::net::deadline::{Deadline, Elapsed};
use crate::net::idle_clock::IdleClock;
use crate::net::relay::buffers::{BUFFERS, CHUNK};
use crate::net::relay::pipe::PipeReader;
use crate::threads::{self, ThreadLost};

/// An input that is read in chunks.
#[derive(Debug)]
pub struct Input {
    kind: Kind,
    probe: InputProbe,
    has_produced: bool,
}

/// A buffer and the number of bytes read into it.
type ReadOutcome = io::Result<(Vec<u8>, usize)>;

/// How the input is read.
#[derive(Debug)]
enum Kind {
    /// By a thread, which sends filled buffers and receives empty ones. A read of 0 bytes is the
    /// end of the input; a channel that closes before it means that the thread is lost.
    Thread { filled: mpsc::Receiver<ReadOutcome>, empty: blocking::Sender<Vec<u8>> },
    /// In the runtime, from a pipe; with the spare buffer for the next read.
    Pipe(PipeReader, Vec<u8>),
    /// The input has ended.
    Ended,
}

impl Input {
    /// Returns an input that is already at its end.
    pub fn empty() -> Self {
        Self::new(Kind::Ended, InputProbe::default())
    }

    fn new(kind: Kind, probe: InputProbe) -> Self {
        Self { kind, probe, has_produced: false }
    }

    /// Returns an input that reads `file` in this runtime; `None` if it is not a pipe or cannot be
    /// reopened.
    pub fn of_pipe(file: &File) -> Option<Self> {
        let probe = InputProbe::of(Some(file.try_clone().ok()?));
        Some(Self::new(Kind::Pipe(PipeReader::open(file)?, Vec::new()), probe))
    }

    /// Starts a thread that reads `reader`. It ends after EOF or an error; after the input is
    /// dropped, it ends once the read in progress returns. `descriptor` is what `reader` reads; it
    /// tells whether there is more to read.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        mut reader: impl Read + Send + 'static,
        descriptor: Option<File>,
    ) -> io::Result<Self> {
        let probe = InputProbe::of(descriptor);
        let thread_probe = probe.clone();
        let (sender, filled) = mpsc::channel(BUFFERS);
        let (empty, empties) = blocking::channel();
        for _ in 0..BUFFERS {
            // Cannot fail: the receiver is still in scope.
            empty.send(vec![0; CHUNK]).ok();
        }
        threads::start("input", move || {
            while let Ok(mut buffer) = empties.recv() {
                thread_probe.wait_to_read();
                let outcome = read_some(&mut reader, &mut buffer);
                let more = matches!(outcome, Ok(1..));
                let chunk = outcome.map(|len| (buffer, len));
                if sender.blocking_send(chunk).is_err() || !more {
                    break;
                }
            }
        })
        .map_err(crate::reason::of_thread)?;
        Ok(Self::new(Kind::Thread { filled, empty }, probe))
    }

    /// Returns an input that a test fills through the sender, like the thread of [`Self::start`].
    #[cfg(test)]
    pub(crate) fn scripted() -> (mpsc::Sender<ReadOutcome>, Self) {
        let (sender, filled) = mpsc::channel(BUFFERS);
        let empty = blocking::channel().0;
        (sender, Self::new(Kind::Thread { filled, empty }, InputProbe::default()))
    }

    /// Waits for the next chunk; returns `None` at the end of the input.
    ///
    /// # Errors
    /// Reading failed, or the thread that reads is lost.
    pub(super) async fn next(&mut self) -> io::Result<Option<Chunk>> {
        let (buffer, len) = match &mut self.kind {
            Kind::Thread { filled, .. } => {
                let read = filled.recv().await.ok_or_else(ThreadLost::error)?;
                self.probe.received();
                read?
            }
            Kind::Pipe(pipe, spare) => {
                let mut buffer = std::mem::take(spare);
                buffer.resize(CHUNK, 0);
                let len = pipe.read(&mut buffer).await?;
                (buffer, len)
            }
            Kind::Ended => return Ok(None),
        };
        if len == 0 {
            self.kind = Kind::Ended;
            return Ok(None);
        }
        self.has_produced = true;
        Ok(Some(Chunk::Own(buffer, len)))
    }

    /// Returns whether the input has produced a byte.
    pub(super) fn has_produced(&self) -> bool {
        self.has_produced
    }

    /// Returns what tells whether the input has more to read while another task reads it.
    pub(super) fn probe(&self) -> InputProbe {
        self.probe.clone()
    }

    /// Returns whether one look finds more to read, or a failure. What it reads is lost.
    pub(super) async fn has_more(&mut self) -> bool {
        match Deadline::after(IN_FLIGHT_TIMEOUT).bound(self.next()).await {
            Ok(read) => !matches!(read, Ok(None)),
            Err(Elapsed) => self.probe.has_more(),
        }
    }

    /// Takes the chunk's buffer back for the next read.
    pub(super) fn recycle(&mut self, chunk: Chunk) {
        match (&mut self.kind, chunk) {
            // Sending fails if the thread has ended and needs no more buffers.
            (Kind::Thread { empty, .. }, Chunk::Own(buffer, _)) => drop(empty.send(buffer)),
            (Kind::Pipe(_, spare), Chunk::Own(buffer, _)) => *spare = buffer,
            _ => {}
        }
    }
}

/// How long bytes that a thread has read already may take to the task that asks for them.
pub(super) const IN_FLIGHT_TIMEOUT: Duration = Duration::from_millis(10);

/// How often an input that has more to read is looked at until it is read.
const PROBE_INTERVAL: Duration = Duration::from_millis(20);

/// Tells whether an input has more to read, without reading it.
#[derive(Clone, Debug, Default)]
pub(crate) struct InputProbe(Option<Arc<ProbedInput>>);

#[derive(Debug)]
struct ProbedInput {
    /// Not a terminal.
    descriptor: File,
    /// How many reads a thread has begun whose outcome is not received yet.
    in_flight: AtomicUsize,
}

impl InputProbe {
    fn of(descriptor: Option<File>) -> Self {
        // A terminal has no more to read: a line that is not finished is not input.
        let descriptor = descriptor.filter(|descriptor| !descriptor.is_terminal());
        let in_flight = AtomicUsize::new(0);
        Self(descriptor.map(|descriptor| Arc::new(ProbedInput { descriptor, in_flight })))
    }

    /// Waits until the thread's next read has something to return. From then on until its outcome
    /// is received, the input has more, however slowly the thread runs.
    fn wait_to_read(&self) {
        let Some(input) = &self.0 else { return };
        // Whatever poll(2) returns, the read that follows returns it too, or waits.
        poll(&mut [PollFd::new(&input.descriptor, PollFlags::IN)], None).ok();
        input.in_flight.fetch_add(1, Ordering::SeqCst);
    }

    /// The outcome of a thread's read has been received.
    fn received(&self) {
        if let Some(input) = &self.0 {
            input.in_flight.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Waits until the input has no more to read, although it has had `limit` to read it.
    pub(super) async fn runs_dry(&self, wait: &IdleClock, limit: Duration) {
        loop {
            wait.expired(Some(limit)).await;
            if !self.has_more() {
                return;
            }
            tokio::time::sleep(PROBE_INTERVAL).await;
        }
    }

    /// Returns whether a read would return bytes at once, or is about to. A file has more until its
    /// end is read.
    pub(super) fn has_more(&self) -> bool {
        let Some(input) = &self.0 else { return false };
        if input.in_flight.load(Ordering::SeqCst) > 0 {
            return true;
        }
        let descriptor = &input.descriptor;
        let mut watched = [PollFd::new(descriptor, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        // Without an answer, more is assumed, which never makes a part look complete.
        match poll(&mut watched, Some(&now)) {
            Ok(0) => false,
            // At the end of a pipe, only HUP is set.
            Ok(_) => watched[0].revents().intersects(PollFlags::IN | PollFlags::ERR),
            Err(_) => true,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns one byte at each read, and panics or ends after two.
    struct TwoBytes {
        read: usize,
        panics: bool,
    }

    impl Read for TwoBytes {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.read += 1;
            if self.read <= 2 {
                buffer[0] = b'x';
                return Ok(1);
            }
            assert!(!self.panics, "on purpose");
            Ok(0)
        }
    }

    #[test]
    fn a_panic_of_the_reader_is_an_error_and_not_the_end_of_the_input() {
        crate::net::runtime::runtime().unwrap().block_on(async {
            for panics in [true, false] {
                let mut input = Input::start(TwoBytes { read: 0, panics }, None).unwrap();
                for _ in 0..2 {
                    assert!(input.next().await.unwrap().is_some());
                }
                for _ in 0..2 {
                    let end = input.next().await;
                    if panics {
                        assert!(ThreadLost::is(&end.unwrap_err()));
                    } else {
                        assert!(end.unwrap().is_none());
                    }
                }
            }
        });
    }
}
