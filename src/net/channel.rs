//! A connection as a conversation uses it: plain or TLS, over TCP or a Unix socket, with what
//! watches it.
//!
//! One type for all of them, so that there is one pump. It knows no rule of ending.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

use super::stream::Stream;
use super::tap::Tap;

/// A connection, with what watches it.
pub struct Channel {
    way: Way,
    tap: Option<Box<dyn Tap>>,
    first_byte: Option<Instant>,
}

/// How bytes get onto the socket.
#[derive(Debug)]
pub enum Way {
    /// As they are.
    Plain(Stream),
    /// Through TLS.
    Tls(Box<TlsStream<Stream>>),
}

impl Channel {
    /// Returns a channel nobody watches.
    pub fn new(way: Way) -> Self {
        Self { way, tap: None, first_byte: None }
    }

    /// Shows `tap` what passes from now on.
    #[must_use]
    pub fn watched(mut self, tap: Option<Box<dyn Tap>>) -> Self {
        self.tap = tap;
        self
    }

    /// Returns the socket below everything, for what only it can tell.
    pub fn socket(&self) -> &Stream {
        match &self.way {
            Way::Plain(stream) => stream,
            Way::Tls(tls) => tls.get_ref().0,
        }
    }

    /// Returns whether TLS is on.
    pub fn is_tls(&self) -> bool {
        matches!(self.way, Way::Tls(_))
    }

    /// Returns when the peer's first byte came.
    pub fn first_byte(&self) -> Option<Instant> {
        self.first_byte
    }

    /// Gives the way and the watcher back, to put TLS between them.
    pub fn into_parts(self) -> (Way, Option<Box<dyn Tap>>) {
        (self.way, self.tap)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("way", &self.way).finish_non_exhaustive()
    }
}

impl AsyncRead for Channel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = match &mut self.way {
            Way::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Way::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        };
        ready!(outcome)?;
        let fresh = &buffer.filled()[before..];
        if !fresh.is_empty() {
            self.first_byte.get_or_insert_with(Instant::now);
            if let Some(tap) = &mut self.tap {
                tap.received(fresh);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Channel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = match &mut self.way {
            Way::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Way::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        };
        let len = ready!(outcome)?;
        if let Some(tap) = &mut self.tap {
            tap.sent(&bytes[..len]);
        }
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.way {
            Way::Plain(stream) => Pin::new(stream).poll_flush(context),
            Way::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    /// Ends our side: under TLS with `close_notify`, then with a FIN.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.way {
            Way::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Way::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}
