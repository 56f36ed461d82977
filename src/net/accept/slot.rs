//! One client's slot: whether the client can be evicted, and whether it should leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

use crate::net::address::addr::Addr;
use crate::net::stop::Stop;

/// The state of a client's slot, shared by its handler and the accept loops.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) peer: Addr,
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
    /// Returns an open slot for `peer`.
    pub(super) fn new(peer: Addr) -> Self {
        Self { peer, state: AtomicU8::new(OPEN), leave_requested: Notify::new() }
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

/// A client's slot in the server, as its handler sees it.
#[derive(Debug)]
pub struct ClientSlot {
    slot: Arc<Slot>,
    stop: Stop,
}

/// Why a client should leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// The server is stopping.
    Stopping,
    /// The client has been evicted for a new one.
    Evicted,
}

impl ClientSlot {
    pub(super) fn new(slot: Arc<Slot>, stop: Stop) -> Self {
        Self { slot, stop }
    }

    /// Protects the client from eviction. Returns false if it has already been evicted; its request
    /// must then not be carried out.
    pub fn settle(&self) -> bool {
        self.slot.settle()
    }

    /// Waits until the client should leave, and returns the reason. A handler can poll one such
    /// future for the whole connection.
    pub async fn leave(&self) -> LeaveReason {
        // `Stop::draining` would need a larger future and a list of waiters shared by all workers.
        if !self.stop.is_draining() {
            self.slot.leave_requested.notified().await;
        }
        if self.slot.is_evicted() { LeaveReason::Evicted } else { LeaveReason::Stopping }
    }
}
