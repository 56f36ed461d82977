//! SIGINT and SIGTERM become a [`Stop`]: the first asks, the second forces.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;
use crate::net::Stop;

/// Watches for signals as long as the runtime it was made in lives.
#[derive(Clone, Debug)]
pub(super) struct Interrupt {
    stop: Stop,
    last: Arc<AtomicU8>,
}

impl Interrupt {
    /// Begins to watch. From here on the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// The handlers could not be installed.
    pub(super) fn watch() -> io::Result<Self> {
        let this = Self { stop: Stop::new(), last: Arc::default() };
        for (kind, number) in [(SignalKind::interrupt(), 2), (SignalKind::terminate(), 15)] {
            let mut signals = signal(kind)?;
            let Self { stop, last } = this.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    last.store(number, Ordering::Relaxed);
                    stop.ask();
                }
            });
        }
        Ok(this)
    }

    /// Returns what the signals ask.
    pub(super) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Returns how a program ends that the last signal stopped.
    pub(super) fn exit(&self) -> Exit {
        Exit::Signal(self.last.load(Ordering::Relaxed))
    }
}
