//! TLS errors: classifies the errors that rustls and the stream report.

use std::fmt;
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError, HandshakeType, PeerIncompatible};

use crate::net::tls::first_bytes::{PlainProtocol, looks_like_tls};
use crate::net::tls::verifier::SeenCertificate;
use crate::net::tls::{CertificateRefusal, Pin};
use crate::{reason, text};

/// TLS with a peer failed.
#[derive(Debug, thiserror::Error)]
#[error("TLS with {peer} failed: {problem}")]
pub struct TlsError {
    /// The peer's address or name.
    pub peer: String,
    /// The reason.
    pub problem: TlsProblem,
}

/// The peer's role in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The peer is the TLS server; sockkit is the client.
    Server,
    /// The peer is the TLS client; sockkit is the server.
    Client,
}

/// Why TLS with a peer failed.
#[derive(Debug, thiserror::Error)]
pub enum TlsProblem {
    /// The first bytes from the peer are not TLS.
    #[error("the {side} does not speak TLS: it sent {}{}", text::quote(sent), KnownProtocol(sent))]
    NotTls {
        /// The peer's role.
        side: Side,
        /// The first bytes that the peer sent: at most 64.
        sent: Vec<u8>,
    },
    /// The peer returns the bytes that it receives.
    #[error("the peer does not speak TLS: it echoes what it receives")]
    Echo,
    /// The peer closed the connection before the handshake was complete.
    #[error("the {0} closed the connection during the handshake")]
    Closed(Side),
    /// The deadline passed before the handshake was complete.
    #[error("the handshake timed out{}", if *silent { ": the peer sent nothing" } else { "" })]
    TimedOut {
        /// Whether the peer sent no byte at all.
        silent: bool,
    },
    /// sockkit rejected the peer's certificate.
    #[error("cannot verify the {side}'s certificate: {refusal}")]
    Certificate {
        /// The peer's role.
        side: Side,
        /// Why the certificate was rejected.
        refusal: CertificateRefusal,
        /// The certificate's pin, if known.
        pin: Option<Pin>,
    },
    /// sockkit requires a client certificate, and the client sent none.
    #[error("the client sent no certificate")]
    NoCertificate,
    /// The peer requires a client certificate, and sockkit sent none.
    #[error("the peer requires a client certificate")]
    CertificateDemanded,
    /// The peer rejected sockkit's certificate.
    #[error("the {side} rejected sockkit's certificate: {alert}")]
    LocalCertificateRejected {
        /// The peer's role.
        side: Side,
        /// The alert's name.
        alert: String,
    },
    /// The two sides support no common application protocol (ALPN).
    #[error("no application protocol (ALPN) in common")]
    NoProtocol,
    /// The two sides support no common TLS version.
    #[error("no TLS version in common: sockkit supports 1.2 and 1.3")]
    NoVersion,
    /// The two sides support no common cipher suite, key exchange group or signature scheme.
    #[error("no cipher suite, key exchange or signature scheme in common")]
    NoCipher,
    /// The server has no certificate for the requested name (SNI).
    #[error("the peer does not serve the requested name")]
    UnknownName,
    /// The peer sent another alert.
    #[error("the {side} sent a TLS alert: {alert}")]
    Alert {
        /// The peer's role.
        side: Side,
        /// The alert's name.
        alert: String,
    },
    /// The peer violated the TLS protocol.
    #[error("the {side} broke the protocol: {why}")]
    Broken {
        /// The peer's role.
        side: Side,
        /// The library's message, escaped.
        why: String,
    },
    /// The underlying stream failed.
    #[error("{}", reason::of(.0))]
    Stream(io::Error),
}

impl TlsError {
    /// Returns why reading or writing failed after the handshake; `None` if TLS is not the cause.
    ///
    /// In TLS 1.3, only a read or write after its own handshake tells a client that the server
    /// rejected its certificate or requires one (RFC 8446 section 4.4.2.4).
    pub fn after_handshake(peer: &str, side: Side, error: &io::Error) -> Option<Self> {
        let problem = problem_of(library_error(error)?, side, None);
        Some(Self { peer: peer.to_owned(), problem })
    }

    /// Returns why a handshake failed; `first` holds the first bytes from the peer.
    pub(super) fn of_handshake(
        peer: &str,
        side: Side,
        error: io::Error,
        first: &[u8],
        seen: Option<&SeenCertificate>,
    ) -> Self {
        let problem = match library_error(&error) {
            _ if is_plain(first) => TlsProblem::NotTls { side, sent: first.to_vec() },
            Some(rustls::Error::AlertReceived(alert)) => TlsProblem::of_alert(*alert, side, seen),
            Some(error) => problem_of(error, side, seen),
            None if error.kind() == ErrorKind::UnexpectedEof => TlsProblem::Closed(side),
            None => TlsProblem::Stream(error),
        };
        Self { peer: peer.to_owned(), problem }
    }

    /// Returns the error for a handshake that was not complete at its deadline.
    pub(super) fn of_deadline(peer: &str, side: Side, first: &[u8]) -> Self {
        let problem = if is_plain(first) {
            TlsProblem::NotTls { side, sent: first.to_vec() }
        } else {
            TlsProblem::TimedOut { silent: first.is_empty() }
        };
        Self { peer: peer.to_owned(), problem }
    }
}

