//! How a played script can end before its last step, in words.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::Step;
use super::unmatched::MAX_UNMATCHED;
use crate::{reason, text};

/// The most bytes shown of what came instead: a few lines.
pub(super) const MAX_SHOWN: usize = 400;

/// Why a script did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Stop<E> {
    /// An expectation was not met.
    #[error(transparent)]
    Unmet(Unmet),
    /// The deadline for everything passed.
    #[error("timed out in {step}")]
    TimedOut {
        /// The step it happened in.
        step: Label,
        /// What had come and was not expected.
        got: Got,
    },
    /// The peer took nothing, or did not do its part of TLS, for too long.
    #[error("{step} made no progress for {waited:?}")]
    Stalled {
        /// The step it happened in.
        step: Label,
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
        step: Label,
        /// Why.
        source: io::Error,
    },
    /// A file that is sent could not be read.
    #[error("{step}: cannot read {}: {}", path.display(), reason::of(source))]
    File {
        /// The step that sends it.
        step: Label,
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
        step: Label,
        /// Why, as the line says it.
        error: E,
    },
}

/// How a step is named to a user: as it was written, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// How it was written.
    pub text: String,
    /// Where it stands.
    pub place: String,
}

impl From<&Step> for Label {
    fn from(step: &Step) -> Self {
        Self { text: step.text.clone(), place: step.place.clone() }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.place)
    }
}

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The step.
    pub step: Label,
    /// Why it was given up.
    pub why: Why,
    /// What came instead.
    pub got: Got,
}

/// Why an expectation was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
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
        let Label { text, place } = &self.step;
        match self.why {
            Why::Timeout(wait) => write!(f, "{text} was not met within {wait:?}"),
            Why::PeerEnded => write!(f, "{text} was not met before the peer's end"),
            Why::Reset => write!(f, "{text} was not met before the peer's reset"),
            Why::TooMuch => {
                write!(f, "{text} was not met in {} MiB", MAX_UNMATCHED / (1024 * 1024))
            }
            Why::PlainText => write!(f, "{text} cannot begin: more plain text has come"),
        }?;
        write!(f, " ({place})")
    }
}

impl std::error::Error for Unmet {}

impl Unmet {
    /// Returns what a user may try.
    pub fn hint(&self) -> Option<&'static str> {
        match self.why {
            Why::Timeout(_) => Some("a longer wait: a duration behind the expectation"),
            Why::TooMuch => Some("expect something in between, which uses up what came so far"),
            Why::PlainText => {
                Some(r"an expectation of the whole line before starttls: /^220 .*\r\n/")
            }
            Why::PeerEnded | Why::Reset => None,
        }
    }
}

/// What came instead of what was expected, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// The first bytes of it; at most 400.
    pub bytes: Vec<u8>,
    /// How many more there were.
    pub omitted: usize,
    /// Whether anything came that was expected, before.
    pub was_heard: bool,
}

impl Got {
    /// Returns the first of `bytes`. What is in UTF-8 is not cut within a character.
    pub(super) fn of(bytes: &[u8], was_heard: bool) -> Self {
        let mut end = bytes.len().min(MAX_SHOWN);
        let is_within = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
        for _ in 0..3 {
            end -= usize::from(end > 0 && is_within(end));
        }
        Self { bytes: bytes[..end].to_owned(), omitted: bytes.len() - end, was_heard }
    }
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, omitted, was_heard } = self;
        match (bytes.is_empty(), was_heard) {
            (true, false) => return f.write_str("nothing came"),
            (true, true) => return f.write_str("nothing more came"),
            (false, _) => write!(f, "what came instead: {}", text::quote(bytes))?,
        }
        if *omitted > 0 {
            write!(f, " and {omitted} bytes more")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_shown_escaped_bounded_and_in_whole_characters() {
        assert_eq!(
            Got::of(b"421 busy\r\n", true).to_string(),
            r#"what came instead: "421 busy\r\n""#
        );
        assert_eq!(Got::of(b"", false).to_string(), "nothing came");
        assert_eq!(Got::of(b"", true).to_string(), "nothing more came");
        let long = format!("{}é and more", "x".repeat(MAX_SHOWN - 1));
        let shown = Got::of(long.as_bytes(), true);
        assert_eq!(shown.bytes, "x".repeat(MAX_SHOWN - 1).as_bytes());
        assert!(shown.to_string().ends_with(r#"x" and 11 bytes more"#), "{shown}");
        assert_eq!(Got::of(&[0x80; 2 * MAX_SHOWN], true).bytes.len(), MAX_SHOWN - 3);
    }
}
