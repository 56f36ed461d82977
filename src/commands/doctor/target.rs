//! The target: the server to which the path is checked.

use std::ffi::OsString;
use std::fmt;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::address::endpoint::{Address, Endpoint, Target};
use crate::net::address::host::{Host, Port};
use crate::net::address::parse::ParseError;
use crate::net::address::transport::Transport;

/// A TCP server, and how its application begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DoctorTarget {
    pub(super) host: Host,
    pub(super) port: Port,
    pub(super) tls: bool,
    pub(super) opening: Opening,
}

/// Which side sends the first bytes of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// The client sends an HTTP request.
    Http,
    /// The server sends a greeting.
    Greeting,
    /// The client sends a request that sockkit does not know.
    Client,
    /// Unknown.
    Unknown,
}

/// The target as the user gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GivenTarget {
    target: Target,
    is_url: Option<Url>,
}

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Url {
    Http,
    Https,
}

/// The port of a target without one.
const HTTPS_PORT: Port = Port(443);

/// Ports on which TLS begins at once.
const TLS_PORTS: [u16; 9] = [443, 465, 636, 853, 990, 992, 993, 995, 8443];

/// Ports of HTTP servers.
const HTTP_PORTS: [u16; 8] = [80, 443, 591, 3000, 8000, 8008, 8080, 8443];

/// Ports on which the server speaks first: FTP, SSH, SMTP, POP3, IMAP, `MySQL`, VNC.
const GREETING_PORTS: [u16; 12] = [21, 22, 25, 110, 143, 465, 587, 990, 993, 995, 3306, 5900];

/// Ports on which the client speaks first, in a protocol other than HTTP: DNS, LDAP, SMB, MQTT,
/// RDP, `PostgreSQL`, Redis, memcached, `MongoDB`.
const CLIENT_PORTS: [u16; 11] = [53, 389, 445, 636, 853, 1883, 3389, 5432, 6379, 11211, 27017];

impl TryFrom<OsString> for GivenTarget {
    type Error = ParseError;

    fn try_from(argument: OsString) -> Result<Self, ParseError> {
        let text = argument.to_str().unwrap_or_default();
        let (is_url, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Some(Url::Http), rest),
            Some(("https", rest)) => (Some(Url::Https), rest),
            _ => return Ok(Self { target: Target::try_from(argument)?, is_url: None }),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        Ok(Self { target: Target::try_from(OsString::from(authority))?, is_url })
    }
}

impl DoctorTarget {
    /// Returns the target; `tls` is the option of this name.
    ///
    /// # Errors
    /// It is not a TCP server.
    pub(super) fn of(given: &GivenTarget, tls: bool) -> Result<Self, Failure> {
        let (host, port, transport) = match (&given.target, given.is_url) {
            (Target::Host(host), Some(Url::Http)) => (host, Port(80), Transport::Tcp),
            (Target::Host(host), _) => (host, HTTPS_PORT, Transport::Tcp),
            (Target::Endpoint(Endpoint { transport, address: Address::Net(host, port) }), _)
                if !transport.is_datagram() =>
            {
                (host, *port, *transport)
            }
            (Target::Endpoint(endpoint), _) => {
                let message = format!("doctor checks TCP servers; {endpoint} is none");
                return Err(Failure::new(Exit::Usage, message).hint("HOST:PORT"));
            }
        };
        let is_tls_port = TLS_PORTS.contains(&port.0) && given.is_url.is_none();
        Ok(Self {
            host: host.clone(),
            port,
            tls: tls
                || transport == Transport::Tls
                || given.is_url == Some(Url::Https)
                || is_tls_port,
            opening: match port.0 {
                _ if given.is_url.is_some() => Opening::Http,
                port if HTTP_PORTS.contains(&port) => Opening::Http,
                port if GREETING_PORTS.contains(&port) => Opening::Greeting,
                port if CLIENT_PORTS.contains(&port) => Opening::Client,
                _ => Opening::Unknown,
            },
        })
    }
}

impl fmt::Display for DoctorTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Address::Net(self.host.clone(), self.port);
        Endpoint { transport: Transport::Tcp, address }.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_an_endpoint_or_a_url() {
        for (text, shown, tls, opening) in [
            ("www.ita.br", "www.ita.br:443", true, Opening::Http),
            ("www.ita.br:80", "www.ita.br:80", false, Opening::Http),
            ("http://www.ita.br/a?b", "www.ita.br:80", false, Opening::Http),
            ("http://www.ita.br:443/", "www.ita.br:443", false, Opening::Http),
            ("https://[::1]:8000", "[::1]:8000", true, Opening::Http),
            ("tls://a:1", "a:1", true, Opening::Unknown),
            ("mail.example:993", "mail.example:993", true, Opening::Greeting),
            ("db.example:5432", "db.example:5432", false, Opening::Client),
        ] {
            let given = GivenTarget::try_from(OsString::from(text)).unwrap();
            let target = DoctorTarget::of(&given, false).unwrap();
            let found = (target.to_string(), target.tls, target.opening);
            assert_eq!(found, (shown.to_owned(), tls, opening), "{text}");
        }
        for text in ["unix:/run/x", "udp://a:1"] {
            let given = GivenTarget::try_from(OsString::from(text)).unwrap();
            assert!(DoctorTarget::of(&given, false).is_err(), "{text}");
        }
        assert!(GivenTarget::try_from(OsString::from("http://")).is_err());
    }
}
