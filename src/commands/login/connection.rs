//! The connection of a login: dialled, observed, under TLS if the options ask for it, and closed.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use crate::commands::login::credentials::CredentialSource;
use crate::commands::login::exchange::LoginExchange;
use crate::exit::Exit;
use crate::net::address::endpoint::Endpoint;
use crate::net::dial::Dialer;
use crate::net::end::close_reason;
use crate::net::stream::Stream;
use crate::net::{self, Deadline, Stop};
use crate::output::{Event, Events, Output};
use crate::session::observers::{ONLY_CONNECTION, Observers};
use crate::session::timeline::Timeline;
use crate::session::tls::{Tls, unexpected_tls};
use crate::session::{dial, outcome, terminal};

/// After the result, how long to wait for the server to close. A connection that is closed while
/// it has unread bytes, such as the server's `close_notify`, is reset.
const SERVER_CLOSE_TIMEOUT: Duration = Duration::from_millis(250);

/// How to connect to the server of a login.
pub(super) struct LoginConnection {
    pub(super) endpoint: Endpoint,
    pub(super) dialer: Dialer,
    pub(super) tls: Option<Tls>,
    pub(super) observers: Observers,
    /// How long the TLS handshake may take.
    pub(super) handshake_timeout: Option<Duration>,
    /// The deadline of the whole run.
    pub(super) deadline: Deadline,
    pub(super) events: Events,
    pub(super) out: Output,
}

impl LoginConnection {
    /// Connects, logs in with the fields from `source` and closes the connection; returns the
    /// server's answer. A stop ends the login; its exit code is that of the signal.
    ///
    /// # Errors
    /// There is no answer, or the recording could not be written.
    pub(super) async fn log_in(
        &self,
        source: CredentialSource,
        confirm: bool,
        stop: &Stop,
    ) -> anyhow::Result<Exit> {
        let started = Instant::now();
        let mut timeline = Timeline::since(started);
        let dialed = dial::dial(&self.dialer, self.deadline, &self.events);
        let Some(dialed) = terminal::until(stop, dialed).await.transpose()? else {
            return Ok(Exit::Success);
        };
        timeline.dialed(&self.endpoint, &dialed);
        let (mut stream, peer) = (dialed.stream, dialed.peer.to_string());
        let local = dialed.local.to_string();
        let connected = Event::Connected { peer: peer.clone(), local, name: None };
        self.observers.record(ONLY_CONNECTION, &connected);
        stream.note_start();
        if let Some(observer) = self.observers.observer(ONLY_CONNECTION, &peer) {
            stream.observe(observer);
        }
        let exchange = self.exchange(&mut stream, &peer, &mut timeline, source, confirm);
        let (result, reason) = match terminal::until(stop, exchange).await {
            Some(ended) => ended,
            None => (Ok(Exit::Success), "stopped".to_owned()),
        };
        if result.is_ok() && !stop.is_draining() {
            stream.finish(self.deadline.earlier(Deadline::after(SERVER_CLOSE_TIMEOUT))).await;
        } else {
            stream.abort();
        }
        timeline.first_byte(stream.first_byte());
        if let Some(warning) = unexpected_tls(&stream, &peer).filter(|_| self.tls.is_none()) {
            self.events.warn(&warning);
        }
        if let Some(stats) = self.observers.stats(&peer, timeline, &stream) {
            self.events.send(stats);
        }
        let closed = outcome::closed_because(&peer, stream.counts(), started.elapsed(), reason);
        self.observers.record(ONLY_CONNECTION, &closed);
        self.observers.finish(result, self.deadline, stop.draining()).await
    }

    /// Runs the exchange, after the TLS handshake if there is one. Returns its result and the
    /// reason for the end of the connection.
    async fn exchange(
        &self,
        stream: &mut Stream,
        peer: &str,
        timeline: &mut Timeline,
        source: CredentialSource,
        confirm: bool,
    ) -> (anyhow::Result<Exit>, String) {
        if let Err(error) = self.secure(stream, peer, timeline).await {
            return (Err(error), "tls".to_owned());
        }
        let exchange = LoginExchange::new(stream, peer, source, self.deadline, self.events.clone());
        let error = match exchange.run(confirm).await {
            Ok(exit) => return (Ok(exit), OVER.to_owned()),
            Err(error) => error,
        };
        let Some(net::Error::Stream { source, .. }) = error.downcast_ref() else {
            return (Err(error), OVER.to_owned());
        };
        let reason = match source.kind() {
            ErrorKind::TimedOut => "timed out".to_owned(),
            _ => close_reason(source),
        };
        let of_tls = self.tls.as_ref().and_then(|tls| tls.failure(peer, source));
        (Err(of_tls.unwrap_or(error)), reason)
    }

    /// Performs the TLS handshake, if there is one, and reports it.
    async fn secure(
        &self,
        stream: &mut Stream,
        peer: &str,
        timeline: &mut Timeline,
    ) -> anyhow::Result<()> {
        let Some(tls) = &self.tls else { return Ok(()) };
        let deadline = self.deadline.earlier(Deadline::maybe(self.handshake_timeout));
        let facts = tls.start(stream, peer, deadline).await?;
        timeline.tls(Instant::now());
        self.observers.record_tls(ONLY_CONNECTION, peer, &facts);
        if self.out.is_verbose() || self.out.is_json() {
            self.events.send(outcome::secured(peer.to_owned(), &facts));
        }
        Ok(())
    }
}

/// The reason for the end of a connection whose login has a result.
const OVER: &str = "login over";
