//! Executes the steps of a script on a connection.
//!
//! It receives during every step, also while it sends or sleeps, so that the peer is never blocked.
//! It knows no socket: the [`ScriptConnection`] does what only a socket can do.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::net::Deadline;
use crate::script::action::{Action, Attachment, Pattern};
use crate::script::outcome::{ScriptEnd, Unmet, UnmetReason};
use crate::script::unmatched::Unmatched;
use crate::script::{Script, Step};

/// The size of the read buffer in bytes; small, because every client of a scripted server has one.
const READ_SIZE: usize = 16 * 1024;

/// The size in bytes of the pieces in which a file is sent.
const FILE_PIECE: usize = 64 * 1024;

/// How long a peer may accept no data before the script fails.
const SCRIPT_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// After a failed write, how long to keep receiving the peer's remaining data.
const LAST_REPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// An open connection on which a script runs.
///
/// On its stream, a read of 0 bytes means that the peer has closed its side, and `poll_shutdown`
/// shuts down the write side while the peer can still send.
pub trait ScriptConnection {
    /// The stream that carries the connection's bytes.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Why TLS could not be started.
    type TlsError;

    /// Returns the connection's current stream.
    fn stream(&mut self) -> &mut Self::Stream;

    /// Passes on received bytes, for example to standard output. The timeout of a step does not
    /// cancel this; only the deadline of the whole run does.
    ///
    /// # Errors
    /// The bytes cannot be written, which ends the script. If the script may continue without a
    /// reader of the output, an implementation returns no error for a closed output.
    fn deliver(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;

    /// Switches the connection to TLS, in its role of client or server, within a bounded time.
    ///
    /// # Errors
    /// The handshake fails, or the connection already uses TLS.
    fn start_tls(&mut self) -> impl Future<Output = Result<(), Self::TlsError>> + Send;

    /// Prepares the connection to be reset when it is dropped.
    ///
    /// # Errors
    /// The socket reports an error.
    fn reset(&mut self) -> io::Result<()>;
}

/// The state of the connection after the last step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// The peer has closed its side.
    pub peer_closed: bool,
    /// The caller must drop the connection, which resets it.
    pub reset: bool,
}

/// Executes a script until its last step or `deadline`.
///
/// # Errors
/// A step failed; the steps after it were not started.
pub async fn play<C: ScriptConnection>(
    script: &Script,
    connection: &mut C,
    deadline: Deadline,
) -> Result<Played, ScriptEnd<C::TlsError>> {
    let mut player = Player::new(connection);
    for step in script.steps() {
        let Ok(done) = deadline.bound(player.execute(step)).await else {
            let got = player.unmatched.excerpt();
            return Err(ScriptEnd::TimedOut { step: step.into(), got });
        };
        done?;
    }
    player.finish()
}

/// The state of a running script.
struct Player<'a, C> {
    connection: &'a mut C,
    unmatched: Unmatched,
    /// How the peer's side ended: with EOF or an error; `None` while it is open.
    peer_end: Option<io::Result<()>>,
    reset: bool,
    buffer: Box<[u8]>,
}

/// Which of the operation, the read and the timer finished first.
enum TurnResult<T> {
    /// The operation finished.
    Done(T),
    /// Data, EOF (0 bytes) or an error was received.
    Received(io::Result<usize>),
    /// The timer expired.
    TimedOut,
}

impl<'a, C: ScriptConnection> Player<'a, C> {
    fn new(connection: &'a mut C) -> Self {
        Self {
            connection,
            unmatched: Unmatched::default(),
            peer_end: None,
            reset: false,
            buffer: vec![0; READ_SIZE].into_boxed_slice(),
        }
    }

    async fn execute(&mut self, step: &Step) -> Result<(), ScriptEnd<C::TlsError>> {
        match &step.action {
            Action::Expect(pattern, wait) => self.expect(step, pattern, *wait).await,
            Action::ExpectEnd(wait) => self.expect_end(step, *wait).await,
            Action::Send(bytes) => self.send(step, bytes).await,
            Action::SendFile(attachment) => self.send_file(step, attachment).await,
            Action::Sleep(wait) => self.sleep(*wait).await,
            Action::CloseWrite => self.run_while_receiving(step, AsyncWrite::poll_shutdown).await,
            Action::Reset => {
                self.reset = true;
                let label = || step.into();
                self.connection.reset().map_err(|source| ScriptEnd::Send { step: label(), source })
            }
            Action::StartTls => self.start_tls(step).await,
        }
    }

