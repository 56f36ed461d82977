//! STARTTLS: the plain-text dialogue before a handshake, for SMTP (RFC 3207), IMAP (RFC 9051
//! section 6.2.1) and POP3 (RFC 2595 section 4).
//!
//! This module contains no TLS. It reads exactly up to the server's permission to start the
//! handshake. Plain text after that reply is an error, because an attacker on the network may have
//! inserted it to pass as encrypted data (CVE-2011-0411).

mod dialogue;
mod error;
mod protocols;
#[cfg(test)]
mod tests;

pub use self::error::{StarttlsError, StarttlsProblem, StarttlsProtocol};
pub use self::protocols::negotiate;
