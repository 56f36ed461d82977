//! A peer's line without an end, which is gone on with when the rest of it comes.

use unicode_width::UnicodeWidthChar as _;

/// Between two stops of a tab.
const TAB: usize = 8;

/// The last row of the line: the terminal has wrapped what stands above it, and never comes back
/// to that.
#[derive(Debug)]
pub(crate) struct PartialLine(String);

impl PartialLine {
    pub(crate) const fn new() -> Self {
        Self(String::new())
    }

    /// Returns whether there is no such line.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes note that something else stands below it now: what comes begins a line of its own.
    pub(crate) fn leave(&mut self) {
        self.0.clear();
    }

    /// Takes note of `text` that goes on with it.
    pub(crate) fn follow(&mut self, text: &str, columns: usize) {
        match text.rsplit_once('\n') {
            Some((_, last)) => last.clone_into(&mut self.0),
            None => self.0 += text,
        }
        let (_, last) = rows(&self.0, columns);
        self.0.drain(..self.0.len() - last.len());
    }

    /// Returns what makes a terminal go on with it that stands in the row below: the line is drawn
    /// again, as if it had not been ended.
    pub(crate) fn resume(&self, columns: usize) -> String {
        if self.is_empty() {
            return String::new();
        }
        let (rows, _) = rows(&self.0, columns);
        format!("\x1b[{rows}A\r\x1b[J{}", self.0)
    }
}

/// How many rows a terminal of so many `columns` shows `line` in, and what stands in the last.
fn rows(line: &str, columns: usize) -> (usize, &str) {
    let (mut rows, mut begin, mut column) = (1, 0, 0);
    for (at, c) in line.char_indices() {
        if c == '\t' {
            // A tab does not go beyond the last column.
            column = ((column / TAB + 1) * TAB).min(columns.saturating_sub(1));
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
            ("e\u{301}e\u{301}e\u{301}", 3, (1, "e\u{301}e\u{301}e\u{301}")),
        ] {
            assert_eq!(rows(line, columns), expected, "{line:?}");
        }
    }
}
