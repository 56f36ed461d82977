//! A cursor that reads the words, texts and patterns of one line and tracks the column.
//!
//! It knows no step.

use std::ops::Range;

use crate::script::error::Wrong;
use crate::text;

/// The escapes that a text may contain.
const ESCAPES: &str = r#"\r \n \t \0 \\ \" \xNN or \u{NNNN}"#;

/// What is allowed after a step.
const EXPECTED_END: &str = "the end of the line or a comment after #";

/// A position in a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    line: &'a str,
    /// The offset in bytes; always at a character boundary.
    at: usize,
}

/// A regular expression between slashes, and its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slashed<'a> {
    pub(super) pattern: &'a str,
    pub(super) flags: &'a str,
    /// The column at which the flags begin.
    pub(super) flags_column: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { line, at: 0 }
    }

    /// Returns the offset in bytes from the beginning of the line.
    pub(super) fn offset(self) -> usize {
        self.at
    }

    /// Returns the column, in characters counted from 1.
    pub(super) fn column(self) -> usize {
        column(self.line, self.at)
    }

    /// Returns the line from this position on.
    pub(super) fn rest(self) -> &'a str {
        &self.line[self.at..]
    }

    /// Skips spaces and tabs.
    pub(super) fn skip_blank(&mut self) {
        self.at = self.line.len() - self.rest().trim_start_matches(is_blank).len();
    }

    /// Returns whether the line ends here or a comment begins.
    pub(super) fn is_done(self) -> bool {
        matches!(self.rest().bytes().next(), None | Some(b'#'))
    }

    /// Takes the characters up to the next space or tab.
    pub(super) fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let len = rest.find(is_blank).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// Takes a text in double quotes, and returns its bytes with the escapes processed.
    ///
    /// # Errors
    /// The closing quote is missing, an escape is invalid, or the next character is not a blank.
    pub(super) fn quoted(&mut self) -> Result<Vec<u8>, Wrong> {
        let opened = *self;
        let inner = self.delimited('"').ok_or_else(|| {
            Wrong::new(opened.column(), "this text has no closing quote", "a \" at its end")
        })?;
        let start = opened.at + 1;
        let bytes = unescape(self.line, start..start + inner.len())?;
        self.blank_or_end()?;
        Ok(bytes)
    }

    /// Takes a regular expression between slashes, and its flags.
    ///
    /// # Errors
    /// The closing slash is missing.
    pub(super) fn slashed(&mut self) -> Result<Slashed<'a>, Wrong> {
        let opened = *self;
        let pattern = self.delimited('/').ok_or_else(|| {
            let what = "this regular expression has no closing slash";
            Wrong::new(opened.column(), what, r"a / at its end, and \/ for each slash inside")
        })?;
        let flags_column = self.column();
        Ok(Slashed { pattern, flags: self.word(), flags_column })
    }

    /// Returns an error unless the line ends here or a comment begins.
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

    /// Takes the text between two `mark`s; a backslash escapes the next character. Returns `None`
    /// if a `mark` is missing.
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

    /// Returns an error unless a blank or the end of the line follows.
    fn blank_or_end(self) -> Result<(), Wrong> {
        if self.rest().is_empty() || self.rest().starts_with(is_blank) {
            return Ok(());
        }
        Err(Wrong::new(self.column(), "no space after the closing quote", "a space"))
    }
}

/// Returns the bytes of the text `line[inner]`, with the escapes processed.
pub(super) fn unescape(line: &str, inner: Range<usize>) -> Result<Vec<u8>, Wrong> {
    let start = inner.start;
    text::unescape(&line[inner])
        .map_err(|error| Wrong::new(column(line, start + error.offset), "unknown escape", ESCAPES))
}

/// Returns the column of the byte at `at`.
fn column(line: &str, at: usize) -> usize {
    line[..at].chars().count() + 1
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}
