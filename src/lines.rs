//! Splits bytes into lines of limited length, and translates line endings. Plain state, no I/O.
//!
//! LF, CR LF, CR NUL (telnet) and a bare CR (`PuTTY`) end a line. CR LF is one line ending even if
//! the two characters arrive in separate reads.

/// The ending of every line that sockkit's servers send: telnet and `PuTTY` need both characters.
pub const LINE_END: &str = "\r\n";

/// Splits a stream into lines.
#[derive(Debug)]
pub struct LineSplitter {
    /// The maximum length of a line, in bytes without its ending.
    max: usize,
    /// How many bytes of a longer line are skipped before it counts as endless.
    max_skipped: usize,
    /// The unfinished line.
    partial: Vec<u8>,
    /// Bytes skipped of a line that is too long; `None` while the line is within the limit.
    skipped: Option<usize>,
    /// Whether the last byte was a CR, so that an LF or NUL after it belongs to the same ending.
    after_cr: bool,
}

/// A line that [`LineSplitter::next`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line within the limit, without its ending.
    Complete(Vec<u8>),
    /// A line longer than the limit; all of it was skipped.
    TooLong,
    /// A line so long that the caller should close the connection.
    Endless,
}

impl LineSplitter {
    /// Returns a splitter for lines of at most `max` bytes. A longer line is skipped, and counts as
    /// endless once it exceeds the limit by more than `max_skipped` bytes.
    pub fn new(max: usize, max_skipped: usize) -> Self {
        Self { max, max_skipped, partial: Vec::new(), skipped: None, after_cr: false }
    }

    /// Changes the maximum length, starting with the unfinished line.
    pub fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    /// Returns the length of the unfinished line so far, skipped bytes included.
    pub fn pending(&self) -> usize {
        self.partial.len() + self.skipped.unwrap_or(0)
    }

    /// Returns the unfinished line; empty if it is too long.
    pub fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Takes the unfinished line, for a caller that treats EOF as a line ending; `None` if it is
    /// empty or too long.
    pub fn take_pending(&mut self) -> Option<Vec<u8>> {
        let is_usable = self.skipped.is_none() && !self.partial.is_empty();
        is_usable.then(|| std::mem::take(&mut self.partial))
    }

    /// Consumes `bytes` up to the next line ending and returns that line; `None` once all of them
    /// are consumed.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<Line> {
        if bytes.is_empty() {
            return None;
        }
        if std::mem::take(&mut self.after_cr)
            && let [b'\n' | b'\0', rest @ ..] = *bytes
        {
            *bytes = rest;
        }
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.append(piece);
        if self.skipped.is_some_and(|skipped| skipped > self.max_skipped) {
            *bytes = &[];
            return Some(Line::Endless);
        }
        let [terminator, rest @ ..] = rest else {
            *bytes = rest;
            return None;
        };
        self.after_cr = *terminator == b'\r';
        *bytes = rest;
        let line = std::mem::take(&mut self.partial);
        Some(if self.skipped.take().is_some() { Line::TooLong } else { Line::Complete(line) })
    }

    /// Appends `piece` to the unfinished line, or skips it if the line is too long.
    fn append(&mut self, piece: &[u8]) {
        match &mut self.skipped {
            Some(skipped) => *skipped = skipped.saturating_add(piece.len()),
            None if self.partial.len() + piece.len() <= self.max => {
                self.partial.extend_from_slice(piece);
            }
            None => {
                self.skipped = Some(self.partial.len() + piece.len() - self.max);
                self.partial = Vec::new();
            }
        }
    }
}

/// Translates LF to CR LF in a stream and leaves CR LF unchanged, wherever the stream is split.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrLf {
    /// Whether the last byte was a CR, so that an LF after it needs no other.
    after_cr: bool,
}

