//! Endpoints with several ports, as `HOST:PORTS`, a URL or a Unix socket.

use std::ffi::OsString;

use crate::net::address::host::{Host, Port};
use crate::net::address::parse::{self, ParseError, split_port, split_scheme};
use crate::net::address::ports::PortList;
use crate::net::address::service;
use crate::net::address::transport::Transport;
use crate::net::address::unix::{self, UnixPlace};

/// Ports of a host, or a Unix socket, and the transport to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSet {
    /// The transport.
    pub transport: Transport,
    /// The addresses.
    pub address: AddressSet,
}

/// The addresses of an [`EndpointSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressSet {
    /// Ports of a host.
    Net(Host, PortList),
    /// A Unix socket.
    Unix(UnixPlace),
}

/// An argument that names a host: alone, or with its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostOrEndpoints {
    /// A host, whose ports are separate arguments.
    Host(Host),
    /// Complete endpoints.
    Endpoints(EndpointSet),
}

/// The schemes of URLs whose names are not those of a service.
const URL_SCHEMES: [(&str, u16); 5] =
    [("ws", 80), ("wss", 443), ("postgres", 5432), ("redis", 6379), ("rediss", 6379)];

/// The schemes of URLs whose servers use TLS from the first byte.
const TLS_SCHEMES: [&str; 8] =
    ["https", "wss", "imaps", "pop3s", "smtps", "ldaps", "ftps", "rediss"];

impl TryFrom<OsString> for HostOrEndpoints {
    type Error = ParseError;

    fn try_from(argument: OsString) -> Result<Self, ParseError> {
        if let Some(place) = unix::parse(&argument) {
            let address = AddressSet::Unix(place?);
            return Ok(Self::Endpoints(EndpointSet { transport: Transport::Unix, address }));
        }
        let text = parse::text(&argument)?;
        let (transport, rest) = match split_scheme(text) {
            Err(ParseError::Scheme(scheme)) => return url(text, &scheme).map(Self::Endpoints),
            other => other?,
        };
        let has_scheme = rest.len() < text.len();
        match split_port(rest)? {
            (host, Some(ports)) => {
                let address = AddressSet::Net(host.parse()?, ports.parse()?);
                Ok(Self::Endpoints(EndpointSet { transport, address }))
            }
            (_, None) if has_scheme => Err(ParseError::MissingPort(text.to_owned())),
            (host, None) => Ok(Self::Host(host.parse()?)),
        }
    }
}

/// Parses a URL such as `https://host/path`; the user name, the path and the query are ignored.
fn url(text: &str, scheme: &str) -> Result<EndpointSet, ParseError> {
    let (_, rest) = text.split_once("://").unwrap_or(("", text));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let (_, authority) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host, port) = split_port(authority)?;
    let scheme = scheme.to_ascii_lowercase();
    let ports = if let Some(port) = port {
        port.parse()?
    } else {
        let known = URL_SCHEMES.iter().find(|known| known.0 == scheme).map(|known| known.1);
        let port = known.or_else(|| service::port(&scheme));
        PortList::of(Port(port.ok_or_else(|| ParseError::UrlPort(text.to_owned()))?))
    };
    let transport =
        if TLS_SCHEMES.contains(&scheme.as_str()) { Transport::Tls } else { Transport::Tcp };
    Ok(EndpointSet { transport, address: AddressSet::Net(host.parse()?, ports) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(Transport, String, Vec<u16>), ParseError> {
        match HostOrEndpoints::try_from(OsString::from(text))? {
            HostOrEndpoints::Host(host) => Ok((Transport::Tcp, host.to_string(), Vec::new())),
            HostOrEndpoints::Endpoints(EndpointSet { transport, address }) => match address {
                AddressSet::Net(host, ports) => {
                    let ports = ports.ports().iter().map(|port| port.0).collect();
                    Ok((transport, host.to_string(), ports))
                }
                AddressSet::Unix(place) => Ok((transport, place.addr().to_string(), Vec::new())),
            },
        }
    }

    #[test]
    fn every_form_of_a_target_is_parsed() {
        let tcp = Transport::Tcp;
        for (text, transport, host, ports) in [
            ("a.example", tcp, "a.example", &[][..]),
            ("::1", tcp, "::1", &[]),
            ("a.example:80,443", tcp, "a.example", &[80, 443]),
            ("[::1]:20-22", tcp, "::1", &[20, 21, 22]),
            ("udp://127.0.0.1:53", Transport::Udp, "127.0.0.1", &[53]),
            ("tls://a.example:https", Transport::Tls, "a.example", &[443]),
            ("unix:/run/x.sock", Transport::Unix, "unix:/run/x.sock", &[]),
            ("https://a.example/path?q=1", Transport::Tls, "a.example", &[443]),
            ("HTTP://a.example", tcp, "a.example", &[80]),
            ("http://[::1]:8080/", tcp, "::1", &[8080]),
            ("postgres://user:p%40ss@db/name", tcp, "db", &[5432]),
            ("ssh://git@a.example", tcp, "a.example", &[22]),
            ("custom://a.example:7", tcp, "a.example", &[7]),
        ] {
            assert_eq!(parse(text), Ok((transport, host.to_owned(), ports.to_vec())), "{text}");
        }
    }

    #[test]
    fn an_invalid_target_is_rejected_with_its_reason() {
        for (text, error) in [
            ("", ParseError::EmptyHost),
            (":80", ParseError::EmptyHost),
            ("a.example:", ParseError::DestinationPort(String::new())),
            ("a.example:0", ParseError::PortZero),
            ("tcp://a.example", ParseError::MissingPort("tcp://a.example".into())),
            ("fe80::1:http", ParseError::Brackets("fe80::1".into())),
            ("custom://a.example", ParseError::UrlPort("custom://a.example".into())),
            ("https:///path", ParseError::EmptyHost),
            ("unix:", ParseError::EmptyPath),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }
}
