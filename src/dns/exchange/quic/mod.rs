//! A QUIC connection to a DNS server, for DNS over QUIC (RFC 9250) and over HTTP/3.

mod error;
mod socket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, EndpointConfig, RecvStream, SendStream,
    TokioRuntime, TransportConfig,
};
use tokio::io::Join;
use tokio::net::UdpSocket;

use crate::dns::exchange::course::ExchangeError;
use crate::dns::exchange::quic::socket::{QuicSocket, SocketFailure};
use crate::net::Deadline;
use crate::net::deadline::Elapsed;
use crate::net::tls::QuicTls;

/// How many streams a server may open: HTTP/3 servers open three (RFC 9114 section 6.2), and some a
/// fourth one to see that unknown streams are ignored.
const MAX_SERVER_STREAMS: u32 = 8;

/// The code with which a client of DNS over QUIC closes a connection (RFC 9250 section 4.3).
pub(super) const DOQ_NO_ERROR: u32 = 0;

/// The stream of a query.
pub(super) type QuicStream = Join<RecvStream, SendStream>;

/// A connection to one server.
pub(super) struct QuicConnection {
    connection: Connection,
    failure: SocketFailure,
    tls: QuicTls,
    peer: String,
}

impl QuicConnection {
    /// Performs the handshake over `socket`, which is connected to `addr`. The connection fails
    /// once the server has sent `limit` bytes.
    ///
    /// # Errors
    /// The server cannot be reached, does not complete the handshake before `deadline`, or has
    /// another certificate.
    pub(super) async fn open(
        socket: UdpSocket,
        addr: SocketAddr,
        tls: QuicTls,
        limit: u64,
        deadline: Deadline,
    ) -> Result<Self, ExchangeError> {
        let peer = addr.to_string();
        let (socket, mut failure) = QuicSocket::new(socket, addr, limit);
        let runtime = Arc::new(TokioRuntime);
        let config = EndpointConfig::default();
        let endpoint = Endpoint::new_with_abstract_socket(config, None, socket, runtime)?;
        let config = client_config(&tls)?;
        let connecting = endpoint.connect_with(config, addr, tls.server_name());
        let connecting = connecting.map_err(io::Error::other)?;
        let connected = until(&mut failure, async {
            match deadline.bound(connecting).await {
                Ok(Err(ConnectionError::TimedOut)) | Err(Elapsed) => Err(ExchangeError::NoQuic),
                Ok(Err(error)) => {
                    // Lets the library's task send an alert.
                    tokio::task::yield_now().await;
                    Err(error::of_connection(error, &tls, &peer))
                }
                Ok(Ok(connection)) => Ok(connection),
            }
        });
        let connection = connected.await?;
        Ok(Self { connection, failure, tls, peer })
    }

    /// Returns the connection of quinn.
    #[cfg(feature = "doh3")]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Lets the server send `limit` bytes from now on.
    #[cfg(feature = "doh3")]
    pub(super) fn allow(&self, limit: u64) {
        self.failure.allow(limit);
    }

    /// Opens the stream of a query.
    ///
    /// # Errors
    /// The connection has failed.
    pub(super) async fn open_stream(&mut self) -> Result<QuicStream, ExchangeError> {
        let opened = self.connection.open_bi();
        let opened = until(&mut self.failure, async { opened.await.map_err(io::Error::from) });
        let (send, receive) = opened.await.map_err(|error| self.explain(error.into()))?;
        Ok(tokio::io::join(receive, send))
    }

    /// Returns the result of `exchange`, or the error that ends it.
    pub(super) async fn run<T>(
        &mut self,
        exchange: impl Future<Output = Result<T, ExchangeError>>,
    ) -> Result<T, ExchangeError> {
        let result = until(&mut self.failure, exchange).await;
        result.map_err(|error| self.explain(error))
    }

    /// Closes the connection with `code`.
    pub(super) async fn close(self, code: u32) {
        self.connection.close(code.into(), b"");
        // Lets the library's task send the datagram, without waiting for the server.
        tokio::task::yield_now().await;
    }

    /// Returns the error in words if the library reports it.
    fn explain(&self, error: ExchangeError) -> ExchangeError {
        match error {
            ExchangeError::Io(error) => error::of_stream(error, &self.tls, &self.peer),
            error => error,
        }
    }
}

/// Returns when the server asks not to be sent the query, which RFC 9250 section 4.3.3 forbids.
pub(super) fn stopped(stream: &QuicStream) -> impl Future<Output = ExchangeError> + use<> {
    let stopped = stream.writer().stopped();
    async {
        match stopped.await {
            Ok(Some(code)) => error::stopped(code.into_inner()),
            // The server has the whole query, or the connection failed, which reading reports.
            _ => std::future::pending().await,
        }
    }
}

/// Returns the result of `work`, or the error of the socket if that comes first.
async fn until<T, E: From<io::Error>>(
    failure: &mut SocketFailure,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::select! {
        biased;
        result = work => result,
        error = failure.wait() => Err(error.into()),
    }
}

/// Returns the settings of a connection.
fn client_config(tls: &QuicTls) -> io::Result<ClientConfig> {
    let crypto = QuicClientConfig::try_from(tls.config()).map_err(io::Error::other)?;
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(0_u32.into())
        .max_concurrent_uni_streams(MAX_SERVER_STREAMS.into())
        .datagram_receive_buffer_size(None);
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    Ok(config)
}
