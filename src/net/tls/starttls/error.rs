//! Errors of STARTTLS: why a server did not switch to TLS.

use std::fmt;
use std::io;

use crate::{reason, text};

/// A protocol with a command that switches to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StarttlsProtocol {
    /// SMTP: `STARTTLS` after `EHLO`.
    Smtp,
    /// IMAP: `STARTTLS` with a tag.
    Imap,
    /// POP3: `STLS`.
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

/// STARTTLS failed before the handshake.
#[derive(Debug, thiserror::Error)]
#[error("STARTTLS with {peer} ({protocol}) failed: {problem}")]
pub struct StarttlsError {
    /// The server's address or name.
    pub peer: String,
    /// The protocol of the dialogue.
    pub protocol: StarttlsProtocol,
    /// The reason.
    pub problem: StarttlsProblem,
}

/// Why STARTTLS failed.
#[derive(Debug, thiserror::Error)]
pub enum StarttlsProblem {
    /// The server does not list STARTTLS among its capabilities.
    #[error("the server does not offer it")]
    NotOffered,
    /// The server sent a negative reply, which is this line.
    #[error("the server refused: it sent {}", quote(.0))]
    Refused(Vec<u8>),
    /// The server sent a line that its protocol does not allow here.
    #[error("the server sent {} instead of {expected}", quote(line))]
    Unexpected {
        /// The line, without its line ending.
        line: Vec<u8>,
        /// The reply that sockkit expected.
        expected: &'static str,
    },
    /// The server sent data that no command requested.
    #[error("the server sent unsolicited data before the handshake")]
    Unsolicited,
    /// A line or a reply exceeds its limit.
    #[error("the server's reply is too long")]
    TooLong,
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The deadline passed.
    #[error("timed out waiting for the server's reply")]
    TimedOut,
    /// The stream failed.
    #[error("{}", reason::of(.0))]
    Stream(io::Error),
}

/// Maximum number of bytes of a line that a message quotes.
const MAX_QUOTED: usize = 80;

fn quote(line: &[u8]) -> String {
    text::quote(line.get(..MAX_QUOTED).unwrap_or(line))
}
