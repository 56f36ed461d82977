//! The plain words before a handshake, where one port serves both: SMTP (RFC 3207), IMAP (RFC 9051
//! section 6.2.1) and POP3 (RFC 2595 section 4).
//!
//! Knows no TLS: it ends where the server is ready for a handshake and not one byte further. What
//! a server sends behind its go-ahead was put there by somebody in between, to be taken for part of
//! the private conversation (CVE-2011-0411 and its like): it is refused.

mod dialogue;
mod error;
mod protocols;
#[cfg(test)]
mod tests;

pub use self::error::{StarttlsError, StarttlsProblem, StarttlsProtocol};
pub use self::protocols::ask;
