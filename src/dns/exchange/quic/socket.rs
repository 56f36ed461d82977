//! The UDP socket of a QUIC connection.
//!
//! It is connected, so that the kernel reports a closed port at once, and its errors end the
//! exchange. quinn's own sockets are not connected and ignore most errors.

use std::fmt;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::io::{Interest, ReadBuf};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;

use crate::sync::lock;

/// A connected UDP socket that reports its first error.
pub(super) struct QuicSocket {
    /// `None` once it is closed.
    socket: Mutex<Option<Arc<UdpSocket>>>,
    server: SocketAddr,
    failure: Mutex<Option<oneshot::Sender<io::Error>>>,
    /// How many more bytes the server may send.
    allowance: AtomicU64,
}

impl QuicSocket {
    /// Returns `socket`, which is connected to `server`, for quinn, and its first error when it
    /// occurs. It is an error if the server sends more than `limit` bytes.
    pub(super) fn new(
        socket: UdpSocket,
        server: SocketAddr,
        limit: u64,
    ) -> (Arc<Self>, SocketFailure) {
        let (sender, reported) = oneshot::channel();
        let (failure, allowance) = (Mutex::new(Some(sender)), AtomicU64::new(limit));
        let socket = Mutex::new(Some(Arc::new(socket)));
        let socket = Arc::new(Self { socket, server, failure, allowance });
        (Arc::clone(&socket), SocketFailure { socket, reported })
    }

    fn open(&self) -> Option<Arc<UdpSocket>> {
        lock(&self.socket).clone()
    }

    fn fail(&self, error: io::Error) {
        let sender = lock(&self.failure).take();
        if let Some(sender) = sender {
            // The receiver is gone only after the exchange.
            sender.send(error).ok();
        }
    }

    /// Counts received bytes, and returns whether the server may send that many.
    fn allow(&self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let left = |allowance: u64| allowance.checked_sub(bytes);
        self.allowance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
    }
}

/// The first error of a socket.
pub(super) struct SocketFailure {
    socket: Arc<QuicSocket>,
    reported: oneshot::Receiver<io::Error>,
}

impl SocketFailure {
    /// Lets the server send `limit` bytes from now on.
    #[cfg(feature = "doh3")]
    pub(super) fn allow(&self, limit: u64) {
        self.socket.allowance.store(limit, Ordering::Relaxed);
    }

    /// Waits for the error. It waits for errors of the network itself, because they do not wake a
    /// task that polls for datagrams.
    pub(super) async fn wait(&mut self) -> io::Error {
        let Some(socket) = self.socket.open() else { return ErrorKind::NotConnected.into() };
        let take = || match socket.take_error()? {
            Some(error) => Ok(error),
            None => Err(ErrorKind::WouldBlock.into()),
        };
        tokio::select! {
            Ok(error) = &mut self.reported => error,
            error = socket.async_io(Interest::ERROR, take) => error.unwrap_or_else(|error| error),
        }
    }
}

impl Drop for SocketFailure {
    /// Closes the socket. quinn keeps its own for some time after the end of a connection, and the
    /// next query may be sent from the same port.
    fn drop(&mut self) {
        lock(&self.socket.socket).take();
    }
}

impl fmt::Debug for QuicSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuicSocket").field("server", &self.server).finish_non_exhaustive()
    }
}

impl AsyncUdpSocket for QuicSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable(self))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        // After the end of the exchange, packets count as lost.
        let Some(socket) = self.open() else { return Ok(()) };
        match socket.try_send(transmit.contents) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(error),
            Err(error) => {
                self.fail(error);
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(buffer), Some(meta)) = (buffers.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        let Some(socket) = self.open() else { return Poll::Pending };
        let mut buffer = ReadBuf::new(buffer);
        let received = ready!(socket.poll_recv(context, &mut buffer));
        let length = buffer.filled().len();
        let error = match received {
            Ok(()) if self.allow(length) => {
                *meta = RecvMeta {
                    addr: self.server,
                    len: length,
                    stride: length,
                    ..RecvMeta::default()
                };
                return Poll::Ready(Ok(1));
            }
            Ok(()) => io::Error::other("the server sent far more than a DNS message"),
            Err(error) => error,
        };
        // The exchange ends with the error, so quinn need not be woken again.
        self.fail(error);
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.open().ok_or(ErrorKind::NotConnected)?.local_addr()
    }
}

/// Waits until the socket can send again. A socket has one connection, and so one waiting task.
#[derive(Debug)]
struct Writable(Arc<QuicSocket>);

impl UdpPoller for Writable {
    fn poll_writable(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.open().map_or(Poll::Ready(Ok(())), |socket| socket.poll_send_ready(context))
    }
}
