//! What a handshake agreed on.

use rustls::{CommonState, ProtocolVersion};

use crate::net::tls::Pin;
use crate::text;

/// What is known of a TLS connection once its handshake is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLS 1.2` or `TLS 1.3`.
    pub version: &'static str,
    /// The cipher suite, by IANA's name.
    pub cipher_suite: String,
    /// The application protocol both sides chose (ALPN), escaped; none if they chose none.
    pub alpn: Option<String>,
    /// The pin of the certificate the peer showed; none if it showed none.
    pub peer_pin: Option<Pin>,
    /// Why that certificate was accepted.
    pub trust: Trust,
}

/// Why a peer's certificate was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Its chain leads to a trusted CA and its name is the right one.
    Chain,
    /// It is one that was pinned.
    Pinned,
    /// It was not looked at: anybody may be the peer.
    Unchecked,
    /// None was asked for, as servers mostly do.
    NotAsked,
}

impl Trust {
    /// Returns whether the peer is known to be who it should be.
    pub fn is_verified(self) -> bool {
        matches!(self, Self::Chain | Self::Pinned)
    }
}

impl TlsFacts {
    pub(super) fn of(session: &CommonState, trust: Trust) -> Self {
        let version = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            // The library speaks no other.
            _ => "TLS 1.3",
        };
        let suite = session.negotiated_cipher_suite().map(|suite| suite.suite());
        let cipher_suite = suite.and_then(|suite| suite.as_str()).unwrap_or("unknown");
        let alpn = session.alpn_protocol().map(text::escape);
        let peer_pin = session.peer_certificates().and_then(|chain| chain.first()).map(Pin::of);
        // The library writes TLS13_ where the registry has TLS_.
        let cipher_suite = cipher_suite.replacen("TLS13_", "TLS_", 1);
        Self { version, cipher_suite, alpn, peer_pin, trust }
    }
}