impl TlsProblem {
    /// Returns the problem for an error of the library before any byte was exchanged.
    pub(super) fn of(error: &rustls::Error, side: Side) -> Self {
        problem_of(error, side, None)
    }

    /// Returns the problem for a certificate of a server that sockkit rejected.
    pub(super) fn of_rejection(error: &CertificateError, seen: Option<&SeenCertificate>) -> Self {
        problem_of(&rustls::Error::InvalidCertificate(error.clone()), Side::Server, seen)
    }

    /// Returns the problem for an alert that the peer sent during the handshake.
    pub(super) fn of_alert(
        alert: AlertDescription,
        side: Side,
        seen: Option<&SeenCertificate>,
    ) -> Self {
        match alert {
            // A server that refuses before it has sent a certificate supports nothing of the offer.
            AlertDescription::HandshakeFailure if side == Side::Server && seen.is_none() => {
                Self::NoCipher
            }
            alert => problem_of_alert(alert, side),
        }
    }
}

/// Returns whether the peer's first bytes are not TLS. The first one or two bytes of a record do
/// not count as plain.
fn is_plain(first: &[u8]) -> bool {
    !first.is_empty() && !looks_like_tls(first) && !b"\x16\x03".starts_with(first)
}

/// Returns the rustls error inside an I/O error.
fn library_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn problem_of(error: &rustls::Error, side: Side, seen: Option<&SeenCertificate>) -> TlsProblem {
    let pin = seen.map(|seen| seen.pin);
    // A signature by a key that the library cannot use is one that the client did not offer.
    if let rustls::Error::PeerMisbehaved(_) | rustls::Error::PeerIncompatible(_) = error
        && let Some(key) = seen.and_then(|seen| seen.fields.unusable_key.clone())
    {
        return TlsProblem::Certificate {
            side,
            refusal: CertificateRefusal::UnusableKey(key),
            pin,
        };
    }
    match error {
        rustls::Error::InvalidCertificate(error) => {
            TlsProblem::Certificate { side, refusal: CertificateRefusal::of(error, seen), pin }
        }
        rustls::Error::NoCertificatesPresented => TlsProblem::NoCertificate,
        rustls::Error::NoApplicationProtocol => TlsProblem::NoProtocol,
        rustls::Error::AlertReceived(alert) => problem_of_alert(*alert, side),
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => TlsProblem::NoVersion,
        rustls::Error::PeerIncompatible(_) => TlsProblem::NoCipher,
        rustls::Error::InappropriateHandshakeMessage {
            got_type: HandshakeType::ClientHello,
            ..
        } if side == Side::Server => TlsProblem::Echo,
        error => TlsProblem::Broken { side, why: text::escape(error.to_string().as_bytes()) },
    }
}

fn problem_of_alert(alert: AlertDescription, side: Side) -> TlsProblem {
    let name = alert_name(alert);
    match alert {
        AlertDescription::CertificateRequired => TlsProblem::CertificateDemanded,
        AlertDescription::NoApplicationProtocol => TlsProblem::NoProtocol,
        AlertDescription::ProtocolVersion => TlsProblem::NoVersion,
        AlertDescription::InsufficientSecurity => TlsProblem::NoCipher,
        AlertDescription::UnrecognisedName => TlsProblem::UnknownName,
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => {
            TlsProblem::LocalCertificateRejected { side, alert: name }
        }
        _ => TlsProblem::Alert { side, alert: name },
    }
}

/// Returns an alert's name in lower case, with spaces: "unknown ca" for `UnknownCA`.
fn alert_name(alert: AlertDescription) -> String {
    let mut name = String::new();
    let mut after_lower_case = false;
    for letter in format!("{alert:?}").chars() {
        if letter.is_uppercase() && after_lower_case {
            name.push(' ');
        }
        after_lower_case = letter.is_lowercase();
        name.extend(letter.to_lowercase());
    }
    name
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "peer",
            Self::Client => "client",
        })
    }
}

/// Displays the protocol that the bytes identify, in parentheses, or nothing.
struct KnownProtocol<'a>(&'a [u8]);

impl fmt::Display for KnownProtocol<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PlainProtocol::of(self.0).map_or(Ok(()), |protocol| write!(f, " ({protocol})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alert_names_are_lower_case_words() {
        assert_eq!(alert_name(AlertDescription::UnknownCA), "unknown ca");
        assert_eq!(alert_name(AlertDescription::HandshakeFailure), "handshake failure");
        assert_eq!(alert_name(AlertDescription::Unknown(200)), "alert description(0xc8)");
    }

    #[test]
    fn the_first_bytes_of_a_record_do_not_count_as_plain_text() {
        assert!(is_plain(b"220 smtp"));
        assert!(is_plain(b"2"));
        for tls in [&b""[..], b"\x16", b"\x16\x03", b"\x16\x03\x01\x02\x00"] {
            assert!(!is_plain(tls), "{tls:?}");
        }
    }
}
