//! One link as rtnetlink(7) describes it: the attributes that are shown.
//!
//! The formats' own type for a link reads and writes every attribute, also those of each kind of
//! link, which would make the program 160 kB larger.

use netlink_packet_core::{
    DecodeError, Emitable, NlasIterator, Parseable, parse_string, parse_u8, parse_u32, parse_u64,
};
use netlink_packet_route::link::LinkHeader;

use crate::host::TrafficTotals;

/// The operational state of an interface that waits for an event (RFC 2863 section 3.1.12).
const DORMANT: u8 = 5;

/// Where the received and the sent bytes are in `struct rtnl_link_stats64`, after the packets.
const BYTES_IN: usize = 16;
const BYTES_OUT: usize = 24;

/// A link.
#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    pub(super) header: LinkHeader,
    pub(super) name: String,
    pub(super) mac: Vec<u8>,
    pub(super) mtu: Option<u32>,
    pub(super) is_dormant: bool,
    /// The kind of a virtual link, such as `bridge`.
    pub(super) kind: Option<String>,
    pub(super) traffic: Option<TrafficTotals>,
}

/// A request has no attributes.
impl Emitable for Link {
    fn buffer_len(&self) -> usize {
        self.header.buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.header.emit(buffer);
    }
}

impl Parseable<[u8]> for Link {
    fn parse(payload: &[u8]) -> Result<Self, DecodeError> {
        let header = LinkHeader::parse(payload)?;
        let attributes = payload.get(header.buffer_len()..).unwrap_or_default();
        let mut link = Self { header, ..Self::default() };
        for attribute in NlasIterator::new(attributes) {
            let attribute = attribute?;
            let value = attribute.value();
            match attribute.kind() {
                libc::IFLA_IFNAME => link.name = parse_string(value)?,
                libc::IFLA_ADDRESS => value.clone_into(&mut link.mac),
                libc::IFLA_MTU => link.mtu = Some(parse_u32(value)?),
                libc::IFLA_OPERSTATE => link.is_dormant = parse_u8(value)? == DORMANT,
                libc::IFLA_LINKINFO => link.kind = kind(value)?,
                libc::IFLA_STATS64 => link.traffic = Some(traffic(value)?),
                _ => {}
            }
        }
        Ok(link)
    }
}

fn kind(nested: &[u8]) -> Result<Option<String>, DecodeError> {
    for attribute in NlasIterator::new(nested) {
        let attribute = attribute?;
        if attribute.kind() == libc::IFLA_INFO_KIND {
            return parse_string(attribute.value()).map(Some);
        }
    }
    Ok(None)
}

fn traffic(stats: &[u8]) -> Result<TrafficTotals, DecodeError> {
    let count = |at: usize| parse_u64(stats.get(at..at + 8).unwrap_or_default());
    Ok(TrafficTotals { bytes_in: count(BYTES_IN)?, bytes_out: count(BYTES_OUT)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn the_attributes_that_are_shown_are_read_and_others_are_passed_over() {
        let mut header = vec![0; 16];
        header[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        let stats: Vec<u8> = [1_u64, 2, 3, 4, 5].iter().flat_map(|it| it.to_ne_bytes()).collect();
        let info = attribute(libc::IFLA_INFO_KIND, b"bridge\0");
        let payload = [
            header,
            attribute(libc::IFLA_IFNAME, b"br0\0"),
            attribute(libc::IFLA_MTU, &1500_u32.to_ne_bytes()),
            attribute(libc::IFLA_OPERSTATE, &[DORMANT]),
            attribute(libc::IFLA_LINKINFO, &info),
            attribute(libc::IFLA_STATS64, &stats),
            attribute(libc::IFLA_TXQLEN, &[0; 4]),
        ]
        .concat();
        let link = Link::parse(&payload).unwrap();
        assert_eq!((link.header.index, link.name.as_str(), link.mtu), (7, "br0", Some(1500)));
        assert_eq!((link.is_dormant, link.kind.as_deref()), (true, Some("bridge")));
        assert_eq!(link.traffic, Some(TrafficTotals { bytes_in: 3, bytes_out: 4 }));
    }

    #[test]
    fn a_link_that_is_cut_anywhere_is_an_error_or_has_what_was_read() {
        let header = vec![0; 16];
        let info = attribute(libc::IFLA_INFO_KIND, b"veth\0");
        let parts = [
            header,
            attribute(libc::IFLA_MTU, &[0; 4]),
            attribute(libc::IFLA_LINKINFO, &info),
            attribute(libc::IFLA_STATS64, &[0; 16]),
        ];
        let payload = parts.concat();
        // The counters end before the bytes.
        assert!(Link::parse(&payload).is_err());
        for len in 0..payload.len() {
            let is_at_end = [16, 24, 40].contains(&len);
            assert_eq!(Link::parse(&payload[..len]).is_ok(), is_at_end, "{len}");
        }
    }
}
