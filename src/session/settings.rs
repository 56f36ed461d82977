//! The settings of a session.

use std::time::Duration;

use crate::net::Deadline;
use crate::net::relay::{LineEnds, RelaySettings};
use crate::session::standard_io::OutputEnd;

/// The settings of a session, as the options give them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionSettings {
    /// Close the connection after this long without traffic.
    pub(crate) idle: Option<Duration>,
    /// Whether standard input is read and sent.
    pub(crate) sends: bool,
    /// Whether received bytes are printed.
    pub(crate) receives: bool,
    /// Whether to keep sending until the input ends after the peer has closed its side.
    pub(crate) half_open: bool,
    /// After the input ends, how long to wait for the peer to close; `None` for no limit.
    pub(crate) linger: Option<Duration>,
    /// How line endings are sent.
    pub(crate) line_ends: LineEnds,
    /// The pause after each line or datagram sent.
    pub(crate) delay: Option<Duration>,
    /// Whether control characters are printed unescaped on a terminal.
    pub(crate) raw: bool,
}

impl SessionSettings {
    /// Returns when to close standard output in a session with only one peer.
    pub(crate) fn output_end(&self) -> OutputEnd {
        if self.half_open { OutputEnd::PeerCloses } else { OutputEnd::AtExit }
    }

    /// Returns the settings of a relay that ends at `deadline`. `fin_on_empty_input`: whether to
    /// send FIN when the input ends without having produced a byte.
    pub(crate) fn relay_settings(
        &self,
        fin_on_empty_input: bool,
        deadline: Deadline,
    ) -> RelaySettings {
        RelaySettings {
            fin_on_empty_input,
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
