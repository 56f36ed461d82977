//! The parameters that a handshake negotiated.

use rustls::{CommonState, ProtocolVersion};

use crate::net::tls::Pin;
use crate::text;

/// The parameters of a TLS connection after its handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLS 1.2` or `TLS 1.3`.
    pub version: &'static str,
    /// The cipher suite's IANA name.
    pub cipher_suite: String,
    /// The negotiated application protocol (ALPN), escaped; `None` if there is none.
    pub alpn: Option<String>,
    /// The host name that the client asked for (SNI); `None` if it sent none.
    pub server_name: Option<String>,
    /// The pin of the peer's certificate; `None` if the peer sent none.
    pub peer_pin: Option<Pin>,
    /// Why the peer's certificate was accepted.
    pub trust: Trust,
}

/// Why a peer's certificate was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Its chain leads to a trusted CA, and a server's certificate has the expected name.
    Chain,
    /// Its pin is one of the given pins.
    Pinned,
    /// It was not verified, so the peer's identity is unknown.
    Unchecked,
    /// The server did not request a certificate from its client.
    NotRequested,
}

impl Trust {
    /// Returns whether the peer's identity was verified.
    pub fn is_verified(self) -> bool {
        matches!(self, Self::Chain | Self::Pinned)
    }
}

impl TlsFacts {
    /// Returns the parameters of `session`, whose handshake is complete. `server_name` is the one
    /// that the client sent.
    pub(super) fn of(session: &CommonState, server_name: Option<&str>, trust: Trust) -> Self {
        let version = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            // rustls supports no other version.
            _ => "TLS 1.3",
        };
        let suite = session.negotiated_cipher_suite().map(|suite| suite.suite());
        let cipher_suite = suite.and_then(|suite| suite.as_str()).unwrap_or("unknown");
        let alpn = session.alpn_protocol().map(text::escape);
        let peer_pin = session.peer_certificates().and_then(|chain| chain.first()).map(Pin::of);
        // rustls writes TLS13_ where the IANA registry has TLS_.
        let cipher_suite = cipher_suite.replacen("TLS13_", "TLS_", 1);
        let server_name = server_name.map(ToOwned::to_owned);
        Self { version, cipher_suite, alpn, server_name, peer_pin, trust }
    }
}
