//! Datagrams both ways with one peer.
//!
//! UDP knows no end and no answer that it arrived: what ends this is our input, and then silence.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use crate::net::datagram::outgoing::Outgoing;
use crate::net::datagram::progress::{DatagramCounts, DatagramEnd, Traffic};
use crate::net::datagram::socket::DatagramSocket;
use crate::net::deadline::{Deadline, Elapsed};
use crate::net::error::is_transient;
use crate::net::idle_clock::IdleClock;
use crate::net::relay::Sink;
use crate::net::stream::observer::StreamObserver;

/// How long the last bytes may take to be written once time is up.
pub(super) const DATAGRAM_FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Datagrams read after a failure, of those that had come before: a full receive buffer of the
/// size that is common. A peer that goes on sending must not keep us.
const MAX_LEFT: usize = 4096;

/// How a conversation goes.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeSettings {
    /// How long to wait, after our input's end, since a datagram last came or went; none for ever.
    pub linger: Option<Duration>,
    /// How long nothing may come or go.
    pub idle: Option<Duration>,
    /// When to give up.
    pub deadline: Deadline,
    /// Whether what comes is of interest.
    pub receive: bool,
}

/// Sends what `outbox` holds and writes what comes to `sink`, until it is over; `stop` ends it in
/// order, too. What came before the end is written before it is returned.
pub async fn converse(
    socket: &DatagramSocket,
    peer: &str,
    outbox: &mut Outgoing,
    sink: &Sink,
    policy: ExchangeSettings,
    tap: &mut Option<Box<dyn StreamObserver>>,
    stop: impl Future<Output = ()>,
) -> (DatagramCounts, DatagramEnd) {
    let progress = Traffic::new(IdleClock::now(), tap.take());
    let from: Arc<str> = peer.into();
    let receiver = Receiver { socket, from: &from, sink, keep: policy.receive };
    let mut end = {
        let mut outbound = pin!(send_all(socket, outbox, &progress));
        let mut inbound = pin!(receiver.receive_all(&progress));
        let mut stop = pin!(stop);
        let mut sending = true;
        loop {
            tokio::select! {
                biased;
                end = &mut inbound => break end,
                outcome = &mut outbound, if sending => match outcome {
                    Ok(()) => {
                        sending = false;
                        progress.input_ended();
                    }
                    Err(end) => break end,
                },
                // A writer that gave up is noticed though nothing more may come for it.
                error = sink.broken() => break DatagramEnd::Output(error),
                () = progress.silence(policy.linger), if !sending => break DatagramEnd::Quiet,
                () = progress.silence(policy.idle) => break DatagramEnd::Idle,
                () = policy.deadline.passed() => break DatagramEnd::TimedOut,
                () = &mut stop => break DatagramEnd::Stopped,
            }
        }
    };
    if matches!(end, DatagramEnd::Refused(_) | DatagramEnd::Receive(_) | DatagramEnd::Send(_)) {
        // The kernel tells a failure before the datagrams that came earlier.
        let rest = receiver.receive_waiting(&progress);
        if let Ok(Some(output)) = policy.deadline.bound(rest).await {
            end = output;
        }
    }
    let end = flushed(sink, policy.deadline, end).await;
    let counts = progress.counts();
    *tap = progress.into_tap();
    (counts, end)
}

/// Waits until everything is written that came, and returns the end, or what is worse.
pub(super) async fn flushed(sink: &Sink, deadline: Deadline, end: DatagramEnd) -> DatagramEnd {
    // Whoever is out of time already waits for a blocked reader no longer than this.
    let patience = match end {
        DatagramEnd::TimedOut | DatagramEnd::Idle | DatagramEnd::Stopped => {
            Deadline::after(DATAGRAM_FLUSH_TIMEOUT)
        }
        _ => deadline,
    };
    match patience.bound(sink.flush()).await {
        Ok(Err(error)) if !matches!(end, DatagramEnd::Output(_)) => DatagramEnd::Output(error),
        Err(Elapsed) if !matches!(end, DatagramEnd::Stopped) => DatagramEnd::TimedOut,
        _ => end,
    }
}

async fn send_all(
    socket: &DatagramSocket,
    outbox: &mut Outgoing,
    progress: &Traffic,
) -> Result<(), DatagramEnd> {
    while let Some(datagram) = outbox.next().await? {
        socket
            .send(&datagram, None)
            .await
            .map_err(|error| DatagramEnd::of(error, DatagramEnd::Send))?;
        progress.sent(&datagram);
    }
    Ok(())
}

/// The way from the socket to the writer.
struct Receiver<'a> {
    socket: &'a DatagramSocket,
    from: &'a Arc<str>,
    sink: &'a Sink,
    keep: bool,
}

impl Receiver<'_> {
    async fn receive_all(&self, progress: &Traffic) -> DatagramEnd {
        loop {
            if let Err(error) = self.socket.readable().await {
                return DatagramEnd::Receive(error);
            }
            if let Err(end) = self.receive(progress).await {
                return end;
            }
        }
    }

    /// Receives what waits; returns what went wrong with writing it.
    async fn receive_waiting(&self, progress: &Traffic) -> Option<DatagramEnd> {
        for _ in 0..MAX_LEFT {
            match self.receive(progress).await {
                Ok(true) => {}
                Err(end @ DatagramEnd::Output(_)) => return Some(end),
                Ok(false) | Err(_) => break,
            }
        }
        None
    }

    /// Receives one datagram, if one waits.
    async fn receive(&self, progress: &Traffic) -> Result<bool, DatagramEnd> {
        let mut buffer = self.sink.take().await.map_err(DatagramEnd::Output)?;
        let received = match self.socket.try_receive(&mut buffer) {
            Ok(received) => received,
            Err(error) if is_transient(&error) => return Ok(false),
            Err(error) => return Err(DatagramEnd::of(error, DatagramEnd::Receive)),
        };
        if self.keep {
            progress.received(&buffer[..received.len]);
            let delivered = self.sink.deliver(self.from, buffer, received.len).await;
            delivered.map_err(DatagramEnd::Output)?;
        }
        Ok(true)
    }
}
