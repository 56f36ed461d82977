//! Decodes the bytes that a terminal sends into keys. Plain state, no I/O.

use std::str;

/// A key, or text that was pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    /// A character to insert even if it is a control character.
    Literal(char),
    /// A control key, named by its letter in lower case.
    Ctrl(char),
    Alt(char),
    AltBackspace,
    Enter,
    Backspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Up,
    Down,
    Home,
    End,
    /// A part of a bracketed paste.
    Paste(String),
    /// The terminal reports the cursor in this column, from 0.
    CursorAt(usize),
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A key without a meaning.
    Other,
}

/// The longest sequence of bytes that is read as one key. A longer one is no key of a terminal.
const MAX_SEQUENCE: usize = 32;

/// Begins and ends a bracketed paste.
const PASTE_BEGIN: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// Splits the bytes from a terminal into keys.
#[derive(Debug, Default)]
pub(crate) struct KeyDecoder {
    /// The bytes that are not decoded yet, from `at` on.
    bytes: Vec<u8>,
    at: usize,
    is_pasting: bool,
    /// Whether the last byte of the paste was a CR, so that an LF after it is the same line ending.
    after_cr: bool,
    /// Whether the next character is taken literally.
    is_literal: bool,
}

/// What the first bytes are.
enum Decoded {
    /// A key of this many bytes.
    Key(Key, usize),
    /// The beginning of a key.
    Incomplete,
}

impl KeyDecoder {
    /// Adds bytes that the terminal has sent.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next key; `None` if more bytes are needed.
    pub(crate) fn next(&mut self) -> Option<Key> {
        self.decode(false)
    }

    /// Returns the next key after a pause: the beginning of a key is then a key itself.
    pub(crate) fn next_after_pause(&mut self) -> Option<Key> {
        self.decode(true)
    }

    /// Returns whether there are bytes of an incomplete key.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.at < self.bytes.len()
    }

    /// Takes the next character literally, even if it is a control character.
    pub(crate) fn quote_next(&mut self) {
        self.is_literal = true;
    }

    fn decode(&mut self, is_last: bool) -> Option<Key> {
        let bytes = &self.bytes[self.at..];
        let (key, len) = match bytes {
            [] => return None,
            _ if self.is_pasting => return self.paste(is_last),
            // The answer of the terminal is not what the user has typed.
            _ if self.is_literal && !is_report(bytes) => match decode_char(bytes) {
                Decoded::Key(Key::Char(c), len) => (Key::Literal(c), len),
                Decoded::Key(key, len) => (key, len),
                Decoded::Incomplete => (Key::NotUtf8, bytes.len()),
            },
            _ => match decode_key(bytes) {
                Decoded::Key(key, len) => (key, len),
                Decoded::Incomplete if is_last && bytes[0] >= 0x80 => (Key::NotUtf8, bytes.len()),
                Decoded::Incomplete if is_last || bytes.len() > MAX_SEQUENCE => {
                    (Key::Other, bytes.len())
                }
                Decoded::Incomplete => return None,
            },
        };
        self.is_pasting = bytes.starts_with(PASTE_BEGIN);
        self.is_literal &= matches!(key, Key::CursorAt(_));
        self.at += len;
        Some(key)
    }

    /// Returns the text that was pasted so far; after a pause, also what may be the beginning of
    /// the end or of a character.
    fn paste(&mut self, is_last: bool) -> Option<Key> {
        let bytes = &self.bytes[self.at..];
        if bytes.starts_with(PASTE_END) {
            (self.is_pasting, self.after_cr) = (false, false);
            self.at += PASTE_END.len();
            return Some(Key::Other);
        }
        let escape = bytes.iter().skip(1).position(|byte| *byte == 0x1b);
        let end = match (bytes, escape) {
            // Either an escape that is text, or the beginning of the end.
            ([0x1b, ..], _) if PASTE_END.starts_with(bytes) && !is_last => return None,
            (_, Some(before)) => before + 1,
            (_, None) => bytes.len(),
        };
        let (text, len) = match str::from_utf8(&bytes[..end]) {
            Ok(text) => (text, end),
            Err(error) if error.valid_up_to() > 0 => {
                let valid = &bytes[..error.valid_up_to()];
                (str::from_utf8(valid).unwrap_or_default(), valid.len())
            }
            Err(error) => {
                let is_incomplete = error.error_len().is_none() && end == bytes.len();
                if is_incomplete && !is_last {
                    return None;
                }
                self.at += error.error_len().unwrap_or(end);
                return Some(Key::NotUtf8);
            }
        };
        let mut pasted = String::with_capacity(text.len());
        for c in text.chars() {
            let is_same_ending = self.after_cr && c == '\n';
            self.after_cr = c == '\r';
            if !is_same_ending {
                pasted.push(if c == '\r' { '\n' } else { c });
            }
        }
        self.at += len;
        Some(Key::Paste(pasted))
    }
}

