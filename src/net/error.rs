//! What can go wrong with sockets: always the operation, the address and the cause.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::net::address::addr::Addr;
use crate::net::address::names::NameError;
use crate::reason;

/// A failure of this layer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket could not be made to listen.
    #[error("cannot listen on {addr}: {}", reason::of(source))]
    Listen {
        /// Where.
        addr: Addr,
        /// Why not.
        source: io::Error,
    },
    /// Our end of a connection could not be the one asked for.
    #[error("cannot connect from {addr}: {}", reason::of(source))]
    Bind {
        /// From where.
        addr: Addr,
        /// Why not.
        source: io::Error,
    },
    /// A name gave no address.
    #[error("cannot resolve {name}: {source}")]
    Name {
        /// Which name.
        name: String,
        /// Why not.
        source: NameError,
    },
    /// No address could be reached.
    #[error("cannot connect to {target}: {}", Attempts(attempts))]
    Connect {
        /// What was asked for.
        target: String,
        /// Every address that was tried, in order.
        attempts: Vec<ConnectAttempt>,
        /// Whether the deadline ended it.
        timed_out: bool,
    },
    /// An open connection failed.
    #[error("{operation} {peer} failed: {}", reason::of(source))]
    Stream {
        /// What was being done: `reading from`, `writing to`.
        operation: &'static str,
        /// The other end.
        peer: String,
        /// Why.
        source: io::Error,
    },
    /// The machine refused something that is not about one peer.
    #[error("cannot {operation}: {}", reason::of(source))]
    System {
        /// What.
        operation: &'static str,
        /// Why not.
        source: io::Error,
    },
}

impl Error {
    /// Returns what makes an [`Error::System`] of an error in `operation`.
    pub(crate) fn system(operation: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::System { operation, source }
    }
}

/// One address that was tried.
#[derive(Debug)]
pub struct ConnectAttempt {
    /// The address.
    pub addr: Addr,
    /// Why it failed.
    pub error: io::Error,
    /// When it was tried; none where time was up before its turn came.
    pub span: Option<Span>,
}

/// When something was under way, counted from the beginning of the dial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The beginning.
    pub started: Duration,
    /// The end.
    pub ended: Duration,
}

impl Span {
    /// Returns how long it took.
    pub fn lasted(self) -> Duration {
        self.ended.saturating_sub(self.started)
    }
}

/// All attempts in one clause: the reason alone where there was one address, else each with its.
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

/// Whether an I/O error says only that nothing could be read or written at the moment.
pub(crate) fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
