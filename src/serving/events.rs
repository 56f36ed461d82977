//! The events of a server's clients and of its accept loop: printed, and recorded.

use std::sync::Arc;

use crate::net::accept::{AcceptNotice, Client};
use crate::net::stream::Stream;
use crate::output::{Event, Events};
use crate::session::observers::Observers;
use crate::session::outcome;
use crate::session::timeline::Timeline;

/// The reply of a line-based server to a client for which it has no free slot.
pub(crate) const BUSY: &str = "ERR busy, try later\r\n";

/// The reply of a line-based server without TLS to a client that begins a handshake.
pub(crate) const NO_TLS: &str = "ERR this server does not use TLS\r\n";

/// Where the handlers of a server report what happens to their clients.
#[derive(Clone, Debug)]
pub(crate) struct ClientEvents {
    events: Events,
    observers: Option<Arc<Observers>>,
}

impl ClientEvents {
    pub(crate) fn new(events: Events, observers: Option<Arc<Observers>>) -> Self {
        Self { events, observers }
    }

    /// Sends an event.
    pub(crate) fn send(&self, event: Event) {
        self.events.send(event);
    }

    /// Returns the queue of the events.
    pub(crate) fn queue(&self) -> &Events {
        &self.events
    }

    /// Reports a new connection, and the parameters of its TLS.
    pub(crate) fn connected(&self, client: &Client) {
        let connected = connected(client, None);
        if let Some(observers) = &self.observers {
            observers.record(client.id, &connected);
        }
        self.events.send(connected);
        let Some(tls) = &client.tls else { return };
        let peer = client.peer().to_string();
        if let Some(observers) = &self.observers {
            observers.record_tls(client.id, &peer, &tls.facts);
        }
        self.events.send(outcome::secured(peer, &tls.facts));
    }

    /// Warns that `client` speaks TLS, and that the server does not.
    pub(crate) fn speaks_tls(&self, client: &Client) {
        let peer = client.peer();
        let message = format!("{peer} speaks TLS; this server was started without --tls");
        self.events.send(Event::Warning { message });
    }

    /// Reports the end of the connection of `client`, after its statistics.
    pub(crate) fn closed(&self, client: &Client, stream: &Stream, reason: String) {
        let peer = client.peer().to_string();
        let lasted = client.accepted.elapsed();
        let closed = outcome::closed_because(&peer, stream.counts(), lasted, reason);
        if let Some(observers) = &self.observers {
            let mut timeline = Timeline::since(client.accepted);
            if let Some(tls) = &client.tls {
                timeline.tls(tls.at);
            }
            if let Some(stats) = observers.stats(&peer, timeline, stream) {
                self.events.send(stats);
            }
            observers.record(client.id, &closed);
        }
        self.events.send(closed);
    }

    /// Reports what the accept loop did.
    pub(crate) fn notice(&self, notice: AcceptNotice) {
        report(&self.events, notice);
    }
}

/// Returns the `connected` event of `client`, whose address may have a known `name`.
pub(crate) fn connected(client: &Client, name: Option<String>) -> Event {
    let (peer, local) = (client.peer().to_string(), client.local().to_string());
    Event::Connected { peer, local, name }
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
        AcceptNotice::NotSecured(error) => Event::Warning { message: error.to_string() },
        AcceptNotice::Panicked(peer) => Event::Warning {
            message: format!(
                "connection of {peer} closed after an internal error; other clients are unaffected"
            ),
        },
        AcceptNotice::Stopping(clients) => Event::Stopping { clients },
    };
    events.send(event);
}
