//! Errors of the socket layer: each names the operation, the address and the cause.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use crate::net::address::addr::Addr;
use crate::net::address::names::NameError;
use crate::reason;

/// An error of the socket layer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket could not be bound, or could not listen.
    #[error("cannot listen on {addr}: {}", local_reason(addr, source))]
    Listen {
        /// The local address.
        addr: Addr,
        /// The cause.
        source: io::Error,
    },
    /// The requested local address could not be used for a connection.
    #[error("cannot connect from {addr}: {}", local_reason(addr, source))]
    Bind {
        /// The local address.
        addr: Addr,
        /// The cause.
        source: io::Error,
    },
    /// A host name could not be resolved.
    #[error("cannot resolve {name}: {source}")]
    Name {
        /// The host name.
        name: String,
        /// The cause.
        source: NameError,
    },
    /// No address of an endpoint accepted a connection.
    #[error("cannot connect to {target}: {}", Attempts(attempts))]
    Connect {
        /// The endpoint.
        target: String,
        /// Every address and why it failed, in the order of failure.
        attempts: Vec<ConnectAttempt>,
        /// Whether the deadline passed.
        timed_out: bool,
    },
    /// Reading from or writing to an open connection failed.
    #[error("{operation} {peer} failed: {}", reason::of(source))]
    Stream {
        /// The operation: `reading from` or `writing to`.
        operation: &'static str,
        /// The address of the peer.
        peer: String,
        /// The cause.
        source: io::Error,
    },
    /// A system call that does not concern a single peer failed.
    #[error("cannot {operation}: {}", reason::of(source))]
    System {
        /// The operation, such as `start a worker thread`.
        operation: &'static str,
        /// The cause.
        source: io::Error,
    },
}

impl Error {
    /// Returns a function that wraps an error of `operation` in [`Error::System`].
    pub(crate) fn system(operation: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::System { operation, source }
    }
}

/// A failed attempt to connect to one address.
#[derive(Debug)]
pub struct ConnectAttempt {
    /// The address.
    pub addr: Addr,
    /// Why it failed.
    pub error: io::Error,
    /// When the attempt ran; `None` if the deadline passed before it started.
    pub span: Option<Span>,
}

impl ConnectAttempt {
    /// Returns why the attempt failed, in words.
    pub fn reason(&self) -> String {
        destination_reason(&self.addr, &self.error)
    }
}

/// Why an IPv6 address such as `fe80::1` cannot be used: every interface has such addresses.
const NEEDS_ZONE: &str = "a link-local address needs the name of an interface";

/// Returns whether the kernel refused `addr` because it is link-local and names no interface.
pub fn lacks_zone(addr: &Addr, error: &io::Error) -> bool {
    let is_refused = error.kind() == ErrorKind::InvalidInput && error.raw_os_error().is_some();
    let Addr::Net(SocketAddr::V6(addr)) = addr else { return false };
    is_refused && addr.ip().is_unicast_link_local() && addr.scope_id() == 0
}

/// Returns why the local address `addr` could not be used.
fn local_reason(addr: &Addr, error: &io::Error) -> String {
    if lacks_zone(addr, error) { NEEDS_ZONE.to_owned() } else { reason::of(error) }
}

/// Returns whether a route or firewall rule of this machine discards or forbids packets to `addr`.
/// The kernel reports a route (ip-route(8): blackhole, prohibit) and a firewall rule with the
/// errors of a wrong argument and of a missing privilege.
pub(crate) fn is_local_refusal(addr: &Addr, error: &io::Error) -> bool {
    let kinds = [ErrorKind::InvalidInput, ErrorKind::PermissionDenied];
    addr.ip().is_some() && error.raw_os_error().is_some() && kinds.contains(&error.kind())
}

/// Returns why nothing could be sent to `addr`.
pub fn destination_reason(addr: &Addr, error: &io::Error) -> String {
    let (Addr::Net(net), Some(_)) = (addr, error.raw_os_error()) else { return reason::of(error) };
    match error.kind() {
        _ if lacks_zone(addr, error) => NEEDS_ZONE.to_owned(),
        ErrorKind::AddrNotAvailable => {
            format!("this machine has no local address or no free port to reach {}", net.ip())
        }
        ErrorKind::InvalidInput => {
            format!("a route on this machine discards packets to {}", net.ip())
        }
        ErrorKind::PermissionDenied => {
            let ip = net.ip();
            format!("a route or firewall rule on this machine forbids packets to {ip}")
        }
        _ => reason::of(error),
    }
}

/// A time interval, measured from the beginning of the dial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// When it started.
    pub started: Duration,
    /// When it ended.
    pub ended: Duration,
}

impl Span {
    /// Returns the length of the interval.
    pub fn lasted(self) -> Duration {
        self.ended.saturating_sub(self.started)
    }
}

/// Displays the failed attempts: of a single one the reason, of several each address and reason.
struct Attempts<'a>(&'a [ConnectAttempt]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("no address to try"),
            [only] => f.write_str(&only.reason()),
            many => {
                for (number, attempt) in many.iter().enumerate() {
                    let comma = if number == 0 { "" } else { ", " };
                    write!(f, "{comma}{} {}", attempt.addr, attempt.reason())?;
                }
                Ok(())
            }
        }
    }
}

/// Returns whether an I/O error only means that the call must be repeated (EAGAIN, EINTR).
pub(crate) fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
