//! Whether the peer of a stream still takes bytes, and whether it has acknowledged all.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::time::Instant;

use crate::net::deadline::Deadline;

/// The peer's progress: its last count and when that count last grew.
///
/// What the local socket accepts is no measure: it takes nothing while its buffer is full, and a
/// receive window reopens in steps, so a peer that reads steadily may free it only now and then.
#[derive(Clone, Copy, Debug)]
pub struct PeerProgress {
    count: u64,
    grown: Instant,
}

/// How often the count is looked at while bytes wait, as a fraction of the limit.
const CHECKS: u32 = 30;

impl PeerProgress {
    /// Returns progress whose count is `count` now.
    pub fn at(count: u64) -> Self {
        Self { count, grown: Instant::now() }
    }

    /// Returns when to look at the count next.
    pub fn check(&self, limit: Duration) -> Deadline {
        let stalled = Deadline::at(self.grown + limit);
        stalled.earlier(Deadline::after(limit / CHECKS))
    }

    /// Takes the present count; returns whether it has not grown for `limit`.
    pub fn update(&mut self, count: u64, limit: Duration) -> bool {
        if count > self.count {
            *self = Self::at(count);
        }
        self.grown.elapsed() >= limit
    }
}

/// What a stream owes to its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owed {
    /// How many sent bytes the peer's TCP has not acknowledged; at least 1 while records of TLS
    /// wait for the socket. A FIN counts as one byte.
    pub unacknowledged: u64,
    /// A count that grows whenever the peer makes progress.
    pub progress: u64,
}

/// The shortest and the longest interval at which acknowledgements are looked for: the kernel
/// reports no event for them.
const INTERVALS: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(20));

/// Waits until nothing is owed. `look` returns what is owed now, and `limit` is how long the peer
/// may make no progress; no limit if `None`.
///
/// # Errors
/// The error of `look`; `TimedOut` if the peer makes no progress within the limit.
pub async fn wait_until_acknowledged(
    look: impl Fn() -> io::Result<Owed>,
    limit: Option<Duration>,
) -> io::Result<()> {
    let (mut interval, longest) = INTERVALS;
    let mut last = PeerProgress::at(0);
    loop {
        let owed = look()?;
        if owed.unacknowledged == 0 {
            return Ok(());
        }
        if limit.is_some_and(|limit| last.update(owed.progress, limit)) {
            return Err(ErrorKind::TimedOut.into());
        }
        tokio::time::sleep(interval).await;
        interval = (interval * 2).min(longest);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_has_stalled_when_its_count_has_not_grown_for_the_limit() {
        let limit = Duration::from_secs(30);
        let mut progress = PeerProgress::at(0);
        // A receive window of 256 KiB that a reader of 40 kB/s frees in steps.
        for step in 1..=20 {
            assert!(!progress.update((step - 1) * 262_144, limit));
            advance(Duration::from_millis(6554)).await;
            assert!(!progress.update(step * 262_144, limit));
        }
        advance(Duration::from_millis(29_999)).await;
        assert!(!progress.update(20 * 262_144, limit));
        advance(Duration::from_millis(1)).await;
        assert!(progress.update(20 * 262_144, limit));
    }
}
