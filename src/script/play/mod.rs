//! Carries out the steps of a script on a line.
//!
//! Whatever it does, it listens: a peer that answers while it is still being sent something, or
//! while we sleep, is never kept waiting. It knows no socket; what only a socket can do is asked
//! of the [`ScriptConnection`].

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

/// Bytes read at once. Small, since every client of a scripted server has one.
const RECEIVE_BUFFER: usize = 16 * 1024;

/// Bytes of a file sent at once.
const FILE_PIECE: usize = 64 * 1024;

/// How long a peer may take nothing of what is sent, or do nothing for TLS.
const SCRIPT_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the last words of a peer that takes no more are waited for.
const LAST_REPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// What a script is played on: an open connection.
///
/// Reading 0 bytes is the peer's end; `poll_shutdown` ends our side and leaves the peer's open.
pub trait ScriptConnection {
    /// Where bytes are read and written.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Why TLS was not started.
    type TlsError;

    /// Returns where bytes are read and written, now.
    fn stream(&mut self) -> &mut Self::Stream;

    /// Gives on what came, such as to standard output. It is never cut off by a step that is out
    /// of time, only by the deadline for everything.
    ///
    /// # Errors
    /// What came cannot be written: the script ends. A line whose reader may leave without harm
    /// returns none.
    fn heard(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;

    /// Goes on in TLS, as the side this line is; in bounded time.
    ///
    /// # Errors
    /// Whatever is wrong with the handshake, or TLS was started before.
    fn start_tls(&mut self) -> impl Future<Output = Result<(), Self::TlsError>> + Send;

    /// Makes the end of the connection a reset; it ends when the line is dropped.
    ///
    /// # Errors
    /// What the socket reports.
    fn reset(&mut self) -> io::Result<()>;
}

/// How a line is left by a script that was played to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// The peer has ended its side.
    pub peer_ended: bool,
    /// Our side is ended.
    pub ended: bool,
    /// The line is to be dropped, which resets it.
    pub reset: bool,
}

/// Plays a script, until `deadline` at the latest.
///
/// # Errors
/// A step was not done; the ones behind it are not begun.
pub async fn play<L: ScriptConnection>(
    script: &Script,
    line: &mut L,
    deadline: Deadline,
) -> Result<Played, ScriptEnd<L::TlsError>> {
    let mut player = Player::new(line);
    for step in script.steps() {
        let Ok(done) = deadline.bound(player.take(step)).await else {
            return Err(ScriptEnd::TimedOut { step: step.into(), got: player.unmatched.got() });
        };
        done?;
    }
    player.finish()
}

struct Player<'a, L> {
    line: &'a mut L,
    unmatched: Unmatched,
    /// The peer's end, in order or not, once it has come.
    peer: Option<io::Result<()>>,
    ended: bool,
    reset: bool,
    scratch: Box<[u8]>,
}

/// What came first.
enum TurnResult<T> {
    /// The work is done.
    Done(T),
    /// The peer was heard, or ended.
    Heard(io::Result<usize>),
    /// Time is up.
    Late,
}

impl<'a, L: ScriptConnection> Player<'a, L> {
    fn new(line: &'a mut L) -> Self {
        Self {
            line,
            unmatched: Unmatched::default(),
            peer: None,
            ended: false,
            reset: false,
            scratch: vec![0; RECEIVE_BUFFER].into_boxed_slice(),
        }
    }

    async fn take(&mut self, step: &Step) -> Result<(), ScriptEnd<L::TlsError>> {
        match &step.action {
            Action::Expect(pattern, wait) => self.expect(step, pattern, *wait).await,
            Action::ExpectEnd(wait) => self.expect_end(step, *wait).await,
            Action::Send(bytes) => self.send(step, bytes).await,
            Action::SendFile(attachment) => self.send_file(step, attachment).await,
            Action::Sleep(wait) => self.sleep(*wait).await,
            Action::CloseWrite => {
                self.patiently(step, AsyncWrite::poll_shutdown).await?;
                self.ended = true;
                Ok(())
            }
            Action::Reset => {
                self.reset = true;
                let label = || step.into();
                self.line.reset().map_err(|source| ScriptEnd::Send { step: label(), source })
            }
            Action::StartTls => self.start_tls(step).await,
        }
    }

