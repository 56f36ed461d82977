//! Validates the order of steps: for example, no step can send after `close-write`.

use crate::script::action::Action;
use crate::script::error::Wrong;

/// The line numbers of the earlier steps that restrict the later ones.
#[derive(Debug, Default)]
pub(super) struct Order {
    close_write: Option<usize>,
    reset: Option<usize>,
    starttls: Option<usize>,
}

impl Order {
    /// Accepts the next step, which is at `line` and `column`.
    ///
    /// # Errors
    /// An earlier step does not allow this one.
    pub(super) fn accept(
        &mut self,
        action: &Action,
        line: usize,
        column: usize,
    ) -> Result<(), Wrong> {
        let rejected = |after: &str, line: usize, allowed: &str| {
            let what = format!("not allowed after {after} on line {line}");
            Err(Wrong::new(column, what, allowed))
        };
        if let Some(reset) = self.reset {
            return rejected("reset", reset, "reset as the last step");
        }
        let needs_write_side = matches!(
            action,
            Action::Send(_) | Action::SendFile(_) | Action::CloseWrite | Action::StartTls
        );
        if let (true, Some(close_write)) = (needs_write_side, self.close_write) {
            let allowed = "expect, expect-hex, expect-end, sleep or reset";
            return rejected("close-write", close_write, allowed);
        }
        match action {
            Action::CloseWrite => self.close_write = Some(line),
            Action::Reset => self.reset = Some(line),
            Action::StartTls => {
                if let Some(starttls) = self.starttls.replace(line) {
                    return rejected("starttls", starttls, "starttls only once");
                }
            }
            _ => {}
        }
        Ok(())
    }
}
