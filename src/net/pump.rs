//! Bytes both ways between a connection and two blocking ends, each end of input kept apart.
//!
//! It knows the rules of ending: whose end is passed on, what is still sent, what counts as done.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::net::TcpStream;

use super::bridge::{Sink, Source};
use super::deadline::{Deadline, Elapsed};
use super::{stream, sys};

/// Bytes sent at once to a peer that may be slow.
const PIECE: usize = 64 * 1024;

/// How long the last bytes may take to be written once time is up.
const LAST_WRITE: Duration = Duration::from_secs(1);

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
                error = sink.broken() => break End::Output(error),
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
        let chunk = source.next().await.map_err(End::Input)?;
        state.waiting.store(NEVER, Ordering::Relaxed);
        let Some((buffer, len)) = chunk else { break };
        let mut rest = &buffer[..len];
        while !rest.is_empty() {
            // In pieces, so that progress with a slow peer is seen.
            let piece = &rest[..rest.len().min(PIECE)];
            stream::write_all(stream, piece, Deadline::NEVER).await.map_err(End::Send)?;
            state.count(&state.sent, piece.len());
            rest = &rest[piece.len()..];
        }
        source.give_back(buffer);
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
        let mut buffer = match sink.take().await {
            Ok(buffer) => buffer,
            Err(error) => return End::Output(error),
        };
        match stream.try_read(&mut buffer) {
            Ok(0) => return End::Eof,
            Ok(len) => {
                if let Err(error) = sink.deliver(&from, buffer, len).await {
                    return End::Output(error);
                }
                state.count(&state.received, len);
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return End::Receive(error),
        }
    }
}
