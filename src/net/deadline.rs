//! Deadlines: points in time at which waiting ends.
//!
//! A deadline is computed once and passed down, so that several steps share one limit.

use std::time::Duration;

use tokio::time::Instant;

/// The point in time at which waiting ends; [`Self::NEVER`] for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

/// A deadline has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timed out")]
pub struct Elapsed;

impl Deadline {
    /// The deadline that never passes.
    pub const NEVER: Self = Self(None);

    /// Returns the deadline `limit` from now; [`Self::NEVER`] if the clock cannot represent it.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now().checked_add(limit))
    }

    /// Returns the deadline `limit` from now, or [`Self::NEVER`] without a limit.
    pub fn maybe(limit: Option<Duration>) -> Self {
        limit.map_or(Self::NEVER, Self::after)
    }

    /// Returns the deadline at `time`.
    pub fn at(time: Instant) -> Self {
        Self(Some(time))
    }

    /// Returns the earlier of the two deadlines.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }

    /// Returns whether the deadline has passed.
    pub fn has_passed(self) -> bool {
        self.is_past(Instant::now())
    }

    /// Returns whether the deadline has passed at the time `now`.
    pub fn is_past(self, now: Instant) -> bool {
        self.0.is_some_and(|at| at <= now)
    }

    /// Returns the time left: zero after the deadline, `None` for [`Self::NEVER`].
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Returns the output of `work` if it completes before the deadline.
    ///
    /// # Errors
    /// [`Elapsed`] at the deadline; `work` is then dropped.
    pub async fn bound<F: Future>(self, work: F) -> Result<F::Output, Elapsed> {
        match self.0 {
            Some(at) => tokio::time::timeout_at(at, work).await.map_err(|_| Elapsed),
            None => Ok(work.await),
        }
    }

    /// Waits until the deadline; does not return for [`Self::NEVER`].
    pub async fn passed(self) {
        match self.0 {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_of_two_deadlines_is_chosen_and_never_is_the_latest() {
        let first = Deadline::after(Duration::from_secs(1));
        let second = Deadline::after(Duration::from_secs(2));
        assert_eq!(first.earlier(second), first);
        assert_eq!(Deadline::NEVER.earlier(second), second);
        assert_eq!(second.earlier(Deadline::NEVER), second);
        assert_eq!(Deadline::after(Duration::MAX), Deadline::NEVER);
        assert!(Deadline::after(Duration::ZERO).has_passed());
        assert_eq!(Deadline::NEVER.remaining(), None);
    }
}