impl CrLf {
    /// Returns `bytes`, the continuation of those translated before, with CR LF line endings.
    pub fn translate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut translated = Vec::with_capacity(bytes.len() + bytes.len() / 8);
        for byte in bytes {
            if *byte == b'\n' && !self.after_cr {
                translated.push(b'\r');
            }
            translated.push(*byte);
            self.after_cr = *byte == b'\r';
        }
        translated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(splitter: &mut LineSplitter, pieces: &[&[u8]]) -> Vec<Line> {
        let mut lines = Vec::new();
        for mut piece in pieces.iter().copied() {
            while let Some(line) = splitter.next(&mut piece) {
                lines.push(line);
            }
        }
        lines
    }

    fn complete(lines: &[&str]) -> Vec<Line> {
        lines.iter().map(|line| Line::Complete(line.as_bytes().to_vec())).collect()
    }

    #[test]
    fn each_kind_of_line_ending_ends_one_line() {
        let mut splitter = LineSplitter::new(10, 0);
        let lines = split(&mut splitter, &[b"a\nb\r\nc\r\0d\re\n\n"]);
        assert_eq!(lines, complete(&["a", "b", "c", "d", "e", ""]));
        // CR and LF in separate reads end one line, which is complete at the CR.
        assert_eq!(split(&mut splitter, &[b"x\r"]), complete(&["x"]));
        assert_eq!(split(&mut splitter, &[b"\ny\n"]), complete(&["y"]));
        assert_eq!(splitter.take_pending(), None);
    }

    #[test]
    fn a_line_at_the_limit_is_complete_and_a_longer_one_is_too_long() {
        let mut splitter = LineSplitter::new(3, 100);
        let lines = split(&mut splitter, &[b"abc\nabcd\nok\n"]);
        let expected = [complete(&["abc"]), vec![Line::TooLong], complete(&["ok"])].concat();
        assert_eq!(lines, expected);
    }

    #[test]
    fn an_endless_line_is_reported_and_not_stored() {
        let mut splitter = LineSplitter::new(3, 1000);
        let mut lines = Vec::new();
        for _ in 0..100 {
            lines.extend(split(&mut splitter, &[&[b'x'; 64]]));
            assert!(splitter.partial.capacity() <= 64);
            if !lines.is_empty() {
                break;
            }
        }
        assert_eq!(lines, [Line::Endless]);
    }

    #[test]
    fn an_unfinished_line_at_the_end_can_be_taken() {
        let mut splitter = LineSplitter::new(10, 0);
        assert_eq!(split(&mut splitter, &[b"a\nrest"]), complete(&["a"]));
        assert_eq!(splitter.pending(), 4);
        assert_eq!(splitter.take_pending().as_deref(), Some(b"rest".as_slice()));
        assert_eq!(splitter.pending(), 0);
    }

    proptest! {
        #[test]
        fn the_lines_do_not_depend_on_how_the_stream_is_split(
            bytes in prop::collection::vec(prop::sample::select(b"ab\r\n\0".to_vec()), 0..60),
            cut in 1usize..7,
        ) {
            let mut whole = LineSplitter::new(4, 1000);
            let expected = split(&mut whole, &[&bytes]);
            let mut pieces = LineSplitter::new(4, 1000);
            let parts: Vec<&[u8]> = bytes.chunks(cut).collect();
            prop_assert_eq!(split(&mut pieces, &parts), expected);
            prop_assert_eq!(pieces.take_pending(), whole.take_pending());
        }
    }

    #[test]
    fn each_line_ending_becomes_one_cr_lf_wherever_the_stream_is_split() {
        let mut translator = CrLf::default();
        let pieces: [&[u8]; 5] = [b"a\nb\r", b"\nc\r\n", b"\n", b"d\re", b"\r\r\n"];
        let translated: Vec<u8> = pieces.iter().flat_map(|p| translator.translate(p)).collect();
        assert_eq!(translated, b"a\r\nb\r\nc\r\n\r\nd\re\r\r\n");
    }
}
