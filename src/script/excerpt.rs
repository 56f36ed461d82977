//! The beginning of what a peer sent instead of a match, as errors show it.

use std::fmt;

use crate::text;

/// The most bytes shown of what came instead: a few lines.
pub(super) const MAX_SHOWN: usize = 400;

/// What came instead of what was expected, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The first bytes of it; at most 400.
    pub bytes: Vec<u8>,
    /// How many more there were.
    pub omitted: usize,
    /// Whether anything came that was expected, before.
    pub was_heard: bool,
}

impl Excerpt {
    /// Returns the first of `bytes`. What is in UTF-8 is not cut within a character.
    pub(super) fn of(bytes: &[u8], was_heard: bool) -> Self {
        let mut end = bytes.len().min(MAX_SHOWN);
        let is_within = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
        for _ in 0..3 {
            end -= usize::from(end > 0 && is_within(end));
        }
        Self { bytes: bytes[..end].to_owned(), omitted: bytes.len() - end, was_heard }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, omitted, was_heard } = self;
        match (bytes.is_empty(), was_heard) {
            (true, false) => return f.write_str("nothing came"),
            (true, true) => return f.write_str("nothing more came"),
            (false, _) => write!(f, "what came instead: {}", text::quote(bytes))?,
        }
        if *omitted > 0 {
            write!(f, " and {omitted} bytes more")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_shown_escaped_bounded_and_in_whole_characters() {
        assert_eq!(
            Excerpt::of(b"421 busy\r\n", true).to_string(),
            r#"what came instead: "421 busy\r\n""#
        );
        assert_eq!(Excerpt::of(b"", false).to_string(), "nothing came");
        assert_eq!(Excerpt::of(b"", true).to_string(), "nothing more came");
        let long = format!("{}é and more", "x".repeat(MAX_SHOWN - 1));
        let shown = Excerpt::of(long.as_bytes(), true);
        assert_eq!(shown.bytes, "x".repeat(MAX_SHOWN - 1).as_bytes());
        assert!(shown.to_string().ends_with(r#"x" and 11 bytes more"#), "{shown}");
        assert_eq!(Excerpt::of(&[0x80; 2 * MAX_SHOWN], true).bytes.len(), MAX_SHOWN - 3);
    }
}
