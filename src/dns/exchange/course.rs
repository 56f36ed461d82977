//! How an exchange went, and why it failed.

use std::io;
use std::time::Duration;

use crate::dns::message::reply::Discarded;
use crate::net::tls::TlsError;
use crate::reason;

/// Returns in words how many queries were sent.
pub fn queries_sent(count: u32) -> String {
    match count {
        0 => "no query sent".to_owned(),
        1 => "1 query sent".to_owned(),
        count => format!("{count} queries sent"),
    }
}

/// The course of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// Whether the server rejected a query with EDNS, so that it was repeated without.
    pub edns_rejected: bool,
    /// Whether the server does not confirm the protocol of the transport in TLS (ALPN): it rejects
    /// `dot`, or does not choose `h2`. It may be another service.
    pub is_protocol_unconfirmed: bool,
    /// Whether the reply over UDP was truncated, so that the query was repeated over TCP.
    pub was_truncated: bool,
    /// Number of queries sent, including those that were lost.
    pub tries: u32,
    /// Time that the replies took, without the waits for datagrams that were not answered.
    pub time: Duration,
    /// The messages that did not match the query.
    pub discarded: Discarded,
}

/// An exchange without a reply, and its course until then.
#[derive(Debug)]
pub struct FailedExchange {
    /// Why there is no reply.
    pub error: ExchangeError,
    /// How far it got; the time is unknown.
    pub course: Course,
}

/// Why a server gave no reply.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// No message that matches the query arrived in time, after this number of queries.
    #[error("no reply ({})", queries_sent(*.0))]
    NoReply(u32),
    /// The server could not be reached, or closed the connection.
    #[error("{}", reason::of(.0))]
    Io(#[from] io::Error),
    /// The TLS handshake failed.
    #[error("{}", .0.problem)]
    Tls(#[from] TlsError),
    /// The server does not speak the version of HTTP, or its response is not a DNS message.
    #[error("{0}")]
    Http(String),
    /// The server did not complete a QUIC handshake in time.
    #[error("the QUIC handshake timed out: the server may not speak QUIC, or UDP is filtered")]
    NoQuic,
    /// The server closed the QUIC connection or the stream of the query, or broke the protocol.
    #[error("{0}")]
    Quic(String),
    /// The reply did not fit into a datagram, and the retry over TCP failed.
    #[error("reply truncated over UDP; retry over TCP failed: {0}")]
    Truncated(Box<Self>),
}
