//! Arranges a prompt and a line in the rows of a terminal. Plain state, no I/O.

use rustyline::GraphemeClusterMode;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthChar as _;

use crate::output::terminal::partial_line::TAB_WIDTH;
use crate::text::{contains_hostile, escape_lines, is_hostile};

/// The narrowest terminal that a line is arranged for. A wide character and an escape fit.
const MIN_COLUMNS: usize = 10;

/// The longest grapheme, in bytes, whose parts are kept together. Ordinary text has none longer.
const MAX_GRAPHEME: usize = 128;

/// One row of the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// The text as it is shown. A row that continues in the next one is padded to the last column.
    pub(super) text: String,
    /// The columns that the text takes.
    pub(super) width: usize,
    /// How many bytes at the beginning of the text belong to the prompt.
    pub(super) prompt: usize,
    /// Whether the line has a newline at the end of this row.
    pub(super) ends_line: bool,
    /// The position in the line, in bytes, of the first character in this row.
    start: usize,
}

impl Row {
    /// Returns whether terminals disagree on the width of the row.
    pub(super) fn has_uncertain_width(&self) -> bool {
        has_uncertain_width(&self.text)
    }
}

/// Returns whether terminals disagree on the width of `text`: some show an emoji that consists of
/// several as one.
pub(super) fn has_uncertain_width(text: &str) -> bool {
    let composes = |c| matches!(c, '\u{200D}' | '\u{FE0F}' | '\u{1F1E6}'..='\u{1F1FF}' | '\u{1F3FB}'..='\u{1F3FF}');
    !text.is_ascii() && text.chars().any(composes)
}

/// A prompt and a line, arranged in rows.
#[derive(Debug)]
pub(super) struct Layout {
    prompt: String,
    line: String,
    columns: usize,
    graphemes: GraphemeClusterMode,
    pub(super) rows: Vec<Row>,
    /// The row and the column of the cursor.
    pub(super) cursor: (usize, usize),
}

impl Layout {
    pub(super) fn new() -> Self {
        Self {
            prompt: String::new(),
            line: String::new(),
            columns: 0,
            graphemes: GraphemeClusterMode::from_env(),
            rows: Vec::new(),
            cursor: (0, 0),
        }
    }

    /// Returns the number of columns that a grapheme of a row takes.
    pub(super) fn width(&self, grapheme: &str) -> usize {
        if grapheme.len() <= MAX_GRAPHEME {
            usize::from(self.graphemes.width(grapheme))
        } else {
            grapheme.chars().filter_map(char::width).sum()
        }
    }

    /// Arranges `prompt` and `line`, with the cursor at byte `pos` of the line, in this many
    /// columns. Only the rows from the first change on are arranged again.
    pub(super) fn update(&mut self, prompt: &str, line: &str, pos: usize, columns: usize) {
        let columns = columns.max(MIN_COLUMNS);
        let is_same = prompt == self.prompt && columns == self.columns;
        if !is_same || line != self.line {
            let changed = if is_same { unchanged(&self.line, line) } else { 0 };
            // The change may make the grapheme before it wider or narrower, which may then be the
            // last one of the row before.
            let kept = self.rows.partition_point(|row| row.start < changed).saturating_sub(2);
            let is_kept = self.rows.get(kept).is_some_and(|row| kept > 0 && row.prompt == 0);
            self.columns = columns;
            prompt.clone_into(&mut self.prompt);
            line.clone_into(&mut self.line);
            let start = if is_kept { self.rows[kept].start } else { 0 };
            let rows = std::mem::take(&mut self.rows);
            let mut arranged = Arranger {
                rows,
                row: Row { start, ..Row::default() },
                columns,
                graphemes: self.graphemes,
            };
            arranged.rows.truncate(if is_kept { kept } else { 0 });
            if !is_kept {
                arranged.push_prompt(prompt);
            }
            arranged.push_line(start, &line[start..]);
            self.rows = arranged.finish();
        }
        self.cursor = self.position(pos);
    }

