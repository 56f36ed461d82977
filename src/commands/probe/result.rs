//! The result of a probe.

use std::sync::Arc;

use crate::commands::probe::tls::TlsResult;
use crate::net::address::host::Host;
use crate::net::address::names::NameError;
use crate::net::address::transport::Transport;
use crate::net::probe::{Banner, Finding, PortState};

/// The result of one probe.
#[derive(Clone, Debug)]
pub(super) struct ProbeResult {
    /// The host; `None` for a Unix socket.
    pub(super) host: Option<Arc<Host>>,
    /// The port; `None` for a Unix socket.
    pub(super) port: Option<u16>,
    /// The transport.
    pub(super) transport: Transport,
    /// What was found, or why the name of the host has no address.
    pub(super) finding: Result<Finding, Arc<NameError>>,
    /// The result of the TLS handshake, if there was one.
    pub(super) tls: Option<Arc<TlsResult>>,
    /// What the server sent first, if that was asked for and the server sent something.
    pub(super) banner: Option<Box<Banner>>,
}

impl ProbeResult {
    /// Returns the state; `None` if the name of the host has no address.
    pub(super) fn state(&self) -> Option<PortState> {
        self.finding.as_ref().ok().map(|finding| finding.state)
    }

    /// Returns whether the port is open, over TLS with a good certificate; or with `inverted`
    /// whether the port is shut. Without an address, neither is known.
    pub(super) fn is_as_wanted(&self, inverted: bool) -> bool {
        match self.state() {
            Some(state) if inverted => state.is_shut(),
            state => {
                let is_good = self.tls.as_ref().is_none_or(|tls| tls.is_good());
                state == Some(PortState::Open) && is_good
            }
        }
    }
}
