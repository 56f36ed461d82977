//! Draws the line being typed with few bytes: only what differs from what the terminal shows.
//!
//! All movements are relative to the row of the cursor, because the terminal scrolls. A line with
//! more rows than the terminal is drawn through a window that contains the cursor.

use std::fmt::Write as _;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::output::color::Paint;
use crate::output::terminal::editing::layout::{Layout, Row, has_uncertain_width};
use crate::output::terminal::editing::rewrap::{Place, Places};
use crate::output::terminal::sequences::CLEAR_ROWS;

/// Clears from the cursor to the end of the row, and to the end of the screen.
const CLEAR_ROW: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// The bytes of a sequence that inserts or removes characters in a row: text that is no longer is
/// written again.
const SHIFT_BYTES: usize = "\x1b[99@".len();

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// What to draw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) prompt: &'a str,
    pub(crate) line: &'a str,
    /// The position of the cursor in the line, in bytes.
    pub(crate) pos: usize,
}

/// The rows of the line that the terminal shows, and the cursor.
#[derive(Debug)]
pub(crate) struct Painter {
    layout: Layout,
    paint: Paint,
    columns: usize,
    /// The number of the first row that is shown, and the rows from it on.
    top: usize,
    shown: Vec<ShownRow>,
    /// The row, counted like `top`, and the column. After the last column of a row was written, the
    /// terminal moves the cursor only before the next character.
    cursor: (usize, usize),
}

/// A row on the terminal.
#[derive(Debug)]
struct ShownRow {
    row: Row,
    /// Whether the terminal itself has wrapped the line at the end of the row.
    is_wrapped: bool,
}

impl Painter {
    /// Returns a painter that has drawn nothing. `paint` colours the prompt.
    pub(crate) fn new(paint: Paint) -> Self {
        let layout = Layout::new();
        Self { layout, paint, columns: 0, top: 0, shown: Vec::new(), cursor: (0, 0) }
    }

    /// Appends to `out` what makes the terminal show `view`. Without a line on the terminal, the
    /// cursor must be at the beginning of an empty row. If the number of columns has changed, the
    /// line must have been removed.
    pub(crate) fn draw(&mut self, out: &mut String, view: View<'_>, size: Size) {
        self.columns = size.columns;
        self.layout.update(view.prompt, view.line, view.pos, size.columns);
        let (len, cursor) = (self.layout.rows.len(), self.layout.cursor);
        let height = size.rows.max(1);
        let lowest = cursor.0.saturating_sub(height - 1);
        let top = self.top.clamp(lowest, cursor.0).min(len.saturating_sub(height));
        if top < self.top || self.shown.is_empty() || self.ends_elsewhere() {
            self.erase(out);
            (self.top, self.cursor) = (top, (top, 0));
        }
        let end = len.min(top + height);
        for index in self.top..end {
            self.draw_row(out, index);
        }
        let shown = end - self.top;
        if self.shown.len() > shown {
            self.move_to(out, (end, 0));
            out.push_str(CLEAR_BELOW);
            self.shown.truncate(shown);
        }
        // The rows above the window have scrolled out of it.
        self.shown.drain(..top - self.top);
        self.top = top;
        self.move_to(out, cursor);
    }

    /// Returns whether the line has got or lost a newline between two rows that are shown. The
    /// terminal still takes them as wrapped, or as not wrapped.
    fn ends_elsewhere(&self) -> bool {
        let rows = self.layout.rows.iter().skip(self.top);
        let mut pairs = self.shown.iter().zip(rows).take(self.shown.len().saturating_sub(1));
        pairs.any(|(shown, row)| shown.row.ends_line != row.ends_line)
    }

    /// Draws row `index` of the layout, if it is not shown.
    fn draw_row(&mut self, out: &mut String, index: usize) {
        let row = self.layout.rows[index].clone();
        let at = index - self.top;
        let Some(ShownRow { row: old, .. }) = self.shown.get(at) else {
            if at > 0 {
                self.begin_row(out, index, row.text.is_empty());
            }
            self.write(out, &row, 0);
            self.cursor = (index, row.width);
            self.shown.push(ShownRow { row, is_wrapped: false });
            return;
        };
        let is_uncertain = old.has_uncertain_width() || row.has_uncertain_width();
        if is_uncertain && *old != row {
            self.move_to(out, (index, 0));
            out.push_str(CLEAR_ROW);
            self.write(out, &row, 0);
            self.cursor = (index, row.width);
        } else if (old.text != row.text || old.prompt != row.prompt)
            && !self.shift(out, index, &row)
        {
            let old = &self.shown[at].row;
            let (same, column) = self.common_beginning(old, &row);
            let is_shorter = row.width < old.width;
            if column > 0 || row.text.is_empty() || !self.wrap_at_end(index) {
                self.move_to(out, (index, column));
            }
            self.write(out, &row, same);
            if is_shorter {
                out.push_str(CLEAR_ROW);
            }
            self.cursor = (index, row.width);
        }
        self.shown[at].row = row;
    }

