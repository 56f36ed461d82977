//! Lists of destination ports: numbers, ranges and service names.

use std::str::FromStr;

use crate::net::address::endpoint::destination_port;
use crate::net::address::host::Port;
use crate::net::address::parse::ParseError;

/// Destination ports, each once, in the order in which they were given. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortList(Vec<Port>);

impl PortList {
    /// Returns the list of one port.
    pub fn of(port: Port) -> Self {
        Self(vec![port])
    }

    /// Adds the ports of `other` that the list does not have yet.
    pub fn extend(&mut self, other: &Self) {
        self.0 = distinct(self.0.iter().chain(&other.0).copied());
    }

    /// Returns the ports.
    pub fn ports(&self) -> &[Port] {
        &self.0
    }
}

impl FromStr for PortList {
    type Err = ParseError;

    /// Parses ports, ranges and service names, separated by commas: `80`, `80,https`, `1-1024`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut ports = Vec::new();
        for item in text.split(',') {
            match range(item) {
                None => ports.push(destination_port(item)?),
                Some((first, last)) => {
                    let (Port(first), Port(last)) =
                        (destination_port(first)?, destination_port(last)?);
                    if first > last {
                        return Err(ParseError::PortRange(item.to_owned()));
                    }
                    ports.extend((first..=last).map(Port));
                }
            }
        }
        Ok(Self(distinct(ports.into_iter())))
    }
}

/// Splits `A-B`; `None` if `item` is a single port. Service names may have hyphens, so both ends of
/// a range are numbers.
fn range(item: &str) -> Option<(&str, &str)> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    item.split_once('-').filter(|(first, last)| is_number(first) && is_number(last))
}

/// Returns the ports without those that occurred before.
fn distinct(ports: impl Iterator<Item = Port>) -> Vec<Port> {
    let mut seen = vec![false; usize::from(u16::MAX) + 1];
    ports.filter(|Port(port)| !std::mem::replace(&mut seen[usize::from(*port)], true)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<u16>, ParseError> {
        let list: PortList = text.parse()?;
        Ok(list.ports().iter().map(|port| port.0).collect())
    }

    #[test]
    fn numbers_ranges_and_names_are_listed_once_in_their_order() {
        assert_eq!(parse("443,80,https"), Ok(vec![443, 80]));
        assert_eq!(parse("20-22,21-23"), Ok(vec![20, 21, 22, 23]));
        assert_eq!(parse("1-65535").unwrap().len(), 65_535);
        assert_eq!(parse("http"), Ok(vec![80]));
    }

    #[test]
    fn an_invalid_list_is_rejected_with_its_reason() {
        for text in ["", "80,", ",80", "80-", "-80", "1-65536", "a-b-no-such-service", "80 443"] {
            assert!(matches!(parse(text), Err(ParseError::DestinationPort(_))), "{text}");
        }
        assert_eq!(parse("0"), Err(ParseError::PortZero));
        assert_eq!(parse("0-10"), Err(ParseError::PortZero));
        assert_eq!(parse("90-80"), Err(ParseError::PortRange("90-80".into())));
    }
}
