//! A stream: the one type that every stream service reads and writes, plain or TLS, over TCP or a
//! Unix socket, with or without an observer.
//!
//! A plain stream that nothing observes is its socket and two counters. TLS, the observer and the
//! first bytes share one allocation, `Layers`.

mod layers;
pub mod observer;
mod progress;
#[cfg(test)]
pub(crate) mod sim;
pub mod socket;
mod tls_session;
mod tokio_io;
mod whole;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use rustls::CommonState;
use socket2::TcpKeepalive;
use tokio::net::{TcpStream, UnixStream};

pub use self::progress::{Owed, PeerProgress, wait_until_acknowledged};
pub use self::whole::Unsent;
use crate::net::address::addr::Addr;
use crate::net::error::is_transient;
use crate::net::stream::layers::{Layers, StreamStart};
use crate::net::stream::observer::{SideEnd, StreamObserver, StreamSide};
use crate::net::stream::socket::{DetachedSocket, Socket};
use crate::net::stream::tls_session::TlsSession;
use crate::sys::TcpInfo;

/// Bytes carried in each direction; under TLS, the decrypted bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteCounts {
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

/// A connected stream.
///
/// Only one task polls it. Errors are those of the socket, and under TLS `UnexpectedEof` for an end
/// without `close_notify` and `InvalidData` with a [`rustls::Error`] for a failure of TLS itself.
pub struct Stream {
    socket: Socket,
    layers: Option<Box<Layers>>,
    counts: ByteCounts,
    write_side: WriteSide,
}

/// The end of the bytes that this side sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriteSide {
    Open,
    /// `close_notify` is being sent, and FIN follows it.
    Ending,
    /// FIN is queued in the kernel.
    Ended,
    /// Closing the socket resets the connection.
    Reset,
}

impl Stream {
    /// Returns a plain stream on `socket` that nothing observes.
    pub fn new(socket: Socket) -> Self {
        let (counts, write_side) = (ByteCounts::default(), WriteSide::Open);
        Self { socket, layers: None, counts, write_side }
    }

    /// Reports all traffic from now on to `observer`.
    pub fn observe(&mut self, observer: Box<dyn StreamObserver>) {
        self.layers().observer = Some(observer);
    }

    /// Keeps the first bytes that are received from now on, and when they were received.
    pub fn note_start(&mut self) {
        self.layers().start = Some(StreamStart::default());
    }

    /// Treats EOF without `close_notify` like EOF with it.
    pub fn accept_missing_close_notify(&mut self) {
        self.layers().accepts_missing_close_notify = true;
    }

    /// Returns the local address.
    ///
    /// # Errors
    /// `getsockname` failed.
    pub fn local_addr(&self) -> io::Result<Addr> {
        self.socket.local_addr()
    }

    /// Returns the bytes carried so far in each direction.
    pub fn counts(&self) -> ByteCounts {
        self.counts
    }

    /// Returns when the first byte was received, if [`Self::note_start`] was called before.
    pub fn first_byte(&self) -> Option<Instant> {
        self.layers.as_ref()?.start.as_ref()?.time
    }

    /// Returns the first received bytes, at most 8, if [`Self::note_start`] was called before.
    pub fn head(&self) -> &[u8] {
        let start = self.layers.as_ref().and_then(|layers| layers.start.as_ref());
        start.map_or(&[], |start| &start.head)
    }

    /// Returns the kernel's statistics of the connection.
    ///
    /// # Errors
    /// The stream is not over TCP.
    pub fn tcp_info(&self) -> io::Result<TcpInfo> {
        self.socket.tcp_info()
    }

    /// Performs the handshake of `tls`; from then on, the stream carries the decrypted bytes.
    ///
    /// # Errors
    /// The stream fails, or `InvalidData` with a [`rustls::Error`]; the stream is then of no use.
    pub async fn start_tls(&mut self, tls: rustls::Connection) -> io::Result<()> {
        // SYN counts as a byte, but not on both sides. What was sent before the handshake is
        // usually acknowledged; what is not is counted at once.
        let unacknowledged = self.socket.unacknowledged_at_last();
        let before = self.socket.acknowledged().unwrap_or(0).saturating_add(unacknowledged);
        self.layers().tls = Some(TlsSession::new(tls, before));
        poll_fn(|context| match self.parts() {
            (socket, Some(tls)) => tls.poll_handshake(socket, context),
            (_, None) => Poll::Ready(Ok(())),
        })
        .await?;
        // Bytes received so far, in the STARTTLS dialogue, precede the application protocol.
        if let Some(start) = &mut self.layers().start {
            start.time = None;
        }
        Ok(())
    }

