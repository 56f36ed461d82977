//! International names: the letters that `xn--` labels stand for (IDNA, RFC 5890).
//!
//! They are only shown beside the name itself: letters of several alphabets look alike, so a name
//! in Unicode can deceive, and a script needs the name that the DNS has.

use unicode_security::{
    GeneralSecurityProfile as _, RestrictionLevel, RestrictionLevelDetection as _,
};

use crate::dns::Name;
use crate::dns::name;

/// A text in which `xn--` labels are replaced by the letters that they stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnicodeForm {
    /// The text; it can contain any printable character.
    pub text: String,
    /// Whether a label mixes alphabets, or has characters that are not used in words (UTS 39).
    pub is_deceptive: bool,
}

/// Returns the Unicode form of a name; `None` if no label has one.
pub fn of_name(name: &Name) -> Option<UnicodeForm> {
    if !name.iter().any(has_prefix) {
        return None;
    }
    let mut form = UnicodeForm { text: String::new(), is_deceptive: false };
    let mut has_letters = false;
    for label in name {
        match letters(label) {
            Some(letters) => {
                has_letters = true;
                form.is_deceptive |= can_deceive(&letters);
                form.text.push_str(&letters);
                form.text.push('.');
            }
            // One label cannot be too long.
            None => form.text.push_str(&name::show(&Name::from_labels([label]).ok()?)),
        }
    }
    has_letters.then_some(form)
}

/// Returns the Unicode form of a record's data in zone file format, of which every word outside of
/// quotes can be a name; `None` if no name in it has one.
pub fn of_data(data: &str) -> Option<UnicodeForm> {
    if !data.as_bytes().windows(ENCODED_PREFIX.len()).any(has_prefix) {
        return None;
    }
    let mut is_deceptive = false;
    let mut has_letters = false;
    let mut words: Vec<String> = Vec::new();
    let mut in_quotes = false;
    for word in data.split(' ') {
        let quotes = word.matches('"').count() - word.matches("\\\"").count();
        let form = (!in_quotes && quotes == 0 && has_encoded_label(word))
            .then(|| of_name(&name::parse(word).ok()?))
            .flatten();
        in_quotes ^= quotes % 2 == 1;
        match form {
            Some(form) => {
                has_letters = true;
                is_deceptive |= form.is_deceptive;
                words.push(form.text);
            }
            None => words.push(word.to_owned()),
        }
    }
    has_letters.then(|| UnicodeForm { text: words.join(" "), is_deceptive })
}

/// Returns the labels of `name` that begin as encoded ones, but encode no letters.
pub fn invalid_labels(name: &Name) -> Vec<String> {
    let is_invalid = |label: &&[u8]| has_prefix(label) && letters(label).is_none();
    name.iter().filter(is_invalid).map(|label| label.escape_ascii().to_string()).collect()
}

/// The prefix of encoded labels (RFC 5890 section 2.3.2.1).
const ENCODED_PREFIX: &str = "xn--";

fn has_prefix(label: &[u8]) -> bool {
    let prefix = label.get(..ENCODED_PREFIX.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(ENCODED_PREFIX.as_bytes()))
}

fn has_encoded_label(word: &str) -> bool {
    word.split('.').any(|label| has_prefix(label.as_bytes()))
}

/// Decodes a label; `None` if it encodes no letters.
fn letters(label: &[u8]) -> Option<String> {
    let is_plain = label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    if !is_plain || !has_prefix(label) {
        return None;
    }
    let (letters, valid) = idna::domain_to_unicode(std::str::from_utf8(label).ok()?);
    (valid.is_ok() && !letters.is_ascii()).then_some(letters)
}

fn can_deceive(label: &str) -> bool {
    let is_usual = |c: char| c == '-' || c.identifier_allowed();
    !label.chars().all(is_usual)
        || !label.check_restriction_level(RestrictionLevel::HighlyRestrictive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form(text: &str) -> Option<(String, bool)> {
        let form = of_name(&name::parse(text).unwrap())?;
        Some((form.text, form.is_deceptive))
    }

    #[test]
    fn encoded_labels_are_decoded_and_deceptive_ones_are_marked() {
        let shown = |text: &str, is_deceptive| Some((text.to_owned(), is_deceptive));
        assert_eq!(form("xn--bcher-kva.example"), shown("bücher.example.", false));
        assert_eq!(form("XN--BCHER-KVA.a\\.b"), shown("bücher.a\\.b.", false));
        assert_eq!(form("xn--fa-hia.xn--p1ai"), shown("faß.рф.", false));
        assert_eq!(form("xn--pple-43d.com"), shown("\u{430}pple.com.", true));
        assert_eq!(form("xn--ls8h.example"), shown("💩.example.", true));
        for text in ["www.ita.br", "xn--aa.com", "xn--a.example", "xn--.x", "xn--abc-", "."] {
            assert_eq!(form(text), None, "{text}");
        }
    }

    #[test]
    fn names_in_data_are_decoded_outside_of_quotes() {
        let text = |data: &str| of_data(data).map(|form| form.text);
        assert_eq!(text("10 xn--bcher-kva.de.").unwrap(), "10 bücher.de.");
        assert_eq!(
            text(r#"1 2 "U" "a \" xn--p1ai" "" xn--p1ai."#).unwrap().matches('р').count(),
            1
        );
        for data in [r#""xn--p1ai""#, r#""v=spf1 include:xn--p1ai -all""#, "192.0.2.1", ""] {
            assert_eq!(text(data), None, "{data}");
        }
    }

    #[test]
    fn a_label_that_encodes_nothing_is_named() {
        let invalid = |text: &str| invalid_labels(&name::parse(text).unwrap());
        assert_eq!(invalid("xn--aa.com"), ["xn--aa"]);
        assert_eq!(invalid(r"xn--a\000.xn--p1ai"), [r"xn--a\x00"]);
        assert_eq!(invalid("xn--bcher-kva.example"), [""; 0]);
    }

    proptest! {
        #[test]
        fn the_letters_of_a_label_encode_to_the_same_label(text in "xn--[a-z0-9-]{1,30}") {
            if let Some(letters) = letters(text.as_bytes()) {
                prop_assert_eq!(idna::domain_to_ascii(&letters).unwrap(), text);
            }
        }

        #[test]
        fn any_data_is_accepted(data in any::<String>()) {
            of_data(&data);
        }
    }
}
