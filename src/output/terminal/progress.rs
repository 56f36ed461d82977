//! The progress bar of a transfer, for a terminal that does not show the payload.
//!
//! One line on standard error, which appears only if the transfer takes longer than a second, is
//! updated in place and is cleared at the end. Diagnostics are printed above it. The transfer only
//! adds to counters; a thread draws.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal as _, Seek as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::direction::Direction;
use crate::output::figures::{rate, size, time};
use crate::output::format::Verbosity;
use crate::output::handle::Output;
use crate::output::terminal::bar::Drawing;
use crate::output::terminal::screen::Terminal;

/// How long a transfer runs before the bar appears.
const APPEARS_AFTER: Duration = Duration::from_secs(1);

/// The time between two updates of the bar.
const INTERVAL: Duration = Duration::from_millis(100);

/// The number of updates over which the rate is measured: two seconds.
const SAMPLES: usize = 20;

/// The bar's templates: with a known total, and without.
const TEMPLATES: [&str; 2] = ["[{bar:24}] {msg}", "{spinner} {msg}"];

/// A progress bar; dropping it clears it.
#[derive(Debug)]
pub struct Progress {
    meter: Meter,
    _drawing: Drawing,
}

/// Counts the transferred bytes; cheap to clone.
#[derive(Clone, Debug)]
pub struct Meter {
    counts: Arc<TransferCounts>,
    terminal: &'static Terminal,
}

#[derive(Debug)]
struct TransferCounts {
    sent: AtomicU64,
    received: AtomicU64,
    /// The number of bytes to send, if known.
    total: Option<u64>,
    /// Whether the first received byte ends the bar, because the terminal shows received data.
    ends_on_receive: bool,
    ended: AtomicBool,
}

impl Progress {
    /// Starts a bar if standard error is a terminal. Returns `None` otherwise, with `-q` or JSON
    /// output, and if the user types at that terminal what is sent: `reads_stdin` says whether
    /// standard input is read.
    pub fn start(out: Output, reads_stdin: bool) -> Option<Self> {
        let (stdin, stdout) = (io::stdin().is_terminal(), io::stdout().is_terminal());
        let wanted = out.verbosity() >= Verbosity::Normal && !out.is_json();
        if !wanted || !io::stderr().is_terminal() || (stdin && (stdout || reads_stdin)) {
            return None;
        }
        let counts = Arc::new(TransferCounts {
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            total: remaining_stdin(),
            ends_on_receive: stdout,
            ended: AtomicBool::new(false),
        });
        let meter = Meter { counts, terminal: out.terminal() };
        let drawn = meter.clone();
        // If the thread cannot be started, the transfer runs without a bar.
        let drawing = Drawing::start("progress", move |stopped| drawn.draw(stopped))?;
        Some(Self { meter, _drawing: drawing })
    }

    /// Returns the meter that counts the transferred bytes.
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Clears the bar permanently.
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
    /// Adds `bytes` to the direction's count.
    pub fn advance(&self, direction: Direction, bytes: usize) {
        let TransferCounts { sent, received, ends_on_receive, ended, .. } = &*self.counts;
        let counter = if direction == Direction::In { received } else { sent };
        counter.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
        if direction == Direction::In && *ends_on_receive && !ended.load(Ordering::Relaxed) {
            self.end();
        }
    }

    /// Clears the bar permanently.
    fn end(&self) {
        self.counts.ended.store(true, Ordering::Relaxed);
        self.terminal.bar().end();
    }

    /// Draws the bar until it has ended.
    fn draw(&self, stopped: &Receiver<()>) {
        let counts = &*self.counts;
        let started = Instant::now();
        let mut window = RateWindow::default();
        let mut wait = APPEARS_AFTER;
        let mut shows_total = None;
        while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            wait = INTERVAL;
            let sent = counts.sent.load(Ordering::Relaxed);
            let received = counts.received.load(Ordering::Relaxed);
            // Once everything is sent, the received bytes are shown instead.
            let total = counts.total.filter(|total| sent < *total);
            let text = window.update(started.elapsed(), sent, received, total);
            let goes_on = self.terminal.bar().draw(|bar| {
                // indicatif hides the bar if the terminal cannot move its cursor.
                let bar = bar.get_or_insert_with(|| ProgressBar::new(counts.total.unwrap_or(0)));
                if shows_total != Some(total.is_some()) {
                    shows_total = Some(total.is_some());
                    let template = TEMPLATES[usize::from(total.is_none())];
                    let style = ProgressStyle::with_template(template);
                    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
                    bar.set_style(style.progress_chars("=> "));
                }
                bar.set_message(text);
                bar.set_position(sent);
                bar.tick();
            });
            if !goes_on {
                return;
            }
        }
        self.terminal.bar().clear_ended();
    }
}

