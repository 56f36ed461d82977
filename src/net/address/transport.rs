//! The transports an endpoint may name.

/// How bytes travel.
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
    /// Returns whether what is sent keeps its boundaries.
    pub fn is_for_datagrams(self) -> bool {
        matches!(self, Self::Udp | Self::UnixDatagram)
    }

    /// Returns this transport with what `--udp` and `--tls` say; none where they contradict it.
    pub fn with_flags(self, udp: bool, tls: bool) -> Option<Self> {
        match (self, udp, tls) {
            (this, false, false) => Some(this),
            (Self::Tcp | Self::Udp, true, false) => Some(Self::Udp),
            (Self::Tcp | Self::Tls, false, true) => Some(Self::Tls),
            (Self::Unix | Self::UnixDatagram, true, false) => Some(Self::UnixDatagram),
            _ => None,
        }
    }
}
