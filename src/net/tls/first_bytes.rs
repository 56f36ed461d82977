//! The first bytes that a peer sends, to recognise peers that do not use TLS.

use std::fmt;

/// Returns whether a peer's first bytes are a TLS record (RFC 8446 section 5.1): a handshake, or
/// the alert that a TLS server sends to a client that does not use TLS.
pub fn looks_like_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [ALERT | HANDSHAKE, MAJOR_VERSION, minor, ..] if *minor <= LAST_MINOR_VERSION)
}

const ALERT: u8 = 0x15;
const HANDSHAKE: u8 = 0x16;

/// The major version in the records of SSL 3.0 and of every TLS version.
const MAJOR_VERSION: u8 = 3;

/// The minor version of TLS 1.3, whose records carry an older one.
const LAST_MINOR_VERSION: u8 = 4;

/// A plain-text protocol that its first bytes identify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainProtocol {
    /// An HTTP request or response.
    Http,
    /// SSH's version line (RFC 4253 section 4.2).
    Ssh,
    /// The greeting of SMTP or FTP, which both begin with 220.
    SmtpOrFtp,
    /// The greeting of IMAP.
    Imap,
    /// The greeting of POP3.
    Pop3,
}

impl PlainProtocol {
    /// Returns the protocol that begins with `bytes`, or `None` if they identify none.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        const PREFIXES: [(&[u8], PlainProtocol); 12] = [
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
        let known = PREFIXES.iter().find(|(prefix, _)| bytes.starts_with(prefix));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_records_are_distinguished_from_text_and_other_bytes() {
        // An alert (fatal, decode_error), and the beginning of a ClientHello.
        assert!(looks_like_tls(&[0x15, 3, 3, 0, 2, 2, 50]));
        assert!(looks_like_tls(&[0x16, 3, 1, 2, 0]));
        for plain in [&b""[..], b"\x15", b"\x16\x03", b"\x16\x03\x09", b"220 smtp", b"\x17\x03\x03"]
        {
            assert!(!looks_like_tls(plain), "{plain:?}");
        }
    }

    #[test]
    fn protocols_are_recognised_by_their_first_bytes() {
        for (sent, protocol) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], Some(PlainProtocol::Http)),
            (b"GET / HTTP/1.1", Some(PlainProtocol::Http)),
            (b"SSH-2.0-OpenSSH_9.2", Some(PlainProtocol::Ssh)),
            (b"220 smtp.example ESMTP", Some(PlainProtocol::SmtpOrFtp)),
            (b"* OK IMAP4rev1", Some(PlainProtocol::Imap)),
            (b"+OK POP3", Some(PlainProtocol::Pop3)),
            (b"hello", None),
            (b"", None),
        ] {
            assert_eq!(PlainProtocol::of(sent), protocol);
        }
    }
}
