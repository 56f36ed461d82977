//! EDNS (RFC 6891): the OPT record of a query, and that of a reply.

pub mod error;

use std::net::IpAddr;

use crate::dns::message::edns::error::ExtendedError;

/// An EDNS option: a code and its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdnsOption {
    /// The code, from IANA's registry "DNS EDNS0 Option Codes".
    pub code: u16,
    /// The data.
    pub data: Vec<u8>,
}

/// The OPT record of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdnsRequest {
    /// The largest UDP reply to announce, in octets.
    pub udp_size: u16,
    /// Whether to ask for DNSSEC records (DO).
    pub dnssec: bool,
    /// The options.
    pub options: Vec<EdnsOption>,
    /// Pad the query to a multiple of this many octets; 0 for no padding, `None` for the default
    /// of the transport.
    pub padding: Option<u16>,
}

/// The OPT record of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdnsReply {
    /// The upper part of the response code.
    pub upper_rcode: u8,
    /// The version.
    pub version: u8,
    /// The options.
    pub options: Vec<EdnsOption>,
}

/// The largest UDP reply to announce by default, in octets: replies of this size arrive
/// unfragmented on practically every path (DNS flag day 2020).
pub const MAX_UDP_REPLY: u16 = 1232;

/// Name server identifier (RFC 5001).
const NSID: u16 = 3;
/// Client subnet (RFC 7871).
const CLIENT_SUBNET: u16 = 8;
/// Cookie (RFC 7873).
const COOKIE: u16 = 10;
/// Padding (RFC 7830).
const PADDING: u16 = 12;
/// Extended error (RFC 8914).
const EXTENDED_ERROR: u16 = 15;

/// The block to which queries over encrypted transports are padded, in octets (RFC 8467 section
/// 4.1).
pub const ENCRYPTED_BLOCK: u16 = 128;

/// Length of a client cookie, in octets (RFC 7873 section 4.1).
pub const CLIENT_COOKIE: usize = 8;

/// Type of the OPT record.
const OPT: u16 = 41;

/// The flag DO, in the lower half of the TTL.
const DNSSEC_OK: u16 = 0x8000;

impl Default for EdnsRequest {
    fn default() -> Self {
        Self { udp_size: MAX_UDP_REPLY, dnssec: false, options: Vec::new(), padding: None }
    }
}

impl EdnsRequest {
    /// Appends the OPT record to a message.
    pub(super) fn encode(&self, message: &mut Vec<u8>) {
        let padding = self.padding.unwrap_or(0);
        message.push(0);
        message.extend(OPT.to_be_bytes());
        message.extend(self.udp_size.to_be_bytes());
        let flags = if self.dnssec { DNSSEC_OK } else { 0 };
        message.extend([0, 0]);
        message.extend(flags.to_be_bytes());
        let mut data = Vec::new();
        for option in &self.options {
            push_option(&mut data, option.code, &option.data);
        }
        if padding > 0 {
            // The length of the data and the option's own head, two 16-bit fields, come first.
            let length = message.len() + 2 + data.len() + 4;
            let block = usize::from(padding);
            let zeros = length.next_multiple_of(block) - length;
            push_option(&mut data, PADDING, &vec![0; zeros]);
        }
        message.extend(length_of(&data));
        message.extend(data);
    }
}

fn push_option(data: &mut Vec<u8>, code: u16, value: &[u8]) {
    data.extend(code.to_be_bytes());
    data.extend(length_of(value));
    data.extend(value);
}

/// Returns a length field. No option that sockkit sends exceeds 64 KiB.
fn length_of(data: &[u8]) -> [u8; 2] {
    u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes()
}

impl EdnsOption {
    /// Returns the option that asks for the server's identifier.
    pub fn nsid() -> Self {
        Self { code: NSID, data: Vec::new() }
    }

    /// Returns the option with a client cookie, and the server's cookie if it is known.
    pub fn cookie(cookie: &[u8]) -> Self {
        Self { code: COOKIE, data: cookie.to_vec() }
    }

    /// Returns whether the option is a cookie.
    pub fn is_cookie(&self) -> bool {
        self.code == COOKIE
    }

    /// Returns the option that asks for the answer that clients in `ip`/`length` get.
    pub fn client_subnet(ip: IpAddr, length: u8) -> Self {
        let (family, octets): (u8, Vec<u8>) = match ip {
            IpAddr::V4(ip) => (1, ip.octets().to_vec()),
            IpAddr::V6(ip) => (2, ip.octets().to_vec()),
        };
        let mut data = vec![0, family, length, 0];
        // RFC 7871 section 6: as few octets as the length needs, and the unused bits are zero.
        data.extend(&octets[..usize::from(length).div_ceil(8).min(octets.len())]);
        if let (Some(last), used @ 1..) = (data.last_mut(), length % 8) {
            *last &= u8::MAX << (8 - used);
        }
        Self { code: CLIENT_SUBNET, data }
    }
}

