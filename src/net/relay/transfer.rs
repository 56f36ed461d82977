//! Relays bytes between a stream and a source and a sink. [`Endings`] decides when the stream is
//! over; this module does the I/O.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::lines::CrLf;
use crate::net::deadline::Deadline;
use crate::net::end::ExchangeEnd;
use crate::net::idle_clock::IdleClock;
use crate::net::relay::activity::Activity;
use crate::net::relay::endings::{Endings, Sending};
use crate::net::relay::settings::{LineEnds, RelaySettings};
use crate::net::relay::shared_input::CutOff;
use crate::net::relay::sink::{Sink, sink_failed};
use crate::net::relay::source::{Source, SourceIdleness};
use crate::net::stream::{Stream, wait_until_acknowledged};
use crate::sync::lock;

/// Size of the buffer for received data that is discarded, in bytes.
const DISCARD_BUFFER: usize = 64 * 1024;

/// After the peer closes, an input that produces nothing for this long (a user at a terminal, a
/// program waiting for an answer) is treated as finished.
const IDLE_INPUT: Duration = Duration::from_millis(250);

/// How often the progress of a slow subscriber of a shared input is reported to it.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Relays bytes between `stream` and `source` and `sink`, and returns how the stream ended.
///
/// Without a source, nothing is sent, and FIN follows the peer's. Without a sink, received data is
/// discarded. What was received before the end is queued for the sink;
/// [`flush()`](super::flush()) waits for it.
///
/// When the source ends, FIN is sent as [`RelaySettings::fin`] says, and receiving continues. After
/// the peer closes, the rest of the source is still sent; only with [`RelaySettings::half_open`]
/// does the relay then wait for an idle source. Once `stop` completes, the source is read no
/// further; if it has more, the relay ends at once.
///
/// A complete end ([`ExchangeEnd::is_complete`]) means that FIN was sent and, if any byte was, that
/// the peer's TCP has acknowledged everything; after any other end, the close of the stream resets
/// the connection unless FIN was sent before.
pub async fn run(
    stream: &mut Stream,
    peer: &str,
    source: Option<&mut Source>,
    sink: Option<&Sink>,
    settings: RelaySettings,
    stop: impl Future<Output = ()>,
) -> ExchangeEnd {
    let end = {
        let last_activity = Activity::new(settings.idle, stream.progress());
        let transfer = Transfer {
            stream: Mutex::new(&mut *stream),
            settings,
            last_activity,
            source_wait: IdleClock::default(),
            peer_closed: AtomicBool::new(false),
            stop_reading: Notify::new(),
        };
        transfer.run(peer, source, sink, stop).await
    };
    if !end.is_complete() {
        stream.abort();
    }
    end
}

/// The stream, and the state that both directions share. One task polls both, so the locks are
/// always free.
struct Transfer<'a> {
    stream: Mutex<&'a mut Stream>,
    settings: RelaySettings,
    last_activity: Activity,
    /// When the sender began to wait for the source; cleared while a chunk is being sent.
    source_wait: IdleClock,
    peer_closed: AtomicBool,
    /// Notified when a stop is requested, so that the source is read no further.
    stop_reading: Notify,
}

/// How the sending of a source ended.
enum SourceEnd {
    /// It has ended; with whether it has produced a byte.
    Ended { produced: bool },
    /// Reading failed.
    Failed(io::Error),
    /// It is shared, and this stream delayed the others for too long.
    CutOff,
    /// A stop was requested, and the source had more.
    HasMore,
    /// Writing failed.
    Unsent(io::Error),
}

