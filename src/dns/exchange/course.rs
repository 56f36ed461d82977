//! How an exchange went, and why it failed.

use std::io;
use std::time::Duration;

use crate::dns::message::reply::Discarded;
use crate::net::tls::TlsError;
use crate::reason;

/// The course of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// Whether the server rejected a query with EDNS, so that it was repeated without.
    pub edns_rejected: bool,
    /// Whether the reply over UDP was truncated, so that the query was repeated over TCP.
    pub was_truncated: bool,
    /// Number of queries sent, including those that were lost.
    pub tries: u32,
    /// Time that the replies took, without the waits for datagrams that were not answered.
    pub time: Duration,
    /// The messages that did not match the query.
    pub discarded: Discarded,
}

/// Why a server gave no reply.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// No message that matches the query arrived in time.
    #[error("no answer")]
    NoReply(Discarded),
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
