//! The settings of one exchange over a stream, as the command line gives them.

use std::time::Duration;

use crate::net::Deadline;
use crate::net::relay::{LineEnds, RelaySettings};
use crate::session::standard_io::OutputEnd;

/// How an exchange goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionSettings {
    /// Close the connection after this long without traffic.
    pub(crate) idle: Option<Duration>,
    /// Whether standard input is read and sent.
    pub(crate) sends: bool,
    /// Whether received bytes are printed.
    pub(crate) receives: bool,
    /// Whether the input is sent to its end after the peer has closed its side.
    pub(crate) half_open: bool,
    /// After our side is shut down, how long to wait for the peer to close.
    pub(crate) linger: Option<Duration>,
    /// How lines end on the wire.
    pub(crate) line_ends: LineEnds,
    /// The pause after each line that is sent.
    pub(crate) delay: Option<Duration>,
    /// Whether a terminal gets the peer's bytes without escapes.
    pub(crate) raw: bool,
}

impl SessionSettings {
    /// Returns when standard output ends, of an exchange that has only one peer.
    pub(crate) fn output_until(&self) -> OutputEnd {
        if self.half_open { OutputEnd::PeerEnds } else { OutputEnd::ProgramEnds }
    }

    /// Returns how bytes are relayed until `deadline`. `pass_empty_end`: whether an input that ends
    /// without a byte shuts our side down.
    pub(crate) fn policy(&self, pass_empty_end: bool, deadline: Deadline) -> RelaySettings {
        RelaySettings {
            pass_empty_end,
            half_open: self.half_open,
            linger: self.linger,
            line_ends: self.line_ends,
            delay: self.delay,
            idle: self.idle,
            grace: None,
            deadline,
        }
    }
}
