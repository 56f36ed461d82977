//! Errors in a script, found before it runs: each has a place, a reason and what is allowed there.

use std::io;
use std::path::PathBuf;

use crate::reason;

/// Why a script cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A line is not a valid step.
    #[error("{name}:{line}:{}: {}", wrong.column, wrong.what)]
    Line {
        /// The script's name.
        name: String,
        /// The line number, counted from 1.
        line: usize,
        /// The error in the line.
        wrong: Wrong,
    },
    /// The script, or a file that it sends, cannot be read.
    #[error("{}cannot read {}: {}", prefix(place.as_deref()), path.display(), reason::of(source))]
    File {
        /// `NAME:LINE:COLUMN` of the step that sends the file; `None` for the script itself.
        place: Option<String>,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// An error in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} (character {column}); expected {allowed}")]
pub struct Wrong {
    /// The column, in characters counted from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What is allowed at this place: a noun phrase, also used as the hint.
    pub allowed: String,
}

impl Wrong {
    pub(super) fn new(column: usize, what: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { column, what: what.into(), allowed: allowed.into() }
    }
}

/// Returns the place as the beginning of a message.
fn prefix(place: Option<&str>) -> String {
    place.map_or_else(String::new, |place| format!("{place}: "))
}
