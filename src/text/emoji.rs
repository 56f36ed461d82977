//! The zero-width joiner between two emoji, which is text; elsewhere it is invisible.

use unicode_segmentation::UnicodeSegmentation as _;

/// The zero-width joiner (ZWJ), which makes one emoji of two.
const JOINER: char = '\u{200D}';

/// The joiner in UTF-8.
pub(super) const JOINER_UTF8: &[u8] = "\u{200D}".as_bytes();

/// Returns whether `c` at byte `at` of `text` is a joiner between two emoji. `before` is the
/// character before the text, as [`base_before`] returns it.
pub(super) fn joins_emoji(c: char, text: &str, at: usize, before: Option<char>) -> bool {
    if c != JOINER {
        return false;
    }
    let next = text[at + JOINER_UTF8.len()..].chars().next();
    base_before(&text[..at], before).is_some_and(is_emoji) && next.is_some_and(is_emoji)
}

/// Returns the last character of `text` that selects no variant or skin tone of the one before it;
/// `before` is that character of the text before.
pub(super) fn base_before(text: &str, before: Option<char>) -> Option<char> {
    let selects = |c: &char| matches!(c, '\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}');
    text.chars().rev().find(|c| !selects(c)).or(before)
}

/// Returns whether `c` is an emoji, the only character that a joiner joins to the emoji before it
/// and not to a letter (rule GB11 of UAX 29).
fn is_emoji(c: char) -> bool {
    let is_joined = |first| [first, JOINER, c].iter().collect::<String>().graphemes(true).count();
    (is_joined('\u{1F44D}'), is_joined('a')) == (1, 2)
}
