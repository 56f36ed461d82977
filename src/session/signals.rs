//! Turns SIGINT and SIGTERM into a [`Stop`]: the first signal starts the drain, the second forces
//! the end.
//!
//! SIGHUP counts too if standard input is a terminal, because it then means that the terminal was
//! closed. Otherwise a command may use it, for example to reopen its log.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;
use crate::net::Stop;

/// Handles signals until the tokio runtime in which it was created ends.
#[derive(Clone, Debug)]
pub(crate) struct SignalWatch {
    stop: Stop,
    last: Arc<AtomicU8>,
}

impl SignalWatch {
    /// Installs the signal handlers. From then on, the signals no longer end the process.
    ///
    /// # Errors
    /// A handler cannot be installed.
    pub(crate) fn watch() -> io::Result<Self> {
        let this = Self { stop: Stop::new(), last: Arc::default() };
        let mut kinds = vec![(SignalKind::interrupt(), 2), (SignalKind::terminate(), 15)];
        if io::stdin().is_terminal() {
            kinds.push((SignalKind::hangup(), 1));
        }
        for (kind, number) in kinds {
            let mut signals = signal(kind)?;
            let Self { stop, last } = this.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    last.store(number, Ordering::Relaxed);
                    stop.request();
                }
            });
        }
        Ok(this)
    }

    /// Returns the stop that the signals request.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Returns the exit code of the last signal; `None` if there was none.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match self.last.load(Ordering::Relaxed) {
            0 => None,
            number => Some(Exit::Signal(number)),
        }
    }
}
