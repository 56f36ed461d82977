//! Bytes to lines, with a limit: plain state, no socket.
//!
//! LF, CR LF, CR NUL (telnet) and a bare CR (`PuTTY`) end a line; CR LF never gives an empty line
//! of its own, however the two are cut apart.

/// What ends every line a server of ours says: telnet and `PuTTY` want both characters.
pub const LINE_END: &str = "\r\n";

/// Cuts a stream into lines.
#[derive(Debug)]
pub struct LineSplitter {
    /// The longest line, in bytes without its end.
    max: usize,
    /// How much of a longer line is skipped before the peer is given up.
    patience: usize,
    partial: Vec<u8>,
    /// Bytes skipped of a line that was too long; none while the line is still good.
    skipped: Option<usize>,
    after_cr: bool,
}

/// What a stream turned out to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, without its end.
    Complete(Vec<u8>),
    /// A line over the limit, all of it skipped.
    TooLong,
    /// A line so long that nothing more should be read.
    Endless,
}

impl LineSplitter {
    /// Lines have `max` bytes at most; of a longer one `patience` bytes more are skipped.
    pub fn new(max: usize, patience: usize) -> Self {
        Self { max, patience, partial: Vec::new(), skipped: None, after_cr: false }
    }

    /// Changes the limit, from the line that is being read on.
    pub fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    /// Returns how many bytes of an unfinished line are held.
    pub fn pending(&self) -> usize {
        self.partial.len() + self.skipped.unwrap_or(0)
    }

    /// Returns what has come of an unfinished line that is still good.
    pub fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Takes the unfinished line, as where the end of the stream ends it too; none if it is empty.
    pub fn take_pending(&mut self) -> Option<Vec<u8>> {
        let good = self.skipped.is_none() && !self.partial.is_empty();
        good.then(|| std::mem::take(&mut self.partial))
    }

    /// Takes bytes from the front of `bytes` until a line ends, and returns that line; `None` once
    /// all of `bytes` is taken.
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
        self.keep(piece);
        if self.skipped.is_some_and(|skipped| skipped > self.patience) {
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

    fn keep(&mut self, piece: &[u8]) {
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

/// Ends lines with CR LF, whether they came with LF or with CR LF, however they were cut up.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrLf {
    /// Whether the last byte was a CR, so that an LF that comes next needs none.
    after_cr: bool,
}

impl CrLf {
    /// Returns `bytes`, which follow those translated before, with every line end a CR LF.
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
    fn every_line_end_ends_one_line() {
        let mut splitter = LineSplitter::new(10, 0);
        let lines = split(&mut splitter, &[b"a\nb\r\nc\r\0d\re\n\n"]);
        assert_eq!(lines, complete(&["a", "b", "c", "d", "e", ""]));
        // Cut between CR and LF: still one line, and known at the CR already.
        assert_eq!(split(&mut splitter, &[b"x\r"]), complete(&["x"]));
        assert_eq!(split(&mut splitter, &[b"\ny\n"]), complete(&["y"]));
        assert_eq!(splitter.take_pending(), None);
    }

    #[test]
    fn a_line_at_the_limit_passes_and_one_byte_more_does_not() {
        let mut splitter = LineSplitter::new(3, 100);
        let lines = split(&mut splitter, &[b"abc\nabcd\nok\n"]);
        let expected = [complete(&["abc"]), vec![Line::TooLong], complete(&["ok"])].concat();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_line_without_end_is_given_up_and_never_stored() {
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
    fn what_is_left_at_the_end_can_be_taken() {
        let mut splitter = LineSplitter::new(10, 0);
        assert_eq!(split(&mut splitter, &[b"a\nrest"]), complete(&["a"]));
        assert_eq!(splitter.pending(), 4);
        assert_eq!(splitter.take_pending().as_deref(), Some(b"rest".as_slice()));
        assert_eq!(splitter.pending(), 0);
    }

    proptest! {
        #[test]
        fn cutting_the_stream_differently_changes_nothing(
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
    fn line_ends_become_cr_lf_once_however_they_are_cut() {
        let mut translator = CrLf::default();
        let pieces: [&[u8]; 5] = [b"a\nb\r", b"\nc\r\n", b"\n", b"d\re", b"\r\r\n"];
        let translated: Vec<u8> = pieces.iter().flat_map(|p| translator.translate(p)).collect();
        assert_eq!(translated, b"a\r\nb\r\nc\r\n\r\nd\re\r\r\n");
    }
}