    /// Returns the state of the connection after the last step.
    fn finish(self) -> Result<Played, ScriptEnd<C::TlsError>> {
        let Self { peer_end, reset, .. } = self;
        match peer_end {
            // Every expectation was met, but sent data may not have reached the peer.
            Some(Err(source)) if !reset => Err(ScriptEnd::Receive(source)),
            end => Ok(Played { peer_closed: end.is_some(), reset }),
        }
    }

    async fn expect(
        &mut self,
        step: &Step,
        pattern: &Pattern,
        wait: Duration,
    ) -> Result<(), ScriptEnd<C::TlsError>> {
        let until = Instant::now() + wait;
        let mut timer = pin!(tokio::time::sleep_until(until));
        let mut next_search = Instant::now();
        let mut is_searched = false;
        loop {
            let now = Instant::now();
            let timed_out = now >= until;
            let is_full = self.unmatched.exceeds_limit();
            // The last search includes the timeout: data that has already arrived can still match.
            let is_last = timed_out || is_full || self.peer_end.is_some();
            if is_last || (!is_searched && now >= next_search) {
                if self.unmatched.consume_match(pattern) {
                    return Ok(());
                }
                if is_full {
                    return Err(self.unmet(step, UnmetReason::TooMuchData));
                }
                if self.peer_end.is_some() {
                    return Err(self.peer_ended(step));
                }
                if timed_out {
                    return Err(self.unmet(step, UnmetReason::Timeout(wait)));
                }
                is_searched = true;
                next_search = Instant::now() + self.unmatched.search_pause(now.elapsed());
            }
            timer.as_mut().reset(if is_searched { until } else { until.min(next_search) });
            match self.turn(timer.as_mut(), pending).await {
                TurnResult::Received(received) => {
                    self.handle_read(received).await?;
                    is_searched = false;
                }
                TurnResult::TimedOut => {}
                TurnResult::Done(done) => match done {},
            }
        }
    }

    /// Waits for the peer to close its side; accepts any data before that.
    async fn expect_end(
        &mut self,
        step: &Step,
        wait: Duration,
    ) -> Result<(), ScriptEnd<C::TlsError>> {
        let until = Instant::now() + wait;
        while self.peer_end.is_none() {
            if !self.receive_once(until).await? {
                return Err(self.unmet(step, UnmetReason::Timeout(wait)));
            }
        }
        match self.peer_end {
            Some(Ok(())) => Ok(()),
            _ => Err(self.peer_ended(step)),
        }
    }

    async fn sleep(&mut self, wait: Duration) -> Result<(), ScriptEnd<C::TlsError>> {
        let until = Instant::now() + wait;
        while self.receive_once(until).await? {}
        Ok(())
    }

