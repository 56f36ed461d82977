//! Connections to servers, which a run with many questions uses for one query after the other.

use std::fmt;
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::Poll;

use tokio::io::{AsyncRead as _, ReadBuf};

#[cfg(feature = "doh3")]
use crate::dns::exchange::h3::{self, Http3Connection};
use crate::dns::exchange::https::Http2Connection;
#[cfg(feature = "doq")]
use crate::dns::exchange::quic::{DOQ_NO_ERROR, QuicConnection};
use crate::dns::server::DnsServer;
use crate::net::stream::Stream;
use crate::sync::lock;

/// A connection to a server, over which one query is sent at a time.
pub(super) enum DnsConnection {
    /// TCP or TLS.
    Messages(Stream),
    /// HTTP/2.
    Http2(Http2Connection),
    /// QUIC. On the heap, as the next one, because few queries use it.
    #[cfg(feature = "doq")]
    Quic(Box<QuicConnection>),
    /// HTTP/3.
    #[cfg(feature = "doh3")]
    Http3(Box<Http3Connection>),
}

/// Open connections that the queries of a run reuse (RFC 7858 section 3.4), because a TLS handshake
/// takes far longer than a query.
///
/// A query never shares its connection: a slow reply does not delay another one, and its time is
/// its own. There are at most as many connections to a server as queries that were in progress at
/// once. A connection returns here only if the reply to its query was the first message.
#[derive(Default)]
pub struct DnsConnections {
    idle: Mutex<Vec<(DnsServer, DnsConnection)>>,
}

impl DnsConnections {
    /// Takes an open connection to `server`; `None` if there is none.
    pub(super) async fn take(&self, server: &DnsServer) -> Option<DnsConnection> {
        loop {
            let mut connection = {
                let mut idle = lock(&self.idle);
                let at = idle.iter().rposition(|entry| entry.0 == *server)?;
                idle.swap_remove(at).1
            };
            if connection.is_silent().await {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for a later query.
    pub(super) fn put_back(&self, server: &DnsServer, connection: DnsConnection) {
        lock(&self.idle).push((server.clone(), connection));
    }

    /// Closes all connections, without waiting for the servers.
    pub async fn close(&self) {
        let idle = std::mem::take(&mut *lock(&self.idle));
        for (_, connection) in idle {
            connection.close().await;
        }
    }
}

impl DnsConnection {
    /// Returns whether nothing has arrived since the last reply: neither the end of the connection,
    /// nor a message that is for no query. Of HTTP and QUIC, the next query finds out.
    async fn is_silent(&mut self) -> bool {
        let Self::Messages(stream) = self else { return true };
        let mut byte = [0];
        poll_fn(|context| {
            let received =
                std::pin::Pin::new(&mut *stream).poll_read(context, &mut ReadBuf::new(&mut byte));
            Poll::Ready(received.is_pending())
        })
        .await
    }

    /// Closes the connection, without waiting for the server.
    pub(super) async fn close(self) {
        match self {
            Self::Messages(mut stream) => stream.shut_down_now(),
            Self::Http2(connection) => connection.close().await,
            #[cfg(feature = "doq")]
            Self::Quic(connection) => connection.close(DOQ_NO_ERROR).await,
            #[cfg(feature = "doh3")]
            Self::Http3(connection) => connection.close(h3::NO_ERROR).await,
        }
    }
}

impl fmt::Debug for DnsConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsConnections").finish_non_exhaustive()
    }
}
