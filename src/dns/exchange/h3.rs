//! DNS over HTTP/3 (RFC 8484 over RFC 9114): requests over QUIC.

use std::future::poll_fn;

use bytes::{Buf as _, Bytes};
use h3::client;
use h3::error::{Code, ConnectionError, LocalError, StreamError};
use quinn::Connection;

use crate::dns::exchange::course::ExchangeError;
use crate::dns::exchange::http;
use crate::dns::exchange::quic::QuicConnection;
use crate::dns::server::DnsServer;
use crate::text;

/// How many bytes a server may send for one response. A DNS message has 64 KiB at most; the rest is
/// for the handshake, the headers and packets that are sent again. Without this limit, the library
/// would buffer a header of any length.
pub(super) const MAX_RECEIVED: u64 = 1024 * 1024;

/// The longest header of a response, in bytes, as RFC 9114 section 4.2.2 counts them.
const MAX_HEADER: u64 = 64 * 1024;

/// The code with which a client closes a connection without an error (RFC 9114 section 8.1).
pub(super) const NO_ERROR: u32 = 0x100;

/// A connection over HTTP/3.
pub(super) struct Http3Connection {
    quic: QuicConnection,
    connection: client::Connection<h3_quinn::Connection, Bytes>,
    requests: client::SendRequest<h3_quinn::OpenStreams, Bytes>,
}

impl Http3Connection {
    /// Begins HTTP/3 on `quic`.
    ///
    /// # Errors
    /// The connection fails.
    pub(super) async fn open(mut quic: QuicConnection) -> Result<Self, ExchangeError> {
        let inner = quic.connection().clone();
        let opened = quic.run(async {
            let connection = h3_quinn::Connection::new(inner.clone());
            let mut builder = client::builder();
            let built = builder.max_field_section_size(MAX_HEADER).build(connection).await;
            built.map_err(|error| connection_error(&inner, &error))
        });
        let (connection, requests) = opened.await?;
        Ok(Self { quic, connection, requests })
    }

    /// Sends `message` and returns the message in the response.
    ///
    /// # Errors
    /// The server does not speak HTTP/3, or its response is not a DNS message.
    pub(super) async fn post(
        &mut self,
        server: &DnsServer,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, ExchangeError> {
        let Self { quic: quic_connection, connection, requests } = self;
        quic_connection.allow(MAX_RECEIVED);
        let quic = quic_connection.connection().clone();
        let exchange = async {
            let (request, message) = http::request(server, message)?;
            let failed = |error: StreamError| stream_error(&quic, &error);
            let mut stream = requests.send_request(request).await.map_err(failed)?;
            if let Some(message) = message {
                stream.send_data(message).await.map_err(failed)?;
            }
            stream.finish().await.map_err(failed)?;
            let (head, ()) = stream.recv_response().await.map_err(failed)?.into_parts();
            http::check_head(&head)?;
            let mut reply = Vec::new();
            while let Some(mut part) = stream.recv_data().await.map_err(failed)? {
                while part.has_remaining() {
                    let bytes = part.chunk();
                    http::append_part(&mut reply, bytes)?;
                    part.advance(bytes.len());
                }
            }
            Ok(reply)
        };
        let exchange = async {
            tokio::select! {
                biased;
                reply = exchange => reply,
                error = poll_fn(|context| connection.poll_close(context)) => {
                    Err(connection_error(&quic, &error))
                }
            }
        };
        quic_connection.run(exchange).await
    }

    /// Closes the connection with `code`.
    pub(super) async fn close(self, code: u32) {
        self.quic.close(code).await;
    }
}

fn stream_error(quic: &Connection, error: &StreamError) -> ExchangeError {
    match error {
        StreamError::ConnectionError(error) => connection_error(quic, error),
        StreamError::RemoteTerminate { code, .. } => {
            ExchangeError::Quic(format!("the server cancelled the request: {code}"))
        }
        StreamError::StreamError { code, reason, .. } => broken(*code, reason),
        StreamError::HeaderTooBig { .. } => ExchangeError::Http(format!(
            "the header of the response is longer than {MAX_HEADER} bytes"
        )),
        StreamError::RemoteClosing => {
            ExchangeError::Quic("the server accepts no more requests (GOAWAY)".to_owned())
        }
        error => other(error),
    }
}

fn connection_error(quic: &Connection, error: &ConnectionError) -> ExchangeError {
    match (error, quic.close_reason()) {
        (ConnectionError::Local { error: LocalError::Application { code, reason, .. }, .. }, _) => {
            broken(*code, reason)
        }
        // The connection explains the error.
        (_, Some(reason)) => ExchangeError::Io(reason.into()),
        (error, None) => other(error),
    }
}

fn broken(code: Code, reason: &str) -> ExchangeError {
    let reason = text::escape(reason.as_bytes());
    ExchangeError::Http(format!("the server broke the HTTP/3 protocol: {code}, {reason}"))
}

fn other(error: &impl std::error::Error) -> ExchangeError {
    let why = text::escape(error.to_string().as_bytes());
    ExchangeError::Http(format!("HTTP/3 failed: {why}"))
}
