//! Which steps cannot follow which: nothing is sent behind our own end.

use crate::script::action::Action;
use crate::script::error::Wrong;

/// The lines of the steps after which something is impossible.
#[derive(Debug, Default)]
pub(super) struct Order {
    ended: Option<usize>,
    reset: Option<usize>,
    secured: Option<usize>,
}

impl Order {
    /// Takes the next step, which stands at `line` and `column`.
    ///
    /// # Errors
    /// It is impossible after what came before.
    pub(super) fn accept(
        &mut self,
        action: &Action,
        line: usize,
        column: usize,
    ) -> Result<(), Wrong> {
        let impossible = |after: &str, line: usize, allowed: &str| {
            let what = format!("impossible after {after} on line {line}");
            Err(Wrong::new(column, what, allowed))
        };
        if let Some(reset) = self.reset {
            return impossible("reset", reset, "reset as the last step");
        }
        let speaks = matches!(
            action,
            Action::Send(_) | Action::SendFile(_) | Action::CloseWrite | Action::StartTls
        );
        if let (true, Some(ended)) = (speaks, self.ended) {
            let allowed = "expect, expect-hex, expect-end, sleep or reset";
            return impossible("close-write", ended, allowed);
        }
        match action {
            Action::CloseWrite => self.ended = Some(line),
            Action::Reset => self.reset = Some(line),
            Action::StartTls => {
                if let Some(secured) = self.secured.replace(line) {
                    return impossible("starttls", secured, "starttls once");
                }
            }
            _ => {}
        }
        Ok(())
    }
}
