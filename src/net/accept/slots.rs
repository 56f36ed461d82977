//! Connection slots: allocation, eviction and release.

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::net::accept::service::{AcceptNotice, AcceptSettings, Connection, Service, WhenFull};
use crate::net::accept::slot::{ClientSlot, Slot};
use crate::net::address::addr::Addr;
use crate::net::deadline::Deadline;
use crate::net::stop::Stop;
use crate::net::stream::{self, Stream};
use crate::sync::lock;

/// The state that the accept loops and the clients' handlers share.
pub(super) struct Slots<S> {
    pub(super) settings: AcceptSettings,
    pub(super) stop: Stop,
    pub(super) service: Arc<S>,
    /// The slots of the clients being served, by connection id, oldest first.
    occupied: Mutex<BTreeMap<u64, Arc<Slot>>>,
    /// Notified when a slot is released.
    pub(super) released: Notify,
    /// Notified when the last connection of [`AcceptSettings::total`] is admitted.
    pub(super) total_reached: Notify,
    /// Connections admitted so far.
    pub(super) admitted: AtomicU64,
    /// Clients that could not be served, or whose handler panicked.
    pub(super) lost: AtomicU64,
    /// Refused clients that are still connected.
    refusing: AtomicUsize,
    /// Whether [`AcceptNotice::Full`] was sent.
    full_reported: AtomicBool,
}

impl<S: Service> Slots<S> {
    pub(super) fn new(settings: AcceptSettings, stop: Stop, service: Arc<S>) -> Self {
        Self {
            settings,
            stop,
            service,
            occupied: Mutex::default(),
            released: Notify::new(),
            total_reached: Notify::new(),
            admitted: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            refusing: AtomicUsize::new(0),
            full_reported: AtomicBool::new(false),
        }
    }

    fn occupied(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Slot>>> {
        lock(&self.occupied)
    }

    pub(super) fn clients(&self) -> usize {
        self.occupied().len()
    }

    /// Asks all clients to leave. A client that is admitted later finds the stop already requested.
    pub(super) fn request_leave(&self) {
        for slot in self.occupied().values() {
            slot.leave_requested.notify_one();
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.clients() >= self.settings.max_clients
    }

    /// Waits until a slot is free, if the settings make further clients wait. The first wait is
    /// reported: a server that is often full must not report it for each client.
    pub(super) async fn wait_for_free_slot(&self) {
        while self.settings.when_full == WhenFull::Wait && self.is_full() {
            let mut released = pin!(self.released.notified());
            released.as_mut().enable();
            if self.is_full() {
                if !self.full_reported.swap(true, Ordering::Relaxed) {
                    self.service.notice(AcceptNotice::Full(self.clients()));
                }
                released.await;
            }
        }
    }

    pub(super) fn is_total_reached(&self) -> bool {
        self.settings.total.is_some_and(|total| self.admitted.load(Ordering::Relaxed) >= total)
    }

    /// Allocates a slot for `peer`, and evicts another client if the settings require it; returns
    /// `None` if the server is full.
    pub(super) fn admit(self: &Arc<Self>, peer: Addr) -> Option<SlotGuard<S>> {
        let slot = Arc::new(Slot::new(peer));
        let mut evicted = None;
        let mut occupied = self.occupied();
        if occupied.len() >= self.settings.max_clients {
            if self.settings.when_full != WhenFull::Evict {
                return None;
            }
            let oldest = occupied.iter().find(|(_, slot)| slot.evict());
            let oldest = oldest.map(|(id, _)| *id)?;
            evicted = occupied.remove(&oldest);
        }
        let id = self.admitted.fetch_add(1, Ordering::Relaxed) + 1;
        occupied.insert(id, Arc::clone(&slot));
        drop(occupied);
        if let Some(evicted) = evicted {
            evicted.leave_requested.notify_one();
            self.service.notice(AcceptNotice::Evicted(evicted.peer.clone()));
        }
        if self.is_total_reached() {
            self.total_reached.notify_waiters();
        }
        Some(SlotGuard { slots: Arc::clone(self), slot, id })
    }

    /// Refuses a client: sends [`Service::refusal`], and waits for the client to close.
    ///
    /// Closing a socket that has unread input resets the connection, and the client may then lose
    /// the refusal.
    pub(super) async fn refuse(&self, stream: &Stream) {
        // Written only if it fits into the socket's buffer; a full buffer must not cause a wait.
        stream::write_now(stream, self.service.refusal()).ok();
        if self.refusing.fetch_add(1, Ordering::Relaxed) < MAX_REFUSING {
            stream::shut_down_and_drain(stream, Deadline::after(REFUSAL_TIMEOUT)).await;
        }
        self.refusing.fetch_sub(1, Ordering::Relaxed);
    }

    /// Waits until all clients have left, and returns true; returns false after `grace` or at a
    /// second stop.
    ///
    /// `None` means that no stop has been requested; if one is, the grace period begins then.
    pub(super) async fn drain(&self, grace: Option<Duration>) -> bool {
        let all_left = async {
            loop {
                let released = self.released.notified();
                if self.clients() == 0 {
                    return;
                }
                released.await;
            }
        };
        let overdue = async {
            let Some(grace) = grace else {
                self.stop.draining().await;
                self.request_leave();
                return tokio::time::sleep(self.settings.grace).await;
            };
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            biased;
            () = all_left => true,
            () = overdue => false,
            () = self.stop.forced() => false,
        }
    }
}

/// An occupied slot, released on drop, even if the handler panics.
pub(super) struct SlotGuard<S: Service> {
    slots: Arc<Slots<S>>,
    slot: Arc<Slot>,
    id: u64,
}

impl<S: Service> Drop for SlotGuard<S> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.report_lost(AcceptNotice::Panicked(self.slot.peer.clone()));
        }
        self.slots.occupied().remove(&self.id);
        self.slots.released.notify_waiters();
    }
}

impl<S: Service> SlotGuard<S> {
    /// Serves the client in this runtime.
    ///
    /// This future is most of the memory that an idle client takes, so it must stay small.
    #[expect(clippy::manual_async_fn, reason = "an async fn stores its arguments twice")]
    pub(super) fn serve(self, stream: Stream) -> impl Future<Output = ()> + Send {
        async move {
            match self.connection(stream) {
                Ok(connection) => Arc::clone(&self.slots.service).handle(connection).await,
                Err(error) => self.not_served(error),
            }
        }
    }

    /// Reports that the client could not be served because of `error`.
    pub(super) fn not_served(&self, error: io::Error) {
        self.report_lost(AcceptNotice::NotServed(self.slot.peer.clone(), error));
    }

    fn report_lost(&self, notice: AcceptNotice) {
        self.slots.lost.fetch_add(1, Ordering::Relaxed);
        self.slots.service.notice(notice);
    }

    fn connection(&self, stream: Stream) -> io::Result<Connection> {
        Ok(Connection {
            local: stream.local_addr()?,
            stream,
            peer: self.slot.peer.clone(),
            id: self.id,
            accepted: Instant::now(),
            slot: ClientSlot::new(Arc::clone(&self.slot), self.slots.stop.clone()),
        })
    }
}

/// How long to wait for a refused client to close the connection.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum number of refused clients to wait for at once; further ones are closed without waiting.
/// It is lower than the number of descriptors that a server reserves.
const MAX_REFUSING: usize = 8;
