//! Who is being served: places, how they are taken, and how they are given back.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
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

/// Everything the doors and the clients share.
pub(super) struct Slots<S> {
    pub(super) rules: AcceptSettings,
    pub(super) stop: Stop,
    pub(super) service: Arc<S>,
    /// Who is served now, oldest first.
    places: Mutex<BTreeMap<u64, Arc<Slot>>>,
    /// Somebody left.
    pub(super) left: Notify,
    /// The last connection of [`AcceptSettings::total`] was taken.
    pub(super) sold_out: Notify,
    pub(super) admitted: AtomicU64,
    /// Clients being sent away with a word.
    dismissing: AtomicUsize,
}

impl<S: Service> Slots<S> {
    pub(super) fn new(rules: AcceptSettings, stop: Stop, service: Arc<S>) -> Self {
        Self {
            rules,
            stop,
            service,
            places: Mutex::default(),
            left: Notify::new(),
            sold_out: Notify::new(),
            admitted: AtomicU64::new(0),
            dismissing: AtomicUsize::new(0),
        }
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Slot>>> {
        lock(&self.places)
    }

    pub(super) fn clients(&self) -> usize {
        self.places().len()
    }

    /// Whoever comes later finds the stop's stage changed already.
    pub(super) fn ask_all_to_leave(&self) {
        for place in self.places().values() {
            place.asked.notify_one();
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.clients() >= self.rules.max_clients
    }

    pub(super) fn is_sold_out(&self) -> bool {
        self.rules.total.is_some_and(|total| self.admitted.load(Ordering::Relaxed) >= total)
    }

    /// Finds a place for `peer`, throwing out another client if that is the rule.
    pub(super) fn admit(self: &Arc<Self>, peer: Addr) -> Option<SlotGuard<S>> {
        let place = Arc::new(Slot::new(peer));
        let mut evicted = None;
        let mut places = self.places();
        if places.len() >= self.rules.max_clients {
            if self.rules.when_full != WhenFull::Evict {
                return None;
            }
            let oldest = places.iter().find(|(_, place)| place.evict());
            let oldest = oldest.map(|(id, _)| *id)?;
            evicted = places.remove(&oldest);
        }
        let id = self.admitted.fetch_add(1, Ordering::Relaxed) + 1;
        places.insert(id, Arc::clone(&place));
        drop(places);
        if let Some(evicted) = evicted {
            evicted.asked.notify_one();
            self.service.notice(AcceptNotice::Evicted(evicted.peer.clone()));
        }
        if self.is_sold_out() {
            self.sold_out.notify_waiters();
        }
        Some(SlotGuard { room: Arc::clone(self), place, id })
    }

    /// Sends a client away with a word, and waits a moment for it to be read: a socket that is
    /// closed with bytes unread resets the connection, and the word with it.
    pub(super) async fn dismiss(&self, stream: &Stream) {
        // A last word, if it fits: this client is not waited for.
        stream::write_now(stream, self.service.refusal()).ok();
        if self.dismissing.fetch_add(1, Ordering::Relaxed) < MAX_DISMISSING {
            stream::close_gently(stream, Deadline::after(DISMISSAL)).await;
        }
        self.dismissing.fetch_sub(1, Ordering::Relaxed);
    }

    /// Waits until everybody left; with a grace, for that long or until a second stop.
    pub(super) async fn drain(&self, grace: Option<Duration>) -> bool {
        let everybody_left = async {
            loop {
                let left = self.left.notified();
                if self.clients() == 0 {
                    return;
                }
                left.await;
            }
        };
        let overdue = async {
            let Some(grace) = grace else {
                // No stop was asked for yet: one may still come, with its own grace.
                self.stop.draining().await;
                self.ask_all_to_leave();
                return tokio::time::sleep(self.rules.grace).await;
            };
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            biased;
            () = everybody_left => true,
            () = overdue => false,
            () = self.stop.forced() => false,
        }
    }
}

/// A place that is held; given back when dropped, however the handler ended.
pub(super) struct SlotGuard<S: Service> {
    room: Arc<Slots<S>>,
    place: Arc<Slot>,
    id: u64,
}

impl<S: Service> Drop for SlotGuard<S> {
    fn drop(&mut self) {
        self.room.places().remove(&self.id);
        self.room.left.notify_waiters();
        if thread::panicking() {
            self.room.service.notice(AcceptNotice::Panicked(self.place.peer.clone()));
        }
    }
}

impl<S: Service> SlotGuard<S> {
    /// Serves the client in this runtime. One that is gone already is not worth a word.
    ///
    /// An idle client is this future and little else: written out, it holds its arguments once.
    #[expect(clippy::manual_async_fn, reason = "an async fn keeps its arguments twice")]
    pub(super) fn attend(self, stream: Stream) -> impl Future<Output = ()> + Send {
        async move {
            let Ok(connection) = self.connection(stream) else { return };
            Arc::clone(&self.room.service).handle(connection).await;
        }
    }

    fn connection(&self, stream: Stream) -> io::Result<Connection> {
        Ok(Connection {
            local: stream.local_addr()?,
            stream,
            peer: self.place.peer.clone(),
            id: self.id,
            accepted: Instant::now(),
            seat: ClientSlot::new(Arc::clone(&self.place), self.room.stop.clone()),
        })
    }
}

/// How long a client that is sent away may take to read why.
const DISMISSAL: Duration = Duration::from_secs(1);

/// Clients sent away at once; beyond that they are closed without waiting. Fewer than the
/// descriptors a server keeps in reserve.
const MAX_DISMISSING: usize = 8;