    /// Returns how the line is left.
    fn finish(self) -> Result<Played, ScriptEnd<L::TlsError>> {
        match self.peer {
            // Nothing was expected any more, but what we sent may not have arrived.
            Some(Err(source)) if !self.reset => Err(ScriptEnd::Receive(source)),
            peer => Ok(Played { peer_ended: peer.is_some(), ended: self.ended, reset: self.reset }),
        }
    }

    async fn expect(
        &mut self,
        step: &Step,
        pattern: &Pattern,
        wait: Duration,
    ) -> Result<(), ScriptEnd<L::TlsError>> {
        let until = Instant::now() + wait;
        let mut timer = pin!(tokio::time::sleep_until(until));
        let mut is_late = false;
        while !self.unmatched.take(pattern) {
            if self.unmatched.is_too_much() {
                return Err(self.unmet(step, UnmetReason::TooMuch));
            }
            if self.peer.is_some() {
                return Err(self.ended_before(step));
            }
            if is_late {
                return Err(self.unmet(step, UnmetReason::Timeout(wait)));
            }
            match self.turn(timer.as_mut(), nothing).await {
                TurnResult::Heard(heard) => self.hear(heard).await?,
                TurnResult::Late => is_late = true,
                TurnResult::Done(done) => match done {},
            }
            // What has come already still counts, however late we are to look at it.
            is_late |= Instant::now() >= until;
        }
        Ok(())
    }

    /// Waits for the end; whatever comes before it is as good as expected.
    async fn expect_end(
        &mut self,
        step: &Step,
        wait: Duration,
    ) -> Result<(), ScriptEnd<L::TlsError>> {
        let until = Instant::now() + wait;
        while self.peer.is_none() {
            if !self.listen(until).await? {
                return Err(self.unmet(step, UnmetReason::Timeout(wait)));
            }
        }
        match self.peer {
            Some(Ok(())) => Ok(()),
            _ => Err(self.ended_before(step)),
        }
    }

    async fn sleep(&mut self, wait: Duration) -> Result<(), ScriptEnd<L::TlsError>> {
        let until = Instant::now() + wait;
        while self.listen(until).await? {}
        Ok(())
    }

