//! Draws the line being typed with few bytes: only what differs from what the terminal shows.
//!
//! All movements are relative to the row of the cursor, because the terminal scrolls. A line with
//! more rows than the terminal is drawn through a window that contains the cursor.

use std::fmt::Write as _;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::output::color::Paint;
use crate::output::terminal::editing::layout::{Layout, Row};

/// Clears from the cursor to the end of the row, and to the end of the screen.
const CLEAR_ROW: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

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
    shown: Vec<Row>,
    /// The row, counted like `top`, and the column. After the last column of a row was written, the
    /// terminal moves the cursor only before the next character.
    cursor: (usize, usize),
}

impl Painter {
    /// Returns a painter that has drawn nothing. `paint` colours the prompt.
    pub(crate) fn new(paint: Paint) -> Self {
        let layout = Layout::new();
        Self { layout, paint, columns: 0, top: 0, shown: Vec::new(), cursor: (0, 0) }
    }

    /// Appends to `out` what makes the terminal show `view`. Without a line on the terminal, the
    /// cursor must be at the beginning of an empty row.
    pub(crate) fn draw(&mut self, out: &mut String, view: View<'_>, size: Size) {
        if size.columns != self.columns {
            self.resize(out, size.columns);
        }
        self.layout.update(view.prompt, view.line, view.pos, size.columns);
        let (len, cursor) = (self.layout.rows.len(), self.layout.cursor);
        let height = size.rows.max(1);
        let lowest = cursor.0.saturating_sub(height - 1);
        let top = self.top.clamp(lowest, cursor.0).min(len.saturating_sub(height));
        if top < self.top || self.shown.is_empty() {
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

    /// Draws row `index` of the layout, if it is not shown.
    fn draw_row(&mut self, out: &mut String, index: usize) {
        let row = self.layout.rows[index].clone();
        let at = index - self.top;
        let Some(old) = self.shown.get(at) else {
            if at > 0 {
                self.begin_row(out, index, row.text.is_empty());
            }
            self.write(out, &row, 0);
            self.cursor = (index, row.width);
            self.shown.push(row);
            return;
        };
        let is_uncertain = old.has_uncertain_width() || row.has_uncertain_width();
        if is_uncertain && *old != row {
            self.move_to(out, (index, 0));
            out.push_str(CLEAR_ROW);
            self.write(out, &row, 0);
            self.cursor = (index, row.width);
        } else if old.text != row.text || old.prompt != row.prompt {
            let (same, column) = self.common_beginning(old, &row);
            let is_shorter = row.width < old.width;
            self.move_to(out, (index, column));
            self.write(out, &row, same);
            if is_shorter {
                out.push_str(CLEAR_ROW);
            }
            self.cursor = (index, row.width);
        }
        self.shown[at] = row;
    }

    /// Moves the cursor to row `index`, below the last one on the terminal.
    fn begin_row(&mut self, out: &mut String, index: usize, is_empty: bool) {
        let is_wrapped = self.shown.last().is_some_and(|row| {
            let is_full = row.width >= self.columns && !row.has_uncertain_width();
            is_full && !row.ends_line && self.cursor == (index - 1, row.width)
        });
        if !is_wrapped {
            self.move_to(out, (index - 1, 0));
            out.push_str("\r\n");
        } else if is_empty {
            // The terminal wraps the line before the space.
            out.push_str(" \r");
        }
        self.cursor = (index, 0);
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
        let shown = |row: usize| row.checked_sub(self.top).and_then(|at| self.shown.get(at));
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
            out.push_str(CLEAR_BELOW);
        }
        self.forget();
    }

    /// Leaves the line, which was drawn with the cursor at its end, on the terminal, and moves the
    /// cursor to the row below.
    pub(crate) fn leave(&mut self, out: &mut String) {
        let is_empty_row = self.shown.len() > 1
            && self.shown.last().is_some_and(|row| row.text.is_empty())
            && !self.shown[self.shown.len() - 2].ends_line;
        out.push_str(if is_empty_row { "\r" } else { "\r\n" });
        self.forget();
    }

    /// Forgets what was drawn: the cursor is at the beginning of an empty row.
    pub(crate) fn forget(&mut self) {
        self.shown.clear();
        (self.top, self.cursor) = (0, (0, 0));
    }

    /// Removes the line after the number of columns has changed. A terminal may have wrapped it
    /// again, which moves the cursor to another row of it, or not. The smaller of both distances
    /// from the first row is safe: no row above the line is erased.
    fn resize(&mut self, out: &mut String, columns: usize) {
        if !self.shown.is_empty() {
            let before = self.cursor.0 - self.top;
            let wrapped = self.layout.wrapped_row(columns).saturating_sub(self.top);
            match before.min(wrapped) {
                0 => {}
                // Writing to a String cannot fail.
                rows => write!(out, "\x1b[{rows}A").unwrap_or_default(),
            }
            out.push('\r');
            out.push_str(CLEAR_BELOW);
            self.forget();
        }
        self.columns = columns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::ColorChoice;
    use proptest::prelude::*;

    const SIZE: Size = Size { columns: 12, rows: 4 };

    fn view(line: &str, pos: usize) -> View<'_> {
        View { prompt: "> ", line, pos }
    }

    /// Draws each view; returns the bytes that the last one took, and the terminal.
    fn drawn(views: &[View<'_>]) -> (usize, vt100::Parser) {
        let mut terminal = vt100::Parser::new(4, 12, 0);
        let mut painter = Painter::new(Paint::decide(ColorChoice::Never, false));
        let mut bytes = 0;
        for view in views {
            let mut out = String::new();
            painter.draw(&mut out, *view, SIZE);
            bytes = out.len();
            terminal.process(out.as_bytes());
        }
        (bytes, terminal)
    }

    #[test]
    fn a_character_at_the_end_takes_one_byte_and_a_wrap_two_more() {
        let line = "0123456789abcdef";
        for (len, expected) in [(5, 1), (9, 1), (10, 3), (11, 1)] {
            let (bytes, _) = drawn(&[view(&line[..len - 1], len - 1), view(&line[..len], len)]);
            assert_eq!(bytes, expected, "{len}");
        }
    }

    #[test]
    fn only_the_end_of_the_line_is_drawn_after_a_change_within_it() {
        let (bytes, terminal) = drawn(&[view("0123456", 7), view("012x3456", 4)]);
        // Two movements and the characters from the change on.
        assert!(bytes <= 5 + "\x1b[10G\x1b[10G".len(), "{bytes}");
        assert_eq!(terminal.screen().contents(), "> 012x3456");
        assert_eq!(terminal.screen().cursor_position(), (0, 6));
    }

    #[test]
    fn a_movement_to_text_of_uncertain_width_writes_the_text_before_the_cursor() {
        let mut painter = Painter::new(Paint::decide(ColorChoice::Never, false));
        let line = "a\u{1f468}\u{200d}\u{1f467}b";
        let mut draw = |line: &str, pos| {
            let mut out = String::new();
            painter.draw(&mut out, view(line, pos), SIZE);
            out
        };
        assert_eq!(draw(line, line.len()), format!("> {line}"));
        assert_eq!(draw(line, line.len() - 1), format!("\r> {}", &line[..line.len() - 1]));
        assert_eq!(draw(line, 1), "\r> a");
        assert_eq!(draw("", 0), "\r\u{1b}[K> ");
    }

    #[test]
    fn a_line_with_more_rows_than_the_terminal_is_shown_around_the_cursor() {
        let line = "0123456789".repeat(8);
        let (_, terminal) = drawn(&[view(&line, line.len())]);
        assert!(terminal.screen().contents().ends_with("3456789"));
        let (_, terminal) = drawn(&[view(&line, line.len()), view(&line, 0)]);
        assert!(terminal.screen().contents().starts_with("> 0123456789"));
        assert_eq!(terminal.screen().cursor_position(), (0, 2));
    }

    #[test]
    fn a_resize_erases_nothing_above_the_line() {
        // The terminal does not wrap the line again, or it does: then the cursor is one row higher.
        for rewraps in [false, true] {
            let mut painter = Painter::new(Paint::decide(ColorChoice::Never, false));
            let mut out = String::from("message\r\n");
            painter.draw(&mut out, view("0123456789abc", 13), SIZE);
            let mut wide = vt100::Parser::new(4, 40, 0);
            wide.process(b"message\r\n> 0123456789");
            wide.process(if rewraps { b"abc" } else { b"\r\nabc" });
            let mut out = String::new();
            painter.draw(&mut out, view("0123456789abc", 13), Size { columns: 40, rows: 4 });
            wide.process(out.as_bytes());
            let contents = wide.screen().contents();
            assert!(contents.starts_with("message\n"), "{contents}");
            assert!(contents.ends_with("> 0123456789abc"), "{contents}");
        }
    }

    proptest! {
        #[test]
        fn the_terminal_shows_the_line_after_any_changes(
            lines in prop::collection::vec(
                ("([a-c]|日|\\n|\\t|\u{e9}){0,70}", any::<prop::sample::Index>(), any::<bool>()),
                1..6,
            ),
        ) {
            let mut views: Vec<(String, usize)> = Vec::new();
            for (text, index, continues) in lines {
                let before = views.last().map(|(line, _)| line.clone()).filter(|_| continues);
                let line = before.unwrap_or_default() + &text;
                let mut ends: Vec<_> = line.char_indices().map(|(at, _)| at).collect();
                ends.push(line.len());
                let pos = ends[index.index(ends.len())];
                views.push((line, pos));
            }
            let views: Vec<_> = views.iter().map(|(line, pos)| view(line, *pos)).collect();
            let (_, terminal) = drawn(&views);
            let mut layout = Layout::new();
            let last = views[views.len() - 1];
            layout.update(last.prompt, last.line, last.pos, SIZE.columns);
            let shown = terminal.screen().rows(0, 12).collect::<Vec<_>>();
            let (row, column) = terminal.screen().cursor_position();
            prop_assert_eq!(usize::from(column), layout.cursor.1);
            let above = layout.cursor.0.saturating_sub(row.into());
            let rows = layout.rows[above..].iter().map(|row| row.text.trim_end());
            let first = usize::from(row).saturating_sub(layout.cursor.0);
            for (shown, expected) in shown[first..].iter().zip(rows.chain(std::iter::repeat(""))) {
                prop_assert_eq!(shown.trim_end(), expected);
            }
        }
    }
}
