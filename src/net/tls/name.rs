//! The names that a handshake carries: server names and application protocols.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use rustls::pki_types;

use crate::net::address::host::Host;
use crate::text;

/// The host name or address for which a server's certificate must be valid. A client also sends a
/// name to the server (SNI), but not an address (RFC 6066 section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName(pub(super) pki_types::ServerName<'static>);

/// The error for text that a certificate cannot contain as a host name or address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a host name or address that a certificate can contain")]
pub struct InvalidServerName(String);

impl ServerName {
    /// Returns the name for a stream without a host, such as a Unix socket.
    pub fn localhost() -> Self {
        let name = pki_types::DnsName::try_from_str("localhost");
        Self(name.map_or_else(
            |_| IpAddr::from([127, 0, 0, 1]).into(),
            |name| pki_types::ServerName::DnsName(name.to_owned()),
        ))
    }

    /// Returns the name that a client sends to the server; `None` for an address.
    pub(super) fn sni(&self) -> Option<&str> {
        match &self.0 {
            pki_types::ServerName::DnsName(name) => Some(name.as_ref()),
            _ => None,
        }
    }
}

impl FromStr for ServerName {
    type Err = InvalidServerName;

    fn from_str(name: &str) -> Result<Self, InvalidServerName> {
        let invalid = || InvalidServerName(name.to_owned());
        let host: Host = name.parse().map_err(|_| invalid())?;
        Self::try_from(&host).map_err(|_| invalid())
    }
}

impl TryFrom<&Host> for ServerName {
    type Error = InvalidServerName;

    fn try_from(host: &Host) -> Result<Self, InvalidServerName> {
        let name = match (host, host.ip()) {
            // An IPv6 zone is local to this machine, so a certificate cannot contain it.
            (_, Some(ip)) => return Ok(Self(ip.into())),
            (host, None) => host.to_string(),
        };
        // SNI and certificates contain names without the trailing dot.
        let bare = name.strip_suffix('.').unwrap_or(&name).to_owned();
        let parsed = pki_types::ServerName::try_from(bare);
        parsed.map(Self).map_err(|_| InvalidServerName(name))
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_str())
    }
}

/// The name of an application protocol (ALPN, RFC 7301), such as `h2`: 1 to 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alpn(pub(super) Vec<u8>);

/// The error for text that is not a protocol name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a protocol name has 1 to 255 bytes")]
pub struct InvalidAlpn;

impl FromStr for Alpn {
    type Err = InvalidAlpn;

    fn from_str(name: &str) -> Result<Self, InvalidAlpn> {
        // A handshake encodes the length in one byte.
        match name.len() {
            1..=255 => Ok(Self(name.as_bytes().to_vec())),
            _ => Err(InvalidAlpn),
        }
    }
}

impl fmt::Display for Alpn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::escape(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_names_are_normalised_to_the_form_in_certificates() {
        for (given, name) in [
            ("Example.com", "Example.com"),
            ("example.com.", "example.com"),
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("a_b.example", "a_b.example"),
        ] {
            assert_eq!(given.parse::<ServerName>().unwrap().to_string(), name);
        }
        for wrong in ["", "a b", "-", "a..b", "x\u{1b}"] {
            assert!(wrong.parse::<ServerName>().is_err(), "{wrong}");
        }
        assert_eq!(ServerName::localhost().to_string(), "localhost");
    }

    #[test]
    fn a_protocol_name_has_1_to_255_bytes() {
        assert_eq!("h2".parse(), Ok(Alpn(b"h2".to_vec())));
        assert_eq!("".parse::<Alpn>(), Err(InvalidAlpn));
        assert!("x".repeat(255).parse::<Alpn>().is_ok());
        assert_eq!("x".repeat(256).parse::<Alpn>(), Err(InvalidAlpn));
    }
}
