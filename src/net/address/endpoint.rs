//! Endpoints: addresses to connect to, parsed once from the command line.
//!
//! The forms are `HOST PORT`, `HOST:PORT`, `[v6]:PORT`, `unix:PATH` and `unix:@ABSTRACT`;
//! `HOST:PORT` and `[v6]:PORT` may begin with a scheme. Code that uses an endpoint never handles an
//! address as a string.

use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::net::address::host::{Host, Port};
use crate::net::address::interface;
use crate::net::address::names::Family;
use crate::net::address::parse::{self, ParseError, split_port, split_scheme};
use crate::net::address::transport::Transport;
use crate::net::address::unix::{self, UnixPlace};

/// An address to connect to, and the transport to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The transport.
    pub transport: Transport,
    /// The address.
    pub address: Address,
}

/// The address of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A port of a host.
    Net(Host, Port),
    /// A Unix socket.
    Unix(UnixPlace),
}

/// The local address of a connection, chosen by the user: `ADDR[:PORT]`, `:PORT`, or for datagrams
/// also `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalAddress {
    /// An address of this machine, or a port.
    Net(SourceAddress),
    /// A Unix socket.
    Unix(UnixPlace),
}

/// The source address of a connection or of datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceAddress {
    /// An address of this machine; port 0 for any free port.
    Addr(SocketAddr),
    /// A port; the kernel chooses the address, of the same family as the peer's.
    Port(u16),
}

impl SourceAddress {
    /// Returns the address to bind before connecting to `peer`.
    pub fn for_peer(self, peer: SocketAddr) -> SocketAddr {
        match (self, peer) {
            (Self::Addr(addr), _) => addr,
            (Self::Port(port), SocketAddr::V4(_)) => (Ipv4Addr::UNSPECIFIED, port).into(),
            (Self::Port(port), SocketAddr::V6(_)) => (Ipv6Addr::UNSPECIFIED, port).into(),
        }
    }

    /// Returns the port; `None` for any.
    pub fn port(self) -> Option<u16> {
        let port = match self {
            Self::Addr(addr) => addr.port(),
            Self::Port(port) => port,
        };
        (port != 0).then_some(port)
    }

    /// Returns the family of the peers that can be reached from this address.
    pub fn family(self) -> Family {
        match self {
            Self::Addr(addr) => Family::of(addr.ip()),
            Self::Port(_) => Family::Any,
        }
    }
}

/// The HOST argument of a command: a host alone, or a complete endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A host, whose port is a separate argument.
    Host(Host),
    /// A complete endpoint.
    Endpoint(Endpoint),
}

impl Endpoint {
    /// Combines the HOST argument with the PORT argument.
    ///
    /// # Errors
    /// No port was given, or two.
    pub fn join(target: Target, port: Option<Port>) -> Result<Self, ParseError> {
        match (target, port) {
            (Target::Endpoint(endpoint), None) => Ok(endpoint),
            (Target::Endpoint(endpoint), Some(_)) => {
                Err(ParseError::TwoPorts(endpoint.to_string()))
            }
            (Target::Host(host), None) => Err(ParseError::MissingPort(host.to_string())),
            (Target::Host(host), Some(port)) => {
                Ok(Self { transport: Transport::Tcp, address: Address::Net(host, port) })
            }
        }
    }
}

/// Parses the port of a destination.
///
/// # Errors
/// The text is not a port, or it is port 0, to which no connection can be made.
pub fn destination_port(text: &str) -> Result<Port, ParseError> {
    match text.parse() {
        Ok(Port(0)) => Err(ParseError::PortZero),
        Ok(port) => Ok(port),
        Err(_) => Err(ParseError::DestinationPort(text.to_owned())),
    }
}

impl TryFrom<OsString> for Target {
    type Error = ParseError;

    fn try_from(argument: OsString) -> Result<Self, ParseError> {
        if let Some(place) = unix::parse(&argument) {
            let address = Address::Unix(place?);
            return Ok(Self::Endpoint(Endpoint { transport: Transport::Unix, address }));
        }
        let text = parse::text(&argument)?;
        let (transport, rest) = split_scheme(text)?;
        let has_scheme = rest.len() < text.len();
        match split_port(rest)? {
            (host, Some(port)) => {
                let address = Address::Net(host.parse()?, destination_port(port)?);
                Ok(Self::Endpoint(Endpoint { transport, address }))
            }
            (_, None) if has_scheme => Err(ParseError::MissingPort(text.to_owned())),
            (host, None) => Ok(Self::Host(host.parse()?)),
        }
    }
}

impl TryFrom<OsString> for LocalAddress {
    type Error = ParseError;

