//! Who has sent something to a listener: a table with a bound, since senders can be invented.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::net::accept::access::Access;
use crate::net::address::addr::Addr;
use crate::net::datagram::address::{DatagramAddress, Received, Route};
use crate::net::datagram::progress::DatagramCounts;

/// Strangers told of once each; beyond that many nobody is.
const MAX_STRANGERS: usize = 64;

/// A peer: the socket it was heard on, by its number, and where it is.
pub(super) type PeerKey = (usize, DatagramAddress);

/// Everybody who is known.
#[derive(Debug)]
pub(super) struct Peers {
    /// How many there may be.
    max: usize,
    /// Whether the one who is heard when the table is full takes the place of another.
    displaces: bool,
    known: HashMap<PeerKey, Peer>,
    strangers: Vec<PeerKey>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub name: Arc<str>,
    pub addr: Addr,
    /// How it is answered: from the address it asked last.
    pub route: Route,
    pub counts: DatagramCounts,
    pub first: Instant,
    /// When anything last came from it or went to it.
    pub last: Instant,
}

/// Whom a datagram is from.
#[derive(Debug)]
pub(super) enum Sender {
    /// Somebody known.
    Known(Arc<str>),
    /// Somebody new, who may have taken the place of another.
    New(Arc<str>, Addr, Option<Box<Peer>>),
    /// Somebody there is no place for; whether it is the first time.
    Stranger(Addr, bool),
}

impl Peers {
    pub(super) fn new(max: usize, displaces: bool) -> Self {
        Self { max, displaces, known: HashMap::new(), strangers: Vec::new() }
    }

    /// Takes note of a datagram that came over the socket of this number.
    pub(super) fn hear(&mut self, socket: usize, received: &Received, access: &Access) -> Sender {
        let key = (socket, received.from.clone());
        if let Some(peer) = self.known.get_mut(&key) {
            peer.route.from = received.to;
            peer.last = Instant::now();
            peer.counts.count_in(received.len);
            return Sender::Known(Arc::clone(&peer.name));
        }
        let addr = Addr::from(&received.from);
        let is_welcome = access.admits(&addr);
        if !is_welcome || (self.known.len() >= self.max && !self.displaces) {
            let is_first = self.strangers.len() < MAX_STRANGERS && !self.strangers.contains(&key);
            if is_first {
                self.strangers.push(key);
            }
            return Sender::Stranger(addr, is_first);
        }
        let displaced = if self.known.len() >= self.max { self.forget_oldest() } else { None };
        let now = Instant::now();
        let mut peer = Peer {
            name: addr.to_string().into(),
            addr: addr.clone(),
            route: Route { to: received.from.clone(), from: received.to },
            counts: DatagramCounts::default(),
            first: now,
            last: now,
        };
        peer.counts.count_in(received.len);
        let name = Arc::clone(&peer.name);
        self.known.insert(key, peer);
        Sender::New(name, addr, displaced.map(Box::new))
    }

    /// Takes note that so many bytes were sent to `key`.
    pub(super) fn sent(&mut self, key: &PeerKey, len: usize) {
        if let Some(peer) = self.known.get_mut(key) {
            peer.last = Instant::now();
            peer.counts.count_out(len);
        }
    }

    /// Everybody who can be answered, in no order.
    pub(super) fn routes(&self) -> Vec<(PeerKey, Route)> {
        let routes = self.known.iter().map(|(key, peer)| (key.clone(), peer.route.clone()));
        routes.filter(|(_, route)| route.to != DatagramAddress::Unnamed).collect()
    }

    pub(super) fn forget(&mut self, key: &PeerKey) -> Option<Peer> {
        self.known.remove(key)
    }

    /// Forgets everybody.
    pub(super) fn forget_all(&mut self) -> Vec<Peer> {
        self.known.drain().map(|(_, peer)| peer).collect()
    }

    /// Forgets who was silent for as long as `limit`; and says when there may be more of them.
    pub(super) fn forget_idle(&mut self, limit: Duration) -> (Vec<Peer>, Duration) {
        let idle = self.known.extract_if(|_, peer| peer.last.elapsed() >= limit);
        let idle: Vec<Peer> = idle.map(|(_, peer)| peer).collect();
        let next = self.known.values().map(|peer| limit.saturating_sub(peer.last.elapsed())).min();
        (idle, next.unwrap_or(limit))
    }

    fn forget_oldest(&mut self) -> Option<Peer> {
        let oldest = self.known.iter().min_by_key(|(_, peer)| peer.last);
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
        Received { len: 3, is_cut: false, from, to: None }
    }

    fn everybody() -> Access {
        Access::default()
    }

    #[test]
    fn the_one_not_heard_of_for_longest_makes_place() {
        let mut peers = Peers::new(2, true);
        for port in [1, 2, 1] {
            peers.hear(0, &from(port), &everybody());
        }
        let Sender::New(name, _, Some(displaced)) = peers.hear(0, &from(3), &everybody()) else {
            panic!("nobody was displaced");
        };
        assert_eq!((&*name, &*displaced.name), ("127.0.0.1:3", "127.0.0.1:2"));
        assert_eq!(peers.known.len(), 2);
    }

    #[test]
    fn a_stranger_is_told_of_once_and_takes_no_place() {
        let mut peers = Peers::new(1, false);
        assert!(matches!(peers.hear(0, &from(1), &everybody()), Sender::New(..)));
        assert!(matches!(peers.hear(0, &from(2), &everybody()), Sender::Stranger(_, true)));
        assert!(matches!(peers.hear(0, &from(2), &everybody()), Sender::Stranger(_, false)));
        assert!(matches!(peers.hear(0, &from(1), &everybody()), Sender::Known(_)));
        for port in 3..1000 {
            peers.hear(0, &from(port), &everybody());
        }
        assert_eq!((peers.known.len(), peers.strangers.len()), (1, MAX_STRANGERS));
    }

    #[test]
    fn who_is_not_admitted_is_a_stranger() {
        let mut peers = Peers::new(9, true);
        let deny = ["127.0.0.0/8".parse().unwrap()];
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let access = runtime.block_on(Access::resolve(&[], &deny, Deadline::NEVER)).unwrap();
        let heard = peers.hear(0, &from(1), &access);
        assert!(matches!(heard, Sender::Stranger(_, true)));
    }

    #[test]
    fn whoever_is_silent_for_too_long_is_forgotten() {
        let mut peers = Peers::new(9, true);
        peers.hear(0, &from(1), &everybody());
        let (idle, next) = peers.forget_idle(Duration::from_hours(1));
        assert!(idle.is_empty() && next > Duration::from_mins(50));
        assert_eq!(peers.forget_idle(Duration::ZERO).0.len(), 1);
        assert_eq!(peers.known.len(), 0);
    }
}
