//! One datagram socket: connected to a peer, or bound for all.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use tokio::io::Interest;
use tokio::net::{UdpSocket, UnixDatagram};

use crate::net::address::addr::Addr;
use crate::net::datagram::address::{DatagramAddress, Received, Route};
use crate::net::datagram::packet_info;
use crate::net::socket_file::SocketFile;

/// How long a full socket is left alone before it is tried again, first and at most. Nothing
/// announces that a Unix socket we are not connected to has place again.
const PAUSES: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(20));

/// A datagram socket.
#[derive(Debug)]
pub struct DatagramSocket {
    way: SocketMode,
    local: Addr,
    /// Bound to all addresses: each datagram says to which it came.
    is_wildcard: bool,
    /// Removed with the socket.
    file: Option<SocketFile>,
}

/// The socket itself, as the runtime has it.
#[derive(Debug)]
enum SocketMode {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

/// Calls a method that both kinds of socket have.
macro_rules! either {
    ($this:expr, $socket:ident => $call:expr) => {
        match &$this.way {
            SocketMode::Udp($socket) => $call,
            SocketMode::Unix($socket) => $call,
        }
    };
}

impl DatagramSocket {
    /// Takes over a socket that is bound, and the file that goes with it.
    ///
    /// # Errors
    /// The runtime does not take it.
    pub(super) fn new(opened: socket2::Socket, file: Option<SocketFile>) -> io::Result<Self> {
        let local = Addr::from(&DatagramAddress::from(Some(rustix::net::getsockname(&opened)?)));
        let is_wildcard = local.ip().is_some_and(|ip| ip.is_unspecified());
        let opened = OwnedFd::from(opened);
        let way = match local {
            Addr::Net(_) => SocketMode::Udp(UdpSocket::from_std(opened.into())?),
            Addr::Unix(_) => SocketMode::Unix(UnixDatagram::from_std(opened.into())?),
        };
        Ok(Self { way, local, is_wildcard, file })
    }

    /// Returns our own address.
    pub fn local(&self) -> &Addr {
        &self.local
    }

    /// Returns whether there is a file to remove at the end.
    pub fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Returns our own address as a peer sees it that sent to `to`.
    pub(super) fn local_for(&self, to: Option<IpAddr>) -> Addr {
        match (&self.local, to) {
            (Addr::Net(addr), Some(ip)) => Addr::Net(SocketAddr::new(ip, addr.port())),
            (local, _) => local.clone(),
        }
    }

    /// Waits until there is a datagram, or a failure to be told.
    pub(super) async fn readable(&self) -> io::Result<()> {
        // Linux tells failures apart from datagrams.
        let told = Interest::READABLE | Interest::ERROR;
        either!(self, socket => socket.ready(told).await).map(drop)
    }

    /// Like [`Self::readable`], for several sockets at once.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, socket => socket.poll_recv_ready(context))
    }

    /// Receives a datagram, or a failure of one that was sent.
    ///
    /// # Errors
    /// `WouldBlock` where there is none; `ConnectionRefused` where nobody is at the other end.
    pub(super) fn try_receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut receive = || {
            if self.is_wildcard {
                packet_info::receive(self.as_fd(), buffer)
            } else {
                receive_plainly(self.as_fd(), buffer)
            }
        };
        let mut try_one = |what| either!(self, socket => socket.try_io(what, &mut receive));
        match try_one(Interest::READABLE) {
            // One kind of event at a time: for two the runtime says that there is neither.
            Err(error) if error.kind() == ErrorKind::WouldBlock => try_one(Interest::ERROR),
            done => done,
        }
    }

    /// Sends a datagram along `route`, or to the peer the socket is connected to.
    ///
    /// # Errors
    /// What the socket reports, also of the datagram before.
    pub(super) async fn send(&self, bytes: &[u8], route: Option<&Route>) -> io::Result<()> {
        let (mut pause, longest) = PAUSES;
        loop {
            match self.send_now(bytes, route) {
                Err(error) if is_full(&error) => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(longest);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    fn send_now(&self, bytes: &[u8], route: Option<&Route>) -> io::Result<()> {
        let (socket, flags) = (self.as_fd(), SendFlags::empty());
        let sent = match route {
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

/// Receives a datagram that waits, without asking to which of our addresses it came.
pub(super) fn receive_plainly(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let room = buffer.len();
    // With this flag the length is that of the datagram, though the buffer may be shorter.
    let (_, len, from) = rustix::net::recvfrom(socket, buffer, RecvFlags::TRUNC)?;
    Ok(Received { len: len.min(room), is_cut: len > room, from: from.into(), to: None })
}

/// Whether a datagram has to wait: for the system, or for a peer that does not read.
fn is_full(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
        || error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error())
}
