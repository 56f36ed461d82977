//! DNS servers: as the user names them, and as addresses to query.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use crate::dns::system::{self, DNS_PORT};
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
    /// TCP, with a connection for each query.
    Tcp,
}

/// A server to query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsServer {
    /// The transport.
    pub transport: DnsTransport,
    /// The address and port.
    pub addr: SocketAddr,
}

/// A server as the user names it: `HOST`, `HOST:PORT` or `[v6]:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsServerName {
    host: Host,
    port: u16,
}

/// Returns the servers that this machine is configured to query.
pub fn system_servers(transport: DnsTransport) -> Vec<DnsServer> {
    let addrs = system::settings().servers.into_iter();
    addrs.map(|addr| DnsServer { transport, addr }).collect()
}

impl DnsServerName {
    /// Returns one server for each address of the name.
    ///
    /// # Errors
    /// The system resolver returns no address for the name in time.
    pub async fn locate(
        &self,
        transport: DnsTransport,
        deadline: Deadline,
    ) -> Result<Vec<DnsServer>, net::Error> {
        let found = names::resolve(&self.host, self.port, Family::Any, deadline).await;
        let error = |source| net::Error::Name { name: self.host.to_string(), source };
        let addrs = found.map_err(error)?.into_iter();
        Ok(addrs.map(|addr| DnsServer { transport, addr }).collect())
    }
}

impl FromStr for DnsServerName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.contains("://") || text.starts_with("unix:") {
            return Err(ParseError::Host(text.to_owned()));
        }
        let (host, port) = match Target::try_from(OsString::from(text))? {
            Target::Host(host) => (host, DNS_PORT),
            Target::Endpoint(Endpoint {
                transport: Scheme::Tcp,
                address: Address::Net(host, port),
            }) => (host, port.0),
            Target::Endpoint(_) => return Err(ParseError::Host(text.to_owned())),
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for DnsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

impl fmt::Display for DnsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.transport, Addr::from(self.addr))
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
        ] {
            let server: DnsServerName = text.parse().unwrap();
            assert_eq!((server.host.to_string().as_str(), server.port), (host, port));
        }
        for text in ["", ":53", "tls://1.1.1.1", "unix:/x", "a b", "1.1.1.1:x y"] {
            assert!(text.parse::<DnsServerName>().is_err(), "{text}");
        }
    }
}
