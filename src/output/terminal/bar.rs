//! The one progress bar, and writing to standard error while it is on the screen.

use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard};

use indicatif::ProgressBar;

use crate::sync::lock;

/// There is one terminal, so there is one bar: talk has to know of it.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Does `write` with the bar, if there is one, out of the way.
pub(crate) fn above<T>(write: impl FnOnce() -> T) -> T {
    let bar = bar().clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Returns the bar, if there is one.
pub(super) fn bar() -> MutexGuard<'static, Option<ProgressBar>> {
    lock(&BAR)
}

/// Writes `text` to standard error.
pub(crate) fn write_stderr(text: &str) {
    // A failure of standard error itself cannot be reported anywhere.
    above(|| io::stderr().lock().write_all(text.as_bytes()).ok());
}
