//! A datagram socket: connected to one peer, or bound to receive from any.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::net::{UdpSocket, UnixDatagram};

use crate::net::address::addr::Addr;
use crate::net::datagram::address::{DatagramAddress, Received, Route};
use crate::net::datagram::packet_info;
use crate::net::socket_file::SocketFile;

/// First and longest interval between attempts to send on a full socket. The kernel reports no
/// event when the queue of an unconnected Unix socket has space again.
const RETRY_INTERVALS: (Duration, Duration) =
    (Duration::from_micros(500), Duration::from_millis(20));

/// A datagram socket.
#[derive(Debug)]
pub struct DatagramSocket {
    socket: SocketMode,
    local: Addr,
    /// Whether it is bound to a wildcard address, so that the kernel reports each datagram's
    /// destination.
    is_wildcard: bool,
    /// The file of a Unix socket, removed on drop.
    file: Option<SocketFile>,
    /// The broadcast or multicast address to send to, if the socket is not connected.
    group: Option<SocketAddr>,
}

/// The socket, registered with the runtime.
#[derive(Debug)]
enum SocketMode {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

/// Calls a method that both kinds of socket have.
macro_rules! either {
    ($this:expr, $socket:ident => $call:expr) => {
        match &$this.socket {
            SocketMode::Udp($socket) => $call,
            SocketMode::Unix($socket) => $call,
        }
    };
}

impl DatagramSocket {
    /// Registers a bound socket with the runtime; `file` is removed on drop.
    ///
    /// # Errors
    /// The runtime cannot register it.
    pub(super) fn new(opened: socket2::Socket, file: Option<SocketFile>) -> io::Result<Self> {
        let local = Addr::from(&DatagramAddress::from(Some(rustix::net::getsockname(&opened)?)));
        let is_wildcard = local.ip().is_some_and(|ip| ip.is_unspecified());
        let opened = OwnedFd::from(opened);
        let socket = match local {
            Addr::Net(_) => SocketMode::Udp(UdpSocket::from_std(opened.into())?),
            Addr::Unix(_) => SocketMode::Unix(UnixDatagram::from_std(opened.into())?),
        };
        Ok(Self { socket, local, is_wildcard, file, group: None })
    }

    /// Sets the broadcast or multicast address to which datagrams without a route are sent.
    pub(super) fn with_group(self, group: SocketAddr) -> Self {
        Self { group: Some(group), ..self }
    }

    /// Returns whether several peers can answer.
    pub(super) fn has_group(&self) -> bool {
        self.group.is_some()
    }

    /// Returns the local address.
    pub fn local(&self) -> &Addr {
        &self.local
    }

    /// Returns the address of the peer or group of a client's socket.
    pub(super) fn peer(&self) -> Addr {
        let connected = || rustix::net::getpeername(self).ok().flatten();
        Addr::from(&self.group.map_or_else(|| connected().into(), DatagramAddress::Net))
    }

    /// Returns whether the socket has a file, which is removed on drop.
    pub fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Returns the local address that a peer sent to: `to`, if known, with the local port.
    pub(super) fn local_for(&self, to: Option<IpAddr>) -> Addr {
        match (&self.local, to) {
            (Addr::Net(addr), Some(ip)) => Addr::Net(SocketAddr::new(ip, addr.port())),
            (local, _) => local.clone(),
        }
    }

    /// Waits until a datagram or an error can be received.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub(in crate::net) async fn readable(&self) -> io::Result<()> {
        // Linux reports a pending error as a separate event.
        let interest = Interest::READABLE | Interest::ERROR;
        either!(self, socket => socket.ready(interest).await).map(drop)
    }

    /// Polls for a received datagram, so that a caller can wait for several sockets.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, socket => socket.poll_recv_ready(context))
    }

    /// Receives a queued datagram, or the error of one that was sent.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is queued; `ConnectionRefused` if the peer's port is closed.
    pub(in crate::net) fn try_receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut receive = || {
            if self.is_wildcard {
                packet_info::receive(self.as_fd(), buffer)
            } else {
                packet_info::receive_simple(self.as_fd(), buffer)
            }
        };
        let mut try_with =
            |interest| either!(self, socket => socket.try_io(interest, &mut receive));
        match try_with(Interest::READABLE) {
            // One interest per call: for a combined one, tokio always returns `WouldBlock`.
            Err(error) if error.kind() == ErrorKind::WouldBlock => try_with(Interest::ERROR),
            done => done,
        }
    }

    /// Sends a datagram along `route`, or else to the peer or group of a client's socket.
    ///
    /// # Errors
    /// The error that the socket reports, possibly about an earlier datagram.
    pub(in crate::net) async fn send(&self, bytes: &[u8], route: Option<&Route>) -> io::Result<()> {
        let (mut interval, longest) = RETRY_INTERVALS;
        loop {
            match self.send_now(bytes, route) {
                Err(error) if is_full(&error) => {
                    tokio::time::sleep(interval).await;
                    interval = (interval * 2).min(longest);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    fn send_now(&self, bytes: &[u8], route: Option<&Route>) -> io::Result<()> {
        let (socket, flags) = (self.as_fd(), SendFlags::empty());
        let sent = match route {
            None if let Some(group) = self.group => {
                rustix::net::sendto(socket, bytes, flags, &group)
            }
            None => rustix::net::send(socket, bytes, flags),
            Some(Route { to: DatagramAddress::Net(to), from: Some(from) }) => {
                return packet_info::send(socket, bytes, *to, *from);
            }
            Some(Route { to: DatagramAddress::Net(to), .. }) => {
                rustix::net::sendto(socket, bytes, flags, to)
            }
            Some(Route { to: DatagramAddress::Unix(to), .. }) => {
                rustix::net::sendto(socket, bytes, flags, to)
            }
            Some(Route { to: DatagramAddress::Unnamed, .. }) => Err(Errno::DESTADDRREQ),
        };
        Ok(sent.map(drop)?)
    }
}

impl AsFd for DatagramSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        either!(self, socket => socket.as_fd())
    }
}

/// Returns whether a send failed because a queue is full: the kernel's, or that of a Unix peer.
fn is_full(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
        || error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error())
}
