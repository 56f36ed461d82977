//! This machine's network configuration: host name, interfaces, addresses and gateways.
//!
//! All of it is local information: nothing is sent, and no network is needed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use nix::net::if_;

use crate::text;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The name, such as `eth0`.
    pub name: String,
    /// Whether the interface is up.
    pub up: bool,
    /// The hardware address, if the interface has one.
    pub mac: Option<String>,
    /// The maximum transmission unit, in bytes.
    pub mtu: Option<u32>,
    /// The addresses with their prefix lengths, such as `192.0.2.7/24`.
    pub addresses: Vec<String>,
}

/// Returns the interfaces, in the order of their index.
///
/// # Errors
/// The kernel does not list them.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut found = netdev::get_interfaces();
    if found.is_empty() {
        // The library hides its error. Every machine has a loopback interface, so a socket cannot
        // be opened either.
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        return Err(io::Error::other("the kernel listed none"));
    }
    found.sort_by_key(|interface| interface.index);
    Ok(found.into_iter().map(Interface::from).collect())
}

/// Returns the addresses at which other machines can reach this one, the primary ones first.
///
/// Link-local IPv6 addresses are left out: another machine needs its own zone to use one.
pub fn reachable_ips() -> Vec<IpAddr> {
    let mut ips: Vec<IpAddr> = Vec::new();
    for interface in netdev::get_interfaces().into_iter().filter(netdev::Interface::is_up) {
        let v4 = interface.ipv4_addrs().into_iter().map(IpAddr::from);
        let v6 = interface.ipv6_addrs().into_iter().filter(|ip| !ip.is_unicast_link_local());
        for ip in v4.chain(v6.map(IpAddr::from)).filter(|ip| !ip.is_loopback()) {
            if !ips.contains(&ip) {
                ips.push(ip);
            }
        }
    }
    let primary = [primary_ipv4(), primary_ipv6()];
    ips.sort_by_key(|ip| !primary.contains(&Some(*ip)));
    ips
}

/// Returns the index of the interface `zone`, a name such as `eth0` or the index itself; `None` if
/// it is not the name of an interface of this machine.
pub fn index(zone: &str) -> Option<u32> {
    if_::if_nametoindex(zone).ok().or_else(|| zone.parse().ok())
}

/// Returns the name of the interface with this index, escaped for output; the index itself if there
/// is no such interface.
pub(super) fn zone(index: u32) -> String {
    match if_::if_indextoname(index) {
        Ok(name) if !name.is_empty() => text::escape(name.as_bytes()),
        _ => index.to_string(),
    }
}

/// Returns the addresses of the default gateways, without duplicates.
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

/// Returns the source address of IPv4 packets to other networks; `None` without a route.
pub fn primary_ipv4() -> Option<IpAddr> {
    source_address(Ipv4Addr::UNSPECIFIED.into(), DOCUMENTATION_V4)
}

/// Returns the source address of IPv6 packets to other networks; `None` without a route.
pub fn primary_ipv6() -> Option<IpAddr> {
    source_address(Ipv6Addr::UNSPECIFIED.into(), DOCUMENTATION_V6)
}

/// Returns this machine's host name, as the kernel reports it.
///
/// # Errors
/// gethostname(2) failed.
pub fn hostname() -> io::Result<String> {
    // A name that is not UTF-8 is still reported, with U+FFFD for each invalid sequence.
    hostname::get().map(|name| name.to_string_lossy().into_owned())
}

/// TEST-NET-1 (RFC 5737): routed like any other address, but assigned to no host.
const DOCUMENTATION_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

/// The documentation prefix (RFC 3849).
const DOCUMENTATION_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 9);

/// Returns the source address that the kernel chooses for packets to `destination`.
///
/// Connecting a UDP socket makes this choice and sends nothing.
fn source_address(any: IpAddr, destination: SocketAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(destination).ok()?;
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
