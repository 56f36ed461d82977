//! The beginning of the unmatched data that a peer sent, for error messages.

use std::fmt;

use crate::text;

/// The most bytes that an excerpt holds: a few lines of text.
pub(super) const MAX_EXCERPT_BYTES: usize = 400;

/// The beginning of received data that no expectation has matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The first bytes, at most 400.
    pub bytes: Vec<u8>,
    /// The number of bytes that follow these.
    pub omitted: usize,
    /// Whether the peer has sent any data at all, matched or not.
    pub received_any: bool,
}

impl Excerpt {
    /// Returns the excerpt of `bytes`. It does not end within a UTF-8 character.
    pub(super) fn of(bytes: &[u8], received_any: bool) -> Self {
        let mut end = bytes.len().min(MAX_EXCERPT_BYTES);
        let is_continuation = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
        for _ in 0..3 {
            end -= usize::from(end > 0 && is_continuation(end));
        }
        Self { bytes: bytes[..end].to_owned(), omitted: bytes.len() - end, received_any }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, omitted, received_any } = self;
        match (bytes.is_empty(), received_any) {
            (true, false) => return f.write_str("received nothing"),
            (true, true) => return f.write_str("received nothing more"),
            (false, _) => write!(f, "received {}", text::quote(bytes))?,
        }
        if *omitted > 0 {
            write!(f, " and {omitted} more bytes")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_escaped_bounded_and_ends_at_a_character() {
        assert_eq!(Excerpt::of(b"421 busy\r\n", true).to_string(), r#"received "421 busy\r\n""#);
        assert_eq!(Excerpt::of(b"", false).to_string(), "received nothing");
        assert_eq!(Excerpt::of(b"", true).to_string(), "received nothing more");
        let long = format!("{}é and more", "x".repeat(MAX_EXCERPT_BYTES - 1));
        let excerpt = Excerpt::of(long.as_bytes(), true);
        assert_eq!(excerpt.bytes, "x".repeat(MAX_EXCERPT_BYTES - 1).as_bytes());
        assert!(excerpt.to_string().ends_with(r#"x" and 11 more bytes"#), "{excerpt}");
        let continuations = [0x80; 2 * MAX_EXCERPT_BYTES];
        assert_eq!(Excerpt::of(&continuations, true).bytes.len(), MAX_EXCERPT_BYTES - 3);
    }
}
