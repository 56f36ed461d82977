//! Connection slots: allocation, eviction and release.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::net::accept::client_slot::ClientSlot;
use crate::net::accept::service::{
    AcceptNotice, AcceptSettings, Client, Connection, SecuredClient, Service, WhenFull,
};
use crate::net::accept::slot::Slot;
use crate::net::accept::slot_table::{OpenConnection, SlotTable};
use crate::net::address::addr::Addr;
use crate::net::deadline::Deadline;
use crate::net::stop::Stop;
use crate::net::stream::Stream;
use crate::net::stream::socket::{DetachedSocket, Socket};
use crate::net::tls::{HANDSHAKE_TIMEOUT, ServerHandshake, TlsError};

/// The state that the accept loops and the clients' handlers share.
pub(super) struct Slots<S> {
    pub(super) settings: AcceptSettings,
    pub(super) stop: Stop,
    pub(super) service: Arc<S>,
    pub(super) table: Arc<SlotTable>,
    /// Notified when the last connection of [`AcceptSettings::total`] is admitted.
    pub(super) total_reached: Notify,
    /// Connections admitted so far.
    pub(super) admitted: AtomicU64,
    /// Clients that could not be served, or whose handler panicked.
    pub(super) lost: AtomicU64,
    /// Whether [`AcceptNotice::Full`] was sent.
    full_reported: AtomicBool,
}

impl<S: Service> Slots<S> {
    pub(super) fn new(settings: AcceptSettings, stop: Stop, service: Arc<S>) -> Self {
        let table = Arc::new(SlotTable::new(settings.max_closing));
        Self {
            settings,
            stop,
            service,
            table,
            total_reached: Notify::new(),
            admitted: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            full_reported: AtomicBool::new(false),
        }
    }

    pub(super) fn clients(&self) -> usize {
        self.table.clients()
    }

    /// Asks all clients to leave. A client that is admitted later finds the stop already requested.
    pub(super) fn request_leave(&self) {
        for slot in self.table.occupied().values() {
            slot.leave_requested.notify_one();
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.clients() >= self.settings.max_clients
    }

    /// Waits until the next client can be accepted: until a slot is free, if the settings make
    /// further clients wait, and while too many connections are leaving.
    pub(super) async fn wait_for_turn(&self) {
        while self.must_wait_for_slot() || self.table.too_many_leaving() {
            let mut released = pin!(self.table.released.notified());
            released.as_mut().enable();
            let is_full = self.must_wait_for_slot();
            // Reported once: a server that is often full must not report it for each client.
            if is_full && !self.full_reported.swap(true, Ordering::Relaxed) {
                self.service.notice(AcceptNotice::Full(self.clients()));
            }
            if is_full || self.table.too_many_leaving() {
                released.await;
            }
        }
    }

    fn must_wait_for_slot(&self) -> bool {
        self.settings.when_full == WhenFull::Wait && self.is_full()
    }

    pub(super) fn is_total_reached(&self) -> bool {
        self.settings.total.is_some_and(|total| self.admitted.load(Ordering::Relaxed) >= total)
    }

    /// Allocates a slot for the connection of `peer` to `local`, and evicts another client if the
    /// settings require it; returns `None` if the server is full.
    pub(super) fn admit(self: &Arc<Self>, peer: Addr, local: Arc<Addr>) -> Option<SlotGuard<S>> {
        let slot = Arc::new(Slot::new(peer, local));
        let mut evicted = None;
        let mut occupied = self.table.occupied();
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
        let open = OpenConnection::new(&self.table);
        Some(SlotGuard { slots: Arc::clone(self), slot, id, _open: open })
    }

    /// Counts and reports a client that is not served to its end.
    pub(super) fn report_lost(&self, notice: AcceptNotice) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        self.service.notice(notice);
    }

    /// Refuses a client: sends [`Service::refusal`], under TLS after the handshake, and waits for
    /// the client to close.
    ///
    /// Closing a socket that has unread input resets the connection, and the client may then lose
    /// the refusal.
    pub(super) fn refuse(
        self: &Arc<Self>,
        socket: DetachedSocket,
        peer: Addr,
    ) -> impl Future<Output = ()> + Send + use<S> {
        let (slots, open) = (Arc::clone(self), OpenConnection::new(&self.table));
        async move {
            let Ok(socket) = socket.attach() else { return };
            slots.send_refusal(Stream::new(socket), &peer).await;
            drop(open);
        }
    }