    /// Draws row `index` if text was only inserted into it or removed from it at one place: the
    /// terminal shifts what follows (ICH and DCH of ECMA-48). Returns whether it was drawn. Only
    /// the last row is drawn in this way, because terminals differ in whether a row that they have
    /// wrapped stays wrapped; and only without wide characters, because half of one can remain.
    fn shift(&mut self, out: &mut String, index: usize, row: &Row) -> bool {
        let at = index - self.top;
        let is_last = index + 1 == self.layout.rows.len() && at + 1 == self.shown.len();
        let old = &self.shown[at].row;
        if !is_last || !self.is_narrow(old) || !self.is_narrow(row) {
            return false;
        }
        let (same, column) = self.common_beginning(old, row);
        let is_longer = row.width > old.width;
        let (long, short) = if is_longer { (row, old) } else { (old, row) };
        let (rest, inserted) = (&short.text[same..], &row.text[same..]);
        let changed = long.width - short.width;
        let is_shifted = long.text[same..].ends_with(rest);
        if same < row.prompt || rest.len() <= SHIFT_BYTES || !is_shifted {
            return false;
        }
        let inserted = inserted[..inserted.len() - rest.len()].to_owned();
        self.move_to(out, (index, column));
        // Writing to a String cannot fail.
        if is_longer {
            write!(out, "\x1b[{changed}@").unwrap_or_default();
            out.push_str(&inserted);
            self.cursor = (index, column + changed);
        } else {
            write!(out, "\x1b[{changed}P").unwrap_or_default();
        }
        true
    }

    /// Returns whether each character of `row` takes one column on every terminal.
    fn is_narrow(&self, row: &Row) -> bool {
        let is_narrow =
            |grapheme: &str| grapheme.chars().count() == 1 && self.layout.width(grapheme) == 1;
        row.text.is_ascii() || row.text.graphemes(true).all(is_narrow)
    }

    /// Moves the cursor to row `index`, below the last one on the terminal.
    fn begin_row(&mut self, out: &mut String, index: usize, is_empty: bool) {
        if !self.wrap_at_end(index) {
            self.move_to(out, (index - 1, 0));
            out.push_str("\r\n");
        } else if is_empty {
            // The terminal wraps the line before the space.
            out.push_str(" \r");
        }
        self.cursor = (index, 0);
    }

    /// Returns whether the next character makes the terminal wrap the line at the end of the row
    /// before `index`. The cursor is then taken to be in row `index`.
    fn wrap_at_end(&mut self, index: usize) -> bool {
        let above = index.checked_sub(self.top + 1).and_then(|at| self.shown.get_mut(at));
        let Some(ShownRow { row, is_wrapped }) = above else { return false };
        let is_full = row.width >= self.columns && !row.has_uncertain_width();
        let wraps = is_full && !row.ends_line && self.cursor == (index - 1, row.width);
        if wraps {
            *is_wrapped = true;
            self.cursor = (index, 0);
        }
        wraps
    }

    fn write(&self, out: &mut String, row: &Row, from: usize) {
        let prompt = row.prompt.max(from);
        if from < prompt {
            out.push_str(&self.paint.prompt(&row.text[from..prompt]));
        }
        out.push_str(&row.text[prompt..]);
    }

    /// Returns the length of the common beginning of two rows, in bytes and in columns.
    fn common_beginning(&self, old: &Row, new: &Row) -> (usize, usize) {
        if old.prompt != new.prompt {
            return (0, 0);
        }
        let pairs = old.text.graphemes(true).zip(new.text.graphemes(true));
        let same = pairs.take_while(|(old, new)| old == new);
        same.fold((0, 0), |(bytes, columns), (_, grapheme)| {
            (bytes + grapheme.len(), columns + self.layout.width(grapheme))
        })
    }

    /// Returns the first columns of `row`.
    fn beginning(&self, row: &Row, columns: usize) -> Row {
        let mut width = 0;
        let before = row.text.graphemes(true).take_while(|grapheme| {
            let is_before = width < columns;
            width += self.layout.width(grapheme);
            is_before
        });
        let len = before.map(str::len).sum();
        let mut beginning = row.clone();
        beginning.text.truncate(len);
        beginning.prompt = row.prompt.min(len);
        beginning
    }

