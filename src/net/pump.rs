//! Bytes both ways between a connection and two blocking ends, each end of input kept apart.
//!
//! One thread reads what is to be sent, another writes what has come; large buffers travel between
//! them and the connection and are used again, so memory is flat whatever the size or the slowness
//! of either side. The pump knows no standard stream: it is given a reader and a writer.

use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::deadline::{Deadline, Elapsed};
use super::{stream, sys};

/// Bytes moved at once. Between 64 and 256 KiB a plain loop is as fast as loopback gets.
const CHUNK: usize = 256 * 1024;

/// Bytes sent at once to a peer that may be slow.
const PIECE: usize = 64 * 1024;

/// Buffers in each direction: one being filled, one being emptied, and two on the way.
const BUFFERS: usize = 4;

/// How long the last bytes may take to be written once time is up.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// What is to be sent: filled by a thread that reads.
#[derive(Debug)]
pub struct Source {
    filled: mpsc::Receiver<io::Result<(Vec<u8>, usize)>>,
    empty: blocking::Sender<Vec<u8>>,
}

/// Where what has come goes: emptied by a thread that writes, which clones share.
#[derive(Clone, Debug)]
pub struct Sink {
    filled: mpsc::Sender<Delivery>,
    pool: Arc<Pool>,
}

/// How a connection is pumped.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Whether the end of an input that never held a byte is passed on. A listener that has
    /// nothing to say has not finished speaking: its peer must not take it for gone.
    pub pass_empty_end: bool,
    /// How long nothing may come or go.
    pub idle: Option<Duration>,
    /// When to give up.
    pub deadline: Deadline,
}

/// What both directions carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes received, and written where they belong.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The peer ended its side in order.
    #[error("eof")]
    Eof,
    /// The peer ended its side in order, and our input rested then without having ended.
    #[error("eof")]
    Rested,
    /// Receiving failed, by a reset for example.
    #[error("{}", crate::reason::of(.0))]
    Receive(io::Error),
    /// Sending failed.
    #[error("{}", crate::reason::of(.0))]
    Send(io::Error),
    /// What was to be sent could not be read.
    #[error("input: {}", crate::reason::of(.0))]
    Input(io::Error),
    /// What came could not be written; `BrokenPipe` where the reader has left.
    #[error("output: {}", crate::reason::of(.0))]
    Output(io::Error),
    /// Nothing came or went for too long.
    #[error("idle")]
    Idle,
    /// The deadline passed.
    #[error("timed out")]
    TimedOut,
    /// It was asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Carries bytes both ways until both sides have ended; `None` as the source sends nothing and
/// leaves our side open.
///
/// The end of the source is passed on (`shutdown(SHUT_WR)`) and reading goes on. After the peer's
/// end whatever the source still has is sent; only a source that is idle then is not waited for.
/// What came before a failure is written before the failure is returned. [`End::Eof`] means that
/// the peer's TCP has acknowledged every byte; so does [`End::Rested`], of what was sent. `stop` ends it in order, too.
pub async fn pump(
    stream: &TcpStream,
    peer: &str,
    source: Option<&mut Source>,
    sink: &Sink,
    policy: Policy,
    stop: impl Future<Output = ()>,
) -> (Counts, End) {
    let state = State::new();
    let mut end = {
        let mut outbound = pin!(send_all(stream, source, policy, &state));
        let mut inbound = pin!(receive_all(stream, peer, sink, &state));
        let mut stop = pin!(stop);
        let (mut sending, mut receiving) = (true, true);
        let mut rested = false;
        let mut send_failure = None;
        loop {
            tokio::select! {
                biased;
                end = &mut inbound, if receiving => match end {
                    End::Eof => receiving = false,
                    // Both directions see a reset; receiving has the better words for it.
                    end => break end,
                },
                outcome = &mut outbound, if sending => {
                    sending = false;
                    match outcome {
                        Ok(()) => {}
                        // The peer's last words may still be on their way.
                        Err(failure @ End::Send(_)) => send_failure = Some(failure),
                        Err(failure) => break failure,
                    }
                }
                () = state.source_rests(), if sending && !receiving => {
                    sending = false;
                    rested = true;
                }
                // A writer that gave up is noticed though nothing more may come for it.
                () = sink.filled.closed() => break End::Output(sink.pool.failure()),
                () = state.silence(policy.idle) => break End::Idle,
                () = policy.deadline.passed() => break End::TimedOut,
                () = &mut stop => break End::Stopped,
            }
            if !receiving && (!sending || send_failure.is_some()) {
                break send_failure.unwrap_or(if rested { End::Rested } else { End::Eof });
            }
        }
    };
    let counts = state.counts();
    if let (End::Eof | End::Rested, 1..) = (&end, counts.bytes_out) {
        end = acknowledged(stream, policy.deadline).await.err().unwrap_or(end);
    }
    // Whoever is out of time already waits for a blocked reader no longer than this.
    let patience = match end {
        End::TimedOut | End::Idle | End::Stopped => Deadline::after(LAST_WRITE),
        _ => policy.deadline,
    };
    match patience.bound(sink.flush()).await {
        Ok(Err(error)) if !matches!(end, End::Output(_)) => (counts, End::Output(error)),
        Err(Elapsed) if !matches!(end, End::Stopped) => (counts, End::TimedOut),
        _ => (counts, end),
    }
}

