//! The transports of endpoints and listen addresses.

/// The transport that carries the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TCP stream.
    Tcp,
    /// UDP datagrams.
    Udp,
    /// TLS over TCP.
    Tls,
    /// A Unix stream.
    Unix,
    /// Unix datagrams.
    UnixDatagram,
}

impl Transport {
    /// Returns whether the transport carries datagrams, which keep their boundaries.
    pub fn is_datagram(self) -> bool {
        matches!(self, Self::Udp | Self::UnixDatagram)
    }

    /// Returns this transport changed by `--udp` and `--tls`; `None` if they contradict it.
    pub fn with_flags(self, udp: bool, tls: bool) -> Option<Self> {
        match (self, udp, tls) {
            (transport, false, false) => Some(transport),
            (Self::Tcp | Self::Udp, true, false) => Some(Self::Udp),
            (Self::Tcp | Self::Tls, false, true) => Some(Self::Tls),
            (Self::Unix | Self::UnixDatagram, true, false) => Some(Self::UnixDatagram),
            _ => None,
        }
    }
}
