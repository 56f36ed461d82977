//! Reads the local address that a datagram was sent to, and sets the address that a reply is sent
//! from (`IP_PKTINFO` in ip(7), RFC 3542 section 6).
//!
//! Without this, a reply from a socket bound to a wildcard address has the source address that the
//! kernel's route prefers, and a client that sent to a different local address rejects the reply.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::net::RecvFlags;

use crate::net::datagram::address::Received;
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(crate) use crate::net::datagram::packet_info::supported::{enable, receive, send};
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(crate) use crate::net::datagram::packet_info::unsupported::{enable, receive, send};

/// Receives a queued datagram, without the local address it was sent to.
pub(super) fn receive_simple(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let capacity = buffer.len();
    // With MSG_TRUNC, recv(2) returns the datagram's full length even if the buffer is shorter.
    let (_, len, from) = rustix::net::recvfrom(socket, buffer, RecvFlags::TRUNC)?;
    Ok(Received {
        len: len.min(capacity),
        is_truncated: len > capacity,
        from: from.into(),
        to: None,
    })
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
mod supported {
    use std::io::{self, IoSlice, IoSliceMut};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
    use std::os::fd::{AsRawFd as _, BorrowedFd};

    use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
    use nix::sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg,
        setsockopt, sockopt,
    };
    use socket2::Socket;

    use crate::net::datagram::address::{DatagramAddress, Received};

    /// Makes the kernel report the destination address with every datagram.
    pub(crate) fn enable(socket: &Socket, is_ipv6: bool) -> io::Result<()> {
        if is_ipv6 {
            setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        } else {
            setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
        }
        Ok(())
    }

    /// Receives a queued datagram, with the local address it was sent to.
    pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
        let capacity = buffer.len();
        let mut control = nix::cmsg_space!(in_pktinfo, in6_pktinfo);
        let mut parts = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrStorage>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::empty(),
        )?;
        let from = message.address.as_ref().and_then(net_address);
        let to = message.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                Some(IpAddr::from(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes())))
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                Some(IpAddr::from(Ipv6Addr::from(info.ipi6_addr.s6_addr)))
            }
            _ => None,
        });
        Ok(Received {
            len: message.bytes.min(capacity),
            is_truncated: message.flags.contains(MsgFlags::MSG_TRUNC),
            from: from.map_or(DatagramAddress::Unnamed, DatagramAddress::Net),
            // A reply to a multicast datagram cannot be sent from the multicast address.
            to: to.filter(|ip| !ip.is_multicast() && !ip.is_unspecified()),
        })
    }

    /// Sends a datagram with the source address `from`.
    pub(crate) fn send(
        socket: BorrowedFd<'_>,
        bytes: &[u8],
        to: SocketAddr,
        from: IpAddr,
    ) -> io::Result<()> {
        let parts = [IoSlice::new(bytes)];
        let destination = Some(SockaddrStorage::from(to));
        let send = |packet_info: ControlMessage<'_>| {
            let flags = MsgFlags::empty();
            sendmsg(socket.as_raw_fd(), &parts, &[packet_info], flags, destination.as_ref())
        };
        match from {
            IpAddr::V4(ip) => send(ControlMessage::Ipv4PacketInfo(&in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
                ipi_addr: in_addr { s_addr: 0 },
            })),
            IpAddr::V6(ip) => send(ControlMessage::Ipv6PacketInfo(&in6_pktinfo {
                ipi6_addr: in6_addr { s6_addr: ip.octets() },
                // A link-local destination carries its own zone.
                ipi6_ifindex: 0,
            })),
        }?;
        Ok(())
    }

    fn net_address(address: &SockaddrStorage) -> Option<SocketAddr> {
        let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::from(*v4));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::from(*v6)))
    }
}

/// For the other systems. Its test runs on every system, so that a change cannot break it unseen.
#[cfg(any(test, not(any(target_os = "linux", target_os = "android", target_vendor = "apple"))))]
mod unsupported {
    use std::io;
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::BorrowedFd;

    use rustix::net::{SendFlags, sendto};
    use socket2::Socket;

    use crate::net::datagram::address::Received;
    use crate::net::datagram::packet_info::receive_simple;

    /// Does nothing: on this system the kernel's route chooses the source address of replies.
    #[expect(clippy::unnecessary_wraps, reason = "the signature is that of the other systems")]
    pub(crate) fn enable(_socket: &Socket, _is_ipv6: bool) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
        receive_simple(socket, buffer)
    }

    pub(crate) fn send(
        socket: BorrowedFd<'_>,
        bytes: &[u8],
        to: SocketAddr,
        _from: IpAddr,
    ) -> io::Result<()> {
        Ok(sendto(socket, bytes, SendFlags::empty(), &to).map(drop)?)
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd as _;

    use crate::net::datagram::address::DatagramAddress;
    use crate::net::datagram::packet_info::unsupported;

    #[test]
    fn a_system_without_packet_info_receives_and_replies() {
        let [one, other] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let (from, to) = (one.local_addr().unwrap(), other.local_addr().unwrap());
        unsupported::enable(&other.try_clone().unwrap().into(), false).unwrap();
        unsupported::send(one.as_fd(), b"hello", to, from.ip()).unwrap();
        other.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        let mut buffer = [0; 4];
        let received = unsupported::receive(other.as_fd(), &mut buffer).unwrap();
        assert_eq!((&buffer, received.len, received.is_truncated), (b"hell", 4, true));
        assert_eq!((received.from, received.to), (DatagramAddress::Net(from), None));
    }
}
