//! One type for "until when": a moment, or never.
//!
//! A deadline is fixed once and passed down, so that several steps share one limit instead of
//! having one each.

use std::time::{Duration, Instant};

/// The moment at which waiting ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

/// A deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timed out")]
pub struct Elapsed;

impl Deadline {
    /// Waiting never ends.
    pub const NEVER: Self = Self(None);

    /// Returns the deadline `limit` from now; a limit too long for the clock is no limit.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now().checked_add(limit))
    }

    /// Returns the deadline `limit` from now, or [`Self::NEVER`] without a limit.
    pub fn maybe(limit: Option<Duration>) -> Self {
        limit.map_or(Self::NEVER, Self::after)
    }

    /// Returns whichever comes first.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }

    /// Returns whether the moment has passed.
    pub fn has_passed(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }

    /// Returns the time left: zero once passed, `None` for never.
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Returns what `work` gives, if it is done in time.
    ///
    /// # Errors
    /// [`Elapsed`] at the deadline; `work` is dropped then.
    pub async fn bound<F: Future>(self, work: F) -> Result<F::Output, Elapsed> {
        match self.0 {
            Some(at) => tokio::time::timeout_at(at.into(), work).await.map_err(|_| Elapsed),
            None => Ok(work.await),
        }
    }

    /// Waits until the deadline; for ever if it is never.
    pub async fn passed(self) {
        match self.0 {
            Some(at) => tokio::time::sleep_until(at.into()).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_of_two_deadlines_counts_and_never_is_the_latest() {
        let soon = Deadline::after(Duration::from_secs(1));
        let late = Deadline::after(Duration::from_secs(2));
        assert_eq!(soon.earlier(late), soon);
        assert_eq!(Deadline::NEVER.earlier(late), late);
        assert_eq!(late.earlier(Deadline::NEVER), late);
        assert_eq!(Deadline::after(Duration::MAX), Deadline::NEVER);
        assert!(Deadline::after(Duration::ZERO).has_passed());
        assert_eq!(Deadline::NEVER.remaining(), None);
    }
}
