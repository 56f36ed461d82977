//! How a relayed connection ended.

use std::io::{self, ErrorKind};

/// Why a connection ended. `Display` writes the `reason` of the `closed` event.
#[derive(Debug, thiserror::Error)]
pub enum StreamEnd {
    /// The peer closed its side cleanly.
    #[error("eof")]
    Eof,
    /// The peer closed its side cleanly, and the input was then idle without having ended.
    #[error("eof")]
    IdleInput,
    /// Receiving failed, for example because the peer reset the connection.
    #[error("{}", crate::reason::of(.0))]
    Receive(io::Error),
    /// TLS ended without `close_notify`: the received data may be incomplete.
    #[error("truncated")]
    Truncated,
    /// Sending failed.
    #[error("{}", crate::reason::of(.0))]
    Send(io::Error),
    /// The input could not be read.
    #[error("cannot read input: {}", crate::reason::of(.0))]
    Input(io::Error),
    /// Received data could not be written; `BrokenPipe` if the reader of the output has closed it.
    #[error("cannot write output: {}", crate::reason::of(.0))]
    Output(io::Error),
    /// No traffic in either direction within the idle timeout.
    #[error("idle")]
    Idle,
    /// The deadline passed.
    #[error("timed out")]
    TimedOut,
    /// The local side was shut down, and the peer did not close its side within the linger time.
    #[error("peer did not close")]
    LingerExpired,
    /// The caller's stop signal ended the connection.
    #[error("stopped")]
    Stopped,
}

impl StreamEnd {
    /// Returns the end for a receive error.
    pub fn of_receive_error(error: io::Error) -> Self {
        match error.kind() {
            // No socket reports this kind: it is how rustls reports a missing `close_notify`.
            ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Receive(error),
        }
    }
}
