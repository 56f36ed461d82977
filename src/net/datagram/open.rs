//! Opening datagram sockets: to one peer, or for everybody.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockRef, Type};

use crate::net::address::addr::Addr;
use crate::net::address::endpoint::LocalAddress;
use crate::net::address::host::{Host, Port};
use crate::net::address::names::Family;
use crate::net::address::unix::UnixPlace;
use crate::net::bind::{self, Reach};
use crate::net::datagram::packet_info;
use crate::net::datagram::socket::DatagramSocket;
use crate::net::deadline::Deadline;
use crate::net::error::Error;
use crate::net::self_connection;
use crate::net::socket_file::{self, SocketFile};
use crate::net::socket_options::SocketOptions;

/// What the kernel may keep of datagrams nobody has read yet, in bytes: a burst survives a moment
/// without us. It lowers the number to `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 1024 * 1024;

/// Where a client sends to.
#[derive(Clone, Copy, Debug)]
pub enum DatagramTarget<'a> {
    /// UDP.
    Net(SocketAddr),
    /// A Unix datagram socket.
    Unix(&'a UnixPlace),
}

/// Where datagrams are received from everybody.
#[derive(Clone, Copy, Debug)]
pub enum DatagramBind<'a> {
    /// UDP: the host whose addresses are bound, none for those of the reach; and the port.
    Net(Option<&'a Host>, Port, Reach, Family),
    /// A Unix datagram socket, and the permissions of its file.
    Unix(&'a UnixPlace, Option<u32>),
}

/// Why a socket could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Our own end cannot be the one asked for.
    Own(Error),
    /// There is no way to the peer.
    Peer(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Peer(error)
    }
}

impl DatagramSocket {
    /// Opens a socket for datagrams with one peer, from `from` where that is not left to the
    /// system. A Unix socket gets a name of its own then, so that it can be answered.
    ///
    /// This sends nothing, so that a peer nobody is behind is found out later, if at all; only
    /// Unix sockets say at once that they are not there.
    ///
    /// # Errors
    /// Our end cannot be bound, or there is no way to the peer.
    pub fn connected(
        to: DatagramTarget<'_>,
        from: Option<&LocalAddress>,
        options: SocketOptions,
    ) -> Result<Self, OpenError> {
        let (opened, file) = match (to, from) {
            (DatagramTarget::Net(to), from) => (open_net(to, from, options)?, None),
            (DatagramTarget::Unix(_), Some(LocalAddress::Unix(place))) => {
                bind_unix(place, None).map_err(|source| bind_failed(place.addr(), source))?
            }
            (DatagramTarget::Unix(to), _) => {
                bind_anywhere().map_err(|source| bind_failed(to.addr(), source))?
            }
        };
        match to {
            DatagramTarget::Net(to) => {
                opened.connect(&to.into())?;
                let ends = (opened.local_addr()?.as_socket(), opened.peer_addr()?.as_socket());
                if let (Some(local), Some(peer)) = ends {
                    self_connection::refuse(local, peer)?;
                }
            }
            DatagramTarget::Unix(place) => opened.connect(&place.to_sockaddr()?)?,
        }
        Ok(Self::new(opened, file)?)
    }

    /// Opens sockets for datagrams from everybody: one an address, all on one port.
    ///
    /// # Errors
    /// The host has no address by `deadline`, or one of the sockets cannot be bound.
    pub async fn listen(
        bound: DatagramBind<'_>,
        options: SocketOptions,
        deadline: Deadline,
    ) -> Result<Vec<Self>, Error> {
        match bound {
            DatagramBind::Net(host, port, reach, family) => {
                let bind = |addr| bind(addr, options);
                let start = |opened| Self::new(opened, None);
                bind::open_all(host, port, reach, family, deadline, bind, start).await
            }
            DatagramBind::Unix(place, mode) => {
                let opened = bind_unix(place, mode);
                let opened = opened.and_then(|(opened, file)| Self::new(opened, file));
                let failed = |source| Error::Listen { addr: place.addr(), source };
                Ok(vec![opened.map_err(failed)?])
            }
        }
    }
}

fn open(addr: SocketAddr, options: SocketOptions) -> io::Result<socket2::Socket> {
    let domain = Domain::for_address(addr);
    let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // A courtesy: where it is refused the system's own size has to do.
    socket.set_recv_buffer_size(RECEIVE_BUFFER).ok();
    options.apply_to_packets(&SockRef::from(&socket), addr)?;
    Ok(socket)
}

/// Opens a client's socket, bound to its own end.
fn open_net(
    to: SocketAddr,
    from: Option<&LocalAddress>,
    options: SocketOptions,
) -> Result<socket2::Socket, OpenError> {
    let socket = open(to, options)?;
    match from {
        Some(LocalAddress::Net(from)) => {
            let bound = socket.bind(&(*from).into());
            bound.map_err(|source| bind_failed(Addr::from(*from), source))?;
        }
        Some(LocalAddress::Unix(place)) => {
            return Err(bind_failed(place.addr(), ErrorKind::AddrNotAvailable.into()));
        }
        None => {}
    }
    Ok(socket)
}

/// Opens a listener's socket without `SO_REUSEADDR`: for UDP that would let a second listener take
/// every datagram of the first.
fn bind(addr: SocketAddr, options: SocketOptions) -> io::Result<(socket2::Socket, SocketAddr)> {
    let socket = open(addr, options)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if addr.ip().is_unspecified() {
        packet_info::ask(&socket, addr.is_ipv6())?;
    }
    socket.bind(&addr.into())?;
    let real = socket.local_addr()?.as_socket().unwrap_or(addr);
    Ok((socket, real))
}

fn bind_unix(
    place: &UnixPlace,
    mode: Option<u32>,
) -> io::Result<(socket2::Socket, Option<SocketFile>)> {
    socket_file::bind(place, Type::DGRAM, mode)
}

/// Opens a Unix socket with a name nobody else has: on Linux one that needs no file.
#[cfg(target_os = "linux")]
fn bind_anywhere() -> io::Result<(socket2::Socket, Option<SocketFile>)> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    // Bound to an address without a name, it gets an abstract one: "autobind" in unix(7).
    rustix::net::bind(&socket, &rustix::net::SocketAddrUnix::new_unnamed())?;
    Ok((socket, None))
}

/// Opens a Unix socket with a name nobody else has: a file that only its owner may use.
#[cfg(not(target_os = "linux"))]
fn bind_anywhere() -> io::Result<(socket2::Socket, Option<SocketFile>)> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let unique = since.map_or(0, |since| since.as_nanos());
    let file = format!("sockkit-{}-{unique}.sock", std::process::id());
    bind_unix(&UnixPlace::Path(std::env::temp_dir().join(file)), Some(0o600))
}

fn bind_failed(addr: Addr, source: io::Error) -> OpenError {
    OpenError::Own(Error::Bind { addr, source })
}
