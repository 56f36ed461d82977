//! This machine's host name, and the addresses by which other machines know it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::host::{Interface, system};

/// Returns this machine's host name, as the kernel reports it.
///
/// # Errors
/// gethostname(2) failed.
pub fn hostname() -> io::Result<String> {
    // A name that is not UTF-8 is still reported, with U+FFFD for each invalid sequence.
    hostname::get().map(|name| name.to_string_lossy().into_owned())
}

/// Returns the addresses at which other machines can reach this one, the primary ones first.
///
/// Link-local IPv6 addresses are left out: another machine needs its own zone to use one.
pub fn reachable_ips() -> Vec<IpAddr> {
    let interfaces = system::interfaces().unwrap_or_default();
    let addresses = interfaces.iter().filter(|it| it.is_up()).flat_map(|it| &it.addresses);
    let mut ips: Vec<IpAddr> = Vec::new();
    for ip in addresses.map(|address| address.ip) {
        let is_link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        if !ip.is_loopback() && !is_link_local && !ips.contains(&ip) {
            ips.push(ip);
        }
    }
    let primary = [primary_ipv4(), primary_ipv6()];
    ips.sort_by_key(|ip| !primary.contains(&Some(*ip)));
    ips
}

/// Returns the next hops of the default routes, without duplicates; a link-local one with its zone.
pub fn gateways() -> Vec<String> {
    let interfaces = system::interfaces().unwrap_or_default();
    let mut gateways = Vec::new();
    let routes = system::routes().unwrap_or_default();
    for route in routes.iter().filter(|route| route.is_default()) {
        let Some(ip) = route.gateway else { continue };
        let gateway = zoned(ip, route.interface, &interfaces);
        if !gateways.contains(&gateway) {
            gateways.push(gateway);
        }
    }
    gateways
}

/// Returns `ip`, with its zone if it is a link-local IPv6 address.
pub fn zoned(ip: IpAddr, interface: Option<u32>, interfaces: &[Interface]) -> String {
    let name = interfaces.iter().find(|known| Some(known.index) == interface).map(|it| &it.name);
    match (ip, name) {
        (IpAddr::V6(v6), Some(name)) if v6.is_unicast_link_local() => format!("{ip}%{name}"),
        _ => ip.to_string(),
    }
}

/// Returns the source address of IPv4 packets to other networks; `None` without a route.
pub fn primary_ipv4() -> Option<IpAddr> {
    source_address(Ipv4Addr::UNSPECIFIED.into(), DOCUMENTATION_V4)
}

/// Returns the source address of IPv6 packets to other networks; `None` without a route.
pub fn primary_ipv6() -> Option<IpAddr> {
    source_address(Ipv6Addr::UNSPECIFIED.into(), DOCUMENTATION_V6)
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
