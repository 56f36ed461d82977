//! TLS in a session: the plain-text dialogue before it (STARTTLS) and the handshake.

use std::time::Duration;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::net::stream::channel::Channel;
use crate::net::tls::{
    ClientHandshake, Pin, ServerHandshake, ServerName, Side, TlsFacts, starttls,
};

/// How long a handshake with a client of `listen`, or one that a script starts, may take.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The TLS settings of a client.
#[derive(Clone, Debug)]
pub(crate) struct TlsClient {
    pub(crate) client: ClientHandshake,
    pub(crate) host: ServerName,
    pub(crate) starttls: Option<starttls::StarttlsProtocol>,
}

/// The TLS settings of a session, and when TLS begins.
#[derive(Debug)]
pub(crate) struct Tls {
    side: LocalSide,
    /// Whether the session begins with the handshake; otherwise a step of the script starts it.
    comes_first: bool,
    accepts_missing_close_notify: bool,
}

#[derive(Debug)]
enum LocalSide {
    Client(Box<TlsClient>),
    Server(ServerHandshake),
}

impl Tls {
    /// Returns the settings of a client.
    pub(crate) fn client(client: TlsClient, comes_first: bool) -> Self {
        let side = LocalSide::Client(Box::new(client));
        Self { side, comes_first, accepts_missing_close_notify: false }
    }

    /// Returns the settings of a server.
    pub(crate) fn server(server: ServerHandshake, comes_first: bool) -> Self {
        let side = LocalSide::Server(server);
        Self { side, comes_first, accepts_missing_close_notify: false }
    }

    /// Sets whether EOF without `close_notify` ends the received data like EOF with it.
    pub(crate) fn accept_missing_close_notify(self, accepts: bool) -> Self {
        Self { accepts_missing_close_notify: accepts, ..self }
    }

    /// Returns whether the session begins with the handshake.
    pub(crate) fn comes_first(&self) -> bool {
        self.comes_first
    }

    /// Returns the pin of a server's own certificate; `None` for a client.
    pub(crate) fn pin(&self) -> Option<Pin> {
        match &self.side {
            LocalSide::Client(_) => None,
            LocalSide::Server(server) => Some(server.pin()),
        }
    }

    /// Returns the protocol of the plain-text dialogue before the handshake (STARTTLS), if any.
    pub(crate) fn starttls(&self) -> Option<starttls::StarttlsProtocol> {
        match &self.side {
            LocalSide::Client(client) => client.starttls,
            LocalSide::Server(_) => None,
        }
    }

    /// Returns the side of the peer.
    pub(crate) fn peer_side(&self) -> Side {
        match self.side {
            LocalSide::Client(_) => Side::Server,
            LocalSide::Server(_) => Side::Client,
        }
    }

    /// Performs the STARTTLS dialogue, if there is one, and the handshake with `peer`.
    ///
    /// # Errors
    /// The server rejects STARTTLS, or the handshake fails.
    pub(crate) async fn start(
        &self,
        channel: &mut Channel,
        peer: &str,
        deadline: Deadline,
    ) -> anyhow::Result<TlsFacts> {
        if let Some(protocol) = self.starttls() {
            starttls::negotiate(channel, protocol, peer, deadline).await?;
        }
        self.handshake(channel, peer, deadline).await
    }

    /// Performs the handshake with `peer`; from then on, `channel` uses TLS.
    ///
    /// # Errors
    /// The handshake fails, which closes the connection, or `channel` uses TLS already.
    pub(crate) async fn handshake(
        &self,
        channel: &mut Channel,
        peer: &str,
        deadline: Deadline,
    ) -> anyhow::Result<TlsFacts> {
        let Some(stream) = channel.take_plain() else {
            return Err(Failure::new(
                Exit::Usage,
                "cannot start TLS: the connection uses TLS already",
            )
            .into());
        };
        let (tls, facts) = match &self.side {
            LocalSide::Client(settings) => {
                settings.client.connect(stream, &settings.host, peer, deadline).await?
            }
            LocalSide::Server(server) => server.accept(stream, peer, deadline).await?,
        };
        channel.set_tls(tls);
        if self.accepts_missing_close_notify {
            channel.accept_missing_close_notify();
        }
        Ok(facts)
    }
}
