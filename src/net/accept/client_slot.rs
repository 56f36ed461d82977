//! One client's slot, as its handler uses it.

use std::sync::Arc;
use std::time::Duration;

use crate::net::accept::slot::Slot;
use crate::net::accept::slot_table::SlotTable;
use crate::net::address::addr::Addr;
use crate::net::deadline::Deadline;
use crate::net::stop::Stop;
use crate::net::stream::Stream;

/// A client's slot in the server, as its handler sees it.
#[derive(Debug)]
pub struct ClientSlot {
    slot: Arc<Slot>,
    stop: Stop,
    table: Arc<SlotTable>,
    /// The number of the connection.
    id: u64,
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
    pub(super) fn new(slot: Arc<Slot>, stop: Stop, table: Arc<SlotTable>, id: u64) -> Self {
        Self { slot, stop, table, id }
    }

    /// Releases the slot for the next client, and closes `stream`: sends `last` and FIN, and waits
    /// for the peer to close, at most `limit` in all. If too many connections wait already, this
    /// one is closed without a wait. If not all of `last` can be sent, the connection is reset.
    pub async fn close(&self, stream: &mut Stream, last: &[u8], limit: Duration) {
        self.table.release(self.id);
        let deadline = Deadline::after(limit);
        let closing = self.table.start_closing();
        let sent = match &closing {
            Some(_) => stream.write_all(last, deadline).await.is_ok(),
            None => stream.start_write(last).is_ok_and(|unsent| unsent.is_empty()),
        };
        match &closing {
            _ if !sent => stream.abort(),
            Some(_) => stream.finish(deadline).await,
            None => stream.finish_now(),
        }
    }

    /// Returns the address of the peer.
    pub(super) fn peer(&self) -> &Addr {
        &self.slot.peer
    }

    /// Returns the local address of the connection.
    pub(super) fn local(&self) -> &Addr {
        &self.slot.local
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
