//! Where to connect or listen, parsed once at the edge.
//!
//! `HOST PORT`, `HOST:PORT`, `[v6]:PORT`, `unix:PATH`, `unix:@ABSTRACT`, each with an optional
//! scheme; listeners take `[HOST:]PORT`. Below this module no string is still an address.

mod listen;
mod service;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::unix::UnixPlace;

pub use self::listen::{ListenAddress, ListenPlace};

/// How bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TCP stream.
    Tcp,
    /// UDP datagrams.
    Udp,
    /// TLS over TCP.
    Tls,
    /// A Unix stream.
    Unix,
    /// Unix datagrams.
    UnixDatagram,
}

/// Something to connect to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// How bytes travel.
    pub transport: Transport,
    /// Where to.
    pub address: Address,
}

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// On the network.
    Net(Host, Port),
    /// On this machine.
    Unix(UnixPlace),
}

/// A machine: an address, or a name that stands for some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A literal address.
    Ip(IpAddr),
    /// A name, or an address with a zone (`fe80::1%eth0`), for the system's resolver.
    Name(String),
}

/// A port number: given as one, or by a service's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(pub u16);

impl Transport {
    /// Returns whether what is sent keeps its boundaries.
    pub fn is_for_datagrams(self) -> bool {
        matches!(self, Self::Udp | Self::UnixDatagram)
    }

    /// Returns this transport with what `--udp` and `--tls` say; none where they contradict it.
    pub fn with_flags(self, udp: bool, tls: bool) -> Option<Self> {
        match (self, udp, tls) {
            (this, false, false) => Some(this),
            (Self::Tcp | Self::Udp, true, false) => Some(Self::Udp),
            (Self::Tcp | Self::Tls, false, true) => Some(Self::Tls),
            (Self::Unix | Self::UnixDatagram, true, false) => Some(Self::UnixDatagram),
            _ => None,
        }
    }
}

/// Our own end of a connection, where it matters: `ADDR[:PORT]`, for datagrams also `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An address of this machine; port 0 for any.
    Net(SocketAddr),
    /// A Unix socket.
    Unix(UnixPlace),
}

/// What stands where a host is expected: a host, or already a whole endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The port is still to come.
    Host(Host),
    /// Nothing is missing.
    Endpoint(Endpoint),
}

/// Why something is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// No host where one must be.
    #[error("no host given")]
    EmptyHost,
    /// Characters no host name has, or too long.
    #[error("{0:?} is not a host name or an address")]
    Host(String),
    /// Neither a number from 0 to 65535 nor a service.
    #[error("{0:?} is not a port: give a number from 0 to 65535, or a service name such as http")]
    Port(String),
    /// No port, neither inside nor beside.
    #[error("no port given for {0}")]
    MissingPort(String),
    /// A port inside and one beside.
    #[error("two ports given for {0}")]
    TwoPorts(String),
    /// An IPv6 address that runs into its port.
    #[error("write an IPv6 address with a port in brackets: [{0}]:PORT")]
    Brackets(String),
    /// A scheme that is none of ours.
    #[error("{0:?} is not a scheme: use tcp, udp, tls or unix")]
    Scheme(String),
    /// Not an address to connect from.
    #[error("{0:?} is not an address: give one of this machine's, as 192.0.2.1 or [::1]:5000")]
    Origin(String),
    /// Not an address with a prefix length.
    #[error("{0:?} is not a network: write it as 192.0.2.0/24 or 2001:db8::/32")]
    Network(String),
    /// `unix:` without anything behind it.
    #[error("no path given after unix:")]
    EmptyPath,
}

impl Endpoint {
    /// Joins what stood in a host's place with the port beside it.
    ///
    /// # Errors
    /// No port at all, or two.
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

impl FromStr for Target {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Some(path) = text.strip_prefix("unix:") {
            let address = Address::Unix(parse_unix(path)?);
            return Ok(Self::Endpoint(Endpoint { transport: Transport::Unix, address }));
        }
        let (transport, rest) = split_scheme(text)?;
        let with_scheme = rest.len() < text.len();
        match split_port(rest)? {
            (host, Some(port)) => {
                let address = Address::Net(host.parse()?, port.parse()?);
                Ok(Self::Endpoint(Endpoint { transport, address }))
            }
            (_, None) if with_scheme => Err(ParseError::MissingPort(text.to_owned())),
            (host, None) => Ok(Self::Host(host.parse()?)),
        }
    }
}

