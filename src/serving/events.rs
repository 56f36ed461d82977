//! The events of a server's connections and of its accept loop.

use crate::net::accept::{AcceptNotice, Connection};
use crate::net::stream::channel::ByteCounts;
use crate::output::{Event, Events};
use crate::session::outcome;

/// The reply of a line-based server to a client for which it has no free slot.
pub(crate) const BUSY: &str = "ERR busy, try later\r\n";

/// Returns the `connected` event of `connection`, whose peer may have a known `name`.
pub(crate) fn connected(connection: &Connection, name: Option<String>) -> Event {
    let Connection { peer, local, .. } = connection;
    Event::Connected { peer: peer.to_string(), local: local.to_string(), name }
}

/// Returns the `closed` event of `connection`.
pub(crate) fn closed(connection: &Connection, counts: ByteCounts, reason: String) -> Event {
    let lasted = connection.accepted.elapsed();
    outcome::closed_because(&connection.peer.to_string(), counts, lasted, reason)
}

/// Reports what the accept loop did as an event.
pub(crate) fn report(events: &Events, notice: AcceptNotice) {
    let event = match notice {
        AcceptNotice::AcceptFailed(error) => Event::Warning {
            message: format!("cannot accept connections: {}; retrying", crate::reason::of(&error)),
        },
        AcceptNotice::Denied(peer) => {
            Event::Refused { peer: peer.to_string(), reason: "not allowed" }
        }
        AcceptNotice::Refused(peer) => {
            Event::Refused { peer: peer.to_string(), reason: "server full" }
        }
        AcceptNotice::Full(clients) => Event::Full { clients },
        AcceptNotice::Evicted(peer) => Event::Refused { peer: peer.to_string(), reason: "evicted" },
        AcceptNotice::NotServed(peer, error) => Event::Warning {
            message: format!("cannot serve {peer}: {}", crate::reason::of(&error)),
        },
        AcceptNotice::Panicked(peer) => Event::Warning {
            message: format!(
                "connection of {peer} closed after an internal error; other clients are unaffected"
            ),
        },
        AcceptNotice::Stopping(clients) => Event::Stopping { clients },
    };
    events.send(event);
}
