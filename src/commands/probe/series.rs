//! The statistics of repeated probes of one port.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The most times that are kept for the percentiles: those of the latest probes, 800 KB.
const MAX_TIMES: usize = 100_000;

/// The number of results in the strip: they fit on a line beside the figures.
const STRIP: usize = 40;

/// Repeated probes of one port.
#[derive(Debug)]
pub(super) struct Series {
    began: Instant,
    sent: u64,
    open: u64,
    times: VecDeque<Duration>,
    total: Duration,
    shortest: Option<Duration>,
    longest: Option<Duration>,
    /// The sum of the differences between consecutive times, and their number.
    jitter: (Duration, u32),
    previous: Option<Duration>,
    /// Whether the port is open, and since when.
    streak: Option<(bool, Instant)>,
    longest_up: Duration,
    longest_down: Duration,
    strip: VecDeque<Option<Duration>>,
}

/// The figures of a series; the times are `None` if the port was never open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) sent: u64,
    pub(super) open: u64,
    pub(super) min: Option<Duration>,
    pub(super) avg: Option<Duration>,
    pub(super) p50: Option<Duration>,
    pub(super) p90: Option<Duration>,
    pub(super) p99: Option<Duration>,
    pub(super) max: Option<Duration>,
    /// The mean difference between consecutive times.
    pub(super) jitter: Option<Duration>,
    pub(super) longest_up: Duration,
    pub(super) longest_down: Duration,
    pub(super) duration: Duration,
}

impl Series {
    /// Returns an empty series that begins now.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            sent: 0,
            open: 0,
            times: VecDeque::new(),
            total: Duration::ZERO,
            shortest: None,
            longest: None,
            jitter: (Duration::ZERO, 0),
            previous: None,
            streak: None,
            longest_up: Duration::ZERO,
            longest_down: Duration::ZERO,
            strip: VecDeque::new(),
        }
    }

    /// Adds a result: the time, or `None` if the port was not open. Returns whether this differs
    /// from the previous result.
    pub(super) fn add(&mut self, time: Option<Duration>, now: Instant) -> bool {
        self.sent += 1;
        if self.strip.len() == STRIP {
            self.strip.pop_front();
        }
        self.strip.push_back(time);
        let has_changed = self.streak.is_some_and(|(was_open, _)| was_open != time.is_some());
        if has_changed || self.streak.is_none() {
            self.end_streak(now);
            self.streak = Some((time.is_some(), now));
        }
        let Some(time) = time else { return has_changed };
        self.open += 1;
        self.total += time;
        self.shortest = Some(self.shortest.map_or(time, |it| it.min(time)));
        self.longest = Some(self.longest.map_or(time, |it| it.max(time)));
        if let Some(previous) = self.previous.replace(time) {
            self.jitter = (self.jitter.0 + time.abs_diff(previous), self.jitter.1 + 1);
        }
        if self.times.len() == MAX_TIMES {
            self.times.pop_front();
        }
        self.times.push_back(time);
        has_changed
    }

    fn end_streak(&mut self, now: Instant) {
        let Some((was_open, since)) = self.streak else { return };
        let lasted = now.saturating_duration_since(since);
        let longest = if was_open { &mut self.longest_up } else { &mut self.longest_down };
        *longest = (*longest).max(lasted);
    }

    /// Returns the figures of all results so far.
    pub(super) fn figures(&mut self, now: Instant) -> Figures {
        self.end_streak(now);
        let sorted = self.sorted();
        let of_open = |total: Duration, count: u64| u32::try_from(count).ok().map(|it| total / it);
        Figures {
            sent: self.sent,
            open: self.open,
            min: self.shortest,
            avg: (self.open > 0).then(|| of_open(self.total, self.open)).flatten(),
            p50: percentile(&sorted, 50),
            p90: percentile(&sorted, 90),
            p99: percentile(&sorted, 99),
            max: self.longest,
            jitter: self.jitter.0.checked_div(self.jitter.1),
            longest_up: self.longest_up,
            longest_down: self.longest_down,
            duration: now.saturating_duration_since(self.began),
        }
    }

    /// Returns the times in ascending order.
    pub(super) fn sorted(&self) -> Vec<Duration> {
        let mut sorted: Vec<Duration> = self.times.iter().copied().collect();
        sorted.sort_unstable();
        sorted
    }

    /// Returns the latest results.
    pub(super) fn strip(&self) -> impl Iterator<Item = Option<Duration>> {
        self.strip.iter().copied()
    }

    /// Returns the number of results, and how many of them were open.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.sent, self.open)
    }
}

/// Returns the smallest of `sorted` that at least `percent` of them do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn percentiles_are_ranks_of_the_sorted_times() {
        let times: Vec<Duration> = (1..=100).map(|number| number * MS).collect();
        let of = |percent| percentile(&times, percent).unwrap().as_millis();
        assert_eq!((of(50), of(90), of(99)), (50, 90, 99));
        assert_eq!(percentile(&times[..1], 99), Some(MS));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn figures_count_losses_and_measure_streaks_and_jitter() {
        let began = Instant::now();
        let mut series = Series::new(began);
        let results = [Some(2), Some(4), None, None, None, Some(3)];
        let mut changes = 0;
        for (second, time) in (0..).zip(results) {
            let time = time.map(|time| time * MS);
            changes += u32::from(series.add(time, began + second * SECOND));
        }
        let figures = series.figures(began + 6 * SECOND);
        assert_eq!((figures.sent, figures.open, changes), (6, 3, 2));
        assert_eq!(
            (figures.min, figures.max, figures.avg),
            (Some(2 * MS), Some(4 * MS), Some(3 * MS))
        );
        assert_eq!(figures.jitter, Some(Duration::from_micros(1500)));
        assert_eq!((figures.longest_up, figures.longest_down), (2 * SECOND, 3 * SECOND));
        assert_eq!(figures.duration, 6 * SECOND);
    }

    #[test]
    fn a_port_that_was_never_open_has_no_times_and_memory_is_bounded() {
        let began = Instant::now();
        let mut series = Series::new(began);
        series.add(None, began);
        let figures = series.figures(began + SECOND);
        assert_eq!(
            (figures.min, figures.p99, figures.avg, figures.jitter),
            (None, None, None, None)
        );
        assert_eq!((figures.longest_up, figures.longest_down), (Duration::ZERO, SECOND));
        for _ in 0..=MAX_TIMES {
            series.add(Some(MS), began);
        }
        assert_eq!(series.sorted().len(), MAX_TIMES);
        assert_eq!(series.strip().count(), STRIP);
    }
}
