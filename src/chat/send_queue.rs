//! What a client has yet to read: a queue with a bound, so that a slow one costs only itself.

use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes a client may be behind, as Ergo allows.
pub const MAX_QUEUED_BYTES: usize = 96 * 1024;

/// Lines a client may be behind.
pub const MAX_QUEUED_LINES: usize = 512;

/// Lines on their way to one client.
#[derive(Debug, Default)]
pub struct SendQueue {
    lines: VecDeque<Arc<str>>,
    /// How much of the first line is sent already, in bytes.
    sent: usize,
    bytes: usize,
}

/// The client is too far behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl SendQueue {
    /// Adds a line.
    ///
    /// # Errors
    /// It does not fit; nothing is added.
    pub fn push(&mut self, line: Arc<str>) -> Result<(), Overflow> {
        if self.bytes + line.len() > MAX_QUEUED_BYTES || self.lines.len() >= MAX_QUEUED_LINES {
            return Err(Overflow);
        }
        self.bytes += line.len();
        self.lines.push_back(line);
        Ok(())
    }

    /// Returns what is to be sent next: up to `max` bytes and at least a line, in order.
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

    /// Takes note that `count` bytes of [`Self::peek`] are sent.
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

    /// Returns whether everything is sent.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_client_that_is_too_far_behind_overflows_and_keeps_what_it_had() {
        let mut outbox = SendQueue::default();
        let line: Arc<str> = "x".repeat(1024).into();
        for _ in 0..MAX_QUEUED_BYTES / 1024 {
            outbox.push(Arc::clone(&line)).unwrap();
        }
        assert_eq!(outbox.push("y".into()), Err(Overflow));
        let mut outbox = SendQueue::default();
        for _ in 0..MAX_QUEUED_LINES {
            outbox.push("x".into()).unwrap();
        }
        assert_eq!(outbox.push("y".into()), Err(Overflow));
        assert_eq!(outbox.peek(usize::MAX), [b'x'; MAX_QUEUED_LINES]);
    }

    proptest! {
        #[test]
        fn lines_come_out_in_order_however_they_are_sent(
            lines in prop::collection::vec("[a-z]{1,20}", 0..20),
            steps in prop::collection::vec((1usize..64, 1usize..64), 0..200),
        ) {
            let mut outbox = SendQueue::default();
            for line in &lines {
                outbox.push(line.as_str().into()).unwrap();
            }
            let mut sent = Vec::new();
            for (max, accepted) in steps {
                let bytes = outbox.peek(max);
                let accepted = accepted.min(bytes.len());
                sent.extend_from_slice(&bytes[..accepted]);
                outbox.advance(accepted);
            }
            sent.extend(outbox.peek(usize::MAX));
            prop_assert_eq!(sent, lines.concat().into_bytes());
        }
    }
}
