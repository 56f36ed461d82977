//! The result of a probe, and what an error says about a port.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::net::address::addr::Addr;
use crate::net::error::{Error, destination_reason, is_local_refusal};
use crate::reason;

/// The state of a port, as far as a probe can tell.
///
/// The states are ordered: the greatest of several is what a client of all the addresses finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortState {
    /// No packet reaches the host: there is no route to it, or a router or this machine says so.
    Unreachable,
    /// No answer arrived in time: a firewall may drop the packets, or the host is down.
    Filtered,
    /// The host refuses: no server listens on the port.
    Closed,
    /// Nothing refused the datagrams, and nothing answered: either may be true.
    OpenOrFiltered,
    /// A server accepted the connection, or answered.
    Open,
}

impl PortState {
    /// Returns the word for the state.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Filtered => "filtered",
            Self::Closed => "closed",
            Self::OpenOrFiltered => "open|filtered",
            Self::Open => "open",
        }
    }

    /// Returns whether a client is certain to find no server: an unknown state does not count.
    pub fn is_shut(self) -> bool {
        matches!(self, Self::Unreachable | Self::Filtered | Self::Closed)
    }

    /// Returns what `error` of a connection attempt or of a datagram to `addr` says; `None` if it
    /// says nothing about the port, because this machine could not even try.
    pub fn of_error(addr: &Addr, error: &io::Error) -> Option<Self> {
        if reason::is_limit(error) {
            return None;
        }
        Some(match error.kind() {
            ErrorKind::TimedOut => Self::Filtered,
            ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable => Self::Unreachable,
            _ if is_local_refusal(addr, error) => Self::Unreachable,
            // Nothing is known about a socket that this user may not connect to.
            ErrorKind::PermissionDenied => Self::Unreachable,
            // A refusal, a reset, and for a Unix socket a file that does not exist.
            _ => Self::Closed,
        })
    }
}

impl fmt::Display for PortState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The state.
    pub state: PortState,
    /// The address that has this state.
    pub addr: Addr,
    /// How long connecting, or the answer to a datagram, took; `None` if the port is not open.
    pub time: Option<Duration>,
    /// The reason for the state, in words.
    pub reason: Cow<'static, str>,
}

impl Finding {
    /// Returns the finding for an address that did not accept a connection within `limit`.
    pub(super) fn refused(
        addr: Addr,
        error: &io::Error,
        limit: Option<Duration>,
    ) -> Result<Self, Error> {
        let Some(state) = PortState::of_error(&addr, error) else {
            return Err(Error::System { operation: "open a socket", source: copy(error) });
        };
        let reason = match state {
            PortState::Filtered => no_answer(limit),
            _ => reason_of(&addr, error),
        };
        Ok(Self { state, addr, time: None, reason })
    }
}

fn reason_of(addr: &Addr, error: &io::Error) -> Cow<'static, str> {
    // Most probes of a scan have this reason, which needs no memory.
    if error.kind() == ErrorKind::ConnectionRefused {
        return Cow::Borrowed("connection refused");
    }
    destination_reason(addr, error).into()
}

/// Returns the reason for a missing answer.
pub(super) fn no_answer(limit: Option<Duration>) -> Cow<'static, str> {
    match limit {
        Some(limit) => format!("no answer within {limit:?}").into(),
        None => Cow::Borrowed("no answer"),
    }
}

/// Returns a copy of `error`, which std cannot clone.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_a_state_and_a_limit_of_this_machine_has_none() {
        let addr = Addr::Net("192.0.2.1:80".parse().unwrap());
        let of = |number| PortState::of_error(&addr, &io::Error::from_raw_os_error(number));
        for (number, state) in [
            (libc::ECONNREFUSED, PortState::Closed),
            (libc::ECONNRESET, PortState::Closed),
            (libc::ETIMEDOUT, PortState::Filtered),
            (libc::EHOSTUNREACH, PortState::Unreachable),
            (libc::ENETUNREACH, PortState::Unreachable),
            // Routes of the kinds prohibit and blackhole.
            (libc::EACCES, PortState::Unreachable),
            (libc::EINVAL, PortState::Unreachable),
        ] {
            assert_eq!(of(number), Some(state));
        }
        assert_eq!(of(libc::EMFILE), None);
    }

    #[test]
    fn the_state_of_several_addresses_is_the_one_that_a_client_finds() {
        use PortState::{Closed, Filtered, Open, OpenOrFiltered, Unreachable};
        assert!([Unreachable, Filtered, Closed, OpenOrFiltered, Open].is_sorted());
        assert!(!OpenOrFiltered.is_shut() && !Open.is_shut() && Filtered.is_shut());
    }
}
