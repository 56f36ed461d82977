//! What can be wrong with a script, before anything is played: always where, what, and what would
//! be right.

use std::io;
use std::path::PathBuf;

use crate::reason;

/// A script that cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A line is not a step.
    #[error("{name}:{line}:{}: {}", wrong.column, wrong.what)]
    Line {
        /// The script's name.
        name: String,
        /// The line, from 1 on.
        line: usize,
        /// What is wrong there.
        wrong: Wrong,
    },
    /// A file cannot be read: the script itself, or one that it sends.
    #[error("{}cannot read {}: {}", prefix(place.as_deref()), path.display(), reason::of(source))]
    File {
        /// `name:line:column` of the step that sends it.
        place: Option<String>,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// What is wrong with one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} (character {column}); give {allowed}")]
pub struct Wrong {
    /// Where, in characters from 1 on.
    pub column: usize,
    /// What.
    pub what: String,
    /// What would be right there.
    pub allowed: String,
}

impl Wrong {
    pub(super) fn new(column: usize, what: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { column, what: what.into(), allowed: allowed.into() }
    }
}

fn prefix(place: Option<&str>) -> String {
    place.map_or_else(String::new, |place| format!("{place}: "))
}
