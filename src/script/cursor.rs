//! A way through one line, character by character, that knows the column of everything.
//!
//! It knows how words, texts and patterns are delimited, and no step.

use std::ops::Range;

use crate::script::error::Wrong;
use crate::text;

/// The escapes a text may hold, for whoever wrote another one.
const ESCAPES: &str = r#"\r \n \t \0 \\ \" \xNN or \u{NNNN}"#;

/// What may stand behind a step.
const EXPECTED_END: &str = "nothing more, or a comment behind #";

/// A place in a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    line: &'a str,
    /// In bytes; always between two characters.
    at: usize,
}

/// A pattern between slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slashed<'a> {
    pub(super) pattern: &'a str,
    pub(super) flags: &'a str,
    /// Where the flags begin.
    pub(super) flags_column: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { line, at: 0 }
    }

    /// Returns the place, in bytes from the beginning.
    pub(super) fn offset(self) -> usize {
        self.at
    }

    /// Returns the place, in characters from 1 on.
    pub(super) fn column(self) -> usize {
        column(self.line, self.at)
    }

    pub(super) fn rest(self) -> &'a str {
        &self.line[self.at..]
    }

    pub(super) fn skip_blank(&mut self) {
        self.at = self.line.len() - self.rest().trim_start_matches(is_blank).len();
    }

    /// Returns whether only a comment, or nothing, is left.
    pub(super) fn is_done(self) -> bool {
        matches!(self.rest().bytes().next(), None | Some(b'#'))
    }

    /// Takes what reaches to the next blank.
    pub(super) fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let len = rest.find(is_blank).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// Takes a text in double quotes, and returns the bytes it stands for.
    pub(super) fn quoted(&mut self) -> Result<Vec<u8>, Wrong> {
        let opened = *self;
        let inner = self.delimited('"').ok_or_else(|| {
            Wrong::new(opened.column(), "this text is not closed", "a \" at its end")
        })?;
        let start = opened.at + 1;
        let bytes = unescape(self.line, start..start + inner.len())?;
        self.blank_or_end()?;
        Ok(bytes)
    }

    /// Takes a pattern between slashes, with its flags.
    pub(super) fn slashed(&mut self) -> Result<Slashed<'a>, Wrong> {
        let opened = *self;
        let pattern = self.delimited('/').ok_or_else(|| {
            let what = "this regular expression is not closed";
            Wrong::new(opened.column(), what, r"a / at its end; one inside is written \/")
        })?;
        let flags_column = self.column();
        Ok(Slashed { pattern, flags: self.word(), flags_column })
    }

    /// Fails unless the line is over.
    pub(super) fn end(mut self) -> Result<(), Wrong> {
        self.skip_blank();
        if self.is_done() {
            return Ok(());
        }
        let column = self.column();
        Err(Wrong::new(
            column,
            format!("unexpected {}", text::quote(self.word().as_bytes())),
            EXPECTED_END,
        ))
    }

    /// Takes what stands between two `mark`s, where a backslash takes the next character along.
    fn delimited(&mut self, mark: char) -> Option<&'a str> {
        let inner = self.rest().strip_prefix(mark)?;
        let mut escaped = false;
        for (at, c) in inner.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == mark => {
                    self.at += at + 2 * mark.len_utf8();
                    return Some(&inner[..at]);
                }
                _ => {}
            }
        }
        None
    }

    fn blank_or_end(self) -> Result<(), Wrong> {
        if self.rest().is_empty() || self.rest().starts_with(is_blank) {
            return Ok(());
        }
        Err(Wrong::new(self.column(), "something is glued to the closing quote", "a space between"))
    }
}

/// Returns the bytes that stand for `line[inner]`.
pub(super) fn unescape(line: &str, inner: Range<usize>) -> Result<Vec<u8>, Wrong> {
    let start = inner.start;
    text::unescape(&line[inner])
        .map_err(|error| Wrong::new(column(line, start + error.offset), "unknown escape", ESCAPES))
}

/// Returns the column of a byte.
fn column(line: &str, at: usize) -> usize {
    line[..at].chars().count() + 1
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}
