//! Network interfaces and their addresses.

use std::fmt;
use std::net::IpAddr;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The index, by which routes and zones refer to the interface.
    pub index: u32,
    /// The name, such as `eth0`.
    pub name: String,
    /// What it is: `ethernet`, `loopback`, `veth`, `bridge`, `wireguard` and so on.
    pub kind: String,
    /// Whether it can carry packets.
    pub state: LinkState,
    /// The hardware address, if it has one.
    pub mac: Option<String>,
    /// The maximum transmission unit, in bytes.
    pub mtu: Option<u32>,
    /// The addresses, the most reachable ones first.
    pub addresses: Vec<InterfaceAddress>,
    /// The bytes that it has carried, if known.
    pub traffic: Option<TrafficTotals>,
}

/// The bytes that an interface has carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficTotals {
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

/// Whether an interface can carry packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It is up.
    Up,
    /// It is up but has no link: no cable, no peer, no network.
    NoCarrier,
    /// It is up and waits for an external event, such as an authentication.
    Dormant,
    /// An administrator has not set it up, or has set it down.
    Down,
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub ip: IpAddr,
    /// The length of its network's prefix.
    pub prefix: u8,
    /// From where it can be reached.
    pub scope: AddressScope,
    /// What the kernel says about it: `dynamic`, `temporary`, `deprecated`, `tentative`,
    /// `duplicate`.
    pub flags: Vec<&'static str>,
}

/// From where an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressScope {
    /// From everywhere.
    Global,
    /// From private networks (RFC 1918, RFC 6598, RFC 4193).
    Private,
    /// From the same link only.
    Link,
    /// From this machine only.
    Host,
}

impl Interface {
    /// Returns whether it carries packets to other machines.
    pub fn is_connected(&self) -> bool {
        self.state == LinkState::Up && !self.is_loopback()
    }

    /// Returns whether it is up, with or without a link.
    pub fn is_up(&self) -> bool {
        self.state != LinkState::Down
    }

    /// Returns whether it is the loopback interface.
    pub fn is_loopback(&self) -> bool {
        self.kind == LOOPBACK
    }
}

/// The kind of the loopback interface.
pub(super) const LOOPBACK: &str = "loopback";

impl AddressScope {
    /// Returns the scope of `ip`.
    pub fn of(ip: IpAddr) -> Self {
        match ip {
            _ if ip.is_loopback() => Self::Host,
            IpAddr::V4(ip) if ip.is_link_local() => Self::Link,
            IpAddr::V6(ip) if ip.is_unicast_link_local() => Self::Link,
            // RFC 6598: 100.64.0.0/10, which carriers use behind NAT.
            IpAddr::V4(ip) if ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64 => Self::Private,
            IpAddr::V4(ip) if ip.is_private() => Self::Private,
            IpAddr::V6(ip) if ip.is_unique_local() => Self::Private,
            _ => Self::Global,
        }
    }

    /// Returns whether other networks can reach such an address.
    pub fn is_routable(self) -> bool {
        matches!(self, Self::Global | Self::Private)
    }
}

impl InterfaceAddress {
    /// Returns the address of `ip` with a prefix of this length.
    pub fn new(ip: IpAddr, prefix: u8, flags: Vec<&'static str>) -> Self {
        Self { ip, prefix, scope: AddressScope::of(ip), flags }
    }

    /// Returns whether packets can be sent from it: it is neither a duplicate nor being checked for
    /// duplicates.
    pub fn is_usable(&self) -> bool {
        !self.flags.iter().any(|flag| matches!(*flag, "tentative" | "duplicate"))
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::NoCarrier => "no carrier",
            Self::Dormant => "dormant",
            Self::Down => "down",
        })
    }
}

impl fmt::Display for AddressScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Global => "global",
            Self::Private => "private",
            Self::Link => "link",
            Self::Host => "host",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_of_an_address_says_from_where_it_can_be_reached() {
        for (ip, scope) in [
            ("127.0.0.1", AddressScope::Host),
            ("::1", AddressScope::Host),
            ("169.254.1.1", AddressScope::Link),
            ("fe80::1", AddressScope::Link),
            ("10.1.2.3", AddressScope::Private),
            ("100.64.0.1", AddressScope::Private),
            ("100.128.0.1", AddressScope::Global),
            ("fd00::1", AddressScope::Private),
            ("198.51.100.7", AddressScope::Global),
            ("2001:db8::1", AddressScope::Global),
        ] {
            assert_eq!(AddressScope::of(ip.parse().unwrap()), scope, "{ip}");
        }
    }
}
