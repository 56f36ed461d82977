//! Relays bytes between a connection and a source and a sink, and decides when the connection is
//! over: which side has ended, what is still to be sent, and which [`StreamEnd`] results.

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
use crate::net::relay::end::StreamEnd;
use crate::net::relay::settings::{LineEnds, RelaySettings};
use crate::net::relay::shared_input::InputIdleness;
use crate::net::relay::sink::Sink;
use crate::net::relay::source::Source;
use crate::net::stream::channel::Channel;

/// Size of the buffer for received data that is discarded, in bytes.
const DISCARD_BUFFER: usize = 64 * 1024;

/// How long the final shutdown may take, and the final flush of the sink after a timeout or a stop.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// After the peer closes, an input that produces nothing for this long (a user at a terminal, a
/// program waiting for an answer) is treated as finished.
const IDLE_INPUT: Duration = Duration::from_millis(250);

/// After a failed write, how long to keep reading the peer's remaining data.
const LAST_READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Relays bytes between `channel` and `source` and `sink`, and returns how the connection ended.
///
/// Without a source, nothing is sent and the write side stays open. Without a sink, received data
/// is discarded.
///
/// When the source ends, the write side is shut down (`close_notify` under TLS, then FIN) and
/// receiving continues. After the peer closes, the rest of the source is still sent; only with
/// [`RelaySettings::half_open`] does the relay then wait for an idle source. Data received before a
/// failure is written before the failure is returned.
///
/// [`StreamEnd::Eof`] means that the peer's TCP has acknowledged every byte;
/// [`StreamEnd::IdleInput`] means the same for the bytes that were sent. Once `stop` completes, the
/// source is no longer read, the write side is shut down, and the peer has
/// [`RelaySettings::grace`] to close.
pub async fn run(
    channel: &mut Channel,
    peer: &str,
    source: Option<&mut Source>,
    sink: Option<&Sink>,
    settings: RelaySettings,
    stop: impl Future<Output = ()>,
) -> StreamEnd {
    let state = TransferState { last_activity: IdleClock::now(), ..TransferState::default() };
    let mut end = {
        let (mut reader, writer) = tokio::io::split(&mut *channel);
        let writer = Mutex::new(writer);
        let has_source = source.is_some();
        let shared_idleness = source.as_ref().and_then(|source| source.shared_idleness());
        let mut outbound = pin!(send_all(&writer, source, settings, &state));
        let mut inbound = pin!(receive_all(&mut reader, peer, sink, &state));
        let mut shutdown = pin!(async { writer.lock().await.shutdown().await });
        let mut stop = pin!(stop);
        let (mut sending, mut receiving) = (true, true);
        let (mut stopping, mut is_shut_down, mut input_idle) = (false, false, false);
        let mut send_failure = None;
        let mut close_deadline = Deadline::NEVER;
        loop {
            tokio::select! {
                biased;
                end = &mut inbound, if receiving => match end {
                    StreamEnd::Eof => {
                        receiving = false;
                        state.peer_closed();
                    }
                    // Both directions report a reset; the receive error is more specific.
                    end => break end,
                },
                outcome = &mut outbound, if sending => {
                    sending = false;
                    match outcome {
                        Ok(()) if has_source => close_deadline = Deadline::maybe(settings.linger),
                        Ok(()) => {}
                        Err(StreamEnd::Send(error)) if error.kind() == ErrorKind::TimedOut => {
                            break StreamEnd::Send(error);
                        }
                        // Data that the peer sent before the failure may still arrive.
                        Err(failure @ StreamEnd::Send(_)) => {
                            send_failure = Some(failure);
                            close_deadline = Deadline::after(LAST_READ_TIMEOUT);
                        }
                        Err(failure) => break failure,
                    }
                }
                () = wait_for_idle_input(&state, shared_idleness.as_ref()),
                    if sending && !receiving && !settings.half_open =>
                {
                    sending = false;
                    input_idle = true;
                }
                _ = &mut shutdown, if stopping && !sending && !is_shut_down => is_shut_down = true,
                // Detects a sink that fails while no data arrives for it.
                error = sink_failed(sink) => break StreamEnd::Output(error),
                () = state.last_activity.expired(settings.idle) => break StreamEnd::Idle,
                () = close_deadline.passed() => {
                    let end = if stopping { StreamEnd::Stopped } else { StreamEnd::LingerExpired };
                    break send_failure.unwrap_or(end);
                }
                () = settings.deadline.passed() => break StreamEnd::TimedOut,
                () = &mut stop, if !stopping => {
                    let Some(grace) = settings.grace else { break StreamEnd::Stopped };
                    stopping = true;
                    close_deadline = Deadline::after(grace);
                    state.stop_sending.notify_one();
                }
            }
            if !receiving && stopping {
                break StreamEnd::Stopped;
            }
            if !receiving && (!sending || send_failure.is_some()) {
                break send_failure.unwrap_or(if input_idle {
                    StreamEnd::IdleInput
                } else {
                    StreamEnd::Eof
                });
            }
        }
    };
    if let StreamEnd::Eof | StreamEnd::IdleInput = end {
        // Without a source, or after an idle one, the write side is still open: close it cleanly.
        Deadline::after(FLUSH_TIMEOUT).bound(channel.shutdown()).await.ok();
    }
    if let (StreamEnd::Eof | StreamEnd::IdleInput | StreamEnd::LingerExpired, 1..) =
        (&end, channel.counts().bytes_out)
    {
        end = acknowledgement::wait(channel.socket(), settings.deadline).await.err().unwrap_or(end);
    }
    let Some(sink) = sink else { return end };
    // After a timeout or a stop, an output that blocks delays the end by at most `FLUSH_TIMEOUT`.
    let flush_deadline = match end {
        StreamEnd::TimedOut | StreamEnd::Idle | StreamEnd::Stopped => {
            Deadline::after(FLUSH_TIMEOUT)
        }
        _ => settings.deadline,
    };
    match flush_deadline.bound(sink.flush()).await {
        Ok(Err(error)) if !matches!(end, StreamEnd::Output(_)) => StreamEnd::Output(error),
        Err(Elapsed) if !matches!(end, StreamEnd::Stopped) => StreamEnd::TimedOut,
        _ => end,
    }
}