    fn try_from(argument: OsString) -> Result<Self, ParseError> {
        if let Some(place) = unix::parse(&argument) {
            return place.map(Self::Unix);
        }
        let text = parse::text(&argument)?;
        let (host, port) = split_port(text)?;
        let Port(number) = port.map_or(Ok(Port(0)), str::parse)?;
        if host.is_empty() && port.is_some() {
            return Ok(Self::Net(SourceAddress::Port(number)));
        }
        let invalid = || ParseError::LocalAddress(text.to_owned());
        let addr = match host.split_once('%') {
            Some((ip, zone)) => {
                let ip = ip.parse().map_err(|_| invalid())?;
                let index = interface::index(zone);
                let index = index.ok_or_else(|| ParseError::Zone(zone.to_owned()))?;
                SocketAddrV6::new(ip, number, 0, index).into()
            }
            None => SocketAddr::new(host.parse().map_err(|_| invalid())?, number),
        };
        Ok(Self::Net(SourceAddress::Addr(addr)))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Tcp | Transport::Unix | Transport::UnixDatagram => {}
            Transport::Udp => f.write_str("udp://")?,
            Transport::Tls => f.write_str("tls://")?,
        }
        match &self.address {
            Address::Net(host, port) => host.fmt_with_port(*port, f),
            Address::Unix(place) => place.addr().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn endpoint(target: &str, port: Option<&str>) -> Result<String, ParseError> {
        let port = port.map(destination_port).transpose()?;
        Endpoint::join(Target::try_from(OsString::from(target))?, port)
            .map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn every_form_of_an_endpoint_is_parsed() {
        for (target, port, shown) in [
            ("localhost", Some("80"), "localhost:80"),
            ("localhost:80", None, "localhost:80"),
            ("127.0.0.1", Some("http"), "127.0.0.1:80"),
            ("::1", Some("80"), "[::1]:80"),
            ("[::1]", Some("80"), "[::1]:80"),
            ("[::1]:80", None, "[::1]:80"),
            ("fe80::1%eth0", Some("80"), "[fe80::1%eth0]:80"),
            ("tls://[fe80::1%eth0]:80", None, "tls://[fe80::1%eth0]:80"),
            ("tcp://a.example:1", None, "a.example:1"),
            ("udp://[::1]:53", None, "udp://[::1]:53"),
            ("tls://b.example:443", None, "tls://b.example:443"),
            ("unix:/run/x.sock", None, "unix:/run/x.sock"),
            ("unix:///run/x.sock", None, "unix:/run/x.sock"),
            ("unix:@name", None, "unix:@name"),
            ("bücher.example", Some("1"), "xn--bcher-kva.example:1"),
            ("_srv.example.", Some("1"), "_srv.example.:1"),
        ] {
            assert_eq!(endpoint(target, port).as_deref(), Ok(shown), "{target} {port:?}");
        }
    }

    #[test]
    fn a_local_address_is_an_address_or_a_port_for_both_families() {
        let parse = |text: &str| LocalAddress::try_from(OsString::from(text));
        let for_peer = |text: &str, peer: &str| match parse(text) {
            Ok(LocalAddress::Net(from)) => from.for_peer(peer.parse().unwrap()).to_string(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(for_peer(":5000", "127.0.0.1:80"), "0.0.0.0:5000");
        assert_eq!(for_peer(":5000", "[::1]:80"), "[::]:5000");
        assert_eq!(for_peer("127.0.0.2", "127.0.0.1:80"), "127.0.0.2:0");
        assert_eq!(for_peer("[::1]:5000", "[::1]:80"), "[::1]:5000");
        let index = interface::index("lo").unwrap();
        assert_eq!(for_peer("fe80::1%lo", "[fe80::2]:80"), format!("[fe80::1%{index}]:0"));
        assert_eq!(for_peer("[fe80::1%1]:5", "[fe80::2]:80"), "[fe80::1%1]:5");
        for (text, error) in [
            ("", ParseError::LocalAddress(String::new())),
            ("localhost", ParseError::LocalAddress("localhost".into())),
            (":", ParseError::Port(String::new())),
            ("fe80::1%none", ParseError::Zone("none".into())),
            ("127.0.0.1%lo", ParseError::LocalAddress("127.0.0.1%lo".into())),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn an_invalid_endpoint_is_rejected_with_its_reason() {
        for (target, port, error) in [
            ("", Some("80"), ParseError::EmptyHost),
            (":80", None, ParseError::EmptyHost),
            ("localhost", Some("0"), ParseError::PortZero),
            ("udp://[::1]:0", None, ParseError::PortZero),
            ("localhost", None, ParseError::MissingPort("localhost".into())),
            ("localhost:80", Some("81"), ParseError::TwoPorts("localhost:80".into())),
            ("::g:80:x", Some("1"), ParseError::Host("::g:80:x".into())),
            ("fe80::1:http", None, ParseError::Brackets("fe80::1".into())),
            ("fe80::1%eth0:80", None, ParseError::Brackets("fe80::1%eth0".into())),
            ("fe80::1%eth0:1:2", None, ParseError::Host("fe80::1%eth0:1:2".into())),
            ("fe80::1%", Some("80"), ParseError::Host("fe80::1%".into())),
            ("127.0.0.1%lo", Some("80"), ParseError::Host("127.0.0.1%lo".into())),
            ("http://a", None, ParseError::Scheme("http".into())),
            ("tcp://a", None, ParseError::MissingPort("tcp://a".into())),
            ("a b", Some("1"), ParseError::Host("a b".into())),
            ("a..b", Some("1"), ParseError::Host("a..b".into())),
            ("unix:", None, ParseError::EmptyPath),
            ("[::1", Some("1"), ParseError::Host("[::1".into())),
        ] {
            assert_eq!(endpoint(target, port), Err(error), "{target} {port:?}");
        }
    }

    #[test]
    fn only_the_path_of_a_unix_socket_may_be_other_bytes_than_utf_8() {
        let os = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let shown = |target| match target {
            Ok(Target::Endpoint(endpoint)) => endpoint.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(shown(Target::try_from(os(b"unix:/r\xff"))), "unix:/r\\xff");
        assert_eq!(shown(Target::try_from(os(b"unix:@\xff"))), "unix:@\\xff");
        assert!(matches!(LocalAddress::try_from(os(b"unix:/r\xff")), Ok(LocalAddress::Unix(_))));
        assert_eq!(Target::try_from(os(b"a\xff:80")), Err(ParseError::NotUtf8));
        assert_eq!(LocalAddress::try_from(os(b":5\xff")), Err(ParseError::NotUtf8));
    }
}