    /// Returns the parameters of TLS; `None` if the stream is plain.
    pub fn tls(&self) -> Option<&CommonState> {
        Some(self.layers.as_ref()?.tls.as_ref()?.state())
    }

    /// Returns the name that the client sent (SNI), if this side is a TLS server.
    pub fn server_name(&self) -> Option<&str> {
        self.layers.as_ref()?.tls.as_ref()?.server_name()
    }

    /// Returns the first bytes that the peer sent in a handshake that is not complete.
    pub fn handshake_bytes(&self) -> &[u8] {
        let tls = self.layers.as_ref().and_then(|layers| layers.tls.as_ref());
        tls.map_or(&[], TlsSession::first_bytes)
    }

    /// Waits for bytes and reads them into `buffer`; reading nothing means EOF.
    ///
    /// # Errors
    /// Those of the type.
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_observed(context));
        let read = match self.parts() {
            (socket, None) => ready!(socket.poll_read(context, buffer)),
            (socket, Some(tls)) => ready!(tls.poll_read(socket, context, buffer)),
        };
        let read = match (read, &mut self.layers) {
            (read, None) => read,
            (read, Some(layers)) => layers.received(read, buffer),
        };
        if let Ok(len) = read {
            self.counts.bytes_in += len as u64;
        }
        Poll::Ready(read)
    }

    /// Waits until bytes are accepted, and returns how many were. If not all of `bytes` are, the
    /// next call must begin with the rest.
    ///
    /// # Errors
    /// Those of the type.
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_observe_sending(context, bytes));
        let written = match self.parts() {
            (socket, None) => ready!(socket.poll_write(context, bytes)),
            (socket, Some(tls)) => ready!(tls.poll_write(socket, context, bytes)),
        };
        Poll::Ready(written.inspect(|len| self.count_sent(*len)))
    }

    /// Waits until the socket has accepted everything, which matters only under TLS.
    ///
    /// # Errors
    /// Those of the type.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.parts() {
            (_, None) => Poll::Ready(Ok(())),
            (socket, Some(tls)) => tls.poll_flush(socket, context),
        }
    }

    /// Ends the bytes that this side sends: under TLS `close_notify`, then FIN. The peer can still
    /// send.
    ///
    /// # Errors
    /// Those of the type; `ConnectionReset` if the peer has reset the connection.
    pub fn poll_shut_down(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_side == WriteSide::Open {
            self.write_side = WriteSide::Ending;
        }
        if self.write_side == WriteSide::Ending {
            let mut how = SideEnd::Fin;
            if let (socket, Some(tls)) = self.parts() {
                ready!(tls.poll_end(socket, context))?;
                how = SideEnd::CloseNotify;
            }
            self.socket.shut_down_write()?;
            self.write_side = WriteSide::Ended;
            self.observe_end(how);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes as many of `bytes` as are accepted without waiting, and returns their number. The
    /// next write must begin with the rest. Under TLS, [`Self::has_unsent`] tells whether accepted
    /// bytes wait for the socket.
    ///
    /// # Errors
    /// Those of the type; a full socket is `Ok(0)`, and so is an observer that is not ready.
    pub fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut context = Context::from_waker(Waker::noop());
        if self.poll_observe_sending(&mut context, bytes).is_pending() {
            return Ok(0);
        }
        let written = match self.parts() {
            (socket, None) => socket.write_now(&[io::IoSlice::new(bytes)]),
            (socket, Some(tls)) => tls.write_now(socket, bytes),
        };
        let len = match written {
            Err(error) if is_transient(&error) => 0,
            done => done?,
        };
        self.count_sent(len);
        Ok(len)
    }

    /// Returns whether accepted bytes wait until the socket accepts them, as under TLS.
    pub fn has_unsent(&self) -> bool {
        self.layers
            .as_ref()
            .and_then(|layers| layers.tls.as_ref())
            .is_some_and(TlsSession::has_unsent)
    }

    /// Waits until [`Self::write_now`] can accept more.
    ///
    /// # Errors
    /// Those of the type.
    pub fn poll_write_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_observed(context));
        ready!(self.poll_flush(context))?;
        self.socket.poll_write_ready(context)
    }

    /// Returns how many sent bytes the peer's TCP has not acknowledged, or 1 if records of TLS
    /// still wait for the socket; a FIN counts as one byte. A Unix socket delivers bytes when it
    /// accepts them.
    ///
    /// # Errors
    /// The connection has failed.
    pub fn unacknowledged(&self) -> io::Result<u64> {
        Ok(self.socket.unacknowledged()?.max(u64::from(self.has_unsent())))
    }

    /// Returns what is owed to the peer.
    ///
    /// # Errors
    /// The connection has failed.
    pub fn owed(&self) -> io::Result<Owed> {
        Ok(Owed { unacknowledged: self.unacknowledged()?, progress: self.progress() })
    }

    /// Returns whether everything that was sent before FIN, and before `close_notify`, is
    /// acknowledged; false if that is unknown. A peer that has closed completely answers FIN with a
    /// reset, although it has received everything.
    pub fn is_data_acknowledged(&self) -> bool {
        match self.layers.as_ref().and_then(|layers| layers.tls.as_ref()) {
            // FIN counts as one byte.
            None => {
                let fin = u64::from(self.write_side == WriteSide::Ended);
                self.socket.unacknowledged_at_last() <= fin
            }
            Some(tls) => self.socket.acknowledged().is_some_and(|count| tls.is_acknowledged(count)),
        }
    }

    /// Returns a count that grows whenever the peer makes progress: the bytes that its TCP has
    /// acknowledged, records of TLS included; on a Unix socket, the bytes that the socket accepted.
    pub fn progress(&self) -> u64 {
        self.socket.acknowledged().unwrap_or(self.counts.bytes_out)
    }

    /// Makes the close of the stream discard unsent bytes and reset the connection, so that the
    /// peer does not take what it got for everything. Over a Unix socket, which has no reset, the
    /// peer sees EOF.
    ///
    /// # Errors
    /// `setsockopt` failed.
    pub fn reset(&mut self) -> io::Result<()> {
        self.write_side = WriteSide::Reset;
        self.observe_end(SideEnd::Reset);
        self.socket.reset_on_close()
    }

    /// Resets the connection unless this side has ended it with FIN: a failure after FIN does not
    /// make what was sent incomplete.
    pub fn abort(&mut self) {
        if self.write_side != WriteSide::Ended {
            // Fails only if the kernel has no such socket any more.
            self.reset().ok();
        }
    }

    /// Sets TCP keepalive.
    ///
    /// # Errors
    /// The stream is not over TCP, or the system does not support an option.
    pub fn set_keepalive(&self, keepalive: &TcpKeepalive) -> io::Result<()> {
        self.socket.set_keepalive(keepalive)
    }

    fn layers(&mut self) -> &mut Layers {
        self.layers.get_or_insert_default()
    }

    fn parts(&mut self) -> (&Socket, Option<&mut TlsSession>) {
        (&self.socket, self.layers.as_mut().and_then(|layers| layers.tls.as_mut()))
    }

    /// Waits until the observer is ready for more; returns whether there is one.
    pub fn poll_observed(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        match self.layers.as_mut().and_then(|layers| layers.observer.as_mut()) {
            None => Poll::Ready(false),
            Some(observer) => observer.poll_ready(context).map(|()| true),
        }
    }

    fn poll_observe_sending(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<()> {
        let layers = self.layers.as_mut();
        layers.map_or(Poll::Ready(()), |layers| layers.poll_observe_sending(context, bytes))
    }

    fn count_sent(&mut self, len: usize) {
        self.counts.bytes_out += len as u64;
        if let Some(layers) = &mut self.layers {
            layers.observed_ahead = layers.observed_ahead.saturating_sub(len);
        }
    }

    fn observe_end(&mut self, how: SideEnd) {
        if let Some(observer) = self.layers.as_mut().and_then(|layers| layers.observer.as_mut()) {
            observer.ended(StreamSide::Local, how);
        }
    }
}

impl TryFrom<TcpStream> for Stream {
    type Error = io::Error;

    fn try_from(socket: TcpStream) -> io::Result<Self> {
        DetachedSocket::Tcp(socket.into_std()?.into()).attach().map(Self::new)
    }
}

impl TryFrom<UnixStream> for Stream {
    type Error = io::Error;

    fn try_from(socket: UnixStream) -> io::Result<Self> {
        DetachedSocket::Unix(socket.into_std()?.into()).attach().map(Self::new)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("socket", &self.socket).finish_non_exhaustive()
    }
}
