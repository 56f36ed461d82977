//! Draws the line being typed on a terminal that cannot move its cursor between rows: with
//! characters, backspaces and new lines only. The cursor is always at the end of the line.

use unicode_width::UnicodeWidthChar as _;

use crate::output::color::Paint;
use crate::output::terminal::editing::painter::View;
use crate::text::escape_lines;

/// Removes the character in the last column before the cursor.
const RUB_OUT: &str = "\u{8} \u{8}";

/// What the terminal shows of the line.
#[derive(Debug)]
pub(crate) struct Typewriter {
    paint: Paint,
    /// Whether the line is shown. A program that uses the terminal for its user, such as an editor,
    /// may show what the user types itself, and has then switched the echo off.
    echoes: bool,
    /// The prompt and the line that are shown.
    shown: Option<(String, String)>,
}

impl Typewriter {
    /// Returns a typewriter that has drawn nothing. `paint` colours the prompt.
    pub(crate) fn new(paint: Paint, echoes: bool) -> Self {
        Self { paint, echoes, shown: None }
    }

    /// Appends to `out` what makes the terminal show `view`.
    pub(crate) fn draw(&mut self, out: &mut String, view: View<'_>) {
        let text = if self.echoes { escape_lines(view.line) } else { String::new() };
        let shown = match self.shown.take() {
            Some((prompt, shown)) if prompt == view.prompt => shown,
            before => {
                if before.is_some() {
                    out.push_str("\r\n");
                }
                out.push_str(&self.paint.prompt(view.prompt));
                String::new()
            }
        };
        let pairs = shown.chars().zip(text.chars());
        let same: usize =
            pairs.take_while(|(old, new)| old == new).map(|(old, _)| old.len_utf8()).sum();
        let columns = shown[same..].chars().filter_map(char::width).sum();
        out.push_str(&RUB_OUT.repeat(columns));
        out.push_str(&text[same..]);
        self.shown = Some((view.prompt.to_owned(), text));
    }

    /// Leaves what is shown, and moves the cursor to a new line.
    pub(crate) fn erase(&mut self, out: &mut String) {
        if self.shown.take().is_some() {
            out.push_str("\r\n");
        }
    }

    /// Leaves the line on the terminal, and moves the cursor to a new line.
    pub(crate) fn leave(&mut self, out: &mut String) {
        out.push_str("\r\n");
        self.forget();
    }

    /// Forgets what was drawn.
    pub(crate) fn forget(&mut self) {
        self.shown = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::ColorChoice;

    /// Returns what each of the lines writes, one after the other.
    fn written(echoes: bool, lines: &[&str]) -> Vec<String> {
        let mut typewriter = Typewriter::new(Paint::decide(ColorChoice::Never, false), echoes);
        let draw = |line: &&str| {
            let mut out = String::new();
            typewriter.draw(&mut out, View { prompt: "Name: ", line, pos: 0 });
            out
        };
        lines.iter().map(draw).collect()
    }

    #[test]
    fn only_the_changed_end_of_the_line_is_written() {
        let lines = ["", "a", "ab\u{e9}", "ab", "a日", "ax"];
        let expected = ["Name: ", "a", "b\u{e9}", RUB_OUT, &format!("{RUB_OUT}日")];
        let last = format!("{}x", RUB_OUT.repeat(2));
        assert_eq!(written(true, &lines)[..5], expected);
        assert_eq!(written(true, &lines)[5], last);
        assert_eq!(written(false, &lines)[..3], ["Name: ", "", ""]);
    }

    #[test]
    fn another_prompt_begins_a_new_line() {
        let mut typewriter = Typewriter::new(Paint::decide(ColorChoice::Never, false), true);
        let mut out = String::new();
        for prompt in ["One: ", "Two: "] {
            typewriter.draw(&mut out, View { prompt, line: "\u{1b}", pos: 0 });
        }
        typewriter.erase(&mut out);
        assert_eq!(out, "One: \\u{1b}\r\nTwo: \\u{1b}\r\n");
    }
}
