//! The only escaper: makes text from the network safe for a terminal or a log, reversibly.
//!
//! This module is a leaf: it uses no other module of sockkit.
//!
//! It escapes control characters (C0, DEL, C1), characters that reorder or hide text (bidi
//! controls, zero-width characters, line separators, tags), characters that the standard library
//! considers unprintable, bytes that are not UTF-8, and the backslash. All other text, accents and
//! emoji included, is unchanged; a zero-width joiner between two emoji is part of an emoji.
//! [`unescape`] restores the original bytes.

mod emoji;
mod hostile;

use std::fmt::Write as _;

use self::emoji::{JOINER_UTF8, base_before, joins_emoji};
pub use self::hostile::{is_hostile, is_plain_ascii};

/// Returns `bytes` as safe text; [`unescape`] is the inverse.
///
/// The result is one line: it contains no newline, tab or other control character.
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    push_escaped(&mut out, bytes, None, |_| false);
    out
}

/// Returns `bytes` escaped and in double quotes, with each inner quote escaped as `\"`.
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for part in escape(bytes).split_inclusive('"') {
        match part.strip_suffix('"') {
            Some(before) => out.extend([before, "\\\""]),
            None => out.push_str(part),
        }
    }
    out.push('"');
    out
}

/// Returns whether a character of `text` must be escaped.
pub fn contains_hostile(text: &str) -> bool {
    text.char_indices().any(|(at, c)| is_hostile(c) && !joins_emoji(c, text, at, None))
}

/// Returns the bytes that [`escape`] or [`quote`] (without its outer quotes) escaped as `text`.
///
/// # Errors
/// A backslash in `text` does not begin a valid escape.
pub fn unescape(text: &str) -> Result<Vec<u8>, InvalidEscape> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let offset = text.len() - rest.len() + at;
        rest = unescape_one(&rest[at + 1..], &mut out).ok_or(InvalidEscape { offset })?;
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

/// A backslash that does not begin a valid escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid escape at byte {offset}")]
pub struct InvalidEscape {
    /// The position of the backslash, in bytes from the start of the text.
    pub offset: usize,
}

/// Escapes a stream for a terminal, piece by piece.
///
/// Tab and newline are unchanged, CR LF becomes a newline, and all other text is treated as by
/// [`escape`]. A character that is split between two pieces is handled as one.
#[derive(Debug, Default)]
pub struct StreamEscaper {
    /// A trailing CR, zero-width joiner or the first bytes of an incomplete UTF-8 character, held
    /// back until the next piece; at most six bytes.
    pending: Vec<u8>,
    /// The character before the pending bytes, as [`base_before`] returns it.
    before: Option<char>,
}

impl StreamEscaper {
    /// Returns the text of the bytes held back so far and of `piece`, up to its last complete
    /// character.
    pub fn push(&mut self, piece: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.pending);
        bytes.extend_from_slice(piece);
        let mut end = bytes.len();
        if bytes.ends_with(b"\r") {
            end -= 1;
        } else {
            end -= incomplete_tail(&bytes);
            if bytes[..end].ends_with(JOINER_UTF8) {
                end -= JOINER_UTF8.len();
            }
        }
        self.pending = bytes.split_off(end);
        let mut out = String::with_capacity(bytes.len());
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (body, end) = match line.strip_suffix(b"\r\n") {
                Some(body) => (body, "\n"),
                None => (line, ""),
            };
            let before = self.before;
            self.before = push_escaped(&mut out, body, before, |c| c == '\n' || c == '\t');
            if !end.is_empty() {
                out.push_str(end);
                self.before = None;
            }
        }
        out
    }

    /// Returns the text of the bytes held back, at the end of the stream.
    pub fn finish(&mut self) -> String {
        self.before = None;
        escape(&std::mem::take(&mut self.pending))
    }
}

/// Appends `bytes` to `out`, escaped except for the characters that `pass` accepts. `before` is the
/// character before them, as [`base_before`] returns it; the result is the one before what follows.
fn push_escaped(
    out: &mut String,
    bytes: &[u8],
    before: Option<char>,
    pass: impl Fn(char) -> bool,
) -> Option<char> {
    let mut before = before;
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        for (at, c) in valid.char_indices() {
            let is_text = !is_hostile(c) || joins_emoji(c, valid, at, before);
            if c != '\\' && (pass(c) || is_text) {
                out.push(c);
                continue;
            }
            match c {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\0' => out.push_str("\\0"),
                // Writing to a String cannot fail.
                c => write!(out, "\\u{{{:x}}}", u32::from(c)).unwrap_or_default(),
            }
        }
        before = base_before(valid, before);
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}").unwrap_or_default();
            before = None;
        }
    }
    before
}

