//! [`WriteClock`]: how long writes to standard output and standard error have been blocked.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sync::lock;

/// The writes in progress.
#[derive(Debug, Default)]
pub(super) struct WriteClock(Mutex<Writes>);

#[derive(Debug, Default)]
struct Writes {
    count: u32,
    /// When the first of them began, or the last one before them ended.
    since: Option<Instant>,
}

impl WriteClock {
    /// Calls `write`.
    pub(super) fn during<T>(&self, write: impl FnOnce() -> T) -> T {
        {
            let mut writes = lock(&self.0);
            writes.count += 1;
            writes.since.get_or_insert_with(Instant::now);
        }
        let result = write();
        let mut writes = lock(&self.0);
        writes.count -= 1;
        writes.since = (writes.count > 0).then(Instant::now);
        result
    }

    /// Records that a part of a write has ended.
    pub(super) fn advance(&self) {
        lock(&self.0).since = Some(Instant::now());
    }

    /// Returns how long writes have been in progress without an end of one or of a part; `None`
    /// without writes.
    pub(super) fn blocked_for(&self) -> Option<Duration> {
        lock(&self.0).since.map(|since| since.elapsed())
    }
}
