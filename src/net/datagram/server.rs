//! Receives datagrams from any peer, and sends the input to the first peer or to all of them.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;

use crate::allowance::Allowance;
use crate::net::accept::access::Access;
use crate::net::address::addr::Addr;
use crate::net::datagram::address::Route;
use crate::net::datagram::exchange::flush;
use crate::net::datagram::observer::DatagramObserver;
use crate::net::datagram::outgoing::Outgoing;
use crate::net::datagram::peers::{Peer, PeerKey, Peers, Sender};
use crate::net::datagram::progress::{DatagramCounts, Traffic};
use crate::net::datagram::socket::DatagramSocket;
use crate::net::deadline::{Deadline, Elapsed};
use crate::net::end::ExchangeEnd;
use crate::net::error::is_transient;
use crate::net::idle_clock::IdleClock;
use crate::net::relay::Sink;
use crate::sync::lock;

/// With several peers, how long sending one datagram to one peer may take. Only a Unix peer that
/// does not read can block a send; the limit keeps it from delaying the others.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// How a listener works and when it ends.
#[derive(Clone, Copy, Debug)]
pub struct DatagramListenSettings {
    /// Whether to accept datagrams from every peer; otherwise only from the first.
    pub keep_open: bool,
    /// With `keep_open`, the maximum number of known peers.
    pub max_peers: usize,
    /// After the input ends, how long to wait without traffic; no limit if `None`.
    pub linger: Option<Duration>,
    /// How long a peer may be without traffic; no limit if `None`. With `keep_open`, the peer is
    /// then removed; otherwise the listener ends.
    pub idle: Option<Duration>,
    /// When the listener ends with [`ExchangeEnd::TimedOut`].
    pub deadline: Deadline,
    /// Whether to write received datagrams to the sink; otherwise they are only counted.
    pub receive: bool,
    /// After a timeout or a stop, how long an output that blocks may delay the end.
    pub allowance: &'static Allowance,
}

/// An event that a listener reports to its caller.
#[derive(Debug)]
pub enum DatagramNotice {
    /// The number of peers to which the input is sent has changed.
    Receivers {
        /// The number.
        count: usize,
    },
    /// The first datagram of a peer was received.
    NewPeer {
        /// The peer.
        peer: Addr,
        /// The local address that the peer sent to.
        local: Addr,
    },
    /// A peer was removed, or the listener has ended.
    PeerRemoved {
        /// The peer.
        peer: Addr,
        /// Datagrams and bytes carried in each direction.
        counts: DatagramCounts,
        /// The time since the peer's first datagram.
        duration: Duration,
        /// The reason for the `closed` event.
        reason: String,
    },
    /// A sender is refused; reported once per sender.
    Refused {
        /// The sender.
        peer: Addr,
        /// The reason for the `refused` event.
        reason: &'static str,
    },
    /// A datagram was longer than the buffer, and its end was discarded.
    Truncated {
        /// The sender.
        peer: Addr,
    },
}

/// A listener for datagrams.
pub struct DatagramListener<'a> {
    /// The bound sockets; nothing else may read them.
    pub sockets: &'a [DatagramSocket],
    /// The peers whose datagrams are accepted.
    pub access: &'a Access,
    /// How it works and when it ends.
    pub settings: DatagramListenSettings,
    /// Called for every notice.
    pub notify: &'a (dyn Fn(DatagramNotice) + Sync),
    /// Called after a new peer was reported: its first datagram is delivered after the future.
    pub reported: &'a (dyn Fn() -> Reported + Sync),
}

/// Completes when a report may be followed by the data.
pub type Reported = Pin<Box<dyn Future<Output = ()> + Send>>;

