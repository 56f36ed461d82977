//! What a peer said first, for the case that it was not TLS.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are kept: enough for a greeting, and for a line on a screen.
const KEPT: usize = 64;

/// Returns whether a peer's first bytes are a TLS record: a handshake, or an alert as a TLS server
/// sends it to whoever speaks in plain (RFC 8446 section 5.1).
pub fn looks_like_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [ALERT | HANDSHAKE, MAJOR_VERSION, minor, ..] if *minor <= LAST_MINOR_VERSION)
}

const ALERT: u8 = 0x15;
const HANDSHAKE: u8 = 0x16;

/// Of SSL 3.0 and every TLS since.
const MAJOR_VERSION: u8 = 3;

/// Of TLS 1.3, which writes an older one.
const LAST_MINOR_VERSION: u8 = 4;

/// A protocol that shows in its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainProtocol {
    /// A request, or an answer to one.
    Http,
    /// SSH's version line (RFC 4253 section 4.2).
    Ssh,
    /// A greeting of SMTP or FTP, which begin alike.
    SmtpOrFtp,
    /// A greeting of IMAP.
    Imap,
    /// A greeting of POP3.
    Pop3,
}

impl PlainProtocol {
    /// Recognises the protocol that begins with `bytes`.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        const BEGINNINGS: [(&[u8], PlainProtocol); 12] = [
            (b"HTTP/", PlainProtocol::Http),
            (b"GET ", PlainProtocol::Http),
            (b"POST ", PlainProtocol::Http),
            (b"PUT ", PlainProtocol::Http),
            (b"HEAD ", PlainProtocol::Http),
            (b"OPTIONS ", PlainProtocol::Http),
            (b"CONNECT ", PlainProtocol::Http),
            (b"SSH-", PlainProtocol::Ssh),
            (b"220 ", PlainProtocol::SmtpOrFtp),
            (b"220-", PlainProtocol::SmtpOrFtp),
            (b"* OK", PlainProtocol::Imap),
            (b"+OK", PlainProtocol::Pop3),
        ];
        let known = BEGINNINGS.iter().find(|(beginning, _)| bytes.starts_with(beginning));
        known.map(|(_, protocol)| *protocol)
    }
}

impl fmt::Display for PlainProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Ssh => "SSH",
            Self::SmtpOrFtp => "SMTP or FTP",
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
        })
    }
}

/// A borrowed stream whose first bytes are written down as they are read.
pub(super) struct FirstBytesReader<'a, S> {
    pub(super) stream: &'a mut S,
    /// At most [`KEPT`] bytes.
    pub(super) first: &'a mut Vec<u8>,
}

impl<S: AsyncRead + Unpin> AsyncRead for FirstBytesReader<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut *self.stream).poll_read(context, buffer))?;
        let room = KEPT.saturating_sub(self.first.len());
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        self.first.extend(fresh.iter().take(room));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FirstBytesReader<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(context, bytes)
    }

    /// Puts the pieces together: what follows a failure is the library's one attempt to write its
    /// alert, and a stream that takes the first piece alone would leave the alert behind.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        Pin::new(&mut *self.stream).poll_write(context, &bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_tls_are_told_from_text_and_from_other_bytes() {
        // An alert (fatal, decode_error), and the beginning of a ClientHello.
        assert!(looks_like_tls(&[0x15, 3, 3, 0, 2, 2, 50]));
        assert!(looks_like_tls(&[0x16, 3, 1, 2, 0]));
        for plain in [&b""[..], b"\x15", b"\x16\x03", b"\x16\x03\x09", b"220 smtp", b"\x17\x03\x03"]
        {
            assert!(!looks_like_tls(plain), "{plain:?}");
        }
    }

    #[test]
    fn protocols_are_known_by_their_first_words() {
        for (said, protocol) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], Some(PlainProtocol::Http)),
            (b"GET / HTTP/1.1", Some(PlainProtocol::Http)),
            (b"SSH-2.0-OpenSSH_9.2", Some(PlainProtocol::Ssh)),
            (b"220 smtp.example ESMTP", Some(PlainProtocol::SmtpOrFtp)),
            (b"* OK IMAP4rev1", Some(PlainProtocol::Imap)),
            (b"+OK POP3", Some(PlainProtocol::Pop3)),
            (b"hello", None),
            (b"", None),
        ] {
            assert_eq!(PlainProtocol::of(said), protocol);
        }
    }

    #[tokio::test]
    async fn only_the_first_bytes_are_kept_and_all_are_passed() {
        use tokio::io::AsyncReadExt as _;
        let mut said = vec![b'a'; 40];
        said.extend([b'b'; 40]);
        let mut first = Vec::new();
        let mut stream = tokio_test_stream(said.clone());
        let mut heard = FirstBytesReader { stream: &mut stream, first: &mut first };
        let mut read = Vec::new();
        heard.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, said);
        assert_eq!(first, said[..64]);
    }

    /// A stream that says something in pieces of at most 40 bytes.
    fn tokio_test_stream(bytes: Vec<u8>) -> tokio::io::DuplexStream {
        use tokio::io::AsyncWriteExt as _;
        let (ours, mut theirs) = tokio::io::duplex(40);
        tokio::spawn(async move { theirs.write_all(&bytes).await });
        ours
    }
}
