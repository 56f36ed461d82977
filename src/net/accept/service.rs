//! What the accept loop and a server agree on: the service, its settings, its connections.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::net::accept::access::Access;
use crate::net::accept::slot::ClientSlot;
use crate::net::address::addr::Addr;
use crate::net::socket_options::SocketOptions;
use crate::net::stream::Stream;

/// What a server does with a connection.
pub trait Service: Send + Sync + 'static {
    /// Serves one client until it has left, or until [`ClientSlot::leave`] asks.
    fn handle(self: Arc<Self>, connection: Connection) -> impl Future<Output = ()> + Send;

    /// Takes note of what the loop itself has to say. Must not block.
    fn notice(&self, notice: AcceptNotice);

    /// Returns what is said to a client there is no place for.
    fn refusal(&self) -> &'static [u8] {
        b""
    }
}

/// What a server's loop goes by.
#[derive(Clone, Debug)]
pub struct AcceptSettings {
    /// Who may connect.
    pub access: Access,
    /// What is set on every connection.
    pub options: SocketOptions,
    /// Clients at once.
    pub max_clients: usize,
    /// What happens to the next one.
    pub when_full: WhenFull,
    /// Connections served in all; none for no end. The listeners close after the last.
    pub total: Option<u64>,
    /// How long clients may take to finish once a stop was asked for.
    pub grace: Duration,
    /// Threads that serve, the accepting one included; at least one.
    pub workers: usize,
}

/// What happens to a client that comes when the server is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It stays in the kernel's backlog until there is a place.
    Wait,
    /// It is told so and closed.
    Refuse,
    /// The oldest client that has not settled is thrown out for it; where all have, it is refused.
    Evict,
}

/// Something the accept loop did.
#[derive(Debug)]
pub enum AcceptNotice {
    /// The machine gave no connection; said once until it does again.
    AcceptFailed(io::Error),
    /// This client may not connect.
    Denied(Addr),
    /// There was no place for this client.
    Refused(Addr),
    /// This client made place for another.
    Evicted(Addr),
    /// The handler of this client panicked.
    Panicked(Addr),
    /// No connection is taken any more; so many clients are still served.
    Stopping(usize),
}

/// A client, as a handler gets it.
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub stream: Stream,
    /// The other end.
    pub peer: Addr,
    /// Our end.
    pub local: Addr,
    /// The number of this connection in this run, from 1.
    pub id: u64,
    /// When it was accepted.
    pub accepted: Instant,
    /// Its place in the server.
    pub seat: ClientSlot,
}

/// How a server's run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeSummary {
    /// Connections accepted and not refused.
    pub clients: u64,
    /// Clients cut off because a second stop was asked for, or the grace was over.
    pub cut_off: usize,
    /// Whether a second stop ended it.
    pub forced: bool,
}
