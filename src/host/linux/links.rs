//! Interfaces and their addresses, over rtnetlink(7).

use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;

use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{LinkFlags, LinkLayerType};

use crate::host::interface::LOOPBACK;
use crate::host::linux::link::Link;
use crate::host::linux::rtnetlink::dump;
use crate::host::{Interface, InterfaceAddress, LinkState};

/// Returns the interfaces, in the order of their index.
///
/// # Errors
/// The kernel does not list them.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut interfaces: Vec<Interface> = dump()?.iter().map(interface).collect();
    for message in dump::<AddressMessage>()? {
        let of = |known: &&mut Interface| known.index == message.header.index;
        if let (Some(owner), Some(address)) = (interfaces.iter_mut().find(of), address(&message)) {
            owner.addresses.push(address);
        }
    }
    for interface in &mut interfaces {
        interface.addresses.sort_by_key(|address| (address.scope, address.ip.is_ipv6()));
    }
    interfaces.sort_by_key(|interface| interface.index);
    Ok(interfaces)
}

fn interface(link: &Link) -> Interface {
    let flags = link.header.flags;
    let mut found = Interface {
        index: link.header.index,
        name: link.name.clone(),
        kind: layer_kind(link.header.link_layer_type).to_owned(),
        state: if link.is_dormant { LinkState::Dormant } else { LinkState::Up },
        mac: mac(&link.mac),
        mtu: link.mtu,
        addresses: Vec::new(),
        traffic: link.traffic,
    };
    if let Some(kind) = &link.kind {
        // A TUN device that carries Ethernet frames is called TAP.
        let is_tap = kind == "tun" && found.kind == "ethernet";
        found.kind = if is_tap { "tap".to_owned() } else { kind.clone() };
    }
    // Unlike the operational state, the flags are up to date right after a change.
    if !flags.contains(LinkFlags::Up) {
        found.state = LinkState::Down;
    } else if !flags.contains(LinkFlags::LowerUp) {
        found.state = LinkState::NoCarrier;
    }
    found
}

fn layer_kind(layer: LinkLayerType) -> &'static str {
    match layer {
        LinkLayerType::Loopback => LOOPBACK,
        LinkLayerType::Ether => "ethernet",
        LinkLayerType::Ppp => "ppp",
        LinkLayerType::Infiniband => "infiniband",
        _ => "other",
    }
}

/// Returns a hardware address in hexadecimal; `None` for the zeros of an interface without one.
pub(super) fn mac(octets: &[u8]) -> Option<String> {
    if octets.is_empty() || octets.iter().all(|octet| *octet == 0) {
        return None;
    }
    let mut text = String::new();
    for (at, octet) in octets.iter().enumerate() {
        // Writing to a String cannot fail.
        write!(text, "{}{octet:02x}", if at == 0 { "" } else { ":" }).unwrap_or_default();
    }
    Some(text)
}

fn address(message: &AddressMessage) -> Option<InterfaceAddress> {
    let (mut local, mut other, mut flags): (Option<IpAddr>, _, _) =
        (None, None, AddressFlags::from_bits_retain(message.header.flags.bits().into()));
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            // On a point-to-point link, this is the address of the peer.
            AddressAttribute::Address(ip) => other = Some(*ip),
            AddressAttribute::Flags(all) => flags = *all,
            _ => {}
        }
    }
    let ip = local.or(other)?;
    // The flag of a temporary IPv6 address means secondary for IPv4.
    let secondary = if ip.is_ipv6() { "temporary" } else { "secondary" };
    let names = [
        (flags.contains(AddressFlags::Secondary), secondary),
        (!flags.contains(AddressFlags::Permanent), "dynamic"),
        (flags.contains(AddressFlags::Deprecated), "deprecated"),
        (flags.contains(AddressFlags::Tentative), "tentative"),
        (flags.contains(AddressFlags::Dadfailed), "duplicate"),
    ];
    let names = names.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name).collect();
    Some(InterfaceAddress::new(ip, message.header.prefix_len, names))
}
