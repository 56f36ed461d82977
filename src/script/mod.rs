//! The one small language of a scripted conversation: wait for this, send that.
//!
//! A script is UTF-8 text, one step a line; blank lines and what stands behind a `#` do not count.
//!
//! | step | what it does |
//! | --- | --- |
//! | `expect /REGEX/ [DURATION]` | waits until what came matches; flags `i`, `s`, `m`, `x` may
//! follow the slash | | `expect "TEXT" [DURATION]` | waits until these bytes have come | |
//! `expect-hex 16 03 [DURATION]` | the same, in hexadecimal | | `expect-end [DURATION]` | waits for
//! the peer's end | | `send "TEXT"` | sends these bytes | | `send-hex 16 03` | the same, in
//! hexadecimal | | `send-file PATH` | sends what the file holds; the path is relative to the
//! script's directory | | `sleep DURATION` | waits, and listens meanwhile | | `close-write` | ends
//! our side; the peer's stays open | | `reset` | ends the connection with a reset: the last step |
//! | `starttls` | goes on in TLS |
//!
//! A match uses up everything to its end: the next expectation begins behind it, and there `^`
//! stands. TEXT knows the escapes of [`crate::text`]. `docs/script.md` is the user's description.
//!
//! [`Script::parse`] makes steps of text; [`play()`] carries them out on a [`ScriptConnection`].
//! The layer knows no command, no flag and no kind of socket, and prints nothing.

mod action;
mod cursor;
mod error;
mod excerpt;
mod outcome;
mod parse;
mod play;
mod sequence;
mod step;
mod unmatched;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

pub use self::action::{Action, Attachment, Pattern};
pub use self::error::{Error, Wrong};
pub use self::excerpt::Excerpt;
pub use self::outcome::{ScriptEnd, StepLabel, Unmet, UnmetReason};
pub use self::parse::{DEFAULT_WAIT, STEPS};
pub use self::play::{Played, ScriptConnection, play};
pub use self::step::{MAX_SCRIPT_BYTES, MAX_SCRIPT_LINES, Step};

/// What is to be done on a connection, in order; at least one step.
#[derive(Clone, Debug)]
pub struct Script {
    steps: Vec<Step>,
}

impl Script {
    /// Reads a script from a file, and opens the files it sends.
    ///
    /// # Errors
    /// A file cannot be read, or a line is not a step.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::File { place: None, path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        // One more than allowed, to see that it is too long.
        file.take(MAX_SCRIPT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&bytes, &path.display().to_string(), folder)
    }

    /// Parses a script called `name`, whose files are found from `folder`.
    ///
    /// # Errors
    /// A line is not a step, or a file to send cannot be opened.
    pub fn parse(script: &[u8], name: &str, folder: &Path) -> Result<Self, Error> {
        parse::script(script, name, folder).map(|steps| Self { steps })
    }

    /// Returns the script of steps given one by one, or `None` if there are none.
    pub fn of(steps: Vec<Step>) -> Option<Self> {
        (!steps.is_empty()).then_some(Self { steps })
    }

    /// Returns whether it changes over to TLS.
    pub fn starts_tls(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::StartTls))
    }

    /// Returns the steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}
