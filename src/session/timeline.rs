//! The timeline of a session: how long each phase took, for `--stats`.

use std::time::{Duration, Instant};

use crate::net::address::endpoint::{Address, Endpoint};
use crate::net::address::host::Host;
use crate::net::dial::Dialed;
use crate::output::{FIRST_BYTE, Phase};

/// The phases of a session, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    started: Instant,
    phases: Vec<Phase>,
    /// When the last phase ended.
    last: Instant,
}

impl Timeline {
    /// Returns a timeline that counts from `started`.
    pub(crate) fn since(started: Instant) -> Self {
        Self { started, phases: Vec::new(), last: started }
    }

    /// Adds the phases of a connection to `endpoint`: `resolve`, for a host name, and `connect`.
    pub(crate) fn dialed(&mut self, endpoint: &Endpoint, dialed: &Dialed) {
        if let Address::Net(Host::Name(_), _) = endpoint.address {
            self.phase("resolve", self.started, dialed.began);
        }
        self.phase("connect", dialed.began, dialed.began + dialed.span.ended);
    }

    /// Adds the TLS handshake, from the end of the last phase to `ended`.
    pub(crate) fn tls(&mut self, ended: Instant) {
        self.phase("tls", self.last, ended);
    }

    /// Adds the wait for the peer's first byte, if one was received.
    pub(crate) fn first_byte(&mut self, received: Option<Instant>) {
        if let Some(received) = received {
            self.phase(FIRST_BYTE, self.last, received);
        }
    }

    /// Returns the phases.
    pub(crate) fn phases(self) -> Vec<Phase> {
        self.phases
    }

    /// Returns the time since the start, in microseconds.
    pub(crate) fn duration_us(&self) -> u64 {
        micros(self.started.elapsed())
    }

    /// Adds a phase.
    pub(crate) fn phase(&mut self, name: &'static str, from: Instant, to: Instant) {
        let start_us = micros(from.saturating_duration_since(self.started));
        let duration_us = micros(to.saturating_duration_since(from));
        self.phases.push(Phase { name, start_us, duration_us });
        self.last = to;
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
