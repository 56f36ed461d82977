//! One question to one server, and its reply: over UDP, over TCP, or over TCP after a truncated
//! reply over UDP.
//!
//! The sockets are connected, so the kernel reports a closed port at once and drops datagrams from
//! other addresses. Messages that do not belong to the question are counted and ignored.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use tokio::net::UdpSocket;

use crate::dns::message::{Edns, Question, Rejected, Reply};
use crate::dns::rcode::Rcode;
use crate::dns::record::Malformed;
use crate::dns::server::{DnsServer, DnsTransport};
use crate::net::deadline::Elapsed;
use crate::net::dial::{self, ConnectSettings};
use crate::net::{self, Deadline, self_connection};
use crate::reason;

/// A reply, and how it was obtained.
#[derive(Debug)]
pub struct Exchanged {
    /// The reply.
    pub reply: Reply,
    /// The server, with the transport that carried the reply.
    pub server: DnsServer,
    /// Whether the query that was answered used EDNS.
    pub edns: Edns,
    /// Time from the start of the query to the complete reply; if the query was repeated without
    /// EDNS, the sum of both.
    pub time: Duration,
    /// Number of messages that did not belong to the question.
    pub ignored: u32,
}

/// Why a server gave no reply.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// No message that belongs to the question arrived in time.
    #[error("no answer")]
    NoReply {
        /// Number of messages that did not belong to the question.
        ignored: u32,
    },
    /// The server could not be reached, or closed the connection.
    #[error("{}", reason::of(.0))]
    Io(#[from] io::Error),
    /// The reply cannot be decoded.
    #[error("malformed reply: {0}")]
    Malformed(Malformed),
    /// The reply did not fit into a datagram, and the retry over TCP failed.
    #[error("reply truncated over UDP; retry over TCP failed: {0}")]
    Truncated(Box<Self>),
}

/// Sends `question` to `server` and waits for the reply until the deadline.
///
/// # Errors
/// No reply arrived, or it cannot be decoded.
pub async fn exchange(
    server: DnsServer,
    question: &Question,
    deadline: Deadline,
) -> Result<Exchanged, ExchangeError> {
    if deadline.has_passed() {
        // No time is left to wait for a reply, so no query is sent.
        return Err(ExchangeError::NoReply { ignored: 0 });
    }
    let mut exchanged =
        query_server(server, Query { question, edns: Edns::With }, deadline).await?;
    // RFC 6891 section 7: retry without EDNS. An OPT record in the reply is not evidence of EDNS
    // support, because some servers echo what they do not understand.
    if matches!(exchanged.reply.rcode, Rcode::FORMERR | Rcode::NOTIMP) {
        let again = query_server(server, Query { question, edns: Edns::Without }, deadline).await;
        // Without a second reply, the first one stays the result.
        if let Ok(again) = again {
            let ignored = exchanged.ignored + again.ignored;
            exchanged = Exchanged { time: exchanged.time + again.time, ignored, ..again };
        }
    }
    Ok(exchanged)
}

/// A question, and whether to use EDNS.
#[derive(Clone, Copy)]
struct Query<'a> {
    question: &'a Question,
    edns: Edns,
}

async fn query_server(
    server: DnsServer,
    query: Query<'_>,
    deadline: Deadline,
) -> Result<Exchanged, ExchangeError> {
    let started = Instant::now();
    let (mut reply, mut ignored) = match server.transport {
        DnsTransport::Udp => over_udp(server.addr, query, deadline).await?,
        DnsTransport::Tcp => over_tcp(server.addr, query, deadline).await?,
    };
    let mut server = server;
    if reply.truncated && server.transport == DnsTransport::Udp {
        let complete = over_tcp(server.addr, query, deadline).await;
        let complete = complete.map_err(|error| ExchangeError::Truncated(Box::new(error)))?;
        reply = complete.0;
        ignored += complete.1;
        server.transport = DnsTransport::Tcp;
    }
    Ok(Exchanged { reply, server, edns: query.edns, time: started.elapsed(), ignored })
}

