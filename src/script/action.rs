//! What a step does. Plain values: nothing here waits or knows a connection.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};

/// What one step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Waits so long for bytes that match.
    Expect(Pattern, Duration),
    /// Waits so long for the peer's end.
    ExpectEnd(Duration),
    /// Sends these bytes, in one write if the system takes them.
    Send(Vec<u8>),
    /// Sends what a file holds.
    SendFile(Attachment),
    /// Waits, and listens meanwhile.
    Sleep(Duration),
    /// Ends our side.
    CloseWrite,
    /// Ends the connection with a reset.
    Reset,
    /// Goes on in TLS.
    StartTls,
}

/// What an expectation waits for.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Returns the pattern of a regular expression with `flags`, each one of `ismx`.
    ///
    /// # Errors
    /// Says what is wrong with it, in one line.
    pub(super) fn regex(text: &str, flags: &str) -> Result<Self, String> {
        RegexBuilder::new(text)
            .case_insensitive(flags.contains('i'))
            .dot_matches_new_line(flags.contains('s'))
            .multi_line(flags.contains('m'))
            .ignore_whitespace(flags.contains('x'))
            .build()
            .map(Self)
            .map_err(|error| brief(&error.to_string()))
    }

    /// Returns the pattern that exactly these bytes match.
    ///
    /// # Errors
    /// There are too many of them.
    pub(super) fn literal(bytes: &[u8]) -> Result<Self, String> {
        let mut text = String::with_capacity(4 * bytes.len());
        for byte in bytes {
            // Writing to a String cannot fail.
            write!(text, "\\x{byte:02x}").unwrap_or_default();
        }
        let built = RegexBuilder::new(&text).unicode(false).build();
        built.map(Self).map_err(|error| brief(&error.to_string()))
    }

    /// Returns where the first match at or behind `start` ends. `^` matches at 0 alone.
    pub(super) fn find_end(&self, bytes: &[u8], start: usize) -> Option<usize> {
        (start <= bytes.len()).then(|| self.0.find_at(bytes, start))?.map(|found| found.end())
    }
}

/// The last line of what the regex crate says: the ones before it only draw where.
fn brief(error: &str) -> String {
    let last = error.lines().last().unwrap_or_default();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    last.trim_end_matches('.').to_owned()
}

/// A file to send: opened before anything is played, and read from its beginning each time.
#[derive(Clone, Debug)]
pub struct Attachment {
    path: PathBuf,
    file: Arc<File>,
}

impl Attachment {
    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be opened, or is not a regular file: only those can be read by many at once, and
    /// never keep anyone waiting.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // Asked before it is opened: opening a named pipe waits for a writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Self { path: path.to_owned(), file: Arc::new(File::open(path)?) })
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what stands at `offset` bytes from the beginning; 0 at the end.
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
    fn a_long_literal_is_taken_and_one_without_measure_refused() {
        assert!(Pattern::literal(&vec![b'x'; 60_000]).is_ok());
        let error = Pattern::literal(&vec![b'x'; 500_000]).unwrap_err();
        assert!(error.contains("size limit"), "{error}");
    }

    #[test]
    fn an_error_in_a_regular_expression_is_one_line() {
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
