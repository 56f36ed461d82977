//! SIGINT and SIGTERM become a [`Stop`]: the first asks, the second forces.
//!
//! SIGHUP is one of them where it says that the terminal is gone; elsewhere it has other uses.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;
use crate::net::Stop;

/// Watches for signals as long as the runtime it was made in lives.
#[derive(Clone, Debug)]
pub(crate) struct SignalWatch {
    stop: Stop,
    last: Arc<AtomicU8>,
}

impl SignalWatch {
    /// Begins to watch. From here on the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// The handlers could not be installed.
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

    /// Returns what the signals ask.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Returns how a program ends that a signal stopped, if one did.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match self.last.load(Ordering::Relaxed) {
            0 => None,
            number => Some(Exit::Signal(number)),
        }
    }
}
