//! Bytes both ways between a connection and our end, each end of input kept apart.
//!
//! It knows the rules of ending: whose end is passed on, what is still sent, what counts as done.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::{Mutex, Notify};

use crate::lines::CrLf;
use crate::net::deadline::{Deadline, Elapsed};
use crate::net::idle_clock::IdleClock;
use crate::net::relay::acknowledgement;
use crate::net::relay::end::{StreamEnd, failed};
use crate::net::relay::settings::{LineEnds, RelaySettings};
use crate::net::relay::shared_input::InputIdleness;
use crate::net::relay::sink::Sink;
use crate::net::relay::source::Source;
use crate::net::stream::channel::Channel;

/// Bytes read at once that nobody wants.
const DISCARD_BUFFER: usize = 64 * 1024;

/// How long the last bytes may take to be written once time is up.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Carries bytes both ways until both sides have ended; without a source nothing is sent and our
/// side stays open, without a sink what comes is thrown away.
///
/// The end of the source is passed on (a FIN, under TLS `close_notify` before it) and reading goes
/// on. After the peer's end whatever the source still has is sent; a source that is idle then is
/// waited for only where the policy says so. What came before a failure is written before the
/// failure is returned. [`StreamEnd::Eof`] means that the peer's TCP has acknowledged every byte;
/// so does [`StreamEnd::Rested`], of what was sent. After `stop` nothing more is read from the
/// source; our side is ended and the peer's end waited for, as the policy's grace allows.
pub async fn pump(
    channel: &mut Channel,
    peer: &str,
    source: Option<&mut Source>,
    sink: Option<&Sink>,
    policy: RelaySettings,
    stop: impl Future<Output = ()>,
) -> StreamEnd {
    let state = TransferState { moved: IdleClock::now(), ..TransferState::default() };
    let mut end = {
        let (mut reader, writer) = tokio::io::split(&mut *channel);
        let writer = Mutex::new(writer);
        let (has_source, shared) = (source.is_some(), source.as_ref().and_then(|s| s.shared()));
        let mut outbound = pin!(send_all(&writer, source, policy, &state));
        let mut inbound = pin!(receive_all(&mut reader, peer, sink, &state));
        let mut closing = pin!(async { writer.lock().await.shutdown().await });
        let mut stop = pin!(stop);
        let (mut sending, mut receiving) = (true, true);
        let (mut stopping, mut closed, mut rested) = (false, false, false);
        let mut send_failure = None;
        let mut patience = Deadline::NEVER;
        loop {
            tokio::select! {
                biased;
                end = &mut inbound, if receiving => match end {
                    StreamEnd::Eof => {
                        receiving = false;
                        state.peer_ended();
                    }
                    // Both directions see a reset; receiving has the better words for it.
                    end => break end,
                },
                outcome = &mut outbound, if sending => {
                    sending = false;
                    match outcome {
                        Ok(()) if has_source => patience = Deadline::maybe(policy.linger),
                        Ok(()) => {}
                        Err(StreamEnd::Send(error)) if error.kind() == ErrorKind::TimedOut => {
                            break StreamEnd::Send(error);
                        }
                        // The peer's last words may still be on their way.
                        Err(failure @ StreamEnd::Send(_)) => {
                            send_failure = Some(failure);
                            patience = Deadline::after(LAST_READ_TIMEOUT);
                        }
                        Err(failure) => break failure,
                    }
                }
                () = rests(&state, shared.as_ref()), if sending && !receiving && !policy.half_open => {
                    sending = false;
                    rested = true;
                }
                _ = &mut closing, if stopping && !sending && !closed => closed = true,
                // A writer that gave up is noticed though nothing more may come for it.
                error = broken(sink) => break StreamEnd::Output(error),
                () = state.moved.is_past(policy.idle) => break StreamEnd::Idle,
                () = patience.passed() => {
                    let late = if stopping { StreamEnd::Stopped } else { StreamEnd::Lingered };
                    break send_failure.unwrap_or(late);
                }
                () = policy.deadline.passed() => break StreamEnd::TimedOut,
                () = &mut stop, if !stopping => {
                    let Some(grace) = policy.grace else { break StreamEnd::Stopped };
                    stopping = true;
                    patience = Deadline::after(grace);
                    state.halt.notify_one();
                }
            }
            if !receiving && stopping {
                break StreamEnd::Stopped;
            }
            if !receiving && (!sending || send_failure.is_some()) {
                break send_failure.unwrap_or(if rested {
                    StreamEnd::Rested
                } else {
                    StreamEnd::Eof
                });
            }
        }
    };
    if let StreamEnd::Eof | StreamEnd::Rested = end {
        // A side that was left open is ended as its peer's was: in order.
        Deadline::after(FLUSH_TIMEOUT).bound(channel.shutdown()).await.ok();
    }
    if let (StreamEnd::Eof | StreamEnd::Rested | StreamEnd::Lingered, 1..) =
        (&end, channel.counts().bytes_out)
    {
        end = acknowledgement::wait(channel.socket(), policy.deadline).await.err().unwrap_or(end);
    }
    let Some(sink) = sink else { return end };
    // Whoever is out of time already waits for a blocked reader no longer than this.
    let patience = match end {
        StreamEnd::TimedOut | StreamEnd::Idle | StreamEnd::Stopped => {
            Deadline::after(FLUSH_TIMEOUT)
        }
        _ => policy.deadline,
    };
    match patience.bound(sink.flush()).await {
        Ok(Err(error)) if !matches!(end, StreamEnd::Output(_)) => StreamEnd::Output(error),
        Err(Elapsed) if !matches!(end, StreamEnd::Stopped) => StreamEnd::TimedOut,
        _ => end,
    }
}

