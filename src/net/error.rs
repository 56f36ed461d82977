//! Errors of the socket layer: each names the operation, the address and the cause.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::net::address::addr::Addr;
use crate::net::address::names::NameError;
use crate::reason;

/// An error of the socket layer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket could not be bound, or could not listen.
    #[error("cannot listen on {addr}: {}", reason::of(source))]
    Listen {
        /// The local address.
        addr: Addr,
        /// The cause.
        source: io::Error,
    },
    /// The requested local address could not be used for a connection.
    #[error("cannot connect from {addr}: {}", reason::of(source))]
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
            [only] => f.write_str(&reason::of(&only.error)),
            many => {
                for (number, attempt) in many.iter().enumerate() {
                    let comma = if number == 0 { "" } else { ", " };
                    write!(f, "{comma}{} {}", attempt.addr, reason::of(&attempt.error))?;
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