    /// Returns the row and the column of byte `pos` of the line.
    fn position(&self, pos: usize) -> (usize, usize) {
        let at = self.rows.partition_point(|row| row.start <= pos).saturating_sub(1);
        let Some(row) = self.rows.get(at) else { return (0, 0) };
        // Arranges the beginning of the row again, up to the cursor.
        let prompt = &row.text[..row.prompt];
        let first = Row {
            text: prompt.to_owned(),
            width: prompt.chars().filter_map(char::width).sum(),
            ..row.clone()
        };
        let (columns, graphemes) = (self.columns, self.graphemes);
        let mut arranged = Arranger { rows: Vec::new(), row: first, columns, graphemes };
        let end = self.rows.get(at + 1).map_or(self.line.len(), |next| next.start).max(pos);
        let in_row = self.line.get(row.start..end).unwrap_or_default();
        let before = pos.saturating_sub(row.start);
        for (offset, grapheme) in in_row.grapheme_indices(true) {
            if offset >= before {
                break;
            }
            arranged.push_grapheme(row.start + offset, grapheme);
        }
        (at + arranged.rows.len(), arranged.row.width)
    }
}

/// Returns the length of the common beginning that is arranged in the same way in both texts, in
/// bytes.
fn unchanged(one: &str, other: &str) -> usize {
    let pairs = one.bytes().zip(other.bytes());
    let len = pairs.take_while(|(one, other)| one == other).count();
    // What follows can change the whole grapheme before it, which may take several rows.
    let mut graphemes = other[..other.floor_char_boundary(len)].grapheme_indices(true);
    graphemes.next_back().map_or(0, |(start, _)| start)
}

/// Fills rows from left to right.
struct Arranger {
    rows: Vec<Row>,
    /// The row being filled.
    row: Row,
    columns: usize,
    graphemes: GraphemeClusterMode,
}

impl Arranger {
    fn push_prompt(&mut self, prompt: &str) {
        for c in prompt.chars().filter(|c| !is_hostile(*c)) {
            self.place(0, c.encode_utf8(&mut [0; 4]), c.width().unwrap_or(0));
            self.row.prompt = self.row.text.len();
        }
    }

    fn push_line(&mut self, start: usize, line: &str) {
        for (offset, grapheme) in line.grapheme_indices(true) {
            self.push_grapheme(start + offset, grapheme);
        }
    }

    /// Places the grapheme at byte `at` of the line.
    fn push_grapheme(&mut self, at: usize, grapheme: &str) {
        let next = at + grapheme.len();
        match grapheme {
            "\n" | "\r\n" => {
                self.row.ends_line = true;
                self.end_row(next);
            }
            "\t" => {
                let to_stop = TAB_WIDTH - self.row.width % TAB_WIDTH;
                for _ in 0..to_stop.min(self.columns - self.row.width) {
                    self.place(next, " ", 1);
                }
            }
            _ if grapheme.len() <= MAX_GRAPHEME && !contains_hostile(grapheme) => {
                let width = usize::from(self.graphemes.width(grapheme));
                self.place_at(at, next, grapheme, width);
            }
            _ => {
                for (offset, c) in grapheme.char_indices() {
                    let shown = escape_lines(c.encode_utf8(&mut [0; 4]));
                    let (at, next) = (at + offset, at + offset + c.len_utf8());
                    self.place_at(at, next, &shown, shown.chars().filter_map(char::width).sum());
                }
            }
        }
    }

    /// Places `text` of the line's bytes from `at` to `next`.
    fn place_at(&mut self, at: usize, next: usize, text: &str, width: usize) {
        if self.row.width + width > self.columns {
            self.end_row(at);
        }
        self.place(next, text, width);
    }

    /// Places `text`; if it fills the row, the next row begins at byte `next` of the line.
    fn place(&mut self, next: usize, text: &str, width: usize) {
        if self.row.width + width > self.columns {
            self.end_row(next);
        }
        self.row.text.push_str(text);
        self.row.width += width;
        if self.row.width >= self.columns {
            self.end_row(next);
        }
    }

