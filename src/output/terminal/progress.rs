//! How far a transfer is, on a terminal that shows nothing of the payload.
//!
//! A line on standard error that draws itself anew, appears only when something takes time, and is
//! gone at the end. Talk goes above it. Whoever moves bytes adds to a counter; a thread draws.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal as _, Seek as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::direction::Direction;
use crate::output::figures::{rate, size, time};
use crate::output::format::Verbosity;
use crate::output::handle::Output;
use crate::output::terminal::bar::bar;

/// What is done sooner needs no bar.
const APPEARS_AFTER: Duration = Duration::from_secs(1);

/// Between two drawings: fast enough to live, slow enough to read.
const INTERVAL: Duration = Duration::from_millis(100);

/// Drawings that a rate is taken over: two seconds.
const SAMPLES: usize = 20;

/// With a known end, and without.
const TEMPLATES: [&str; 2] = ["[{bar:24}] {msg}", "{spinner} {msg}"];

/// A bar, from its start to its end; dropping it ends it.
#[derive(Debug)]
pub struct Progress {
    meter: Meter,
    /// The drawing thread ends with it.
    _stop: mpsc::Sender<()>,
}

/// What is counted; cheap to clone.
#[derive(Clone, Debug)]
pub struct Meter(Arc<TransferCounts>);

#[derive(Debug)]
struct TransferCounts {
    sent: AtomicU64,
    received: AtomicU64,
    /// Bytes there are to send, where that is known.
    total: Option<u64>,
    /// What is received goes to the terminal, and the bar gives way to it.
    gives_way: bool,
    over: AtomicBool,
}

impl Progress {
    /// Starts a bar where there is a place for one: standard error is a terminal, and standard
    /// input or output is none. Not with `-q`, nor where talk is JSON.
    pub fn start(out: Output) -> Option<Self> {
        let (stdin, stdout) = (io::stdin().is_terminal(), io::stdout().is_terminal());
        let wanted = out.verbosity() >= Verbosity::Normal && !out.is_json();
        if !wanted || !io::stderr().is_terminal() || (stdin && stdout) {
            return None;
        }
        let counts = Arc::new(TransferCounts {
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            total: left_of_stdin(),
            gives_way: stdout,
            over: AtomicBool::new(false),
        });
        let (stop, stopped) = mpsc::channel();
        let drawn = Arc::clone(&counts);
        let thread = thread::Builder::new().name("progress".into());
        // Without a thread there is no bar, and nothing else is missing.
        thread.spawn(move || draw(&drawn, &stopped)).ok()?;
        Some(Self { meter: Meter(counts), _stop: stop })
    }