    async fn send(&mut self, step: &Step, bytes: &[u8]) -> Result<(), ScriptEnd<C::TlsError>> {
        let mut rest = bytes;
        loop {
            let write = |stream: Pin<&mut C::Stream>, context: &mut Context<'_>| {
                stream.poll_write(context, rest)
            };
            let len = self.run_while_receiving(step, write).await?;
            if len == 0 && !rest.is_empty() {
                let source = ErrorKind::WriteZero.into();
                return Err(ScriptEnd::Send { step: step.into(), source });
            }
            rest = &rest[len..];
            // Checked after the write, so that an empty text is also written once.
            if rest.is_empty() {
                break;
            }
        }
        self.run_while_receiving(step, AsyncWrite::poll_flush).await
    }

    async fn send_file(
        &mut self,
        step: &Step,
        attachment: &Attachment,
    ) -> Result<(), ScriptEnd<C::TlsError>> {
        let mut piece = vec![0; FILE_PIECE];
        let mut offset = 0;
        loop {
            // Reading in the runtime is acceptable: the kernel reads a regular file without waiting
            // for a writer.
            let len = attachment.read_at(&mut piece, offset).map_err(|source| {
                let path = attachment.path().to_owned();
                ScriptEnd::File { step: step.into(), path, source }
            })?;
            if len == 0 {
                return Ok(());
            }
            self.send(step, &piece[..len]).await?;
            offset += len as u64;
        }
    }

    async fn start_tls(&mut self, step: &Step) -> Result<(), ScriptEnd<C::TlsError>> {
        if !self.unmatched.is_empty() {
            return Err(self.unmet(step, UnmetReason::UnmatchedPlainText));
        }
        // `start_tls` limits the time of the handshake itself.
        let done = self.connection.start_tls().await;
        done.map_err(|error| ScriptEnd::StartTls { step: step.into(), error })
    }

    /// Runs `operation` on the stream while receiving, for at most [`SCRIPT_WRITE_TIMEOUT`].
    async fn run_while_receiving<T>(
        &mut self,
        step: &Step,
        mut operation: impl FnMut(Pin<&mut C::Stream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Result<T, ScriptEnd<C::TlsError>> {
        let until = Instant::now() + SCRIPT_WRITE_TIMEOUT;
        let mut timer = pin!(tokio::time::sleep_until(until));
        loop {
            match self.turn(timer.as_mut(), &mut operation).await {
                TurnResult::Done(Ok(done)) => return Ok(done),
                TurnResult::Done(Err(source)) => {
                    // The peer may have sent a reply that explains the failure.
                    let until = Instant::now() + LAST_REPLY_TIMEOUT;
                    while self.peer_end.is_none() && self.receive_once(until).await? {}
                    return Err(ScriptEnd::Send { step: step.into(), source });
                }
                TurnResult::Received(received) => self.handle_read(received).await?,
                TurnResult::TimedOut => {
                    return Err(ScriptEnd::Stalled {
                        step: step.into(),
                        waited: SCRIPT_WRITE_TIMEOUT,
                    });
                }
            }
        }
    }

    /// Receives once; returns whether time is left until `until`.
    async fn receive_once(&mut self, until: Instant) -> Result<bool, ScriptEnd<C::TlsError>> {
        let mut timer = pin!(tokio::time::sleep_until(until));
        match self.turn(timer.as_mut(), pending).await {
            TurnResult::Received(received) => self.handle_read(received).await?,
            TurnResult::TimedOut => return Ok(false),
            TurnResult::Done(done) => match done {},
        }
        // A peer that sends continuously must not extend the wait.
        Ok(Instant::now() < until)
    }

    /// Waits until `operation` finishes, data arrives or `timer` expires, whichever is first.
    async fn turn<T>(
        &mut self,
        mut timer: Pin<&mut Sleep>,
        mut operation: impl FnMut(Pin<&mut C::Stream>, &mut Context<'_>) -> Poll<T>,
    ) -> TurnResult<T> {
        let Self { connection, buffer, peer_end, .. } = self;
        let stream = connection.stream();
        poll_fn(|context| {
            // The operation is polled before the read: the peer's reply to its last byte belongs
            // to the next step, which may start TLS.
            if let Poll::Ready(done) = operation(Pin::new(&mut *stream), context) {
                return Poll::Ready(TurnResult::Done(done));
            }
            if peer_end.is_none() {
                let mut buffer = ReadBuf::new(buffer);
                if let Poll::Ready(read) = Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                    let len = buffer.filled().len();
                    return Poll::Ready(TurnResult::Received(read.map(|()| len)));
                }
            }
            timer.as_mut().poll(context).map(|()| TurnResult::TimedOut)
        })
        .await
    }

    /// Handles the result of a read into `buffer`: delivers and keeps the bytes, or stores how the
    /// peer's side ended.
    async fn handle_read(
        &mut self,
        received: io::Result<usize>,
    ) -> Result<(), ScriptEnd<C::TlsError>> {
        match received {
            Ok(0) => self.peer_end = Some(Ok(())),
            Ok(len) => {
                let bytes = &self.buffer[..len];
                self.connection.deliver(bytes).await.map_err(ScriptEnd::Output)?;
                self.unmatched.push(bytes);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => self.peer_end = Some(Err(error)),
        }
        Ok(())
    }

    /// Returns the failure of an expectation after the peer's side has ended.
    fn peer_ended(&mut self, step: &Step) -> ScriptEnd<C::TlsError> {
        match self.peer_end.take() {
            Some(Err(error)) if error.kind() != ErrorKind::ConnectionReset => {
                ScriptEnd::Receive(error)
            }
            Some(Err(_)) => self.unmet(step, UnmetReason::Reset),
            _ => self.unmet(step, UnmetReason::PeerClosed),
        }
    }

    /// Returns the failure of an expectation that was not met.
    fn unmet(&self, step: &Step, why: UnmetReason) -> ScriptEnd<C::TlsError> {
        ScriptEnd::Unmet(Unmet { step: step.into(), why, got: self.unmatched.excerpt() })
    }
}

/// An operation that never finishes, for waiting only for data or the timer.
fn pending<S>(_: Pin<&mut S>, _: &mut Context<'_>) -> Poll<Infallible> {
    Poll::Pending
}

#[cfg(test)]
mod tests;
