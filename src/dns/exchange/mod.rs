//! One question to one server, and its reply: over UDP, over TCP after a truncated reply over UDP,
//! or over TCP, TLS, HTTPS, QUIC or HTTP/3 from the start.
//!
//! The sockets are connected, so the kernel reports a closed port at once and drops datagrams from
//! other addresses. Messages that do not match the query are counted and discarded.

mod connected;
mod connections;
mod course;
#[cfg(feature = "doh3")]
mod h3;
mod http;
mod https;
#[cfg(feature = "doq")]
mod quic;
mod stream;
mod udp;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use crate::dns::exchange::connections::DnsConnections;
pub use crate::dns::exchange::course::{Course, ExchangeError, FailedExchange, queries_sent};
use crate::dns::exchange::stream::StreamExchange;
use crate::dns::exchange::udp::ServerSocket;
pub use crate::dns::exchange::udp::UdpSockets;

use crate::dns::Name;
use crate::dns::message::edns::EdnsReply;
use crate::dns::message::query::{QuerySettings, Question};
use crate::dns::message::rcode::Rcode;
use crate::dns::message::reply::{Mismatch, Reply};
use crate::dns::server::{DnsServer, DnsTransport};
use crate::net::Deadline;
use crate::net::address::endpoint::SourceAddress;
use crate::net::deadline::Elapsed;
use crate::net::tls::ClientHandshake;

/// How to query a server.
#[derive(Clone, Debug)]
pub struct ExchangeOptions {
    /// What each query asks for besides its question.
    pub query: QuerySettings,
    /// How often a query is sent over UDP, because datagrams can be lost: at the start, and each
    /// time that an equal part of the time has passed. All have the same id, so a late reply to an
    /// earlier one counts.
    pub tries: u32,
    /// Whether to query over TCP after a truncated reply over UDP.
    pub tcp_after_truncation: bool,
    /// The TLS client; needed for servers that use TLS.
    pub tls: Option<Arc<ClientHandshake>>,
    /// The source address of queries; `None` for any.
    pub from: Option<SourceAddress>,
    /// The UDP sockets that queries reuse; without, each query has a new one.
    pub sockets: Option<Arc<UdpSockets>>,
    /// The connections that queries reuse; without, each query has a new one.
    pub connections: Option<Arc<DnsConnections>>,
}

impl Default for ExchangeOptions {
    fn default() -> Self {
        Self {
            query: QuerySettings::default(),
            tries: 2,
            tcp_after_truncation: true,
            tls: None,
            from: None,
            sockets: None,
            connections: None,
        }
    }
}

/// A reply, and how it was obtained.
#[derive(Debug)]
pub struct Exchanged {
    /// The name that was asked for.
    pub name: Name,
    /// The reply.
    pub reply: Reply,
    /// The server, with the transport that carried the reply.
    pub server: DnsServer,
    /// How it was obtained.
    pub course: Course,
}

/// Sends `question` to `server` and waits for the reply until the deadline.
///
/// # Errors
/// No reply arrived.
pub async fn exchange(
    server: DnsServer,
    question: &Question,
    settings: &ExchangeOptions,
    deadline: Deadline,
) -> Result<Exchanged, FailedExchange> {
    let started = Instant::now();
    let mut query =
        Query { question, settings, course: Course::default(), unanswered: Duration::ZERO };
    let answered = query.run(server, deadline).await;
    let Query { mut course, unanswered, .. } = query;
    match answered {
        Ok((reply, server)) => {
            course.time = started.elapsed().saturating_sub(unanswered);
            Ok(Exchanged { name: question.name.clone(), reply, server, course })
        }
        Err(error) => Err(FailedExchange { error, course }),
    }
}

/// A question that is being asked.
struct Query<'a> {
    question: &'a Question,
    settings: &'a ExchangeOptions,
    course: Course,
    /// Time spent waiting for datagrams that were not answered.
    unanswered: Duration,
}