    async fn send_refusal(&self, mut stream: Stream, peer: &Addr) {
        let (closing, deadline) = (self.table.start_closing(), Deadline::after(REFUSAL_TIMEOUT));
        if let Some(tls) = &self.settings.tls {
            let peer = peer.to_string();
            if closing.is_none() || tls.accept(&mut stream, &peer, deadline).await.is_err() {
                return stream.abort();
            }
        }
        let sent = stream.write_all(self.service.refusal(), deadline).await;
        match closing {
            _ if sent.is_err() => stream.abort(),
            Some(_) => stream.finish(deadline).await,
            None => stream.finish_now(),
        }
    }

    /// Waits until all clients have left, and returns true; returns false after `grace` or at a
    /// second stop.
    ///
    /// `None` means that no stop has been requested; if one is, the grace period begins then.
    pub(super) async fn drain(&self, grace: Option<Duration>) -> bool {
        let all_left = async {
            loop {
                let released = self.table.released.notified();
                if self.table.is_empty() {
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
    _open: OpenConnection,
}

impl<S: Service> Drop for SlotGuard<S> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.slots.report_lost(AcceptNotice::Panicked(self.slot.peer.clone()));
        }
        self.slots.table.release(self.id);
    }
}

impl<S: Service> SlotGuard<S> {
    /// Serves the client in this runtime.
    ///
    /// This future is most of the memory that an idle client takes, so it must stay small. For
    /// example, it must not keep the connection besides in the future of the handler.
    pub(super) fn serve(self, socket: DetachedSocket) -> impl Future<Output = ()> + Send {
        let socket = socket.attach();
        async move {
            match (socket, &self.slots.settings.tls) {
                (Err(error), _) => self.not_served(error),
                (Ok(socket), None) => self.handle(self.observed(self.connection(socket))).await,
                // Boxed, so that only TLS needs memory for this future.
                (Ok(socket), Some(tls)) => Box::pin(self.serve_secured(tls, socket)).await,
            }
        }
    }

    /// Performs a handshake with the client and serves it.
    async fn serve_secured(&self, tls: &ServerHandshake, socket: Socket) {
        let mut connection = self.connection(socket);
        match Box::pin(secure(tls, &mut connection)).await {
            Some(Ok(secured)) => {
                connection.client.tls = Some(Box::new(secured));
                self.handle(self.observed(connection)).await;
            }
            Some(Err(error)) => self.slots.service.notice(AcceptNotice::NotSecured(error)),
            None => {}
        }
    }

    fn handle(&self, connection: Connection) -> impl Future<Output = ()> + Send + use<S> {
        Arc::clone(&self.slots.service).handle(connection)
    }

    /// Reports that the client could not be served because of `error`.
    pub(super) fn not_served(&self, error: io::Error) {
        self.slots.report_lost(AcceptNotice::NotServed(self.slot.peer.clone(), error));
    }

    /// Attaches the observer. This follows the handshake, so that a client whose handshake fails is
    /// not observed: it is never reported as connected.
    fn observed(&self, mut connection: Connection) -> Connection {
        if let Some(observe) = &self.slots.settings.observe
            && let Some(observer) = observe(self.id, &self.slot.peer)
        {
            connection.stream.observe(observer);
        }
        connection
    }

    fn connection(&self, socket: Socket) -> Connection {
        let (slots, stream) = (&self.slots, Stream::new(socket));
        let slot = Arc::clone(&self.slot);
        let table = Arc::clone(&slots.table);
        let client = Client {
            id: self.id,
            accepted: Instant::now(),
            tls: None,
            slot: ClientSlot::new(slot, slots.stop.clone(), table, self.id),
        };
        Connection { stream, client }
    }
}

/// How long a refused client may take for its TLS handshake and for closing the connection.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Performs the handshake with a client; returns `None` if the client should leave before it is
/// complete.
async fn secure(
    tls: &ServerHandshake,
    connection: &mut Connection,
) -> Option<Result<SecuredClient, TlsError>> {
    let Connection { stream, client } = connection;
    let (peer, deadline) = (client.peer().to_string(), Deadline::after(HANDSHAKE_TIMEOUT));
    let secured = tokio::select! {
        biased;
        secured = tls.accept(stream, &peer, deadline) => Some(secured),
        _ = client.slot.leave() => None,
    };
    if !matches!(secured, Some(Ok(_))) {
        stream.abort();
    }
    let secured = secured?;
    Some(secured.map(|facts| SecuredClient { facts, at: Instant::now() }))
}

/// Returns the size of the future that serves a client of `S`, in bytes.
#[cfg(test)]
pub fn task_size<S: Service>() -> usize {
    fn size_of_output<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }
    size_of_output(SlotGuard::<S>::serve)
}
