//! A step of a script, and the limits on a script's size.

use crate::script::action::Action;

/// The longest script, in bytes: far more than a user writes by hand, and little memory. Larger
/// data belongs in a file for `send-file`.
pub const MAX_SCRIPT_BYTES: usize = 1024 * 1024;

/// The most lines of a script: enough for a generated script.
pub const MAX_SCRIPT_LINES: usize = 10_000;

/// One step, with its place and text for messages.
#[derive(Clone, Debug)]
pub struct Step {
    /// `FILE:LINE`, such as `smtp.txt:3`, or the command-line option: `--send` or `--expect`.
    pub place: String,
    /// The step as written, without its duration.
    pub text: String,
    /// What the step does.
    pub action: Action,
}
