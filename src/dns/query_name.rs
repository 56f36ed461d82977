//! What a user asks about: a name, or an address that stands for its reverse name.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::dns::Name;
use crate::dns::name::{self, InvalidName};
use crate::dns::record_type::RecordType;

/// Something to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryName {
    /// What the user wrote.
    pub given: String,
    /// The name that is asked for.
    pub name: Name,
    /// Whether an address was given.
    pub is_address: bool,
}

impl QueryName {
    /// Returns the types to ask for where the user names none.
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
        Ok(Self { given: text.to_owned(), name, is_address: ip.is_some() })
    }
}

/// An address literal. A zone (`fe80::1%eth0`) says how to get there, not who it is.
fn address(text: &str) -> Option<IpAddr> {
    let zoned = || {
        let (ip, _) = text.split_once('%')?;
        ip.parse::<Ipv6Addr>().ok().map(IpAddr::from)
    };
    text.parse().ok().or_else(zoned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_reverse_names_ask_for_their_name() {
        for (text, name, types) in [
            ("192.0.2.10", "10.2.0.192.in-addr.arpa.", &[RecordType::PTR][..]),
            ("10.2.0.192.in-addr.arpa", "10.2.0.192.in-addr.arpa.", &[RecordType::PTR]),
            ("www.ita.br", "www.ita.br.", &[RecordType::A, RecordType::AAAA]),
            ("192.0.2", "192.0.2.", &[RecordType::A, RecordType::AAAA]),
        ] {
            let subject: QueryName = text.parse().unwrap();
            assert_eq!(name::show(&subject.name), name);
            assert_eq!(subject.default_types(), types, "{text}");
        }
        let plain: QueryName = "fe80::1".parse().unwrap();
        let zoned: QueryName = "fe80::1%eth0".parse().unwrap();
        assert_eq!(plain.name, zoned.name);
        assert!(zoned.is_address);
    }
}