/// Waits until the source has nothing to give for the time being: it has given nothing since the
/// peer's end, or, where others have it too, nothing to anybody.
async fn rests(state: &TransferState, shared: Option<&InputIdleness>) {
    match shared {
        None => state.waiting.is_past(Some(RESTING)).await,
        Some(shared) => {
            // What has been read for us comes first.
            state.waiting.is_past(Some(Duration::ZERO)).await;
            shared.is_past(RESTING).await;
        }
    }
}

/// Waits until the sink has given up; where there is none, for ever.
async fn broken(sink: Option<&Sink>) -> io::Error {
    match sink {
        Some(sink) => sink.broken().await,
        None => std::future::pending().await,
    }
}

/// A source that has given nothing for so long after the peer's end is idle: somebody at a
/// terminal, or a program that waits for an answer that will not come.
const RESTING: Duration = Duration::from_millis(250);

/// How long the last words of a peer that takes no more are waited for.
const LAST_READ_TIMEOUT: Duration = Duration::from_secs(1);

/// What both directions have done so far.
#[derive(Default)]
struct TransferState {
    has_sent: AtomicBool,
    /// When anything last came or went.
    moved: IdleClock,
    /// Since when the source is waited for; nothing while something of it is being sent.
    waiting: IdleClock,
    /// Nothing more is to be sent.
    halt: Notify,
}

impl TransferState {
    /// From now on the source must not rest.
    fn peer_ended(&self) {
        if self.waiting.is_set() {
            self.waiting.renew();
        }
    }
}