/// Decodes the escape after a backslash into `out` and returns what follows it.
fn unescape_one<'a>(after: &'a str, out: &mut Vec<u8>) -> Option<&'a str> {
    let mut chars = after.chars();
    let byte = match chars.next()? {
        '\\' => b'\\',
        '"' => b'"',
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        '0' => b'\0',
        'x' => {
            let digits = after.get(1..3)?;
            out.push(parse_hex(digits).and_then(|value| u8::try_from(value).ok())?);
            return after.get(3..);
        }
        'u' => {
            let (digits, rest) = after.get(1..)?.strip_prefix('{')?.split_once('}')?;
            let c = parse_hex(digits).and_then(char::from_u32)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        _ => return None,
    };
    out.push(byte);
    Some(chars.as_str())
}

/// Parses one to six hexadecimal digits; unlike `from_str_radix`, it accepts no sign.
fn parse_hex(digits: &str) -> Option<u32> {
    let plain = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(digits, 16).ok())?
}

/// Returns the length of an incomplete UTF-8 character at the end of `bytes`: 0 to 3.
fn incomplete_tail(bytes: &[u8]) -> usize {
    let is_lead = |byte: &u8| *byte >= 0xc0;
    let last = &bytes[bytes.len().saturating_sub(3)..];
    let Some(at) = last.iter().rposition(is_lead) else { return 0 };
    match std::str::from_utf8(&last[at..]) {
        // `error_len` is `None` only if more bytes could complete the character.
        Err(error) if error.error_len().is_none() => last.len() - at,
        _ => 0,
    }
}

