//! The progress of a datagram exchange: counts, last activity, and how it ended.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use crate::net::datagram::observer::DatagramObserver;
use crate::net::datagram::outgoing;
use crate::net::end::ExchangeEnd;
use crate::net::idle_clock::IdleClock;
use crate::sync::lock;

/// Datagrams and bytes carried in each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramCounts {
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Datagrams sent.
    pub datagrams_out: u64,
    /// Bytes in the datagrams received.
    pub bytes_in: u64,
    /// Bytes in the datagrams sent.
    pub bytes_out: u64,
}

impl DatagramCounts {
    /// Counts a received datagram of `len` bytes.
    pub(super) fn count_in(&mut self, len: usize) {
        self.datagrams_in += 1;
        self.bytes_in += len as u64;
    }

    /// Counts a sent datagram of `len` bytes.
    pub(super) fn count_out(&mut self, len: usize) {
        self.datagrams_out += 1;
        self.bytes_out += len as u64;
    }
}

impl From<outgoing::OutgoingError> for ExchangeEnd {
    fn from(failure: outgoing::OutgoingError) -> Self {
        match failure {
            outgoing::OutgoingError::Input(error) => Self::Input(error),
            outgoing::OutgoingError::TooLong(_) => Self::TooLong,
        }
    }
}

/// Counts, last activity and observer, shared by both directions.
pub(super) struct Traffic {
    state: Mutex<TrafficState>,
    /// When a datagram was last sent or received; unset while idle time does not count.
    last_activity: IdleClock,
}

struct TrafficState {
    counts: DatagramCounts,
    observer: Option<Box<dyn DatagramObserver>>,
}

impl Traffic {
    /// Returns traffic without datagrams. Idle time counts from `last_activity`, or from the first
    /// datagram if that is unset.
    pub(super) fn new(
        last_activity: IdleClock,
        observer: Option<Box<dyn DatagramObserver>>,
    ) -> Self {
        let state = TrafficState { counts: DatagramCounts::default(), observer };
        Self { state: Mutex::new(state), last_activity }
    }

    /// Returns the observer.
    pub(super) fn into_observer(self) -> Option<Box<dyn DatagramObserver>> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).observer
    }

    /// Returns the counts so far.
    pub(super) fn counts(&self) -> DatagramCounts {
        self.state().counts
    }

    /// Records a datagram that `peer` sent.
    pub(super) fn received(&self, peer: &str, datagram: &[u8]) {
        self.last_activity.renew();
        let mut state = self.state();
        state.counts.count_in(datagram.len());
        if let Some(observer) = &mut state.observer {
            observer.received(peer, datagram);
        }
    }

    /// Records a datagram that was sent to `peer`.
    pub(super) fn sent(&self, peer: &str, datagram: &[u8]) {
        self.last_activity.renew();
        let mut state = self.state();
        state.counts.count_out(datagram.len());
        if let Some(observer) = &mut state.observer {
            observer.sent(peer, datagram);
        }
    }

    /// Waits until the observer is ready for more.
    pub(super) async fn observed(&self) {
        poll_fn(|context| match &mut self.state().observer {
            None => Poll::Ready(()),
            Some(observer) => observer.poll_ready(context),
        })
        .await;
        // A peer that sends without end must not keep the exchange from its timers.
        tokio::task::yield_now().await;
    }

    /// Restarts the idle time, because the input has ended.
    pub(super) fn input_ended(&self) {
        if self.last_activity.is_set() {
            self.last_activity.renew();
        }
    }

    /// Waits until there has been no traffic for `limit`. Never returns without a limit, or before
    /// the first datagram if idle time started unset.
    pub(super) async fn idle_for(&self, limit: Option<Duration>) {
        self.last_activity.expired(limit).await;
    }

    fn state(&self) -> MutexGuard<'_, TrafficState> {
        lock(&self.state)
    }
}
