//! The parameters of SVCB and HTTPS records (RFC 9460).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::dns::message::rdata::address::show_v6;
use crate::dns::message::rdata::reader::DataReader;
use crate::dns::message::rdata::text::{base64, quote, quote_with};

/// Reads the parameters, in ascending order of their keys.
pub(super) fn parameters(reader: &mut DataReader<'_, '_>) -> Option<String> {
    let mut shown = Vec::new();
    let mut last = None;
    while reader.left() > 0 {
        let key = reader.u16()?;
        if last.is_some_and(|last| last >= key) {
            return None;
        }
        last = Some(key);
        let length = reader.u16()?;
        let value = reader.octets(length.into())?;
        let name = key_name(key);
        shown.push(match value_text(key, value)? {
            text if text.is_empty() => name,
            text => format!("{name}={text}"),
        });
    }
    Some(shown.join(" "))
}

fn key_name(key: u16) -> String {
    match KEYS.get(usize::from(key)) {
        Some(name) => (*name).to_owned(),
        None => format!("key{key}"),
    }
}

/// IANA's registry "Service Parameter Keys", from 0.
const KEYS: [&str; 9] = [
    "mandatory",
    "alpn",
    "no-default-alpn",
    "port",
    "ipv4hint",
    "ech",
    "ipv6hint",
    "dohpath",
    "ohttp",
];

/// Returns the text of a value; `None` if it does not have the format of its key.
fn value_text(key: u16, value: &[u8]) -> Option<String> {
    let list = |items: Vec<String>| (!items.is_empty()).then(|| items.join(","));
    match key {
        0 => {
            let (keys, []) = value.as_chunks::<2>() else { return None };
            list(keys.iter().map(|key| key_name(u16::from_be_bytes(*key))).collect())
        }
        1 => protocols(value),
        2 | 8 => value.is_empty().then(String::new),
        3 => Some(u16::from_be_bytes(value.try_into().ok()?).to_string()),
        4 => {
            let (ips, []) = value.as_chunks::<4>() else { return None };
            list(ips.iter().map(|ip| Ipv4Addr::from(*ip).to_string()).collect())
        }
        5 => Some(base64(value)),
        6 => {
            let (ips, []) = value.as_chunks::<16>() else { return None };
            list(ips.iter().map(|ip| show_v6(Ipv6Addr::from(*ip))).collect())
        }
        _ if value.is_empty() => Some(String::new()),
        _ => Some(quote(value)),
    }
}

/// Reads protocol names, each with a length. A comma or backslash in a name is escaped twice: in
/// the list and in the character-string (RFC 9460 appendix A.1). A space is escaped, as in kdig.
fn protocols(value: &[u8]) -> Option<String> {
    let mut list = Vec::new();
    let mut rest = value;
    while let Some((length, after)) = rest.split_first() {
        let (name, after) = after.split_at_checked(usize::from(*length))?;
        if name.is_empty() {
            return None;
        }
        if !list.is_empty() {
            list.push(b',');
        }
        for byte in name {
            if matches!(byte, b',' | b'\\') {
                list.push(b'\\');
            }
            list.push(*byte);
        }
        rest = after;
    }
    (!list.is_empty()).then(|| quote_with(&list, b"\"\\ "))
}
