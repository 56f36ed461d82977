//! The scripted peer at the far end of a simulated connection.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::net::stream::Stream;
use crate::net::stream::sim::random::Random;
use crate::sync::lock;

/// What the peer does.
#[derive(Clone, Debug)]
pub(crate) struct PeerScript {
    /// The pauses and lengths of its writes.
    pub(crate) writes: Vec<(Duration, usize)>,
    pub(crate) reads: PeerReads,
    pub(crate) end: PeerEnd,
    /// How long it acknowledges nothing at the beginning.
    pub(crate) stall: Duration,
}

/// How the peer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerReads {
    Steadily,
    /// This many bytes at a time, with a pause after each read.
    Slowly(usize, Duration),
    /// Only from this time on.
    From(Duration),
    /// Only this many bytes.
    UpTo(usize),
}

/// How the peer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerEnd {
    /// It closes once it has written everything and read EOF.
    AfterEof,
    /// It shuts down its write side after its writes, and closes after EOF.
    HalfCloses,
    /// It shuts down its write side after its writes, and resets the connection after this time.
    HalfClosesAndResets(Duration),
    /// It closes after its writes, whatever is on its way.
    Closes,
    /// It resets the connection after its writes.
    Resets,
    /// It keeps the connection open.
    Never,
}

/// What the peer got.
#[derive(Debug)]
pub(crate) struct PeerOutcome {
    pub(crate) received: Vec<u8>,
    /// How many bytes it has sent.
    pub(crate) sent: usize,
    /// How the received bytes ended; `None` if the peer closed first.
    pub(crate) end: Option<Result<(), ErrorKind>>,
}

/// Returns the bytes from number `from` on that one side sends.
pub(crate) fn pattern(from: usize, len: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..=250).collect();
    let mut bytes = Vec::with_capacity(len + period.len());
    bytes.extend_from_slice(&period[from % period.len()..]);
    while bytes.len() < len {
        bytes.extend_from_slice(&period);
    }
    bytes.truncate(len);
    bytes
}

impl PeerScript {
    /// Returns a random script that sends and takes about `size` bytes.
    pub(crate) fn random(random: &mut Random, size: usize) -> Self {
        let writes: Vec<_> = (0..random.below(5))
            .map(|_| (random.pause(Duration::from_millis(100)), random.between(1, size)))
            .collect();
        let reads = match random.below(8) {
            0 => PeerReads::Slowly(random.between(8, 500), random.pause(Duration::from_secs(1))),
            // It may read nothing for long, also after it has closed its side.
            1 => PeerReads::From(random.pause(Duration::from_mins(1))),
            2 => PeerReads::UpTo(random.below(size)),
            _ => PeerReads::Steadily,
        };
        let end = match random.below(10) {
            0 => PeerEnd::Closes,
            1 => PeerEnd::Resets,
            2 => PeerEnd::Never,
            3..6 => PeerEnd::HalfCloses,
            _ => PeerEnd::AfterEof,
        };
        let stall = if random.one_in(3) { random.moment() } else { Duration::ZERO };
        Self { writes, reads, end, stall }
    }

    /// Returns a random script of a peer that is slow to read or to acknowledge, and then ends.
    pub(crate) fn slow(random: &mut Random) -> Self {
        let writes = (0..random.below(3)).map(|_| (random.moment(), random.between(1, 1000)));
        let writes = writes.collect();
        let reads = match random.below(3) {
            0 => PeerReads::UpTo(random.below(100)),
            1 => PeerReads::From(random.moment()),
            _ => PeerReads::Steadily,
        };
        let ends = [
            PeerEnd::Closes,
            PeerEnd::Resets,
            PeerEnd::HalfCloses,
            PeerEnd::HalfClosesAndResets(random.moment()),
            PeerEnd::AfterEof,
        ];
        Self { writes, reads, end: random.pick(&ends), stall: random.moment() }
    }

    /// Returns whether the peer takes all bytes that are sent to it.
    pub(crate) fn takes_everything(&self) -> bool {
        !matches!(self.reads, PeerReads::UpTo(_))
            && matches!(self.end, PeerEnd::AfterEof | PeerEnd::HalfCloses)
    }

    /// Plays the script on `stream`. Once `released`, the peer reads what is left, and closes after
    /// it.
    pub(crate) async fn play(&self, stream: Stream, released: &CancellationToken) -> PeerOutcome {
        let peer = Peer {
            script: self,
            stream: SharedStream::new(stream),
            outcome: Mutex::new(PeerOutcome { received: Vec::new(), sent: 0, end: None }),
        };
        let both = async {
            let ((), ()) = tokio::join!(peer.write(released), peer.read(released));
            peer.stream.shut_down().await;
        };
        tokio::select! {
            biased;
            () = peer.stream.closed() => {}
            () = both => {}
        }
        peer.outcome.into_inner().unwrap()
    }
}

