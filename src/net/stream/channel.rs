//! A connection as a conversation uses it: plain or TLS, over TCP or a Unix socket, with what
//! watches it.
//!
//! One type for all of them, so that there is one pump. It knows no rule of ending.

use std::fmt;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

use crate::net::stream::Stream;
use crate::net::stream::observer::StreamObserver;

/// What both directions carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteCounts {
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

/// A connection, with what watches it.
pub struct Channel {
    way: ChannelState,
    tap: Option<Box<dyn StreamObserver>>,
    counts: ByteCounts,
    first_byte: Option<Instant>,
    /// How the peer began, as far as that says what it speaks.
    head: Vec<u8>,
}

/// How bytes get onto the socket.
#[derive(Debug)]
enum ChannelState {
    /// As they are.
    Plain(Stream),
    /// Through TLS.
    Tls(Box<TlsStream<Stream>>),
    /// Not at all: TLS is being put on, or could not be.
    Closed,
}

/// Enough of a peer's beginning to tell TLS by.
const HEAD: usize = 8;

impl Channel {
    /// Returns a channel over `stream` that shows `tap` what passes.
    pub fn new(stream: Stream, tap: Option<Box<dyn StreamObserver>>) -> Self {
        let (counts, first_byte, head) = (ByteCounts::default(), None, Vec::new());
        Self { way: ChannelState::Plain(stream), tap, counts, first_byte, head }
    }

    /// Takes the plain stream out, to put TLS on it; until [`Self::secure`] the channel is closed.
    /// None where there is no plain stream.
    pub fn take(&mut self) -> Option<Stream> {
        match std::mem::replace(&mut self.way, ChannelState::Closed) {
            ChannelState::Plain(stream) => Some(stream),
            other => {
                self.way = other;
                None
            }
        }
    }

    /// Goes on through `tls`.
    pub fn secure(&mut self, tls: TlsStream<Stream>) {
        self.way = ChannelState::Tls(Box::new(tls));
        // What was said before was about TLS; the conversation begins here.
        self.first_byte = None;
    }

    /// Returns the socket below everything, for what only it can tell; none while TLS is being
    /// put on.
    pub fn socket(&self) -> Option<&Stream> {
        match &self.way {
            ChannelState::Plain(stream) => Some(stream),
            ChannelState::Tls(tls) => Some(tls.get_ref().0),
            ChannelState::Closed => None,
        }
    }

    /// Returns whether TLS is on.
    pub fn is_tls(&self) -> bool {
        matches!(self.way, ChannelState::Tls(_))
    }

    /// Returns what it carried so far.
    pub fn counts(&self) -> ByteCounts {
        self.counts
    }

    /// Returns when the peer's first byte came.
    pub fn first_byte(&self) -> Option<Instant> {
        self.first_byte
    }

    /// Returns the first few bytes of what the peer said.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    fn take_note(&mut self, fresh: &[u8]) {
        self.counts.bytes_in += fresh.len() as u64;
        self.first_byte.get_or_insert_with(Instant::now);
        let missing = HEAD.saturating_sub(self.head.len());
        self.head.extend(fresh.iter().take(missing));
        if let Some(tap) = &mut self.tap {
            tap.received(fresh);
        }
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
            ChannelState::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            ChannelState::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
            ChannelState::Closed => return Poll::Ready(Ok(())),
        };
        ready!(outcome)?;
        let fresh = &buffer.filled()[before..];
        if !fresh.is_empty() {
            self.take_note(fresh);
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
            ChannelState::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            ChannelState::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
            ChannelState::Closed => return Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
        };
        let len = ready!(outcome)?;
        self.counts.bytes_out += len as u64;
        if let Some(tap) = &mut self.tap {
            tap.sent(&bytes[..len]);
        }
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.way {
            ChannelState::Plain(stream) => Pin::new(stream).poll_flush(context),
            ChannelState::Tls(tls) => Pin::new(tls).poll_flush(context),
            ChannelState::Closed => Poll::Ready(Ok(())),
        }
    }

    /// Ends our side: under TLS with `close_notify`, then with a FIN.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.way {
            ChannelState::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            ChannelState::Tls(tls) => Pin::new(tls).poll_shutdown(context),
            ChannelState::Closed => Poll::Ready(Ok(())),
        }
    }
}