impl EdnsReply {
    /// Decodes an OPT record; `None` if an option does not fit into the data, or is an extended
    /// error without a code.
    pub(super) fn decode(ttl: u32, data: &[u8]) -> Option<Self> {
        let [upper_rcode, version, ..] = ttl.to_be_bytes();
        let mut options = Vec::new();
        let mut rest = data;
        while !rest.is_empty() {
            let (code, after) = rest.split_first_chunk::<2>()?;
            let (length, after) = after.split_first_chunk::<2>()?;
            let (value, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
            if u16::from_be_bytes(*code) == EXTENDED_ERROR {
                ExtendedError::decode(value)?;
            }
            options.push(EdnsOption { code: u16::from_be_bytes(*code), data: value.to_vec() });
            rest = after;
        }
        Some(Self { upper_rcode, version, options })
    }

    /// Returns the extended errors (RFC 8914).
    pub fn errors(&self) -> Vec<ExtendedError> {
        self.values(EXTENDED_ERROR).filter_map(ExtendedError::decode).collect()
    }

    /// Returns the server's identifier.
    pub fn nsid(&self) -> Option<&[u8]> {
        self.values(NSID).next()
    }

    /// Returns the client cookie and the server cookie.
    pub fn cookie(&self) -> Option<&[u8]> {
        self.values(COOKIE).next()
    }

    /// Returns the client subnet for which the answer holds, as `ADDRESS/LENGTH`, and the length of
    /// the network for which the server would give the same answer.
    pub fn client_subnet(&self) -> Option<(String, u8)> {
        let [high, low, length, scope, octets @ ..] = self.values(CLIENT_SUBNET).next()? else {
            return None;
        };
        let ip = match [*high, *low] {
            [0, 1] => IpAddr::from(padded::<4>(octets)?),
            [0, 2] => IpAddr::from(padded::<16>(octets)?),
            _ => return None,
        };
        Some((format!("{ip}/{length}"), *scope))
    }

    fn values(&self, code: u16) -> impl Iterator<Item = &[u8]> {
        let options = self.options.iter().filter(move |option| option.code == code);
        options.map(|option| option.data.as_slice())
    }
}

/// Returns `octets` with zeros appended; `None` if there are too many.
fn padded<const N: usize>(octets: &[u8]) -> Option<[u8; N]> {
    let mut whole = [0; N];
    whole.get_mut(..octets.len())?.copy_from_slice(octets);
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_client_subnet_is_sent_with_only_its_network_bits() {
        for (ip, length, data) in [
            ("192.0.2.255", 24, &[0, 1, 24, 0, 192, 0, 2][..]),
            ("192.0.255.1", 20, &[0, 1, 20, 0, 192, 0, 240]),
            ("2001:db8::1", 32, &[0, 2, 32, 0, 0x20, 1, 0x0d, 0xb8]),
            ("192.0.2.1", 0, &[0, 1, 0, 0]),
        ] {
            assert_eq!(EdnsOption::client_subnet(ip.parse().unwrap(), length).data, data);
        }
    }

    #[test]
    fn a_query_is_padded_to_a_multiple_of_the_block() {
        for start in 20..60 {
            let mut message = vec![0; start];
            EdnsRequest { padding: Some(128), ..EdnsRequest::default() }.encode(&mut message);
            assert_eq!(message.len() % 128, 0);
        }
    }

    #[test]
    fn the_options_of_a_reply_are_decoded_and_an_overrun_is_detected() {
        let data = [0, 3, 0, 2, b'n', b's', 0, 8, 0, 7, 0, 1, 24, 16, 192, 0, 2, 0, 15, 0, 2, 0, 9];
        let edns = EdnsReply::decode(0x0100_0000, &data).unwrap();
        assert_eq!(edns.upper_rcode, 1);
        assert_eq!(edns.nsid(), Some(&b"ns"[..]));
        assert_eq!(edns.client_subnet(), Some(("192.0.2.0/24".to_owned(), 16)));
        assert_eq!(edns.errors()[0].to_string(), "EDE 9 (DNSKEY Missing)");
        for end in 1..data.len() {
            let whole = EdnsReply::decode(0, &data[..end]);
            assert_eq!(whole.is_some(), [6, 17].contains(&end), "{end}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_options_never_panic(data in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(edns) = EdnsReply::decode(0, &data) {
                edns.errors();
                edns.client_subnet();
            }
        }
    }
}
