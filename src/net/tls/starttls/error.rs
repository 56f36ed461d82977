//! Why a server did not change over to TLS.

use std::fmt;
use std::io;

use crate::{reason, text};

/// How a protocol asks for TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StarttlsProtocol {
    /// `STARTTLS` after `EHLO`.
    Smtp,
    /// `STARTTLS`, with a tag.
    Imap,
    /// `STLS`.
    Pop3,
}

impl fmt::Display for StarttlsProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smtp => "SMTP",
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
        })
    }
}

/// A server did not get as far as a handshake.
#[derive(Debug, thiserror::Error)]
#[error("STARTTLS with {peer} ({protocol}) failed: {problem}")]
pub struct StarttlsError {
    /// The server.
    pub peer: String,
    /// What it should speak.
    pub protocol: StarttlsProtocol,
    /// What was wrong.
    pub problem: StarttlsProblem,
}

/// What was wrong.
#[derive(Debug, thiserror::Error)]
pub enum StarttlsProblem {
    /// The server does not list it among what it can do.
    #[error("the server does not offer it")]
    NotOffered,
    /// The server says no.
    #[error("the server refuses: it said {}", quote(.0))]
    Refused(Vec<u8>),
    /// The server says something else than its protocol has for this place.
    #[error("the server said {} where {due} was due", quote(said))]
    Unexpected {
        /// One line.
        said: Vec<u8>,
        /// What was due.
        due: &'static str,
    },
    /// The server says more than was asked.
    #[error("the server sent bytes that nobody asked for, before the handshake")]
    Unasked,
    /// A line or an answer beyond any limit.
    #[error("the server's answer is too long")]
    TooLong,
    /// The server ended the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The deadline passed.
    #[error("timed out waiting for the server's answer")]
    TimedOut,
    /// The stream failed.
    #[error("{}", reason::of(.0))]
    Stream(io::Error),
}

/// The longest quotation in a message, in bytes.
const MAX_QUOTED: usize = 80;

fn quote(line: &[u8]) -> String {
    text::quote(line.get(..MAX_QUOTED).unwrap_or(line))
}
