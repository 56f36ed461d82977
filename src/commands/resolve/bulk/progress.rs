//! The progress bar of a bulk run, on a terminal.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

use crate::commands::resolve::bulk::summary::Summary;
use crate::output::{LiveLine, Output, figures};

/// The time between two updates of the bar.
const UPDATE_INTERVAL: Duration = Duration::from_millis(100);

/// The number of updates over which the rate is measured: two seconds.
const RATE_SAMPLES: usize = 20;

/// The progress bar; dropping it clears it.
pub(super) struct BulkProgress {
    line: Option<(LiveLine, Interval)>,
    meter: RateMeter,
}

impl BulkProgress {
    /// Starts the bar, if there is to be one, for an input of `total` bytes if that is known.
    pub(super) fn start(out: Output, total: Option<u64>) -> Self {
        let line = LiveLine::start(out).map(|line| {
            let mut ticks = tokio::time::interval(UPDATE_INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            (line, ticks)
        });
        Self { line, meter: RateMeter { total, samples: VecDeque::new() } }
    }

    /// Waits until the bar is to be updated; for ever without a bar.
    pub(super) async fn due(&mut self) {
        match &mut self.line {
            Some((_, ticks)) => drop(ticks.tick().await),
            None => std::future::pending().await,
        }
    }

    /// Updates the bar: the lines of the first `position` bytes of the input have results.
    pub(super) fn update(&mut self, summary: &Summary, position: u64) {
        let Some((line, _)) = &self.line else { return };
        let (elapsed, count, failed) = summary.so_far();
        let text = self.meter.text(Sample { elapsed, count, position }, failed);
        line.set(text, self.meter.total.map(|total| (position, total)));
    }
}

/// Computes the current rate and the time left.
struct RateMeter {
    total: Option<u64>,
    samples: VecDeque<Sample>,
}

#[derive(Clone, Copy, Default)]
struct Sample {
    elapsed: Duration,
    count: u64,
    position: u64,
}

impl RateMeter {
    /// Adds a sample, and returns the text beside the bar.
    fn text(&mut self, now: Sample, failed: u64) -> String {
        let first = self.samples.front().copied().unwrap_or_default();
        self.samples.push_back(now);
        if self.samples.len() > RATE_SAMPLES {
            self.samples.pop_front();
        }
        let window = now.elapsed.saturating_sub(first.elapsed).as_millis().max(1);
        let rate = u128::from(now.count - first.count) * 1000 / window;
        let mut text = format!("{} lookups, {rate}/s, {failed} failed", now.count);
        let read = u128::from(now.position.saturating_sub(first.position));
        if let Some(total) = self.total
            && read > 0
        {
            let left = u128::from(total.saturating_sub(now.position)) * window / read;
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX));
            // Writing to a String cannot fail.
            write!(text, ", {} left", figures::time(left)).unwrap_or_default();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: u64, count: u64, position: u64) -> Sample {
        Sample { elapsed: Duration::from_secs(seconds), count, position }
    }

    #[test]
    fn the_rate_and_the_time_left_are_those_of_the_last_samples() {
        let mut meter = RateMeter { total: Some(1000), samples: VecDeque::new() };
        assert_eq!(meter.text(sample(1, 50, 500), 0), "50 lookups, 50/s, 0 failed, 1.0 s left");
        assert_eq!(meter.text(sample(2, 60, 600), 3), "60 lookups, 10/s, 3 failed, 4.0 s left");
        for _ in 0..RATE_SAMPLES {
            meter.text(sample(3, 60, 600), 3);
        }
        assert_eq!(meter.text(sample(4, 60, 600), 3), "60 lookups, 0/s, 3 failed");
        assert_eq!(meter.samples.len(), RATE_SAMPLES);
    }

    #[test]
    fn an_input_of_unknown_size_has_no_time_left() {
        let mut meter = RateMeter { total: None, samples: VecDeque::new() };
        assert_eq!(meter.text(sample(2, 10, 100), 1), "10 lookups, 5/s, 1 failed");
        meter.text(sample(0, 10, 0), 1);
    }
}