    /// Returns what the bytes are to be counted with.
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Takes the bar away, for good.
    pub fn end(&self) {
        self.meter.end();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

impl Meter {
    /// Counts `bytes` more.
    pub fn advance(&self, direction: Direction, bytes: usize) {
        let TransferCounts { sent, received, gives_way, over, .. } = &*self.0;
        let counter = if direction == Direction::In { received } else { sent };
        counter.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
        if direction == Direction::In && *gives_way && !over.load(Ordering::Relaxed) {
            self.end();
        }
    }

    /// Clears the bar, for good.
    fn end(&self) {
        let mut bar = bar();
        // Under the lock: a bar that is drawn later would stay.
        self.0.over.store(true, Ordering::Relaxed);
        if let Some(bar) = bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Draws until it is over.
fn draw(counts: &TransferCounts, stopped: &Receiver<()>) {
    let started = Instant::now();
    let mut pace = Pace::default();
    let mut wait = APPEARS_AFTER;
    let mut drawn_with = None;
    while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        wait = INTERVAL;
        let sent = counts.sent.load(Ordering::Relaxed);
        let received = counts.received.load(Ordering::Relaxed);
        // Once all is sent, what comes is of interest.
        let total = counts.total.filter(|total| sent < *total);
        let text = pace.after(started.elapsed(), sent, received, total);
        let mut shown = bar();
        if counts.over.load(Ordering::Relaxed) {
            return;
        }
        // The default target: hidden where a terminal cannot move its cursor.
        let shown = shown.get_or_insert_with(|| ProgressBar::new(counts.total.unwrap_or(0)));
        if drawn_with != Some(total.is_some()) {
            drawn_with = Some(total.is_some());
            let style = ProgressStyle::with_template(TEMPLATES[usize::from(total.is_none())]);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            shown.set_style(style.progress_chars("=> "));
        }
        shown.set_message(text);
        shown.set_position(sent);
        shown.tick();
    }
}

/// The last drawings, for the rate of now: when, sent, received.
#[derive(Debug, Default)]
struct Pace(VecDeque<(Duration, u64, u64)>);

impl Pace {
    /// Returns what is said after `elapsed`.
    fn after(&mut self, elapsed: Duration, sent: u64, received: u64, total: Option<u64>) -> String {
        let (since, sent_then, received_then) = self.0.front().copied().unwrap_or_default();
        self.0.push_back((elapsed, sent, received));
        if self.0.len() > SAMPLES {
            self.0.pop_front();
        }
        let micros = u64::try_from(elapsed.saturating_sub(since).as_micros()).unwrap_or(u64::MAX);
        let fresh_sent = sent.saturating_sub(sent_then);
        let fresh = match total {
            Some(_) => fresh_sent,
            None => fresh_sent.saturating_add(received.saturating_sub(received_then)),
        };
        let mut text = match total {
            Some(total) => format!("{} of {}", size(sent), size(total)),
            None if received == 0 => format!("{} sent", size(sent)),
            None if sent == 0 => format!("{} received", size(received)),
            None => format!("{} sent, {} received", size(sent), size(received)),
        };
        // Writing to a String cannot fail.
        write!(text, ", {}", rate(fresh, micros).as_deref().unwrap_or("nothing moves"))
            .unwrap_or_default();
        if let Some(total) = total
            && fresh > 0
        {
            let left = total.saturating_sub(sent);
            let left = u128::from(left) * u128::from(micros) / u128::from(fresh);
            let left = Duration::from_micros(u64::try_from(left).unwrap_or(u64::MAX));
            write!(text, ", {} left", time(left)).unwrap_or_default();
        }
        text
    }
}

/// How much standard input still holds, where it is a file.
fn left_of_stdin() -> Option<u64> {
    let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    let metadata = stdin.metadata().ok()?;
    // The offset is shared with whoever reads; asking for it moves nothing.
    metadata
        .is_file()
        .then(|| Some(metadata.len().saturating_sub(stdin.stream_position().ok()?)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_known_end_gives_the_time_that_is_left() {
        let mut pace = Pace::default();
        let total = Some(10 << 20);
        let first = pace.after(SECOND, 1 << 20, 999, total);
        assert_eq!(first, "1.0 MiB of 10.0 MiB, 1.0 MiB/s, 9.0 s left");
        // The rate is that of now.
        let then = pace.after(2 * SECOND, 4 << 20, 999, total);
        assert_eq!(then, "4.0 MiB of 10.0 MiB, 3.0 MiB/s, 2.0 s left");
    }

    #[test]
    fn without_an_end_both_directions_are_told() {
        let mut pace = Pace::default();
        assert_eq!(pace.after(SECOND, 0, 0, None), "0 B sent, nothing moves");
        assert_eq!(pace.after(2 * SECOND, 0, 2048, None), "2.0 KiB received, 2.0 KiB/s");
        let both = pace.after(3 * SECOND, 2048, 2048, None);
        assert_eq!(both, "2.0 KiB sent, 2.0 KiB received, 2.0 KiB/s");
    }

    #[test]
    fn a_transfer_that_stands_still_says_so_soon_and_keeps_nothing() {
        let mut pace = Pace::default();
        let mut text = String::new();
        for tick in 0..=1000 {
            text = pace.after(tick * INTERVAL, 0, 5, None);
        }
        assert_eq!(text, "5 B received, nothing moves");
        assert_eq!(pace.0.len(), SAMPLES);
        pace.after(Duration::MAX, u64::MAX, u64::MAX, Some(u64::MAX));
        pace.after(Duration::ZERO, 0, 0, Some(0));
    }

    #[test]
    fn the_templates_are_templates() {
        assert!(TEMPLATES.iter().all(|template| ProgressStyle::with_template(template).is_ok()));
    }

    #[test]
    fn there_is_no_bar_where_talk_is_json_and_talk_goes_on_without_one() {
        let out = Output::new(
            crate::output::Format::Json,
            crate::output::ColorChoice::Never,
            Verbosity::Normal,
        );
        assert!(Progress::start(out).is_none());
        assert_eq!(crate::output::terminal::bar::above(|| 7), 7);
    }
}
