//! Where to connect or listen, parsed once at the edge.
//!
//! `HOST PORT`, `HOST:PORT`, `[v6]:PORT`, `unix:PATH`, `unix:@ABSTRACT`, each with an optional
//! scheme; listeners take `[HOST:]PORT`. Below this module no string is still an address.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

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
    /// A socket in the file system.
    UnixPath(PathBuf),
    /// A socket in Linux's abstract namespace.
    UnixAbstract(String),
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

/// Where a server listens: `[HOST:]PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// The host whose addresses are bound; none for the command's default.
    pub host: Option<Host>,
    /// The port; 0 for any free one.
    pub port: Port,
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
            let address = parse_unix(path.strip_prefix("//").unwrap_or(path))?;
            return Ok(Self::Endpoint(Endpoint { transport: Transport::Unix, address }));
        }
        let (transport, rest) = match text.split_once("://") {
            Some(("tcp", rest)) => (Transport::Tcp, rest),
            Some(("udp", rest)) => (Transport::Udp, rest),
            Some(("tls", rest)) => (Transport::Tls, rest),
            Some((scheme, _)) => return Err(ParseError::Scheme(scheme.to_owned())),
            None => (Transport::Tcp, text),
        };
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

impl FromStr for ListenAddress {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match split_port(text)? {
            (host, Some(port)) => Ok(Self { host: Some(host.parse()?), port: port.parse()? }),
            (port, None) if port.parse::<Ipv6Addr>().is_ok() => {
                Err(ParseError::Brackets(port.to_owned()))
            }
            (port, None) => Ok(Self { host: None, port: port.parse()? }),
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
        service_port(text).map(Self).ok_or_else(invalid)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Tcp | Transport::Unix => {}
            Transport::Udp => f.write_str("udp://")?,
            Transport::Tls => f.write_str("tls://")?,
        }
        match &self.address {
            Address::Net(host @ Host::Ip(IpAddr::V6(_)), port) => write!(f, "[{host}]:{}", port.0),
            Address::Net(host, port) => write!(f, "{host}:{}", port.0),
            Address::UnixPath(path) => write!(f, "unix:{}", path.display()),
            Address::UnixAbstract(name) => write!(f, "unix:@{name}"),
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

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host @ Host::Ip(IpAddr::V6(_))) => write!(f, "[{host}]:{}", self.port.0),
            Some(host) => write!(f, "{host}:{}", self.port.0),
            None => write!(f, "{}", self.port.0),
        }
    }
}

/// The longest name in text form (RFC 1035 section 2.3.4: 255 octets on the wire).
const MAX_NAME: usize = 253;

/// Services a machine without `/etc/services` (a bare container) should still know.
const WELL_KNOWN: [(&str, u16); 16] = [
    ("echo", 7),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("http", 80),
    ("finger", 79),
    ("pop3", 110),
    ("ntp", 123),
    ("imap", 143),
    ("https", 443),
    ("submission", 587),
    ("imaps", 993),
    ("pop3s", 995),
    ("postgresql", 5432),
];

fn service_port(name: &str) -> Option<u16> {
    // RFC 6335 section 5.1: at least one letter. Without one the C library reads "+80" as 80.
    if !name.is_ascii() || !name.bytes().any(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    dns_lookup::getaddrinfo(None, Some(name), None)
        .ok()
        .and_then(|mut found| found.next()?.ok())
        .map(|info| info.sockaddr.port())
        .or_else(|| WELL_KNOWN.iter().find(|known| known.0 == name).map(|known| known.1))
}

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

fn parse_unix(path: &str) -> Result<Address, ParseError> {
    match path.strip_prefix('@') {
        Some("") => Err(ParseError::EmptyPath),
        None if path.is_empty() => Err(ParseError::EmptyPath),
        Some(name) => Ok(Address::UnixAbstract(name.to_owned())),
        None => Ok(Address::UnixPath(path.into())),
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

    #[test]
    fn listeners_take_a_port_with_or_without_a_host() {
        for (text, shown) in [
            ("5666", "5666"),
            ("0", "0"),
            ("127.0.0.1:5666", "127.0.0.1:5666"),
            ("[::]:5666", "[::]:5666"),
            ("localhost:http", "localhost:80"),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
        }
        assert_eq!("::1".parse::<ListenAddress>(), Err(ParseError::Brackets("::1".into())));
        assert_eq!("5666x".parse::<ListenAddress>(), Err(ParseError::Port("5666x".into())));
    }
}