    /// Ends the row; the next one begins at byte `start` of the line.
    fn end_row(&mut self, start: usize) {
        if !self.row.ends_line {
            let missing = self.columns.saturating_sub(self.row.width);
            self.row.text.extend(std::iter::repeat_n(' ', missing));
            self.row.width += missing;
        }
        let next = Row { start, ..Row::default() };
        self.rows.push(std::mem::replace(&mut self.row, next));
    }

    fn finish(mut self) -> Vec<Row> {
        self.rows.push(self.row);
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout(line: &str, pos: usize) -> Layout {
        let mut layout = Layout::new();
        layout.update("> ", line, pos, 10);
        layout
    }

    fn rows(layout: &Layout) -> Vec<&str> {
        layout.rows.iter().map(|row| &*row.text).collect()
    }

    #[test]
    fn a_line_wraps_at_the_last_column_and_at_its_newlines() {
        for (line, expected, cursor) in [
            ("", &["> "][..], (0, 2)),
            ("1234567", &["> 1234567"], (0, 9)),
            ("12345678", &["> 12345678", ""], (1, 0)),
            ("123456789", &["> 12345678", "9"], (1, 1)),
            ("1\n2", &["> 1", "2"], (1, 1)),
            ("1234567日", &["> 1234567 ", "日"], (1, 2)),
            ("1\t2", &["> 1     2"], (0, 9)),
            ("\u{1b}[A", &["> \\u{1b}[A", ""], (1, 0)),
            ("1234\u{1b}", &["> 1234    ", "\\u{1b}"], (1, 6)),
            ("e\u{301}", &["> e\u{301}"], (0, 3)),
        ] {
            let layout = layout(line, line.len());
            assert_eq!((&*rows(&layout), layout.cursor), (expected, cursor), "{line:?}");
        }
        assert_eq!(layout("12345678", 8).rows[0].prompt, 2);
        assert_eq!(layout("123456789", 3).cursor, (0, 5));
    }

    #[test]
    fn a_grapheme_of_several_rows_that_becomes_shorter_is_arranged_from_its_beginning() {
        let family = "\u{200d}\u{1f468}\u{200d}\u{1f468}\u{301}";
        let mut updated = Layout::new();
        for line in [family.repeat(2), family.to_owned()] {
            updated.update("prompt> ", &line, 0, 0);
            let mut new = Layout::new();
            new.update("prompt> ", &line, 0, 0);
            assert_eq!(updated.rows, new.rows);
        }
    }

    proptest! {
        #[test]
        fn an_updated_layout_is_the_same_as_a_new_one(
            lines in prop::collection::vec(
                prop_oneof![any::<String>(), "[a日\n\t\u{1b}\u{301}\u{200d}\u{1f468}\u{1f1e6}]{0,40}"], 2..5,
            ),
            columns in 0_usize..30,
            cut in any::<prop::sample::Index>(),
        ) {
            let mut updated = Layout::new();
            for line in &lines {
                // Lines with a common beginning, as when a line is typed.
                let line = format!("{}{line}", lines[0]);
                let pos = line.char_indices().map(|(at, _)| at).collect::<Vec<_>>();
                let pos = if pos.is_empty() { 0 } else { pos[cut.index(pos.len())] };
                updated.update("prompt> ", &line, pos, columns);
                let mut new = Layout::new();
                new.update("prompt> ", &line, pos, columns);
                prop_assert_eq!(&updated.rows, &new.rows);
                prop_assert_eq!(updated.cursor, new.cursor);
                prop_assert!(new.cursor.0 < new.rows.len());
                let width = columns.max(MIN_COLUMNS);
                for row in &new.rows {
                    prop_assert!(row.width <= width);
                    prop_assert!(!row.text.chars().any(char::is_control));
                }
            }
        }
    }
}
