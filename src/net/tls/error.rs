//! Why a handshake failed: what the library and the stream report, told apart.

use std::fmt;
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, HandshakeType, PeerIncompatible};

use crate::net::tls::first_bytes::{PlainProtocol, looks_like_tls};
use crate::net::tls::verifier::SeenCertificate;
use crate::net::tls::{CertificateRefusal, Pin};
use crate::{reason, text};

/// TLS with a peer failed.
#[derive(Debug, thiserror::Error)]
#[error("TLS with {peer} failed: {problem}")]
pub struct TlsError {
    /// The other end.
    pub peer: String,
    /// What was wrong.
    pub problem: TlsProblem,
}

/// Which side of the handshake the peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It accepts; we connected to it.
    Server,
    /// It connected to us.
    Client,
}

/// What was wrong.
#[derive(Debug, thiserror::Error)]
pub enum TlsProblem {
    /// What the peer said first is not TLS.
    #[error("the {side} does not speak TLS: it said {}{}", text::quote(said), KnownAlert(said))]
    NotTls {
        /// Who it is.
        side: Side,
        /// The first of what it said: at most 64 bytes.
        said: Vec<u8>,
    },
    /// The peer sends back what it is sent.
    #[error("the peer does not speak TLS: it sends back what it is sent")]
    Echo,
    /// The peer closed the connection before the handshake was done.
    #[error("the {0} closed the connection during the handshake")]
    Closed(Side),
    /// The deadline passed; whether the peer had said anything by then.
    #[error("the handshake timed out{}", if *silent { ": the peer said nothing" } else { "" })]
    TimedOut {
        /// Whether nothing came at all.
        silent: bool,
    },
    /// We refuse the peer's certificate.
    #[error("the certificate of the {side} is refused: {refusal}")]
    Certificate {
        /// Whose it is.
        side: Side,
        /// Why.
        refusal: CertificateRefusal,
        /// Which certificate it was, where that is known.
        pin: Option<Pin>,
    },
    /// We demand a certificate and the client has none.
    #[error("the client showed no certificate")]
    NoCertificate,
    /// The peer demands a certificate, and got none.
    #[error("the peer demands a client certificate")]
    CertificateDemanded,
    /// The peer refuses our certificate, in the alert's words.
    #[error("the {side} refuses our certificate: {alert}")]
    OurCertificate {
        /// Who refuses.
        side: Side,
        /// Why.
        alert: String,
    },
    /// No application protocol (ALPN) that both sides speak.
    #[error("no application protocol (ALPN) in common")]
    NoProtocol,
    /// No version that both sides speak.
    #[error("no TLS version in common: we speak 1.2 and 1.3")]
    NoVersion,
    /// No cipher suite, group or signature that both sides know.
    #[error("no cipher suite, key exchange or signature scheme in common")]
    NoCipher,
    /// The peer does not know the name it was asked for.
    #[error("the peer does not serve the name it was asked for")]
    UnknownName,
    /// The peer gave up, in the alert's words.
    #[error("the {side} gave up: {alert}")]
    Alert {
        /// Who.
        side: Side,
        /// Why.
        alert: String,
    },
    /// The peer said what it must not, in the library's words.
    #[error("the {side} broke the protocol: {why}")]
    Broken {
        /// Who.
        side: Side,
        /// How.
        why: String,
    },
    /// The stream underneath failed.
    #[error("{}", reason::of(.0))]
    Stream(io::Error),
}

impl TlsError {
    /// Explains why reading or writing failed after a handshake; `None` where it has nothing to do
    /// with TLS. In TLS 1.3 a server's verdict on the client's certificate, or on its having none,
    /// comes this late (RFC 8446 section 4.4.2.4).
    pub fn after_handshake(peer: &str, side: Side, error: &io::Error) -> Option<Self> {
        let problem = problem_of(library(error)?, side, None);
        Some(Self { peer: peer.to_owned(), problem })
    }

    /// Explains a failed handshake: `heard` is how the peer began.
    pub(super) fn of_handshake(
        peer: &str,
        side: Side,
        error: io::Error,
        heard: Vec<u8>,
        seen: Option<SeenCertificate>,
    ) -> Self {
        let problem = match library(&error) {
            _ if is_plain(&heard) => TlsProblem::NotTls { side, said: heard },
            Some(error) => problem_of(error, side, seen),
            None if error.kind() == ErrorKind::UnexpectedEof => TlsProblem::Closed(side),
            None => TlsProblem::Stream(error),
        };
        Self { peer: peer.to_owned(), problem }
    }

    /// Explains a handshake that was not done in time.
    pub(super) fn of_deadline(peer: &str, side: Side, heard: Vec<u8>) -> Self {
        let problem = if is_plain(&heard) {
            TlsProblem::NotTls { side, said: heard }
        } else {
            TlsProblem::TimedOut { silent: heard.is_empty() }
        };
        Self { peer: peer.to_owned(), problem }
    }
}

/// Returns whether a peer began with something else than TLS. A lone byte or two may still become
/// a record.
fn is_plain(heard: &[u8]) -> bool {
    !heard.is_empty() && !looks_like_tls(heard) && !b"\x16\x03".starts_with(heard)
}

fn library(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn problem_of(error: &rustls::Error, side: Side, seen: Option<SeenCertificate>) -> TlsProblem {
    match error {
        rustls::Error::InvalidCertificate(error) => TlsProblem::Certificate {
            side,
            refusal: CertificateRefusal::of(error, seen),
            pin: seen.map(|seen| seen.pin),
        },
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
    let words = words(alert);
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
        | AlertDescription::AccessDenied => TlsProblem::OurCertificate { side, alert: words },
        _ => TlsProblem::Alert { side, alert: words },
    }
}

/// An alert in words: `UnknownCA` is "unknown ca".
fn words(alert: AlertDescription) -> String {
    let mut words = String::new();
    let mut after_lower_case = false;
    for letter in format!("{alert:?}").chars() {
        if letter.is_uppercase() && after_lower_case {
            words.push(' ');
        }
        after_lower_case = letter.is_lowercase();
        words.extend(letter.to_lowercase());
    }
    words
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "peer",
            Self::Client => "client",
        })
    }
}

/// The protocol a peer speaks instead, in parentheses.
struct KnownAlert<'a>(&'a [u8]);

impl fmt::Display for KnownAlert<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PlainProtocol::of(self.0).map_or(Ok(()), |protocol| write!(f, " ({protocol})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_read_as_words() {
        assert_eq!(words(AlertDescription::UnknownCA), "unknown ca");
        assert_eq!(words(AlertDescription::HandshakeFailure), "handshake failure");
        assert_eq!(words(AlertDescription::Unknown(200)), "alert description(0xc8)");
    }

    #[test]
    fn the_beginning_of_a_record_is_not_taken_for_text() {
        assert!(is_plain(b"220 smtp"));
        assert!(is_plain(b"2"));
        for tls in [&b""[..], b"\x16", b"\x16\x03", b"\x16\x03\x01\x02\x00"] {
            assert!(!is_plain(tls), "{tls:?}");
        }
    }
}
