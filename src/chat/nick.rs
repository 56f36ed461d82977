//! Nicknames: which ones are valid, and which count as equal.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{
    GeneralSecurityProfile as _, RestrictionLevel, RestrictionLevelDetection as _,
};

/// A valid nickname, normalized to Unicode NFC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nick(String);

/// The comparison key of a nickname: two nicknames with equal keys cannot be in the room at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NickKey(String);

/// Why a nickname is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNick {
    /// It is empty or consists of spaces.
    #[error("empty nickname")]
    Empty,
    /// It has more than [`MAX_CHARS`] characters.
    #[error("nickname too long (max {MAX_CHARS} characters)")]
    TooLong,
    /// It contains a character other than letters, digits, `_`, `-` and `.`, or one that UTS 39
    /// does not allow in identifiers, such as an invisible or obsolete one.
    #[error("a nickname may contain only letters, digits, '_', '-' and '.'")]
    Characters,
    /// It mixes scripts whose letters look alike, such as Latin and Cyrillic.
    #[error("a nickname may not mix alphabets")]
    MixedScripts,
    /// It could be mistaken for the server.
    #[error("that nickname is reserved")]
    Reserved,
}

/// The longest nickname, in characters.
pub const MAX_CHARS: usize = 24;

/// Names that members could mistake for the server, as lowercase keys.
const RESERVED_NICKS: [&str; 5] = ["server", "system", "admin", "ok", "err"];

impl Nick {
    /// Parses a nickname from a client's line, without the spaces around it.
    ///
    /// # Errors
    /// The first rule that the nickname breaks.
    pub fn parse(line: &[u8]) -> Result<Self, InvalidNick> {
        let name = std::str::from_utf8(line.trim_ascii()).map_err(|_| InvalidNick::Characters)?;
        if name.is_empty() {
            return Err(InvalidNick::Empty);
        }
        // NFC composes at most four characters into one, so a longer name cannot become short
        // enough, and normalizing it would only cost time.
        if name.chars().take(MAX_CHARS * 4 + 1).count() > MAX_CHARS * 4 {
            return Err(InvalidNick::TooLong);
        }
        let name: String = name.nfc().collect();
        let is_valid =
            |c: char| (c.is_alphanumeric() || "_-.".contains(c)) && c.identifier_allowed();
        if !name.chars().all(is_valid) {
            return Err(InvalidNick::Characters);
        }
        if name.chars().count() > MAX_CHARS {
            return Err(InvalidNick::TooLong);
        }
        // One script, or Latin with the scripts of Chinese, Japanese or Korean (UTS 39, 5.2).
        if !name.check_restriction_level(RestrictionLevel::HighlyRestrictive) {
            return Err(InvalidNick::MixedScripts);
        }
        let nick = Self(name);
        if RESERVED_NICKS.iter().any(|reserved| NickKey::of(reserved) == nick.key()) {
            return Err(InvalidNick::Reserved);
        }
        Ok(nick)
    }

    /// Returns the key under which this nickname is compared with others.
    pub fn key(&self) -> NickKey {
        NickKey::of(&self.0)
    }

    /// Returns the nickname with `number` appended, shortened to stay within [`MAX_CHARS`]: an
    /// alternative for a nickname that is in use.
    #[must_use]
    pub fn numbered(&self, number: usize) -> Self {
        let digits = number.to_string();
        let kept = MAX_CHARS.saturating_sub(digits.len());
        Self(self.0.chars().take(kept).chain(digits.chars()).collect())
    }
}

impl NickKey {
    /// Returns the key of `name`: equal for names that differ only in case.
    ///
    /// It is not the skeleton of UTS 39, section 4, whose table of 6,000 pointers the loader would
    /// relocate at each start of any command. A name in one script may look like one in another.
    fn of(name: &str) -> Self {
        Self(name.nfkc().flat_map(char::to_lowercase).nfkc().collect())
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
    fn a_nickname_may_contain_letters_of_any_script() {
        for name in
            ["alice", "José", "Ελένη", "Иван", "日本", "カナabc", "a_b-c.d", "x", " padded "]
        {
            assert_eq!(
                Nick::parse(name.as_bytes()).map(|nick| nick.to_string()),
                Ok(name.trim().to_owned())
            );
        }
    }

    #[test]
    fn an_invalid_nickname_is_rejected_with_the_reason() {
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
            ("alice\u{345}".as_bytes(), InvalidNick::Characters),
            ("ＡＢ".as_bytes(), InvalidNick::Characters),
            ("\u{430}lice".as_bytes(), InvalidNick::MixedScripts),
            ("bοb".as_bytes(), InvalidNick::MixedScripts),
            (b"Server", InvalidNick::Reserved),
            (b"abcdefghijklmnopqrstuvwxyz", InvalidNick::TooLong),
            (&vec![b'x'; 100_000], InvalidNick::TooLong),
        ] {
            assert_eq!(Nick::parse(name), Err(error), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn case_and_unicode_composition_do_not_change_the_key() {
        let key = |name: &str| Nick::parse(name.as_bytes()).unwrap().key();
        assert_eq!(key("Alice"), key("aLICE"));
        assert_eq!(key("Jos\u{e9}"), key("Jose\u{301}"));
        assert_ne!(key("alice"), key("alice2"));
    }

    #[test]
    fn a_numbered_nickname_stays_within_the_limit() {
        let nick = Nick::parse(&[b'x'; MAX_CHARS]).unwrap();
        assert_eq!(nick.numbered(12).to_string().chars().count(), MAX_CHARS);
        assert!(nick.numbered(12).to_string().ends_with("x12"));
    }
}
