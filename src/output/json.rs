//! One JSON object a line, with the characters `serde_json` leaves raw escaped as well.

use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;

use crate::text;

/// Returns `value` as one line of JSON, newline included.
pub(crate) fn line(value: &impl Serialize) -> String {
    let mut out = Vec::with_capacity(128);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, SafeFormatter);
    // Our own types have string keys and write to memory: there is nothing that can fail.
    value.serialize(&mut serializer).unwrap_or_default();
    out.push(b'\n');
    String::from_utf8(out).unwrap_or_default()
}

/// Compact JSON whose strings are safe to `cat` on a terminal.
struct SafeFormatter;

impl Formatter for SafeFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut clean = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| text::is_hostile(*c)) {
            writer.write_all(&fragment.as_bytes()[clean..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            clean = at + c.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[clean..])
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
    fn what_serde_json_would_print_raw_is_escaped() {
        assert_eq!(
            line(&"\u{7f}\u{9b}\u{202e}\u{e0041}"),
            "\"\\u007f\\u009b\\u202e\\udb40\\udc41\"\n"
        );
    }
}
