//! TLS, both sides of it: over any stream, by rustls with ring.
//!
//! [`ClientHandshake`] and [`ServerHandshake`] are made once, of files and flags that may be wrong;
//! a handshake of theirs turns a stream into a TLS one and says what was agreed, or why nothing
//! was. This module knows no command, no flag and no exit code, and prints nothing.
//!
//! No crypto provider is installed for the process: each configuration is given ring's.

mod client;
mod error;
mod facts;
mod first_bytes;
mod key_log;
mod name;
mod pem;
mod pin;
mod refusal;
mod server;
pub mod starttls;
#[cfg(test)]
mod tests;
mod verifier;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

pub use self::client::{ClientHandshake, ClientTlsOptions, ClientTrust};
pub use self::error::{Side, TlsError, TlsProblem};
pub use self::facts::{TlsFacts, Trust};
pub use self::first_bytes::{PlainProtocol, looks_like_tls};
pub use self::name::{Alpn, ServerName};
pub use self::pem::{KeyPair, SetupError};
pub use self::pin::Pin;
pub use self::refusal::CertificateRefusal;
pub use self::server::{Identity, ServerHandshake, ServerTlsOptions};

/// The algorithms all of this stands on.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
