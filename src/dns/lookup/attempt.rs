//! Why a server gave no answer.

use std::fmt;

use crate::dns::exchange::{Course, ExchangeError, FailedExchange};
use crate::dns::message::rcode::Rcode;
use crate::dns::message::record::Malformed;
use crate::dns::message::reply::Reply;
use crate::dns::server::DnsServer;
use crate::net::tls::TlsProblem;

/// A server that gave no answer.
#[derive(Debug)]
pub struct ServerAttempt {
    /// The server.
    pub server: DnsServer,
    /// The reason.
    pub failure: AttemptError,
    /// The reply, if the server sent one.
    pub reply: Option<Reply>,
    /// The course of the exchange; without a reply, the time is unknown.
    pub course: Course,
}

/// Why a server gave no answer.
#[derive(Debug)]
pub enum AttemptError {
    /// It replied with an error code.
    Answered(Rcode),
    /// It does not recurse, and referred to this other server.
    Referred(String),
    /// It does not serve the zone, although the parent zone refers to it, and refers to no server
    /// that is nearer to the name; the text is what it did instead.
    Lame(String),
    /// Its reply is malformed, or contradicts itself.
    Malformed(Malformed),
    /// It sent no reply.
    Exchange(ExchangeError),
}

/// The kinds of failure that scripts can distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The server replied with an error code.
    Answered(Rcode),
    /// The server referred to another one.
    Referred,
    /// The server's reply is malformed.
    Malformed,
    /// The server sent no reply.
    NoReply,
    /// The TLS handshake failed.
    Tls,
    /// The server could not be reached, or does not serve the DNS over HTTP or QUIC.
    Unreachable,
}

impl FailureKind {
    /// Returns how much the failure says about the question: more is more.
    pub(super) fn weight(self) -> u8 {
        match self {
            Self::Answered(_) | Self::Referred => 3,
            Self::Malformed => 2,
            Self::NoReply | Self::Tls => 1,
            Self::Unreachable => 0,
        }
    }
}

impl ServerAttempt {
    /// Returns the attempt of an exchange that failed.
    pub(in crate::dns) fn without_reply(server: DnsServer, failed: FailedExchange) -> Self {
        let FailedExchange { error, course } = failed;
        Self { server, failure: AttemptError::Exchange(error), reply: None, course }
    }
}

impl AttemptError {
    /// Returns the kind of failure; after a truncated reply, that of the retry over TCP.
    pub fn kind(&self) -> FailureKind {
        let mut error = match self {
            Self::Answered(rcode) => return FailureKind::Answered(*rcode),
            Self::Referred(_) | Self::Lame(_) => return FailureKind::Referred,
            Self::Malformed(Malformed::Unfinished) => return FailureKind::NoReply,
            Self::Malformed(_) => return FailureKind::Malformed,
            Self::Exchange(error) => error,
        };
        while let ExchangeError::Truncated(inner) = error {
            error = inner;
        }
        match error {
            ExchangeError::NoReply(_) | ExchangeError::NoQuic => FailureKind::NoReply,
            ExchangeError::Tls(error) if matches!(error.problem, TlsProblem::TimedOut { .. }) => {
                FailureKind::NoReply
            }
            ExchangeError::Tls(_) => FailureKind::Tls,
            ExchangeError::Io(_)
            | ExchangeError::Http(_)
            | ExchangeError::Quic(_)
            | ExchangeError::Truncated(_) => FailureKind::Unreachable,
        }
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(rcode) => write!(f, "{rcode}"),
            Self::Referred(to) => write!(f, "referred to {to} (the server does not recurse)"),
            Self::Lame(reason) => f.write_str(reason),
            Self::Malformed(error) => write!(f, "malformed reply: {error}"),
            Self::Exchange(error) => error.fmt(f),
        }
    }
}
