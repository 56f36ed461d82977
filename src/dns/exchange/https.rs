//! DNS over HTTPS (RFC 8484): one request over HTTP/2.

use h2::client;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::dns::exchange::course::ExchangeError;
use crate::dns::exchange::http;
use crate::dns::server::DnsServer;

/// Sends `message` and returns the message in the response.
///
/// # Errors
/// The server does not speak HTTP/2, or its response is not a DNS message.
pub(super) async fn post<S>(
    stream: S,
    server: &DnsServer,
    message: Vec<u8>,
) -> Result<Vec<u8>, ExchangeError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = client::handshake(stream).await.map_err(http_error)?;
    // Ends with the response, because then the sender is dropped.
    let connection = tokio::spawn(connection);
    let exchange = async {
        let (request, message) = http::request(server, message)?;
        let is_whole = message.is_none();
        let (response, mut body) = sender.send_request(request, is_whole).map_err(http_error)?;
        if let Some(message) = message {
            body.send_data(message, true).map_err(http_error)?;
        }
        let (head, body) = response.await.map_err(http_error)?.into_parts();
        http::check_head(&head)?;
        read_body(body).await
    };
    let reply = exchange.await;
    connection.abort();
    reply
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
    if error.is_io()
        && let Some(error) = error.into_io()
    {
        return ExchangeError::Io(error);
    }
    ExchangeError::Http("the server does not speak HTTP/2".into())
}
