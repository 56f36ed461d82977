//! The end of a relayed stream as plain state: which sides have ended, what is still owed to the
//! peer, which deadline applies now, and which [`ExchangeEnd`] results.
//!
//! The relay reports what happens and asks what to do next. This module does no I/O and reads no
//! clock, except that it is told the time.

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod transitions;

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::time::Instant;

use crate::net::deadline::Deadline;
use crate::net::end::ExchangeEnd;
use crate::net::relay::settings::{FinRule, RelaySettings};

/// After a failed write, how long to keep reading the peer's remaining data.
pub(super) const LAST_READ_TIMEOUT: Duration = Duration::from_secs(1);

/// The state of the two sides of a relayed stream.
#[derive(Debug)]
pub(super) struct Endings {
    settings: RelaySettings,
    sending: Sending,
    receiving: Receiving,
    /// Whether the input was idle when the peer closed, so that the rest of it was not awaited.
    was_idle: bool,
    /// Whether a stop was requested.
    stopping: bool,
    /// When the wait for the peer ends, and why it began.
    wait: Option<(Deadline, Wait)>,
    /// A failure after which the peer's remaining data is still read.
    failure: Option<ExchangeEnd>,
    /// The final end, once there is one.
    end: Option<ExchangeEnd>,
}

/// The state of this side's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// There is no input, so nothing is sent; FIN follows the peer's.
    Nothing,
    /// The input is read, and its bytes are written. After a stop, only what was read is written.
    Input,
    /// Everything is written, but FIN waits until the peer closes.
    FinWithheld,
    /// Everything is written, and FIN is to be sent.
    Fin,
    /// FIN is queued, and something is not acknowledged yet.
    Unacknowledged,
    /// The peer has acknowledged everything.
    Acknowledged,
    /// Writing has failed.
    Failed,
}

/// The state of the peer's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiving {
    Open,
    /// The peer has closed its side cleanly.
    Closed,
}

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// After FIN: for the peer to close.
    Linger,
    /// After a stop: for acknowledgements, and for the peer to close.
    Grace,
    /// After a failed write: for the peer's last data.
    LastData,
}

impl Endings {
    /// Returns the state of a new stream.
    pub(super) fn new(settings: RelaySettings, has_input: bool) -> Self {
        Self {
            settings,
            sending: if has_input { Sending::Input } else { Sending::Nothing },
            receiving: Receiving::Open,
            was_idle: false,
            stopping: false,
            wait: None,
            failure: None,
            end: None,
        }
    }

    /// Returns the state of this side's bytes.
    pub(super) fn sending(&self) -> Sending {
        self.sending
    }

    /// Returns whether the peer's bytes are read.
    pub(super) fn is_receiving(&self) -> bool {
        self.receiving == Receiving::Open
    }

    /// Returns whether a stop was requested.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Returns whether an input that is idle counts as ended.
    pub(super) fn ends_when_idle(&self) -> bool {
        self.sending == Sending::Input && !self.is_receiving() && !self.settings.half_open
    }

    /// Returns the end of the stream once there is nothing more to do. An end that this returns is
    /// returned only once.
    pub(super) fn take_end(&mut self) -> Option<ExchangeEnd> {
        self.end.take()
    }

    /// Returns when [`Self::expire`] must be called next: the run's deadline, the end of the time
    /// without traffic, which is `idle`, or the end of the current wait.
    pub(super) fn deadline(&self, idle: Deadline) -> Deadline {
        self.settings.deadline.earlier(idle).earlier(self.wait_end())
    }

    /// The input has ended, or a stop found nothing more in it, and its last bytes are written.
    /// `produced`: whether it has produced a byte.
    pub(super) fn input_sent(&mut self, produced: bool, now: Instant) {
        #[cfg(test)]
        transitions::note("input_sent", self);
        let withheld = match self.settings.fin {
            FinRule::InputEnd => false,
            FinRule::NonEmptyInputEnd => !produced,
            FinRule::PeerEnd => true,
        };
        // A stop ends what this side sends: the peer cannot expect more.
        let withheld = withheld && self.is_receiving() && !self.stopping;
        self.sending = if withheld { Sending::FinWithheld } else { Sending::Fin };
        if withheld {
            self.start_linger(now);
        }
    }

    /// The input has been idle since the peer closed.
    pub(super) fn input_idle(&mut self) {
        #[cfg(test)]
        transitions::note("input_idle", self);
        self.was_idle = true;
        self.sending = Sending::Fin;
    }

    /// The input cannot be read.
    pub(super) fn input_failed(&mut self, error: io::Error) {
        #[cfg(test)]
        transitions::note("input_failed", self);
        self.end = Some(ExchangeEnd::Input(error));
    }

    /// FIN is queued; `owes`: whether any byte was sent, whose acknowledgement matters.
    pub(super) fn fin_queued(&mut self, owes: bool, now: Instant) {
        #[cfg(test)]
        transitions::note("fin_queued", self);
        // Without a byte, FIN itself matters only if nothing else shows that the peer got it.
        let awaited = owes || !self.settings.waits_for_peer;
        self.sending = if awaited { Sending::Unacknowledged } else { Sending::Acknowledged };
        self.start_linger(now);
        self.settle();
    }

    /// The peer has acknowledged everything, FIN included.
    pub(super) fn acknowledged(&mut self) {
        #[cfg(test)]
        transitions::note("acknowledged", self);
        self.sending = Sending::Acknowledged;
        self.settle();
    }

