//! The host names of peers: from `/etc/hosts` at once, from the resolver in the background.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::dns::machine::system::HostsFile;
use crate::net::address::names;
use crate::net::{Addr, Deadline};
use crate::output::{Event, Events, Output};

/// How long the lookup of a peer's name may take.
const PEER_NAME_TIMEOUT: Duration = Duration::from_secs(5);

/// Finds the names of peers.
pub(super) struct PeerNames {
    hosts: HostsFile,
    is_json: bool,
}

impl PeerNames {
    /// Reads `/etc/hosts`.
    pub(super) fn read(out: Output) -> Self {
        Self { hosts: HostsFile::read(), is_json: out.is_json() }
    }

    /// Returns the name of `peer` if no lookup is needed to find it.
    pub(super) fn known(&self, peer: &Addr) -> Option<String> {
        let ip = peer.ip()?;
        let localhost = || ip.is_loopback().then(|| "localhost".to_owned());
        self.hosts.name_of(ip).map(str::to_owned).or_else(localhost)
    }

    /// Reports the name of `peer` with an event of its own: in JSON at once if it is known; in text
    /// the `connected` line contains a known name. Any other name is looked up in a task.
    pub(super) fn report(&self, events: &Events, peer: &Addr) -> Option<JoinHandle<()>> {
        let known = self.known(peer);
        let (ip, peer, events) = (peer.ip()?, peer.to_string(), events.clone());
        if let Some(name) = known {
            if self.is_json {
                events.send(Event::PeerName { peer, name });
            }
            return None;
        }
        Some(tokio::spawn(async move {
            if let Some(name) = names::reverse(ip, Deadline::after(PEER_NAME_TIMEOUT)).await {
                events.send(Event::PeerName { peer, name });
            }
        }))
    }
}
