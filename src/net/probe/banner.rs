//! What a server sends first, and the protocol that it speaks.

use std::time::Duration;

use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::net::tls::{PlainProtocol, looks_like_tls};

/// The first bytes of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The protocol that they identify.
    pub protocol: Option<&'static str>,
    /// Whether the server sent them only after a request.
    pub was_asked: bool,
}

/// The most bytes of a banner.
const MAX_BANNER: usize = 512;

/// How long to wait for the first bytes, and again after the request. A server that looks up the
/// name of its client first may take longer.
const BANNER_WAIT: Duration = Duration::from_secs(1);

/// The request for a server that waits for its client: an HTTP server answers it, and a TLS server
/// rejects it with an alert.
const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// Returns the first bytes that the server on `stream` sends, after `REQUEST` if it sends nothing
/// by itself; `None` if it stays silent.
pub async fn banner(stream: &mut Stream) -> Option<Banner> {
    for was_asked in [false, true] {
        let deadline = Deadline::after(BANNER_WAIT);
        if was_asked {
            stream.write_all(REQUEST, deadline).await.ok()?;
        }
        let take = |_: &mut Stream, bytes: &[u8]| bytes[..bytes.len().min(MAX_BANNER)].to_vec();
        match deadline.bound(stream.read(take)).await {
            Err(_) => {}
            // EOF, or a connection that failed.
            Ok(Err(_)) => return None,
            Ok(Ok(bytes)) if bytes.is_empty() => return None,
            Ok(Ok(bytes)) => {
                let protocol = protocol(&bytes);
                return Some(Banner { bytes, protocol, was_asked });
            }
        }
    }
    None
}

/// Returns the protocol that the first bytes of a server identify.
fn protocol(bytes: &[u8]) -> Option<&'static str> {
    if looks_like_tls(bytes) {
        return Some("TLS");
    }
    let text = String::from_utf8_lossy(bytes).to_ascii_uppercase();
    Some(match PlainProtocol::of(bytes)? {
        PlainProtocol::Http => "HTTP",
        PlainProtocol::Ssh => "SSH",
        PlainProtocol::SmtpOrFtp if text.contains("SMTP") => "SMTP",
        PlainProtocol::SmtpOrFtp if text.contains("FTP") => "FTP",
        PlainProtocol::SmtpOrFtp => "SMTP or FTP",
        PlainProtocol::Imap => "IMAP",
        PlainProtocol::Pop3 => "POP3",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_identify_the_protocol() {
        for (bytes, expected) in [
            (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], Some("SSH")),
            (b"220 mail.example ESMTP Postfix\r\n", Some("SMTP")),
            (b"220 (vsFTPd 3.0.5)\r\n", Some("FTP")),
            (b"220 ready\r\n", Some("SMTP or FTP")),
            (b"HTTP/1.1 200 OK\r\n", Some("HTTP")),
            (b"\x15\x03\x01\x00\x02\x02\x16", Some("TLS")),
            (b"hello", None),
        ] {
            assert_eq!(protocol(bytes), expected);
        }
    }
}
