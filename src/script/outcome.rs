//! Why a script stopped before its last step, and the messages for it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::reason;
use crate::script::Step;
use crate::script::excerpt::Excerpt;
use crate::script::unmatched::MAX_UNMATCHED;

/// Why a script stopped before its last step.
#[derive(Debug, thiserror::Error)]
pub enum ScriptEnd<E> {
    /// An expectation was not met.
    #[error(transparent)]
    Unmet(Unmet),
    /// The deadline for the whole run passed.
    #[error("timed out in {step}")]
    TimedOut {
        /// The step that was running.
        step: StepLabel,
        /// The received data that no expectation has matched.
        got: Excerpt,
    },
    /// The peer accepted no data for too long.
    #[error("{step} made no progress for {waited:?}")]
    Stalled {
        /// The step that was running.
        step: StepLabel,
        /// The limit that passed.
        waited: Duration,
    },
    /// Receiving failed outside an expectation, or in an expectation other than by a reset.
    #[error("cannot receive: {}", reason::of(.0))]
    Receive(io::Error),
    /// Sending, shutting down the write side or preparing the reset failed.
    #[error("{step} failed: {}", reason::of(source))]
    Send {
        /// The step that failed.
        step: StepLabel,
        /// The reason.
        source: io::Error,
    },
    /// A file to send could not be read.
    #[error("{step}: cannot read {}: {}", path.display(), reason::of(source))]
    File {
        /// The step that sends the file.
        step: StepLabel,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Received data could not be delivered to the output.
    #[error("cannot write received data: {}", reason::of(.0))]
    Output(io::Error),
    /// The switch to TLS failed.
    #[error("{step} failed")]
    StartTls {
        /// The step that failed.
        step: StepLabel,
        /// The reason, from [`ScriptConnection::start_tls`](crate::script::ScriptConnection).
        error: E,
    },
}

/// A step as messages show it: its text and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepLabel {
    /// The step as written, without its duration.
    pub text: String,
    /// `FILE:LINE`, or the command-line option.
    pub place: String,
}

impl From<&Step> for StepLabel {
    fn from(step: &Step) -> Self {
        Self { text: step.text.clone(), place: step.place.clone() }
    }
}

impl fmt::Display for StepLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.place)
    }
}

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The step.
    pub step: StepLabel,
    /// Why the step failed.
    pub why: UnmetReason,
    /// The received data that no expectation has matched.
    pub got: Excerpt,
}

/// Why an expectation was not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmetReason {
    /// No match arrived within this time.
    Timeout(Duration),
    /// The peer closed its side first.
    PeerClosed,
    /// The peer reset the connection first.
    Reset,
    /// More data arrived than an expectation searches.
    TooMuchData,
    /// TLS cannot start, because plain text has arrived that no expectation has matched. An
    /// attacker on the network may have inserted it (RFC 3207 section 4.2: a client must discard
    /// what it learned before the handshake).
    UnmatchedPlainText,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StepLabel { text, place } = &self.step;
        match self.why {
            UnmetReason::Timeout(wait) => write!(f, "{text} was not met within {wait:?}"),
            UnmetReason::PeerClosed => write!(f, "{text} was not met before the peer closed"),
            UnmetReason::Reset => {
                write!(f, "{text} was not met before the peer reset the connection")
            }
            UnmetReason::TooMuchData => {
                write!(f, "{text} was not met in {} MiB of data", MAX_UNMATCHED / (1024 * 1024))
            }
            UnmetReason::UnmatchedPlainText => {
                write!(f, "{text} cannot begin: unmatched plain text has arrived")
            }
        }?;
        write!(f, " ({place})")
    }
}

impl std::error::Error for Unmet {}

impl Unmet {
    /// Returns what the user can try, if anything.
    pub fn hint(&self) -> Option<&'static str> {
        match self.why {
            UnmetReason::Timeout(_) => Some("a longer duration after the expectation"),
            UnmetReason::TooMuchData => {
                Some("an earlier expectation that matches, and so consumes, part of the data")
            }
            UnmetReason::UnmatchedPlainText => {
                Some(r"an expectation that matches the whole line before starttls: /^220 .*\r\n/")
            }
            UnmetReason::PeerClosed | UnmetReason::Reset => None,
        }
    }
}