    /// The peer has closed its side cleanly.
    pub(super) fn peer_closed(&mut self) {
        #[cfg(test)]
        transitions::note("peer_closed", self);
        self.receiving = Receiving::Closed;
        if matches!(self.sending, Sending::Nothing | Sending::FinWithheld) {
            self.sending = Sending::Fin;
        }
        self.settle();
    }

    /// Receiving has failed.
    pub(super) fn receive_failed(&mut self, end: ExchangeEnd) {
        #[cfg(test)]
        transitions::note("receive_failed", self);
        // Both directions report a reset; the receive error is more specific, unless the send error
        // was the reset that the kernel reports only once.
        let truncated = matches!(end, ExchangeEnd::Truncated);
        let failure = self.failure.take().filter(|_| truncated);
        self.end = Some(failure.unwrap_or(end));
    }

    /// Sending has failed. The peer may have sent data before, which may still arrive.
    pub(super) fn send_failed(&mut self, error: io::Error, now: Instant) {
        #[cfg(test)]
        transitions::note("send_failed", self);
        let stalled = error.kind() == ErrorKind::TimedOut;
        self.sending = Sending::Failed;
        if stalled {
            self.end = Some(ExchangeEnd::Send(error));
            return;
        }
        self.failure = Some(ExchangeEnd::Send(error));
        self.start_wait(LAST_READ_TIMEOUT, Wait::LastData, now);
        self.settle();
    }

    /// The peer of a shared input is cut off, because it delayed the others.
    pub(super) fn cut_off(&mut self) {
        #[cfg(test)]
        transitions::note("cut_off", self);
        self.end = Some(ExchangeEnd::CutOff);
    }

    /// The output cannot be written.
    pub(super) fn output_failed(&mut self, error: io::Error) {
        #[cfg(test)]
        transitions::note("output_failed", self);
        self.end = Some(ExchangeEnd::Output(error));
    }

    /// A stop is requested: the input is read no further.
    pub(super) fn stop(&mut self, now: Instant) {
        #[cfg(test)]
        transitions::note("stop", self);
        self.stopping = true;
        self.start_wait(self.settings.stop.grace, Wait::Grace, now);
        match self.sending {
            // What was sent is incomplete, so nothing is waited for.
            Sending::Failed => self.end = self.failure.take(),
            Sending::Nothing | Sending::FinWithheld => self.sending = Sending::Fin,
            // What the input holds decides: `input_sent` or `stopped_with_more_input` follows.
            Sending::Input => {}
            _ => self.settle(),
        }
    }

    /// A stop was requested, and one look at the input found more. What was sent is not everything,
    /// and must not look like it.
    pub(super) fn stopped_with_more_input(&mut self) {
        #[cfg(test)]
        transitions::note("stopped_with_more_input", self);
        self.end = Some(ExchangeEnd::StoppedEarly);
    }

    /// A deadline has passed; `idle` is the end of the time without traffic, and `owes` whether
    /// something sent is not acknowledged.
    pub(super) fn expire(&mut self, idle: Deadline, owes: bool, now: Instant) {
        #[cfg(test)]
        transitions::note("expire", self);
        let has_passed = |at: Deadline| at.is_past(now);
        let end = match self.wait {
            _ if has_passed(self.settings.deadline) => ExchangeEnd::TimedOut,
            Some((at, wait)) if has_passed(at) => match wait {
                Wait::LastData => self.failure.take().unwrap_or(ExchangeEnd::TimedOut),
                Wait::Linger if owes => ExchangeEnd::Send(ErrorKind::TimedOut.into()),
                Wait::Linger => ExchangeEnd::LingerExpired,
                Wait::Grace if owes || !self.has_sent_fin() => ExchangeEnd::StoppedEarly,
                Wait::Grace => ExchangeEnd::Stopped,
            },
            _ if has_passed(idle) => ExchangeEnd::Idle,
            _ => return,
        };
        self.end = Some(end);
    }

    fn has_sent_fin(&self) -> bool {
        matches!(self.sending, Sending::Unacknowledged | Sending::Acknowledged)
    }

    fn start_linger(&mut self, now: Instant) {
        if let (None, Some(linger)) = (self.wait, self.settings.linger) {
            self.start_wait(linger, Wait::Linger, now);
        }
    }

    /// Starts a wait that takes the place of the current one, and ends no later.
    fn start_wait(&mut self, limit: Duration, wait: Wait, now: Instant) {
        let at = now.checked_add(limit).map_or(Deadline::NEVER, Deadline::at);
        self.wait = Some((at.earlier(self.wait_end()), wait));
    }

    fn wait_end(&self) -> Deadline {
        self.wait.map_or(Deadline::NEVER, |(at, _)| at)
    }

    /// Sets the end if nothing is left to wait for.
    fn settle(&mut self) {
        let closed = self.receiving == Receiving::Closed;
        let end = match self.sending {
            Sending::Failed if closed => self.failure.take(),
            Sending::Acknowledged if self.stopping => {
                let is_over = closed || !self.settings.stop.waits_for_peer;
                is_over.then_some(ExchangeEnd::Stopped)
            }
            Sending::Acknowledged if closed && self.was_idle => Some(ExchangeEnd::IdleInput),
            Sending::Acknowledged if closed => Some(ExchangeEnd::Eof),
            Sending::Acknowledged if !self.settings.waits_for_peer => Some(ExchangeEnd::Sent),
            _ => None,
        };
        self.end = self.end.take().or(end);
    }
}
