//! What has come and gone, when, and how it ended.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;

use crate::net::datagram::outgoing;
use crate::net::idle_clock::IdleClock;
use crate::net::stream::observer::StreamObserver;
use crate::sync::lock;

/// What both directions carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramCounts {
    /// Datagrams received, and written where they belong.
    pub datagrams_in: u64,
    /// Datagrams sent.
    pub datagrams_out: u64,
    /// Bytes in the datagrams received.
    pub bytes_in: u64,
    /// Bytes in the datagrams sent.
    pub bytes_out: u64,
}

impl DatagramCounts {
    pub(super) fn count_in(&mut self, len: usize) {
        self.datagrams_in += 1;
        self.bytes_in += len as u64;
    }

    pub(super) fn count_out(&mut self, len: usize) {
        self.datagrams_out += 1;
        self.bytes_out += len as u64;
    }
}

/// How it ended.
#[derive(Debug, thiserror::Error)]
pub enum DatagramEnd {
    /// Our input had ended, and nothing came or went for a while.
    #[error("quiet")]
    Quiet,
    /// The peer's machine, or one on the way, says that nobody is there.
    #[error("{}", crate::reason::of(.0))]
    Refused(io::Error),
    /// Receiving failed.
    #[error("{}", crate::reason::of(.0))]
    Receive(io::Error),
    /// Sending failed.
    #[error("{}", crate::reason::of(.0))]
    Send(io::Error),
    /// What was to be sent could not be read.
    #[error("input: {}", crate::reason::of(.0))]
    Input(io::Error),
    /// What was to be sent is too long for a datagram.
    #[error("too long")]
    TooLong,
    /// What came could not be written; `BrokenPipe` where the reader has left.
    #[error("output: {}", crate::reason::of(.0))]
    Output(io::Error),
    /// Nothing came or went for too long.
    #[error("idle")]
    Idle,
    /// The deadline passed.
    #[error("timed out")]
    TimedOut,
    /// It was asked to stop.
    #[error("stopped")]
    Stopped,
}

impl DatagramEnd {
    /// What a failure to send or to receive is.
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

/// What both directions write down while they run side by side.
pub(super) struct Traffic {
    record: Mutex<TrafficState>,
    /// When anything last came or went; none as long as nothing has to be waited for.
    moved: IdleClock,
}

struct TrafficState {
    counts: DatagramCounts,
    tap: Option<Box<dyn StreamObserver>>,
}

impl Traffic {
    /// Returns a progress with nothing in it yet; `moved` is when waiting began.
    pub(super) fn new(moved: IdleClock, tap: Option<Box<dyn StreamObserver>>) -> Self {
        Self { record: Mutex::new(TrafficState { counts: DatagramCounts::default(), tap }), moved }
    }

    /// Gives the tap back.
    pub(super) fn into_tap(self) -> Option<Box<dyn StreamObserver>> {
        self.record.into_inner().unwrap_or_else(PoisonError::into_inner).tap
    }

    pub(super) fn counts(&self) -> DatagramCounts {
        self.record().counts
    }

    pub(super) fn received(&self, datagram: &[u8]) {
        self.moved.renew();
        let mut record = self.record();
        record.counts.count_in(datagram.len());
        if let Some(tap) = &mut record.tap {
            tap.received(datagram);
        }
    }

    pub(super) fn sent(&self, datagram: &[u8]) {
        self.moved.renew();
        let mut record = self.record();
        record.counts.count_out(datagram.len());
        if let Some(tap) = &mut record.tap {
            tap.sent(datagram);
        }
    }

    /// Takes note that our input ended: what may still come is waited for from now on.
    pub(super) fn input_ended(&self) {
        if self.moved.is_set() {
            self.moved.renew();
        }
    }

    /// Waits until nothing has come or gone for as long as `limit`; for ever without one, and as
    /// long as nobody is waited for.
    pub(super) async fn silence(&self, limit: Option<Duration>) {
        self.moved.is_past(limit).await;
    }

    fn record(&self) -> MutexGuard<'_, TrafficState> {
        lock(&self.record)
    }
}
