//! Names to look up: a domain name, or an address, which is looked up by its reverse name.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::dns::Name;
use crate::dns::message::record_type::RecordType;
use crate::dns::name::{self, InvalidName};

/// A name to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryName {
    /// The text that the user gave.
    pub given: String,
    /// The domain name to query.
    pub name: Name,
    /// The address, if the user gave one.
    pub ip: Option<IpAddr>,
}

impl QueryName {
    /// Returns the record types to query if the user gives none.
    pub fn default_types(&self) -> &'static [RecordType] {
        if name::is_reverse(&self.name) {
            &[RecordType::PTR]
        } else {
            &[RecordType::A, RecordType::AAAA]
        }
    }
}

impl FromStr for QueryName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let ip = address(text);
        let name = match ip {
            Some(ip) => name::reverse(ip),
            None => name::parse(text)?,
        };
        Ok(Self { given: text.to_owned(), name, ip })
    }
}

/// Parses an address. A zone (`fe80::1%eth0`) is dropped, since it is not part of the reverse name.
/// A text with a final dot is a name, as in answers.
fn address(text: &str) -> Option<IpAddr> {
    let zoned = || {
        if text.ends_with('.') {
            return None;
        }
        let (ip, _) = text.split_once('%')?;
        ip.parse::<Ipv6Addr>().ok().map(IpAddr::from)
    };
    text.parse().ok().or_else(zoned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_reverse_names_query_ptr_records_by_default() {
        for (text, name, types) in [
            ("192.0.2.10", "10.2.0.192.in-addr.arpa.", &[RecordType::PTR][..]),
            ("10.2.0.192.in-addr.arpa", "10.2.0.192.in-addr.arpa.", &[RecordType::PTR]),
            ("www.ita.br", "www.ita.br.", &[RecordType::A, RecordType::AAAA]),
            ("192.0.2", "192.0.2.", &[RecordType::A, RecordType::AAAA]),
            ("fe80::1%lo.", "fe80::1%lo.", &[RecordType::A, RecordType::AAAA]),
        ] {
            let query: QueryName = text.parse().unwrap();
            assert_eq!(name::show(&query.name), name);
            assert_eq!(query.default_types(), types, "{text}");
        }
        let plain: QueryName = "fe80::1".parse().unwrap();
        let zoned: QueryName = "fe80::1%eth0".parse().unwrap();
        assert_eq!(plain.name, zoned.name);
        assert_eq!(zoned.ip, Some("fe80::1".parse().unwrap()));
    }
}
