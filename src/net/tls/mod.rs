//! TLS client and server over any stream, with rustls and ring.
//!
//! A [`ClientHandshake`] or [`ServerHandshake`] is created once from files and settings, which are
//! validated at that point. Its handshake turns a stream into a TLS stream and returns the
//! negotiated parameters, or the reason for the failure. This module depends on no command,
//! command-line option or exit code, and prints nothing.
//!
//! sockkit installs no process-wide crypto provider; each configuration receives ring's.

mod certificate;
mod chain;
mod client;
mod error;
mod facts;
mod first_bytes;
mod key_log;
mod name;
mod pem;
mod pin;
mod quic;
mod refusal;
mod server;
pub mod starttls;
#[cfg(test)]
mod tests;
mod verifier;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

pub use self::certificate::UnusableKey;
pub use self::chain::ChainCertificate;
pub use self::client::{ClientHandshake, ClientTlsOptions, ClientTrust, InspectedServer};
pub use self::error::{Side, TlsError, TlsProblem};
pub use self::facts::{TlsFacts, Trust};
pub use self::first_bytes::{PlainProtocol, looks_like_tls};
pub use self::key_log::{KeyLogError, KeyLogFile};
pub use self::name::{Alpn, InvalidAlpn, ServerName};
pub use self::pem::{KeyPair, SetupError};
pub use self::pin::Pin;
pub use self::quic::{AlertBy, QuicTls};
pub use self::refusal::CertificateRefusal;
pub use self::server::{HANDSHAKE_TIMEOUT, Identity, ServerHandshake, ServerTlsOptions};

/// Returns the cryptographic algorithms for every configuration.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
