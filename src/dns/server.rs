//! DNS servers: as the user names them, and as addresses to query.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use hickory_resolver::proto::op::Message;

use crate::dns::machine::system::DNS_PORT;
use crate::net::address::endpoint::{Address, Endpoint, Target};
use crate::net::address::host::Host;
use crate::net::address::names::{self, Family};
use crate::net::address::parse::ParseError;
use crate::net::address::transport::Transport as Scheme;
use crate::net::{self, Addr, Deadline};

/// The transport of queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsTransport {
    /// UDP, with a retry over TCP if the reply is truncated.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP (RFC 7858).
    Tls,
    /// HTTP/2 over TLS (RFC 8484).
    Https,
    /// QUIC (RFC 9250), with the cargo feature `doq`.
    Quic,
    /// HTTP/3 over QUIC (RFC 8484), with the cargo feature `doh3`.
    H3,
}

/// A server to query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsServer {
    /// The transport.
    pub transport: DnsTransport,
    /// The address and port.
    pub addr: SocketAddr,
    /// The host for which the server's certificate must be valid.
    pub host: Host,
    /// The path of a server over HTTP, with the variable `{?dns}` at the end if queries use GET;
    /// empty for other transports.
    pub path: Arc<str>,
}

/// A server as the user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsServerName {
    /// The transport, if the name has a scheme.
    pub transport: Option<DnsTransport>,
    /// The host.
    pub host: Host,
    port: Option<u16>,
    path: String,
}

/// Why a text is not a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServer {
    /// The host or the port is invalid.
    #[error(transparent)]
    Address(ParseError),
    /// The port is neither a number from 1 to 65535 nor a known service name.
    #[error("{0:?} is not a port: give a number from 1 to 65535, or a service name such as domain")]
    Port(String),
    /// The scheme is unknown.
    #[error("{0:?} is not a transport of the DNS: use udp, tcp, tls, https, quic or h3")]
    Scheme(String),
    /// The transport was left out when sockkit was built, without this cargo feature.
    #[error("this sockkit was built without DNS over {0} (cargo feature {1}); use tls or https")]
    NotBuilt(&'static str, &'static str),
    /// Only a server over HTTP has a path.
    #[error("only https:// and h3:// servers have a path")]
    Path,
}

/// The path of a server over HTTP whose URL has none: RFC 8484 section 4.1.1 uses it in examples,
/// and practically all servers have it.
const DEFAULT_PATH: &str = "/dns-query";

impl From<ParseError> for InvalidServer {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::DestinationPort(text) => Self::Port(text),
            error => Self::Address(error),
        }
    }
}

impl DnsTransport {
    /// Returns whether the transport uses TLS, which needs a server's certificate.
    pub fn is_encrypted(self) -> bool {
        !matches!(self, Self::Udp | Self::Tcp)
    }

    /// Returns whether queries are HTTP requests, so that a server has a path.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Https | Self::H3)
    }

    /// Returns the application protocol that a client offers in the TLS handshake (ALPN).
    pub fn alpn(self) -> Option<&'static str> {
        match self {
            Self::Udp | Self::Tcp => None,
            // Servers may require it for zone transfers (RFC 9103 section 8.1).
            Self::Tls => Some("dot"),
            Self::Https => Some("h2"),
            Self::Quic => Some("doq"),
            Self::H3 => Some("h3"),
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => DNS_PORT,
            Self::Tls | Self::Quic => 853,
            Self::Https | Self::H3 => 443,
        }
    }
}

/// Returns the servers at these addresses.
pub fn on(transport: DnsTransport, addrs: &[SocketAddr]) -> Vec<DnsServer> {
    let server = |addr: &SocketAddr| {
        let host = Host::Ip(addr.ip());
        DnsServer { transport, addr: *addr, host, path: Arc::from("") }
    };
    addrs.iter().map(server).collect()
}

/// Puts the servers in random order.
pub fn shuffle(servers: &mut [DnsServer]) {
    // The id of each query is random.
    servers.sort_by_cached_key(|_| Message::query().metadata.id);
}

impl DnsServerName {
    /// Parses `HOST`, `HOST:PORT` or `[v6]:PORT`, after the scheme of a transport if given, such as
    /// `tls://`; also `HOST#PORT` and `HOST@PORT`, as in other DNS tools. Without a port, it is
    /// `port`, or that of the transport.
    ///
    /// # Errors
    /// The text is not a server.
    pub fn parse(text: &str, port: Option<u16>) -> Result<Self, InvalidServer> {
        let (transport, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(transport(scheme)?), rest),
            None => (None, text),
        };
        let is_http = transport.is_some_and(DnsTransport::is_http);
        let (address, path) = match rest.find('/') {
            Some(at) if is_http => rest.split_at(at),
            Some(_) if transport.is_some() => return Err(InvalidServer::Path),
            _ => (rest, ""),
        };
        let path = if is_http && path.is_empty() { DEFAULT_PATH } else { path }.to_owned();
        let (host, port) = host_and_port(address, port)?;
        Ok(Self { transport, host, port, path })
    }

    /// Returns one server for each address of the name, of this family.
    ///
    /// # Errors
    /// The system resolver returns no such address for the name in time.
    pub async fn locate(
        &self,
        default: DnsTransport,
        family: Family,
        deadline: Deadline,
    ) -> Result<Vec<DnsServer>, net::Error> {
        let found = names::resolve(&self.host, 0, family, deadline).await;
        let error = |source| net::Error::Name { name: self.host.to_string(), source };
        Ok(self.at(default, &found.map_err(error)?))
    }

    /// Returns one server for each of these addresses of the name, whose ports do not matter.
    pub fn at(&self, default: DnsTransport, addrs: &[SocketAddr]) -> Vec<DnsServer> {
        let transport = self.transport.unwrap_or(default);
        let port = self.port.unwrap_or_else(|| transport.default_port());
        let path: Arc<str> = Arc::from(self.path.as_str());
        let server = |addr: &SocketAddr| {
            let mut addr = *addr;
            addr.set_port(port);
            DnsServer { transport, addr, host: self.host.clone(), path: Arc::clone(&path) }
        };
        addrs.iter().map(server).collect()
    }
}

