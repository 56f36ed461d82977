//! Our side of TLS in an exchange: the plain dialogue before it (STARTTLS) and the handshake.

use std::time::Duration;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::net::stream::channel::Channel;
use crate::net::tls::{
    ClientHandshake, Pin, ServerHandshake, ServerName, Side, TlsFacts, starttls,
};

/// How long a handshake may take that a client or a script begins.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A client's side of TLS, ready for a stream.
#[derive(Clone, Debug)]
pub(crate) struct TlsClient {
    pub(crate) client: ClientHandshake,
    pub(crate) host: ServerName,
    pub(crate) starttls: Option<starttls::StarttlsProtocol>,
}

/// Our side of TLS, and when it begins.
#[derive(Debug)]
pub(crate) struct Tls {
    side: OurSide,
    /// Whether the handshake comes before everything else; else a script says when.
    comes_first: bool,
}

#[derive(Debug)]
enum OurSide {
    Client(Box<TlsClient>),
    Server(ServerHandshake),
}

impl Tls {
    /// Returns a client's side.
    pub(crate) fn client(client: TlsClient, comes_first: bool) -> Self {
        Self { side: OurSide::Client(Box::new(client)), comes_first }
    }

    /// Returns a server's side.
    pub(crate) fn server(server: ServerHandshake, comes_first: bool) -> Self {
        Self { side: OurSide::Server(server), comes_first }
    }

    /// Returns whether the handshake comes before everything else.
    pub(crate) fn comes_first(&self) -> bool {
        self.comes_first
    }

    /// Returns the pin of the certificate we show as a server.
    pub(crate) fn pin(&self) -> Option<Pin> {
        match &self.side {
            OurSide::Client(_) => None,
            OurSide::Server(server) => Some(server.pin()),
        }
    }

    /// Returns the protocol whose plain dialogue comes before the handshake, if there is one.
    pub(crate) fn starttls(&self) -> Option<starttls::StarttlsProtocol> {
        match &self.side {
            OurSide::Client(client) => client.starttls,
            OurSide::Server(_) => None,
        }
    }

    /// Returns which side the peer is.
    pub(crate) fn peer_side(&self) -> Side {
        match self.side {
            OurSide::Client(_) => Side::Server,
            OurSide::Server(_) => Side::Client,
        }
    }

    /// Has the plain words, where there are any, and shakes hands with `peer`.
    ///
    /// # Errors
    /// The server does not change over, or the handshake fails.
    pub(crate) async fn begin(
        &self,
        channel: &mut Channel,
        peer: &str,
        deadline: Deadline,
    ) -> anyhow::Result<TlsFacts> {
        if let Some(protocol) = self.starttls() {
            starttls::ask(channel, protocol, peer, deadline).await?;
        }
        self.shake(channel, peer, deadline).await
    }

    /// Shakes hands with `peer`, and goes on in TLS.
    ///
    /// # Errors
    /// The handshake fails; the connection is closed then.
    pub(crate) async fn shake(
        &self,
        channel: &mut Channel,
        peer: &str,
        deadline: Deadline,
    ) -> anyhow::Result<TlsFacts> {
        let Some(stream) = channel.take() else {
            return Err(Failure::new(Exit::Usage, "TLS was started before").into());
        };
        let (tls, facts) = match &self.side {
            OurSide::Client(ours) => {
                ours.client.connect(stream, &ours.host, peer, deadline).await?
            }
            OurSide::Server(server) => server.accept(stream, peer, deadline).await?,
        };
        channel.secure(tls);
        Ok(facts)
    }
}
