//! The peers of a listener: a table of limited size, because source addresses can be forged.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::net::accept::access::Access;
use crate::net::address::addr::Addr;
use crate::net::datagram::address::{DatagramAddress, Received, Route};
use crate::net::datagram::progress::DatagramCounts;

/// Maximum number of refused senders to store, so that each is reported once. Senders beyond the
/// limit are not reported.
const MAX_REFUSED: usize = 64;

/// Identifies a peer: the index of the socket that it sent to, and its address.
pub(super) type PeerKey = (usize, DatagramAddress);

/// The table of known peers.
#[derive(Debug)]
pub(super) struct Peers {
    /// The maximum number of known peers.
    max: usize,
    /// Whether a new peer evicts another when the table is full; otherwise it is refused.
    evicts: bool,
    known: HashMap<PeerKey, Peer>,
    /// Refused senders that were reported.
    refused: Vec<PeerKey>,
}

/// A known peer.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// The address as text.
    pub name: Arc<str>,
    pub addr: Addr,
    /// The route of replies: from the local address that the peer sent to last.
    pub route: Route,
    pub counts: DatagramCounts,
    /// When the first datagram was received.
    pub first_received: Instant,
    /// When a datagram was last received or sent.
    pub last_activity: Instant,
}

/// The sender of a received datagram.
#[derive(Debug)]
pub(super) enum Sender {
    /// A known peer, by its name.
    Known(Arc<str>),
    /// A new peer, and the peer evicted for it, if any.
    New(Arc<str>, Addr, Option<Box<Peer>>),
    /// A sender that is not allowed or does not fit into the table, and whether to report it.
    Refused(Addr, bool),
}

impl Peers {
    /// Returns an empty table for `max` peers. When it is full, a new peer evicts another if
    /// `evicts` is set, and is refused otherwise.
    pub(super) fn new(max: usize, evicts: bool) -> Self {
        Self { max, evicts, known: HashMap::new(), refused: Vec::new() }
    }

    /// Records a datagram received on the socket with this index, and returns its sender.
    pub(super) fn record(&mut self, socket: usize, received: &Received, access: &Access) -> Sender {
        let key = (socket, received.from.clone());
        if let Some(peer) = self.known.get_mut(&key) {
            peer.route.from = received.to;
            peer.last_activity = Instant::now();
            peer.counts.count_in(received.len);
            return Sender::Known(Arc::clone(&peer.name));
        }
        let addr = Addr::from(&received.from);
        let is_full = self.known.len() >= self.max;
        if !access.admits(&addr) || (is_full && !self.evicts) {
            let is_new = self.refused.len() < MAX_REFUSED && !self.refused.contains(&key);
            if is_new {
                self.refused.push(key);
            }
            return Sender::Refused(addr, is_new);
        }
        let evicted = if is_full { self.remove_least_recent() } else { None };
        let now = Instant::now();
        let mut peer = Peer {
            name: addr.to_string().into(),
            addr: addr.clone(),
            route: Route { to: received.from.clone(), from: received.to },
            counts: DatagramCounts::default(),
            first_received: now,
            last_activity: now,
        };
        peer.counts.count_in(received.len);
        let name = Arc::clone(&peer.name);
        self.known.insert(key, peer);
        Sender::New(name, addr, evicted.map(Box::new))
    }

    /// Records a datagram of `len` bytes sent to the peer `key`.
    pub(super) fn record_sent(&mut self, key: &PeerKey, len: usize) {
        if let Some(peer) = self.known.get_mut(key) {
            peer.last_activity = Instant::now();
            peer.counts.count_out(len);
        }
    }

    /// Returns the peers that replies can be sent to, in no particular order.
    pub(super) fn routes(&self) -> Vec<(PeerKey, Route)> {
        let routes = self.known.iter().map(|(key, peer)| (key.clone(), peer.route.clone()));
        routes.filter(|(_, route)| route.to != DatagramAddress::Unnamed).collect()
    }

