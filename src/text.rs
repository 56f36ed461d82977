//! The one escaper: text from the network made safe for a screen or a log, and back again.
//!
//! A leaf that every layer may name; it knows no socket, no command and no format.
//!
//! What is escaped: control characters (C0, DEL, C1), characters that reorder or hide text (bidi
//! controls, zero-width characters, line separators, tags), whatever the standard library calls
//! unprintable, bytes that are not UTF-8, and the backslash itself. Everything else, accents and
//! emoji included, stays as it is. Nothing is lost: [`unescape`] gives the bytes back.

use std::fmt::Write as _;

/// Returns `bytes` with everything dangerous escaped; [`unescape`] is its inverse.
///
/// The result is one line: it holds no newline, tab or other control character.
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    push_escaped(&mut out, bytes, |_| false);
    out
}

/// Returns `bytes` escaped and in double quotes, with any quote inside escaped as `\"`.
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

/// Returns whether a terminal or a log must not see `c` as it is.
pub fn is_hostile(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    is_invisible(c) || !is_printable(c)
}

/// Turns what [`escape`] or [`quote`] (without its outer quotes) wrote back into bytes.
///
/// # Errors
/// Says where a backslash is not followed by an escape this module writes.
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

/// A backslash that begins no known escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid escape at byte {offset}")]
pub struct InvalidEscape {
    /// The backslash's position, in bytes from the beginning.
    pub offset: usize,
}

/// Escapes a stream in pieces, for a terminal: tab and newline pass (CR LF is a newline too),
/// everything else is treated as by [`escape`], and what belongs together is not torn where two
/// pieces meet.
#[derive(Debug, Default)]
pub struct StreamEscaper {
    /// The beginning of a UTF-8 character, or a CR, whose rest has not come yet; at most three
    /// bytes.
    pending: Vec<u8>,
}

impl StreamEscaper {
    /// Returns what can be shown of `piece` and what was kept back before.
    pub fn push(&mut self, piece: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.pending);
        bytes.extend_from_slice(piece);
        let torn = if bytes.ends_with(b"\r") { 1 } else { incomplete_tail(&bytes) };
        self.pending = bytes.split_off(bytes.len() - torn);
        let mut out = String::with_capacity(bytes.len());
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (body, end) = match line.strip_suffix(b"\r\n") {
                Some(body) => (body, "\n"),
                None => (line, ""),
            };
            push_escaped(&mut out, body, |c| c == '\n' || c == '\t');
            out.push_str(end);
        }
        out
    }

    /// Returns what was kept back, now that nothing more will come.
    pub fn finish(&mut self) -> String {
        escape(&std::mem::take(&mut self.pending))
    }
}

fn push_escaped(out: &mut String, bytes: &[u8], pass: impl Fn(char) -> bool) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c != '\\' && (pass(c) || !is_hostile(c)) {
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
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}").unwrap_or_default();
        }
    }
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

/// Unlike `from_str_radix`, takes no sign; at most six digits, as Unicode needs.
fn parse_hex(digits: &str) -> Option<u32> {
    let plain = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(digits, 16).ok())?
}

/// How many bytes at the end begin a character that is not complete yet: none, or up to three.
fn incomplete_tail(bytes: &[u8]) -> usize {
    let is_lead = |byte: &u8| *byte >= 0xc0;
    let last = &bytes[bytes.len().saturating_sub(3)..];
    let Some(at) = last.iter().rposition(is_lead) else {
        return 0;
    };
    match std::str::from_utf8(&last[at..]) {
        // `error_len` is None only where more bytes could still make the character whole.
        Err(error) if error.error_len().is_none() => last.len() - at,
        _ => 0,
    }
}

/// Characters the standard library may print although they show nothing or reorder what follows.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}'                                 // soft hyphen
        | '\u{034F}'                               // combining grapheme joiner
        | '\u{061C}'                               // Arabic letter mark (bidi)
        | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' // Hangul fillers
        | '\u{17B4}' | '\u{17B5}'                  // Khmer inherent vowels
        | '\u{180B}'..='\u{180F}'                  // Mongolian selectors and separator
        | '\u{200B}'..='\u{200F}'                  // zero width space, joiners, bidi marks
        | '\u{2028}'..='\u{202E}'                  // line and paragraph separators, bidi overrides
        | '\u{2060}'..='\u{206F}'                  // word joiner, invisible operators, bidi isolates
        | '\u{FEFF}'                               // byte order mark
        | '\u{FFF9}'..='\u{FFFB}'                  // interlinear annotation
        | '\u{1D173}'..='\u{1D17A}'                // musical formatting
        | '\u{E0000}'..='\u{E0FFF}'                // tags and supplementary selectors
    )
}

