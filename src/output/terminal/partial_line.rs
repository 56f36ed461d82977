//! A peer's line without a newline so far, which its next bytes continue.

use unicode_width::UnicodeWidthChar as _;

use crate::output::terminal::sequences::CLEAR_ROWS;

/// Columns between two tab stops.
pub(super) const TAB_WIDTH: usize = 8;

/// The last terminal row of the line. The rows above it are complete and are never redrawn.
#[derive(Debug, Default)]
pub(super) struct PartialLine(String);

impl PartialLine {
    /// Returns whether there is no partial line.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Discards the line, because other text follows it: the peer's next bytes begin a new line.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Appends `text`, which the terminal with this many `columns` shows after the line.
    pub(super) fn append(&mut self, text: &str, columns: usize) {
        match text.rsplit_once('\n') {
            Some((_, last)) => last.clone_into(&mut self.0),
            None => self.0 += text,
        }
        let (_, last) = rows(&self.0, columns);
        self.0.drain(..self.0.len() - last.len());
    }

    /// Returns the text that continues the line when the cursor is in the row below: it moves the
    /// cursor up, clears the line and draws it again without a newline.
    pub(super) fn redraw(&self, columns: usize) -> String {
        if self.is_empty() {
            return String::new();
        }
        let (rows, _) = rows(&self.0, columns);
        format!("\x1b[{rows}A{CLEAR_ROWS}{}", self.0)
    }
}

/// Returns how many rows `line` takes on a terminal with `columns` columns, and the text of the
/// last row.
fn rows(line: &str, columns: usize) -> (usize, &str) {
    let (mut rows, mut begin, mut column) = (1, 0, 0);
    let mut is_style = false;
    for (at, c) in line.char_indices() {
        // The only escape sequences are those of a label's colour, which end with `m`.
        is_style |= c == '\x1b';
        if is_style {
            is_style = c != 'm';
            continue;
        }
        if c == '\t' {
            // A tab does not move the cursor beyond the last column.
            column = ((column / TAB_WIDTH + 1) * TAB_WIDTH).min(columns.saturating_sub(1));
            continue;
        }
        let width = c.width().unwrap_or(0);
        column += width;
        if column > columns {
            (rows, begin, column) = (rows + 1, at, width);
        }
    }
    (rows, &line[begin..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_as_a_terminal_wraps_them() {
        for (line, columns, expected) in [
            ("", 10, (1, "")),
            ("1234567890", 10, (1, "1234567890")),
            ("12345678901", 10, (2, "1")),
            ("\t\t\tx", 10, (1, "\t\t\tx")),
            ("日本語", 5, (2, "語")),
            ("\x1b[1mab\x1b[0mcd", 4, (1, "\x1b[1mab\x1b[0mcd")),
            ("e\u{301}e\u{301}e\u{301}", 3, (1, "e\u{301}e\u{301}e\u{301}")),
        ] {
            assert_eq!(rows(line, columns), expected, "{line:?}");
        }
    }
}
