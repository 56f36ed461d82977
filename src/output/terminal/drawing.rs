//! The screen as the editor of a line sees it: when it may draw, and what.

use std::mem;
use std::sync::MutexGuard;
use std::thread;

use crate::output::terminal::screen::{CHANGED, EditStage, Screen, lock_screen, to_terminal};

/// The screen in the hands of the editor, until this is dropped.
#[derive(Debug)]
pub(in crate::output) struct DrawingTurn(());

/// Returns whether lines are being edited.
pub(in crate::output) fn is_edited() -> bool {
    matches!(lock_screen().stage, EditStage::Editing | EditStage::Ending)
}

/// Takes note of the line as the editor is about to draw it, because of a key; `pos`: where the
/// cursor stands, in bytes.
pub(in crate::output) fn edited(line: &str, pos: usize) {
    let mut screen = lock_screen();
    if screen.stage == EditStage::Over {
        stop(screen);
    }
    line.clone_into(&mut screen.line.0);
    screen.line.1 = pos;
    screen.by_key = true;
}

/// Returns the line as it was last drawn: what is before the cursor, and what is behind.
pub(in crate::output) fn typed() -> (String, String) {
    let screen = lock_screen();
    let (line, pos) = &screen.line;
    let (before, behind) = line.split_at_checked(*pos).unwrap_or((line, ""));
    (before.to_owned(), behind.to_owned())
}

/// Returns what has to stand above the line that the editor draws now, from the beginning of an
/// empty row.
pub(in crate::output) fn draw() -> String {
    let mut screen = lock_screen();
    let by_nudge = !mem::take(&mut screen.by_key);
    if screen.stage == EditStage::Ending && by_nudge {
        screen.stage = EditStage::Over;
        CHANGED.notify_all();
    }
    if screen.stage == EditStage::Over {
        stop(screen);
    }
    if screen.stage == EditStage::Starting {
        screen.stage = EditStage::Editing;
    }
    if by_nudge {
        screen.nudged = false;
    }
    screen.taken = screen.come;
    let above = screen.above();
    CHANGED.notify_all();
    above
}

/// Stops the editor: the terminal is no longer its own.
fn stop(screen: MutexGuard<'_, Screen>) -> ! {
    drop(screen);
    loop {
        thread::park();
    }
}

impl DrawingTurn {
    /// Gives the screen to the editor; none once the conversation is over.
    pub(in crate::output) fn begin() -> Option<Self> {
        let mut screen = lock_screen();
        if !screen.conversation {
            return None;
        }
        if screen.begun {
            // The editor begins its line by clearing it.
            to_terminal("\n").ok();
        }
        (screen.stage, screen.begun, screen.nudged) = (EditStage::Starting, false, false);
        Some(Self(()))
    }
}

impl Drop for DrawingTurn {
    fn drop(&mut self) {
        let mut screen = lock_screen();
        if screen.stage == EditStage::Over {
            return;
        }
        // The editor leaves an empty line.
        screen.stage = EditStage::Free;
        screen.leave();
        let waiting = mem::take(&mut screen.waiting);
        waiting.into_iter().try_for_each(|piece| screen.write(piece)).ok();
        screen.taken = screen.come;
        CHANGED.notify_all();
    }
}
