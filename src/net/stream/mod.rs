//! Connected stream sockets, TCP or Unix, and reads into one buffer per thread.
//!
//! All connections of a worker share one buffer: [`read`] takes it once the socket is readable and
//! returns it before the next await, so an idle connection holds no buffer.

pub mod channel;
pub mod observer;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::net::address::addr::Addr;
use crate::net::deadline::Deadline;
use crate::net::error::is_transient;

/// Size of a worker's read buffer, in bytes: a full pipe or loopback segment fits.
const SHARED_BUFFER: usize = 64 * 1024;

/// Maximum number of bytes that [`shut_down_and_drain`] discards.
const MAX_DISCARDED_AT_CLOSE: usize = 1024 * 1024;

/// A connected stream socket.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
}

/// Calls a method that both kinds of socket have.
macro_rules! either {
    ($this:expr, $stream:ident => $call:expr) => {
        match $this {
            Stream::Tcp($stream) => $call,
            Stream::Unix($stream) => $call,
        }
    };
}

impl Stream {
    /// Returns the local address.
    ///
    /// # Errors
    /// `getsockname` failed.
    pub fn local_addr(&self) -> io::Result<Addr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().map(Addr::canonical),
            Self::Unix(stream) => Ok(Addr::of_unix(&stream.local_addr()?.into())),
        }
    }

    /// Deregisters the socket from its runtime, so that another runtime can use it.
    ///
    /// # Errors
    /// The runtime cannot deregister it.
    pub(crate) fn detach(self) -> io::Result<Detached> {
        match self {
            Self::Tcp(stream) => stream.into_std().map(|stream| Detached::Tcp(stream.into())),
            Self::Unix(stream) => stream.into_std().map(|stream| Detached::Unix(stream.into())),
        }
    }

    /// Returns and clears the socket's pending error (`SO_ERROR`).
    ///
    /// # Errors
    /// `getsockopt` failed.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        either!(self, stream => stream.take_error())
    }

    /// Shuts down the write side (`shutdown(SHUT_WR)`).
    ///
    /// # Errors
    /// `ConnectionReset` if the peer has reset the connection.
    pub fn shut_down_write(&self) -> io::Result<()> {
        SockRef::from(self).shutdown(Shutdown::Write).map_err(|error| {
            // After a reset, shutdown(2) fails with ENOTCONN.
            let is_reset = error.kind() == ErrorKind::NotConnected;
            if is_reset { ErrorKind::ConnectionReset.into() } else { error }
        })
    }

    /// Makes close(2) send a reset instead of FIN (`SO_LINGER` of zero).
    ///
    /// # Errors
    /// The socket does not support the option.
    pub fn reset_on_close(&self) -> io::Result<()> {
        SockRef::from(self).set_linger(Some(std::time::Duration::ZERO))
    }

    fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read_ready(context))
    }

    /// Waits until the socket is writable.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub async fn writable(&self) -> io::Result<()> {
        either!(self, stream => stream.writable().await)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, stream => stream.try_write(bytes))
    }

    fn try_io<R>(&self, io: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        either!(self, stream => stream.try_io(Interest::READABLE, io))
    }
}

/// A socket that is registered with no runtime.
#[derive(Debug)]
pub(crate) enum Detached {
    Tcp(OwnedFd),
    Unix(OwnedFd),
}

impl Detached {
    /// Registers the socket with the current runtime.
    ///
    /// # Errors
    /// The runtime cannot register it.
    pub(crate) fn attach(self) -> io::Result<Stream> {
        match self {
            Self::Tcp(socket) => TcpStream::from_std(socket.into()).map(Stream::Tcp),
            Self::Unix(socket) => UnixStream::from_std(socket.into()).map(Stream::Unix),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        either!(self, stream => stream.as_fd())
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        either!(self, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut_down_write())
    }
}

thread_local! {
    /// The read buffer of this thread's connections; empty while a call of [`read`] uses it.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SHARED_BUFFER].into_boxed_slice());
}

/// Waits for bytes, passes them to `take` and returns its result; an empty slice means EOF.
///
/// Only one task at a time may read a stream. `take` should not read another stream, because it
/// holds the thread's only buffer.
///
/// # Errors
/// The error that the socket reports, such as a reset.
pub async fn read<T>(stream: &Stream, take: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
    loop {
        // Unlike `readable()`, this adds no entry to the socket's list of waiters.
        poll_fn(|context| stream.poll_read_ready(context)).await?;
        let mut buffer = BUFFER.take();
        if buffer.is_empty() {
            // An earlier `take` panicked, or an outer call of `read` holds the buffer.
            buffer = vec![0; SHARED_BUFFER].into_boxed_slice();
        }
        let outcome = match read_now(stream, &mut buffer) {
            Err(error) if is_transient(&error) => {
                BUFFER.set(buffer);
                continue;
            }
            outcome => outcome,
        };
        let taken = outcome.map(|len| take(&buffer[..len]));
        BUFFER.set(buffer);
        return taken;
    }
}

/// Reads once. A read that does not fill the buffer has emptied the socket: the runtime's readiness
/// is cleared at once, which saves a read that would return `EAGAIN`. (tokio's own readers do the
/// same. A read also stops short at an urgent mark; the bytes after it are read when the next ones
/// arrive.)
fn read_now(stream: &Stream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut short = None;
    let full = stream.try_io(|| {
        let len = rustix::io::read(stream, &mut *buffer)?;
        if len == 0 || len == buffer.len() {
            return Ok(len);
        }
        short = Some(len);
        // Makes `try_io` clear the readiness; the caller gets `short`.
        Err(ErrorKind::WouldBlock.into())
    });
    short.map_or(full, Ok)
}

/// Writes all of `bytes`.
///
/// # Errors
/// The error that the socket reports; `TimedOut` if `deadline` passes first.
pub async fn write_all(stream: &Stream, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match stream.try_write(rest) {
            Ok(len) => rest = &rest[len..],
            Err(error) if is_transient(&error) => match deadline.bound(stream.writable()).await {
                Ok(ready) => ready?,
                Err(_) => return Err(ErrorKind::TimedOut.into()),
            },
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes as many of `bytes` as the socket accepts without waiting, and returns their number.
///
/// # Errors
/// The error that the socket reports; a full socket is `Ok(0)`.
pub fn write_now(stream: &Stream, bytes: &[u8]) -> io::Result<usize> {
    match stream.try_write(bytes) {
        Err(error) if is_transient(&error) => Ok(0),
        done => done,
    }
}

/// Shuts down the write side, and discards received data until the peer closes or `deadline`
/// passes.
///
/// Closing a socket with unread data resets the connection, and the peer may then lose the last
/// bytes sent to it. Errors are ignored, because the connection is already over.
pub async fn shut_down_and_drain(stream: &Stream, deadline: Deadline) {
    stream.shut_down_write().ok();
    let drain = async {
        let mut drained = 0;
        while let Ok(len @ 1..) = read(stream, <[u8]>::len).await {
            drained += len;
            if drained > MAX_DISCARDED_AT_CLOSE {
                break;
            }
        }
    };
    deadline.bound(drain).await.ok();
}
