//! Names that a handshake carries: the server's, and protocols'.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use rustls::pki_types;

use crate::net::address::host::Host;
use crate::text;

/// Who a server's certificate must be for. A name is also told to the server (SNI); an address is
/// not (RFC 6066 section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName(pub(super) pki_types::ServerName<'static>);

/// Something no certificate can be for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a name or an address that a certificate can be for")]
pub struct InvalidServerName(String);

impl ServerName {
    /// What a stream without a host goes by, such as one to a Unix socket.
    pub fn localhost() -> Self {
        let name = pki_types::DnsName::try_from_str("localhost");
        Self(name.map_or_else(
            |_| IpAddr::from([127, 0, 0, 1]).into(),
            |name| pki_types::ServerName::DnsName(name.to_owned()),
        ))
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
        let name = match host {
            Host::Ip(ip) => return Ok(Self((*ip).into())),
            Host::Name(name) => name,
        };
        // A zone is the business of this machine alone.
        if let Some((address, _zone)) = name.split_once('%')
            && let Ok(ip) = address.parse::<IpAddr>()
        {
            return Ok(Self(ip.into()));
        }
        // SNI and certificates have names without the root's dot.
        let bare = name.strip_suffix('.').unwrap_or(name).to_owned();
        let parsed = pki_types::ServerName::try_from(bare);
        parsed.map(Self).map_err(|_| InvalidServerName(name.clone()))
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_str())
    }
}

/// An application protocol's name (ALPN, RFC 7301), such as `h2`: 1 to 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alpn(pub(super) Vec<u8>);

/// Text that is no protocol's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a protocol's name has 1 to 255 bytes")]
pub struct InvalidAlpn;

impl FromStr for Alpn {
    type Err = InvalidAlpn;

    fn from_str(name: &str) -> Result<Self, InvalidAlpn> {
        // Its length travels in one byte.
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
    fn names_are_told_as_certificates_have_them() {
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
    fn a_protocols_name_fits_into_its_field() {
        assert_eq!("h2".parse(), Ok(Alpn(b"h2".to_vec())));
        assert_eq!("".parse::<Alpn>(), Err(InvalidAlpn));
        assert!("x".repeat(255).parse::<Alpn>().is_ok());
        assert_eq!("x".repeat(256).parse::<Alpn>(), Err(InvalidAlpn));
    }
}
