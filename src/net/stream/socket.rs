//! A connected stream socket: TCP or Unix.
//!
//! It reads, writes and ends the bytes of the connection without waiting, and reports what the
//! kernel knows about them. It knows neither TLS nor observers.

use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::net::address::addr::Addr;
use crate::net::error::is_transient;
#[cfg(test)]
use crate::net::stream::sim::SimSocket;
use crate::sys::{self, TcpInfo};

/// A connected stream socket that is registered with a runtime.
#[derive(Debug)]
pub enum Socket {
    /// TCP.
    Tcp(AsyncFd<OwnedFd>),
    /// A Unix stream socket.
    Unix(AsyncFd<OwnedFd>),
    /// A simulated socket, in tests.
    #[cfg(test)]
    Sim(SimSocket),
}

/// In tests, returns from the function with the result of a simulated socket. The rest of the
/// function is for the sockets of the kernel.
macro_rules! simulated {
    ($this:expr, $socket:ident => $call:expr) => {
        #[cfg(test)]
        if let Socket::Sim($socket) = $this {
            return $call;
        }
    };
}

impl Socket {
    /// Returns the local address.
    ///
    /// # Errors
    /// `getsockname` failed.
    pub(super) fn local_addr(&self) -> io::Result<Addr> {
        simulated!(self, _socket => Ok(SimSocket::local_addr()));
        local_addr(self.kernel())
    }

    /// Returns and clears the pending error (`SO_ERROR`).
    ///
    /// # Errors
    /// `getsockopt` failed.
    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        simulated!(self, socket => Ok(socket.take_error()));
        SockRef::from(self.kernel()).take_error()
    }

    /// Waits until the socket is readable, at its end or failed.
    pub(super) fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        simulated!(self, socket => socket.poll_read_ready(context));
        self.kernel().poll_read_ready(context).map_ok(drop)
    }

    /// Waits until the socket is writable or failed.
    pub(super) fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        simulated!(self, socket => socket.poll_write_ready(context));
        self.kernel().poll_write_ready(context).map_ok(drop)
    }

    /// Waits for bytes and reads once; returns 0 at the end.
    pub(super) fn poll_read(
        &self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_read_ready(context))?;
            match self.read_now(buffer) {
                Err(error) if is_transient(&error) => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Waits until the socket accepts bytes, and writes once.
    pub(super) fn poll_write(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(context))?;
            match self.write_now(&[IoSlice::new(bytes)]) {
                Err(error) if is_transient(&error) => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Reads once, without waiting. A read that does not fill the buffer has emptied the socket:
    /// the runtime's readiness is cleared at once, which saves a read that would return `EAGAIN`.
    /// (tokio's own readers do the same. A read also stops short at an urgent mark; the bytes after
    /// it are read when the next ones arrive.)
    pub(super) fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        simulated!(self, socket => socket.read_now(buffer));
        let mut short = None;
        let full = self.try_io(Interest::READABLE, || {
            let (len, _) = recv(self.kernel(), &mut *buffer, RecvFlags::empty())?;
            if len == 0 || len == buffer.len() {
                return Ok(len);
            }
            short = Some(len);
            // Makes `try_io` clear the readiness; the caller gets `short`.
            Err(ErrorKind::WouldBlock.into())
        });
        short.map_or(full, Ok)
    }

    /// Writes once, without waiting. After a short write the socket is full, so the readiness is
    /// cleared as in [`Self::read_now`].
    pub(super) fn write_now(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        simulated!(self, socket => socket.write_now(pieces));
        let all: usize = pieces.iter().map(|piece| piece.len()).sum();
        let mut short = None;
        let full = self.try_io(Interest::WRITABLE, || {
            let len = match pieces {
                [piece] => send(self.kernel(), piece, SendFlags::NOSIGNAL)?,
                pieces => rustix::io::writev(self.kernel(), pieces)?,
            };
            if len == all {
                return Ok(len);
            }
            short = Some(len);
            Err(ErrorKind::WouldBlock.into())
        });
        short.map_or(full, Ok)
    }

    /// Shuts down the write side (`shutdown(SHUT_WR)`). From then on, closing the socket does not
    /// reset the connection, so that the kernel still sends what it holds.
    ///
    /// # Errors
    /// `ConnectionReset` if the peer has reset the connection.
    pub(super) fn shut_down_write(&self) -> io::Result<()> {
        simulated!(self, socket => socket.shut_down_write());
        let kernel = SockRef::from(self.kernel());
        kernel.set_linger(None)?;
        kernel.shutdown(Shutdown::Write).map_err(|error| {
            // After a reset, shutdown(2) fails with ENOTCONN.
            let is_reset = error.kind() == ErrorKind::NotConnected;
            if is_reset { ErrorKind::ConnectionReset.into() } else { error }
        })
    }

    /// Makes close(2) reset the connection, even after FIN.
    ///
    /// # Errors
    /// `setsockopt` failed.
    pub(super) fn reset_on_close(&self) -> io::Result<()> {
        simulated!(self, socket => {
            socket.reset_on_close();
            Ok(())
        });
        reset_on_close(self.kernel())
    }

    /// Returns how many accepted bytes the peer's TCP has not acknowledged; a FIN counts as one
    /// byte. A Unix socket delivers bytes when it accepts them, so it has none.
    ///
    /// # Errors
    /// The connection failed; `ConnectionReset` if the peer reset it.
    pub(super) fn unacknowledged(&self) -> io::Result<u64> {
        simulated!(self, socket => socket.unacknowledged());
        if let Some(error) = self.take_error()? {
            return Err(error);
        }
        let Self::Tcp(socket) = self else { return Ok(0) };
        let bytes = sys::unacknowledged(socket)?;
        if bytes == 0 || sys::tcp_info(socket).is_ok_and(|info| !info.is_closed()) {
            return Ok(u64::from(bytes));
        }
        // A connection that has ended is acknowledged now, unless the peer has reset it: then the
        // counter keeps its last value.
        match sys::unacknowledged(socket)? {
            0 => Ok(0),
            _ => Err(ErrorKind::ConnectionReset.into()),
        }
    }

    /// Returns the last value of [`Self::unacknowledged`], even if the connection has failed.
    pub(super) fn unacknowledged_at_last(&self) -> u64 {
        simulated!(self, socket => socket.unacknowledged_at_last());
        let Self::Tcp(socket) = self else { return 0 };
        sys::unacknowledged(socket).map_or(u64::MAX, u64::from)
    }

    /// Returns how many bytes the peer's TCP has acknowledged; `None` if the kernel does not count
    /// them, as for a Unix socket.
    pub(super) fn acknowledged(&self) -> Option<u64> {
        simulated!(self, socket => socket.acknowledged());
        let Self::Tcp(socket) = self else { return None };
        sys::tcp_info(socket).ok()?.bytes_acked
    }

    /// Returns the kernel's statistics of the connection.
    ///
    /// # Errors
    /// The socket is not a TCP socket.
    pub(super) fn tcp_info(&self) -> io::Result<TcpInfo> {
        simulated!(self, _socket => Err(ErrorKind::Unsupported.into()));
        sys::tcp_info(self.kernel())
    }

    /// Sets TCP keepalive.
    ///
    /// # Errors
    /// The socket is not a TCP socket, or the system does not support an option.
    pub(super) fn set_keepalive(&self, keepalive: &TcpKeepalive) -> io::Result<()> {
        simulated!(self, _socket => Err(ErrorKind::Unsupported.into()));
        SockRef::from(self.kernel()).set_tcp_keepalive(keepalive)
    }

    /// Makes the kernel acknowledge what arrives next at once, if the system supports that.
    pub(super) fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        if let Self::Tcp(socket) = self {
            // Without it, the peer only waits longer.
            SockRef::from(socket).set_tcp_quickack(true).ok();
        }
    }

    fn try_io<R>(&self, interest: Interest, io: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.kernel().try_io(interest, |_| io())
    }

    /// Returns the registration of a socket of the kernel.
    fn kernel(&self) -> &AsyncFd<OwnedFd> {
        match self {
            Self::Tcp(socket) | Self::Unix(socket) => socket,
            #[cfg(test)]
            Self::Sim(_) => unreachable!("a simulated socket is not one of the kernel"),
        }
    }
}

