//! Sockets that are bound to a port.

use std::fmt;
#[cfg(not(target_os = "linux"))]
use std::io;
use std::net::{IpAddr, SocketAddr};

/// A TCP or UDP socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundSocket {
    /// The protocol.
    pub protocol: SocketProtocol,
    /// The local address.
    pub local: SocketAddr,
    /// The name of the interface to which the socket is bound, if it is.
    pub device: Option<u32>,
    /// What it is used for.
    pub state: SocketState,
    /// Whether an IPv6 socket also has the port on IPv4.
    pub is_dual_stack: bool,
    /// Connections, or bytes of datagrams, that wait for the process.
    pub waiting: u32,
    /// The most connections that may wait; `None` unless it listens.
    pub backlog: Option<u32>,
    /// The user that opened it.
    pub uid: u32,
    /// The number by which processes refer to it; 0 if no process has it any more.
    pub inode: u64,
}

/// A transport protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SocketProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// What a socket is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SocketState {
    /// It accepts connections, or datagrams from any peer.
    Listening,
    /// It has a peer.
    Connected,
    /// Its connection has ended, and the kernel keeps the port for a while.
    Closing,
}

impl BoundSocket {
    /// Returns the address families on which it has the port.
    pub fn family(&self) -> &'static str {
        match (self.local.ip(), self.is_dual_stack) {
            (IpAddr::V4(_), _) => "IPv4",
            (IpAddr::V6(_), true) => "IPv4+IPv6",
            (IpAddr::V6(_), false) => "IPv6",
        }
    }
}

impl fmt::Display for SocketProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

impl fmt::Display for SocketState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listening => "listening",
            Self::Connected => "connected",
            Self::Closing => "closing",
        })
    }
}

/// The error of a request that this system does not support.
#[cfg(not(target_os = "linux"))]
pub(super) fn unsupported() -> io::Error {
    io::ErrorKind::Unsupported.into()
}

/// Returns the sockets of this machine, sorted by port, protocol and address.
pub(super) fn sorted(mut sockets: Vec<BoundSocket>) -> Vec<BoundSocket> {
    sockets.sort_by_key(|socket| (socket.local.port(), socket.protocol, socket.local.ip()));
    sockets
}
