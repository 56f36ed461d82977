//! The source of the bytes that a connection sends: its own input or a subscription to a shared
//! one.

use std::io;

use crate::net::relay::input::{Chunk, Input};
use crate::net::relay::shared_input::{InputIdleness, Subscription};

/// Where the bytes to send come from.
#[derive(Debug)]
pub enum Source {
    /// An input that only this connection reads.
    Own(Input),
    /// An input that several connections share.
    Shared(Subscription),
}

impl Source {
    /// Returns the idleness of a shared input; `None` for an input of this connection alone.
    pub(super) fn shared_idleness(&self) -> Option<InputIdleness> {
        match self {
            Self::Own(_) => None,
            Self::Shared(subscription) => Some(subscription.idleness()),
        }
    }

    /// Waits for the next chunk; returns `None` at the end of the input.
    ///
    /// # Errors
    /// Reading failed; `TimedOut` if this connection was cut off because it delayed the others.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Chunk>> {
        match self {
            Self::Own(input) => input.next().await,
            Self::Shared(subscription) => Ok(subscription.next().await?.map(Chunk::Shared)),
        }
    }

    /// Waits until this connection is cut off because it delayed the others for too long; never
    /// returns for an input of this connection alone.
    pub(super) async fn cut_off(&self) {
        match self {
            Self::Own(_) => std::future::pending().await,
            Self::Shared(subscription) => subscription.cut_off().await,
        }
    }

    /// Returns the chunk's buffer to the input for reuse.
    pub(crate) fn recycle(&mut self, chunk: Chunk) {
        if let Self::Own(input) = self {
            input.recycle(chunk);
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
