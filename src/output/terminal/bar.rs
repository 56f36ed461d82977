//! The progress bar on standard error, and writing there while it is shown.

use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard};

use indicatif::ProgressBar;

use crate::sync::lock;

/// The progress bar of a run, while there is one; every write to the terminal must hide it.
#[derive(Debug, Default)]
pub(super) struct Bar(Mutex<Option<ProgressBar>>);

impl Bar {
    /// Calls `write` while the bar, if there is one, is hidden.
    pub(super) fn hide_for<T>(&self, write: impl FnOnce() -> T) -> T {
        let bar = self.lock().clone();
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Locks and returns the bar, if there is one.
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        lock(&self.0)
    }

    /// Writes `text` to standard error.
    pub(super) fn write_stderr(&self, text: &str) {
        // A failure of standard error cannot be reported.
        self.hide_for(|| io::stderr().lock().write_all(text.as_bytes()).ok());
    }
}
