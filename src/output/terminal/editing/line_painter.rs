//! Draws the line being typed as the terminal permits.

use crate::output::color::Paint;
use crate::output::terminal::editing::painter::{Painter, Size, View};
use crate::output::terminal::editing::rewrap::Places;
use crate::output::terminal::editing::typewriter::Typewriter;
use crate::output::terminal::sequences::CLEAR_ROWS;

/// Switches bracketed paste on and off: the terminal then marks pasted text.
const PASTE_ON: &str = "\x1b[?2004h";
const PASTE_OFF: &str = "\x1b[?2004l";

/// Clears the screen and moves the cursor to its first row.
const CLEAR_SCREEN: &str = "\x1b[H\x1b[2J";

/// The values of `TERM` for terminals that cannot move the cursor.
const DUMB_TERMINALS: [&str; 3] = ["dumb", "cons25", "emacs"];

/// Returns whether the terminal can move its cursor to any position.
pub(crate) fn moves_cursor() -> bool {
    let term = std::env::var_os("TERM");
    !term.is_some_and(|term| DUMB_TERMINALS.iter().any(|dumb| term == *dumb))
}

/// Draws the line being typed.
#[derive(Debug)]
pub(crate) enum LinePainter {
    /// On a terminal that can move its cursor.
    Screen(Box<Painter>),
    /// On any other terminal.
    Typewriter(Typewriter),
}

impl LinePainter {
    /// Returns a painter for this terminal that has drawn nothing. A terminal that cannot move its
    /// cursor shows the line only if it `echoes`.
    pub(crate) fn of_terminal(paint: Paint, echoes: bool) -> Self {
        if moves_cursor() {
            Self::Screen(Box::new(Painter::new(paint)))
        } else {
            Self::Typewriter(Typewriter::new(paint, echoes))
        }
    }

    /// Appends to `out` what makes the terminal show `view`.
    pub(crate) fn draw(&mut self, out: &mut String, view: View<'_>, size: Size) {
        match self {
            Self::Screen(painter) => painter.draw(out, view, size),
            Self::Typewriter(typewriter) => typewriter.draw(out, view),
        }
    }

    /// Removes the line from the terminal, if that is possible, and leaves the cursor at the
    /// beginning of an empty row.
    pub(crate) fn erase(&mut self, out: &mut String) {
        match self {
            Self::Screen(painter) => painter.erase(out),
            Self::Typewriter(typewriter) => typewriter.erase(out),
        }
    }

    /// Returns where the cursor can be if the terminal now has this many `columns`; `None` if that
    /// does not matter.
    pub(crate) fn places(&self, columns: usize) -> Option<Places> {
        match self {
            Self::Screen(painter) => painter.places(columns),
            Self::Typewriter(_) => None,
        }
    }

    /// Removes the line after the number of columns has changed. The cursor is this many `rows`
    /// below its first row.
    pub(crate) fn remove(&mut self, out: &mut String, rows: usize) {
        if let Self::Screen(painter) = self {
            painter.remove(out, rows);
        }
    }

    /// Leaves the line, which was drawn with the cursor at its end, on the terminal, and moves the
    /// cursor to the row below.
    pub(crate) fn leave(&mut self, out: &mut String) {
        match self {
            Self::Screen(painter) => painter.leave(out),
            Self::Typewriter(typewriter) => typewriter.leave(out),
        }
    }

    /// Forgets what was drawn: the cursor is at the beginning of an empty row.
    pub(crate) fn forget(&mut self) {
        match self {
            Self::Screen(painter) => painter.forget(),
            Self::Typewriter(typewriter) => typewriter.forget(),
        }
    }

    /// Returns what prepares the terminal for input.
    pub(crate) fn begin_input(&self) -> &'static str {
        self.if_screen(PASTE_ON, "")
    }

    /// Returns what undoes [`Self::begin_input`].
    pub(crate) fn end_input(&self) -> &'static str {
        self.if_screen(PASTE_OFF, "")
    }

    /// Returns what clears the screen.
    pub(crate) fn clear_screen(&self) -> &'static str {
        self.if_screen(CLEAR_SCREEN, "\r\n")
    }

    /// Returns what clears the cursor's row and all rows below it.
    pub(crate) fn clear_from_row(&self) -> &'static str {
        self.if_screen(CLEAR_ROWS, "")
    }

    fn if_screen(&self, screen: &'static str, typewriter: &'static str) -> &'static str {
        match self {
            Self::Screen(_) => screen,
            Self::Typewriter(_) => typewriter,
        }
    }
}
