//! Routes and neighbours, over rtnetlink(7).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_route::AddressFamily;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType, RouteVia,
};

use crate::host::linux::links::mac;
use crate::host::linux::rtnetlink::{dump, get};
use crate::host::{Neighbor, NeighborState, NextHop, RouteEntry, RouteKind};

/// Returns the routes of the main table, the default routes first.
///
/// # Errors
/// The kernel does not list them.
pub fn routes() -> io::Result<Vec<RouteEntry>> {
    let mut routes: Vec<RouteEntry> = dump()?.iter().flat_map(routes_of).collect();
    routes.sort_by_key(|route| (!route.is_default(), route.destination, route.metric));
    Ok(routes)
}

/// Returns how packets reach `destination`; `interface` is the zone of a link-local address.
///
/// # Errors
/// No route leads there: `NetworkUnreachable` without a route, `HostUnreachable` for an
/// unreachable route, `PermissionDenied` for a prohibit route, `InvalidInput` for a blackhole.
pub fn route_to(destination: IpAddr, interface: Option<u32>) -> io::Result<NextHop> {
    let mut request = RouteMessage::default();
    let (family, bits) = match destination {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    request.header.address_family = family;
    request.header.destination_prefix_length = bits;
    request.attributes.push(RouteAttribute::Destination(destination.into()));
    request.attributes.extend(interface.filter(|index| *index != 0).map(RouteAttribute::Oif));
    let reply = get(request)?;
    let hop = RouteHop::of(&reply.attributes);
    let is_local = reply.header.kind == RouteType::Local;
    Ok(NextHop { gateway: hop.gateway, interface: hop.interface, source: hop.source, is_local })
}

/// Returns the known neighbours.
///
/// # Errors
/// The kernel does not list them.
pub fn neighbors() -> io::Result<Vec<Neighbor>> {
    Ok(dump()?.iter().filter_map(neighbor).collect())
}

/// The way out of a route.
#[derive(Default)]
struct RouteHop {
    gateway: Option<IpAddr>,
    interface: Option<u32>,
    source: Option<IpAddr>,
}

impl RouteHop {
    fn of(attributes: &[RouteAttribute]) -> Self {
        let mut hop = Self::default();
        for attribute in attributes {
            match attribute {
                RouteAttribute::Gateway(address) => hop.gateway = ip(address),
                // The gateway of an IPv4 route may be an IPv6 address.
                RouteAttribute::Via(RouteVia::Inet(address)) => {
                    hop.gateway = Some((*address).into());
                }
                RouteAttribute::Via(RouteVia::Inet6(address)) => {
                    hop.gateway = Some((*address).into());
                }
                RouteAttribute::Oif(index) => hop.interface = Some(*index),
                RouteAttribute::PrefSource(address) => hop.source = ip(address),
                _ => {}
            }
        }
        hop
    }
}

/// Returns a route for each next hop of `message`, if it is in the main table.
fn routes_of(message: &RouteMessage) -> Vec<RouteEntry> {
    let header = &message.header;
    let any: IpAddr = match header.address_family {
        AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
        AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
        _ => return Vec::new(),
    };
    let kind = match header.kind {
        RouteType::Unicast => RouteKind::Unicast,
        RouteType::BlackHole => RouteKind::Blackhole,
        RouteType::Unreachable => RouteKind::Unreachable,
        RouteType::Prohibit => RouteKind::Prohibit,
        _ => return Vec::new(),
    };
    let (mut table, mut metric, mut network) = (u32::from(header.table), 0, any);
    let mut hops = Vec::new();
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Priority(number) => metric = *number,
            RouteAttribute::Destination(address) => network = ip(address).unwrap_or(any),
            RouteAttribute::MultiPath(several) => hops.extend(several.iter().map(|next| {
                let interface = Some(next.interface_index);
                RouteHop { interface, ..RouteHop::of(&next.attributes) }
            })),
            _ => {}
        }
    }
    if table != u32::from(RouteHeader::RT_TABLE_MAIN) {
        return Vec::new();
    }
    if hops.is_empty() {
        hops.push(RouteHop::of(&message.attributes));
    }
    let destination = (network, header.destination_prefix_length);
    let route = |hop: RouteHop| {
        let RouteHop { gateway, interface, source } = hop;
        RouteEntry { destination, gateway, interface, metric, source, kind }
    };
    hops.into_iter().map(route).collect()
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}

fn neighbor(message: &NeighbourMessage) -> Option<Neighbor> {
    let state = match message.header.state {
        NeighbourState::Reachable | NeighbourState::Permanent | NeighbourState::Noarp => {
            NeighborState::Reachable
        }
        NeighbourState::Stale => NeighborState::Stale,
        NeighbourState::Incomplete | NeighbourState::Delay | NeighbourState::Probe => {
            NeighborState::Asked
        }
        NeighbourState::Failed => NeighborState::Failed,
        _ => return None,
    };
    let (mut address, mut hardware) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => {
                address = Some(IpAddr::from(*ip));
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => {
                address = Some(IpAddr::from(*ip));
            }
            NeighbourAttribute::LinkLayerAddress(octets) => hardware = mac(octets),
            _ => {}
        }
    }
    let interface = message.header.ifindex;
    Some(Neighbor { ip: address?, interface, mac: hardware, state })
}
