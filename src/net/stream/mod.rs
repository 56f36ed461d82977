//! Connected stream sockets, TCP or Unix, and how many of them are read without a buffer for each.
//!
//! A worker's connections share one buffer: it is borrowed after the kernel said that there is
//! something to read, and given back before anything is awaited. An idle connection holds none.

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

/// Bytes read at once: what a pipe or a loopback segment carries, and small for a worker.
const SHARED_BUFFER: usize = 64 * 1024;

/// Bytes read from a peer that is being closed, before it is cut off.
const MAX_DISCARDED_AT_CLOSE: usize = 1024 * 1024;

/// A connected socket that carries a stream.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix stream.
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
    /// Returns our end's address.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn local_addr(&self) -> io::Result<Addr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().map(Addr::canonical),
            Self::Unix(stream) => Ok(Addr::of_unix(&stream.local_addr()?.into())),
        }
    }

    /// Takes the socket out of its runtime, for another one.
    ///
    /// # Errors
    /// The runtime does not let go of it.
    pub(crate) fn detach(self) -> io::Result<Detached> {
        match self {
            Self::Tcp(stream) => stream.into_std().map(|stream| Detached::Tcp(stream.into())),
            Self::Unix(stream) => stream.into_std().map(|stream| Detached::Unix(stream.into())),
        }
    }

    /// Returns the error the kernel holds for the socket, and clears it.
    ///
    /// # Errors
    /// The socket cannot be asked.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        either!(self, stream => stream.take_error())
    }

    /// Ends our side (`shutdown(SHUT_WR)`).
    ///
    /// # Errors
    /// `ConnectionReset` where the connection is gone already.
    pub fn end(&self) -> io::Result<()> {
        SockRef::from(self).shutdown(Shutdown::Write).map_err(|error| {
            // What a connection is that was reset before we could end it.
            let is_reset = error.kind() == ErrorKind::NotConnected;
            if is_reset { ErrorKind::ConnectionReset.into() } else { error }
        })
    }

    /// Makes closing the socket a reset (`SO_LINGER` of zero), which the peer sees as one.
    ///
    /// # Errors
    /// The socket takes no such option.
    pub fn reset_on_close(&self) -> io::Result<()> {
        SockRef::from(self).set_linger(Some(std::time::Duration::ZERO))
    }

    fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read_ready(context))
    }

    /// Waits until something can be written.
    ///
    /// # Errors
    /// The runtime is about to end.
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

/// A socket between two runtimes.
#[derive(Debug)]
pub(crate) enum Detached {
    Tcp(OwnedFd),
    Unix(OwnedFd),
}

impl Detached {
    /// Puts the socket into this runtime.
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
        Poll::Ready(self.end())
    }
}

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SHARED_BUFFER].into_boxed_slice());
}

/// Waits for bytes and gives them to `take`; an empty slice is the end of the stream.
///
/// One task at a time may read a stream. `take` must not read another one: the buffer is lent to
/// it.
///
/// # Errors
/// What the socket reports, such as a reset.
pub async fn read<T>(stream: &Stream, take: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
    loop {
        // Unlike `readable()` this needs no place in a list of waiters.
        poll_fn(|context| stream.poll_read_ready(context)).await?;
        let mut buffer = BUFFER.take();
        if buffer.is_empty() {
            // Lost to a `take` that panicked, or lent to an outer call: correct, though not free.
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

/// Reads once. A read that does not fill the buffer has emptied the socket: the runtime is told
/// that there is no more for now, which saves the call that would find it out. (The runtime's own
/// readers do the same. A read also stops short at an urgent mark: what lies behind one is read
/// with whatever comes next.)
fn read_now(stream: &Stream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut short = None;
    let full = stream.try_io(|| {
        let len = rustix::io::read(stream, &mut *buffer)?;
        if len == 0 || len == buffer.len() {
            return Ok(len);
        }
        short = Some(len);
        // True, if not what this read returned: the next one would block, until epoll says else.
        Err(ErrorKind::WouldBlock.into())
    });
    short.map_or(full, Ok)
}

/// Writes all of `bytes`.
///
/// # Errors
/// What the socket reports; `TimedOut` when it is not done at `deadline`.
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

/// Writes as much of `bytes` as fits now, and returns how much that was.
///
/// # Errors
/// What the socket reports, except that it is full.
pub fn write_now(stream: &Stream, bytes: &[u8]) -> io::Result<usize> {
    match stream.try_write(bytes) {
        Err(error) if is_transient(&error) => Ok(0),
        done => done,
    }
}

/// Ends our side and reads on, without keeping anything, until the peer has ended its own.
///
/// A socket that is closed while bytes lie unread resets the connection, and what was sent last
/// may never be seen. What goes wrong now is no longer worth a word.
pub async fn close_gently(stream: &Stream, deadline: Deadline) {
    stream.end().ok();
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
