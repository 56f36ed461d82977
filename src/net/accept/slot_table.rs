//! The slots of the clients being served, and the connections that are closing after their slot was
//! released.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::net::accept::slot::Slot;
use crate::sync::lock;

/// The slots of a server.
#[derive(Debug)]
pub(super) struct SlotTable {
    /// By connection id, oldest first.
    occupied: Mutex<BTreeMap<u64, Arc<Slot>>>,
    /// Notified when a slot is released or a closing connection has ended.
    pub(super) released: Notify,
    /// How many connections are closing without a slot.
    closing: AtomicUsize,
    /// The maximum of `closing`.
    max_closing: usize,
}

impl SlotTable {
    /// Returns a table without occupied slots. At most `max_closing` connections wait at once for
    /// their peer to close.
    pub(super) fn new(max_closing: usize) -> Self {
        let (occupied, closing) = (Mutex::default(), AtomicUsize::new(0));
        Self { occupied, released: Notify::new(), closing, max_closing }
    }

    /// Returns the occupied slots.
    pub(super) fn occupied(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Slot>>> {
        lock(&self.occupied)
    }

    /// Returns the number of occupied slots.
    pub(super) fn clients(&self) -> usize {
        self.occupied().len()
    }

    /// Returns whether no slot is occupied and no connection is closing.
    pub(super) fn is_empty(&self) -> bool {
        self.clients() == 0 && self.closing.load(Ordering::Relaxed) == 0
    }

    /// Releases the slot of connection `id`, if it is still occupied.
    pub(super) fn release(&self, id: u64) {
        self.occupied().remove(&id);
        self.released.notify_waiters();
    }

    /// Counts a connection that waits for its peer to close; `None` if too many do.
    pub(super) fn start_closing(&self) -> Option<Closing<'_>> {
        let counted = Closing(self);
        let others = self.closing.fetch_add(1, Ordering::Relaxed);
        (others < self.max_closing).then_some(counted)
    }
}

/// A connection that waits for its peer to close; dropping this ends the wait.
#[derive(Debug)]
pub(super) struct Closing<'a>(&'a SlotTable);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.closing.fetch_sub(1, Ordering::Relaxed);
        self.0.released.notify_waiters();
    }
}
