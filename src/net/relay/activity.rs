//! When a relayed stream last had traffic, for its idle timeout.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::net::deadline::Deadline;
use crate::net::idle_clock::IdleClock;

/// How often acknowledgements are looked for, as a fraction of the idle timeout.
pub(super) const ACTIVITY_CHECKS: u32 = 30;

/// The time of the last traffic. An acknowledgement is traffic: a full socket accepts nothing more
/// while the peer still takes what it holds.
#[derive(Debug)]
pub(super) struct Activity {
    clock: IdleClock,
    /// The peer's progress when it was last looked at.
    progress: AtomicU64,
    limit: Option<Duration>,
}

impl Activity {
    /// Returns the activity of a stream with an idle timeout of `limit` whose peer's progress is
    /// `progress` now.
    pub(super) fn new(limit: Option<Duration>, progress: u64) -> Self {
        Self { clock: IdleClock::now(), progress: AtomicU64::new(progress), limit }
    }

    /// Bytes were sent or received now.
    pub(super) fn renew(&self) {
        self.clock.renew();
    }

    /// Waits until [`Self::deadline`] is to be called again; without a limit, it never returns.
    pub(super) async fn check(&self) {
        match self.limit {
            Some(limit) => tokio::time::sleep(limit / ACTIVITY_CHECKS).await,
            None => std::future::pending().await,
        }
    }

    /// Returns when the stream counts as idle if no more traffic follows; `progress` returns the
    /// present count of the peer's progress.
    pub(super) fn deadline(&self, progress: impl FnOnce() -> u64) -> Deadline {
        if self.limit.is_some() {
            let progress = progress();
            if self.progress.swap(progress, Ordering::Relaxed) != progress {
                self.renew();
            }
        }
        self.clock.deadline(self.limit)
    }
}