/// Decodes the key at the beginning of `bytes`, which are not empty.
fn decode_key(bytes: &[u8]) -> Decoded {
    match bytes {
        [b'\r' | b'\n', ..] => Decoded::Key(Key::Enter, 1),
        [0x7f | 0x08, ..] => Decoded::Key(Key::Backspace, 1),
        [0x1b, rest @ ..] => decode_escape(rest),
        [byte @ 0..0x20, ..] => Decoded::Key(Key::Ctrl(control_letter(*byte)), 1),
        _ => decode_char(bytes),
    }
}

/// Returns the key that, with Ctrl, sends `byte`.
fn control_letter(byte: u8) -> char {
    char::from(byte + b'@').to_ascii_lowercase()
}

/// Decodes the UTF-8 character at the beginning of `bytes`.
fn decode_char(bytes: &[u8]) -> Decoded {
    let (valid, error) = match str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            (valid, Some(error))
        }
    };
    match (valid.chars().next(), error.and_then(|error| error.error_len())) {
        (Some(c), _) => Decoded::Key(Key::Char(c), c.len_utf8()),
        (None, Some(len)) => Decoded::Key(Key::NotUtf8, len),
        (None, None) => Decoded::Incomplete,
    }
}

/// Decodes the key that begins with an escape before `rest`.
fn decode_escape(rest: &[u8]) -> Decoded {
    match rest {
        [] | [b'[' | b'O'] | [b'[', b'['] => Decoded::Incomplete,
        // A function key of the Linux console.
        [b'[', b'[', _, ..] => Decoded::Key(Key::Other, 4),
        [b'[', sequence @ ..] => {
            let Some(len) = sequence.iter().position(|byte| !(0x20..0x40).contains(byte)) else {
                return Decoded::Incomplete;
            };
            Decoded::Key(control_sequence(&sequence[..len], sequence[len]), len + 3)
        }
        [b'O', last, ..] => Decoded::Key(control_sequence(b"", *last), 3),
        [0x7f | 0x08, ..] => Decoded::Key(Key::AltBackspace, 2),
        // Escape is a key of its own; another key follows.
        [0x1b, ..] => Decoded::Key(Key::Other, 1),
        _ => match decode_key(rest) {
            Decoded::Key(Key::Char(c), len) => Decoded::Key(Key::Alt(c), len + 1),
            Decoded::Key(_, len) => Decoded::Key(Key::Other, len + 1),
            Decoded::Incomplete => Decoded::Incomplete,
        },
    }
}

/// Returns the key that sends a control sequence with these parameters and this last byte.
fn control_sequence(parameters: &[u8], last: u8) -> Key {
    // The second parameter tells which modifiers are held: 3 is Alt, 5 is Ctrl.
    let is_modified = parameters.ends_with(b";3") || parameters.ends_with(b";5");
    match (last, parameters) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) if is_modified => Key::WordRight,
        (b'D', _) if is_modified => Key::WordLeft,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', b"1" | b"7") => Key::Home,
        (b'F', _) | (b'~', b"4" | b"8") => Key::End,
        (b'~', b"3") => Key::Delete,
        // F3 with a modifier looks the same, but has no meaning.
        (b'R', _) => reported_cursor(parameters).unwrap_or(Key::Other),
        _ => Key::Other,
    }
}

