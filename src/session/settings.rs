//! The settings of a session.

use std::time::Duration;

use crate::net::Deadline;
use crate::net::relay::{FinRule, LineEnds, RelaySettings, StopRule};
use crate::session::standard_io::OutputEnd;

/// The settings of a session, as the options give them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionSettings {
    /// Close the connection after this long without traffic.
    pub(crate) idle: Option<Duration>,
    /// Whether standard input is read and sent.
    pub(crate) sends: bool,
    /// Whether received bytes are printed, and the peer's end is waited for.
    pub(crate) receives: bool,
    /// Whether FIN is sent when the input ends; otherwise when the peer closes.
    pub(crate) shuts_down: bool,
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

    /// Returns the settings of a relay that ends at `deadline`. `at_end`: when FIN is sent unless
    /// the options withhold it.
    pub(crate) fn relay_settings(
        &self,
        at_end: FinRule,
        stop: StopRule,
        deadline: Deadline,
    ) -> RelaySettings {
        RelaySettings {
            fin: if self.shuts_down { at_end } else { FinRule::PeerEnd },
            half_open: self.half_open,
            waits_for_peer: self.receives,
            linger: self.linger,
            line_ends: self.line_ends,
            delay: self.delay,
            idle: self.idle,
            stop,
            deadline,
        }
    }
}