    async fn send(&mut self, step: &Step, bytes: &[u8]) -> Result<(), ScriptEnd<L::TlsError>> {
        let mut rest = bytes;
        loop {
            let write = |stream: Pin<&mut L::Stream>, context: &mut Context<'_>| {
                stream.poll_write(context, rest)
            };
            let len = self.patiently(step, write).await?;
            if len == 0 && !rest.is_empty() {
                let source = ErrorKind::WriteZero.into();
                return Err(ScriptEnd::Send { step: step.into(), source });
            }
            rest = &rest[len..];
            // Even nothing is written once: it can be a datagram.
            if rest.is_empty() {
                break;
            }
        }
        self.patiently(step, AsyncWrite::poll_flush).await
    }

    async fn send_file(
        &mut self,
        step: &Step,
        attachment: &Attachment,
    ) -> Result<(), ScriptEnd<L::TlsError>> {
        let mut piece = vec![0; FILE_PIECE];
        let mut offset = 0;
        loop {
            // A regular file, which the system reads without waiting for anybody.
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

    async fn start_tls(&mut self, step: &Step) -> Result<(), ScriptEnd<L::TlsError>> {
        if !self.unmatched.is_empty() {
            return Err(self.unmet(step, UnmetReason::PlainText));
        }
        // The line knows how long a handshake may take.
        let done = self.line.start_tls().await;
        done.map_err(|error| ScriptEnd::StartTls { step: step.into(), error })
    }

    /// Does `work` on the line and listens meanwhile, for as long as the peer lets it.
    async fn patiently<T>(
        &mut self,
        step: &Step,
        mut work: impl FnMut(Pin<&mut L::Stream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Result<T, ScriptEnd<L::TlsError>> {
        let until = Instant::now() + SCRIPT_WRITE_TIMEOUT;
        let mut timer = pin!(tokio::time::sleep_until(until));
        loop {
            match self.turn(timer.as_mut(), &mut work).await {
                TurnResult::Done(Ok(done)) => return Ok(done),
                TurnResult::Done(Err(source)) => {
                    // The peer may have said why.
                    let until = Instant::now() + LAST_REPLY_TIMEOUT;
                    while self.peer.is_none() && self.listen(until).await? {}
                    return Err(ScriptEnd::Send { step: step.into(), source });
                }
                TurnResult::Heard(heard) => self.hear(heard).await?,
                TurnResult::Late => {
                    return Err(ScriptEnd::Stalled {
                        step: step.into(),
                        waited: SCRIPT_WRITE_TIMEOUT,
                    });
                }
            }
        }
    }

    /// Listens once; `false` at `until`, or if it is past.
    async fn listen(&mut self, until: Instant) -> Result<bool, ScriptEnd<L::TlsError>> {
        let mut timer = pin!(tokio::time::sleep_until(until));
        match self.turn(timer.as_mut(), nothing).await {
            TurnResult::Heard(heard) => self.hear(heard).await?,
            TurnResult::Late => return Ok(false),
            TurnResult::Done(done) => match done {},
        }
        // A peer that never stops talking does not stop the clock.
        Ok(Instant::now() < until)
    }

    /// Waits for whatever comes first: `work`, the peer, or the time.
    async fn turn<T>(
        &mut self,
        mut timer: Pin<&mut Sleep>,
        mut work: impl FnMut(Pin<&mut L::Stream>, &mut Context<'_>) -> Poll<T>,
    ) -> TurnResult<T> {
        let Self { line, scratch, peer, .. } = self;
        let stream = line.stream();
        poll_fn(|context| {
            // Work first: what the peer says to the last byte of it belongs to the next step,
            // which may be TLS.
            if let Poll::Ready(done) = work(Pin::new(&mut *stream), context) {
                return Poll::Ready(TurnResult::Done(done));
            }
            if peer.is_none() {
                let mut buffer = ReadBuf::new(scratch);
                if let Poll::Ready(read) = Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                    let len = buffer.filled().len();
                    return Poll::Ready(TurnResult::Heard(read.map(|()| len)));
                }
            }
            timer.as_mut().poll(context).map(|()| TurnResult::Late)
        })
        .await
    }

    /// Takes in what was read to `scratch`, or that nothing more will be.
    async fn hear(&mut self, heard: io::Result<usize>) -> Result<(), ScriptEnd<L::TlsError>> {
        match heard {
            Ok(0) => self.peer = Some(Ok(())),
            Ok(len) => {
                let bytes = &self.scratch[..len];
                self.line.heard(bytes).await.map_err(ScriptEnd::Output)?;
                self.unmatched.push(bytes);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => self.peer = Some(Err(error)),
        }
        Ok(())
    }

    /// Returns the failure of an expectation that the peer's end, or a broken line, came before.
    fn ended_before(&mut self, step: &Step) -> ScriptEnd<L::TlsError> {
        match self.peer.take() {
            Some(Err(error)) if error.kind() != ErrorKind::ConnectionReset => {
                ScriptEnd::Receive(error)
            }
            Some(Err(_)) => self.unmet(step, UnmetReason::Reset),
            _ => self.unmet(step, UnmetReason::PeerEnded),
        }
    }

    fn unmet(&self, step: &Step, why: UnmetReason) -> ScriptEnd<L::TlsError> {
        ScriptEnd::Unmet(Unmet { step: step.into(), why, got: self.unmatched.got() })
    }
}

/// No work: to wait for the others.
fn nothing<S>(_: Pin<&mut S>, _: &mut Context<'_>) -> Poll<Infallible> {
    Poll::Pending
}

#[cfg(test)]
mod tests;
