//! One client's slot: whether it may still be evicted, and whether the client should leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

use crate::net::address::addr::Addr;
use crate::net::stop::Stop;

/// A client's place.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) peer: Addr,
    /// Whether it may still be thrown out: one of the three below.
    state: AtomicU8,
    /// It should leave.
    pub(super) asked: Notify,
}

/// The client may be thrown out for another.
const OPEN: u8 = 0;

/// It may not.
const SETTLED: u8 = 1;

/// It was.
const EVICTED: u8 = 2;

impl Slot {
    /// Returns an open slot for `peer`.
    pub(super) fn new(peer: Addr) -> Self {
        Self { peer, state: AtomicU8::new(OPEN), asked: Notify::new() }
    }

    /// Makes the place safe; false where it is taken away already.
    pub(super) fn settle(&self) -> bool {
        self.decide(SETTLED) || self.state.load(Ordering::Relaxed) == SETTLED
    }

    /// Takes the place away; false where it is safe.
    pub(super) fn evict(&self) -> bool {
        self.decide(EVICTED)
    }

    pub(super) fn is_evicted(&self) -> bool {
        self.state.load(Ordering::Relaxed) == EVICTED
    }

    /// One of the two comes first, whichever threads they are in.
    fn decide(&self, state: u8) -> bool {
        self.state.compare_exchange(OPEN, state, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// A client's place in the server, and what may become of it.
#[derive(Debug)]
pub struct ClientSlot {
    place: Arc<Slot>,
    stop: Stop,
}

/// Why a client should leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// The server stops.
    Stopping,
    /// Its place is taken away for another.
    Evicted,
}

impl ClientSlot {
    pub(super) fn new(place: Arc<Slot>, stop: Stop) -> Self {
        Self { place, stop }
    }

    /// Makes the client one that is not thrown out for another. False where that has happened
    /// already: what it asked for must not be done any more.
    pub fn settle(&self) -> bool {
        self.place.settle()
    }

    /// Waits until the client should leave, and says why. One such future serves the whole
    /// connection.
    pub async fn leave(&self) -> LeaveReason {
        // Not `Stop::draining`: its list of waiters is one for all workers, and larger.
        if !self.stop.is_draining() {
            self.place.asked.notified().await;
        }
        if self.place.is_evicted() { LeaveReason::Evicted } else { LeaveReason::Stopping }
    }
}
