//! Nicknames: what is one, and when two are the same.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

use crate::text;

/// A name in the room, in Unicode's composed form (NFC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nick(String);

/// What two spellings of one nickname have in common: they must not both be in the room.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NickKey(String);

/// Why something is no nickname.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNick {
    /// Nothing, or only spaces.
    #[error("empty nickname")]
    Empty,
    /// Over the limit.
    #[error("nickname too long (max {MAX_CHARS} characters)")]
    TooLong,
    /// Characters that are no letters or digits and none of `_-.`.
    #[error("a nickname has only letters, digits and _-.")]
    Characters,
    /// A name that could pass for the server.
    #[error("that nickname is reserved")]
    Reserved,
}

/// The longest nickname, in characters.
pub const MAX_CHARS: usize = 24;

/// Names that could pass for the server's own voice.
const RESERVED_NICKS: [&str; 5] = ["server", "system", "admin", "ok", "err"];

impl Nick {
    /// Reads a nickname from a line somebody sent.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(line: &[u8]) -> Result<Self, InvalidNick> {
        let name = std::str::from_utf8(line.trim_ascii()).map_err(|_| InvalidNick::Characters)?;
        if name.is_empty() {
            return Err(InvalidNick::Empty);
        }
        // Composition only shortens: what is longer than this cannot become short enough.
        if name.chars().take(MAX_CHARS * 4 + 1).count() > MAX_CHARS * 4 {
            return Err(InvalidNick::TooLong);
        }
        let name: String = name.nfc().collect();
        let legal = |c: char| (c.is_alphanumeric() || "_-.".contains(c)) && !text::is_hostile(c);
        if !name.chars().all(legal) {
            return Err(InvalidNick::Characters);
        }
        if name.chars().count() > MAX_CHARS {
            return Err(InvalidNick::TooLong);
        }
        let nick = Self(name);
        if RESERVED_NICKS.contains(&nick.key().0.as_str()) {
            return Err(InvalidNick::Reserved);
        }
        Ok(nick)
    }

    /// Returns what this nickname shares with other spellings of it.
    pub fn key(&self) -> NickKey {
        // Compatibility forms too: a full-width letter looks like its plain one.
        NickKey(self.0.nfkc().flat_map(char::to_lowercase).nfkc().collect())
    }

    /// Returns the same name with a number behind it, for somebody who came too late.
    #[must_use]
    pub fn numbered(&self, number: usize) -> Self {
        let digits = number.to_string();
        let kept = MAX_CHARS.saturating_sub(digits.len());
        Self(self.0.chars().take(kept).chain(digits.chars()).collect())
    }
}

impl fmt::Display for Nick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_any_language_make_a_nickname() {
        for name in ["alice", "José", "日本", "a_b-c.d", "x", " padded "] {
            assert_eq!(
                Nick::parse(name.as_bytes()).map(|nick| nick.to_string()),
                Ok(name.trim().to_owned())
            );
        }
    }

    #[test]
    fn what_could_deceive_is_no_nickname() {
        for (name, error) in [
            (&b""[..], InvalidNick::Empty),
            (b"   ", InvalidNick::Empty),
            (b"a b", InvalidNick::Characters),
            (b"<bob>", InvalidNick::Characters),
            (b"-!-", InvalidNick::Characters),
            (b"\x1b[2J", InvalidNick::Characters),
            (b"caf\xe9", InvalidNick::Characters),
            ("a\u{202e}b".as_bytes(), InvalidNick::Characters),
            ("a\u{3164}".as_bytes(), InvalidNick::Characters),
            (b"Server", InvalidNick::Reserved),
            (b"abcdefghijklmnopqrstuvwxyz", InvalidNick::TooLong),
            (&vec![b'x'; 100_000], InvalidNick::TooLong),
        ] {
            assert_eq!(Nick::parse(name), Err(error), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn case_and_composition_make_no_difference() {
        let key = |name: &str| Nick::parse(name.as_bytes()).unwrap().key();
        assert_eq!(key("Alice"), key("aLICE"));
        assert_eq!(key("Jos\u{e9}"), key("Jose\u{301}"));
        assert_eq!(key("ＡＢ"), key("ab"));
        assert_ne!(key("alice"), key("alice2"));
    }

    #[test]
    fn a_numbered_nickname_stays_within_the_limit() {
        let nick = Nick::parse(&[b'x'; MAX_CHARS]).unwrap();
        assert_eq!(nick.numbered(12).to_string().chars().count(), MAX_CHARS);
        assert!(nick.numbered(12).to_string().ends_with("x12"));
    }
}
