//! A step of a script, and how long a script may be.

use crate::script::action::Action;

/// The longest script, in bytes: far beyond what anyone writes, and small to hold in memory.
/// Payload belongs into files.
pub const MAX_SCRIPT_BYTES: usize = 1024 * 1024;

/// The most lines of a script; a loop unrolled by a program still fits.
pub const MAX_SCRIPT_LINES: usize = 10_000;

/// One step, and how to name it to a user.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands: `smtp.txt:3`, or the flag that gave it.
    pub place: String,
    /// How it was written, without its duration.
    pub text: String,
    /// What to do.
    pub action: Action,
}
