//! Prints a report's rows as an aligned table or as plain lines.
//!
//! The only module that uses `comfy_table`.

use std::borrow::Cow;
use std::iter;
use std::os::fd::BorrowedFd;

use comfy_table::{ContentArrangement, presets};
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use crate::output::color::Paint;
use crate::text;

/// The result of a command. `Serialize` defines its JSON, [`Report::tables`] its text.
pub trait Report: Serialize {
    /// Returns the rows for the table format and the plain format.
    fn tables(&self) -> Vec<Table>;
}

/// Rows with the same columns.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The kind of the rows, printed as the first field of each plain line, if a report has several
    /// kinds of rows.
    pub label: Option<&'static str>,
    /// The column names; empty for a list of names and values.
    pub header: Vec<&'static str>,
    /// The rows, each with as many cells as the header, if there is one.
    pub rows: Vec<Vec<Cell>>,
    /// The widths of the columns if the rows are those of a longer table, which is printed row by
    /// row; longer cells are not cut. Empty if the cells determine the widths.
    pub widths: &'static [usize],
    /// Whether a table leaves out the columns in which no row has a value. Plain lines have every
    /// column, so that the number of fields does not depend on the values.
    pub omits_empty_columns: bool,
}

/// The space after a column, in characters.
const GAP: u16 = 2;

/// A column that has to be narrower than this, in characters, is hard to read.
const NARROWEST: usize = 20;

impl Table {
    /// Returns the table as it is aligned.
    fn without_empty_columns(&self) -> Cow<'_, Self> {
        let has_value = |column: &usize| {
            self.rows.iter().any(|row| row.get(*column).is_some_and(|cell| !cell.text.is_empty()))
        };
        let kept: Vec<usize> = (0..self.header.len()).filter(has_value).collect();
        if !self.omits_empty_columns || kept.len() == self.header.len() {
            return Cow::Borrowed(self);
        }
        let kept_of = |row: &Vec<Cell>| kept.iter().map(|column| row[*column].clone()).collect();
        Cow::Owned(Self {
            header: kept.iter().map(|column| self.header[*column]).collect(),
            rows: self.rows.iter().map(kept_of).collect(),
            ..self.clone()
        })
    }

    /// Returns whether the table is readable at `width` columns, with its widest column wrapped.
    /// A list of names and values always is.
    fn fits(&self, width: usize) -> bool {
        let widths = self.header.iter().enumerate().map(|(column, name)| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.shown(true).width()).max().unwrap_or_default();
            widest.max(name.width())
        });
        let widths: Vec<usize> = widths.collect();
        let widest = widths.iter().max().copied().unwrap_or_default();
        let others: usize =
            widths.iter().map(|width| width + usize::from(GAP)).sum::<usize>() - widest;
        widths.is_empty() || others + widest.min(NARROWEST) <= width + usize::from(GAP)
    }
}

/// One value in a table, safe to print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    /// What a person sees after the text.
    hint: Option<String>,
}

impl<T: AsRef<str>> From<T> for Cell {
    /// Escapes `value`, which can contain text from the network.
    fn from(value: T) -> Self {
        Self { text: text::escape(value.as_ref().as_bytes()), hint: None }
    }
}

impl Cell {
    /// Returns a cell of text that is already escaped by other rules; its backslashes are kept.
    pub fn escaped(text: &str) -> Self {
        Self { text: text::escape_lines(text), hint: None }
    }

    /// Returns the cell with a text that follows it in brackets, but only in a table on a terminal:
    /// it is not part of the value.
    #[must_use]
    pub fn with_hint(self, hint: Option<String>) -> Self {
        Self { hint: hint.map(|hint| text::escape(hint.as_bytes())), ..self }
    }

    fn shown(&self, on_terminal: bool) -> String {
        match self.hint.as_ref().filter(|_| on_terminal) {
            Some(hint) => format!("{} ({hint})", self.text),
            None => self.text.clone(),
        }
    }
}