    fn move_to(&mut self, out: &mut String, (row, column): (usize, usize)) {
        let (from_row, from_column) = self.cursor;
        if (row, column) == self.cursor {
            return;
        }
        let shown = |row: usize| {
            row.checked_sub(self.top).and_then(|at| self.shown.get(at)).map(|shown| &shown.row)
        };
        let is_certain = !shown(from_row).is_some_and(Row::has_uncertain_width);
        let target = shown(row).filter(|row| row.has_uncertain_width());
        // Writing to a String cannot fail.
        if row < from_row {
            write!(out, "\x1b[{}A", from_row - row).unwrap_or_default();
        } else if row > from_row {
            write!(out, "\x1b[{}B", row - from_row).unwrap_or_default();
        }
        match target {
            _ if column == from_column && is_certain && target.is_none() => {}
            None if column > 0 => write!(out, "\x1b[{}G", column + 1).unwrap_or_default(),
            // Only the terminal knows the column after this text, so the text is written again.
            Some(row) => {
                out.push('\r');
                self.write(out, &self.beginning(row, column), 0);
            }
            None => out.push('\r'),
        }
        self.cursor = (row, column);
    }

    /// Removes the line from the terminal, and leaves the cursor at the beginning of its first row.
    pub(crate) fn erase(&mut self, out: &mut String) {
        if !self.shown.is_empty() {
            self.move_to(out, (self.top, 0));
            out.push_str(CLEAR_ROWS);
        }
        self.forget();
    }

    /// Leaves the line, which was drawn with the cursor at its end, on the terminal, and moves the
    /// cursor to the row below.
    pub(crate) fn leave(&mut self, out: &mut String) {
        let is_empty_row = self.shown.len() > 1
            && self.shown.last().is_some_and(|shown| shown.row.text.is_empty())
            && !self.shown[self.shown.len() - 2].row.ends_line;
        out.push_str(if is_empty_row { "\r" } else { "\r\n" });
        self.forget();
    }

    /// Forgets what was drawn: the cursor is at the beginning of an empty row.
    pub(crate) fn forget(&mut self) {
        self.shown.clear();
        (self.top, self.cursor) = (0, (0, 0));
    }

    /// Returns where the cursor can be if the terminal now has this many `columns`; `None` if that
    /// is no change, or if no line is on the terminal.
    pub(crate) fn places(&self, columns: usize) -> Option<Places> {
        if self.shown.is_empty() || columns == self.columns {
            return None;
        }
        let rows = self.cursor.0 - self.top;
        let cut = Place { rows, column: self.cursor.1 };
        Some(Places { cut, wrapped: self.wrapped_place(columns), columns })
    }

    /// Returns where the cursor is if the terminal has wrapped the rows again.
    fn wrapped_place(&self, columns: usize) -> Place {
        let mut place = Place { rows: 0, column: 0 };
        let (above, rest) = self.shown.split_at((self.cursor.0 - self.top).min(self.shown.len()));
        for ShownRow { row, is_wrapped } in above {
            self.advance(&mut place, &row.text, columns);
            if !is_wrapped {
                place = Place { rows: place.rows + 1, column: 0 };
            }
        }
        let Some(ShownRow { row, .. }) = rest.first() else { return place };
        let before = self.beginning(row, self.cursor.1).text.len();
        let (before, after) = row.text.split_at(before);
        self.advance(&mut place, before, columns);
        // The cursor is on the next character, or stays behind the last one.
        let next = match after.graphemes(true).next() {
            Some(next) => self.layout.width(next),
            None => usize::from(before.is_empty()),
        };
        if place.column + next > columns {
            place = Place { rows: place.rows + 1, column: 0 };
        }
        place
    }

    /// Moves `place` by `text` on a terminal with this many `columns`. Text of uncertain width
    /// counts as nothing, so that the distance from the first row is not overestimated.
    fn advance(&self, place: &mut Place, text: &str, columns: usize) {
        if has_uncertain_width(text) {
            return;
        }
        for grapheme in text.graphemes(true) {
            let width = self.layout.width(grapheme);
            if place.column + width > columns {
                *place = Place { rows: place.rows + 1, column: 0 };
            }
            place.column += width;
        }
    }

    /// Removes the line after the number of columns has changed. The cursor is this many `rows`
    /// below its first row.
    pub(crate) fn remove(&mut self, out: &mut String, rows: usize) {
        if rows > 0 {
            // Writing to a String cannot fail.
            write!(out, "\x1b[{rows}A").unwrap_or_default();
        }
        out.push_str(CLEAR_ROWS);
        self.forget();
    }
}

#[cfg(test)]
mod tests;
