//! One query over a stream or a connection: TCP, TLS, HTTPS, QUIC or HTTP/3.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

#[cfg(feature = "doq")]
use crate::dns::exchange::connected::connect_udp;
use crate::dns::exchange::connections::{DnsConnection, DnsConnections};
use crate::dns::exchange::course::{Course, ExchangeError};
#[cfg(feature = "doh3")]
use crate::dns::exchange::h3::{self, Http3Connection};
use crate::dns::exchange::https::Http2Connection;
#[cfg(feature = "doq")]
use crate::dns::exchange::quic::{self, QuicConnection};
use crate::dns::message::query::Question;
use crate::dns::message::rcode::Rcode;
use crate::dns::message::record::{Malformed, Record};
use crate::dns::message::record_type::RecordType;
use crate::dns::message::reply::Reply;
use crate::dns::server::{DnsServer, DnsTransport};
use crate::net::address::endpoint::SourceAddress;
use crate::net::deadline::Elapsed;
use crate::net::dial::{self, ConnectSettings};
use crate::net::stream::Stream;
use crate::net::tls::{ClientHandshake, ServerName, TlsError, TlsFacts, TlsProblem};
use crate::net::{self, Deadline};

/// The most octets of a zone transfer, whose records are kept until its end: zones of a million
/// records are smaller.
const MAX_TRANSFER: usize = 64 * 1024 * 1024;

/// A query that is sent over a stream.
pub(super) struct StreamExchange<'a> {
    pub(super) question: &'a Question,
    /// The id and the message.
    pub(super) encoded: (u16, Vec<u8>),
    pub(super) server: &'a DnsServer,
    pub(super) from: Option<SourceAddress>,
    /// The open connections; `None` if the query has one of its own.
    pub(super) connections: Option<&'a DnsConnections>,
    pub(super) deadline: Deadline,
    pub(super) course: &'a mut Course,
    /// Number of queries sent before this one.
    pub(super) tries_before: u32,
}

