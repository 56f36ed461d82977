//! Requests to the kernel over rtnetlink(7), for its links, addresses, routes and neighbours.
//!
//! Each kind has a type of its own. The enum of all kinds that the formats come with would add
//! those of traffic control, rules and more to the program.

use std::io;

use netlink_packet_core::{
    DecodeError, Emitable, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable, Parseable,
};
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::neighbour::NeighbourMessage;
use netlink_packet_route::route::RouteMessage;
use rustix::net::Protocol;

use crate::host::linux::link::Link;
use crate::host::linux::netlink;

/// The protocol: number 0, which rustix writes as `None`.
const ROUTE: Option<Protocol> = None;

/// What the kernel has lists of.
pub(super) trait RtEntry: Emitable + Parseable<[u8]> + Clone {
    /// The type of a request.
    const GET: u16;
    /// The type of an entry in the reply.
    const NEW: u16;
}

impl RtEntry for Link {
    const GET: u16 = libc::RTM_GETLINK;
    const NEW: u16 = libc::RTM_NEWLINK;
}

impl RtEntry for AddressMessage {
    const GET: u16 = libc::RTM_GETADDR;
    const NEW: u16 = libc::RTM_NEWADDR;
}

impl RtEntry for RouteMessage {
    const GET: u16 = libc::RTM_GETROUTE;
    const NEW: u16 = libc::RTM_NEWROUTE;
}

impl RtEntry for NeighbourMessage {
    const GET: u16 = libc::RTM_GETNEIGH;
    const NEW: u16 = libc::RTM_NEWNEIGH;
}

/// Returns the kernel's entries of one kind.
///
/// # Errors
/// As for [`netlink::dump`].
pub(super) fn dump<E: RtEntry + Default>() -> io::Result<Vec<E>> {
    let entries = netlink::dump(ROUTE, &RtMessage(E::default()))?;
    Ok(entries.into_iter().map(|RtMessage(entry)| entry).collect())
}

/// Returns the kernel's answer to `request`.
///
/// # Errors
/// As for [`netlink::get`].
pub(super) fn get<E: RtEntry>(request: E) -> io::Result<E> {
    netlink::get(ROUTE, RtMessage(request)).map(|RtMessage(entry)| entry)
}

/// A request for entries, or one entry of the reply.
#[derive(Clone)]
struct RtMessage<E>(E);

impl<E: RtEntry> NetlinkSerializable for RtMessage<E> {
    fn message_type(&self) -> u16 {
        E::GET
    }

    fn buffer_len(&self) -> usize {
        self.0.buffer_len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        self.0.emit(buffer);
    }
}

impl<E: RtEntry> NetlinkDeserializable for RtMessage<E> {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        if header.message_type != E::NEW {
            let text = format!("the kernel sent a message of type {}", header.message_type);
            return Err(text.into());
        }
        E::parse(payload).map(Self)
    }
}