fn transport(scheme: &str) -> Result<DnsTransport, InvalidServer> {
    Ok(match scheme.to_ascii_lowercase().as_str() {
        "udp" => DnsTransport::Udp,
        "tcp" => DnsTransport::Tcp,
        "tls" => DnsTransport::Tls,
        "https" => DnsTransport::Https,
        "quic" if cfg!(feature = "doq") => DnsTransport::Quic,
        "quic" => return Err(InvalidServer::NotBuilt("QUIC", "doq")),
        "h3" if cfg!(feature = "doh3") => DnsTransport::H3,
        "h3" => return Err(InvalidServer::NotBuilt("HTTP/3", "doh3")),
        _ => return Err(InvalidServer::Scheme(scheme.to_owned())),
    })
}

fn host_and_port(text: &str, port: Option<u16>) -> Result<(Host, Option<u16>), ParseError> {
    if let Some((host, number)) = text.rsplit_once(['#', '@'])
        && let Ok(number) = number.parse()
    {
        return host_and_port(host, Some(number));
    }
    if text.starts_with("unix:") {
        return Err(ParseError::Host(text.to_owned()));
    }
    match Target::try_from(OsString::from(text))? {
        Target::Host(host) => Ok((host, port)),
        Target::Endpoint(Endpoint {
            transport: Scheme::Tcp,
            address: Address::Net(host, port),
        }) => Ok((host, Some(port.0))),
        Target::Endpoint(_) => Err(ParseError::Host(text.to_owned())),
    }
}

impl fmt::Display for DnsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Https => "https",
            Self::Quic => "quic",
            Self::H3 => "h3",
        })
    }
}

impl fmt::Display for DnsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.transport, Addr::from(self.addr), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_parsed_with_or_without_a_port() {
        for (text, host, port) in [
            ("127.0.0.1", "127.0.0.1", 53),
            ("127.0.0.1:5300", "127.0.0.1", 5300),
            ("::1", "::1", 53),
            ("[::1]", "::1", 53),
            ("[::1]:5300", "::1", 5300),
            ("dns.example", "dns.example", 53),
            ("dns.example:domain", "dns.example", 53),
            ("127.0.0.1#5300", "127.0.0.1", 5300),
            ("::1#5300", "::1", 5300),
            ("127.0.0.1@5300", "127.0.0.1", 5300),
            ("::1@5300", "::1", 5300),
        ] {
            let server = DnsServerName::parse(text, None).unwrap();
            assert_eq!(server.host.to_string(), host);
            let addr = "192.0.2.1:0".parse().unwrap();
            let servers = server.at(DnsTransport::Udp, &[addr]);
            assert_eq!((servers[0].addr.port(), servers[0].transport), (port, DnsTransport::Udp));
        }
        for text in [
            "",
            ":53",
            "1.1.1.1#x",
            "tls://1.1.1.1/x",
            "ftp://1.1.1.1",
            "quic://1.1.1.1/x",
            "unix:/x",
            "a b",
            "1.1.1.1:x y",
        ] {
            assert!(DnsServerName::parse(text, None).is_err(), "{text}");
        }
    }

    #[test]
    fn a_scheme_chooses_the_transport_its_port_and_a_path() {
        for (text, url) in [
            ("udp://ns.example", "udp://192.0.2.1:53"),
            ("TCP://ns.example:5300", "tcp://192.0.2.1:5300"),
            ("tls://ns.example", "tls://192.0.2.1:853"),
            ("https://ns.example", "https://192.0.2.1:443/dns-query"),
            ("https://ns.example/x{?dns}", "https://192.0.2.1:443/x{?dns}"),
            ("https://[::1]:8443/", "https://192.0.2.1:8443/"),
            #[cfg(feature = "doq")]
            ("quic://ns.example", "quic://192.0.2.1:853"),
            #[cfg(feature = "doh3")]
            ("h3://ns.example", "h3://192.0.2.1:443/dns-query"),
            #[cfg(feature = "doh3")]
            ("H3://ns.example:8443/x{?dns}", "h3://192.0.2.1:8443/x{?dns}"),
        ] {
            let server = DnsServerName::parse(text, None).unwrap();
            let addr = "192.0.2.1:0".parse().unwrap();
            assert_eq!(server.at(DnsTransport::Udp, &[addr])[0].to_string(), url);
        }
        #[cfg(not(feature = "doq"))]
        assert_eq!(
            DnsServerName::parse("quic://ns.example", None).unwrap_err(),
            InvalidServer::NotBuilt("QUIC", "doq")
        );
        #[cfg(not(feature = "doh3"))]
        assert_eq!(
            DnsServerName::parse("h3://ns.example/x", None).unwrap_err(),
            InvalidServer::NotBuilt("HTTP/3", "doh3")
        );
        assert_eq!(DnsServerName::parse("::1", Some(5300)).unwrap().port, Some(5300));
        assert_eq!(DnsServerName::parse("[::1]:53", Some(5300)).unwrap().port, Some(53));
    }
}
