//! The rules of DNS over HTTP (RFC 8484) that hold for every version of HTTP.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, Request, header, response};

use crate::dns::exchange::course::ExchangeError;
use crate::dns::server::DnsServer;
use crate::text;

/// The type of a body that is a DNS message.
const MESSAGE_TYPE: &str = "application/dns-message";

/// The longest body that is read: no DNS message is longer.
const MAX_BODY: usize = 65_535;

/// The longest part of a header's value that is shown, in bytes.
const MAX_SHOWN: usize = 200;

/// The variable of a URL in which a GET request has the message (RFC 8484 section 4.1.1).
const GET_VARIABLE: &str = "{?dns}";

/// Returns the head of the request with a message, and its body, unless the message is in the URL.
///
/// # Errors
/// The server's path cannot be part of a URL.
pub(super) fn request(
    server: &DnsServer,
    message: Vec<u8>,
) -> Result<(Request<()>, Option<Bytes>), ExchangeError> {
    let origin = format!("https://{}:{}", Authority(server), server.addr.port());
    let invalid = |error| ExchangeError::Http(format!("invalid URL: {error}"));
    if let Some(path) = server.path.strip_suffix(GET_VARIABLE) {
        let uri = format!("{origin}{path}?dns={}", URL_SAFE_NO_PAD.encode(message));
        let request = Request::get(uri).header(header::ACCEPT, MESSAGE_TYPE).body(());
        return Ok((request.map_err(invalid)?, None));
    }
    let request = Request::post(format!("{origin}{}", server.path))
        .header(header::CONTENT_TYPE, MESSAGE_TYPE)
        .header(header::ACCEPT, MESSAGE_TYPE)
        .header(header::CONTENT_LENGTH, message.len())
        .body(());
    Ok((request.map_err(invalid)?, Some(Bytes::from(message))))
}

/// Checks that the head of a response announces a DNS message.
///
/// # Errors
/// The request failed, or the body is something else.
pub(super) fn check_head(head: &response::Parts) -> Result<(), ExchangeError> {
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
    Ok(())
}

/// Appends a part of a body to the message.
///
/// # Errors
/// The body is longer than a DNS message.
pub(super) fn append_part(message: &mut Vec<u8>, part: &[u8]) -> Result<(), ExchangeError> {
    if message.len() + part.len() > MAX_BODY {
        return Err(ExchangeError::Http("the response is longer than a DNS message".into()));
    }
    message.extend_from_slice(part);
    Ok(())
}

/// The host in a URL: in brackets if it is an IPv6 address, and without a zone.
struct Authority<'a>(&'a DnsServer);

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host.to_string();
        let bare = host.split('%').next().unwrap_or(&host);
        if bare.contains(':') { write!(f, "[{bare}]") } else { f.write_str(bare) }
    }
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
