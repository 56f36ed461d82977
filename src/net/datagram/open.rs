//! Opens datagram sockets: connected to one peer, or bound to receive from any.

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

/// Requested size of the receive buffer, in bytes, so that a burst is not dropped before sockkit
/// reads it. The kernel limits it to `net.core.rmem_max` (socket(7)).
const RECEIVE_BUFFER: usize = 1024 * 1024;

/// The destination of a client.
#[derive(Clone, Copy, Debug)]
pub enum DatagramTarget<'a> {
    /// A UDP address.
    Net(SocketAddr),
    /// A Unix datagram socket.
    Unix(&'a UnixPlace),
}

/// The local address of a listener.
#[derive(Clone, Copy, Debug)]
pub enum DatagramBind<'a> {
    /// UDP: the host whose addresses are bound (`None` for the addresses that the reach implies),
    /// the port, the reach, and the address family.
    Net(Option<&'a Host>, Port, Reach, Family),
    /// A Unix datagram socket, and the mode of its file.
    Unix(&'a UnixPlace, Option<u32>),
}

/// Why a socket could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The local address cannot be bound.
    Local(Error),
    /// The peer cannot be reached.
    Peer(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Peer(error)
    }
}

impl DatagramSocket {
    /// Opens a socket that is connected to the peer `to`, bound to `from` if given. Without `from`,
    /// a Unix socket is bound to a unique name, so that the peer can reply. For a broadcast or
    /// multicast address, the socket is not connected, and receives from every address.
    ///
    /// This sends nothing, so a UDP port without a listener is detected only later, if at all. A
    /// Unix socket that does not exist is an error at once.
    ///
    /// # Errors
    /// The local address cannot be bound, there is no route to the peer, or its socket does not
    /// exist.
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
                bind_unique().map_err(|source| bind_failed(to.addr(), source))?
            }
        };
        match to {
            DatagramTarget::Net(to) if is_group(&opened, to)? => {
                // A connected socket would discard the answers, which come from other addresses.
                drop(opened);
                let opened = open_net(to, from, options)?;
                if to.is_ipv4() {
                    opened.set_broadcast(true)?;
                }
                return Ok(Self::new(opened, file)?.with_group(to));
            }
            DatagramTarget::Net(to) => {
                opened.connect(&to.into())?;
                let ends = (opened.local_addr()?.as_socket(), opened.peer_addr()?.as_socket());
                if let (Some(local), Some(peer)) = ends {
                    self_connection::refuse(local, peer)?;
                }
            }
            DatagramTarget::Unix(place) => {
                let connected = opened.connect(&place.to_sockaddr()?);
                connected.map_err(|error| place.explain(error))?;
            }
        }
        Ok(Self::new(opened, file)?)
    }

    /// Opens the sockets of a listener: one per address, all with the same port.
    ///
    /// # Errors
    /// The host is not resolved by `deadline`, or one of the sockets cannot be bound.
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

/// Opens a UDP socket for the family of `addr`, with `options`.
fn open(addr: SocketAddr, options: SocketOptions) -> io::Result<socket2::Socket> {
    let domain = Domain::for_address(addr);
    let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // If the kernel refuses, the default size still works.
    socket.set_recv_buffer_size(RECEIVE_BUFFER).ok();
    options.apply_to_packets(&SockRef::from(&socket), addr)?;
    Ok(socket)
}

/// Returns whether `to` reaches several machines: a multicast or a broadcast address.
fn is_group(socket: &socket2::Socket, to: SocketAddr) -> io::Result<bool> {
    if to.ip().is_multicast() {
        return Ok(true);
    }
    // Only the kernel knows the broadcast addresses of all networks. It refuses them unless
    // SO_BROADCAST is set (ip(7)); if it still does, a route or a firewall rule is the cause.
    match socket.connect(&to.into()) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied && to.is_ipv4() => {
            socket.set_broadcast(true)?;
            socket.connect(&to.into()).map(|()| true)
        }
        _ => Ok(false),
    }
}

/// Opens a client's UDP socket, bound to `from` if given.
fn open_net(
    to: SocketAddr,
    from: Option<&LocalAddress>,
    options: SocketOptions,
) -> Result<socket2::Socket, OpenError> {
    let socket = open(to, options)?;
    match from {
        Some(LocalAddress::Net(from)) => {
            let from = from.for_peer(to);
            let bound = socket.bind(&from.into());
            bound.map_err(|source| bind_failed(from.into(), source))?;
        }
        Some(LocalAddress::Unix(place)) => {
            return Err(bind_failed(place.addr(), ErrorKind::AddrNotAvailable.into()));
        }
        None => {}
    }
    Ok(socket)
}

/// Opens a listener's UDP socket, and returns it with its bound address. `SO_REUSEADDR` stays off:
/// with it, a second listener on the same port would take the datagrams of the first.
fn bind(addr: SocketAddr, options: SocketOptions) -> io::Result<(socket2::Socket, SocketAddr)> {
    let socket = open(addr, options)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if addr.ip().is_unspecified() {
        packet_info::enable(&socket, addr.is_ipv6())?;
    }
    socket.bind(&addr.into())?;
    let bound_addr = socket.local_addr()?.as_socket().unwrap_or(addr);
    Ok((socket, bound_addr))
}

fn bind_unix(
    place: &UnixPlace,
    mode: Option<u32>,
) -> io::Result<(socket2::Socket, Option<SocketFile>)> {
    socket_file::bind(place, Type::DGRAM, mode)
}

/// Opens a Unix socket bound to a unique abstract name, which needs no file.
#[cfg(target_os = "linux")]
fn bind_unique() -> io::Result<(socket2::Socket, Option<SocketFile>)> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    // Binding to an unnamed address makes the kernel choose an abstract one: "autobind" in unix(7).
    rustix::net::bind(&socket, &rustix::net::SocketAddrUnix::new_unnamed())?;
    Ok((socket, None))
}

/// Opens a Unix socket bound to a unique file that only its owner can use.
#[cfg(not(target_os = "linux"))]
fn bind_unique() -> io::Result<(socket2::Socket, Option<SocketFile>)> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let unique = since.map_or(0, |since| since.as_nanos());
    let file = format!("sockkit-{}-{unique}.sock", std::process::id());
    bind_unix(&UnixPlace::Path(std::env::temp_dir().join(file)), Some(0o600))
}

fn bind_failed(addr: Addr, source: io::Error) -> OpenError {
    OpenError::Local(Error::Bind { addr, source })
}
