//! Record classes: mnemonics to numbers and back.

use std::fmt;
use std::str::FromStr;

/// The class of a record or of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordClass(pub u16);

impl RecordClass {
    /// The Internet (RFC 1035 section 3.2.4).
    pub const IN: Self = Self(1);
    /// Chaosnet; servers use it for information about themselves, such as `version.bind`.
    pub const CH: Self = Self(3);
    /// Not a record class: a question for all classes.
    pub const ANY: Self = Self(255);
}

/// The error for text that is not a class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a class: give IN, CH, HS, ANY, or CLASS and a number up to 65535")]
pub struct UnknownClass(String);

impl FromStr for RecordClass {
    type Err = UnknownClass;

    fn from_str(text: &str) -> Result<Self, UnknownClass> {
        let known = CLASS_MNEMONICS.iter().find(|known| known.1.eq_ignore_ascii_case(text));
        let number = || {
            let (word, digits) = text.split_at_checked(5)?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            let is_class = word.eq_ignore_ascii_case("CLASS") && is_number;
            is_class.then(|| digits.parse().ok())?
        };
        let code = known.map(|known| known.0).or_else(number);
        code.map(Self).ok_or_else(|| UnknownClass(text.to_owned()))
    }
}

impl fmt::Display for RecordClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match CLASS_MNEMONICS.iter().find(|known| known.0 == self.0) {
            Some(known) => f.write_str(known.1),
            None => write!(f, "CLASS{}", self.0),
        }
    }
}

/// IANA's registry "DNS CLASSes", as far as the codes have mnemonics; the first one of a code is
/// shown. dig also has the whole names.
const CLASS_MNEMONICS: [(u16, &str); 7] =
    [(1, "IN"), (3, "CH"), (4, "HS"), (3, "CHAOS"), (4, "HESIOD"), (254, "NONE"), (255, "ANY")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_read_by_mnemonic_or_number() {
        for (text, class) in [
            ("in", 1),
            ("CH", 3),
            ("chaos", 3),
            ("Hesiod", 4),
            ("CLASS4", 4),
            ("class65280", 65280),
        ] {
            assert_eq!(text.parse(), Ok(RecordClass(class)));
        }
        assert_eq!(RecordClass(4).to_string(), "HS");
        assert_eq!(RecordClass(65280).to_string(), "CLASS65280");
        for text in ["", "CLASS", "CLASS65536", "CLASS+1", "INTERNET"] {
            assert!(text.parse::<RecordClass>().is_err(), "{text}");
        }
    }
}
