//! The interface between the accept loop and a server: service, settings, notices, connections.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::net::accept::access::Access;
use crate::net::accept::client_slot::ClientSlot;
use crate::net::address::addr::Addr;
use crate::net::socket_options::SocketOptions;
use crate::net::stream::Stream;
use crate::net::stream::observer::StreamObserver;
use crate::net::tls::{ServerHandshake, TlsError, TlsFacts};

/// The part of a server that handles connections.
pub trait Service: Send + Sync + 'static {
    /// Serves one client until it disconnects, or until [`ClientSlot::leave`] returns.
    fn handle(self: Arc<Self>, connection: Connection) -> impl Future<Output = ()> + Send;

    /// Handles a notice from the accept loop. Must not block.
    fn notice(&self, notice: AcceptNotice);

    /// Returns what to send to a client that is refused because the server is full.
    fn refusal(&self) -> &'static [u8] {
        b""
    }
}

/// The settings of an accept loop.
#[derive(Clone)]
pub struct AcceptSettings {
    /// Which clients may connect.
    pub access: Access,
    /// The socket options of every connection.
    pub options: SocketOptions,
    /// Maximum number of clients served at once.
    pub max_clients: usize,
    /// What happens to a further client.
    pub when_full: WhenFull,
    /// Connections to serve in total, after which the listeners close; `None` for no limit.
    pub total: Option<u64>,
    /// How long clients may take to finish after a stop is requested.
    pub grace: Duration,
    /// How many connections that need no slot any more may wait at once for their peer to close;
    /// further ones are closed at once.
    pub max_closing: usize,
    /// How TLS begins on every connection; `None` if the service gets plain streams.
    pub tls: Option<ServerHandshake>,
    /// Returns what observes a connection.
    pub observe: Option<ObserverFactory>,
    /// Number of threads that serve clients, including the accepting one; at least 1.
    pub workers: usize,
}

/// Returns the observer of the connection with this number and peer, if there is one.
pub type ObserverFactory = Arc<dyn Fn(u64, &Addr) -> Option<Box<dyn StreamObserver>> + Send + Sync>;

/// What happens to a client that connects when the server is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It stays in the kernel's backlog until a slot is free.
    Wait,
    /// It receives [`Service::refusal`] and is disconnected.
    Refuse,
    /// The oldest client that has not settled is evicted; if all have settled, it is refused.
    Evict,
}

/// A notice from the accept loop.
#[derive(Debug)]
pub enum AcceptNotice {
    /// accept(2) failed; sent once until it succeeds again.
    AcceptFailed(io::Error),
    /// The access rules deny this client.
    Denied(Addr),
    /// No slot was free for this client.
    Refused(Addr),
    /// All slots are occupied, by this many clients, so the next client waits; sent once.
    Full(usize),
    /// This client was evicted for a new one.
    Evicted(Addr),
    /// This client could not be served.
    NotServed(Addr, io::Error),
    /// The TLS handshake with a client failed.
    NotSecured(TlsError),
    /// The handler of this client panicked.
    Panicked(Addr),
    /// No more connections are accepted; this many clients are still being served.
    Stopping(usize),
}

/// A client's connection, as its handler receives it.
#[derive(Debug)]
pub struct Connection {
    /// The stream, after its TLS handshake if there is one.
    pub stream: Stream,
    /// Whose it is.
    pub client: Client,
}

/// A client of a server.
#[derive(Debug)]
pub struct Client {
    /// The number of this connection in this run, from 1.
    pub id: u64,
    /// When it was accepted.
    pub accepted: Instant,
    /// The handshake; `None` if the accept loop started no TLS.
    pub tls: Option<Box<SecuredClient>>,
    /// The client's slot in the server.
    pub slot: ClientSlot,
}

/// The TLS handshake of a client.
#[derive(Debug)]
pub struct SecuredClient {
    /// The parameters of TLS.
    pub facts: TlsFacts,
    /// When the handshake was complete.
    pub at: Instant,
}

impl Client {
    /// Returns the address of the peer.
    pub fn peer(&self) -> &Addr {
        self.slot.peer()
    }

    /// Returns the local address.
    pub fn local(&self) -> &Addr {
        self.slot.local()
    }
}

/// The result of a server's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeSummary {
    /// Connections that were accepted and neither denied nor refused.
    pub clients: u64,
    /// Clients cut off by a second stop or by the end of the grace period.
    pub cut_off: usize,
    /// Clients that could not be served, or whose handler panicked.
    pub lost: u64,
}
