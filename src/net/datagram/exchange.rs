//! Exchanges datagrams with one peer.
//!
//! UDP has neither EOF nor acknowledgements, so an exchange ends when the input has ended and no
//! datagram has been sent or received for a while.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::allowance::Allowance;
use crate::net::address::addr::Addr;
use crate::net::datagram::address::{DatagramAddress, Received};
use crate::net::datagram::observer::DatagramObserver;
use crate::net::datagram::outgoing::Outgoing;
use crate::net::datagram::progress::{DatagramCounts, Traffic};
use crate::net::datagram::socket::DatagramSocket;
use crate::net::deadline::{Deadline, Elapsed};
use crate::net::end::ExchangeEnd;
use crate::net::error::is_transient;
use crate::net::idle_clock::IdleClock;
use crate::net::relay::Sink;
use crate::sync::lock;

/// Maximum number of datagrams to read from the receive buffer after a failure: about as many as a
/// buffer of a common size holds. The limit ends the exchange even if the peer keeps sending.
const MAX_READ_AFTER_FAILURE: usize = 4096;

/// How an exchange works and when it ends.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeSettings {
    /// After the input ends, how long to wait without traffic; no limit if `None`.
    pub linger: Option<Duration>,
    /// How long the exchange may be without traffic; no limit if `None`.
    pub idle: Option<Duration>,
    /// When the exchange ends with [`ExchangeEnd::TimedOut`].
    pub deadline: Deadline,
    /// Whether to write received datagrams to the sink; otherwise they are discarded.
    pub receive: bool,
    /// After a timeout or a stop, how long an output that blocks may delay the end.
    pub allowance: &'static Allowance,
}

/// The peer of an exchange: one address, or a broadcast or multicast group.
#[derive(Clone, Copy)]
pub struct ExchangePeer<'a> {
    /// The address.
    pub name: &'a str,
    /// Called with the address of each member of a group that answers, up to 64.
    pub member_found: &'a (dyn Fn(&str) + Sync),
}

/// The most members of a group that are reported: source addresses can be forged.
const MAX_MEMBERS: usize = 64;

/// Sends the datagrams of `outgoing` and writes received ones to `sink`, until the exchange ends or
/// `stop` completes; returns the counts and why it ended. Datagrams received before the end are
/// written before this returns.
pub async fn exchange_datagrams(
    socket: &DatagramSocket,
    peer: ExchangePeer<'_>,
    outgoing: &mut Outgoing,
    sink: &Sink,
    settings: ExchangeSettings,
    observer: &mut Option<Box<dyn DatagramObserver>>,
    stop: impl Future<Output = ()>,
) -> (DatagramCounts, ExchangeEnd) {
    let traffic = Traffic::new(IdleClock::now(), observer.take());
    let receiver = Receiver {
        socket,
        peer,
        from: peer.name.into(),
        members: Mutex::default(),
        sink,
        keep: settings.receive,
    };
    let mut end = {
        let mut outbound = pin!(send_all(socket, peer.name, outgoing, &traffic));
        let mut inbound = pin!(receiver.receive_all(&traffic));
        let mut stop = pin!(stop);
        let mut sending = true;
        loop {
            tokio::select! {
                biased;
                end = &mut inbound => break end,
                outcome = &mut outbound, if sending => match outcome {
                    Ok(()) => {
                        sending = false;
                        traffic.input_ended();
                    }
                    Err(end) => break end,
                },
                // Detects a sink that fails while no datagram arrives for it.
                error = sink.failed() => break ExchangeEnd::Output(error),
                () = traffic.idle_for(settings.linger), if !sending => break ExchangeEnd::Quiet,
                () = traffic.idle_for(settings.idle) => break ExchangeEnd::Idle,
                () = settings.deadline.passed() => break ExchangeEnd::TimedOut,
                () = &mut stop => break ExchangeEnd::Stopped,
            }
        }
    };
    if matches!(end, ExchangeEnd::Refused(_) | ExchangeEnd::Receive(_) | ExchangeEnd::Send(_)) {
        // The kernel reports an error before the datagrams that it queued earlier.
        let rest = receiver.receive_queued(&traffic);
        if let Ok(Some(output)) = settings.deadline.bound(rest).await {
            end = output;
        }
    }
    let end = flush(sink, settings.deadline, end, settings.allowance).await;
    let counts = traffic.counts();
    *observer = traffic.into_observer();
    (counts, end)
}