/// A source that has given nothing for so long after the peer's end is idle: somebody at a
/// terminal, or a program that waits for an answer that will not come.
const RESTING: Duration = Duration::from_millis(250);

/// How long the peer's TCP may take to acknowledge the last bytes, where nothing else limits it.
const ACKNOWLEDGEMENT: Duration = Duration::from_secs(30);

/// What both directions have done so far, with moments in microseconds since the beginning.
struct State {
    began: Instant,
    received: AtomicU64,
    sent: AtomicU64,
    /// When anything last came or went.
    moved: AtomicU64,
    /// Since when the source is waited for; [`NEVER`] while something of it is being sent.
    waiting: AtomicU64,
}

/// A moment that does not come.
const NEVER: u64 = u64::MAX;

impl State {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            waiting: AtomicU64::new(NEVER),
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            bytes_in: self.received.load(Ordering::Relaxed),
            bytes_out: self.sent.load(Ordering::Relaxed),
        }
    }

    fn count(&self, counter: &AtomicU64, len: usize) {
        counter.fetch_add(len as u64, Ordering::Relaxed);
        self.moved.store(self.now(), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(NEVER - 1)
    }

    /// Waits until the source has given nothing for a while.
    async fn source_rests(&self) {
        self.age_reaches(&self.waiting, RESTING).await;
    }

    /// Waits until nothing has come or gone for as long as `limit`; for ever without one.
    async fn silence(&self, limit: Option<Duration>) {
        match limit {
            Some(limit) => self.age_reaches(&self.moved, limit).await,
            None => std::future::pending().await,
        }
    }

    async fn age_reaches(&self, moment: &AtomicU64, limit: Duration) {
        loop {
            let age = self.now().saturating_sub(moment.load(Ordering::Relaxed));
            match limit.checked_sub(Duration::from_micros(age)) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return,
            }
        }
    }
}

async fn send_all(
    stream: &TcpStream,
    source: Option<&mut Source>,
    policy: Policy,
    state: &State,
) -> Result<(), End> {
    let Some(source) = source else { return Ok(()) };
    loop {
        state.waiting.store(state.now(), Ordering::Relaxed);
        let Some(chunk) = source.filled.recv().await else { break };
        state.waiting.store(NEVER, Ordering::Relaxed);
        let (buffer, len) = chunk.map_err(End::Input)?;
        if len == 0 {
            break;
        }
        let mut rest = &buffer[..len];
        while !rest.is_empty() {
            // In pieces, so that progress with a slow peer is seen.
            let piece = &rest[..rest.len().min(PIECE)];
            stream::write_all(stream, piece, Deadline::NEVER).await.map_err(End::Send)?;
            state.count(&state.sent, piece.len());
            rest = &rest[piece.len()..];
        }
        // A reader that has ended needs no buffer.
        source.empty.send(buffer).ok();
    }
    if state.counts().bytes_out > 0 || policy.pass_empty_end {
        SockRef::from(stream).shutdown(Shutdown::Write).map_err(|error| {
            // What a connection is that was reset before we could end it.
            let is_reset = error.kind() == ErrorKind::NotConnected;
            End::Send(if is_reset { ErrorKind::ConnectionReset.into() } else { error })
        })?;
    }
    Ok(())
}

