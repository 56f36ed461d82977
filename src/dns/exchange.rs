//! One question to one server, and its reply: over UDP, over TCP, or first the one and then the
//! other where the reply does not fit.
//!
//! The sockets are connected ones: a closed port is refused at once, and what comes from anybody
//! else never arrives. What does not belong to the question is counted and passed over.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;

use crate::dns::message::{Edns, Question, Rejected, Reply};
use crate::dns::rcode::Rcode;
use crate::dns::record::Malformed;
use crate::dns::server::{DnsServer, DnsTransport};
use crate::net::deadline::Elapsed;
use crate::net::dial::{self, ConnectSettings};
use crate::net::{self, Deadline, self_connection};
use crate::reason;

/// A reply, and how it came.
#[derive(Debug)]
pub struct Exchanged {
    /// The reply.
    pub reply: Reply,
    /// The server, with the transport the reply came over in the end.
    pub server: DnsServer,
    /// How the question was put in the end.
    pub edns: Edns,
    /// From the first octet sent to the last received.
    pub time: Duration,
    /// Messages that did not belong to the question.
    pub ignored: u32,
}

/// Why a server gave no reply.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// Nothing that belongs to the question came in time.
    #[error("no answer")]
    Silence {
        /// Messages that came, and did not belong to it.
        ignored: u32,
    },
    /// It could not be reached, or went away.
    #[error("{}", reason::of(.0))]
    Io(#[from] io::Error),
    /// The reply cannot be read.
    #[error("malformed reply: {0}")]
    Malformed(Malformed),
    /// The reply did not fit into a datagram, and TCP, which it would fit into, failed.
    #[error("truncated over UDP, and over TCP: {0}")]
    Truncated(Box<Self>),
}

/// Asks `server`, and waits for its reply until the deadline.
///
/// # Errors
/// There is none, or none that can be used.
pub async fn exchange(
    server: DnsServer,
    question: &Question,
    deadline: Deadline,
) -> Result<Exchanged, ExchangeError> {
    if deadline.has_passed() {
        // What cannot be waited for is not asked.
        return Err(ExchangeError::Silence { ignored: 0 });
    }
    let mut exchanged = ask(server, Query { question, edns: Edns::With }, deadline).await?;
    // RFC 6891 section 7. Whether the reply has an OPT record says nothing: there are servers that
    // send back what they did not understand.
    if matches!(exchanged.reply.rcode, Rcode::FORMERR | Rcode::NOTIMP) {
        let again = ask(server, Query { question, edns: Edns::Without }, deadline).await;
        // One that says nothing now has still said what it said.
        if let Ok(again) = again {
            let ignored = exchanged.ignored + again.ignored;
            exchanged = Exchanged { time: exchanged.time + again.time, ignored, ..again };
        }
    }
    Ok(exchanged)
}

/// A question, and how it is put.
#[derive(Clone, Copy)]
struct Query<'a> {
    question: &'a Question,
    edns: Edns,
}

async fn ask(
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
        let whole = over_tcp(server.addr, query, deadline).await;
        let whole = whole.map_err(|error| ExchangeError::Truncated(Box::new(error)))?;
        reply = whole.0;
        ignored += whole.1;
        server.transport = DnsTransport::Tcp;
    }
    Ok(Exchanged { reply, server, edns: query.edns, time: started.elapsed(), ignored })
}

/// Datagrams get lost: the question is sent twice, the second time when half of the time is over.
/// Both have the same id, so that the answer to the first still counts after the second.
const UDP_TRIES: u32 = 2;

/// Servers send more than was announced to them, up to what fits into a datagram.
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
        // Checked each time: a flood must not outlive the deadline.
        while !until.has_passed() {
            let Ok(received) = until.bound(socket.recv(&mut buffer)).await else {
                break;
            };
            match query.question.read_reply(id, &buffer[..received?]) {
                Ok(reply) => return Ok((reply, ignored)),
                Err(Rejected::Foreign) => ignored += 1,
                Err(Rejected::Malformed(what)) => return Err(ExchangeError::Malformed(what)),
            }
        }
    }
    Err(ExchangeError::Silence { ignored })
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
    let talk = tcp_conversation(addr, query, deadline, &mut ignored);
    match deadline.bound(talk).await {
        Ok(reply) => Ok((reply?, ignored)),
        Err(Elapsed) => Err(ExchangeError::Silence { ignored }),
    }
}

/// RFC 1035 section 4.2.2: each message has its length before it.
async fn tcp_conversation(
    addr: SocketAddr,
    query: Query<'_>,
    deadline: Deadline,
    ignored: &mut u32,
) -> Result<Reply, ExchangeError> {
    let (id, bytes) = query.question.encode(query.edns);
    let dialed =
        dial::connect(&addr.to_string(), &[addr], ConnectSettings::default(), deadline).await;
    let mut stream = dialed.map_err(|error| not_connected(error, *ignored))?.stream;
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    // One segment: some servers take what comes first for the whole.
    stream.write_all(&[&length.to_be_bytes()[..], &bytes].concat()).await?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length).await.map_err(closed)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut message).await.map_err(closed)?;
        match query.question.read_reply(id, &message) {
            Ok(reply) if reply.truncated => {
                return Err(ExchangeError::Malformed(Malformed::Truncated));
            }
            Ok(reply) => return Ok(reply),
            Err(Rejected::Foreign) if deadline.has_passed() => {
                return Err(ExchangeError::Silence { ignored: *ignored });
            }
            Err(Rejected::Foreign) => *ignored += 1,
            Err(Rejected::Malformed(what)) => return Err(ExchangeError::Malformed(what)),
        }
    }
}

fn not_connected(error: net::Error, ignored: u32) -> ExchangeError {
    match error {
        net::Error::Connect { mut attempts, .. } => match attempts.pop() {
            Some(attempt) if attempt.error.kind() != ErrorKind::TimedOut => attempt.error.into(),
            _ => ExchangeError::Silence { ignored },
        },
        // Connecting to an address gives no other.
        other => io::Error::other(other).into(),
    }
}

fn closed(error: io::Error) -> ExchangeError {
    match error.kind() {
        ErrorKind::UnexpectedEof => io::Error::other("connection closed before the reply").into(),
        _ => error.into(),
    }
}
