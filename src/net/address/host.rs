//! Hosts and ports, parsed from text.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::net::address::parse::ParseError;
use crate::net::address::service;

/// A host: an IP address, or a name that resolves to addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An IP address.
    Ip(IpAddr),
    /// An IPv6 address with a zone: the interface whose network it belongs to (RFC 4007).
    Zoned(Ipv6Addr, String),
    /// A host name.
    Name(String),
}

/// A port, given as a number or as a service name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(pub u16);

impl Host {
    /// Returns the address, without its zone; `None` for a name.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Zoned(ip, _) => Some((*ip).into()),
            Self::Name(_) => None,
        }
    }

    /// Writes the host and `port`, an IPv6 address in brackets.
    pub(super) fn fmt_with_port(&self, port: Port, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(_)) | Self::Zoned(..) => write!(f, "[{self}]:{}", port.0),
            Self::Ip(IpAddr::V4(_)) | Self::Name(_) => write!(f, "{self}:{}", port.0),
        }
    }
}

impl FromStr for Host {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() {
            return Err(ParseError::EmptyHost);
        }
        if let Ok(ip) = text.parse() {
            return Ok(Self::Ip(ip));
        }
        let invalid = || ParseError::Host(text.to_owned());
        if let Some((address, zone)) = text.split_once('%') {
            // No name of an interface contains a slash, a colon or a space.
            let is_zone = zone.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b':'));
            return match address.parse() {
                Ok(ip) if is_zone && !zone.is_empty() => Ok(Self::Zoned(ip, zone.to_owned())),
                _ => Err(invalid()),
            };
        }
        let name = if text.is_ascii() {
            text.to_owned()
        } else {
            idna::domain_to_ascii(text).map_err(|_| invalid())?
        };
        let labels = name.strip_suffix('.').unwrap_or(&name);
        // RFC 1035 section 3.1 limits the length of a label. Underscores and leading hyphens are
        // allowed, because real names have them.
        let is_valid = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if labels.len() > MAX_HOST_NAME || !labels.split('.').all(is_valid) {
            return Err(invalid());
        }
        Ok(Self::Name(name))
    }
}

impl FromStr for Port {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let invalid = || ParseError::Port(text.to_owned());
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().map(Self).map_err(|_| invalid());
        }
        service::port(text).map(Self).ok_or_else(invalid)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Zoned(ip, zone) => write!(f, "{ip}%{zone}"),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Maximum length of a name in text form (RFC 1035 section 2.3.4: 255 octets on the wire).
const MAX_HOST_NAME: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_port_is_rejected() {
        for port in ["70000", "65536", "-1", "abc-no-such-service", "80x", "", "+80", " 80", "８０"]
        {
            assert_eq!(port.parse::<Port>(), Err(ParseError::Port(port.to_owned())));
        }
    }
}
