//! Settings of one relayed connection.

use std::time::Duration;

use crate::net::deadline::Deadline;

/// How a connection is relayed and when it ends.
#[derive(Clone, Copy, Debug)]
pub struct RelaySettings {
    /// Whether to send FIN when the input ends without having produced a byte. A listener without
    /// input leaves this off: a client that sees EOF may stop sending.
    pub fin_on_empty_input: bool,
    /// Whether to keep sending after the peer has closed its side, until the source ends, even if
    /// the source is idle.
    pub half_open: bool,
    /// After the source ends, how long to wait for the peer to close; no limit if `None`.
    pub linger: Option<Duration>,
    /// How line endings are sent.
    pub line_ends: LineEnds,
    /// The pause after each line that is sent.
    pub delay: Option<Duration>,
    /// How long the connection may be without traffic; no limit if `None`.
    pub idle: Option<Duration>,
    /// After a stop, how long to wait for the peer to close; `None` ends the relay at once.
    pub grace: Option<Duration>,
    /// When the relay ends with [`StreamEnd::TimedOut`](crate::net::relay::StreamEnd::TimedOut).
    pub deadline: Deadline,
}

/// How line endings are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnds {
    /// As the source wrote them.
    #[default]
    Unchanged,
    /// As CR LF, whether the source wrote LF or CR LF.
    CrLf,
}
