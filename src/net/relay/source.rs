//! The source of the bytes that a connection sends: its own input or a subscription to a shared
//! one.

use std::io;
use std::time::Duration;

use crate::net::idle_clock::IdleClock;
use crate::net::relay::input::{Chunk, Input, InputProbe};
use crate::net::relay::shared_input::{InputIdleness, Subscription};

/// Where the bytes to send come from.
#[derive(Debug)]
pub enum Source {
    /// An input that only this connection reads.
    Own(Input),
    /// An input that several connections share.
    Shared(Subscription),
}

/// Tells whether a source has produced nothing for a while.
#[derive(Debug)]
pub(super) enum SourceIdleness {
    /// The input of this connection alone.
    Own(InputProbe),
    /// The shared input, which is idle only if it has produced nothing for any connection.
    Shared(InputIdleness),
}

impl SourceIdleness {
    /// Waits until the source has produced nothing for `limit` although it was read all the time.
    /// `wait` tells since when this connection waits for the source.
    pub(super) async fn reaches(&self, wait: &IdleClock, limit: Duration) {
        match self {
            Self::Own(input) => input.runs_dry(wait, limit).await,
            Self::Shared(input) => {
                // First, this connection sends the chunks that are already queued for it.
                wait.expired(Some(Duration::ZERO)).await;
                input.reaches(limit).await;
            }
        }
    }
}

impl Source {
    /// Returns what tells whether the source is idle.
    pub(super) fn idleness(&self) -> SourceIdleness {
        match self {
            Self::Own(input) => SourceIdleness::Own(input.probe()),
            Self::Shared(subscription) => SourceIdleness::Shared(subscription.idleness()),
        }
    }

    /// Waits for the next chunk; returns `None` at the end of the input.
    ///
    /// # Errors
    /// Reading failed, or [`CutOff`](super::shared_input::CutOff).
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

    /// Returns whether the source has produced a byte, to any of its connections.
    pub(super) fn has_produced(&self) -> bool {
        match self {
            Self::Own(input) => input.has_produced(),
            Self::Shared(subscription) => subscription.has_produced(),
        }
    }

    /// Returns whether one look finds more to read, or a failure. What it reads is lost, so the
    /// source is of no use afterwards.
    pub(super) async fn has_more(&mut self) -> bool {
        match self {
            Self::Own(input) => input.has_more().await,
            Self::Shared(subscription) => subscription.has_more().await,
        }
    }

    /// Tells a shared input the progress of the peer, so that a peer that takes bytes is not cut
    /// off.
    pub(super) fn report_progress(&self, count: u64) {
        if let Self::Shared(subscription) = self {
            subscription.report_progress(count);
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
