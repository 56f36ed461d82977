//! Datagrams from everybody, and answers to the one that was first or to all of them.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;

use crate::net::accept::access::Access;
use crate::net::address::addr::Addr;
use crate::net::datagram::address::Route;
use crate::net::datagram::exchange::flushed;
use crate::net::datagram::outgoing::Outgoing;
use crate::net::datagram::peers::{Peer, PeerKey, Peers, Sender};
use crate::net::datagram::progress::{DatagramCounts, DatagramEnd, Traffic};
use crate::net::datagram::socket::DatagramSocket;
use crate::net::deadline::{Deadline, Elapsed};
use crate::net::error::is_transient;
use crate::net::idle_clock::IdleClock;
use crate::net::relay::Sink;
use crate::net::stream::observer::StreamObserver;
use crate::sync::lock;

/// How long one peer of many may keep a datagram from being sent: only Unix peers that do not read
/// can, and nobody else is to wait for them.
const SEND_PATIENCE: Duration = Duration::from_secs(1);

/// How a listener works.
#[derive(Clone, Copy, Debug)]
pub struct DatagramListenSettings {
    /// Whether everybody is heard, or only the first.
    pub keep_open: bool,
    /// How many peers are remembered, where everybody is heard.
    pub max_peers: usize,
    /// How long to go on, after our input's end, since a datagram last came or went; none for ever.
    pub linger: Option<Duration>,
    /// After how much silence a peer is forgotten, which ends it where there is only one.
    pub idle: Option<Duration>,
    /// When to give up.
    pub deadline: Deadline,
    /// Whether what comes is of interest, beyond whom it is from.
    pub receive: bool,
}

/// What the operator may want to know.
#[derive(Debug)]
pub enum DatagramNotice {
    /// Somebody was heard for the first time.
    Arrived {
        /// Who.
        peer: Addr,
        /// Our address, as that peer sees it.
        local: Addr,
    },
    /// Somebody is no longer remembered.
    Left {
        /// Who.
        peer: Addr,
        /// What both directions carried.
        counts: DatagramCounts,
        /// Since the first datagram.
        lasted: Duration,
        /// Why.
        reason: String,
    },
    /// Somebody is not heard; told once of each.
    Refused {
        /// Who.
        peer: Addr,
        /// Why.
        reason: &'static str,
    },
    /// A datagram was longer than the room for it, and its end is lost.
    Cut {
        /// Whose.
        peer: Addr,
    },
}

/// Who listens, and what it goes by.
pub struct DatagramListener<'a> {
    /// The sockets, which are ours alone.
    pub sockets: &'a [DatagramSocket],
    /// Who is heard at all.
    pub access: &'a Access,
    /// How it works.
    pub plan: DatagramListenSettings,
    /// Gets what the operator may want to know.
    pub tell: &'a (dyn Fn(DatagramNotice) + Sync),
}

impl DatagramListener<'_> {
    /// Writes what comes to `sink` and sends what `outbox` holds to whoever is known, until it is
    /// over; `stop` ends it in order. What came before the end is written before it is returned.
    pub async fn serve(
        &self,
        outbox: &mut Outgoing,
        sink: &Sink,
        tap: &mut Option<Box<dyn StreamObserver>>,
        stop: impl Future<Output = ()>,
    ) -> DatagramEnd {
        let max = if self.plan.keep_open { self.plan.max_peers } else { 1 };
        let round = ServerRun {
            listener: self,
            sink,
            peers: Mutex::new(Peers::new(max, self.plan.keep_open)),
            arrived: Notify::new(),
            progress: Traffic::new(IdleClock::default(), tap.take()),
        };
        let end = round.run(outbox, stop).await;
        let end = flushed(sink, self.plan.deadline, end).await;
        let reason = end.to_string();
        for peer in round.peers().forget_all() {
            self.tell_left(peer, &reason);
        }
        *tap = round.progress.into_tap();
        end
    }

    fn tell_left(&self, peer: Peer, reason: &str) {
        let Peer { addr, counts, first, .. } = peer;
        let (lasted, reason) = (first.elapsed(), reason.to_owned());
        (self.tell)(DatagramNotice::Left { peer: addr, counts, lasted, reason });
    }
}

/// One run of a listener, and what it knows meanwhile.
struct ServerRun<'a> {
    listener: &'a DatagramListener<'a>,
    sink: &'a Sink,
    peers: Mutex<Peers>,
    /// Somebody is known now.
    arrived: Notify,
    progress: Traffic,
}

