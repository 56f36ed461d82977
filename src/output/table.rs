//! Prints a report's rows as an aligned table or as plain lines.
//!
//! The only module that uses `comfy_table`.

use std::os::fd::BorrowedFd;

use comfy_table::{ContentArrangement, presets};
use serde::Serialize;

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
}

/// One value in a table, safe to print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell(String);

impl<T: AsRef<str>> From<T> for Cell {
    /// Escapes `value`, which can contain text from the network.
    fn from(value: T) -> Self {
        Self(text::escape(value.as_ref().as_bytes()))
    }
}

impl Cell {
    /// Returns a cell of text that is already escaped by other rules; its backslashes are kept.
    pub fn escaped(text: &str) -> Self {
        Self(text::escape_lines(text))
    }
}

/// Returns the tables with aligned columns, at most `width` columns wide (`None`: no limit).
pub(super) fn aligned(tables: &[Table], width: Option<u16>, paint: Paint) -> String {
    let mut out = String::new();
    for table in tables.iter().filter(|table| !table.rows.is_empty()) {
        if !out.is_empty() {
            out.push('\n');
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

/// Returns the rows as tab-separated lines, for `cut` and `awk`.
pub(super) fn plain(tables: &[Table]) -> String {
    let mut out = String::new();
    for table in tables {
        for row in &table.rows {
            let cells = row.iter().map(|cell| cell.0.as_str());
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
        drawn.add_row(row.iter().map(|cell| cell.0.as_str()));
    }
    for column in drawn.column_iter_mut() {
        column.set_padding((0, 2));
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
    fn plain_lines_are_tab_separated_without_a_header() {
        assert_eq!(
            plain(&sample()),
            "hostname\talpha\\u{1b}[2J\ninterface\tlo\t127.0.0.1/8\n\
             interface\teth0\t2001:db8:1234:5678:9abc:def0:1234:5678/64\n"
        );
    }

    #[test]
    fn a_narrow_terminal_wraps_cells_without_truncating_them() {
        let wrapped = aligned(&sample(), Some(30), never());
        assert!(wrapped.lines().all(|line| line.len() <= 30), "{wrapped}");
        let unwrapped: String = wrapped.split_whitespace().collect();
        assert!(unwrapped.contains("2001:db8:1234:5678:9abc:def0:1234:5678/64"), "{wrapped}");
    }
}
