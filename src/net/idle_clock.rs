//! A clock that measures the time since the last activity.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::net::deadline::Deadline;

/// The time of the last activity; unset while inactivity does not count.
#[derive(Debug)]
pub struct IdleClock {
    /// When the clock was created.
    origin: Instant,
    /// The nanoseconds from the origin to the last activity, which fit for centuries; [`UNSET`]
    /// while there is none. One task sets it, for each message, so it needs no lock.
    last: AtomicU64,
}

const UNSET: u64 = u64::MAX;

/// The minimum interval between two checks of an unset clock.
const RECHECK: Duration = Duration::from_millis(20);

impl IdleClock {
    /// Returns a clock that is set to the current time.
    pub fn now() -> Self {
        Self { origin: Instant::now(), last: AtomicU64::new(0) }
    }

    /// Sets the clock to the current time.
    pub fn renew(&self) {
        let nanoseconds = self.origin.elapsed().as_nanos();
        self.last.store(nanoseconds.try_into().unwrap_or(UNSET), Ordering::Relaxed);
    }

    /// Unsets the clock, so that it does not expire.
    pub(super) fn clear(&self) {
        self.last.store(UNSET, Ordering::Relaxed);
    }

    /// Returns whether the clock is set.
    pub(super) fn is_set(&self) -> bool {
        self.get().is_some()
    }

    /// Waits until the clock was set `limit` ago; does not return without a limit.
    ///
    /// Many connections hold this future, so it keeps no values besides its timer.
    #[expect(clippy::manual_async_fn, reason = "an async fn stores its arguments twice")]
    pub fn expired(&self, limit: Option<Duration>) -> impl Future<Output = ()> + Send {
        async move {
            if limit.is_none() {
                return std::future::pending().await;
            }
            while !self.left(limit).is_zero() {
                tokio::time::sleep(self.left(limit)).await;
            }
        }
    }

    /// Returns how long a timer must wait until the clock may have expired with `limit`.
    fn left(&self, limit: Option<Duration>) -> Duration {
        let limit = limit.unwrap_or(Duration::MAX);
        match self.get() {
            Some(time) => limit.saturating_sub(time.elapsed()),
            None => limit.max(RECHECK),
        }
    }

    /// Returns when the clock expires with `limit`; never without a limit or while it is unset.
    pub(super) fn deadline(&self, limit: Option<Duration>) -> Deadline {
        match (self.get(), limit) {
            (Some(time), Some(limit)) => {
                time.checked_add(limit).map_or(Deadline::NEVER, Deadline::at)
            }
            _ => Deadline::NEVER,
        }
    }

    fn get(&self) -> Option<Instant> {
        let last = self.last.load(Ordering::Relaxed);
        (last != UNSET).then(|| self.origin + Duration::from_nanos(last))
    }
}

impl Default for IdleClock {
    /// Returns a clock that is unset.
    fn default() -> Self {
        let this = Self::now();
        this.clear();
        this
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_expires_only_while_it_is_set_and_only_with_a_limit() {
        const LIMIT: Duration = Duration::from_secs(1);
        let clock = IdleClock::default();
        let expires =
            |clock| tokio::time::timeout(LIMIT * 3, IdleClock::expired(clock, Some(LIMIT)));
        assert!(expires(&clock).await.is_err());
        assert!(tokio::time::timeout(LIMIT, clock.expired(None)).await.is_err());
        let zero = tokio::time::timeout(LIMIT, clock.expired(Some(Duration::ZERO)));
        assert!(zero.await.is_err());
        clock.renew();
        clock.expired(Some(Duration::ZERO)).await;
        clock.clear();
        assert!(!clock.is_set());
    }
}