impl Query<'_> {
    /// Queries the server, and again if its reply asks for another query.
    async fn run(
        &mut self,
        server: DnsServer,
        deadline: Deadline,
    ) -> Result<(Reply, DnsServer), ExchangeError> {
        if deadline.has_passed() {
            // No time is left to wait for a reply, so no query is sent.
            return Err(ExchangeError::NoReply(0));
        }
        let mut asked = self.settings.query.clone();
        if server.transport.is_encrypted() {
            asked = asked.padded();
        }
        let (mut reply, mut answered_by) = self.ask(server.clone(), &asked, deadline).await?;
        // RFC 7873 section 5.3: the server asks to use its new cookie.
        let cookie = reply.edns.as_ref().and_then(EdnsReply::cookie);
        let renewed = cookie.and_then(|cookie| asked.with_server_cookie(cookie));
        if let (Rcode::BADCOOKIE, Some(renewed)) = (reply.rcode, renewed)
            && let Ok(again) = self.ask(server.clone(), &renewed, deadline).await
        {
            (reply, answered_by) = again;
        }
        // RFC 6891 section 7: retry without EDNS. An OPT record in the reply is not evidence of
        // EDNS support, because some servers echo what they do not understand.
        let may_lack_edns = matches!(reply.rcode, Rcode::FORMERR | Rcode::NOTIMP);
        if may_lack_edns && self.settings.query.edns.is_some() {
            let bare = self.settings.query.without_edns();
            // Without a second reply, the first one stays the result.
            if let Ok(again) = self.ask(server, &bare, deadline).await {
                (reply, answered_by) = again;
                self.course.edns_rejected = true;
            }
        }
        Ok((reply, answered_by))
    }

    async fn ask(
        &mut self,
        server: DnsServer,
        query: &QuerySettings,
        deadline: Deadline,
    ) -> Result<(Reply, DnsServer), ExchangeError> {
        let reply = match server.transport {
            DnsTransport::Udp if self.question.record_type.is_transfer() => {
                let server = DnsServer { transport: DnsTransport::Tcp, ..server };
                let reply = self.over_stream(&server, query, deadline).await?;
                return Ok((reply, server));
            }
            DnsTransport::Udp => self.over_udp(server.addr, query, deadline).await?,
            _ => self.over_stream(&server, query, deadline).await?,
        };
        let is_cut = reply.flags.truncated && server.transport == DnsTransport::Udp;
        if !is_cut || !self.settings.tcp_after_truncation {
            return Ok((reply, server));
        }
        self.course.was_truncated = true;
        let server = DnsServer { transport: DnsTransport::Tcp, ..server };
        let complete = self.over_stream(&server, query, deadline).await;
        let complete = complete.map_err(|error| ExchangeError::Truncated(Box::new(error)))?;
        Ok((complete, server))
    }

    async fn over_udp(
        &mut self,
        addr: SocketAddr,
        query: &QuerySettings,
        deadline: Deadline,
    ) -> Result<Reply, ExchangeError> {
        let (id, message) = self.question.encode(query);
        let tries_before = self.course.tries;
        let reused = self.settings.sockets.as_deref();
        let mut socket = match reused.and_then(|sockets| sockets.take(addr)) {
            Some(socket) => socket,
            None => ServerSocket::open(addr, self.settings.from).await?,
        };
        let mut is_first = true;
        for tries_left in (1..=self.settings.tries).rev() {
            let sent = Instant::now();
            socket.send(&message).await?;
            self.course.tries += 1;
            let share = deadline.remaining().map(|left| left / tries_left);
            let until = Deadline::maybe(share);
            // Checked for each datagram, so that a flood cannot extend the wait past the deadline.
            while !until.has_passed() {
                let Ok(received) = socket.receive(until).await else { break };
                match self.question.read_reply(id, received?) {
                    Ok(reply) => {
                        if let Some(reused) = reused.filter(|_| is_first) {
                            reused.put_back(socket, id);
                        }
                        return Ok(reply);
                    }
                    Err(Mismatch::Id) if socket.is_repeated_reply() => {}
                    Err(mismatch) => self.course.discarded.add(mismatch),
                }
                is_first = false;
            }
            is_first = false;
            self.unanswered += sent.elapsed();
        }
        Err(ExchangeError::NoReply(self.course.tries - tries_before))
    }

    async fn over_stream(
        &mut self,
        server: &DnsServer,
        query: &QuerySettings,
        deadline: Deadline,
    ) -> Result<Reply, ExchangeError> {
        let mut encoded = self.question.encode(query);
        if server.transport.is_http() || server.transport == DnsTransport::Quic {
            // RFC 8484 section 4.1 and RFC 9250 section 4.2.1: the id is 0.
            encoded.0 = 0;
            encoded.1[..2].fill(0);
        }
        let Self { question, settings, course, .. } = self;
        let (from, tries_before) = (settings.from, course.tries);
        let connections = settings.connections.as_deref();
        let mut exchange = StreamExchange {
            question,
            encoded,
            server,
            from,
            connections,
            deadline,
            course,
            tries_before,
        };
        let tls = settings.tls.as_deref();
        if question.record_type.is_transfer() {
            // It keeps to the deadline itself, so that the records received so far are not lost.
            return Box::pin(exchange.run(tls)).await;
        }
        // On the heap, because most queries need no stream, and each would reserve its memory.
        match deadline.bound(Box::pin(exchange.run(tls))).await {
            Ok(reply) => reply,
            Err(Elapsed) => Err(exchange.no_reply()),
        }
    }
}