impl DatagramListener<'_> {
    /// Writes received datagrams to `sink` and sends those of `outgoing` to every known peer, until
    /// the listener ends or `stop` completes; returns why it ended. Datagrams received before the
    /// end are written before this returns.
    pub async fn serve(
        &self,
        outgoing: &mut Outgoing,
        sink: &Sink,
        observer: &mut Option<Box<dyn DatagramObserver>>,
        stop: impl Future<Output = ()>,
    ) -> ExchangeEnd {
        let max = if self.settings.keep_open { self.settings.max_peers } else { 1 };
        let run = ServerRun {
            listener: self,
            sink,
            peers: Mutex::new(Peers::new(max, self.settings.keep_open)),
            peer_added: Notify::new(),
            traffic: Traffic::new(IdleClock::default(), observer.take()),
        };
        let end = run.run(outgoing, stop).await;
        let DatagramListenSettings { deadline, allowance, .. } = self.settings;
        let end = flush(sink, deadline, end, allowance).await;
        let reason = end.to_string();
        for peer in run.peers().remove_all() {
            self.notify_removed(peer, &reason);
        }
        *observer = run.traffic.into_observer();
        end
    }

    fn notify_removed(&self, peer: Peer, reason: &str) {
        let Peer { addr, counts, first_received, .. } = peer;
        let (duration, reason) = (first_received.elapsed(), reason.to_owned());
        (self.notify)(DatagramNotice::PeerRemoved { peer: addr, counts, duration, reason });
    }
}

/// The state of one run of a listener.
struct ServerRun<'a> {
    listener: &'a DatagramListener<'a>,
    sink: &'a Sink,
    peers: Mutex<Peers>,
    /// Notified when a peer is added.
    peer_added: Notify,
    traffic: Traffic,
}

