//! The name of a peer, looked up beside everything else.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::net::address::names;
use crate::net::{Addr, Deadline};
use crate::output::{Event, Events};

/// A name is a courtesy; after this long nobody wants it any more.
const NAME_LIMIT: Duration = Duration::from_secs(5);

/// Looks the name of `peer` up beside everything else: nobody waits for it.
pub(super) fn announce_name(events: &Events, peer: &Addr) -> JoinHandle<()> {
    let (ip, peer, events) = (peer.ip(), peer.to_string(), events.clone());
    tokio::spawn(async move {
        if let Some(ip) = ip
            && let Some(name) = names::reverse(ip, Deadline::after(NAME_LIMIT)).await
        {
            events.send(Event::PeerName { peer, name });
        }
    })
}