/// Waits until the peer's TCP has everything, or has thrown it away.
async fn acknowledged(stream: &TcpStream, deadline: Deadline) -> Result<(), End> {
    let deadline = deadline.earlier(Deadline::after(ACKNOWLEDGEMENT));
    let mut pause = Duration::from_micros(100);
    loop {
        match stream.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return Err(End::Send(error)),
        }
        match sys::unacknowledged(stream) {
            Ok(0) => return Ok(()),
            Ok(_) if deadline.has_passed() => return Err(End::TimedOut),
            Ok(_) => {}
            Err(error) => return Err(End::Send(error)),
        }
        // Nothing announces an acknowledgement: usually it is there at the first look.
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

async fn receive_all(stream: &TcpStream, peer: &str, sink: &Sink, state: &State) -> End {
    let from: Arc<str> = peer.into();
    loop {
        // A buffer is taken only when there is something to put into it: many connections may
        // share a few.
        if let Err(error) = stream.readable().await {
            return End::Receive(error);
        }
        let mut buffer = match sink.pool.take().await {
            Ok(buffer) => buffer,
            Err(error) => return End::Output(error),
        };
        match stream.try_read(&mut buffer) {
            Ok(0) => return End::Eof,
            Ok(len) => {
                let delivery = Delivery { from: Arc::clone(&from), buffer, len };
                if sink.filled.send(delivery).await.is_err() {
                    return End::Output(sink.pool.failure());
                }
                state.count(&state.received, len);
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return End::Receive(error),
        }
    }
}

impl Source {
    /// Starts reading. The thread ends with its input, or with the process.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start(mut reader: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, filled) = mpsc::channel(BUFFERS);
        let (empty, empties) = blocking::channel();
        for _ in 0..BUFFERS {
            // The receiver is at hand.
            empty.send(Vec::new()).ok();
        }
        thread::Builder::new().name("input".into()).spawn(move || {
            while let Ok(mut buffer) = empties.recv() {
                buffer.resize(CHUNK, 0);
                let outcome = read_some(&mut reader, &mut buffer);
                let more = matches!(outcome, Ok(1..));
                let chunk = outcome.map(|len| (buffer, len));
                if sender.blocking_send(chunk).is_err() || !more {
                    break;
                }
            }
        })?;
        Ok(Self { filled, empty })
    }
}

impl Sink {
    /// Starts writing: `write` gets whom bytes are from, and the bytes.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start(
        mut write: impl FnMut(&str, &[u8]) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (filled, mut deliveries) = mpsc::channel::<Delivery>(BUFFERS);
        let pool = Arc::new(Pool {
            places: Arc::new(Semaphore::new(BUFFERS)),
            spare: Mutex::default(),
            failure: Mutex::default(),
        });
        let told = Arc::clone(&pool);
        thread::Builder::new().name("output".into()).spawn(move || {
            while let Some(Delivery { from, buffer, len }) = deliveries.blocking_recv() {
                if let Err(error) = write(&from, &buffer[..len]) {
                    *lock(&told.failure) = Some(error);
                    // Wakes whoever waits for a buffer.
                    told.places.close();
                    return;
                }
            }
        })?;
        Ok(Self { filled, pool })
    }

    /// Waits until everything delivered so far is written.
    ///
    /// # Errors
    /// What the writer reported.
    pub async fn flush(&self) -> io::Result<()> {
        // Once all buffers are free, none is on its way.
        let all = u32::try_from(BUFFERS).unwrap_or(u32::MAX);
        let free = self.pool.places.acquire_many(all).await;
        free.map(drop).map_err(|_| self.pool.failure())
    }
}

/// Bytes on their way to the writer.
#[derive(Debug)]
struct Delivery {
    from: Arc<str>,
    buffer: Buffer,
    len: usize,
}

/// The buffers of a sink: a fixed number, used again.
#[derive(Debug)]
struct Pool {
    places: Arc<Semaphore>,
    spare: Mutex<Vec<Vec<u8>>>,
    /// Why the writer gave up.
    failure: Mutex<Option<io::Error>>,
}

impl Pool {
    async fn take(self: &Arc<Self>) -> io::Result<Buffer> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| self.failure())?;
        let mut bytes = lock(&self.spare).pop().unwrap_or_default();
        bytes.resize(CHUNK, 0);
        Ok(Buffer { bytes, pool: Arc::clone(self), _place: place })
    }

    fn failure(&self) -> io::Error {
        // Told once in full; whoever asks later learns at least that nobody reads.
        lock(&self.failure).take().unwrap_or_else(|| ErrorKind::BrokenPipe.into())
    }
}

/// A buffer of a pool, which returns there by itself.
#[derive(Debug)]
struct Buffer {
    bytes: Vec<u8>,
    pool: Arc<Pool>,
    _place: OwnedSemaphorePermit,
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        lock(&self.pool.spare).push(std::mem::take(&mut self.bytes));
    }
}

/// What is guarded here is whole at any moment, whoever panicked meanwhile.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
