//! [`Allowance`]: the time that all outputs which take nothing may delay the end of a run together.
//!
//! It knows no output: each place that waits for one says when its wait begins and ends.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::lock;

/// After the deadline or a signal, how long all outputs together may delay the end. A reader that
/// is only slow takes what it needs in this time.
const TOTAL: Duration = Duration::from_secs(1);

/// How long each output may take even if another one has used up the time: one that takes
/// everything at once needs no more, even on a busy machine.
const EACH: Duration = Duration::from_millis(250);

/// The time left for the outputs of a run that ends.
#[derive(Debug)]
pub struct Allowance(Mutex<Duration>);

impl Default for Allowance {
    /// Returns an allowance of which nothing is used up.
    fn default() -> Self {
        Self(Mutex::new(TOTAL))
    }
}

impl Allowance {
    /// Calls `wait` with the longest time that it may take.
    pub fn wait<T>(&self, wait: impl FnOnce(Duration) -> T) -> T {
        let turn = self.begin();
        wait(turn.limit())
    }

    /// Completes after the longest time that a wait may take, from the first poll on. The wait ends
    /// when this future is dropped.
    pub async fn used_up(&self) {
        let turn = self.begin();
        tokio::time::sleep(turn.limit()).await;
    }

    fn begin(&self) -> Turn<'_> {
        Turn { allowance: self, began: Instant::now() }
    }
}

/// One wait; when it is dropped, its length is taken from the allowance.
struct Turn<'a> {
    allowance: &'a Allowance,
    began: Instant,
}

impl Turn<'_> {
    fn limit(&self) -> Duration {
        lock(&self.allowance.0).max(EACH)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut left = lock(&self.allowance.0);
        *left = left.saturating_sub(self.began.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_waits_share_the_time_and_each_has_a_minimum() {
        let allowance = Allowance::default();
        let limits: Vec<Duration> = (0..3)
            .map(|_| {
                allowance.wait(|limit| {
                    thread::sleep(TOTAL / 2);
                    limit
                })
            })
            .collect();
        assert_eq!(limits[0], TOTAL);
        assert!(limits[1] <= TOTAL / 2, "{limits:?}");
        assert_eq!(limits[2], EACH);
    }

    #[tokio::test]
    async fn a_wait_ends_when_its_future_is_dropped() {
        let allowance = Allowance::default();
        let is_early = tokio::time::timeout(TOTAL / 4, allowance.used_up()).await.is_err();
        let began = Instant::now();
        allowance.used_up().await;
        let lasted = began.elapsed();
        assert!(!is_early || lasted < TOTAL, "{lasted:?}");
        assert_eq!(allowance.wait(|limit| limit), EACH);
    }
}