impl ServerRun<'_> {
    /// Runs both directions until one of them, a timeout or `stop` ends the listener.
    async fn run(&self, outgoing: &mut Outgoing, stop: impl Future<Output = ()>) -> ExchangeEnd {
        let settings = self.listener.settings;
        let mut outbound = pin!(self.send_all(outgoing));
        let mut inbound = pin!(self.receive_all());
        let mut idle = pin!(self.remove_idle());
        let mut stop = pin!(stop);
        let mut sending = true;
        loop {
            tokio::select! {
                biased;
                end = &mut inbound => return end,
                outcome = &mut outbound, if sending => match outcome {
                    Ok(()) => {
                        sending = false;
                        self.traffic.input_ended();
                    }
                    Err(end) => return end,
                },
                // Detects a sink that fails while no datagram arrives for it.
                error = self.sink.failed() => return ExchangeEnd::Output(error),
                () = self.traffic.idle_for(settings.linger), if !sending => {
                    return ExchangeEnd::Quiet;
                }
                () = &mut idle => return ExchangeEnd::Idle,
                () = settings.deadline.passed() => return ExchangeEnd::TimedOut,
                () = &mut stop => return ExchangeEnd::Stopped,
            }
        }
    }

    /// Receives datagrams until a failure, and returns it.
    async fn receive_all(&self) -> ExchangeEnd {
        let mut turn = 0;
        loop {
            let at = match any_readable(self.listener.sockets, &mut turn).await {
                Ok(at) => at,
                Err(error) => return ExchangeEnd::Receive(error),
            };
            let mut buffer = match self.sink.take().await {
                Ok(buffer) => buffer,
                Err(error) => return ExchangeEnd::Output(error),
            };
            let received = match self.listener.sockets[at].try_receive(&mut buffer) {
                Ok(received) => received,
                // An ICMP error about a datagram to one peer must not affect the other peers.
                Err(error) if is_transient(&error) || is_about_one_peer(&error) => continue,
                Err(error) => return ExchangeEnd::Receive(error),
            };
            let sender = self.peers().record(at, &received, self.listener.access);
            let name = match sender {
                Sender::Known(name) => name,
                Sender::New(name, peer, evicted) => {
                    self.notify_receivers();
                    if let Some(evicted) = evicted {
                        self.listener.notify_removed(*evicted, "evicted");
                    }
                    let local = self.listener.sockets[at].local_for(received.to);
                    (self.listener.notify)(DatagramNotice::NewPeer { peer, local });
                    (self.listener.reported)().await;
                    self.peer_added.notify_one();
                    name
                }
                Sender::Refused(peer, is_new) => {
                    if is_new {
                        let is_allowed = self.listener.access.admits(&peer);
                        let reason =
                            if is_allowed { "already serving another peer" } else { "not allowed" };
                        (self.listener.notify)(DatagramNotice::Refused { peer, reason });
                    }
                    continue;
                }
            };
            if received.is_truncated {
                let peer = Addr::from(&received.from);
                (self.listener.notify)(DatagramNotice::Truncated { peer });
            }
            self.traffic.received(&name, &buffer[..received.len]);
            self.traffic.observed().await;
            if !self.listener.settings.receive {
                continue;
            }
            if let Err(error) = self.sink.deliver(&name, buffer, received.len).await {
                return ExchangeEnd::Output(error);
            }
        }
    }

    /// Sends every datagram of `outgoing` to all peers known at that moment.
    async fn send_all(&self, outgoing: &mut Outgoing) -> Result<(), ExchangeEnd> {
        loop {
            // The input is not read before there is a peer to send it to.
            while self.peers().routes().is_empty() {
                self.peer_added.notified().await;
            }
            let Some(datagram) = outgoing.next().await? else { return Ok(()) };
            let routes = self.peers().routes();
            for (key, route) in routes {
                self.send(&datagram, &key, &route).await?;
            }
        }
    }

    /// Sends one datagram to one peer. With `keep_open`, a failure removes the peer; otherwise it
    /// ends the listener.
    ///
    /// # Errors
    /// The failure that ends the listener.
    async fn send(&self, datagram: &[u8], key: &PeerKey, route: &Route) -> Result<(), ExchangeEnd> {
        let limit = if self.listener.settings.keep_open {
            Deadline::after(SEND_TIMEOUT)
        } else {
            Deadline::NEVER
        };
        let sending = self.listener.sockets[key.0].send(datagram, Some(route));
        let reason = match limit.bound(sending).await {
            Ok(Ok(())) => {
                self.peers().record_sent(key, datagram.len());
                self.traffic.sent(&Addr::from(&route.to).to_string(), datagram);
                self.traffic.observed().await;
                return Ok(());
            }
            Ok(Err(error)) => {
                match ExchangeEnd::of_datagram_send_error(error, &Addr::from(&route.to), false) {
                    ExchangeEnd::TooLong => return Err(ExchangeEnd::TooLong),
                    end if !self.listener.settings.keep_open => return Err(end),
                    end => end.to_string(),
                }
            }
            Err(Elapsed) => "stalled".to_owned(),
        };
        let removed = self.peers().remove(key);
        if let Some(peer) = removed {
            self.notify_receivers();
            self.listener.notify_removed(peer, &reason);
        }
        Ok(())
    }

    /// Removes idle peers; without `keep_open`, returns once there has been no traffic for the idle
    /// timeout.
    async fn remove_idle(&self) {
        let Some(limit) = self.listener.settings.idle else { return std::future::pending().await };
        loop {
            if self.listener.settings.keep_open {
                let (idle, next) = self.peers().remove_idle(limit);
                if !idle.is_empty() {
                    self.notify_receivers();
                }
                for peer in idle {
                    self.listener.notify_removed(peer, "idle");
                }
                tokio::time::sleep(next).await;
            } else {
                return self.traffic.idle_for(Some(limit)).await;
            }
        }
    }

    /// Reports the number of peers to which the input is sent.
    fn notify_receivers(&self) {
        let count = self.peers().reachable(self.listener.sockets.len());
        (self.listener.notify)(DatagramNotice::Receivers { count });
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        lock(&self.peers)
    }
}

/// Waits until one of the sockets is readable, and returns its index. `turn` makes the search
/// round-robin, so that a busy socket does not starve the others.
async fn any_readable(sockets: &[DatagramSocket], turn: &mut usize) -> io::Result<usize> {
    poll_fn(|context| {
        for step in 0..sockets.len() {
            let at = (*turn + step) % sockets.len();
            if let Poll::Ready(ready) = sockets[at].poll_readable(context) {
                *turn = at + 1;
                return Poll::Ready(ready.map(|()| at));
            }
        }
        Poll::Pending
    })
    .await
}

/// Returns whether a receive error is about a datagram sent earlier to one peer.
fn is_about_one_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable};
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable
    )
}
