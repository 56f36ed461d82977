//! Requests to stop: the first drains, the second ends the run at once.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};

use tokio_util::sync::CancellationToken;

/// A stop that several tasks can request and observe; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    draining: CancellationToken,
    forced: CancellationToken,
}

impl Stop {
    /// Returns a stop that has not been requested.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests a stop: the first call requests draining, each later call a forced end.
    pub fn request(&self) {
        if self.is_draining() {
            self.forced.cancel();
        }
        self.drain();
    }

    /// Requests draining, and never a forced end. A run that ends by itself uses this; a later
    /// [`Self::request`], such as a signal from the user, then forces the end.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Returns whether a stop was requested: accept no new client, finish the current ones.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Returns whether a second stop was requested: end at once.
    pub fn is_forced(&self) -> bool {
        self.forced.is_cancelled()
    }

    /// Waits until a stop is requested.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Waits until a second stop is requested.
    pub async fn forced(&self) {
        self.forced.cancelled().await;
    }
}

/// Returns a future that completes with `event`, and can be polled again afterwards: it then
/// completes at once.
pub fn lasting(mut event: Pin<&mut impl Future<Output = ()>>) -> impl Future<Output = ()> + Unpin {
    let mut has_completed = false;
    poll_fn(move |context| {
        if !has_completed {
            ready!(event.as_mut().poll(context));
            has_completed = true;
        }
        Poll::Ready(())
    })
}