impl<'a> Transfer<'a> {
    async fn run(
        &self,
        peer: &str,
        source: Option<&mut Source>,
        sink: Option<&Sink>,
        stop: impl Future<Output = ()>,
    ) -> ExchangeEnd {
        let mut endings = Endings::new(self.settings, source.is_some());
        let idleness = source.as_ref().map(|source| source.idleness());
        let mut outbound = pin!(self.send_all(source));
        let mut inbound = pin!(self.receive_all(peer, sink));
        let mut fin = pin!(poll_fn(|context| self.stream().poll_shut_down(context)));
        let mut acknowledgement = pin!(self.wait_for_acknowledgement());
        let mut stop = pin!(stop);
        let mut deadline = Deadline::NEVER;
        let mut timer = pin!(deadline.passed());
        loop {
            let idle = self.idle_deadline();
            let next = endings.deadline(idle);
            if next != deadline {
                deadline = next;
                timer.set(deadline.passed());
            }
            tokio::select! {
                biased;
                end = &mut inbound, if endings.is_receiving() => match end {
                    ExchangeEnd::Eof => {
                        self.peer_closed.store(true, Ordering::Relaxed);
                        if self.source_wait.is_set() {
                            // The idle time of the source counts from now.
                            self.source_wait.renew();
                        }
                        endings.peer_closed();
                    }
                    end => endings.receive_failed(end),
                },
                end = &mut outbound, if endings.sending() == Sending::Input => {
                    let now = Instant::now();
                    match end {
                        SourceEnd::Ended { produced } => endings.input_sent(produced, now),
                        SourceEnd::Failed(error) => endings.input_failed(error),
                        SourceEnd::CutOff => endings.cut_off(),
                        SourceEnd::HasMore => endings.stopped_with_more_input(),
                        SourceEnd::Unsent(error) => endings.send_failed(error, now),
                    }
                }
                () = self.wait_for_idle_input(idleness.as_ref()),
                    if endings.ends_when_idle() => endings.input_idle(),
                done = &mut fin, if endings.sending() == Sending::Fin => {
                    let owes = self.stream().counts().bytes_out > 0;
                    match done {
                        Ok(()) => endings.fin_queued(owes, Instant::now()),
                        // A peer that has closed and has everything does not need FIN.
                        Err(_) if !endings.is_receiving()
                            && self.stream().is_data_acknowledged() =>
                        {
                            endings.fin_queued(false, Instant::now());
                        }
                        Err(error) => endings.send_failed(error, Instant::now()),
                    }
                }
                done = &mut acknowledgement, if endings.sending() == Sending::Unacknowledged => {
                    match done {
                        Ok(()) => endings.acknowledged(),
                        Err(error) => endings.send_failed(error, Instant::now()),
                    }
                }
                // Detects a sink that fails while no data arrives for it.
                error = sink_failed(sink) => endings.output_failed(error),
                () = &mut timer => {
                    let owes = !self.stream().is_data_acknowledged();
                    let idle = self.idle_deadline();
                    endings.expire(idle, owes, Instant::now());
                    deadline = Deadline::NEVER;
                    timer.set(deadline.passed());
                }
                () = &mut stop, if !endings.is_stopping() => {
                    endings.stop(Instant::now());
                    self.stop_reading.notify_one();
                }
                () = self.last_activity.check() => {}
            }
            if let Some(end) = endings.take_end() {
                return end;
            }
        }
    }

    fn stream(&self) -> MutexGuard<'_, &'a mut Stream> {
        lock(&self.stream)
    }

    /// Sends the source to its end, or, after a stop, what was read from it.
    async fn send_all(&self, source: Option<&mut Source>) -> SourceEnd {
        let Some(source) = source else { return std::future::pending().await };
        let mut translator = CrLf::default();
        let mut stopped = false;
        loop {
            self.source_wait.renew();
            let chunk = tokio::select! {
                biased;
                () = self.stop_reading.notified() => {
                    stopped = true;
                    None
                }
                chunk = source.next() => match chunk {
                    Ok(chunk) => chunk,
                    Err(error) if CutOff::is(&error) => return SourceEnd::CutOff,
                    Err(error) => return SourceEnd::Failed(error),
                },
            };
            self.source_wait.clear();
            if stopped && source.has_more().await {
                return SourceEnd::HasMore;
            }
            let Some(chunk) = chunk else { break };
            let translated;
            let bytes = match self.settings.line_ends {
                LineEnds::Unchanged => &chunk[..],
                LineEnds::CrLf => {
                    translated = translator.translate(&chunk);
                    &translated[..]
                }
            };
            {
                let mut sending = pin!(self.send_lines(bytes));
                loop {
                    tokio::select! {
                        biased;
                        () = self.stop_reading.notified() => {
                            stopped = true;
                            // What was read is still sent, but only if it is everything.
                            if source.has_more().await {
                                return SourceEnd::HasMore;
                            }
                        }
                        sent = &mut sending => match sent {
                            Ok(()) => break,
                            Err(error) => return SourceEnd::Unsent(error),
                        },
                        () = source.cut_off() => return SourceEnd::CutOff,
                        () = self.report_progress(source) => {}
                    }
                }
            }
            source.recycle(chunk);
            if stopped {
                break;
            }
        }
        SourceEnd::Ended { produced: source.has_produced() }
    }

