//! DNS over HTTPS (RFC 8484): requests over HTTP/2.

use std::io;

use bytes::Bytes;
use h2::Reason;
use h2::client::{self, SendRequest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::AbortOnDropHandle;

use crate::dns::exchange::course::ExchangeError;
use crate::dns::exchange::http;
use crate::dns::server::DnsServer;

/// A connection over HTTP/2.
pub(super) struct Http2Connection {
    sender: SendRequest<Bytes>,
    /// The task that reads and writes frames; it ends with this value.
    _driver: AbortOnDropHandle<Result<(), h2::Error>>,
}

impl Http2Connection {
    /// Begins HTTP/2 on `stream`.
    ///
    /// # Errors
    /// The connection fails.
    pub(super) async fn open<S>(stream: S) -> Result<Self, ExchangeError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = client::handshake(stream).await.map_err(http_error)?;
        Ok(Self { sender, _driver: AbortOnDropHandle::new(tokio::spawn(connection)) })
    }

    /// Sends `message` and returns the message in the response.
    ///
    /// # Errors
    /// The server does not speak HTTP/2, or its response is not a DNS message.
    pub(super) async fn post(
        &mut self,
        server: &DnsServer,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, ExchangeError> {
        let (request, message) = http::request(server, message)?;
        let is_whole = message.is_none();
        let mut sender = self.sender.clone().ready().await.map_err(http_error)?;
        let (response, mut body) = sender.send_request(request, is_whole).map_err(http_error)?;
        if let Some(message) = message {
            body.send_data(message, true).map_err(http_error)?;
        }
        let (head, body) = response.await.map_err(http_error)?.into_parts();
        http::check_head(&head)?;
        read_body(body).await
    }

    /// Closes the connection, without waiting for the server.
    pub(super) async fn close(self) {
        drop(self.sender);
        // Lets the task see that no request follows, and close the stream.
        tokio::task::yield_now().await;
    }
}

async fn read_body(mut body: h2::RecvStream) -> Result<Vec<u8>, ExchangeError> {
    let mut message = Vec::new();
    while let Some(part) = body.data().await {
        let part = part.map_err(http_error)?;
        http::append_part(&mut message, &part)?;
        body.flow_control().release_capacity(part.len()).map_err(http_error)?;
    }
    Ok(message)
}

fn http_error(error: h2::Error) -> ExchangeError {
    if error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR) {
        let why = "the server closed the HTTP/2 connection (GOAWAY)";
        return ExchangeError::Io(io::Error::other(why));
    }
    if error.is_io()
        && let Some(error) = error.into_io()
    {
        return ExchangeError::Io(error);
    }
    ExchangeError::Http("the server does not speak HTTP/2".into())
}
