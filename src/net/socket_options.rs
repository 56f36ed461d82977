//! Options that are set on a socket before it carries data.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// Socket options, the same for outgoing and accepted connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Whether small writes are sent at once (`TCP_NODELAY`) instead of after the peer has
    /// acknowledged the previous one.
    pub nodelay: bool,
    /// Idle time before the first TCP keepalive probe, and the interval between probes.
    pub keepalive: Option<Duration>,
    /// Maximum number of hops of a packet (`IP_TTL`, `IPV6_UNICAST_HOPS`).
    pub ttl: Option<u32>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self { nodelay: true, keepalive: None, ttl: None }
    }
}

impl SocketOptions {
    /// Sets the options on a new TCP socket that has the address family of `family`.
    ///
    /// # Errors
    /// The kernel rejects an option.
    pub fn apply_to_new_stream(self, socket: &SockRef<'_>, family: SocketAddr) -> io::Result<()> {
        // A new socket has the option off. A scan saves the system call.
        if self.nodelay {
            socket.set_tcp_nodelay(true)?;
        }
        self.apply_to_any_stream(socket, family)
    }

    /// Sets the options on a TCP socket that has the address family of `family`.
    ///
    /// # Errors
    /// The kernel rejects an option.
    pub fn apply_to_stream(self, socket: &SockRef<'_>, family: SocketAddr) -> io::Result<()> {
        socket.set_tcp_nodelay(self.nodelay)?;
        self.apply_to_any_stream(socket, family)
    }

    fn apply_to_any_stream(self, socket: &SockRef<'_>, family: SocketAddr) -> io::Result<()> {
        if let Some(time) = self.keepalive {
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time).with_interval(time))?;
        }
        self.apply_to_packets(socket, family)
    }

    /// Sets the options that apply to TCP and UDP sockets alike.
    ///
    /// # Errors
    /// The kernel rejects an option.
    pub fn apply_to_packets(self, socket: &SockRef<'_>, family: SocketAddr) -> io::Result<()> {
        match (self.ttl, family.is_ipv4()) {
            (Some(ttl), true) => socket.set_ttl_v4(ttl),
            (Some(ttl), false) => socket.set_unicast_hops_v6(ttl),
            (None, _) => Ok(()),
        }
    }
}
