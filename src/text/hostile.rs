//! Which characters must be escaped before they reach a terminal or a log.

/// Returns whether `c` must be escaped before it reaches a terminal or a log. Of a zero-width
/// joiner, [`super::contains_hostile`] judges the text around it, too.
pub fn is_hostile(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    is_invisible(c) || !is_printable(c)
}

/// Returns whether `text` has only ASCII characters that can be seen, and spaces: this is far
/// quicker to find out than what to do with each character.
pub fn is_plain_ascii(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Returns whether `c` is invisible or reorders text although the standard library may print it.
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
        | '\u{2060}'..='\u{206F}'                  // word joiner, operators, bidi isolates
        | '\u{FEFF}'                               // byte order mark
        | '\u{FFF9}'..='\u{FFFB}'                  // interlinear annotation
        | '\u{1D173}'..='\u{1D17A}'                // musical formatting
        | '\u{E0000}'..='\u{E0FFF}'                // tags and supplementary selectors
    )
}

/// Returns whether the standard library considers `c` printable. Only `escape_debug` exposes its
/// Unicode tables.
fn is_printable(c: char) -> bool {
    // A letter precedes `c`: at the start of a string, `escape_debug` escapes combining marks too.
    let mut buffer = [b'a'; 5];
    let len = 1 + c.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..len])
        .is_ok_and(|pair| pair.escape_debug().nth(1).is_some_and(|printed| printed == c))
}
