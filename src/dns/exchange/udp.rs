//! Sockets for queries over UDP: one for each query, or reused one query after the other.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::net::UdpSocket;

use crate::dns::exchange::connected::connect_udp;
use crate::net::Deadline;
use crate::net::address::endpoint::SourceAddress;
use crate::net::deadline::{Alarm, Elapsed};
use crate::sync::lock;

/// Sockets that the queries of a run reuse, because opening one costs more than a query.
///
/// A query never shares its socket: as with a socket for each query, a forged reply must have the
/// query's port and its random id. A socket returns here only if the reply to its query was the
/// first message, so that neither a late reply nor a forged one can be for the next query.
#[derive(Debug, Default)]
pub struct UdpSockets {
    idle: Mutex<Vec<ServerSocket>>,
}

/// After how many queries a socket is closed. The kernel chooses a random port for the next one,
/// so no port is in use for long.
const QUERIES_PER_SOCKET: u32 = 100;

/// Size of the receive buffer in bytes: servers may exceed the announced size, up to a datagram.
const MAX_MESSAGE: usize = 65_535;

/// A socket that is connected to a server.
#[derive(Debug)]
pub(super) struct ServerSocket {
    addr: SocketAddr,
    socket: UdpSocket,
    alarm: Alarm,
    /// The last message that was received.
    message: Vec<u8>,
    /// Number of queries that have used the socket.
    queries: u32,
    /// The id of the query before this one.
    last_id: Option<u16>,
}

impl UdpSockets {
    /// Takes a socket that is connected to `addr`; `None` if there is none.
    pub(super) fn take(&self, addr: SocketAddr) -> Option<ServerSocket> {
        let mut idle = lock(&self.idle);
        loop {
            let at = idle.iter().rposition(|socket| socket.addr == addr)?;
            let socket = idle.swap_remove(at);
            // Otherwise the kernel has a message that is for no query, or reports an error.
            if socket.is_silent() {
                return Some(socket);
            }
        }
    }

    /// Keeps a socket for a later query, after the reply to the query with this id.
    pub(super) fn put_back(&self, mut socket: ServerSocket, id: u16) {
        socket.queries += 1;
        socket.last_id = Some(id);
        if socket.queries < QUERIES_PER_SOCKET {
            lock(&self.idle).push(socket);
        }
    }
}

impl ServerSocket {
    /// Opens a socket that is connected to `addr`, at the address `from` if that is given.
    ///
    /// # Errors
    /// The kernel has no socket or no route.
    pub(super) async fn open(addr: SocketAddr, from: Option<SourceAddress>) -> io::Result<Self> {
        let socket = connect_udp(addr, from).await?;
        let message = Vec::with_capacity(MAX_MESSAGE);
        let alarm = Alarm::default();
        Ok(Self { addr, socket, alarm, message, queries: 0, last_id: None })
    }

    /// Sends a query.
    ///
    /// # Errors
    /// The kernel reports an error, which can be that of an earlier datagram.
    pub(super) async fn send(&self, query: &[u8]) -> io::Result<()> {
        self.socket.send(query).await.map(drop)
    }

    /// Waits for a message, and returns it.
    ///
    /// # Errors
    /// [`Elapsed`] at the deadline. The inner error is the kernel's: the port is closed, or the
    /// server cannot be reached.
    pub(super) async fn receive(
        &mut self,
        deadline: Deadline,
    ) -> Result<io::Result<&[u8]>, Elapsed> {
        let Self { socket, alarm, message, .. } = self;
        message.clear();
        let received = alarm.bound(deadline, socket.recv_buf(message)).await?;
        Ok(received.map(|_| message.as_slice()))
    }

    /// Returns whether the last message has the id of the query before this one: the network may
    /// deliver a reply twice.
    pub(super) fn is_repeated_reply(&self) -> bool {
        let id = self.message.first_chunk::<2>().map(|id| u16::from_be_bytes(*id));
        self.last_id.is_some() && self.last_id == id
    }

    fn is_silent(&self) -> bool {
        let received = self.socket.try_recv(&mut [0]);
        received.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}