/// Returns the tables with aligned columns, at most `width` columns wide (`None`: no limit).
pub(super) fn aligned(tables: &[Table], width: Option<u16>, paint: Paint) -> String {
    let mut out = String::new();
    for table in tables.iter().filter(|table| !table.rows.is_empty()) {
        let table = &table.without_empty_columns();
        if !out.is_empty() {
            out.push('\n');
        }
        if !table.widths.is_empty() {
            table.rows.iter().for_each(|row| push_row(&mut out, row, table.widths));
            continue;
        }
        if width.is_some_and(|width| !table.fits(width.into())) {
            out.push_str(&vertical(table, paint));
            continue;
        }
        for (number, line) in render(table, width).lines().enumerate() {
            let line = line.trim_end();
            if number == 0 && !table.header.is_empty() {
                out.push_str(&paint.header(line));
            } else {
                out.push_str(line);
            }
            out.push('\n');
        }
    }
    out
}

/// Returns each row as lines with the name of a column and a value, for a narrow terminal, which
/// wraps long values.
fn vertical(table: &Table, paint: Paint) -> String {
    let names = table.header.iter().map(|name| name.width()).max().unwrap_or_default();
    let rows = table.rows.iter().map(|row| {
        let line = |(name, cell): (&&str, &Cell)| {
            let padding = " ".repeat(names - name.width() + usize::from(GAP));
            format!("{}{padding}{}\n", paint.header(name), cell.shown(true))
        };
        table.header.iter().zip(row).filter(|pair| !pair.1.text.is_empty()).map(line).collect()
    });
    rows.collect::<Vec<String>>().join("\n")
}

/// Appends a row whose columns have these widths.
fn push_row(out: &mut String, row: &[Cell], widths: &[usize]) {
    let start = out.len();
    for (at, Cell { text, .. }) in row.iter().enumerate() {
        out.push_str(text);
        let width = widths.get(at).copied().unwrap_or_default() + usize::from(GAP);
        out.extend(iter::repeat_n(' ', width.saturating_sub(text.width()).max(GAP.into())));
    }
    out.truncate(start + out[start..].trim_end().len());
    out.push('\n');
}

/// Returns the rows as tab-separated lines, for `cut` and `awk`.
pub(super) fn plain(tables: &[Table]) -> String {
    let mut out = String::new();
    for table in tables {
        for row in &table.rows {
            let cells = row.iter().map(|cell| cell.text.as_str());
            let fields: Vec<&str> = table.label.into_iter().chain(cells).collect();
            out.push_str(&fields.join("\t"));
            out.push('\n');
        }
    }
    out
}

/// Returns the terminal's width in columns; `None` if the stream is not a terminal, so that text in
/// a pipe is never truncated or wrapped.
pub(super) fn width(stream: BorrowedFd<'_>) -> Option<u16> {
    rustix::termios::tcgetwinsize(stream)
        .ok()
        .map(|size| size.ws_col)
        .filter(|columns| *columns > 0)
}

