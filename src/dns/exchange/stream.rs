//! One query over a stream: TCP, or TLS.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::dns::exchange::course::{Course, ExchangeError};
use crate::dns::exchange::https;
use crate::dns::query::Question;
use crate::dns::rcode::Rcode;
use crate::dns::record::{Malformed, Record};
use crate::dns::record_type::RecordType;
use crate::dns::reply::Reply;
use crate::dns::server::{DnsServer, DnsTransport};
use crate::net::address::endpoint::SourceAddress;
use crate::net::deadline::Elapsed;
use crate::net::dial::{self, ConnectSettings};
use crate::net::stream::Stream;
use crate::net::tls::{ClientHandshake, ServerName};
use crate::net::{self, Deadline};

/// The TLS clients of both transports, which offer different protocols.
#[derive(Clone, Debug)]
pub struct TlsClients {
    /// For DNS over TLS.
    pub tls: ClientHandshake,
    /// For DNS over HTTPS; it offers `h2`.
    pub https: ClientHandshake,
}

/// A query that is sent over a stream.
pub(super) struct StreamExchange<'a> {
    pub(super) question: &'a Question,
    /// The id and the message.
    pub(super) encoded: (u16, Vec<u8>),
    pub(super) server: &'a DnsServer,
    pub(super) from: Option<SourceAddress>,
    pub(super) deadline: Deadline,
    pub(super) course: &'a mut Course,
}

impl StreamExchange<'_> {
    /// Connects, and exchanges the messages.
    ///
    /// # Errors
    /// The server cannot be reached, or sends no reply.
    pub(super) async fn run(&mut self, tls: Option<&TlsClients>) -> Result<Reply, ExchangeError> {
        let mut stream = self.connect(tls).await?;
        if self.server.transport != DnsTransport::Https {
            let reply = self.framed(&mut stream).await?;
            stream.shut_down_now();
            return Ok(reply);
        }
        let (id, message) = &mut self.encoded;
        // RFC 8484 section 4.1: the id is 0, so that caches can answer.
        *id = 0;
        message[..2].fill(0);
        let reply = https::post(stream, self.server, message.clone()).await?;
        self.question.read_reply(0, &reply).map_err(|mismatch| {
            self.course.discarded.add(mismatch);
            ExchangeError::NoReply(self.course.discarded.clone())
        })
    }

    /// Connects, asks for a transfer of the zone, and returns its records in one reply, without the
    /// SOA record that ends it (RFC 5936).
    ///
    /// # Errors
    /// The server cannot be reached, or sends no reply. A transfer that ends too early is a reply
    /// with a defect and the records received so far.
    pub(super) async fn transfer(
        &mut self,
        tls: Option<&TlsClients>,
    ) -> Result<Reply, ExchangeError> {
        let mut stream = self.connect(tls).await?;
        let mut whole = self.framed(&mut stream).await?;
        if whole.defect.is_some() || whole.rcode != Rcode::NOERROR {
            return Ok(whole);
        }
        let is_soa = |record: &Record| record.record_type == RecordType::SOA;
        if !whole.answers.first().is_some_and(is_soa) {
            whole.defect = Some(Malformed::Transfer("does not begin with an SOA record"));
            return Ok(whole);
        }
        while whole.answers[1..].iter().all(|record| !is_soa(record)) {
            let received = self.deadline.bound(read_message(&mut stream)).await;
            let message = match received {
                Ok(Ok(message)) => message,
                Ok(Err(_)) => {
                    whole.defect = Some(Malformed::Transfer("is cut off"));
                    return Ok(whole);
                }
                Err(Elapsed) => {
                    whole.defect = Some(Malformed::Transfer("did not end in time"));
                    return Ok(whole);
                }
            };
            let Ok(part) = self.question.read_reply(self.encoded.0, &message) else {
                continue;
            };
            whole.answers.extend(part.answers);
            if part.defect.is_some() || part.rcode != Rcode::NOERROR {
                whole.defect = part.defect.or(Some(Malformed::Transfer("is cut off by an error")));
                return Ok(whole);
            }
        }
        let end = whole.answers.iter().skip(1).position(is_soa).map_or(0, |at| at + 1);
        if whole.answers.len() > end + 1 {
            whole.defect = Some(Malformed::Transfer("goes on after its end"));
        } else {
            whole.answers.truncate(end);
        }
        stream.shut_down_now();
        Ok(whole)
    }

    /// Connects, and performs the handshake of an encrypted transport.
    async fn connect(&self, tls: Option<&TlsClients>) -> Result<Stream, ExchangeError> {
        let addr = self.server.addr;
        let settings = ConnectSettings { from: self.from, ..ConnectSettings::default() };
        let dialed = dial::connect(&addr.to_string(), &[addr], settings, self.deadline).await;
        let mut stream = dialed.map_err(|error| self.connect_error(error))?.stream;
        let client = match (self.server.transport, tls) {
            (DnsTransport::Tls, Some(tls)) => &tls.tls,
            (DnsTransport::Https, Some(tls)) => &tls.https,
            _ => return Ok(stream),
        };
        let invalid = |error| io::Error::new(ErrorKind::InvalidInput, error);
        let name = ServerName::try_from(&self.server.host).map_err(invalid)?;
        client.connect(&mut stream, &name, &addr.to_string(), self.deadline).await?;
        Ok(stream)
    }

    /// Sends the query and returns the reply. Each message is preceded by its length (RFC 1035
    /// section 4.2.2).
    async fn framed<S>(&mut self, stream: &mut S) -> Result<Reply, ExchangeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (id, message) = &self.encoded;
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        // Sent in one segment: some servers treat the first segment as the complete query.
        stream.write_all(&[&length.to_be_bytes()[..], message].concat()).await?;
        stream.flush().await?;
        loop {
            let message = read_message(stream).await?;
            match self.question.read_reply(*id, &message) {
                Ok(mut reply) => {
                    if reply.flags.truncated {
                        reply.defect.get_or_insert(Malformed::Truncated);
                    }
                    return Ok(reply);
                }
                Err(mismatch) => self.course.discarded.add(mismatch),
            }
            if self.deadline.has_passed() {
                return Err(ExchangeError::NoReply(self.course.discarded.clone()));
            }
        }
    }

    fn connect_error(&self, error: net::Error) -> ExchangeError {
        match error {
            net::Error::Connect { mut attempts, .. } => match attempts.pop() {
                Some(attempt) if attempt.error.kind() != ErrorKind::TimedOut => {
                    attempt.error.into()
                }
                _ => ExchangeError::NoReply(self.course.discarded.clone()),
            },
            net::Error::Bind { source, .. } => source.into(),
            // There is no other error, because no name is resolved.
            other => io::Error::other(other).into(),
        }
    }
}

/// Reads a message and the length before it.
async fn read_message<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, ExchangeError> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).await.map_err(read_error)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).await.map_err(read_error)?;
    Ok(message)
}

fn read_error(error: io::Error) -> ExchangeError {
    match error.kind() {
        ErrorKind::UnexpectedEof => io::Error::other("connection closed before the reply").into(),
        _ => error.into(),
    }
}
