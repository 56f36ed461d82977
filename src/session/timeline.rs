//! Where the time of an exchange went, phase by phase.

use std::time::{Duration, Instant};

use crate::net::address::endpoint::{Address, Endpoint};
use crate::net::address::host::Host;
use crate::net::dial::Dialed;
use crate::output::{FIRST_BYTE, Phase};

/// What the time of a conversation is spent on, phase by phase.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    started: Instant,
    phases: Vec<Phase>,
    /// When the last phase ended.
    stands: Instant,
}

impl Timeline {
    /// Returns a timeline that counts from `started`.
    pub(crate) fn since(started: Instant) -> Self {
        Self { started, phases: Vec::new(), stands: started }
    }

    /// Adds what it took to reach `endpoint`.
    pub(crate) fn dialed(&mut self, endpoint: &Endpoint, dialed: &Dialed) {
        if let Address::Net(Host::Name(_), _) = endpoint.address {
            self.phase("resolve", self.started, dialed.began);
        }
        self.phase("connect", dialed.began, dialed.began + dialed.span.ended);
    }

    /// Adds what TLS took, from the connection to `ended`.
    pub(crate) fn tls(&mut self, ended: Instant) {
        self.phase("tls", self.stands, ended);
    }

    /// Adds how long the peer's first byte took, if one came.
    pub(crate) fn first_byte(&mut self, came: Option<Instant>) {
        if let Some(came) = came {
            self.phase(FIRST_BYTE, self.stands, came);
        }
    }

    /// Returns the phases so far.
    pub(crate) fn phases(self) -> Vec<Phase> {
        self.phases
    }

    /// Returns the time since the start, in microseconds.
    pub(crate) fn duration_us(&self) -> u64 {
        micros(self.started.elapsed())
    }

    pub(crate) fn phase(&mut self, name: &'static str, from: Instant, to: Instant) {
        let start_us = micros(from.saturating_duration_since(self.started));
        let duration_us = micros(to.saturating_duration_since(from));
        self.phases.push(Phase { name, start_us, duration_us });
        self.stands = to;
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
