//! What a connection sends: an input of its own, or its part in a shared one.

use std::io;

use crate::net::relay::input::{Chunk, Input};
use crate::net::relay::shared_input::{InputIdleness, Subscription};

/// What is to be sent.
#[derive(Debug)]
pub enum Source {
    /// An input that this connection has for itself.
    Own(Input),
    /// An input that several connections share.
    Shared(Subscription),
}

impl Source {
    /// Returns how idle the source is that others get as well; none where nobody does.
    pub(super) fn shared(&self) -> Option<InputIdleness> {
        match self {
            Self::Own(_) => None,
            Self::Shared(subscription) => Some(subscription.idleness()),
        }
    }

    /// Waits for what was read next; none at the end.
    ///
    /// # Errors
    /// Reading failed; `TimedOut` where this connection did not take what the others took.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Chunk>> {
        match self {
            Self::Own(input) => input.next().await,
            Self::Shared(subscription) => Ok(subscription.next().await?.map(Chunk::Shared)),
        }
    }

    /// Waits until this connection has held the others up for too long; for ever where it has the
    /// source for itself.
    pub(super) async fn cut_off(&self) {
        match self {
            Self::Own(_) => std::future::pending().await,
            Self::Shared(subscription) => subscription.cut_off().await,
        }
    }

    /// Gives the chunk's buffer back.
    pub(crate) fn give_back(&mut self, chunk: Chunk) {
        if let Self::Own(input) = self {
            input.give_back(chunk);
        }
    }
}

impl From<Input> for Source {
    fn from(input: Input) -> Self {
        Self::Own(input)
    }
}

impl From<Subscription> for Source {
    fn from(subscription: Subscription) -> Self {
        Self::Shared(subscription)
    }
}
