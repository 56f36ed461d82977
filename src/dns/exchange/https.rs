//! DNS over HTTPS (RFC 8484): one POST request over HTTP/2.

use bytes::Bytes;
use h2::client;
use http::{HeaderMap, Request, header};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::dns::exchange::course::ExchangeError;
use crate::dns::server::DnsServer;
use crate::text;

/// The type of a body that is a DNS message.
const MESSAGE_TYPE: &str = "application/dns-message";

/// The longest body that is read: no DNS message is longer.
const MAX_BODY: usize = 65_535;

/// The longest part of a header's value that is shown, in bytes.
const MAX_SHOWN: usize = 200;

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
        let uri = format!("https://{}:{}{}", Authority(server), server.addr.port(), server.path);
        let request = Request::post(uri)
            .header(header::CONTENT_TYPE, MESSAGE_TYPE)
            .header(header::ACCEPT, MESSAGE_TYPE)
            .header(header::CONTENT_LENGTH, message.len())
            .body(())
            .map_err(|error| ExchangeError::Http(format!("invalid URL: {error}")))?;
        let (response, mut body) = sender.send_request(request, false).map_err(http_error)?;
        body.send_data(Bytes::from(message), true).map_err(http_error)?;
        let (head, body) = response.await.map_err(http_error)?.into_parts();
        if head.status.is_redirection() {
            let to = header_text(&head.headers, header::LOCATION);
            return Err(ExchangeError::Http(format!(
                "HTTP status {}, to {to}: redirections are not followed",
                head.status
            )));
        }
        if !head.status.is_success() {
            return Err(ExchangeError::Http(format!("HTTP status {}", head.status)));
        }
        let content_type = header_text(&head.headers, header::CONTENT_TYPE);
        if !content_type.starts_with(MESSAGE_TYPE) {
            let reason = format!("the response has type {content_type}, not {MESSAGE_TYPE}");
            return Err(ExchangeError::Http(reason));
        }
        read_body(body).await
    };
    let reply = exchange.await;
    connection.abort();
    reply
}

/// The host in a URL: in brackets if it is an IPv6 address, and without a zone.
struct Authority<'a>(&'a DnsServer);

impl std::fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self.0.host.to_string();
        let bare = host.split('%').next().unwrap_or(&host);
        if bare.contains(':') { write!(f, "[{bare}]") } else { f.write_str(bare) }
    }
}

async fn read_body(mut body: h2::RecvStream) -> Result<Vec<u8>, ExchangeError> {
    let mut message = Vec::new();
    while let Some(part) = body.data().await {
        let part = part.map_err(http_error)?;
        if message.len() + part.len() > MAX_BODY {
            return Err(ExchangeError::Http("the response is longer than a DNS message".into()));
        }
        message.extend_from_slice(&part);
        body.flow_control().release_capacity(part.len()).map_err(http_error)?;
    }
    Ok(message)
}

/// Returns the value of a header in quotes, shortened.
fn header_text(headers: &HeaderMap, name: header::HeaderName) -> String {
    let Some(value) = headers.get(name) else { return "none".to_owned() };
    let bytes = value.as_bytes();
    let shown = &bytes[..bytes.len().min(MAX_SHOWN)];
    if bytes == shown && value.to_str().is_ok() {
        String::from_utf8_lossy(shown).into_owned()
    } else {
        text::quote(shown)
    }
}

fn http_error(error: h2::Error) -> ExchangeError {
    if error.is_io()
        && let Some(error) = error.into_io()
    {
        return ExchangeError::Io(error);
    }
    ExchangeError::Http("the server does not speak HTTP/2".into())
}
