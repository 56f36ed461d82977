//! The slots of the clients being served, and the connections that have none: evicted and refused
//! clients, and connections that are closing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::net::accept::slot::Slot;
use crate::sync::lock;

/// The most connections that may be leaving before the accept loop waits for them: they would
/// otherwise use up the descriptors when clients connect faster than the handlers of evicted
/// clients run. They fit into the descriptors that a server does not use for clients.
const MAX_LEAVING: usize = 4;

/// The slots of a server.
#[derive(Debug)]
pub(super) struct SlotTable {
    /// By connection id, oldest first.
    occupied: Mutex<BTreeMap<u64, Arc<Slot>>>,
    /// Notified when a slot is released, and when a connection is no longer leaving.
    pub(super) released: Notify,
    /// How many connections are open, with a slot or without.
    open: AtomicUsize,
    /// How many connections wait without a slot for their peer to close.
    closing: AtomicUsize,
    /// The maximum of `closing`.
    max_closing: usize,
}

impl SlotTable {
    /// Returns a table without connections. At most `max_closing` connections wait at once for
    /// their peer to close.
    pub(super) fn new(max_closing: usize) -> Self {
        Self {
            occupied: Mutex::default(),
            released: Notify::new(),
            open: AtomicUsize::new(0),
            closing: AtomicUsize::new(0),
            max_closing,
        }
    }

    /// Returns the occupied slots.
    pub(super) fn occupied(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Slot>>> {
        lock(&self.occupied)
    }

    /// Returns the number of occupied slots.
    pub(super) fn clients(&self) -> usize {
        self.occupied().len()
    }

    /// Returns whether no connection is open.
    pub(super) fn is_empty(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// Returns whether too many connections are leaving: they have lost their slot, or got none,
    /// and have yet to close or to wait for their peer to close.
    pub(super) fn too_many_leaving(&self) -> bool {
        let open = self.open.load(Ordering::Relaxed);
        let waiting = self.closing.load(Ordering::Relaxed);
        open.saturating_sub(waiting + self.clients()) >= MAX_LEAVING
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
        self.released.notify_waiters();
        (others < self.max_closing).then_some(counted)
    }
}

/// An open connection, counted until this is dropped.
#[derive(Debug)]
pub(super) struct OpenConnection(Arc<SlotTable>);

impl OpenConnection {
    /// Counts a connection.
    pub(super) fn new(table: &Arc<SlotTable>) -> Self {
        table.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(table))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        self.0.released.notify_waiters();
    }
}

/// A connection that waits for its peer to close; dropping this ends the wait.
#[derive(Debug)]
pub(super) struct Closing<'a>(&'a SlotTable);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.closing.fetch_sub(1, Ordering::Relaxed);
    }
}