/// A connected socket that is registered with no runtime; non-blocking.
#[derive(Debug)]
pub enum DetachedSocket {
    /// TCP.
    Tcp(OwnedFd),
    /// A Unix stream socket.
    Unix(OwnedFd),
    /// A simulated socket, in tests.
    #[cfg(test)]
    Sim(SimSocket),
}

impl DetachedSocket {
    /// Registers the socket with the current runtime.
    ///
    /// From now on, closing it resets the connection, until [`Socket::shut_down_write`] ends its
    /// bytes. Whatever ends a handler or sockkit itself, even SIGKILL, the peer never takes a part
    /// of a stream for all of it.
    ///
    /// # Errors
    /// The runtime cannot register it.
    pub(in crate::net) fn attach(self) -> io::Result<Socket> {
        match self {
            Self::Tcp(socket) => {
                // Fails only if the kernel has no such socket any more.
                reset_on_close(&socket).ok();
                Ok(Socket::Tcp(sys::register(socket)?))
            }
            // A Unix socket has no reset.
            Self::Unix(socket) => Ok(Socket::Unix(sys::register(socket)?)),
            #[cfg(test)]
            Self::Sim(socket) => Ok(Socket::Sim(socket)),
        }
    }
}

impl AsFd for DetachedSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) | Self::Unix(socket) => socket.as_fd(),
            #[cfg(test)]
            Self::Sim(_) => unreachable!("a simulated socket is not one of the kernel"),
        }
    }
}

/// Makes close(2) discard unsent bytes and send a reset instead of FIN (`SO_LINGER` of zero). A
/// Unix socket has no reset: its peer sees EOF.
///
/// # Errors
/// `setsockopt` failed.
pub(in crate::net) fn reset_on_close(socket: &impl AsFd) -> io::Result<()> {
    SockRef::from(socket).set_linger(Some(Duration::ZERO))
}

/// Returns the local address of `socket`.
///
/// # Errors
/// `getsockname` failed.
pub(in crate::net) fn local_addr(socket: &impl AsFd) -> io::Result<Addr> {
    let addr = SockRef::from(socket).local_addr()?;
    Ok(match (addr.as_socket(), addr.as_unix()) {
        (Some(addr), _) => Addr::canonical(addr),
        (None, Some(addr)) => Addr::of_unix(&addr),
        (None, None) => Addr::unnamed(),
    })
}
