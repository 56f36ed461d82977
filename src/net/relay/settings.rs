//! How bytes are relayed.

use std::time::Duration;

use crate::net::deadline::Deadline;

/// How a connection is pumped.
#[derive(Clone, Copy, Debug)]
pub struct RelaySettings {
    /// Whether the end of an input that never held a byte is passed on. A listener that has
    /// nothing to say has not finished speaking: its peer must not take it for gone.
    pub pass_empty_end: bool,
    /// Whether the source is sent to its end after the peer's end, however long it rests.
    pub half_open: bool,
    /// How long the peer's end may take after ours.
    pub linger: Option<Duration>,
    /// What happens to what is sent.
    pub line_ends: LineEnds,
    /// How long to wait after each line that is sent.
    pub delay: Option<Duration>,
    /// How long nothing may come or go.
    pub idle: Option<Duration>,
    /// How long the peer may take to end once it was asked to stop; none to stop at once.
    pub grace: Option<Duration>,
    /// When to give up.
    pub deadline: Deadline,
}

/// How lines end on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnds {
    /// As the source has them.
    #[default]
    AsTheyAre,
    /// With CR LF, whichever of LF and CR LF the source has.
    CrLf,
}