impl StreamExchange<'_> {
    /// Exchanges the messages, over an open connection to the server if there is one.
    ///
    /// # Errors
    /// The server cannot be reached, or sends no reply.
    pub(super) async fn run(
        &mut self,
        tls: Option<&ClientHandshake>,
    ) -> Result<Reply, ExchangeError> {
        if self.question.record_type.is_transfer() {
            if self.server.transport.is_http() {
                let why = "zone transfers are not possible over HTTP";
                return Err(ExchangeError::Http(why.to_owned()));
            }
            self.connections = None;
        }
        if let Some(connections) = self.connections
            && let Some(open) = connections.take(self.server).await
        {
            match self.over(open).await {
                // The server may close an idle connection at any time, also while the query is on
                // its way (RFC 7766 section 6.2.4).
                Err(ExchangeError::Io(_) | ExchangeError::Quic(_)) => {}
                result => return result,
            }
        }
        let connection = self.open(tls).await?;
        self.over(connection).await
    }

    /// Connects to the server.
    async fn open(
        &mut self,
        tls: Option<&ClientHandshake>,
    ) -> Result<DnsConnection, ExchangeError> {
        // QUIC is on the heap: most queries do not use it, and each would reserve its memory.
        Ok(match (self.server.transport, tls) {
            // A reply is read in parts that the library buffers within limits.
            #[cfg(feature = "doq")]
            (DnsTransport::Quic, Some(tls)) => {
                let quic = Box::pin(self.connect_quic(tls, u64::MAX)).await?;
                DnsConnection::Quic(Box::new(quic))
            }
            #[cfg(feature = "doh3")]
            (DnsTransport::H3, Some(tls)) => DnsConnection::Http3(Box::new(
                Box::pin(async {
                    let quic = self.connect_quic(tls, h3::MAX_RECEIVED).await?;
                    Http3Connection::open(quic).await
                })
                .await?,
            )),
            (transport, tls) if transport.is_http() => {
                DnsConnection::Http2(Http2Connection::open(self.connect(tls).await?).await?)
            }
            _ => DnsConnection::Messages(self.connect(tls).await?),
        })
    }

    /// Exchanges the messages over `connection`, which is kept or closed after the reply.
    async fn over(&mut self, mut connection: DnsConnection) -> Result<Reply, ExchangeError> {
        let discarded = self.course.discarded.count();
        let result = match &mut connection {
            DnsConnection::Messages(stream) => self.over_stream(stream).await,
            DnsConnection::Http2(http) => {
                self.course.tries += 1;
                let reply = http.post(self.server, self.encoded.1.clone()).await;
                reply.and_then(|reply| self.read(&reply))
            }
            #[cfg(feature = "doq")]
            DnsConnection::Quic(quic) => Box::pin(self.over_quic(quic)).await,
            #[cfg(feature = "doh3")]
            DnsConnection::Http3(http) => {
                self.course.tries += 1;
                let reply = Box::pin(http.post(self.server, self.encoded.1.clone())).await;
                reply.and_then(|reply| self.read(&reply))
            }
        };
        let is_clean = result.is_ok() && self.course.discarded.count() == discarded;
        match self.connections.filter(|_| is_clean) {
            Some(connections) => connections.put_back(self.server, connection),
            None => connection.close().await,
        }
        result
    }

    /// Reads the message of a response over HTTP.
    fn read(&mut self, message: &[u8]) -> Result<Reply, ExchangeError> {
        self.question.read_reply(self.encoded.0, message).map_err(|mismatch| {
            self.course.discarded.add(mismatch);
            self.no_reply()
        })
    }

    async fn over_stream(&mut self, stream: &mut Stream) -> Result<Reply, ExchangeError> {
        self.send(stream).await?;
        // Some servers send the tickets of TLS and the reply, or a length and the message, one
        // after the other.
        stream.acknowledge_at_once();
        self.reply(stream).await
    }

    #[cfg(feature = "doq")]
    async fn over_quic(&mut self, quic: &mut QuicConnection) -> Result<Reply, ExchangeError> {
        let mut stream = quic.open_stream().await?;
        let stopped = quic::stopped(&stream);
        let exchange = async {
            self.send(&mut stream).await?;
            self.reply(&mut stream).await
        };
        let exchange = async {
            tokio::select! {
                biased;
                reply = exchange => reply,
                error = stopped => Err(error),
            }
        };
        quic.run(exchange).await
    }

    /// Connects over QUIC to a server that may send `limit` bytes.
    #[cfg(feature = "doq")]
    async fn connect_quic(
        &self,
        tls: &ClientHandshake,
        limit: u64,
    ) -> Result<QuicConnection, ExchangeError> {
        let addr = self.server.addr;
        let client = tls.offering(self.server.transport.alpn().unwrap_or_default());
        let tls = client.for_quic(&self.server_name()?);
        let socket = connect_udp(addr, self.from).await?;
        QuicConnection::open(socket, addr, tls, limit, self.deadline).await
    }

    /// Returns the reply to the query that was sent over a stream of messages.
    async fn reply<S>(&mut self, stream: &mut S) -> Result<Reply, ExchangeError>
    where
        S: AsyncRead + Unpin,
    {
        if self.question.record_type.is_transfer() {
            self.transfer(stream).await
        } else {
            self.first_reply(stream).await
        }
    }

    /// Returns the records of a transfer of the zone in one reply, without the SOA record that ends
    /// it (RFC 5936).
    ///
    /// # Errors
    /// The server sends no reply. A transfer that ends too early is a reply with a defect and the
    /// records received so far.
    async fn transfer<S>(&mut self, stream: &mut S) -> Result<Reply, ExchangeError>
    where
        S: AsyncRead + Unpin,
    {
        let deadline = self.deadline;
        let first = deadline.bound(self.first_reply(stream)).await;
        let mut whole = first.unwrap_or_else(|Elapsed| Err(self.no_reply()))?;
        if whole.defect.is_some() || whole.rcode != Rcode::NOERROR {
            return Ok(whole);
        }
        let zone = &self.question.name;
        let is_soa =
            |record: &Record| record.record_type == RecordType::SOA && record.name == *zone;
        if !whole.answers.first().is_some_and(is_soa) {
            let why = "does not begin with the SOA record of the zone";
            whole.defect = Some(Malformed::Transfer(why));
            return Ok(whole);
        }
        let mut received = 0;
        let mut added = 1..whole.answers.len();
        while !whole.answers[added].iter().any(is_soa) {
            let next = self.deadline.bound(read_message(stream)).await;
            let message = match next {
                Ok(Ok(message)) => message,
                Ok(Err(_)) => {
                    whole.defect = Some(Malformed::Transfer("is cut off"));
                    return Ok(whole);
                }
                Err(Elapsed) => {
                    whole.defect = Some(Malformed::Unfinished);
                    return Ok(whole);
                }
            };
            received += message.len();
            if received > MAX_TRANSFER {
                whole.defect = Some(Malformed::Transfer("is longer than 64 MiB"));
                return Ok(whole);
            }
            let part = match self.question.read_reply(self.encoded.0, &message) {
                Ok(part) => part,
                Err(mismatch) => {
                    self.course.discarded.add(mismatch);
                    let why = "has a message that does not belong to it";
                    whole.defect = Some(Malformed::Transfer(why));
                    return Ok(whole);
                }
            };
            added = whole.answers.len()..whole.answers.len() + part.answers.len();
            whole.answers.extend(part.answers);
            if part.defect.is_some() || part.rcode != Rcode::NOERROR {
                whole.defect = part.defect.or(Some(Malformed::Transfer("is cut off by an error")));
                return Ok(whole);
            }
        }
        let end = whole.answers.iter().skip(1).position(is_soa).map_or(0, |at| at + 1);
        if whole.answers.len() > end + 1 {
            whole.defect = Some(Malformed::Transfer("goes on after its end"));
        } else if whole.answers[end].data != whole.answers[0].data {
            // RFC 5936 section 2.2: the first and the last SOA record are the same.
            whole.defect = Some(Malformed::Transfer("ends with another SOA record than its first"));
        } else {
            whole.answers.truncate(end);
        }
        Ok(whole)
    }

    /// Connects, and performs the handshake of an encrypted transport.
    async fn connect(&mut self, tls: Option<&ClientHandshake>) -> Result<Stream, ExchangeError> {
        let transport = self.server.transport;
        let Some(tls) = tls.filter(|_| transport.is_encrypted()) else { return self.dial().await };
        let Some(protocol) = transport.alpn() else { return Ok(self.dial_tls(tls).await?.0) };
        match self.dial_tls(&tls.offering(protocol)).await {
            // RFC 7858 defines no protocol name, so a server may know only those of others.
            Err(ExchangeError::Tls(TlsError { problem: TlsProblem::NoProtocol, .. }))
                if transport == DnsTransport::Tls =>
            {
                self.course.is_protocol_unconfirmed = true;
                Ok(self.dial_tls(tls).await?.0)
            }
            connected => {
                let (stream, facts) = connected?;
                self.course.is_protocol_unconfirmed = transport.is_http() && facts.alpn.is_none();
                Ok(stream)
            }
        }
    }

    async fn dial_tls(&self, tls: &ClientHandshake) -> Result<(Stream, TlsFacts), ExchangeError> {
        let mut stream = self.dial().await?;
        let (name, peer) = (self.server_name()?, self.server.addr.to_string());
        let facts = tls.connect(&mut stream, &name, &peer, self.deadline).await?;
        Ok((stream, facts))
    }

    async fn dial(&self) -> Result<Stream, ExchangeError> {
        let addr = self.server.addr;
        let settings = ConnectSettings { from: self.from, ..ConnectSettings::default() };
        let dialed = dial::connect(&addr.to_string(), &[addr], settings, self.deadline).await;
        Ok(dialed.map_err(|error| self.connect_error(error))?.stream)
    }

    /// Returns the name for which the server's certificate must be valid.
    fn server_name(&self) -> io::Result<ServerName> {
        let invalid = |error| io::Error::new(ErrorKind::InvalidInput, error);
        ServerName::try_from(&self.server.host).map_err(invalid)
    }

    /// Sends the query over a stream of messages. Each is preceded by its length (RFC 1035 section
    /// 4.2.2).
    async fn send<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> Result<(), ExchangeError> {
        let message = &self.encoded.1;
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        self.course.tries += 1;
        let is_quic = self.server.transport == DnsTransport::Quic;
        let sent = self.deadline.bound(async {
            // Sent in one segment: some servers treat the first segment as the complete query.
            stream.write_all(&[&length.to_be_bytes()[..], message].concat()).await?;
            stream.flush().await?;
            if is_quic {
                // RFC 9250 section 4.2: the end of the stream is the end of the query.
                stream.shutdown().await?;
            }
            Ok(())
        });
        sent.await.unwrap_or_else(|Elapsed| Err(self.no_reply()))
    }

    /// Returns the first message that is the reply.
    async fn first_reply<S>(&mut self, stream: &mut S) -> Result<Reply, ExchangeError>
    where
        S: AsyncRead + Unpin,
    {
        loop {
            let message = read_message(stream).await.map_err(|error| self.read_error(error))?;
            match self.question.read_reply(self.encoded.0, &message) {
                Ok(mut reply) => {
                    if reply.flags.truncated {
                        reply.defect.get_or_insert(Malformed::Truncated);
                    }
                    return Ok(reply);
                }
                Err(mismatch) => self.course.discarded.add(mismatch),
            }
            if self.deadline.has_passed() {
                return Err(self.no_reply());
            }
        }
    }

    /// Returns the error for the end of the time.
    pub(super) fn no_reply(&self) -> ExchangeError {
        ExchangeError::NoReply(self.course.tries - self.tries_before)
    }

    fn read_error(&self, error: io::Error) -> ExchangeError {
        match (error.kind(), self.server.transport) {
            (ErrorKind::UnexpectedEof, DnsTransport::Quic) => {
                let why = "the server ended the stream of the query before the reply was complete";
                ExchangeError::Quic(why.to_owned())
            }
            (ErrorKind::UnexpectedEof, _) => {
                io::Error::other("connection closed before the reply").into()
            }
            _ => error.into(),
        }
    }

    fn connect_error(&self, error: net::Error) -> ExchangeError {
        match error {
            net::Error::Connect { mut attempts, .. } => match attempts.pop() {
                Some(attempt) if attempt.error.kind() != ErrorKind::TimedOut => {
                    attempt.error.into()
                }
                _ => self.no_reply(),
            },
            net::Error::Bind { source, .. } => source.into(),
            // There is no other error, because no name is resolved.
            other => io::Error::other(other).into(),
        }
    }
}

/// Reads a message and the length before it.
async fn read_message<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).await?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).await?;
    Ok(message)
}
