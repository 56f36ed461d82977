//! Systems other than Linux: only interfaces and addresses are known.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::SockaddrStorage;

use crate::host::interface::LOOPBACK;
use crate::host::socket::unsupported;
use crate::host::{
    BoundSocket, Interface, InterfaceAddress, LinkState, Neighbor, NextHop, Process, RouteEntry,
};

/// Returns the interfaces, in the order of their index.
///
/// # Errors
/// getifaddrs(3) failed.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut interfaces: Vec<Interface> = Vec::new();
    for entry in getifaddrs()? {
        let index = if_nametoindex(entry.interface_name.as_str()).unwrap_or(0);
        let at = interfaces.iter().position(|known| known.index == index);
        let at = at.unwrap_or_else(|| {
            let flags = entry.flags;
            let kind = if flags.contains(InterfaceFlags::IFF_LOOPBACK) { LOOPBACK } else { "" };
            let state = match flags.contains(InterfaceFlags::IFF_UP) {
                false => LinkState::Down,
                true if flags.contains(InterfaceFlags::IFF_RUNNING) => LinkState::Up,
                true => LinkState::NoCarrier,
            };
            interfaces.push(Interface {
                index,
                name: entry.interface_name.clone(),
                kind: kind.to_owned(),
                state,
                mac: None,
                mtu: None,
                addresses: Vec::new(),
                traffic: None,
            });
            interfaces.len() - 1
        });
        let ones = entry.netmask.as_ref().and_then(ip).map_or(0, |mask| match mask {
            IpAddr::V4(mask) => u32::from(mask).count_ones(),
            IpAddr::V6(mask) => u128::from(mask).count_ones(),
        });
        if let Some(ip) = entry.address.as_ref().and_then(ip) {
            let prefix = u8::try_from(ones).unwrap_or(u8::MAX);
            interfaces[at].addresses.push(InterfaceAddress::new(ip, prefix, Vec::new()));
        }
    }
    interfaces.sort_by_key(|interface| interface.index);
    Ok(interfaces)
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| address.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
}

/// Returns the routes of the main table.
///
/// # Errors
/// Always: not supported.
pub fn routes() -> io::Result<Vec<RouteEntry>> {
    Err(unsupported())
}

/// Returns how packets reach `destination`.
///
/// # Errors
/// Always: not supported.
pub fn route_to(_destination: IpAddr, _interface: Option<u32>) -> io::Result<NextHop> {
    Err(unsupported())
}

/// Returns the known neighbours.
///
/// # Errors
/// Always: not supported.
pub fn neighbors() -> io::Result<Vec<Neighbor>> {
    Err(unsupported())
}

/// Returns the TCP and UDP sockets of this machine.
///
/// # Errors
/// Always: not supported.
pub fn sockets() -> io::Result<Vec<BoundSocket>> {
    Err(unsupported())
}

/// Returns the processes that have each of these sockets.
pub(super) fn processes_by_socket(_inodes: &HashSet<u64>) -> HashMap<u64, Vec<Process>> {
    HashMap::new()
}
