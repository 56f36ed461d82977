//! Addresses to listen on, parsed once from the command line: `[HOST:]PORT` or `unix:PATH`.

use std::ffi::OsString;
use std::fmt;
use std::net::Ipv6Addr;

use crate::net::address::host::{Host, Port};
use crate::net::address::parse::{self, ParseError, split_port, split_scheme};
use crate::net::address::transport::Transport;
use crate::net::address::unix::{self, UnixPlace};

/// An address to listen on, and the transport: `[HOST:]PORT` with an optional scheme, or
/// `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// The transport.
    pub transport: Transport,
    /// The address.
    pub place: ListenPlace,
}

/// What a listener binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenPlace {
    /// A port on the addresses of a host; `None` for the default addresses, port 0 for any free
    /// port.
    Net(Option<Host>, Port),
    /// A Unix socket.
    Unix(UnixPlace),
}

impl ListenAddress {
    /// Returns the host, if one was given.
    pub fn host(&self) -> Option<&Host> {
        match &self.place {
            ListenPlace::Net(host, _) => host.as_ref(),
            ListenPlace::Unix(_) => None,
        }
    }
}

impl From<Port> for ListenAddress {
    fn from(port: Port) -> Self {
        Self { transport: Transport::Tcp, place: ListenPlace::Net(None, port) }
    }
}

impl TryFrom<OsString> for ListenAddress {
    type Error = ParseError;

    fn try_from(argument: OsString) -> Result<Self, ParseError> {
        if let Some(place) = unix::parse(&argument) {
            return Ok(Self { transport: Transport::Unix, place: ListenPlace::Unix(place?) });
        }
        let text = parse::text(&argument)?;
        let (transport, rest) = split_scheme(text)?;
        let place = match split_port(rest)? {
            (host, Some(port)) => ListenPlace::Net(Some(host.parse()?), port.parse()?),
            (port, None) if port.parse::<Ipv6Addr>().is_ok() => {
                return Err(ParseError::Brackets(port.to_owned()));
            }
            (port, None) => ListenPlace::Net(None, port.parse()?),
        };
        Ok(Self { transport, place })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            ListenPlace::Net(Some(host), port) => host.fmt_with_port(*port, f),
            ListenPlace::Net(None, port) => write!(f, "{}", port.0),
            ListenPlace::Unix(place) => place.addr().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ListenAddress, ParseError> {
        ListenAddress::try_from(OsString::from(text))
    }

    #[test]
    fn a_listen_address_is_a_port_with_or_without_a_host() {
        for (text, shown) in [
            ("5666", "5666"),
            ("0", "0"),
            ("127.0.0.1:5666", "127.0.0.1:5666"),
            ("[::]:5666", "[::]:5666"),
            ("[fe80::1%eth0]:5666", "[fe80::1%eth0]:5666"),
            ("localhost:http", "localhost:80"),
            ("udp://0", "0"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
            ("unix:@name", "unix:@name"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), shown);
        }
        assert_eq!(parse("::1"), Err(ParseError::Brackets("::1".into())));
        assert_eq!(parse("5666x"), Err(ParseError::Port("5666x".into())));
    }
}