/// Returns `message`, which may quote a peer, with everything escaped except newlines.
///
/// Backslashes are unchanged, because parts of the message may already be escaped.
pub fn escape_lines(message: &str) -> String {
    if is_plain_ascii(message) {
        return message.to_owned();
    }
    let mut out = String::with_capacity(message.len());
    for (at, c) in message.char_indices() {
        if c != '\n' && is_hostile(c) && !joins_emoji(c, message, at, None) {
            out.push_str(&escape(c.encode_utf8(&mut [0; 4]).as_bytes()));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_text_in_any_language_is_unchanged() {
        for text in ["Olá, ação ✓", "e\u{301}", "日本語", "🦀", "it's \"quoted\""] {
            assert_eq!(escape(text.as_bytes()), text);
        }
    }

    #[test]
    fn a_joiner_is_text_between_two_emoji_and_escaped_elsewhere() {
        let (family, astronaut) =
            ("\u{1f468}\u{200d}\u{1f467}", "\u{1f9d1}\u{1f3fd}\u{200d}\u{1f680}");
        let heart = "\u{2764}\u{fe0f}\u{200d}\u{1f525}";
        for text in [family, astronaut, heart] {
            assert_eq!(escape(text.as_bytes()), text);
            assert_eq!(escape_lines(text), text);
            assert!(!contains_hostile(text), "{text}");
            // In a stream, wherever it is split.
            for cut in 0..text.len() {
                let (mut escaper, bytes) = (StreamEscaper::default(), text.as_bytes());
                let shown = escaper.push(&bytes[..cut]) + &escaper.push(&bytes[cut..]);
                assert_eq!(shown + &escaper.finish(), text, "{cut}");
            }
        }
        let (man, girl) = ("\u{1f468}", "\u{1f467}");
        for (before, after) in
            [("a", "b"), (man, ""), (man, "b"), ("", girl), (man, "\u{301}"), ("1", girl)]
        {
            let text = format!("{before}\u{200d}{after}");
            assert!(escape(text.as_bytes()).contains("\\u{200d}"), "{text}");
            assert!(escape_lines(&text).contains("\\u{200d}"), "{text}");
            assert!(contains_hostile(&text), "{text}");
        }
    }

    #[test]
    fn known_terminal_and_log_attacks_are_escaped() {
        for (name, attack, escaped) in [
            ("clear screen", "\u{1b}[2J", "\\u{1b}[2J"),
            ("clipboard", "\u{1b}]52;c;x\u{7}", "\\u{1b}]52;c;x\\u{7}"),
            ("C1 introducer", "\u{9b}31m", "\\u{9b}31m"),
            ("carriage return forgery", "real\rfake", "real\\rfake"),
            ("new record", "a\nb", "a\\nb"),
            ("right-to-left override", "\u{202e}txt", "\\u{202e}txt"),
            ("line separator", "a\u{2028}b", "a\\u{2028}b"),
            ("zero width", "a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("invisible tag", "a\u{e0041}", "a\\u{e0041}"),
            ("delete", "\u{7f}", "\\u{7f}"),
            ("null", "a\0b", "a\\0b"),
            ("backslash", "a\\x41", "a\\\\x41"),
        ] {
            assert_eq!(escape(attack.as_bytes()), escaped, "{name}");
        }
        assert_eq!(escape(b"caf\xe9"), "caf\\xe9");
        assert_eq!(quote(b"a\"b\\"), r#""a\"b\\""#);
    }

    #[test]
    fn escaping_every_pair_of_bytes_is_reversible() {
        for pair in 0..=u16::MAX {
            let bytes = pair.to_be_bytes();
            assert_eq!(unescape(&escape(&bytes)).as_deref(), Ok(bytes.as_slice()));
        }
    }

    #[test]
    fn an_invalid_escape_is_rejected_with_its_position() {
        for (text, offset) in [
            ("a\\", 1),
            ("\\q", 0),
            ("ok\\x4", 2),
            ("\\x+1", 0),
            ("\\u{}", 0),
            ("\\u{110000}", 0),
            ("\\u{1", 0),
            ("\\xé", 0),
        ] {
            assert_eq!(unescape(text), Err(InvalidEscape { offset }), "{text}");
        }
    }

    #[test]
    fn crlf_becomes_a_newline_and_a_bare_cr_is_escaped() {
        let mut escaper = StreamEscaper::default();
        assert_eq!(escaper.push(b"one\r\n\ttwo\rfake\r"), "one\n\ttwo\\rfake");
        assert_eq!(escaper.push(b"\nthree\r"), "\nthree");
        assert_eq!(escaper.finish(), "\\r");
    }

    proptest! {
        #[test]
        fn escaped_text_is_safe_and_reversible(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let escaped = escape(&bytes);
            prop_assert!(!contains_hostile(&escaped));
            prop_assert_eq!(&unescape(&escaped).unwrap(), &bytes);
            let quoted = quote(&bytes);
            prop_assert_eq!(unescape(&quoted[1..quoted.len() - 1]).unwrap(), bytes);
        }

        #[test]
        fn any_unicode_text_is_safe_and_reversible(text in any::<String>()) {
            let escaped = escape(text.as_bytes());
            prop_assert!(!contains_hostile(&escaped));
            prop_assert_eq!(unescape(&escaped).unwrap(), text.as_bytes());
        }

        #[test]
        fn unescape_never_panics(text in any::<String>()) {
            unescape(&text).ok();
        }

        #[test]
        fn escaping_unescaped_text_keeps_its_bytes(
            text in r#"(\\[\\nrt0"]|\\x[0-9a-f]{2}|\\u\{[0-9a-f]{1,4}\}|[ -~&&[^\\]]|é){0,20}"#,
        ) {
            if let Ok(bytes) = unescape(&text) {
                prop_assert_eq!(unescape(&escape(&bytes)).unwrap(), bytes);
            }
        }

        #[test]
        fn the_escaped_stream_does_not_depend_on_how_it_is_split(
            text in prop_oneof![any::<String>(), "[a\u{200d}\u{1f468}\u{fe0f}\r\n]{0,12}"],
            cuts in prop::collection::vec(1usize..5, 0..40),
        ) {
            let mut whole = StreamEscaper::default();
            let expected = whole.push(text.as_bytes()) + &whole.finish();
            let mut escaper = StreamEscaper::default();
            let (mut escaped, mut rest) = (String::new(), text.as_bytes());
            for cut in cuts {
                let (piece, later) = rest.split_at(cut.min(rest.len()));
                escaped += &escaper.push(piece);
                rest = later;
            }
            escaped += &escaper.push(rest);
            escaped += &escaper.finish();
            prop_assert_eq!(escaped, expected);
        }
    }
}
