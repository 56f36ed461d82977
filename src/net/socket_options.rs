//! What is set on a socket before it carries anything.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// The options of a socket, the same for those that connect and those that are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Whether small writes leave at once (`TCP_NODELAY`) instead of waiting for the
    /// acknowledgement of the one before.
    pub nodelay: bool,
    /// After how long a silence the peer's TCP is asked whether it is still there, and how long
    /// after that again.
    pub keepalive: Option<Duration>,
    /// How many hops a packet may take (`IP_TTL`, `IPV6_UNICAST_HOPS`).
    pub ttl: Option<u32>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self { nodelay: true, keepalive: None, ttl: None }
    }
}

impl SocketOptions {
    /// Sets them on a TCP socket of `family`'s family.
    ///
    /// # Errors
    /// The kernel refuses one.
    pub fn apply_to_stream(self, socket: &SockRef<'_>, family: SocketAddr) -> io::Result<()> {
        socket.set_tcp_nodelay(self.nodelay)?;
        if let Some(time) = self.keepalive {
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time).with_interval(time))?;
        }
        self.apply_to_packets(socket, family)
    }

    /// Sets what concerns packets of any kind.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub fn apply_to_packets(self, socket: &SockRef<'_>, family: SocketAddr) -> io::Result<()> {
        match (self.ttl, family.is_ipv4()) {
            (Some(ttl), true) => socket.set_ttl_v4(ttl),
            (Some(ttl), false) => socket.set_unicast_hops_v6(ttl),
            (None, _) => Ok(()),
        }
    }
}