fn render(table: &Table, width: Option<u16>) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(presets::NOTHING);
    match width {
        Some(width) => {
            drawn.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        None => {
            drawn.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    if !table.header.is_empty() {
        drawn.set_header(&table.header);
    }
    for row in &table.rows {
        drawn.add_row(row.iter().map(|cell| cell.shown(width.is_some())));
    }
    for column in drawn.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    drawn.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::ColorChoice;
    use expect_test::expect;

    fn sample() -> Vec<Table> {
        vec![
            Table {
                rows: vec![vec!["hostname".into(), "alpha\u{1b}[2J".into()]],
                ..Table::default()
            },
            Table {
                label: Some("interface"),
                header: vec!["NAME", "ADDRESS"],
                rows: vec![
                    vec!["lo".into(), "127.0.0.1/8".into()],
                    vec!["eth0".into(), "2001:db8:1234:5678:9abc:def0:1234:5678/64".into()],
                ],
                ..Table::default()
            },
        ]
    }

    fn never() -> Paint {
        Paint::decide(ColorChoice::Never, true)
    }

    #[test]
    fn tables_are_aligned_and_hostile_text_is_escaped() {
        expect![[r#"
            hostname  alpha\u{1b}[2J

            NAME  ADDRESS
            lo    127.0.0.1/8
            eth0  2001:db8:1234:5678:9abc:def0:1234:5678/64
        "#]]
        .assert_eq(&aligned(&sample(), None, never()));
    }

    #[test]
    fn rows_of_a_longer_table_have_the_given_widths() {
        let rows = vec![
            vec!["a".into(), "é".into(), "x".into()],
            vec!["longer".into(), "".into(), "".into()],
            vec!["b".into(), "long".into(), "x y".into()],
        ];
        let tables = [Table { rows, widths: &[3, 2], ..Table::default() }];
        assert_eq!(aligned(&tables, Some(20), never()), "a    é   x\nlonger\nb    long  x y\n");
        assert_eq!(plain(&tables), "a\té\tx\nlonger\t\t\nb\tlong\tx y\n");
    }

    #[test]
    fn plain_lines_are_tab_separated_without_a_header() {
        assert_eq!(
            plain(&sample()),
            "hostname\talpha\\u{1b}[2J\ninterface\tlo\t127.0.0.1/8\n\
             interface\teth0\t2001:db8:1234:5678:9abc:def0:1234:5678/64\n"
        );
    }

    #[test]
    fn a_column_without_values_is_left_out_of_a_table_but_not_of_plain_lines() {
        let table = |note: &str| Table {
            header: vec!["NAME", "NOTE", "DATA"],
            rows: vec![
                vec!["a".into(), "".into(), "1".into()],
                vec!["b".into(), note.into(), "2".into()],
            ],
            omits_empty_columns: true,
            ..Table::default()
        };
        let tables = [table("")];
        assert_eq!(aligned(&tables, None, never()), "NAME  DATA\na     1\nb     2\n");
        assert_eq!(plain(&tables), "a\t\t1\nb\t\t2\n");
        let tables = [table("x")];
        assert!(aligned(&tables, None, never()).starts_with("NAME  NOTE  DATA\n"));
    }

    #[test]
    fn a_hint_is_shown_only_in_a_table_on_a_terminal() {
        let cell = Cell::from("xn--p1ai").with_hint(Some("рф\u{1b}".to_owned()));
        let tables = [Table { rows: vec![vec![cell]], ..Table::default() }];
        assert_eq!(aligned(&tables, Some(80), never()), "xn--p1ai (рф\\u{1b})\n");
        assert_eq!(aligned(&tables, None, never()), "xn--p1ai\n");
        assert_eq!(plain(&tables), "xn--p1ai\n");
    }

    #[test]
    fn a_table_that_does_not_fit_is_shown_one_value_per_line() {
        let row = |name: &str, note: &str| {
            vec![name.into(), "AAAA".into(), "2001:db8::1".into(), note.into()]
        };
        let tables = [Table {
            header: vec!["NAME", "TYPE", "DATA", "NOTE"],
            rows: vec![row("a.example.", ""), row("b.example.", "class CH")],
            ..Table::default()
        }];
        assert!(aligned(&tables, Some(43), never()).starts_with("NAME        TYPE  DATA "));
        expect![[r#"
            NAME  a.example.
            TYPE  AAAA
            DATA  2001:db8::1

            NAME  b.example.
            TYPE  AAAA
            DATA  2001:db8::1
            NOTE  class CH
        "#]]
        .assert_eq(&aligned(&tables, Some(30), never()));
    }

    #[test]
    fn a_narrow_terminal_wraps_cells_without_truncating_them() {
        let wrapped = aligned(&sample(), Some(30), never());
        assert!(wrapped.lines().all(|line| line.len() <= 30), "{wrapped}");
        let unwrapped: String = wrapped.split_whitespace().collect();
        assert!(unwrapped.contains("2001:db8:1234:5678:9abc:def0:1234:5678/64"), "{wrapped}");
    }
}
