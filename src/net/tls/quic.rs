//! TLS for QUIC: QUIC carries the handshake's messages itself, so a connection only needs the
//! settings, and the meaning of the alert that ends a failed handshake.

use std::sync::Arc;

use rustls::{AlertDescription, ClientConfig};

use crate::net::tls::verifier::CertificateVerifier;
use crate::net::tls::{Side, TlsProblem};
use crate::text;

/// The TLS of one QUIC connection, at the client.
#[derive(Debug)]
pub struct QuicTls {
    pub(super) config: ClientConfig,
    pub(super) server_name: String,
    pub(super) verifier: Arc<CertificateVerifier>,
}

/// Which side of a handshake sent an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertBy {
    /// This one.
    Client,
    /// The server.
    Server,
}

impl QuicTls {
    /// Returns the settings. The protocol's rules for QUIC, such as no version before TLS 1.3, are
    /// the library's.
    pub fn config(&self) -> ClientConfig {
        self.config.clone()
    }

    /// Returns the host name or address for which the certificate must be valid.
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// Returns why the handshake failed with `alert`; `why` is the library's message.
    pub fn problem(&self, by: AlertBy, alert: u8, why: &str) -> TlsProblem {
        let (alert, seen) = (AlertDescription::from(alert), self.verifier.seen());
        match (by, self.verifier.rejection()) {
            (AlertBy::Client, Some(error)) => TlsProblem::of_rejection(error, seen.as_ref()),
            (AlertBy::Client, None) if alert == AlertDescription::NoApplicationProtocol => {
                TlsProblem::NoProtocol
            }
            (AlertBy::Client, None) => {
                TlsProblem::Broken { side: Side::Server, why: text::escape(why.as_bytes()) }
            }
            (AlertBy::Server, _) => TlsProblem::of_alert(alert, Side::Server, seen.as_ref()),
        }
    }
}