impl FromStr for Origin {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return parse_unix(path).map(Self::Unix);
        }
        let (host, port) = split_port(text)?;
        let ip = host.parse().map_err(|_| ParseError::Origin(text.to_owned()))?;
        let port: Port = port.map_or(Ok(Port(0)), str::parse)?;
        Ok(Self::Net(SocketAddr::new(ip, port.0)))
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
            let plain = address.parse::<Ipv6Addr>().is_ok();
            let named = !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
            return if plain && named { Ok(Self::Name(text.to_owned())) } else { Err(invalid()) };
        }
        let name = if text.is_ascii() {
            text.to_owned()
        } else {
            idna::domain_to_ascii(text).map_err(|_| invalid())?
        };
        let labels = name.strip_suffix('.').unwrap_or(&name);
        // RFC 1035 section 3.1; underscores and leading hyphens exist in the wild.
        let legal = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if labels.len() > MAX_NAME || !labels.split('.').all(legal) {
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

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Tcp | Transport::Unix | Transport::UnixDatagram => {}
            Transport::Udp => f.write_str("udp://")?,
            Transport::Tls => f.write_str("tls://")?,
        }
        match &self.address {
            Address::Net(host @ Host::Ip(IpAddr::V6(_)), port) => write!(f, "[{host}]:{}", port.0),
            Address::Net(host, port) => write!(f, "{host}:{}", port.0),
            Address::Unix(place) => place.addr().fmt(f),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// The longest name in text form (RFC 1035 section 2.3.4: 255 octets on the wire).
const MAX_NAME: usize = 253;

/// Splits `HOST:PORT` and `[v6]:PORT`; what has no port, a bare IPv6 address included, stays whole.
fn split_port(text: &str) -> Result<(&str, Option<&str>), ParseError> {
    if let Some(rest) = text.strip_prefix('[') {
        let invalid = || ParseError::Host(text.to_owned());
        let (host, after) = rest.split_once(']').ok_or_else(invalid)?;
        let plain = host.split('%').next().unwrap_or(host);
        plain.parse::<Ipv6Addr>().map_err(|_| invalid())?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(invalid()),
        };
    }
    match text.rsplit_once(':') {
        None => Ok((text, None)),
        Some((host, port)) if !host.contains(':') => Ok((host, Some(port))),
        // Two colons or more: an address without brackets, with or without a port at its end.
        Some((host, _)) => {
            let whole = text.split('%').next().unwrap_or(text);
            if whole.parse::<Ipv6Addr>().is_ok() {
                Ok((text, None))
            } else if host.parse::<Ipv6Addr>().is_ok() {
                Err(ParseError::Brackets(host.to_owned()))
            } else {
                Err(ParseError::Host(text.to_owned()))
            }
        }
    }
}

/// Takes the scheme off; without one it is TCP.
fn split_scheme(text: &str) -> Result<(Transport, &str), ParseError> {
    match text.split_once("://") {
        Some(("tcp", rest)) => Ok((Transport::Tcp, rest)),
        Some(("udp", rest)) => Ok((Transport::Udp, rest)),
        Some(("tls", rest)) => Ok((Transport::Tls, rest)),
        Some((scheme, _)) => Err(ParseError::Scheme(scheme.to_owned())),
        None => Ok((Transport::Tcp, text)),
    }
}

/// What stands behind `unix:`.
fn parse_unix(path: &str) -> Result<UnixPlace, ParseError> {
    let path = path.strip_prefix("//").unwrap_or(path);
    match path.strip_prefix('@') {
        Some("") => Err(ParseError::EmptyPath),
        None if path.is_empty() => Err(ParseError::EmptyPath),
        Some(name) => Ok(UnixPlace::Abstract(name.to_owned())),
        None => Ok(UnixPlace::Path(path.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(target: &str, port: Option<&str>) -> Result<String, ParseError> {
        let port = port.map(str::parse).transpose()?;
        Endpoint::join(target.parse()?, port).map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn every_spelling_of_an_endpoint_is_understood() {
        for (target, port, shown) in [
            ("localhost", Some("80"), "localhost:80"),
            ("localhost:80", None, "localhost:80"),
            ("127.0.0.1", Some("http"), "127.0.0.1:80"),
            ("::1", Some("80"), "[::1]:80"),
            ("[::1]", Some("80"), "[::1]:80"),
            ("[::1]:80", None, "[::1]:80"),
            ("fe80::1%eth0", Some("80"), "fe80::1%eth0:80"),
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
    fn a_port_that_is_none_is_refused() {
        for port in ["70000", "65536", "-1", "abc-no-such-service", "80x", "", "+80", " 80", "８０"]
        {
            assert_eq!(port.parse::<Port>(), Err(ParseError::Port(port.to_owned())));
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_its_reason() {
        for (target, port, error) in [
            ("", Some("80"), ParseError::EmptyHost),
            (":80", None, ParseError::EmptyHost),
            ("localhost", None, ParseError::MissingPort("localhost".into())),
            ("localhost:80", Some("81"), ParseError::TwoPorts("localhost:80".into())),
            ("::g:80:x", Some("1"), ParseError::Host("::g:80:x".into())),
            ("fe80::1:http", None, ParseError::Brackets("fe80::1".into())),
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
}
