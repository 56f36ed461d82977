//! What came and no expectation has used up yet: a buffer with a bound.

use crate::script::action::Pattern;
use crate::script::excerpt::Excerpt;

/// The most bytes an expectation looks through. More than any answer somebody waits for; what a
/// peer sends without end must not fill the memory, nor the time, since all of it is looked
/// through again whenever more comes.
pub(super) const MAX_UNMATCHED: usize = 1024 * 1024;

/// Bytes in the order they came.
#[derive(Debug, Default)]
pub(super) struct Unmatched {
    /// Up to twice the bound, so that dropping the oldest does not move all others each time.
    bytes: Vec<u8>,
    /// Whether older bytes than these were dropped.
    lost: bool,
    /// Whether anything ever came.
    heard: bool,
}

impl Unmatched {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.heard |= !bytes.is_empty();
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > 2 * MAX_UNMATCHED {
            self.bytes.drain(..self.bytes.len() - MAX_UNMATCHED);
            self.lost = true;
        }
    }

    /// Uses up everything to the end of the first match; `false` if there is none.
    pub(super) fn take(&mut self, pattern: &Pattern) -> bool {
        // Where bytes were dropped, the first that is left is not where `^` stands.
        let Some(end) = pattern.find_end(&self.bytes, usize::from(self.lost)) else { return false };
        self.bytes.drain(..end);
        self.lost = false;
        true
    }

    /// Returns whether there is more than an expectation looks through.
    pub(super) fn is_too_much(&self) -> bool {
        self.lost || self.bytes.len() > MAX_UNMATCHED
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns what a user is shown of it.
    pub(super) fn got(&self) -> Excerpt {
        Excerpt::of(&self.bytes, self.heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::regex(text, "").unwrap()
    }

    #[test]
    fn a_match_uses_up_what_came_before_its_end() {
        let mut unmatched = Unmatched::default();
        unmatched.push(b"220 here\r\n250");
        assert!(unmatched.take(&pattern("^220.*\r\n")));
        assert!(!unmatched.take(&pattern("220")));
        assert!(unmatched.take(&pattern("^250$")));
        assert!(unmatched.is_empty());
    }

    #[test]
    fn the_oldest_bytes_are_dropped_and_never_taken_for_the_beginning() {
        let mut unmatched = Unmatched::default();
        for _ in 0..4 {
            unmatched.push(&vec![b'x'; MAX_UNMATCHED]);
        }
        unmatched.push(b"end");
        assert!(unmatched.is_too_much());
        assert!(unmatched.bytes.len() <= 2 * MAX_UNMATCHED);
        assert!(!unmatched.take(&pattern("^x")));
        assert!(unmatched.take(&pattern("end$")));
        unmatched.push(b"next");
        assert!(!unmatched.is_too_much());
        assert!(unmatched.take(&pattern("^next")));
    }
}
