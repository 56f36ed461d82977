//! Pictures of repeated probes for a terminal: a strip of the last results, and a histogram.

use std::time::Duration;

use crate::output::figures;

/// The heights of a strip, from the shortest time to the longest.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A result that was not open.
const LOST_MARK: char = '×';

/// The number of rows of a histogram.
const BUCKETS: usize = 8;

/// The length of the longest bar of a histogram, in columns.
const LONGEST_BAR: usize = 40;

/// Returns the results as a line of bars, scaled to the longest time.
pub(super) fn strip(results: impl Iterator<Item = Option<Duration>> + Clone) -> String {
    let longest = results.clone().flatten().max().unwrap_or_default().as_micros().max(1);
    let bar = |time: Option<Duration>| match time {
        None => LOST_MARK,
        Some(time) => {
            let height = time.as_micros() * 7 / longest;
            BARS[usize::try_from(height).unwrap_or(0).min(BARS.len() - 1)]
        }
    };
    results.map(bar).collect()
}

/// Returns the rows of a histogram of `sorted` times: the upper end of each bucket, and its bar
/// with the number of times. The last bucket holds the slowest times, so that one of them does not
/// squeeze the others into one row.
pub(super) fn histogram(sorted: &[Duration]) -> Vec<[String; 3]> {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    // 19 of 20 times are below this.
    let usual = sorted[(sorted.len() * 19 / 20).min(sorted.len() - 1)];
    // Without slower times, the last bucket is like the others.
    let buckets = if usual == *last { 8 } else { 7 };
    let width = (usual.saturating_sub(*first) / buckets).max(Duration::from_micros(1));
    let mut counts = [0_usize; BUCKETS];
    for time in sorted {
        let at = time.saturating_sub(*first).as_nanos().checked_div(width.as_nanos()).unwrap_or(0);
        counts[usize::try_from(at).unwrap_or(BUCKETS).min(BUCKETS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let used = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    let ends = (1..).map(|number| *first + width * number);
    let rows = counts.iter().zip(ends).take(used + 1).enumerate();
    let row = |(at, (count, end)): (usize, (&usize, Duration))| {
        let end = if at == BUCKETS - 1 { *last } else { end };
        let bar = "█".repeat((count * LONGEST_BAR).div_ceil(most));
        [format!("≤ {}", figures::time(end)), count.to_string(), bar]
    };
    rows.map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_strip_shows_the_times_by_height_and_marks_losses() {
        let results = [Some(MS), None, Some(8 * MS), Some(4 * MS)];
        assert_eq!(strip(results.into_iter()), "▁×█▄");
        assert_eq!(strip([None, Some(Duration::ZERO)].into_iter()), "×▁");
        assert_eq!(strip([].into_iter()), "");
    }

    #[test]
    fn a_histogram_counts_every_time_and_an_outlier_takes_one_row() {
        let mut times: Vec<Duration> = (1..=99).map(|number| number * MS).collect();
        times.push(Duration::from_secs(5));
        let rows = histogram(&times);
        assert_eq!(rows.len(), 8);
        let count: usize = rows.iter().map(|row| row[1].parse::<usize>().unwrap()).sum();
        assert_eq!(count, 100);
        assert_eq!(rows[7][0], "≤ 5.0 s");
        assert!(rows.iter().all(|row| row[2].chars().count() <= LONGEST_BAR));
        let same = histogram(&[MS, MS]);
        assert_eq!(same.len(), 1);
        assert_eq!(same[0][1], "2");
        assert!(histogram(&[]).is_empty());
    }
}
