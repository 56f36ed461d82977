//! What the painter writes, and what a terminal then shows.

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
fn the_terminal_shifts_the_rest_of_the_last_row_after_a_change_within_it() {
    let rest = "0123456789012345678";
    let (before, after) = (format!("ab{rest}"), format!("abx{rest}"));
    for (from, to, shown) in [
        ((before.as_str(), 2), (after.as_str(), 3), "\x1b[1@x"),
        ((after.as_str(), 3), (before.as_str(), 2), "\x1b[5G\x1b[1P"),
        (("\u{e9}b0123456789", 1), ("\u{e9}\u{e7}b0123456789", 3), "\x1b[1@\u{e7}"),
    ] {
        let size = Size { columns: 30, rows: 4 };
        let mut painter = Painter::new(Paint::decide(ColorChoice::Never, false));
        painter.draw(&mut String::new(), view(from.0, from.1), size);
        let mut out = String::new();
        painter.draw(&mut out, view(to.0, to.1), size);
        assert_eq!(out, shown);
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

/// A line on a terminal of 12 columns, with the cursor at `pos`.
fn drawn_line(line: &str, pos: usize) -> Painter {
    let mut painter = Painter::new(Paint::decide(ColorChoice::Never, false));
    painter.draw(&mut String::new(), view(line, pos), SIZE);
    painter
}

#[test]
fn the_cursor_is_found_after_the_terminal_has_wrapped_the_line_again() {
    let line = "0123456789abcdefgh";
    for (line, pos, columns, expected) in [
        // "> 0123456789" and "abcdefgh".
        (line, 18, 40, (0, 20)),
        (line, 18, 8, (2, 4)),
        (line, 3, 8, (0, 5)),
        // The cursor stays behind the last character, but not behind another one.
        (line, 18, 10, (1, 10)),
        (line, 8, 10, (1, 0)),
        (line, 17, 19, (1, 0)),
        // The last row is empty.
        ("0123456789", 10, 40, (0, 12)),
        ("0123456789", 10, 6, (2, 0)),
        // Lines that end are not joined.
        ("0123\n4567", 9, 40, (1, 4)),
        ("0123\n4567", 9, 5, (2, 4)),
        // The first row is padded before the second wide character, which fits in no row twice.
        ("012345678日本", 15, 13, (1, 4)),
        ("012345678日本", 12, 13, (1, 2)),
        ("日本日本日本", 18, 5, (3, 2)),
    ] {
        let places = drawn_line(line, pos).places(columns).unwrap();
        let Place { rows, column } = places.wrapped;
        assert_eq!((rows, column), expected, "{line:?} {pos} {columns}");
    }
}

#[test]
fn text_of_uncertain_width_makes_the_distance_from_the_first_row_smaller() {
    let line = "\u{1f468}\u{200d}\u{1f467} 0123456789";
    let places = drawn_line(line, line.len()).places(7).unwrap();
    assert!(places.wrapped.rows <= 1, "{places:?}");
}

#[test]
fn a_line_that_is_unchanged_or_not_shown_needs_no_removal() {
    assert_eq!(drawn_line("0123", 4).places(SIZE.columns), None);
    let mut painter = drawn_line("0123", 4);
    painter.erase(&mut String::new());
    assert_eq!(painter.places(40), None);
}

#[test]
fn a_newline_in_the_middle_draws_the_line_again() {
    let (_, terminal) = drawn(&[view("0123456789abc", 5), view("01234\n56789abc", 6)]);
    assert_eq!(terminal.screen().contents(), "> 01234\n56789abc");
    assert!(!terminal.screen().row_wrapped(0));
    let (_, terminal) = drawn(&[view("01234\n56789abc", 6), view("0123456789abc", 5)]);
    assert_eq!(terminal.screen().contents(), "> 0123456789abc");
    assert!(terminal.screen().row_wrapped(0));
}

proptest! {
    #[test]
    fn the_terminal_shows_the_line_after_any_changes(
        changes in prop::collection::vec(
            (
                "([a-c]|日|\\n|\\t|\u{e9}){0,70}|[a-c]{1,3}",
                any::<prop::sample::Index>(),
                any::<prop::sample::Index>(),
                0..3,
            ),
            1..8,
        ),
    ) {
        let boundary = |line: &str, index: prop::sample::Index| {
            line.floor_char_boundary(index.index(line.len() + 1))
        };
        let mut views: Vec<(String, usize)> = Vec::new();
        for (text, at, cursor, kind) in changes {
            let before = views.last().map(|(line, _)| line.clone()).unwrap_or_default();
            let (start, rest) = before.split_at(boundary(&before, at));
            let line = match kind {
                0 => text,
                1 => format!("{start}{text}{rest}"),
                _ => {
                    let removed = rest.floor_char_boundary(text.len().min(rest.len()));
                    format!("{start}{}", &rest[removed..])
                }
            };
            let pos = boundary(&line, cursor);
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
