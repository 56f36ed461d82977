//! Serializes a value as one line of JSON.
//!
//! Characters that are unsafe on a terminal and that `serde_json` leaves raw are escaped as well.

use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;

use crate::text;

/// Returns `value` as one line of JSON, including the newline.
pub(crate) fn line(value: &impl Serialize) -> String {
    let mut out = Vec::with_capacity(128);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, SafeFormatter);
    // Cannot fail: sockkit's types have string keys, and the output is in memory.
    value.serialize(&mut serializer).unwrap_or_default();
    out.push(b'\n');
    String::from_utf8(out).unwrap_or_default()
}

/// Formats compact JSON whose strings are safe to print on a terminal.
struct SafeFormatter;

impl Formatter for SafeFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if text::is_plain_ascii(fragment) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut written = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| text::is_hostile(*c)) {
            writer.write_all(&fragment.as_bytes()[written..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            written = at + c.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[written..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_one_safe_line_that_parses_back(text in any::<String>()) {
            let line = line(&text);
            let body = line.strip_suffix('\n').unwrap();
            prop_assert!(!body.chars().any(text::is_hostile));
            prop_assert_eq!(serde_json::from_str::<String>(body).unwrap(), text);
        }
    }

    #[test]
    fn hostile_characters_that_serde_json_leaves_raw_are_escaped() {
        assert_eq!(
            line(&"\u{7f}\u{9b}\u{202e}\u{e0041}"),
            "\"\\u007f\\u009b\\u202e\\udb40\\udc41\"\n"
        );
    }
}
