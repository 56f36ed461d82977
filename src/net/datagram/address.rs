//! Where datagrams come from and go to.

use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::net::{SocketAddrAny, SocketAddrUnix};

use crate::net::address::addr::Addr;

/// Where a datagram is from, or goes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum DatagramAddress {
    Net(SocketAddr),
    Unix(SocketAddrUnix),
    /// A Unix socket that has no name, and so cannot be answered.
    Unnamed,
}

/// A datagram that came.
#[derive(Debug)]
pub(super) struct Received {
    /// Bytes of it in the buffer.
    pub len: usize,
    /// Whether there was more of it, which is lost.
    pub is_cut: bool,
    pub from: DatagramAddress,
    /// Which of our addresses it came to, where there are several.
    pub to: Option<IpAddr>,
}

/// How a peer is answered.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub to: DatagramAddress,
    /// The address of ours the peer knows.
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
            DatagramAddress::Unix(name) => shown(name),
            // As a socket without a name is shown everywhere.
            DatagramAddress::Unnamed => Self::Unix("unix:".into()),
        }
    }
}

fn shown(name: &SocketAddrUnix) -> Addr {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.abstract_name() {
        return Addr::of_abstract(name);
    }
    match name.path_bytes() {
        Some(path) => Addr::of_path(Path::new(OsStr::from_bytes(path))),
        None => Addr::Unix("unix:".into()),
    }
}
