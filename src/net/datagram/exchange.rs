//! Datagrams both ways with one peer.
//!
//! UDP knows no end and no answer that it arrived: what ends this is our input, and then silence.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use crate::net::datagram::outgoing::Outbox;
use crate::net::datagram::progress::{Counts, End, Progress};
use crate::net::datagram::socket::Socket;
use crate::net::deadline::{Deadline, Elapsed};
use crate::net::idle_clock::Since;
use crate::net::relay::Sink;
use crate::net::stream::observer::Tap;

/// How long the last bytes may take to be written once time is up.
pub(super) const LAST_WRITE: Duration = Duration::from_secs(1);

/// Datagrams read after a failure, of those that had come before: a full receive buffer of the
/// size that is common. A peer that goes on sending must not keep us.
const MAX_LEFT: usize = 4096;

/// How a conversation goes.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
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
    socket: &Socket,
    peer: &str,
    outbox: &mut Outbox,
    sink: &Sink,
    policy: Policy,
    tap: &mut Option<Box<dyn Tap>>,
    stop: impl Future<Output = ()>,
) -> (Counts, End) {
    let progress = Progress::new(Since::now(), tap.take());
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
                error = sink.broken() => break End::Output(error),
                () = progress.silence(policy.linger), if !sending => break End::Quiet,
                () = progress.silence(policy.idle) => break End::Idle,
                () = policy.deadline.passed() => break End::TimedOut,
                () = &mut stop => break End::Stopped,
            }
        }
    };
    if matches!(end, End::Refused(_) | End::Receive(_) | End::Send(_)) {
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
pub(super) async fn flushed(sink: &Sink, deadline: Deadline, end: End) -> End {
    // Whoever is out of time already waits for a blocked reader no longer than this.
    let patience = match end {
        End::TimedOut | End::Idle | End::Stopped => Deadline::after(LAST_WRITE),
        _ => deadline,
    };
    match patience.bound(sink.flush()).await {
        Ok(Err(error)) if !matches!(end, End::Output(_)) => End::Output(error),
        Err(Elapsed) if !matches!(end, End::Stopped) => End::TimedOut,
        _ => end,
    }
}

async fn send_all(socket: &Socket, outbox: &mut Outbox, progress: &Progress) -> Result<(), End> {
    while let Some(datagram) = outbox.next().await? {
        socket.send(&datagram, None).await.map_err(|error| End::of(error, End::Send))?;
        progress.sent(&datagram);
    }
    Ok(())
}

/// The way from the socket to the writer.
struct Receiver<'a> {
    socket: &'a Socket,
    from: &'a Arc<str>,
    sink: &'a Sink,
    keep: bool,
}

impl Receiver<'_> {
    async fn receive_all(&self, progress: &Progress) -> End {
        loop {
            if let Err(error) = self.socket.readable().await {
                return End::Receive(error);
            }
            if let Err(end) = self.receive(progress).await {
                return end;
            }
        }
    }

    /// Receives what waits; returns what went wrong with writing it.
    async fn receive_waiting(&self, progress: &Progress) -> Option<End> {
        for _ in 0..MAX_LEFT {
            match self.receive(progress).await {
                Ok(true) => {}
                Err(end @ End::Output(_)) => return Some(end),
                Ok(false) | Err(_) => break,
            }
        }
        None
    }

    /// Receives one datagram, if one waits.
    async fn receive(&self, progress: &Progress) -> Result<bool, End> {
        let mut buffer = self.sink.take().await.map_err(End::Output)?;
        let received = match self.socket.try_receive(&mut buffer) {
            Ok(received) => received,
            Err(error) if is_transient(&error) => return Ok(false),
            Err(error) => return Err(End::of(error, End::Receive)),
        };
        if self.keep {
            progress.received(&buffer[..received.len]);
            let delivered = self.sink.deliver(self.from, buffer, received.len).await;
            delivered.map_err(End::Output)?;
        }
        Ok(true)
    }
}

pub(super) fn is_transient(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted)
}