struct Peer<'a> {
    script: &'a PeerScript,
    stream: SharedStream,
    outcome: Mutex<PeerOutcome>,
}

impl Peer<'_> {
    async fn write(&self, released: &CancellationToken) {
        let mut position = 0;
        for (pause, len) in &self.script.writes {
            sleep(*pause).await;
            let sent = self.stream.write_all(&pattern(position, *len)).await;
            position += sent;
            lock(&self.outcome).sent = position;
            if sent < *len {
                break;
            }
        }
        match self.script.end {
            PeerEnd::HalfCloses => self.stream.shut_down().await,
            PeerEnd::HalfClosesAndResets(time) => {
                self.stream.shut_down().await;
                wait(time, released).await;
                self.stream.reset();
            }
            PeerEnd::Closes => self.stream.close(),
            PeerEnd::Resets => self.stream.reset(),
            PeerEnd::AfterEof => {}
            PeerEnd::Never => released.cancelled().await,
        }
    }

    async fn read(&self, released: &CancellationToken) {
        let mut buffer = vec![0; 4096];
        if let PeerReads::From(time) = self.script.reads {
            wait(time, released).await;
        }
        let end = loop {
            let mut len = buffer.len();
            match self.script.reads {
                PeerReads::Slowly(most, pause) => {
                    wait(pause, released).await;
                    len = most;
                }
                PeerReads::UpTo(most) if !released.is_cancelled() => {
                    len = most - lock(&self.outcome).received.len();
                    if len == 0 {
                        released.cancelled().await;
                        continue;
                    }
                }
                _ => {}
            }
            let len = len.min(buffer.len());
            match self.stream.read(&mut buffer[..len]).await {
                Ok(0) => break Ok(()),
                Ok(len) => lock(&self.outcome).received.extend_from_slice(&buffer[..len]),
                Err(error) => break Err(error),
            }
        };
        lock(&self.outcome).end = Some(end);
    }
}

/// A stream that one task reads and writes at the same time, until it closes it.
pub(crate) struct SharedStream {
    stream: Mutex<Option<Stream>>,
    /// Why a write failed.
    failure: Mutex<Option<ErrorKind>>,
    /// Notified when the stream is closed.
    gone: Notify,
}

impl SharedStream {
    pub(crate) fn new(stream: Stream) -> Self {
        let (failure, gone) = (Mutex::new(None), Notify::new());
        Self { stream: Mutex::new(Some(stream)), failure, gone }
    }

    /// Waits for bytes and reads them; returns 0 at EOF.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let read = poll_fn(|context| match &mut *lock(&self.stream) {
            Some(stream) => stream.poll_read(context, buffer),
            None => Poll::Pending,
        });
        match read.await {
            // After a write that failed, a read returns EOF even if that was a reset.
            Ok(0) => lock(&self.failure).map_or(Ok(0), Err),
            read => read.map_err(|error| error.kind()),
        }
    }

    /// Writes all of `bytes`, and returns how many the stream accepted before it failed.
    pub(crate) async fn write_all(&self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            let written = poll_fn(|context| match &mut *lock(&self.stream) {
                Some(stream) => stream.poll_write(context, &bytes[sent..]),
                None => Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
            });
            match written.await {
                Ok(len) => sent += len,
                Err(error) => {
                    self.fail(&error);
                    return sent;
                }
            }
        }
        let flushed = poll_fn(|context| match &mut *lock(&self.stream) {
            Some(stream) => stream.poll_flush(context),
            None => Poll::Ready(Ok(())),
        });
        flushed.await.unwrap_or_else(|error| self.fail(&error));
        sent
    }

    pub(crate) async fn shut_down(&self) {
        let done = poll_fn(|context| match &mut *lock(&self.stream) {
            Some(stream) => stream.poll_shut_down(context),
            None => Poll::Ready(Ok(())),
        });
        done.await.unwrap_or_else(|error| self.fail(&error));
    }

    /// Closes the stream, whatever is on its way.
    pub(crate) fn close(&self) {
        if let Some(mut stream) = lock(&self.stream).take() {
            stream.shut_down_now();
        }
        self.gone.notify_one();
    }

    /// Resets the connection.
    pub(crate) fn reset(&self) {
        if let Some(mut stream) = lock(&self.stream).take() {
            stream.reset().unwrap();
        }
        self.gone.notify_one();
    }

    /// Waits until [`Self::close`] or [`Self::reset`] was called.
    pub(crate) async fn closed(&self) {
        self.gone.notified().await;
    }

    fn fail(&self, error: &io::Error) {
        *lock(&self.failure) = Some(error.kind());
    }
}

/// Waits for `time`, or until `released`.
async fn wait(time: Duration, released: &CancellationToken) {
    tokio::time::timeout(time, released.cancelled()).await.ok();
}