/// Number of times a query is sent over UDP, because datagrams can be lost: at the start, and when
/// half of the time has passed. Both queries have the same id, so a late reply to the first counts.
const UDP_TRIES: u32 = 2;

/// Size of the receive buffer in bytes: servers may exceed the announced size, up to a datagram.
const MAX_MESSAGE: usize = 65_535;

async fn over_udp(
    addr: SocketAddr,
    query: Query<'_>,
    deadline: Deadline,
) -> Result<(Reply, u32), ExchangeError> {
    let (id, message) = query.question.encode(query.edns);
    let socket = connect_udp(addr).await?;
    let mut buffer = vec![0; MAX_MESSAGE];
    let mut ignored = 0;
    for tries_left in (1..=UDP_TRIES).rev() {
        socket.send(&message).await?;
        let share = deadline.remaining().map(|left| left / tries_left);
        let until = Deadline::maybe(share);
        // Checked for each datagram, so that a flood cannot extend the wait past the deadline.
        while !until.has_passed() {
            let Ok(received) = until.bound(socket.recv(&mut buffer)).await else {
                break;
            };
            match query.question.read_reply(id, &buffer[..received?]) {
                Ok(reply) => return Ok((reply, ignored)),
                Err(Rejected::Unrelated) => ignored += 1,
                Err(Rejected::Malformed(error)) => return Err(ExchangeError::Malformed(error)),
            }
        }
    }
    Err(ExchangeError::NoReply { ignored })
}

async fn connect_udp(addr: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match addr {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(addr).await?;
    self_connection::refuse(socket.local_addr()?, socket.peer_addr()?)?;
    Ok(socket)
}

async fn over_tcp(
    addr: SocketAddr,
    query: Query<'_>,
    deadline: Deadline,
) -> Result<(Reply, u32), ExchangeError> {
    let mut ignored = 0;
    let reply = exchange_over_tcp(addr, query, deadline, &mut ignored);
    match deadline.bound(reply).await {
        Ok(reply) => Ok((reply?, ignored)),
        Err(Elapsed) => Err(ExchangeError::NoReply { ignored }),
    }
}

/// Sends a query over TCP and returns the reply. Each message is preceded by its length (RFC 1035
/// section 4.2.2).
async fn exchange_over_tcp(
    addr: SocketAddr,
    query: Query<'_>,
    deadline: Deadline,
    ignored: &mut u32,
) -> Result<Reply, ExchangeError> {
    let (id, bytes) = query.question.encode(query.edns);
    let dialed =
        dial::connect(&addr.to_string(), &[addr], ConnectSettings::default(), deadline).await;
    let mut stream = dialed.map_err(|error| connect_error(error, *ignored))?.stream;
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    // Sent in one segment: some servers treat the first segment as the complete query.
    stream.write_all(&[&length.to_be_bytes()[..], &bytes].concat(), deadline).await?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length).await.map_err(read_error)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut message).await.map_err(read_error)?;
        match query.question.read_reply(id, &message) {
            Ok(reply) if reply.truncated => {
                return Err(ExchangeError::Malformed(Malformed::Truncated));
            }
            Ok(reply) => return Ok(reply),
            Err(Rejected::Unrelated) if deadline.has_passed() => {
                return Err(ExchangeError::NoReply { ignored: *ignored });
            }
            Err(Rejected::Unrelated) => *ignored += 1,
            Err(Rejected::Malformed(error)) => return Err(ExchangeError::Malformed(error)),
        }
    }
}

fn connect_error(error: net::Error, ignored: u32) -> ExchangeError {
    match error {
        net::Error::Connect { mut attempts, .. } => match attempts.pop() {
            Some(attempt) if attempt.error.kind() != ErrorKind::TimedOut => attempt.error.into(),
            _ => ExchangeError::NoReply { ignored },
        },
        // There is no other error, because no local address is set and no host name is resolved.
        other => io::Error::other(other).into(),
    }
}

fn read_error(error: io::Error) -> ExchangeError {
    match error.kind() {
        ErrorKind::UnexpectedEof => io::Error::other("connection closed before the reply").into(),
        _ => error.into(),
    }
}
