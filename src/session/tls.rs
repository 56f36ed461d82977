//! TLS in a session: the plain-text dialogue before it (STARTTLS) and the handshake.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::net::stream::Stream;
use crate::net::tls::{
    ClientHandshake, KeyLogFile, Pin, ServerHandshake, ServerName, Side, TlsError, TlsFacts,
    looks_like_tls, starttls,
};
use crate::output::Events;
use crate::session::outcome;

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
}

#[derive(Debug)]
enum LocalSide {
    Client(Box<TlsClient>),
    Server(ServerHandshake),
}

impl Tls {
    /// Returns the settings of a client.
    pub(crate) fn client(client: TlsClient, comes_first: bool) -> Self {
        Self { side: LocalSide::Client(Box::new(client)), comes_first }
    }

    /// Returns the settings of a server.
    pub(crate) fn server(server: ServerHandshake, comes_first: bool) -> Self {
        Self { side: LocalSide::Server(server), comes_first }
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

    /// Returns the handshake of a server; `None` for a client.
    pub(crate) fn into_server(self) -> Option<ServerHandshake> {
        match self.side {
            LocalSide::Client(_) => None,
            LocalSide::Server(server) => Some(server),
        }
    }

    /// Returns the protocol of the plain-text dialogue before the handshake (STARTTLS), if any.
    pub(crate) fn starttls(&self) -> Option<starttls::StarttlsProtocol> {
        match &self.side {
            LocalSide::Client(client) => client.starttls,
            LocalSide::Server(_) => None,
        }
    }

    /// Returns the key log of `SSLKEYLOGFILE`; `None` if there is none.
    pub(crate) fn key_log(&self) -> Option<Arc<KeyLogFile>> {
        match &self.side {
            LocalSide::Client(settings) => settings.client.key_log(),
            LocalSide::Server(server) => server.key_log(),
        }
    }

    /// Returns why reading from or writing to `peer` failed with `error` after the handshake;
    /// `None` if TLS is not the cause.
    pub(crate) fn failure(&self, peer: &str, error: &io::Error) -> Option<anyhow::Error> {
        if error.kind() == ErrorKind::UnexpectedEof {
            return Some(outcome::truncated(peer).into());
        }
        let side = match self.side {
            LocalSide::Client(_) => Side::Server,
            LocalSide::Server(_) => Side::Client,
        };
        TlsError::after_handshake(peer, side, error).map(anyhow::Error::from)
    }

    /// Performs the STARTTLS dialogue, if there is one, and the handshake with `peer`.
    ///
    /// # Errors
    /// The server rejects STARTTLS, or the handshake fails.
    pub(crate) async fn start(
        &self,
        stream: &mut Stream,
        peer: &str,
        deadline: Deadline,
    ) -> anyhow::Result<TlsFacts> {
        if let Some(protocol) = self.starttls() {
            starttls::negotiate(stream, protocol, peer, deadline).await?;
        }
        self.handshake(stream, peer, deadline).await
    }

    /// Performs the handshake with `peer`; from then on, `stream` uses TLS.
    ///
    /// # Errors
    /// The handshake fails, after which the connection is of no use, or `stream` uses TLS already.
    pub(crate) async fn handshake(
        &self,
        stream: &mut Stream,
        peer: &str,
        deadline: Deadline,
    ) -> anyhow::Result<TlsFacts> {
        if stream.tls().is_some() {
            return Err(Failure::new(
                Exit::Usage,
                "cannot start TLS: the connection uses TLS already",
            )
            .into());
        }
        Ok(match &self.side {
            LocalSide::Client(settings) => {
                settings.client.connect(stream, &settings.host, peer, deadline).await?
            }
            LocalSide::Server(server) => server.accept(stream, peer, deadline).await?,
        })
    }
}

/// Waits until the key log is written, which a FIFO without a reader delays by a second; warns of
/// missing lines.
pub(crate) fn finish_key_log(key_log: Option<&KeyLogFile>, events: &Events) {
    if let Some(Err(incomplete)) = key_log.map(KeyLogFile::finish) {
        events.warn(&incomplete.to_string());
    }
}

/// Returns whether `stream` is plain, and `received`, which it has just received, are its first
/// bytes and a TLS record.
pub(crate) fn begins_tls(stream: &Stream, received: &[u8]) -> bool {
    let are_first = stream.counts().bytes_in == received.len() as u64;
    are_first && stream.tls().is_none() && looks_like_tls(received)
}

/// Returns a warning if `stream` is plain and its first received bytes are a TLS record.
pub(crate) fn unexpected_tls(stream: &Stream, peer: &str) -> Option<String> {
    let is_unexpected = stream.tls().is_none() && looks_like_tls(stream.head());
    is_unexpected.then(|| format!("data from {peer} looks like TLS: try --tls"))
}
