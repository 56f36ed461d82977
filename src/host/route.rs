//! Routes: the main routing tables, and the kernel's choice for one destination.

use std::fmt;
use std::net::IpAddr;

/// A route of the main table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteEntry {
    /// The destination network: its address and the length of its prefix.
    pub destination: (IpAddr, u8),
    /// The router; `None` if the destination is on the link.
    pub gateway: Option<IpAddr>,
    /// The index of the interface.
    pub interface: Option<u32>,
    /// The metric; of two routes to the same network, the one with the lower metric is used.
    pub metric: u32,
    /// The source address that the route prefers.
    pub source: Option<IpAddr>,
    /// What happens to packets.
    pub kind: RouteKind,
}

/// What happens to packets of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// They are forwarded.
    Unicast,
    /// They are dropped silently.
    Blackhole,
    /// They are rejected as unreachable.
    Unreachable,
    /// They are rejected as prohibited.
    Prohibit,
}

/// How packets reach a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// The router; `None` if the destination is on the link, or this machine itself.
    pub gateway: Option<IpAddr>,
    /// The index of the interface.
    pub interface: Option<u32>,
    /// The source address.
    pub source: Option<IpAddr>,
    /// Whether the destination is an address of this machine.
    pub is_local: bool,
}

impl RouteEntry {
    /// Returns whether it is a default route.
    pub fn is_default(&self) -> bool {
        self.destination.1 == 0
    }

    /// Returns its destination as ip-route(8) writes it.
    pub fn network(&self) -> String {
        match self.destination {
            (_, 0) => "default".to_owned(),
            (ip, prefix) => format!("{ip}/{prefix}"),
        }
    }
}

impl fmt::Display for RouteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unicast => "unicast",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
        })
    }
}
