//! Addresses in records, and types whose format depends on the kind of an address.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::dns::message::rdata::reader::DataReader;
use crate::dns::message::rdata::text::{base64, hex};
use crate::dns::name;

/// Returns an IPv6 address as `inet_ntop(3)` prints it: unlike std, with the last 32 bits of an
/// IPv4-compatible address in dotted notation.
pub(super) fn show_v6(ip: Ipv6Addr) -> String {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
            format!("::{}", Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        _ => ip.to_string(),
    }
}

/// Reads address prefixes, such as `1:192.0.2.0/24 !2:2001:db8::/32` (RFC 3123).
pub(super) fn prefixes(reader: &mut DataReader<'_, '_>) -> Option<String> {
    let mut prefixes = Vec::new();
    while reader.left() > 0 {
        let family = reader.u16()?;
        let length = reader.u8()?;
        let head = reader.u8()?;
        let octets = reader.octets(usize::from(head & 0x7f))?;
        let address = match family {
            1 => Ipv4Addr::from(padded(octets)?).to_string(),
            2 => show_v6(Ipv6Addr::from(padded::<16>(octets)?)),
            _ => return None,
        };
        let negation = if head & 0x80 == 0 { "" } else { "!" };
        prefixes.push(format!("{negation}{family}:{address}/{length}"));
    }
    Some(prefixes.join(" "))
}

/// Returns `octets` with zeros appended; `None` if there are too many.
fn padded<const N: usize>(octets: &[u8]) -> Option<[u8; N]> {
    let mut whole = [0; N];
    whole.get_mut(..octets.len())?.copy_from_slice(octets);
    Some(whole)
}

/// Reads the data of an IPSECKEY record (RFC 4025 section 2).
pub(super) fn gateway(reader: &mut DataReader<'_, '_>) -> Option<String> {
    let (precedence, kind, algorithm) = (reader.u8()?, reader.u8()?, reader.u8()?);
    let gateway = address_or_name(reader, kind)?;
    let key = base64(reader.rest()?);
    let text = format!("{precedence} {kind} {algorithm} {gateway} {key}");
    Some(text.trim_end().to_owned())
}

/// Reads the data of an AMTRELAY record (RFC 8777 section 4).
pub(super) fn relay(reader: &mut DataReader<'_, '_>) -> Option<String> {
    let (precedence, head) = (reader.u8()?, reader.u8()?);
    let (discovery, kind) = (head >> 7, head & 0x7f);
    let relay = address_or_name(reader, kind)?;
    Some(format!("{precedence} {discovery} {kind} {relay}"))
}

/// Reads nothing, an address or a name, as `kind` says.
fn address_or_name(reader: &mut DataReader<'_, '_>, kind: u8) -> Option<String> {
    Some(match kind {
        0 => ".".to_owned(),
        1 => Ipv4Addr::from(reader.array()?).to_string(),
        2 => show_v6(Ipv6Addr::from(reader.array::<16>()?)),
        3 => name::show(&reader.name()?),
        _ => return None,
    })
}

/// Reads the data of a HIP record (RFC 8005 section 5).
pub(super) fn host_identity(reader: &mut DataReader<'_, '_>) -> Option<String> {
    let (tag_length, algorithm, key_length) = (reader.u8()?, reader.u8()?, reader.u16()?);
    if tag_length == 0 || key_length == 0 {
        // The text would lack a field.
        return None;
    }
    let tag = hex(reader.octets(tag_length.into())?);
    let key = base64(reader.octets(key_length.into())?);
    let mut text = format!("{algorithm} {tag} {key}");
    while reader.left() > 0 {
        text.push(' ');
        text.push_str(&name::show(&reader.name()?));
    }
    Some(text)
}
