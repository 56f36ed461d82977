//! The script language of `connect` and `listen`: steps that send data, wait for data or change the
//! connection.
//!
//! A script is UTF-8 text with one step on each line; blank lines and comments, from `#` to the end
//! of the line, are ignored. `docs/script.md` is the user documentation.
//!
//! | step | effect |
//! | --- | --- |
//! | `expect /REGEX/ [DURATION]` | waits for a match; `i`, `s`, `m`, `x` may follow the slash |
//! | `expect "TEXT" [DURATION]` | waits for exactly these bytes |
//! | `expect-hex 16 03 [DURATION]` | waits for bytes in hexadecimal |
//! | `expect-end [DURATION]` | waits for the peer to close its side |
//! | `send "TEXT"` | sends the text |
//! | `send-hex 16 03` | sends bytes in hexadecimal |
//! | `send-file PATH` | sends a file; PATH is relative to the script's folder |
//! | `sleep DURATION` | waits, and keeps received data for the next expectation |
//! | `close-write` | shuts down the write side; the peer can still send |
//! | `reset` | resets the connection; must be the last step |
//! | `starttls` | switches the connection to TLS |
//!
//! A match consumes the received data up to its end. The next expectation starts there, and there
//! `^` matches. TEXT uses the escapes of [`crate::text`].
//!
//! [`Script::parse`] turns text into steps; [`play()`] executes them on a [`ScriptConnection`].
//! This module knows no command, command-line option or socket, and prints nothing.

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

/// The steps to execute on a connection, in order; at least one.
#[derive(Clone, Debug)]
pub struct Script {
    steps: Vec<Step>,
}

impl Script {
    /// Reads a script from a file, and opens the files that it sends.
    ///
    /// # Errors
    /// A file cannot be read, or a line is not a valid step.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::File { place: None, path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        // One byte more than the limit, so that the parser detects a script that is too long.
        file.take(MAX_SCRIPT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&bytes, &path.display().to_string(), folder)
    }

    /// Parses a script; `name` is its name in errors, and paths in it are relative to `folder`.
    ///
    /// # Errors
    /// A line is not a valid step, or a file to send cannot be opened.
    pub fn parse(script: &[u8], name: &str, folder: &Path) -> Result<Self, Error> {
        parse::script(script, name, folder).map(|steps| Self { steps })
    }

    /// Returns the script with these steps, or `None` if there are none.
    pub fn of(steps: Vec<Step>) -> Option<Self> {
        (!steps.is_empty()).then_some(Self { steps })
    }

    /// Returns whether a step switches the connection to TLS.
    pub fn starts_tls(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::StartTls))
    }

    /// Returns the steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}
