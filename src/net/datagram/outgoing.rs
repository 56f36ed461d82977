//! Turns an input into the datagrams to send, and repeats them for the next address of a host.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crate::lines::CrLf;
use crate::net::datagram::split::{Split, Splitter, TooLong};
use crate::net::deadline::Deadline;
use crate::net::relay::LineEnds;
use crate::net::relay::Source;

/// A pause in the input of this length ends a datagram. It is longer than the usual time between
/// two writes of a program, and too short for a user to notice.
const INPUT_PAUSE: Duration = Duration::from_millis(50);

/// The maximum time to collect input for one datagram. Without it, the data of a program that
/// writes every few milliseconds would be delayed without limit.
const MAX_COLLECT_TIME: Duration = Duration::from_millis(200);

/// Limits, in bytes and in datagrams, of the sent datagrams that are kept for the next address of
/// the same host.
const MAX_KEPT: (usize, usize) = (128 * 1024, 256);

/// The datagrams to send.
#[derive(Debug)]
pub struct Outgoing {
    /// The input; `None` once it has ended.
    source: Option<Source>,
    /// Translates line endings to CR LF; `None` to leave them unchanged.
    line_ends: Option<CrLf>,
    splitter: Splitter,
    /// When the input collected so far is sent, even without a pause.
    collect_deadline: Deadline,
    /// The pause after each datagram.
    delay: Option<Duration>,
    /// When the pause after the last datagram ends.
    delay_end: Deadline,
    /// Every datagram sent so far; `None` once they exceed [`MAX_KEPT`].
    sent: Option<Vec<Vec<u8>>>,
    /// Datagrams to send again, before any new ones.
    resend: VecDeque<Vec<u8>>,
}

/// Why there is no next datagram.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The input could not be read.
    #[error("cannot read input: {}", crate::reason::of(.0))]
    Input(io::Error),
    /// The input is too long for one datagram.
    #[error("{0}")]
    TooLong(#[from] TooLong),
}

impl Outgoing {
    /// Returns the datagrams that `source` is split into, with a `delay` after each; none without a
    /// source.
    pub fn new(
        source: Option<Source>,
        split: Split,
        line_ends: LineEnds,
        delay: Option<Duration>,
    ) -> Self {
        Self {
            source,
            line_ends: (line_ends == LineEnds::CrLf).then(CrLf::default),
            splitter: Splitter::new(split),
            collect_deadline: Deadline::NEVER,
            delay,
            delay_end: Deadline::after(Duration::ZERO),
            sent: Some(Vec::new()),
            resend: VecDeque::new(),
        }
    }

    /// Waits for the next datagram; returns `None` at the end of the input. If this is cancelled
    /// during the delay, [`Self::rewind`] still repeats the datagram.
    ///
    /// # Errors
    /// The input cannot be read, or is too long for one datagram.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, OutgoingError> {
        let resent = self.resend.pop_front();
        let is_new = resent.is_none();
        let next = if is_new { self.next_new().await? } else { resent };
        if let (true, Some(datagram)) = (is_new, &next) {
            self.keep(datagram);
        }
        if let (Some(_), Some(delay)) = (&next, self.delay) {
            self.delay_end.passed().await;
            self.delay_end = Deadline::after(delay);
        }
        Ok(next)
    }

    /// Waits for the next datagram from the input.
    async fn next_new(&mut self) -> Result<Option<Vec<u8>>, OutgoingError> {
        loop {
            if let Some(datagram) = self.splitter.complete()? {
                return Ok(Some(datagram));
            }
            let Some(source) = &mut self.source else { return Ok(self.splitter.take_rest()) };
            let datagram_end = if self.splitter.awaits_pause() {
                self.collect_deadline.earlier(Deadline::after(INPUT_PAUSE))
            } else {
                Deadline::NEVER
            };
            let Ok(chunk) = datagram_end.bound(source.next()).await else {
                return Ok(self.splitter.take_rest());
            };
            match chunk.map_err(OutgoingError::Input)? {
                Some(chunk) => {
                    if !self.splitter.awaits_pause() {
                        self.collect_deadline = Deadline::after(MAX_COLLECT_TIME);
                    }
                    match &mut self.line_ends {
                        Some(line_ends) => self.splitter.push(&line_ends.translate(&chunk)),
                        None => self.splitter.push(&chunk),
                    }
                    source.recycle(chunk);
                }
                None => self.source = None,
            }
        }
    }

    /// Repeats every datagram sent so far, for another address; returns `false` if they exceeded
    /// the limits and were not kept.
    pub fn rewind(&mut self) -> bool {
        self.resend = self.sent.iter().flatten().cloned().collect();
        self.sent.is_some()
    }

    /// Keeps a copy of `datagram` for [`Self::rewind`], within [`MAX_KEPT`].
    fn keep(&mut self, datagram: &[u8]) {
        if let Some(sent) = &mut self.sent {
            let bytes: usize = sent.iter().map(Vec::len).sum();
            let (max_bytes, max_datagrams) = MAX_KEPT;
            if bytes + datagram.len() <= max_bytes && sent.len() < max_datagrams {
                sent.push(datagram.to_vec());
            } else {
                self.sent = None;
            }
        }
    }
}
