//! Processes that hold sockets.

use std::fmt;

use crate::text;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name, at most 15 bytes long.
    pub name: String,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A process chooses its own name.
        write!(f, "{} (process {})", text::escape(self.name.as_bytes()), self.pid)
    }
}
