//! Threads whose loss is noticed: one that panics leaves an error behind, never a silent end.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::thread;

use tokio::runtime::Handle;

/// Starts a thread that runs `work`.
///
/// A panic of `work` may come from the call that was to wake the caller's runtime. The runtime is
/// therefore woken again, so that its tasks notice that the other end of their channel is gone.
///
/// # Errors
/// The thread cannot be started.
pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let runtime = Handle::try_current().ok();
    let thread = thread::Builder::new().name(name.to_owned());
    let started = thread.spawn(move || {
        // The panic hook has printed the error.
        if catch_unwind(AssertUnwindSafe(work)).is_err()
            && let Some(runtime) = runtime
        {
            // An empty task: starting it wakes the runtime. If that fails too, nothing is left to
            // try.
            catch_unwind(AssertUnwindSafe(|| drop(runtime.spawn(async {})))).ok();
        }
    });
    started.map(drop)
}

/// A thread ended without reporting a result, because of a bug in sockkit or a fault of the system.
#[derive(Debug, thiserror::Error)]
#[error("a thread stopped after an internal error")]
pub struct ThreadLost;

impl ThreadLost {
    /// Returns the error of an operation that the lost thread was to complete.
    pub fn error() -> io::Error {
        io::Error::other(Self)
    }

    /// Returns whether `error` is [`Self::error`].
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// The first error of something that several callers use; each caller gets a copy.
#[derive(Debug, Default)]
pub struct FirstError(OnceLock<io::Error>);

impl FirstError {
    /// Records `error`, unless an earlier one is recorded.
    pub fn record(&self, error: io::Error) {
        self.0.set(error).ok();
    }

    /// Returns a copy of the recorded error; `None` if there is none.
    pub fn get(&self) -> Option<io::Error> {
        self.0.get().map(copy)
    }
}

/// Returns an error with the number, or the kind and text, of `error`.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None if ThreadLost::is(error) => ThreadLost::error(),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn every_caller_gets_a_copy_of_the_first_error() {
        for error in [io::Error::from_raw_os_error(28), ErrorKind::BrokenPipe.into()] {
            let (kind, text) = (error.kind(), error.to_string());
            let first = FirstError::default();
            assert!(first.get().is_none());
            first.record(error);
            first.record(ErrorKind::NotFound.into());
            for _ in 0..2 {
                let copied = first.get().unwrap();
                assert_eq!((copied.kind(), copied.to_string()), (kind, text.clone()));
            }
        }
        let lost = FirstError::default();
        lost.record(ThreadLost::error());
        assert!(ThreadLost::is(&lost.get().unwrap()));
    }
}