/// Asks the standard library's Unicode tables, through the only door they have.
fn is_printable(c: char) -> bool {
    // After a letter, `escape_debug` lets combining marks stand: what is left is "unprintable".
    let mut buffer = [b'a'; 5];
    let len = 1 + c.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..len])
        .is_ok_and(|pair| pair.escape_debug().nth(1).is_some_and(|shown| shown == c))
}

/// Messages may quote a peer: everything but our own line breaks is escaped.
///
/// What is already escaped must not be escaped again, so backslashes stay.
pub fn escape_lines(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for c in message.chars() {
        if c != '\n' && is_hostile(c) {
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
    fn ordinary_text_in_any_language_stays_readable() {
        for text in ["Olá, ação ✓", "e\u{301}", "日本語", "🦀", "it's \"quoted\""] {
            assert_eq!(escape(text.as_bytes()), text);
        }
    }

    #[test]
    fn attacks_by_name_are_escaped() {
        for (name, attack, shown) in [
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
            assert_eq!(escape(attack.as_bytes()), shown, "{name}");
        }
        assert_eq!(escape(b"caf\xe9"), "caf\\xe9");
        assert_eq!(quote(b"a\"b\\"), r#""a\"b\\""#);
    }

    #[test]
    fn every_pair_of_bytes_comes_back() {
        for pair in 0..=u16::MAX {
            let bytes = pair.to_be_bytes();
            assert_eq!(unescape(&escape(&bytes)).as_deref(), Ok(bytes.as_slice()));
        }
    }

    #[test]
    fn broken_escapes_are_refused_with_their_place() {
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
    fn a_terminal_sees_crlf_as_a_newline_and_a_lone_cr_escaped() {
        let mut escaper = StreamEscaper::default();
        assert_eq!(escaper.push(b"one\r\n\ttwo\rfake\r"), "one\n\ttwo\\rfake");
        assert_eq!(escaper.push(b"\nthree\r"), "\nthree");
        assert_eq!(escaper.finish(), "\\r");
    }

    proptest! {
        #[test]
        fn escaped_text_is_safe_and_reversible(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let escaped = escape(&bytes);
            prop_assert!(!escaped.chars().any(is_hostile));
            prop_assert_eq!(&unescape(&escaped).unwrap(), &bytes);
            let quoted = quote(&bytes);
            prop_assert_eq!(unescape(&quoted[1..quoted.len() - 1]).unwrap(), bytes);
        }

        #[test]
        fn any_unicode_text_is_safe_and_reversible(text in any::<String>()) {
            let escaped = escape(text.as_bytes());
            prop_assert!(!escaped.chars().any(is_hostile));
            prop_assert_eq!(unescape(&escaped).unwrap(), text.as_bytes());
        }

        #[test]
        fn unescape_never_panics(text in any::<String>()) {
            unescape(&text).ok();
        }

        #[test]
        fn what_unescapes_escapes_to_the_same_bytes(text in r#"(\\[\\nrt0"]|\\x[0-9a-f]{2}|\\u\{[0-9a-f]{1,4}\}|[ -~&&[^\\]]|é){0,20}"#) {
            if let Ok(bytes) = unescape(&text) {
                prop_assert_eq!(unescape(&escape(&bytes)).unwrap(), bytes);
            }
        }

        #[test]
        fn a_stream_reads_the_same_however_it_is_cut(text in any::<String>(), cuts in prop::collection::vec(1usize..5, 0..40)) {
            let mut whole = StreamEscaper::default();
            let expected = whole.push(text.as_bytes()) + &whole.finish();
            let mut escaper = StreamEscaper::default();
            let (mut shown, mut rest) = (String::new(), text.as_bytes());
            for cut in cuts {
                let (piece, later) = rest.split_at(cut.min(rest.len()));
                shown += &escaper.push(piece);
                rest = later;
            }
            shown += &escaper.push(rest);
            shown += &escaper.finish();
            prop_assert_eq!(shown, expected);
        }
    }
}