/// Returns whether `bytes` begin with a report of the cursor.
fn is_report(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1b[") && matches!(decode_key(bytes), Decoded::Key(Key::CursorAt(_), _))
}

/// Returns the report of the cursor with these parameters.
fn reported_cursor(parameters: &[u8]) -> Option<Key> {
    let (row, column) = str::from_utf8(parameters).ok()?.split_once(';')?;
    row.parse::<usize>().ok()?;
    Some(Key::CursorAt(column.parse::<usize>().ok()?.checked_sub(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Vec<Key> {
        let mut decoder = KeyDecoder::default();
        let mut keys = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            keys.extend(std::iter::from_fn(|| decoder.next()));
        }
        keys.extend(std::iter::from_fn(|| decoder.next_after_pause()));
        keys
    }

    #[test]
    fn each_key_is_decoded_wherever_a_read_splits_it() {
        let typed =
            "aé日\r\u{7f}\u{4}\u{1f}\x1b[D\x1b[1;5C\x1bOH\x1b[3~\x1bf\x1b\u{7f}\x1b[[A\x1b[12;80Rx";
        let expected = [
            Key::Char('a'),
            Key::Char('é'),
            Key::Char('日'),
            Key::Enter,
            Key::Backspace,
            Key::Ctrl('d'),
            Key::Ctrl('_'),
            Key::Left,
            Key::WordRight,
            Key::Home,
            Key::Delete,
            Key::Alt('f'),
            Key::AltBackspace,
            Key::Other,
            Key::CursorAt(79),
            Key::Char('x'),
        ];
        for cut in 0..typed.len() {
            let (first, second) = typed.as_bytes().split_at(cut);
            assert_eq!(decode(&[first, second]), expected, "{cut}");
        }
    }

    #[test]
    fn a_paste_is_text_until_its_end() {
        let pasted = b"\x1b[200~one\rtwo\x1b[A\r\nthree\x1b[201~x";
        for cut in 0..pasted.len() {
            let (first, second) = pasted.split_at(cut);
            let keys = decode(&[first, second]).into_iter();
            let text: String = keys
                .map(|key| match key {
                    Key::Paste(text) => text,
                    Key::Char(c) => c.to_string(),
                    Key::Other => String::new(),
                    key => panic!("{key:?}"),
                })
                .collect();
            assert_eq!(text, "one\ntwo\x1b[A\nthreex", "{cut}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_reported_and_an_unfinished_key_ends_with_a_pause() {
        assert_eq!(decode(&[b"a\xff", b"b"]), [Key::Char('a'), Key::NotUtf8, Key::Char('b')]);
        assert_eq!(decode(&[b"\xe6\x97"]), [Key::NotUtf8]);
        assert_eq!(decode(&[b"\x1b"]), [Key::Other]);
        assert_eq!(decode(&[b"\x1b["]), [Key::Other]);
        let mut decoder = KeyDecoder::default();
        decoder.push(b"\x16\x03");
        assert_eq!(decoder.next(), Some(Key::Ctrl('v')));
        decoder.quote_next();
        assert_eq!(decoder.next(), Some(Key::Literal('\u{3}')));
        decoder.quote_next();
        decoder.push(b"\x1b[12;80R\x04");
        assert_eq!(decoder.next(), Some(Key::CursorAt(79)));
        assert_eq!(decoder.next(), Some(Key::Literal('\u{4}')));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_to_the_end(
            bytes in prop::collection::vec(
                prop_oneof![any::<u8>(), prop::sample::select(b"\x1b[O20~1;\r".to_vec())], 0..60,
            ),
        ) {
            let mut decoder = KeyDecoder::default();
            decoder.push(&bytes);
            while decoder.next().is_some() {}
            while decoder.next_after_pause().is_some() {}
            prop_assert!(!decoder.is_incomplete());
        }
    }
}
