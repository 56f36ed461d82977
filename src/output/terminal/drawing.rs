//! The line editor's side of the shared screen: when the editor may draw, and what it draws.

use std::mem;
use std::sync::MutexGuard;
use std::thread;

use crate::output::terminal::screen::{CHANGED, EditStage, Screen, lock_screen, write_terminal};

/// While this exists, only the editor draws on the terminal.
#[derive(Debug)]
pub(in crate::output) struct DrawingTurn(());

/// Returns whether a line is being edited.
pub(in crate::output) fn is_editing() -> bool {
    matches!(lock_screen().stage, EditStage::Editing | EditStage::Stopping)
}

/// Records the line that the editor is about to draw because of a key, and the cursor's position
/// `pos` in it, in bytes.
pub(in crate::output) fn record_edit(line: &str, pos: usize) {
    let mut screen = lock_screen();
    if screen.stage == EditStage::Stopped {
        park_editor(screen);
    }
    line.clone_into(&mut screen.line.0);
    screen.line.1 = pos;
    screen.drawing_for_key = true;
}

/// Returns the line as it was last drawn: the text before the cursor and the text after it.
pub(in crate::output) fn line_around_cursor() -> (String, String) {
    let screen = lock_screen();
    let (line, pos) = &screen.line;
    let (before, after) = line.split_at_checked(*pos).unwrap_or((line, ""));
    (before.to_owned(), after.to_owned())
}

/// Takes the pending output, which the editor now draws above its line. The text starts at the
/// beginning of an empty row.
pub(in crate::output) fn take_pending() -> String {
    let mut screen = lock_screen();
    let is_requested = !mem::take(&mut screen.drawing_for_key);
    if screen.stage == EditStage::Stopping && is_requested {
        screen.stage = EditStage::Stopped;
        CHANGED.notify_all();
    }
    if screen.stage == EditStage::Stopped {
        park_editor(screen);
    }
    if screen.stage == EditStage::Starting {
        screen.stage = EditStage::Editing;
    }
    if is_requested {
        screen.redraw_requested = false;
    }
    screen.taken = screen.queued;
    let pending = screen.render_pending();
    CHANGED.notify_all();
    pending
}

/// Blocks the editor's thread for good, after the terminal was taken from the editor.
fn park_editor(screen: MutexGuard<'_, Screen>) -> ! {
    drop(screen);
    loop {
        thread::park();
    }
}

impl DrawingTurn {
    /// Lets only the editor draw; returns `None` if the session is over.
    pub(in crate::output) fn begin() -> Option<Self> {
        let mut screen = lock_screen();
        if !screen.interactive {
            return None;
        }
        if screen.is_mid_line {
            // The editor clears the cursor's row before it draws.
            write_terminal("\n").ok();
        }
        screen.stage = EditStage::Starting;
        (screen.is_mid_line, screen.redraw_requested) = (false, false);
        Some(Self(()))
    }
}

impl Drop for DrawingTurn {
    fn drop(&mut self) {
        let mut screen = lock_screen();
        if screen.stage == EditStage::Stopped {
            return;
        }
        // The editor has left the cursor on an empty row.
        screen.stage = EditStage::Inactive;
        screen.start_new_line();
        let pending = mem::take(&mut screen.pending);
        pending.into_iter().try_for_each(|piece| screen.write(piece)).ok();
        screen.taken = screen.queued;
        CHANGED.notify_all();
    }
}
