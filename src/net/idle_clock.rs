//! A moment that moves on, and waiting until it lies far enough back.

use crate::sync::lock;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// When something last happened; it may not have happened, or not count for now.
#[derive(Debug, Default)]
pub(super) struct IdleClock(Mutex<Option<Instant>>);

/// How often a moment that is not there is looked for, at the most.
const RECHECK: Duration = Duration::from_millis(20);

impl IdleClock {
    /// Returns the present moment.
    pub(super) fn now() -> Self {
        let this = Self::default();
        this.renew();
        this
    }

    /// Moves it to the present.
    pub(super) fn renew(&self) {
        self.set(Some(Instant::now()));
    }

    /// Takes it away: nothing ages.
    pub(super) fn clear(&self) {
        self.set(None);
    }

    /// Returns whether there is one.
    pub(super) fn is_set(&self) -> bool {
        self.get().is_some()
    }

    /// Waits until it lies back as far as `limit`; for ever without one.
    pub(super) async fn is_past(&self, limit: Option<Duration>) {
        let Some(limit) = limit else { return std::future::pending().await };
        loop {
            let left = match self.get() {
                Some(moment) => limit.saturating_sub(moment.elapsed()),
                None => limit.max(RECHECK),
            };
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    fn get(&self) -> Option<Instant> {
        *lock(&self.0)
    }

    fn set(&self, moment: Option<Instant>) {
        *lock(&self.0) = moment;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_moment_that_is_there_and_not_renewed_grows_old() {
        const LIMIT: Duration = Duration::from_secs(1);
        let since = IdleClock::default();
        let over = |since| tokio::time::timeout(LIMIT * 3, IdleClock::is_past(since, Some(LIMIT)));
        assert!(over(&since).await.is_err());
        assert!(tokio::time::timeout(LIMIT, since.is_past(None)).await.is_err());
        let zero = tokio::time::timeout(LIMIT, since.is_past(Some(Duration::ZERO)));
        assert!(zero.await.is_err());
        since.renew();
        since.is_past(Some(Duration::ZERO)).await;
        since.clear();
        assert!(!since.is_set());
    }
}
