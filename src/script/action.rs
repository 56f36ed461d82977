//! The actions of steps, as plain values that know no connection.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Assertion, AssertionKind, Ast};

/// The action of one step.
#[derive(Clone, Debug)]
pub enum Action {
    /// Waits at most this long for received data to match.
    Expect(Pattern, Duration),
    /// Waits at most this long for the peer to close its side.
    ExpectEnd(Duration),
    /// Sends these bytes, in one write if the kernel accepts them.
    Send(Vec<u8>),
    /// Sends the contents of a file.
    SendFile(Attachment),
    /// Waits for this time while receiving.
    Sleep(Duration),
    /// Shuts down the write side.
    CloseWrite,
    /// Resets the connection.
    Reset,
    /// Switches the connection to TLS.
    StartTls,
}

/// The pattern that an expectation searches for in the received data.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Returns the pattern of a regular expression with `flags`, each one of `ismx`. `^` and `$`
    /// match at line boundaries, with or without the flag `m`.
    ///
    /// # Errors
    /// Returns the syntax error, as one line.
    pub(super) fn regex(text: &str, flags: &str) -> Result<Self, String> {
        let ignores_white_space = flags.contains('x');
        RegexBuilder::new(&with_crlf_anchors(text, ignores_white_space))
            .case_insensitive(flags.contains('i'))
            .dot_matches_new_line(flags.contains('s'))
            .multi_line(true)
            .ignore_whitespace(ignores_white_space)
            .build()
            .map(Self)
            .map_err(|error| summary_line(&error.to_string()))
    }

    /// Returns the pattern that matches exactly these bytes.
    ///
    /// # Errors
    /// There are too many bytes for one regular expression; returns the message, as one line.
    pub(super) fn literal(bytes: &[u8]) -> Result<Self, String> {
        let mut text = String::with_capacity(4 * bytes.len());
        for byte in bytes {
            // Writing to a String cannot fail.
            write!(text, "\\x{byte:02x}").unwrap_or_default();
        }
        let built = RegexBuilder::new(&text).unicode(false).build();
        built.map(Self).map_err(|error| summary_line(&error.to_string()))
    }

    /// Returns the end of the first match that begins at `start` or later. The bytes before `start`
    /// decide whether a line begins there.
    pub(super) fn find_end(&self, bytes: &[u8], start: usize) -> Option<usize> {
        (start <= bytes.len()).then(|| self.0.find_at(bytes, start))?.map(|found| found.end())
    }
}

/// Returns the regular expression `text` with `^` and `$` changed to match at CR LF too, not only
/// at LF. `RegexBuilder::crlf` would also stop `.` from matching CR, so that `.*\n` would match no
/// line that ends in CR LF. An invalid `text` is returned unchanged.
fn with_crlf_anchors(text: &str, ignores_white_space: bool) -> String {
    let mut parser =
        ast::parse::ParserBuilder::new().ignore_whitespace(ignores_white_space).build();
    let anchors =
        parser.parse(text).map_err(drop).and_then(|ast| ast::visit(&ast, Anchors(vec![])));
    let mut anchored = text.to_owned();
    for at in anchors.unwrap_or_default().into_iter().rev() {
        anchored.replace_range(at..=at, &format!("(?R:{})", &text[at..=at]));
    }
    anchored
}

/// Collects the offsets of `^` and `$` in a regular expression, in their order.
struct Anchors(Vec<usize>);

impl ast::Visitor for Anchors {
    type Output = Vec<usize>;
    type Err = ();

    fn finish(self) -> Result<Vec<usize>, ()> {
        Ok(self.0)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), ()> {
        if let Ast::Assertion(assertion) = ast
            && let Assertion { span, kind: AssertionKind::StartLine | AssertionKind::EndLine } =
                &**assertion
        {
            self.0.push(span.start.offset);
        }
        Ok(())
    }
}

/// Returns the last line of a message of the regex crate; the lines before it only mark the place.
fn summary_line(error: &str) -> String {
    let last = error.lines().last().unwrap_or_default();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    last.trim_end_matches('.').to_owned()
}

/// A file to send. It is opened when the script is parsed, and every run of the script reads it
/// from its beginning.
#[derive(Clone, Debug)]
pub struct Attachment {
    path: PathBuf,
    file: Arc<File>,
}

impl Attachment {
    /// Opens a file.
    ///
    /// # Errors
    /// The file cannot be opened, or is not a regular file: only a regular file can be read by
    /// several clients at once, and without waiting for a writer.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // Checked before the file is opened, because opening a named pipe waits for a writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Self { path: path.to_owned(), file: Arc::new(File::open(path)?) })
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads at `offset` bytes from the beginning; returns the number of bytes read, 0 at EOF.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_matches_any_bytes_and_nothing_else() {
        let all: Vec<u8> = (0..=255).collect();
        let pattern = Pattern::literal(&all).unwrap();
        assert_eq!(pattern.find_end(&[b"..", &*all, b"."].concat(), 0), Some(258));
        assert_eq!(pattern.find_end(&all[1..], 0), None);
        let dots = Pattern::literal(b"a.c").unwrap();
        assert_eq!(dots.find_end(b"abc", 0), None);
    }

    #[test]
    fn anchors_match_at_every_line_boundary_and_a_dot_matches_cr() {
        let reply = b"250-one\r\n250 two\r\nlast\n";
        for (text, end) in [
            ("^250 ", Some(13)),
            ("one$", Some(7)),
            ("^250 two$", Some(16)),
            ("^250 .*\\n", Some(18)),
            ("^last$", Some(22)),
            ("(?P<code>^250) t", Some(14)),
            ("^two", None),
            ("^\\n", None),
            (r"[$^]|\^|\$", None),
        ] {
            let pattern = Pattern::regex(text, "").unwrap();
            assert_eq!(pattern.find_end(reply, 0), end, "{text}");
        }
        let commented = Pattern::regex("^ last $ # the ^ of a comment", "x").unwrap();
        assert_eq!(commented.find_end(reply, 0), Some(22));
    }

    #[test]
    fn a_long_literal_is_accepted_and_an_excessive_one_is_rejected() {
        assert!(Pattern::literal(&vec![b'x'; 60_000]).is_ok());
        let error = Pattern::literal(&vec![b'x'; 500_000]).unwrap_err();
        assert!(error.contains("size limit"), "{error}");
    }

    #[test]
    fn a_regular_expression_error_is_one_line() {
        let error = Pattern::regex("(220", "").unwrap_err();
        assert_eq!(error, "unclosed group");
    }

    #[test]
    fn an_attachment_must_be_a_regular_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = Attachment::open(folder.path()).unwrap_err();
        assert_eq!(error.to_string(), "not a regular file");
        assert_eq!(
            Attachment::open(&folder.path().join("none")).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }
}