/// Waits until all received datagrams are written; returns `end`, or instead the failure to write
/// them in time.
pub(super) async fn flush(
    sink: &Sink,
    deadline: Deadline,
    end: ExchangeEnd,
    allowance: &Allowance,
) -> ExchangeEnd {
    let is_in_time = end.is_in_time();
    let too_late =
        async { if is_in_time { deadline.passed().await } else { allowance.used_up().await } };
    let flushed = tokio::select! {
        biased;
        flushed = sink.flush() => Ok(flushed),
        () = too_late => Err(Elapsed),
    };
    match flushed {
        Ok(Err(error)) if !matches!(end, ExchangeEnd::Output(_)) => ExchangeEnd::Output(error),
        Err(Elapsed) if !matches!(end, ExchangeEnd::Stopped) => ExchangeEnd::TimedOut,
        _ => end,
    }
}

/// Sends every datagram of `outgoing`.
async fn send_all(
    socket: &DatagramSocket,
    peer: &str,
    outgoing: &mut Outgoing,
    traffic: &Traffic,
) -> Result<(), ExchangeEnd> {
    while let Some(datagram) = outgoing.next().await? {
        let is_first = traffic.counts().datagrams_out == 0;
        let sent = socket.send(&datagram, None).await;
        sent.map_err(|error| ExchangeEnd::of_datagram_send_error(error, &socket.peer(), is_first))?;
        traffic.sent(peer, &datagram);
        traffic.observed().await;
    }
    Ok(())
}

/// Receives datagrams from a socket and queues them for a sink.
struct Receiver<'a> {
    socket: &'a DatagramSocket,
    peer: ExchangePeer<'a>,
    /// The name of the peer, for the sink.
    from: Arc<str>,
    /// The members of a group that have answered.
    members: Mutex<HashSet<DatagramAddress>>,
    sink: &'a Sink,
    /// Whether to queue received datagrams; otherwise they are discarded.
    keep: bool,
}

impl Receiver<'_> {
    /// Receives until a failure, and returns it.
    async fn receive_all(&self, traffic: &Traffic) -> ExchangeEnd {
        loop {
            if let Err(error) = self.socket.readable().await {
                return ExchangeEnd::Receive(error);
            }
            if let Err(end) = self.receive(traffic).await {
                return end;
            }
        }
    }

    /// Receives the datagrams that the kernel has queued; returns the failure to write them, if
    /// any.
    async fn receive_queued(&self, traffic: &Traffic) -> Option<ExchangeEnd> {
        for _ in 0..MAX_READ_AFTER_FAILURE {
            match self.receive(traffic).await {
                Ok(true) => {}
                Err(end @ ExchangeEnd::Output(_)) => return Some(end),
                Ok(false) | Err(_) => break,
            }
        }
        None
    }

    /// Receives a datagram if the kernel has queued one; returns whether one was received.
    async fn receive(&self, traffic: &Traffic) -> Result<bool, ExchangeEnd> {
        let mut buffer = self.sink.take().await.map_err(ExchangeEnd::Output)?;
        let received = match self.socket.try_receive(&mut buffer) {
            Ok(received) => received,
            Err(error) if is_transient(&error) => return Ok(false),
            Err(error) => return Err(ExchangeEnd::of_datagram_error(error, ExchangeEnd::Receive)),
        };
        if self.keep {
            let from = self.sender(&received);
            traffic.received(&from, &buffer[..received.len]);
            traffic.observed().await;
            let delivered = self.sink.deliver(&from, buffer, received.len).await;
            delivered.map_err(ExchangeEnd::Output)?;
        }
        Ok(true)
    }

    /// Returns the name of the sender, and reports it if it is a new member of a group.
    fn sender(&self, received: &Received) -> Arc<str> {
        if !self.socket.has_group() {
            return Arc::clone(&self.from);
        }
        let name: Arc<str> = Addr::from(&received.from).to_string().into();
        let mut members = lock(&self.members);
        if members.len() < MAX_MEMBERS && members.insert(received.from.clone()) {
            (self.peer.member_found)(&name);
        }
        name
    }
}
