//! Settings of one relayed stream.

use std::time::Duration;

use crate::net::deadline::Deadline;

/// How a stream is relayed and when it ends.
#[derive(Clone, Copy, Debug)]
pub struct RelaySettings {
    /// When to send FIN.
    pub fin: FinRule,
    /// Whether to keep sending after the peer has closed its side, until the source ends, even if
    /// the source is idle.
    pub half_open: bool,
    /// Whether the peer's end is waited for; otherwise the relay ends once everything sent is
    /// acknowledged.
    pub waits_for_peer: bool,
    /// After FIN, how long to wait for the peer to close; no limit if `None`.
    pub linger: Option<Duration>,
    /// How line endings are sent.
    pub line_ends: LineEnds,
    /// The pause after each line that is sent.
    pub delay: Option<Duration>,
    /// How long the connection may be without traffic; no limit if `None`.
    pub idle: Option<Duration>,
    /// What a stop waits for.
    pub stop: StopRule,
    /// When the relay ends with [`ExchangeEnd::TimedOut`](crate::net::end::ExchangeEnd::TimedOut).
    pub deadline: Deadline,
}

/// When FIN (under TLS, `close_notify` and FIN) is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinRule {
    /// When the input ends.
    InputEnd,
    /// When an input ends that has produced a byte; after an empty one, when the peer closes: a
    /// client that sees EOF may stop sending.
    NonEmptyInputEnd,
    /// When the peer closes.
    PeerEnd,
}

/// What a stop waits for after it has found the input ended or idle.
#[derive(Clone, Copy, Debug)]
pub struct StopRule {
    /// How long to wait.
    pub grace: Duration,
    /// Whether to wait for the peer to close; otherwise only until it has acknowledged everything.
    pub waits_for_peer: bool,
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
