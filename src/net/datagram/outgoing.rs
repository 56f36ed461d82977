//! What is to be sent, a datagram at a time, from an input that is read elsewhere.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crate::lines::CrLf;
use crate::net::datagram::split::{Split, Splitter, TooLong};
use crate::net::deadline::Deadline;
use crate::net::relay::LineEnds;
use crate::net::relay::Source;

/// An input that has given nothing for so long rests: what it gave before belongs together. Long
/// for two writes of one program, short for a person.
const REST: Duration = Duration::from_millis(50);

/// What was gathered goes after so long even if the input never rests: a program that writes a
/// line every few milliseconds is heard as it speaks.
const GATHERING: Duration = Duration::from_millis(200);

/// What is remembered of what was sent, in bytes and in datagrams, so that it can be sent again to
/// another address of the same host.
const MAX_REMEMBERED: (usize, usize) = (128 * 1024, 256);

/// Datagrams to come.
#[derive(Debug)]
pub struct Outgoing {
    source: Option<Source>,
    /// Makes every line end a CR LF, where that is asked for.
    line_ends: Option<CrLf>,
    splitter: Splitter,
    /// Until when what is gathered may wait for more.
    gathers: Deadline,
    /// How long to wait after each datagram.
    delay: Option<Duration>,
    /// Until when that is, after the last one.
    waits: Deadline,
    /// What was sent, from the first datagram on; none once that is too much.
    sent: Option<Vec<Vec<u8>>>,
    /// What is to be sent again, before anything new.
    again: VecDeque<Vec<u8>>,
}

/// Why there is no next datagram.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The input could not be read.
    #[error("input: {}", crate::reason::of(.0))]
    Input(io::Error),
    /// The input gave too much at once.
    #[error("{0}")]
    TooLong(#[from] TooLong),
}

impl Outgoing {
    /// Returns the datagrams that `source` holds, with a `delay` between them; without a source
    /// there are none.
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
            gathers: Deadline::NEVER,
            delay,
            waits: Deadline::after(Duration::ZERO),
            sent: Some(Vec::new()),
            again: VecDeque::new(),
        }
    }

    /// Waits for the next datagram; none at the end of the input. Where this is not waited for to
    /// its end, [`Self::rewind`] still knows everything.
    ///
    /// # Errors
    /// The input fails, or gives too much at once.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, OutgoingError> {
        let again = self.again.pop_front();
        let is_new = again.is_none();
        let next = if is_new { self.next_new().await? } else { again };
        if let (true, Some(datagram)) = (is_new, &next) {
            self.remember(datagram);
        }
        if let (Some(_), Some(delay)) = (&next, self.delay) {
            self.waits.passed().await;
            self.waits = Deadline::after(delay);
        }
        Ok(next)
    }

    async fn next_new(&mut self) -> Result<Option<Vec<u8>>, OutgoingError> {
        loop {
            if let Some(datagram) = self.splitter.complete()? {
                return Ok(Some(datagram));
            }
            let Some(source) = &mut self.source else { return Ok(self.splitter.rest()) };
            let patience = if self.splitter.awaits_rest() {
                self.gathers.earlier(Deadline::after(REST))
            } else {
                Deadline::NEVER
            };
            let Ok(chunk) = patience.bound(source.next()).await else {
                return Ok(self.splitter.rest());
            };
            match chunk.map_err(OutgoingError::Input)? {
                Some(chunk) => {
                    if !self.splitter.awaits_rest() {
                        self.gathers = Deadline::after(GATHERING);
                    }
                    match &mut self.line_ends {
                        Some(line_ends) => self.splitter.push(&line_ends.translate(&chunk)),
                        None => self.splitter.push(&chunk),
                    }
                    source.give_back(chunk);
                }
                None => self.source = None,
            }
        }
    }

    /// Sends everything again that was sent, to somebody else; `false` where that is no longer
    /// known.
    pub fn rewind(&mut self) -> bool {
        self.again = self.sent.iter().flatten().cloned().collect();
        self.sent.is_some()
    }

    fn remember(&mut self, datagram: &[u8]) {
        if let Some(sent) = &mut self.sent {
            let bytes: usize = sent.iter().map(Vec::len).sum();
            let (max_bytes, max_datagrams) = MAX_REMEMBERED;
            if bytes + datagram.len() <= max_bytes && sent.len() < max_datagrams {
                sent.push(datagram.to_vec());
            } else {
                self.sent = None;
            }
        }
    }
}
