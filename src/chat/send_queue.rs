//! A bounded queue of the lines to send to one client, so that a slow client affects only itself.

use std::collections::VecDeque;
use std::sync::Arc;

/// The most bytes queued for one client. It must be able to take everything that one read returns
/// from another client, although its socket is full at that moment: 64 KiB become 384 KiB if each
/// byte is escaped as six, and the names come on top.
pub const MAX_QUEUED_BYTES: usize = 512 * 1024;

/// The most lines queued for one client: 64 KiB in lines of 8 bytes.
pub const MAX_QUEUED_LINES: usize = 8 * 1024;

/// The lines to send to one client, in order.
#[derive(Debug, Default)]
pub struct SendQueue {
    lines: VecDeque<Arc<str>>,
    /// How much of the first line has been sent, in bytes.
    sent: usize,
    /// The total length of `lines`, in bytes.
    bytes: usize,
}

impl SendQueue {
    /// Appends a line.
    pub fn push(&mut self, line: Arc<str>) {
        self.bytes += line.len();
        self.lines.push_back(line);
    }

    /// Returns whether the queue exceeds a limit. The caller must have tried to send it just
    /// before: only what is left then tells that the client reads too slowly.
    pub fn is_over_limit(&self) -> bool {
        self.bytes - self.sent > MAX_QUEUED_BYTES || self.lines.len() > MAX_QUEUED_LINES
    }

    /// Returns the bytes to send next: whole lines of at most `max` bytes in total, but at least
    /// one line unless the queue is empty.
    pub fn peek(&self, max: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut skip = self.sent;
        for line in &self.lines {
            if !bytes.is_empty() && bytes.len() + line.len() > max {
                break;
            }
            bytes.extend_from_slice(&line.as_bytes()[skip..]);
            skip = 0;
        }
        bytes
    }

    /// Removes the first `count` bytes of [`Self::peek`], which have been sent.
    pub fn advance(&mut self, count: usize) {
        self.sent += count;
        while let Some(line) = self.lines.front()
            && line.len() <= self.sent
        {
            self.sent -= line.len();
            self.bytes -= line.len();
            self.lines.pop_front();
        }
    }

    /// Returns whether everything has been sent.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_queue_is_over_its_limit_with_one_byte_or_line_too_many_until_that_is_sent() {
        let mut queue = SendQueue::default();
        queue.push("x".repeat(MAX_QUEUED_BYTES).into());
        assert!(!queue.is_over_limit());
        queue.push("y".into());
        assert!(queue.is_over_limit());
        queue.advance(1);
        assert!(!queue.is_over_limit());
        let mut queue = SendQueue::default();
        for _ in 0..MAX_QUEUED_LINES {
            queue.push("x".into());
        }
        assert!(!queue.is_over_limit());
        queue.push("y".into());
        assert!(queue.is_over_limit());
        queue.advance(1);
        assert!(!queue.is_over_limit());
    }

    proptest! {
        #[test]
        fn lines_are_sent_in_order_for_any_sequence_of_partial_writes(
            lines in prop::collection::vec("[a-z]{1,20}", 0..20),
            steps in prop::collection::vec((1usize..64, 1usize..64), 0..200),
        ) {
            let mut queue = SendQueue::default();
            for line in &lines {
                queue.push(line.as_str().into());
            }
            let mut sent = Vec::new();
            for (max, accepted) in steps {
                let bytes = queue.peek(max);
                let accepted = accepted.min(bytes.len());
                sent.extend_from_slice(&bytes[..accepted]);
                queue.advance(accepted);
            }
            sent.extend(queue.peek(usize::MAX));
            prop_assert_eq!(sent, lines.concat().into_bytes());
        }
    }
}