    /// Sends `bytes`; with a delay, pauses after each line.
    async fn send_lines(&self, bytes: &[u8]) -> io::Result<()> {
        let Some(delay) = self.settings.delay else { return self.send(bytes).await };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.send(line).await?;
            if line.ends_with(b"\n") {
                tokio::time::sleep(delay).await;
            }
        }
        Ok(())
    }

    /// Sends `bytes`. Each partial write counts as activity, so a slow peer does not appear idle.
    async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let len = poll_fn(|context| self.stream().poll_write(context, rest)).await?;
            if len == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            rest = &rest[len..];
            self.last_activity.renew();
        }
        // TLS may have buffered a record, which must not wait for the next chunk.
        poll_fn(|context| self.stream().poll_flush(context)).await
    }

    /// Reports the peer's progress to a shared source for as long as bytes wait; never returns for
    /// a source of this stream alone.
    async fn report_progress(&self, source: &Source) {
        source.report_progress(self.stream().progress());
        match source {
            Source::Shared(_) => tokio::time::sleep(PROGRESS_INTERVAL).await,
            Source::Own(_) => std::future::pending().await,
        }
    }

    fn idle_deadline(&self) -> Deadline {
        self.last_activity.deadline(|| self.stream().progress())
    }

    /// Waits until the peer's TCP has acknowledged every byte and FIN, for as long as the
    /// connection exists: a peer may pause before it reads, also after it has closed its side.
    ///
    /// # Errors
    /// The connection fails; `TimedOut` if the kernel gives up because the peer does not answer.
    async fn wait_for_acknowledgement(&self) -> io::Result<()> {
        match wait_until_acknowledged(|| self.stream().owed(), None).await {
            // The peer has closed and did not need FIN.
            Err(_)
                if self.peer_closed.load(Ordering::Relaxed)
                    && self.stream().is_data_acknowledged() =>
            {
                Ok(())
            }
            done => done,
        }
    }

    /// Waits until the source has been idle for [`IDLE_INPUT`] since the peer closed.
    async fn wait_for_idle_input(&self, idleness: Option<&SourceIdleness>) {
        match idleness {
            Some(idleness) => idleness.reaches(&self.source_wait, IDLE_INPUT).await,
            None => self.source_wait.expired(Some(IDLE_INPUT)).await,
        }
    }

    /// Receives until the peer closes and queues everything for the sink; without one, discards it.
    async fn receive_all(&self, peer: &str, sink: Option<&Sink>) -> ExchangeEnd {
        let Some(sink) = sink else { return self.discard_all().await };
        let from: Arc<str> = peer.into();
        let mut spare = None;
        loop {
            // A buffer is held only while there are bytes to read into it, because many connections
            // share the buffers of one sink.
            let read = poll_fn(|context| {
                let Some(mut buffer) = spare.take().or_else(|| sink.try_take()) else {
                    return Poll::Ready(None);
                };
                let len = ready!(self.stream().poll_read(context, &mut buffer));
                Poll::Ready(Some(len.map(|len| (buffer, len))))
            });
            match read.await {
                None => match sink.take().await {
                    Ok(buffer) => spare = Some(buffer),
                    Err(error) => return ExchangeEnd::Output(error),
                },
                Some(Ok((_, 0))) => {
                    sink.peer_closed().await;
                    return ExchangeEnd::Eof;
                }
                Some(Ok((buffer, len))) => {
                    self.wait_for_observer().await;
                    if let Err(error) = sink.deliver(&from, buffer, len).await {
                        return ExchangeEnd::Output(error);
                    }
                    self.last_activity.renew();
                }
                Some(Err(error)) => return ExchangeEnd::of_receive_error(error),
            }
        }
    }

    /// Waits until the observer, if there is one, is ready.
    async fn wait_for_observer(&self) {
        if poll_fn(|context| self.stream().poll_observed(context)).await {
            // Formatting what the observer shows takes time: without a pause, a peer that sends
            // without end would keep the relay from its timers and other tasks from running.
            tokio::task::yield_now().await;
        }
    }

    /// Receives until the peer closes, and discards the data.
    async fn discard_all(&self) -> ExchangeEnd {
        let mut scratch = vec![0; DISCARD_BUFFER];
        loop {
            match poll_fn(|context| self.stream().poll_read(context, &mut scratch)).await {
                Ok(0) => return ExchangeEnd::Eof,
                Ok(_) => self.last_activity.renew(),
                Err(error) => return ExchangeEnd::of_receive_error(error),
            }
            self.wait_for_observer().await;
        }
    }
}
