//! The state of one client's slot: whether the client can be evicted, and whether it should leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

use crate::net::address::addr::Addr;

/// The state of a client's slot, shared by its handler and the accept loops.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) peer: Addr,
    /// The local address of the connection, shared by the slots of a listener.
    pub(super) local: Arc<Addr>,
    /// Whether the client can be evicted: `OPEN`, `SETTLED` or `EVICTED`.
    state: AtomicU8,
    /// Notified when the client should leave.
    pub(super) leave_requested: Notify,
}

/// The client can be evicted.
const OPEN: u8 = 0;

/// The client can no longer be evicted.
const SETTLED: u8 = 1;

/// The client has been evicted.
const EVICTED: u8 = 2;

impl Slot {
    /// Returns an open slot for the connection of `peer` to `local`.
    pub(super) fn new(peer: Addr, local: Arc<Addr>) -> Self {
        Self { peer, local, state: AtomicU8::new(OPEN), leave_requested: Notify::new() }
    }

    /// Protects the client from eviction; returns false if it has already been evicted.
    pub(super) fn settle(&self) -> bool {
        self.transition(SETTLED) || self.state.load(Ordering::Relaxed) == SETTLED
    }

    /// Evicts the client; returns false if it has settled.
    pub(super) fn evict(&self) -> bool {
        self.transition(EVICTED)
    }

    pub(super) fn is_evicted(&self) -> bool {
        self.state.load(Ordering::Relaxed) == EVICTED
    }

    /// Changes `OPEN` to `state`. Of several calls, from any thread, only the first returns true.
    fn transition(&self, state: u8) -> bool {
        self.state.compare_exchange(OPEN, state, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
