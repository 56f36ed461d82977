//! Addresses of datagrams: source, destination, and the route of a reply.

use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::net::{SocketAddrAny, SocketAddrUnix};

use crate::net::address::addr::Addr;

/// The source or destination of a datagram.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::net) enum DatagramAddress {
    Net(SocketAddr),
    Unix(SocketAddrUnix),
    /// A Unix socket without a name, to which no reply can be sent.
    Unnamed,
}

/// A received datagram.
#[derive(Debug)]
pub(in crate::net) struct Received {
    /// The number of its bytes in the buffer.
    pub len: usize,
    /// Whether the datagram was longer than the buffer, so that its end was discarded.
    pub is_truncated: bool,
    pub from: DatagramAddress,
    /// The local address it was sent to, if the socket is bound to a wildcard address.
    pub to: Option<IpAddr>,
}

/// The route of a reply to a peer.
#[derive(Clone, Debug)]
pub(in crate::net) struct Route {
    pub to: DatagramAddress,
    /// The local address to send from: the one that the peer sent to; `None` to let the kernel
    /// choose.
    pub from: Option<IpAddr>,
}

impl From<Option<SocketAddrAny>> for DatagramAddress {
    fn from(address: Option<SocketAddrAny>) -> Self {
        let Some(address) = address else { return Self::Unnamed };
        if let Ok(addr) = SocketAddr::try_from(address.clone()) {
            return Self::Net(addr);
        }
        match SocketAddrUnix::try_from(address) {
            Ok(name) if !name.is_unnamed() => Self::Unix(name),
            _ => Self::Unnamed,
        }
    }
}

impl From<&DatagramAddress> for Addr {
    fn from(address: &DatagramAddress) -> Self {
        match address {
            DatagramAddress::Net(addr) => Self::canonical(*addr),
            DatagramAddress::Unix(name) => unix_addr(name),
            DatagramAddress::Unnamed => Self::unnamed(),
        }
    }
}

fn unix_addr(name: &SocketAddrUnix) -> Addr {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.abstract_name() {
        return Addr::of_abstract(name);
    }
    match name.path_bytes() {
        Some(path) => Addr::of_path(Path::new(OsStr::from_bytes(path))),
        None => Addr::unnamed(),
    }
}
