//! The progress bar as shared state, and writing to standard error while the bar is shown.

use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard};

use indicatif::ProgressBar;

use crate::sync::lock;

/// A process has one terminal, hence at most one bar; every write to the terminal must hide it.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Calls `write` while the bar, if there is one, is hidden.
pub(crate) fn above<T>(write: impl FnOnce() -> T) -> T {
    let bar = bar().clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Locks and returns the bar, if there is one.
pub(super) fn bar() -> MutexGuard<'static, Option<ProgressBar>> {
    lock(&BAR)
}

/// Writes `text` to standard error.
pub(crate) fn write_stderr(text: &str) {
    // A failure of standard error cannot be reported.
    above(|| io::stderr().lock().write_all(text.as_bytes()).ok());
}
