//! The events of a server's connections and of its accept loop.

use crate::net::accept::{AcceptNotice, Connection};
use crate::net::stream::channel::ByteCounts;
use crate::output::{Event, Events};
use crate::session::outcome;

/// What a client of a line server is told there is no place for.
pub(crate) const BUSY: &str = "ERR busy, try later\r\n";

/// Returns the event that begins `connection`.
pub(crate) fn connected(connection: &Connection) -> Event {
    Event::Connected { peer: connection.peer.to_string(), local: connection.local.to_string() }
}

/// Returns the event that ends `connection`.
pub(crate) fn closed(connection: &Connection, counts: ByteCounts, reason: String) -> Event {
    let lasted = connection.accepted.elapsed();
    outcome::closed_because(&connection.peer.to_string(), counts, lasted, reason)
}

/// Tells the operator what the accept loop did.
pub(crate) fn tell(events: &Events, notice: AcceptNotice) {
    let event = match notice {
        AcceptNotice::AcceptFailed(error) => Event::Warning {
            message: format!("cannot accept connections: {}; trying on", crate::reason::of(&error)),
        },
        AcceptNotice::Denied(peer) => {
            Event::Refused { peer: peer.to_string(), reason: "not allowed" }
        }
        AcceptNotice::Refused(peer) => {
            Event::Refused { peer: peer.to_string(), reason: "server full" }
        }
        AcceptNotice::Evicted(peer) => {
            Event::Refused { peer: peer.to_string(), reason: "made place for another" }
        }
        AcceptNotice::Panicked(peer) => Event::Warning {
            message: format!("{peer} was dropped by an internal error; all others go on"),
        },
        AcceptNotice::Stopping(clients) => Event::Stopping { clients },
    };
    events.send(event);
}
