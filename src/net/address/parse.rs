//! The grammar that endpoints and listen addresses share, and its errors.

use std::net::Ipv6Addr;

use crate::net::address::transport::Transport;

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
    LocalAddress(String),
    /// Not an address with a prefix length.
    #[error("{0:?} is not a network: write it as 192.0.2.0/24 or 2001:db8::/32")]
    Network(String),
    /// `unix:` without anything behind it.
    #[error("no path given after unix:")]
    EmptyPath,
}

/// Splits `HOST:PORT` and `[v6]:PORT`; what has no port, a bare IPv6 address included, stays whole.
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
pub(super) fn split_scheme(text: &str) -> Result<(Transport, &str), ParseError> {
    match text.split_once("://") {
        Some(("tcp", rest)) => Ok((Transport::Tcp, rest)),
        Some(("udp", rest)) => Ok((Transport::Udp, rest)),
        Some(("tls", rest)) => Ok((Transport::Tls, rest)),
        Some((scheme, _)) => Err(ParseError::Scheme(scheme.to_owned())),
        None => Ok((Transport::Tcp, text)),
    }
}
