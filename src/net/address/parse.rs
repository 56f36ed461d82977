//! The grammar shared by endpoints, listen addresses and access rules, and its errors.

use std::ffi::OsStr;
use std::net::Ipv6Addr;

use crate::net::address::transport::Transport;

/// Why an address on the command line is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The host is missing.
    #[error("no host given")]
    EmptyHost,
    /// The host is too long or has characters that no host name has.
    #[error("{0:?} is not a host name or an address")]
    Host(String),
    /// The port is neither a number from 0 to 65535 nor a known service name.
    #[error("{0:?} is not a port: give a number from 0 to 65535, or a service name such as http")]
    Port(String),
    /// The port of a destination is neither a number from 1 to 65535 nor a known service name.
    #[error("{0:?} is not a port: give a number from 1 to 65535, or a service name such as http")]
    DestinationPort(String),
    /// A destination has port 0, which only a server can use, for any free port.
    #[error("no server has port 0: give the port on which the server listens")]
    PortZero,
    /// A range of ports begins after its end.
    #[error("{0:?} is not a range of ports: write the lower port first")]
    PortRange(String),
    /// A URL has no port, and its scheme is not the name of a service.
    #[error("no port given in {0}, and its scheme has no known port")]
    UrlPort(String),
    /// The port is missing.
    #[error("no port given for {0}")]
    MissingPort(String),
    /// One port is part of the endpoint, and another is a separate argument.
    #[error("two ports given for {0}")]
    TwoPorts(String),
    /// An IPv6 address with a port is not in brackets.
    #[error("write an IPv6 address with a port in brackets: [{0}]:PORT")]
    Brackets(String),
    /// The scheme is unknown.
    #[error("{0:?} is not a scheme: use tcp, udp, tls or unix")]
    Scheme(String),
    /// The local address is not an IP address.
    #[error("{0:?} is not an IP address: give a local one such as 192.0.2.1, [::1]:5000 or :5000")]
    LocalAddress(String),
    /// The zone of an IPv6 address is neither the name nor the index of an interface.
    #[error("{0:?} is not an interface of this machine: `sockkit info` lists them")]
    Zone(String),
    /// The network is not an address with a prefix length.
    #[error("{0:?} is not a network: write it as 192.0.2.0/24 or 2001:db8::/32")]
    Network(String),
    /// The path of a Unix socket is missing.
    #[error("no path given after unix:")]
    EmptyPath,
    /// The address is not text, as all but the paths of Unix sockets are.
    #[error("it is not UTF-8; only unix:PATH may contain other bytes")]
    NotUtf8,
}

/// Returns an argument that must be text.
pub(super) fn text(argument: &OsStr) -> Result<&str, ParseError> {
    argument.to_str().ok_or(ParseError::NotUtf8)
}

/// Splits `HOST:PORT` and `[v6]:PORT`; a text without a port, such as `::1`, is returned whole.
pub(super) fn split_port(text: &str) -> Result<(&str, Option<&str>), ParseError> {
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
        // Two or more colons: an IPv6 address without brackets, with or without a port at its end.
        Some((host, _)) => {
            let is_ipv6 = |text: &str| {
                let (ip, zone) = text.split_once('%').unwrap_or((text, ""));
                ip.parse::<Ipv6Addr>().is_ok() && !zone.contains(':')
            };
            if is_ipv6(text) {
                Ok((text, None))
            } else if is_ipv6(host) {
                Err(ParseError::Brackets(host.to_owned()))
            } else {
                Err(ParseError::Host(text.to_owned()))
            }
        }
    }
}

/// Splits off the scheme; without one, the transport is TCP.
pub(super) fn split_scheme(text: &str) -> Result<(Transport, &str), ParseError> {
    match text.split_once("://") {
        Some(("tcp", rest)) => Ok((Transport::Tcp, rest)),
        Some(("udp", rest)) => Ok((Transport::Udp, rest)),
        Some(("tls", rest)) => Ok((Transport::Tls, rest)),
        Some((scheme, _)) => Err(ParseError::Scheme(scheme.to_owned())),
        None => Ok((Transport::Tcp, text)),
    }
}