/// Waits until the input has been idle for [`IDLE_INPUT`] since the peer closed. A shared input
/// counts as idle only if it has produced nothing for any connection.
async fn wait_for_idle_input(state: &TransferState, shared: Option<&InputIdleness>) {
    match shared {
        None => state.source_wait.expired(Some(IDLE_INPUT)).await,
        Some(shared) => {
            // First, this connection sends the chunks that are already queued for it.
            state.source_wait.expired(Some(Duration::ZERO)).await;
            shared.reaches(IDLE_INPUT).await;
        }
    }
}

/// Waits until the sink fails; never returns without one.
async fn sink_failed(sink: Option<&Sink>) -> io::Error {
    match sink {
        Some(sink) => sink.failed().await,
        None => std::future::pending().await,
    }
}

/// State that both directions share.
#[derive(Default)]
struct TransferState {
    /// Whether any byte has been sent.
    has_sent: AtomicBool,
    /// When bytes were last sent or received.
    last_activity: IdleClock,
    /// When the sender began to wait for the source; cleared while a chunk is being sent.
    source_wait: IdleClock,
    /// Notified to end sending.
    stop_sending: Notify,
}

impl TransferState {
    /// Restarts the measurement of the source's idle time, because the peer has just closed.
    fn peer_closed(&self) {
        if self.source_wait.is_set() {
            self.source_wait.renew();
        }
    }
}

/// Sends the source to its end, then shuts down the write side.
async fn send_all(
    writer: &Mutex<impl AsyncWrite + Unpin>,
    source: Option<&mut Source>,
    settings: RelaySettings,
    state: &TransferState,
) -> Result<(), StreamEnd> {
    let Some(source) = source else { return Ok(()) };
    let mut writer = writer.lock().await;
    let mut translator = CrLf::default();
    loop {
        state.source_wait.renew();
        let chunk = tokio::select! {
            chunk = source.next() => chunk.map_err(|error| match error.kind() {
                // A read has no timeout of its own: `TimedOut` means that a shared input has cut
                // this connection off.
                ErrorKind::TimedOut => StreamEnd::Send(error),
                _ => StreamEnd::Input(error),
            })?,
            () = state.stop_sending.notified() => return Ok(()),
        };
        state.source_wait.clear();
        let Some(chunk) = chunk else { break };
        let translated;
        let bytes = match settings.line_ends {
            LineEnds::Unchanged => &chunk[..],
            LineEnds::CrLf => {
                translated = translator.translate(&chunk);
                &translated[..]
            }
        };
        tokio::select! {
            sent = send_lines(&mut *writer, bytes, settings.delay, state) => sent?,
            () = source.cut_off() => return Err(StreamEnd::Send(ErrorKind::TimedOut.into())),
            () = state.stop_sending.notified() => return Ok(()),
        }
        source.recycle(chunk);
    }
    if state.has_sent.load(Ordering::Relaxed) || settings.fin_on_empty_input {
        writer.shutdown().await.map_err(StreamEnd::Send)?;
    }
    Ok(())
}

/// Sends `bytes`; with a `delay`, pauses after each line.
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

/// Sends `bytes`. Each partial write counts as activity, so a slow peer does not appear idle.
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
        state.last_activity.renew();
    }
    // TLS may have buffered a record, which must not wait for the next chunk.
    writer.flush().await.map_err(StreamEnd::Send)
}

/// Receives until the peer closes and queues everything for the sink; without one, discards it.
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
        // A buffer is held only while there are bytes to read into it, because many connections
        // share the buffers of one sink.
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
                sink.peer_closed().await;
                return StreamEnd::Eof;
            }
            Some(Ok((buffer, len))) => {
                if let Err(error) = sink.deliver(&from, buffer, len).await {
                    return StreamEnd::Output(error);
                }
                state.last_activity.renew();
            }
            Some(Err(error)) => return StreamEnd::of_receive_error(error),
        }
    }
}

/// Receives until the peer closes, and discards the data.
async fn discard_all(reader: &mut (impl AsyncRead + Unpin), state: &TransferState) -> StreamEnd {
    let mut scratch = vec![0; DISCARD_BUFFER];
    loop {
        let mut free = ReadBuf::new(&mut scratch);
        let read = poll_fn(|context| Pin::new(&mut *reader).poll_read(context, &mut free)).await;
        match (read, free.filled().len()) {
            (Ok(()), 0) => return StreamEnd::Eof,
            (Ok(()), _) => state.last_activity.renew(),
            (Err(error), _) => return StreamEnd::of_receive_error(error),
        }
    }
}
