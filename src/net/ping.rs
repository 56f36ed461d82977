//! ICMP echo requests and replies ("ping"), where the system permits them.

use std::io;
use std::net::SocketAddr;

use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// The types of echo requests and replies (RFC 792, RFC 4443).
const REQUEST_V4: u8 = 8;
const REPLY_V4: u8 = 0;
const REQUEST_V6: u8 = 128;
const REPLY_V6: u8 = 129;

/// The length of the header: type, code, checksum, identifier, sequence number.
pub const ICMP_HEADER: usize = 8;

/// The longest reply that is received.
const LONGEST_REPLY: usize = 64 * 1024;

/// A socket that sends echo requests to one address.
#[derive(Debug)]
pub struct Ping {
    socket: UdpSocket,
    is_v4: bool,
    /// Whether the socket receives the packets of other programs too, and IPv4 headers.
    is_raw: bool,
    id: u16,
}

impl Ping {
    /// Opens a socket for `to`, whose port does not matter: one that needs no privileges if the
    /// system permits it (`net.ipv4.ping_group_range`), otherwise a raw one.
    ///
    /// # Errors
    /// The system permits neither, or no route leads there.
    pub fn open(to: SocketAddr) -> io::Result<Self> {
        let is_v4 = to.is_ipv4();
        let protocol = if is_v4 { Protocol::ICMPV4 } else { Protocol::ICMPV6 };
        let new = |kind| Socket::new(Domain::for_address(to), kind, Some(protocol));
        let (socket, is_raw) = match new(Type::DGRAM) {
            Ok(socket) => (socket, false),
            Err(_) => (new(Type::RAW)?, true),
        };
        socket.set_nonblocking(true)?;
        let mut to = to;
        to.set_port(0);
        socket.connect(&to.into())?;
        // The lower half of the process number is as good as any other.
        let id = (std::process::id() & 0xffff).try_into().unwrap_or_default();
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, is_v4, is_raw, id })
    }

    /// Makes routers drop packets that are too long instead of dividing them, and the kernel send
    /// packets up to the MTU of the interface whatever it knows about the path.
    ///
    /// # Errors
    /// The kernel does not support it.
    pub fn forbid_fragments(&self) -> io::Result<()> {
        let set = if self.is_v4 {
            sockopt::set_ip_mtu_discover(&self.socket, Ipv4PathMtuDiscovery::PROBE)
        } else {
            sockopt::set_ipv6_mtu_discover(&self.socket, Ipv6PathMtuDiscovery::PROBE)
        };
        Ok(set?)
    }

    /// Sends the request with this number and `len` bytes of data.
    ///
    /// # Errors
    /// The packet is longer than the MTU of the interface, or no route leads to the address.
    pub async fn send(&self, number: u16, len: usize) -> io::Result<()> {
        let kind = if self.is_v4 { REQUEST_V4 } else { REQUEST_V6 };
        let mut packet = vec![kind, 0, 0, 0];
        packet.extend(self.id.to_be_bytes());
        packet.extend(number.to_be_bytes());
        packet.resize(ICMP_HEADER + len, 0x55);
        if self.is_raw && self.is_v4 {
            // Of all others, the kernel computes the checksum.
            let sum = checksum(&packet).to_be_bytes();
            packet[2..4].copy_from_slice(&sum);
        }
        self.socket.send(&packet).await.map(drop)
    }

    /// Waits for the reply to the request with this number.
    ///
    /// # Errors
    /// An ICMP error arrived instead.
    pub async fn reply(&self, number: u16) -> io::Result<()> {
        let mut buffer = vec![0; LONGEST_REPLY];
        loop {
            let len = self.socket.recv(&mut buffer).await?;
            if self.is_reply(&buffer[..len], number) {
                return Ok(());
            }
        }
    }

    fn is_reply(&self, packet: &[u8], number: u16) -> bool {
        let header = match packet.first() {
            // The length of the IPv4 header, in words of 4 bytes.
            Some(first) if self.is_raw && self.is_v4 => usize::from(first & 0x0f) * 4,
            _ => 0,
        };
        let Some([kind, 0, _, _, id @ .., a, b]) = packet.get(header..header + ICMP_HEADER) else {
            return false;
        };
        let expected = if self.is_v4 { REPLY_V4 } else { REPLY_V6 };
        *kind == expected
            && u16::from_be_bytes([*a, *b]) == number
            // The kernel chooses the identifier of a socket that is not raw.
            && (!self.is_raw || id == self.id.to_be_bytes())
    }
}

/// Returns the Internet checksum (RFC 1071).
fn checksum(packet: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in packet.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Deadline;
    use std::time::Duration;

    #[test]
    fn the_checksum_of_a_packet_with_its_checksum_is_zero() {
        for packet in
            [&[8, 0, 0, 0, 0x12, 0x34, 0, 1, 0xff, 0xff][..], &[8, 0, 0, 0, 1, 2, 3, 4, 5]]
        {
            let mut packet = packet.to_vec();
            let sum = checksum(&packet).to_be_bytes();
            packet[2..4].copy_from_slice(&sum);
            assert_eq!(checksum(&packet), 0);
        }
    }

    #[test]
    fn this_machine_answers_pings_of_both_families() {
        let runtime = crate::net::runtime::runtime().unwrap();
        for ip in ["127.0.0.1", "::1"] {
            let to = SocketAddr::new(ip.parse().unwrap(), 0);
            let echo = async {
                // Not permitted, or no such family.
                let Ok(ping) = Ping::open(to) else { return };
                ping.forbid_fragments().unwrap();
                for (number, len) in [(1, 0), (2, 1400)] {
                    ping.send(number, len).await.unwrap();
                    let reply = Deadline::after(Duration::from_secs(20)).bound(ping.reply(number));
                    reply.await.unwrap().unwrap();
                }
            };
            runtime.block_on(echo);
        }
    }
}
