//! Deadlines: points in time at which waiting ends.
//!
//! A deadline is computed once and passed down, so that several steps share one limit.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// The point in time at which waiting ends; [`Self::NEVER`] for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

/// A timer for many deadlines, one after the other.
///
/// Starting a timer of tokio can cost a system call, which wakes the thread that waits for the
/// timers. Setting a timer that has been started to a later time costs none.
#[derive(Debug)]
pub struct Alarm(Pin<Box<Sleep>>);

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

impl Default for Alarm {
    /// Returns an alarm for which no deadline is set.
    fn default() -> Self {
        Self(Box::pin(tokio::time::sleep_until(Instant::now())))
    }
}

impl Alarm {
    /// Sets the deadline.
    pub fn set(&mut self, deadline: Deadline) {
        if let Deadline(Some(at)) = deadline {
            self.0.as_mut().reset(at);
        }
    }

    /// Waits until the deadline that is set.
    pub async fn passed(&mut self) {
        self.0.as_mut().await;
    }

    /// Does the same as [`Deadline::bound`].
    ///
    /// # Errors
    /// [`Elapsed`] at the deadline; `work` is then dropped.
    pub async fn bound<F: Future>(
        &mut self,
        deadline: Deadline,
        work: F,
    ) -> Result<F::Output, Elapsed> {
        self.set(deadline);
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.passed(), if deadline != Deadline::NEVER => Err(Elapsed),
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

    #[tokio::test(start_paused = true)]
    async fn an_alarm_limits_one_work_after_the_other() {
        let mut alarm = Alarm::default();
        let second = Duration::from_secs(1);
        for _ in 0..3 {
            let began = Instant::now();
            let late = alarm.bound(Deadline::after(second), std::future::pending::<()>()).await;
            assert_eq!((late, began.elapsed()), (Err(Elapsed), second));
            let work = async { tokio::time::sleep(2 * second).await };
            assert_eq!(alarm.bound(Deadline::after(3 * second), work).await, Ok(()));
            assert_eq!(alarm.bound(Deadline::NEVER, std::future::ready(7)).await, Ok(7));
        }
        // An earlier deadline than the one before.
        alarm.set(Deadline::after(9 * second));
        let began = Instant::now();
        alarm.set(Deadline::after(second));
        alarm.passed().await;
        assert_eq!(began.elapsed(), second);
    }
}
