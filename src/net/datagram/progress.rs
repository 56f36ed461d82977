//! The progress of a datagram exchange: counts, last activity, and how it ended.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;

use crate::net::address::addr::Addr;
use crate::net::datagram::outgoing;
use crate::net::error::{destination_reason, is_local_refusal};
use crate::net::idle_clock::IdleClock;
use crate::net::stream::observer::StreamObserver;
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

/// Why an exchange ended. `Display` writes the `reason` of the `closed` event.
#[derive(Debug, thiserror::Error)]
pub enum DatagramEnd {
    /// The input had ended, and there was no traffic within the linger time.
    #[error("quiet")]
    Quiet,
    /// An ICMP error says that the peer's port is closed or that the peer is unreachable.
    #[error("{}", crate::reason::of(.0))]
    Refused(io::Error),
    /// Receiving failed.
    #[error("{}", crate::reason::of(.0))]
    Receive(io::Error),
    /// Sending failed.
    #[error("{}", crate::reason::of(.0))]
    Send(io::Error),
    /// The input could not be read.
    #[error("cannot read input: {}", crate::reason::of(.0))]
    Input(io::Error),
    /// The input is too long for one datagram.
    #[error("too long")]
    TooLong,
    /// Received data could not be written; `BrokenPipe` if the reader of the output has closed it.
    #[error("cannot write output: {}", crate::reason::of(.0))]
    Output(io::Error),
    /// No traffic in either direction within the idle timeout.
    #[error("idle")]
    Idle,
    /// The deadline passed.
    #[error("timed out")]
    TimedOut,
    /// The caller's stop signal ended the exchange.
    #[error("stopped")]
    Stopped,
}

impl DatagramEnd {
    /// Returns the end for an error of sending to `to`. `is_first`: nothing was sent before, so
    /// another address of the peer may still work.
    pub(super) fn of_send(error: io::Error, to: &Addr, is_first: bool) -> Self {
        // A route or firewall rule of this machine can begin to discard packets at any time.
        let is_local = is_local_refusal(to, &error);
        let end = if is_local && is_first { Self::Refused } else { Self::Send };
        let named = if is_local { io::Error::other(destination_reason(to, &error)) } else { error };
        Self::of(named, end)
    }

    /// Returns the end for a send or receive error; `otherwise` wraps an error that has no variant
    /// of its own.
    pub(super) fn of(error: io::Error, otherwise: fn(io::Error) -> Self) -> Self {
        use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
        if matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable) {
            Self::Refused(error)
        } else if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) {
            Self::TooLong
        } else {
            otherwise(error)
        }
    }
}

impl From<outgoing::OutgoingError> for DatagramEnd {
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
    observer: Option<Box<dyn StreamObserver>>,
}

impl Traffic {
    /// Returns traffic without datagrams. Idle time counts from `last_activity`, or from the first
    /// datagram if that is unset.
    pub(super) fn new(last_activity: IdleClock, observer: Option<Box<dyn StreamObserver>>) -> Self {
        let state = TrafficState { counts: DatagramCounts::default(), observer };
        Self { state: Mutex::new(state), last_activity }
    }

    /// Returns the observer.
    pub(super) fn into_observer(self) -> Option<Box<dyn StreamObserver>> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).observer
    }

    /// Returns the counts so far.
    pub(super) fn counts(&self) -> DatagramCounts {
        self.state().counts
    }

    /// Records a received datagram.
    pub(super) fn received(&self, datagram: &[u8]) {
        self.last_activity.renew();
        let mut state = self.state();
        state.counts.count_in(datagram.len());
        if let Some(observer) = &mut state.observer {
            observer.received(datagram);
        }
    }

    /// Records a sent datagram.
    pub(super) fn sent(&self, datagram: &[u8]) {
        self.last_activity.renew();
        let mut state = self.state();
        state.counts.count_out(datagram.len());
        if let Some(observer) = &mut state.observer {
            observer.sent(datagram);
        }
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
