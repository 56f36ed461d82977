//! A connection as the relay uses it: plain or TLS, over TCP or a Unix socket, with an optional
//! observer.
//!
//! One type covers all of them, so that the relay needs only one implementation. The relay, not the
//! channel, decides when a connection ends.

use std::fmt;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

use crate::net::stream::Stream;
use crate::net::stream::observer::StreamObserver;

/// Bytes carried in each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteCounts {
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

/// A connection with an optional observer, which counts the bytes it carries.
pub struct Channel {
    state: ChannelState,
    observer: Option<Box<dyn StreamObserver>>,
    counts: ByteCounts,
    /// When the first byte was received.
    first_byte: Option<Instant>,
    /// The first bytes received, at most [`MAX_HEAD`].
    head: Vec<u8>,
    /// Whether EOF without `close_notify` ends the received data like EOF with it.
    accepts_missing_close_notify: bool,
}

/// What carries the bytes.
#[derive(Debug)]
enum ChannelState {
    /// The socket itself.
    Plain(Stream),
    /// TLS over the socket.
    Tls(Box<TlsStream<Stream>>),
    /// Nothing: a TLS handshake is in progress or has failed.
    Closed,
}

/// Received bytes kept to recognize a TLS record.
const MAX_HEAD: usize = 8;

impl Channel {
    /// Returns a plain channel over `stream` that reports all traffic to `observer`.
    pub fn new(stream: Stream, observer: Option<Box<dyn StreamObserver>>) -> Self {
        let (counts, first_byte, head) = (ByteCounts::default(), None, Vec::new());
        let state = ChannelState::Plain(stream);
        let accepts_missing_close_notify = false;
        Self { state, observer, counts, first_byte, head, accepts_missing_close_notify }
    }

    /// Treats EOF without `close_notify` like EOF with it.
    pub fn accept_missing_close_notify(&mut self) {
        self.accepts_missing_close_notify = true;
    }

    /// Takes the plain stream for a TLS handshake; `None` if there is none. The channel is closed
    /// until [`Self::set_tls`].
    pub fn take_plain(&mut self) -> Option<Stream> {
        match std::mem::replace(&mut self.state, ChannelState::Closed) {
            ChannelState::Plain(stream) => Some(stream),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Continues over `tls`.
    pub fn set_tls(&mut self, tls: TlsStream<Stream>) {
        self.state = ChannelState::Tls(Box::new(tls));
        // Bytes received so far, in the STARTTLS dialogue, precede the application protocol.
        self.first_byte = None;
    }

    /// Returns the underlying socket, for its options and statistics; `None` while the channel is
    /// closed.
    pub fn socket(&self) -> Option<&Stream> {
        match &self.state {
            ChannelState::Plain(stream) => Some(stream),
            ChannelState::Tls(tls) => Some(tls.get_ref().0),
            ChannelState::Closed => None,
        }
    }

    /// Returns whether the channel uses TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self.state, ChannelState::Tls(_))
    }

    /// Returns the bytes carried so far in each direction; under TLS, the decrypted bytes.
    pub fn counts(&self) -> ByteCounts {
        self.counts
    }

    /// Returns when the first byte was received; under TLS, the first decrypted byte.
    pub fn first_byte(&self) -> Option<Instant> {
        self.first_byte
    }

    /// Returns the first bytes received, at most 8.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    fn record_received(&mut self, fresh: &[u8]) {
        self.counts.bytes_in += fresh.len() as u64;
        self.first_byte.get_or_insert_with(Instant::now);
        let missing = MAX_HEAD.saturating_sub(self.head.len());
        self.head.extend(fresh.iter().take(missing));
        if let Some(observer) = &mut self.observer {
            observer.received(fresh);
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("state", &self.state).finish_non_exhaustive()
    }
}

impl AsyncRead for Channel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = match &mut self.state {
            ChannelState::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            ChannelState::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
            ChannelState::Closed => return Poll::Ready(Ok(())),
        };
        match ready!(outcome) {
            // No socket reports this kind: it is how rustls reports a missing `close_notify`.
            Err(error)
                if self.accepts_missing_close_notify
                    && error.kind() == ErrorKind::UnexpectedEof => {}
            outcome => outcome?,
        }
        let fresh = &buffer.filled()[before..];
        if !fresh.is_empty() {
            self.record_received(fresh);
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
        let outcome = match &mut self.state {
            ChannelState::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            ChannelState::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
            ChannelState::Closed => return Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
        };
        let len = ready!(outcome)?;
        self.counts.bytes_out += len as u64;
        if let Some(observer) = &mut self.observer {
            observer.sent(&bytes[..len]);
        }
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            ChannelState::Plain(stream) => Pin::new(stream).poll_flush(context),
            ChannelState::Tls(tls) => Pin::new(tls).poll_flush(context),
            ChannelState::Closed => Poll::Ready(Ok(())),
        }
    }

    /// Shuts down the write side: under TLS `close_notify`, then FIN.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            ChannelState::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            ChannelState::Tls(tls) => Pin::new(tls).poll_shutdown(context),
            ChannelState::Closed => Poll::Ready(Ok(())),
        }
    }
}