    /// Returns the number of peers that replies can be sent to, given the number of sockets. All
    /// unnamed peers of a socket are one entry.
    pub(super) fn reachable(&self, sockets: usize) -> usize {
        let is_known = |at: &usize| self.known.contains_key(&(*at, DatagramAddress::Unnamed));
        self.known.len() - (0..sockets).filter(is_known).count()
    }

    /// Removes the peer `key` and returns it.
    pub(super) fn remove(&mut self, key: &PeerKey) -> Option<Peer> {
        self.known.remove(key)
    }

    /// Removes all peers and returns them.
    pub(super) fn remove_all(&mut self) -> Vec<Peer> {
        self.known.drain().map(|(_, peer)| peer).collect()
    }

    /// Removes the peers that have been idle for `limit`; returns them, and the shortest time until
    /// another peer can reach the limit.
    pub(super) fn remove_idle(&mut self, limit: Duration) -> (Vec<Peer>, Duration) {
        let idle = self.known.extract_if(|_, peer| peer.last_activity.elapsed() >= limit);
        let idle: Vec<Peer> = idle.map(|(_, peer)| peer).collect();
        let time_left = |peer: &Peer| limit.saturating_sub(peer.last_activity.elapsed());
        let next = self.known.values().map(time_left).min();
        (idle, next.unwrap_or(limit))
    }

    /// Removes the peer with the oldest activity.
    fn remove_least_recent(&mut self) -> Option<Peer> {
        let oldest = self.known.iter().min_by_key(|(_, peer)| peer.last_activity);
        let key = oldest.map(|(key, _)| key.clone())?;
        self.known.remove(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::deadline::Deadline;

    fn from(port: u16) -> Received {
        let from = DatagramAddress::Net(([127, 0, 0, 1], port).into());
        Received { len: 3, is_truncated: false, from, to: None }
    }

    fn allow_all() -> Access {
        Access::default()
    }

    #[test]
    fn a_new_peer_evicts_the_one_with_the_oldest_activity() {
        let mut peers = Peers::new(2, true);
        for port in [1, 2, 1] {
            peers.record(0, &from(port), &allow_all());
        }
        let Sender::New(name, _, Some(evicted)) = peers.record(0, &from(3), &allow_all()) else {
            panic!("no peer was evicted");
        };
        assert_eq!((&*name, &*evicted.name), ("127.0.0.1:3", "127.0.0.1:2"));
        assert_eq!(peers.known.len(), 2);
    }

    #[test]
    fn a_refused_sender_is_reported_once_and_takes_no_slot() {
        let mut peers = Peers::new(1, false);
        assert!(matches!(peers.record(0, &from(1), &allow_all()), Sender::New(..)));
        assert!(matches!(peers.record(0, &from(2), &allow_all()), Sender::Refused(_, true)));
        assert!(matches!(peers.record(0, &from(2), &allow_all()), Sender::Refused(_, false)));
        assert!(matches!(peers.record(0, &from(1), &allow_all()), Sender::Known(_)));
        for port in 3..1000 {
            peers.record(0, &from(port), &allow_all());
        }
        assert_eq!((peers.known.len(), peers.refused.len()), (1, MAX_REFUSED));
    }

    #[test]
    fn a_denied_sender_is_refused() {
        let mut peers = Peers::new(9, true);
        let deny = ["127.0.0.0/8".parse().unwrap()];
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let access = runtime.block_on(Access::resolve(&[], &deny, Deadline::NEVER)).unwrap();
        let sender = peers.record(0, &from(1), &access);
        assert!(matches!(sender, Sender::Refused(_, true)));
    }

    #[test]
    fn an_idle_peer_is_removed() {
        let mut peers = Peers::new(9, true);
        peers.record(0, &from(1), &allow_all());
        let (idle, next) = peers.remove_idle(Duration::from_hours(1));
        assert!(idle.is_empty() && next > Duration::from_mins(50));
        assert_eq!(peers.remove_idle(Duration::ZERO).0.len(), 1);
        assert_eq!(peers.known.len(), 0);
    }
}
