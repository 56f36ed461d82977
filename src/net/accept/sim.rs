//! A server without listening sockets, for simulated clients: the slots, the eviction and the drain
//! of the accept loop.

use std::sync::Arc;
use std::time::Duration;

use crate::net::accept::access::Access;
use crate::net::accept::service::{AcceptNotice, AcceptSettings, Service, WhenFull};
use crate::net::accept::slots::Slots;
use crate::net::address::addr::Addr;
use crate::net::socket_options::SocketOptions;
use crate::net::stop::Stop;
use crate::net::stream::sim::SimSocket;
use crate::net::tls::ServerHandshake;

/// The server.
pub(crate) struct SimServer<S: Service> {
    slots: Arc<Slots<S>>,
    pub(crate) stop: Stop,
}

impl<S: Service> SimServer<S> {
    pub(crate) fn start(
        service: Arc<S>,
        (max_clients, max_closing): (usize, usize),
        when_full: WhenFull,
        grace: Duration,
        tls: Option<ServerHandshake>,
    ) -> Self {
        let settings = AcceptSettings {
            access: Access::default(),
            options: SocketOptions::default(),
            max_clients,
            when_full,
            total: None,
            grace,
            max_closing,
            tls,
            observe: None,
            workers: 1,
        };
        let stop = Stop::new();
        Self { slots: Arc::new(Slots::new(settings, stop.clone(), service)), stop }
    }

    /// Serves or refuses a client, as the accept loop does.
    pub(crate) fn connect(&self, socket: SimSocket, peer: Addr) {
        let socket = socket.detached();
        if let Some(guard) = self.slots.admit(peer.clone(), Arc::new(SimSocket::local_addr())) {
            tokio::spawn(guard.serve(socket));
        } else {
            self.slots.service.notice(AcceptNotice::Refused(peer.clone()));
            let slots = Arc::clone(&self.slots);
            tokio::spawn(async move { slots.refuse(socket, peer).await });
        }
    }

    /// Waits until the server has stopped: true if all clients have left in time.
    pub(crate) async fn drain(&self) -> bool {
        self.slots.drain(None).await
    }

    /// Waits until all clients have left, at most for `limit`.
    pub(crate) async fn is_empty_within(&self, limit: Duration) -> bool {
        self.slots.drain(Some(limit)).await
    }
}