impl ServerRun<'_> {
    async fn run(&self, outbox: &mut Outgoing, stop: impl Future<Output = ()>) -> DatagramEnd {
        let plan = self.listener.plan;
        let mut outbound = pin!(self.send_all(outbox));
        let mut inbound = pin!(self.receive_all());
        let mut forgetting = pin!(self.forget_idle());
        let mut stop = pin!(stop);
        let mut sending = true;
        loop {
            tokio::select! {
                biased;
                end = &mut inbound => return end,
                outcome = &mut outbound, if sending => match outcome {
                    Ok(()) => {
                        sending = false;
                        self.progress.input_ended();
                    }
                    Err(end) => return end,
                },
                error = self.sink.broken() => return DatagramEnd::Output(error),
                () = self.progress.silence(plan.linger), if !sending => return DatagramEnd::Quiet,
                () = &mut forgetting => return DatagramEnd::Idle,
                () = plan.deadline.passed() => return DatagramEnd::TimedOut,
                () = &mut stop => return DatagramEnd::Stopped,
            }
        }
    }

    async fn receive_all(&self) -> DatagramEnd {
        let mut turn = 0;
        loop {
            let at = match any_readable(self.listener.sockets, &mut turn).await {
                Ok(at) => at,
                Err(error) => return DatagramEnd::Receive(error),
            };
            let mut buffer = match self.sink.take().await {
                Ok(buffer) => buffer,
                Err(error) => return DatagramEnd::Output(error),
            };
            let received = match self.listener.sockets[at].try_receive(&mut buffer) {
                Ok(received) => received,
                // What one peer's machine says of an answer is not the end for the others.
                Err(error) if is_transient(&error) || is_one_peers(&error) => continue,
                Err(error) => return DatagramEnd::Receive(error),
            };
            let heard = self.peers().hear(at, &received, self.listener.access);
            let name = match heard {
                Sender::Known(name) => name,
                Sender::New(name, peer, displaced) => {
                    if let Some(displaced) = displaced {
                        self.listener.tell_left(*displaced, "made place for another");
                    }
                    let local = self.listener.sockets[at].local_for(received.to);
                    (self.listener.tell)(DatagramNotice::Arrived { peer, local });
                    self.arrived.notify_one();
                    name
                }
                Sender::Stranger(peer, is_first) => {
                    if is_first {
                        let is_welcome = self.listener.access.admits(&peer);
                        let reason =
                            if is_welcome { "not the first to come" } else { "not allowed" };
                        (self.listener.tell)(DatagramNotice::Refused { peer, reason });
                    }
                    continue;
                }
            };
            if received.is_cut {
                (self.listener.tell)(DatagramNotice::Cut { peer: Addr::from(&received.from) });
            }
            self.progress.received(&buffer[..received.len]);
            if !self.listener.plan.receive {
                continue;
            }
            if let Err(error) = self.sink.deliver(&name, buffer, received.len).await {
                return DatagramEnd::Output(error);
            }
        }
    }

    async fn send_all(&self, outbox: &mut Outgoing) -> Result<(), DatagramEnd> {
        loop {
            // What is to be said waits for somebody to hear it.
            while self.peers().routes().is_empty() {
                self.arrived.notified().await;
            }
            let Some(datagram) = outbox.next().await? else { return Ok(()) };
            let routes = self.peers().routes();
            for (key, route) in routes {
                self.send(&datagram, &key, &route).await?;
            }
        }
    }

    /// Sends one datagram to one peer. What fails then is the end only where there is one peer.
    async fn send(&self, datagram: &[u8], key: &PeerKey, route: &Route) -> Result<(), DatagramEnd> {
        let limit = if self.listener.plan.keep_open {
            Deadline::after(SEND_PATIENCE)
        } else {
            Deadline::NEVER
        };
        let sending = self.listener.sockets[key.0].send(datagram, Some(route));
        let reason = match limit.bound(sending).await {
            Ok(Ok(())) => {
                self.peers().sent(key, datagram.len());
                self.progress.sent(datagram);
                return Ok(());
            }
            Ok(Err(error)) => match DatagramEnd::of(error, DatagramEnd::Send) {
                DatagramEnd::TooLong => return Err(DatagramEnd::TooLong),
                end if !self.listener.plan.keep_open => return Err(end),
                end => end.to_string(),
            },
            Err(Elapsed) => "it does not read what it is sent".to_owned(),
        };
        if let Some(peer) = self.peers().forget(key) {
            self.listener.tell_left(peer, &reason);
        }
        Ok(())
    }

    /// Forgets peers that are silent; ends only where there is but one.
    async fn forget_idle(&self) {
        let Some(limit) = self.listener.plan.idle else { return std::future::pending().await };
        loop {
            if self.listener.plan.keep_open {
                let (idle, next) = self.peers().forget_idle(limit);
                for peer in idle {
                    self.listener.tell_left(peer, "idle");
                }
                tokio::time::sleep(next).await;
            } else {
                return self.progress.silence(Some(limit)).await;
            }
        }
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        lock(&self.peers)
    }
}

/// Waits until one of the sockets has something, and returns its number; each has its turn.
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

/// Whether a failure to receive is about an answer sent before.
fn is_one_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable};
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable
    )
}
