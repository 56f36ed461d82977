//! How a played script can end before its last step, in words.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::reason;
use crate::script::Step;
use crate::script::excerpt::Excerpt;
use crate::script::unmatched::MAX_UNMATCHED;

/// Why a script did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ScriptEnd<E> {
    /// An expectation was not met.
    #[error(transparent)]
    Unmet(Unmet),
    /// The deadline for everything passed.
    #[error("timed out in {step}")]
    TimedOut {
        /// The step it happened in.
        step: StepLabel,
        /// What had come and was not expected.
        got: Excerpt,
    },
    /// The peer took nothing, or did not do its part of TLS, for too long.
    #[error("{step} made no progress for {waited:?}")]
    Stalled {
        /// The step it happened in.
        step: StepLabel,
        /// How long that was waited for.
        waited: Duration,
    },
    /// Receiving failed, where nothing was expected or in another way than by a reset.
    #[error("receiving failed: {}", reason::of(.0))]
    Receive(io::Error),
    /// Sending failed, or ending our side.
    #[error("{step} failed: {}", reason::of(source))]
    Send {
        /// The step that failed.
        step: StepLabel,
        /// Why.
        source: io::Error,
    },
    /// A file that is sent could not be read.
    #[error("{step}: cannot read {}: {}", path.display(), reason::of(source))]
    File {
        /// The step that sends it.
        step: StepLabel,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What came could not be given on.
    #[error("cannot write what came: {}", reason::of(.0))]
    Output(io::Error),
    /// TLS could not be started.
    #[error("{step} failed")]
    StartTls {
        /// The step that failed.
        step: StepLabel,
        /// Why, as the line says it.
        error: E,
    },
}

/// How a step is named to a user: as it was written, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepLabel {
    /// How it was written.
    pub text: String,
    /// Where it stands.
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
    /// Why it was given up.
    pub why: UnmetReason,
    /// What came instead.
    pub got: Excerpt,
}

/// Why an expectation was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmetReason {
    /// It was waited for so long.
    Timeout(Duration),
    /// The peer ended its side.
    PeerEnded,
    /// The peer reset the connection.
    Reset,
    /// More came than an expectation looks through.
    TooMuch,
    /// TLS is to start, and plain text is left that no expectation has used up. Somebody on the
    /// way may have put it there (RFC 3207 section 4.2: nothing said before counts afterwards).
    PlainText,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StepLabel { text, place } = &self.step;
        match self.why {
            UnmetReason::Timeout(wait) => write!(f, "{text} was not met within {wait:?}"),
            UnmetReason::PeerEnded => write!(f, "{text} was not met before the peer's end"),
            UnmetReason::Reset => write!(f, "{text} was not met before the peer's reset"),
            UnmetReason::TooMuch => {
                write!(f, "{text} was not met in {} MiB", MAX_UNMATCHED / (1024 * 1024))
            }
            UnmetReason::PlainText => write!(f, "{text} cannot begin: more plain text has come"),
        }?;
        write!(f, " ({place})")
    }
}

impl std::error::Error for Unmet {}

impl Unmet {
    /// Returns what a user may try.
    pub fn hint(&self) -> Option<&'static str> {
        match self.why {
            UnmetReason::Timeout(_) => Some("a longer wait: a duration behind the expectation"),
            UnmetReason::TooMuch => {
                Some("expect something in between, which uses up what came so far")
            }
            UnmetReason::PlainText => {
                Some(r"an expectation of the whole line before starttls: /^220 .*\r\n/")
            }
            UnmetReason::PeerEnded | UnmetReason::Reset => None,
        }
    }
}