async fn send_all(
    writer: &Mutex<impl AsyncWrite + Unpin>,
    source: Option<&mut Source>,
    policy: RelaySettings,
    state: &TransferState,
) -> Result<(), StreamEnd> {
    let Some(source) = source else { return Ok(()) };
    let mut writer = writer.lock().await;
    let mut translator = CrLf::default();
    loop {
        state.waiting.renew();
        let chunk = tokio::select! {
            chunk = source.next() => chunk.map_err(|error| match error.kind() {
                // Reading does not time out: this peer did not take what the others took.
                ErrorKind::TimedOut => StreamEnd::Send(error),
                _ => StreamEnd::Input(error),
            })?,
            () = state.halt.notified() => return Ok(()),
        };
        state.waiting.clear();
        let Some(chunk) = chunk else { break };
        let translated;
        let bytes = match policy.line_ends {
            LineEnds::AsTheyAre => &chunk[..],
            LineEnds::CrLf => {
                translated = translator.translate(&chunk);
                &translated[..]
            }
        };
        tokio::select! {
            sent = send_lines(&mut *writer, bytes, policy.delay, state) => sent?,
            () = source.cut_off() => return Err(StreamEnd::Send(ErrorKind::TimedOut.into())),
            () = state.halt.notified() => return Ok(()),
        }
        source.give_back(chunk);
    }
    if state.has_sent.load(Ordering::Relaxed) || policy.pass_empty_end {
        writer.shutdown().await.map_err(StreamEnd::Send)?;
    }
    Ok(())
}

/// Sends what was read at once, with a pause after each line where one is asked for.
async fn send_lines(
    writer: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    delay: Option<Duration>,
    state: &TransferState,
) -> Result<(), StreamEnd> {
    let Some(delay) = delay else { return send(writer, bytes, state).await };
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        send(writer, line, state).await?;
        if line.ends_with(b"\n") {
            tokio::time::sleep(delay).await;
        }
    }
    Ok(())
}

/// Sends as much at once as the socket takes, so that progress with a slow peer is seen.
async fn send(
    writer: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    state: &TransferState,
) -> Result<(), StreamEnd> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let len = writer.write(rest).await.map_err(StreamEnd::Send)?;
        if len == 0 {
            return Err(StreamEnd::Send(ErrorKind::WriteZero.into()));
        }
        rest = &rest[len..];
        state.has_sent.store(true, Ordering::Relaxed);
        state.moved.renew();
    }
    // What TLS has made of it must not wait for the next chunk.
    writer.flush().await.map_err(StreamEnd::Send)
}

async fn receive_all(
    reader: &mut (impl AsyncRead + Unpin),
    peer: &str,
    sink: Option<&Sink>,
    state: &TransferState,
) -> StreamEnd {
    let Some(sink) = sink else { return discard_all(reader, state).await };
    let from: Arc<str> = peer.into();
    let mut spare = None;
    loop {
        // A buffer is held only while there is something to put into it: many connections may
        // share a few.
        let read = poll_fn(|context| {
            let Some(mut buffer) = spare.take().or_else(|| sink.try_take()) else {
                return Poll::Ready(None);
            };
            let mut free = ReadBuf::new(&mut buffer);
            match Pin::new(&mut *reader).poll_read(context, &mut free) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(outcome) => {
                    let len = free.filled().len();
                    Poll::Ready(Some(outcome.map(|()| (buffer, len))))
                }
            }
        });
        match read.await {
            None => match sink.take().await {
                Ok(buffer) => spare = Some(buffer),
                Err(error) => return StreamEnd::Output(error),
            },
            Some(Ok((_, 0))) => {
                sink.end().await;
                return StreamEnd::Eof;
            }
            Some(Ok((buffer, len))) => {
                if let Err(error) = sink.deliver(&from, buffer, len).await {
                    return StreamEnd::Output(error);
                }
                state.moved.renew();
            }
            Some(Err(error)) => return failed(error),
        }
    }
}

/// Reads to the end without keeping anything.
async fn discard_all(reader: &mut (impl AsyncRead + Unpin), state: &TransferState) -> StreamEnd {
    let mut scratch = vec![0; DISCARD_BUFFER];
    loop {
        let mut free = ReadBuf::new(&mut scratch);
        let read = poll_fn(|context| Pin::new(&mut *reader).poll_read(context, &mut free)).await;
        match (read, free.filled().len()) {
            (Ok(()), 0) => return StreamEnd::Eof,
            (Ok(()), _) => state.moved.renew(),
            (Err(error), _) => return failed(error),
        }
    }
}
