//! What this machine's network looks like: names, interfaces, addresses and routes.
//!
//! Everything here is local knowledge; nothing is sent, and all of it works without a network.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The name, such as `eth0`.
    pub name: String,
    /// Whether it is switched on.
    pub up: bool,
    /// The hardware address, where it has one.
    pub mac: Option<String>,
    /// The largest packet, in bytes.
    pub mtu: Option<u32>,
    /// Addresses with their prefix, `192.0.2.7/24`.
    pub addresses: Vec<String>,
}

/// The interfaces, in the system's own order.
pub fn interfaces() -> Vec<Interface> {
    let mut found = netdev::get_interfaces();
    found.sort_by_key(|interface| interface.index);
    found.into_iter().map(Interface::from).collect()
}

/// The addresses of the default gateways.
pub fn gateways() -> Vec<IpAddr> {
    let mut gateways = Vec::new();
    for gateway in netdev::get_interfaces().into_iter().filter_map(|interface| interface.gateway) {
        let v4 = gateway.ipv4.into_iter().map(IpAddr::from);
        for ip in v4.chain(gateway.ipv6.into_iter().map(IpAddr::from)) {
            if !gateways.contains(&ip) {
                gateways.push(ip);
            }
        }
    }
    gateways
}

/// The IPv4 address packets to the outside would leave from; none without a route.
pub fn primary_ipv4() -> Option<IpAddr> {
    source_address(Ipv4Addr::UNSPECIFIED.into(), DOCUMENTATION_V4)
}

/// The IPv6 address packets to the outside would leave from; none without a route.
pub fn primary_ipv6() -> Option<IpAddr> {
    source_address(Ipv6Addr::UNSPECIFIED.into(), DOCUMENTATION_V6)
}

/// The machine's own name, as the kernel knows it.
///
/// # Errors
/// The kernel did not say, which does not happen.
pub fn hostname() -> io::Result<String> {
    // A name is bytes; one that is not UTF-8 keeps its place in the report, escaped later.
    hostname::get().map(|name| name.to_string_lossy().into_owned())
}

/// TEST-NET-1 (RFC 5737): routed like any other address, and nobody's.
const DOCUMENTATION_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

/// The documentation prefix (RFC 3849).
const DOCUMENTATION_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 9);

/// Connecting a UDP socket chooses a route and a source address, and sends nothing.
fn source_address(any: IpAddr, towards: SocketAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(towards).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

impl From<netdev::Interface> for Interface {
    fn from(found: netdev::Interface) -> Self {
        let v4 = found.ipv4.iter().map(ToString::to_string);
        let addresses = v4.chain(found.ipv6.iter().map(ToString::to_string)).collect();
        let up = found.is_up();
        let mac = found.mac_addr.map(|mac| mac.to_string());
        Self { name: found.name, up, mac, mtu: found.mtu, addresses }
    }
}
