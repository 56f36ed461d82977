//! The progress bar on standard error, and writing there while it is shown.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use indicatif::ProgressBar;

use crate::sync::lock;

/// How long the end of a run waits until the bar is cleared, which a blocked terminal can delay.
const CLEAR_TIMEOUT: Duration = Duration::from_millis(250);

/// The progress bar of a run, while there is one; a run shows at most one. Every write to the
/// terminal must hide it.
#[derive(Debug, Default)]
pub(super) struct Bar {
    shown: Mutex<Option<ProgressBar>>,
    has_ended: AtomicBool,
}

impl Bar {
    /// Calls `write` while the bar, if there is one, is hidden.
    pub(super) fn hide_for<T>(&self, write: impl FnOnce() -> T) -> T {
        let bar = self.lock().clone();
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Calls `draw` with the bar to draw, unless it has ended. Returns whether it has not.
    pub(super) fn draw(&self, draw: impl FnOnce(&mut Option<ProgressBar>)) -> bool {
        let mut bar = self.lock();
        let goes_on = !self.has_ended.load(Ordering::Relaxed);
        if goes_on {
            draw(&mut bar);
        }
        goes_on
    }

    /// Ends the bar without waiting for the terminal: it is cleared before anything else is
    /// written.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    /// Clears the bar if it has ended.
    pub(super) fn clear_ended(&self) {
        drop(self.lock());
    }

    /// Locks the bar, and clears it if it has ended.
    fn lock(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        let mut bar = lock(&self.shown);
        if self.has_ended.load(Ordering::Relaxed)
            && let Some(bar) = bar.take()
        {
            bar.finish_and_clear();
        }
        bar
    }

    /// Writes `text` to standard error.
    pub(super) fn write_stderr(&self, text: &str) {
        // A failure of standard error cannot be reported.
        self.hide_for(|| io::stderr().lock().write_all(text.as_bytes()).ok());
    }
}

/// The thread that draws the bar. Dropping this ends it, and waits for its end, at most
/// [`CLEAR_TIMEOUT`].
#[derive(Debug)]
pub(super) struct Drawing {
    stop: Option<Sender<()>>,
    /// Closed once the thread has ended. In a mutex, because `Receiver` is not `Sync`.
    ended: Mutex<Receiver<()>>,
}

impl Drawing {
    /// Starts a thread that calls `draw`, which returns once the channel is closed. Returns `None`
    /// if the thread cannot be started.
    pub(super) fn start(
        name: &str,
        draw: impl FnOnce(&Receiver<()>) + Send + 'static,
    ) -> Option<Self> {
        let ((stop, stopped), (end, ended)) = (mpsc::channel(), mpsc::channel());
        let draw = move || {
            draw(&stopped);
            drop(end);
        };
        thread::Builder::new().name(name.to_owned()).spawn(draw).ok()?;
        Some(Self { stop: Some(stop), ended: Mutex::new(ended) })
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        self.stop = None;
        lock(&self.ended).recv_timeout(CLEAR_TIMEOUT).ok();
    }
}
