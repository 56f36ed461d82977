//! How a relayed connection ended.

use std::io::{self, ErrorKind};

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum StreamEnd {
    /// The peer ended its side in order.
    #[error("eof")]
    Eof,
    /// The peer ended its side in order, and our input rested then without having ended.
    #[error("eof")]
    Rested,
    /// Receiving failed, by a reset for example.
    #[error("{}", crate::reason::of(.0))]
    Receive(io::Error),
    /// The peer's end came without TLS's `close_notify`: somebody may have cut the connection.
    #[error("truncated")]
    Truncated,
    /// Sending failed.
    #[error("{}", crate::reason::of(.0))]
    Send(io::Error),
    /// What was to be sent could not be read.
    #[error("input: {}", crate::reason::of(.0))]
    Input(io::Error),
    /// What came could not be written; `BrokenPipe` where the reader has left.
    #[error("output: {}", crate::reason::of(.0))]
    Output(io::Error),
    /// Nothing came or went for too long.
    #[error("idle")]
    Idle,
    /// The deadline passed.
    #[error("timed out")]
    TimedOut,
    /// We ended our side, and the peer did not end its own in time.
    #[error("no end")]
    Lingered,
    /// It was asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Returns what an error in receiving says about the connection.
pub fn failed(error: io::Error) -> StreamEnd {
    match error.kind() {
        // A socket has no such error: it is how the TLS layer reports a missing `close_notify`.
        ErrorKind::UnexpectedEof => StreamEnd::Truncated,
        _ => StreamEnd::Receive(error),
    }
}
