//! Looks up the host name of a peer in the background.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::net::address::names;
use crate::net::{Addr, Deadline};
use crate::output::{Event, Events};

/// How long the lookup of a peer's name may take.
const PEER_NAME_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts a task that looks up the name of `peer` and sends a `peer_name` event if it finds one.
pub(super) fn report_name(events: &Events, peer: &Addr) -> JoinHandle<()> {
    let (ip, peer, events) = (peer.ip(), peer.to_string(), events.clone());
    tokio::spawn(async move {
        if let Some(ip) = ip
            && let Some(name) = names::reverse(ip, Deadline::after(PEER_NAME_TIMEOUT)).await
        {
            events.send(Event::PeerName { peer, name });
        }
    })
}
