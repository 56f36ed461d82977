//! The bounded buffer of received data that no expectation has matched yet.

use std::time::Duration;

use crate::script::action::Pattern;
use crate::script::excerpt::Excerpt;

/// The most bytes that an expectation searches: more than the replies that scripts wait for. The
/// limit bounds the memory, and the time of one search.
pub(super) const MAX_UNMATCHED: usize = 1024 * 1024;

/// Up to this many bytes are searched whenever data arrives: this takes no longer than receiving.
const ALWAYS_SEARCHED: usize = 16 * 1024;

/// The shortest pause between searches of more bytes, and how many times longer than a search it
/// is. Each search begins anew, so a peer that sends single bytes could otherwise use a whole core.
const SEARCH_PAUSE: (Duration, u32) = (Duration::from_millis(100), 10);

/// Received bytes that no expectation has matched, in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Unmatched {
    /// At most twice the limit, so that dropping the oldest bytes does not move the others each
    /// time.
    bytes: Vec<u8>,
    /// The number of bytes at the front that are not searched: the last byte before the unmatched
    /// ones, from which `^` tells whether a line begins there; 0 at the beginning of the data.
    start: usize,
    /// Whether bytes that no expectation has matched were dropped.
    dropped: bool,
    /// Whether any byte was ever received.
    received_any: bool,
}

impl Unmatched {
    /// Appends received bytes, and drops the oldest ones beyond twice the limit.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.received_any |= !bytes.is_empty();
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > 2 * MAX_UNMATCHED {
            self.bytes.drain(..self.bytes.len() - MAX_UNMATCHED);
            self.start = 1;
            self.dropped = true;
        }
    }

    /// Removes all bytes up to the end of the first match; returns whether there is a match.
    pub(super) fn consume_match(&mut self, pattern: &Pattern) -> bool {
        let Some(end) = pattern.find_end(&self.bytes, self.start) else { return false };
        self.start = end.min(1);
        self.bytes.drain(..end - self.start);
        self.dropped = false;
        true
    }

    /// Returns how long to wait before the next search, after one that took `search_time`.
    pub(super) fn search_pause(&self, search_time: Duration) -> Duration {
        let (shortest, factor) = SEARCH_PAUSE;
        if self.bytes.len() <= ALWAYS_SEARCHED {
            return Duration::ZERO;
        }
        shortest.max(search_time.saturating_mul(factor))
    }

    /// Returns whether more bytes have arrived than an expectation searches.
    pub(super) fn exceeds_limit(&self) -> bool {
        self.dropped || self.bytes.len() - self.start > MAX_UNMATCHED
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() == self.start
    }

    /// Returns the beginning of the bytes for a message.
    pub(super) fn excerpt(&self) -> Excerpt {
        Excerpt::of(&self.bytes[self.start..], self.received_any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::regex(text, "").unwrap()
    }

    #[test]
    fn a_match_consumes_all_bytes_up_to_its_end() {
        let mut unmatched = Unmatched::default();
        unmatched.push(b"220 here\r\n250");
        assert!(unmatched.consume_match(&pattern("^220.*\r\n")));
        assert!(!unmatched.consume_match(&pattern("220")));
        assert!(unmatched.consume_match(&pattern("^250$")));
        assert!(unmatched.is_empty());
    }

    #[test]
    fn the_start_anchor_does_not_match_within_a_line_that_was_partly_consumed() {
        let mut unmatched = Unmatched::default();
        unmatched.push(b"220 221 is my name\r\n");
        assert!(unmatched.consume_match(&pattern("^220 ")));
        assert!(!unmatched.consume_match(&pattern("^221 ")));
        assert_eq!(unmatched.excerpt().bytes, b"221 is my name\r\n");
        unmatched.push(b"221 bye\r\n");
        assert!(unmatched.consume_match(&pattern("^221 bye\r\n")));
        assert!(unmatched.is_empty());
        assert!(unmatched.consume_match(&pattern("^")));
    }

    #[test]
    fn beyond_the_limit_the_oldest_bytes_are_dropped_and_the_start_anchor_does_not_match() {
        let mut unmatched = Unmatched::default();
        for _ in 0..4 {
            unmatched.push(&vec![b'x'; MAX_UNMATCHED]);
        }
        unmatched.push(b"end");
        assert!(unmatched.exceeds_limit());
        assert!(unmatched.bytes.len() <= 2 * MAX_UNMATCHED);
        assert!(!unmatched.consume_match(&pattern("^x")));
        assert!(unmatched.consume_match(&pattern("end$")));
        unmatched.push(b"\nnext");
        assert!(!unmatched.exceeds_limit());
        assert!(unmatched.consume_match(&pattern("^next")));
    }
}