/// The latest samples, from which the current rate is computed: elapsed time, bytes sent, bytes
/// received.
#[derive(Debug, Default)]
struct RateWindow(VecDeque<(Duration, u64, u64)>);

impl RateWindow {
    /// Adds a sample and returns the text to show beside the bar.
    fn update(
        &mut self,
        elapsed: Duration,
        sent: u64,
        received: u64,
        total: Option<u64>,
    ) -> String {
        let (start, sent_before, received_before) = self.0.front().copied().unwrap_or_default();
        self.0.push_back((elapsed, sent, received));
        if self.0.len() > SAMPLES {
            self.0.pop_front();
        }
        let micros = u64::try_from(elapsed.saturating_sub(start).as_micros()).unwrap_or(u64::MAX);
        let recent_sent = sent.saturating_sub(sent_before);
        let recent = match total {
            Some(_) => recent_sent,
            None => recent_sent.saturating_add(received.saturating_sub(received_before)),
        };
        let mut text = match total {
            Some(total) => format!("{} of {}", size(sent), size(total)),
            None if received == 0 => format!("{} sent", size(sent)),
            None if sent == 0 => format!("{} received", size(received)),
            None => format!("{} sent, {} received", size(sent), size(received)),
        };
        // Writing to a String cannot fail.
        write!(text, ", {}", rate(recent, micros).as_deref().unwrap_or("stalled"))
            .unwrap_or_default();
        if let Some(total) = total
            && recent > 0
        {
            let left = total.saturating_sub(sent);
            let left = u128::from(left) * u128::from(micros) / u128::from(recent);
            let left = Duration::from_micros(u64::try_from(left).unwrap_or(u64::MAX));
            write!(text, ", {} left", time(left)).unwrap_or_default();
        }
        text
    }
}

/// Returns the number of unread bytes of standard input, if it is a regular file.
fn remaining_stdin() -> Option<u64> {
    let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    let metadata = stdin.metadata().ok()?;
    // The duplicated descriptor shares its offset with standard input; this call does not move it.
    metadata
        .is_file()
        .then(|| Some(metadata.len().saturating_sub(stdin.stream_position().ok()?)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_known_total_shows_the_remaining_time() {
        let mut window = RateWindow::default();
        let total = Some(10 << 20);
        let first = window.update(SECOND, 1 << 20, 999, total);
        assert_eq!(first, "1.0 MiB of 10.0 MiB, 1.0 MiB/s, 9.0 s left");
        // The rate is that of the latest samples, not of the whole transfer.
        let then = window.update(2 * SECOND, 4 << 20, 999, total);
        assert_eq!(then, "4.0 MiB of 10.0 MiB, 3.0 MiB/s, 2.0 s left");
    }

    #[test]
    fn without_a_total_both_directions_are_shown() {
        let mut window = RateWindow::default();
        assert_eq!(window.update(SECOND, 0, 0, None), "0 B sent, stalled");
        assert_eq!(window.update(2 * SECOND, 0, 2048, None), "2.0 KiB received, 2.0 KiB/s");
        let both = window.update(3 * SECOND, 2048, 2048, None);
        assert_eq!(both, "2.0 KiB sent, 2.0 KiB received, 2.0 KiB/s");
    }

    #[test]
    fn an_idle_transfer_is_shown_as_stalled_with_a_bounded_number_of_samples() {
        let mut window = RateWindow::default();
        let mut text = String::new();
        for tick in 0..=1000 {
            text = window.update(tick * INTERVAL, 0, 5, None);
        }
        assert_eq!(text, "5 B received, stalled");
        assert_eq!(window.0.len(), SAMPLES);
        window.update(Duration::MAX, u64::MAX, u64::MAX, Some(u64::MAX));
        window.update(Duration::ZERO, 0, 0, Some(0));
    }

    #[test]
    fn the_templates_are_valid() {
        assert!(TEMPLATES.iter().all(|template| ProgressStyle::with_template(template).is_ok()));
    }

    #[test]
    fn json_output_has_no_bar() {
        let out = Output::new(
            crate::output::Format::Json,
            crate::output::ColorChoice::Never,
            Verbosity::Normal,
        );
        assert!(Progress::start(out, false).is_none());
    }
}
