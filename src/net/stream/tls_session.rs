//! TLS on a socket: the handshake, and the encrypted bytes in both directions.
//!
//! One task polls both directions. A read first returns the bytes that are decrypted already,
//! because the readiness of the socket says nothing about them.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read as _, Write};
use std::task::{Context, Poll, ready};

use rustls::{CommonState, Connection};

use crate::net::error::is_transient;
use crate::net::stream::socket::Socket;

/// How many of the peer's first bytes are kept during the handshake: enough for the greeting of a
/// peer that does not use TLS, and one line of an error.
const MAX_FIRST_BYTES: usize = 64;

/// The state of TLS on one socket.
pub(super) struct TlsSession {
    connection: Connection,
    /// The first bytes received, until the handshake is complete.
    first: Vec<u8>,
    /// Why receiving failed, until what was decrypted before is read.
    read_failure: Option<io::Error>,
    /// Why a write failed that no caller waited for. The kernel reports an error such as a reset
    /// only once; the next read then looks like EOF.
    write_failure: Option<io::Error>,
    /// How many bytes the socket has accepted.
    sent: u64,
    /// The value of `sent` before `close_notify`, once that is queued.
    sent_before_end: Option<u64>,
    /// The count of acknowledged bytes when everything sent before TLS was acknowledged.
    acknowledged_before: u64,
}

impl TlsSession {
    /// Returns a session whose handshake has not begun, on a socket whose acknowledged bytes are
    /// counted from `acknowledged_before`.
    pub(super) fn new(connection: Connection, acknowledged_before: u64) -> Self {
        Self {
            connection,
            first: Vec::new(),
            read_failure: None,
            write_failure: None,
            sent: 0,
            sent_before_end: None,
            acknowledged_before,
        }
    }

    /// Returns whether everything before `close_notify` is acknowledged, if the kernel has counted
    /// `acknowledged` bytes.
    pub(super) fn is_acknowledged(&self, acknowledged: u64) -> bool {
        let sent = self.sent_before_end.unwrap_or(self.sent);
        acknowledged.checked_sub(self.acknowledged_before).is_some_and(|count| count >= sent)
    }

    /// Returns the negotiated parameters.
    pub(super) fn state(&self) -> &CommonState {
        &self.connection
    }

    /// Returns the name that the client sent (SNI), if this side is the server.
    pub(super) fn server_name(&self) -> Option<&str> {
        match &self.connection {
            Connection::Client(_) => None,
            Connection::Server(server) => server.server_name(),
        }
    }

    /// Returns the first bytes that the peer sent during the handshake.
    pub(super) fn first_bytes(&self) -> &[u8] {
        &self.first
    }

    /// Returns whether records wait until the socket accepts them.
    pub(super) fn has_unsent(&self) -> bool {
        self.connection.wants_write()
    }

    /// Performs the handshake.
    pub(super) fn poll_handshake(
        &mut self,
        socket: &Socket,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let flushed = self.poll_flush(socket, context)?;
            if !self.connection.is_handshaking() {
                ready!(flushed);
                self.first = Vec::new();
                return Poll::Ready(Ok(()));
            }
            // The peer may send before it reads, so a full socket must not stop the reads.
            if ready!(self.poll_receive(socket, context))? == 0 {
                return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Waits for decrypted bytes, and reads them and those of the next records that have arrived,
    /// as far as they fit; returns 0 after `close_notify`. An error follows the bytes before it.
    ///
    /// The error is `UnexpectedEof` if the peer has closed without `close_notify`, and
    /// `InvalidData` with a [`rustls::Error`] if it broke the protocol.
    pub(super) fn poll_read(
        &mut self,
        socket: &Socket,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut len = ready!(self.poll_read_once(socket, context, buffer))?;
        // One record has at most 16 KiB, and whatever becomes of the bytes costs a system call.
        while len > 0 && len < buffer.len() {
            match self.poll_read_once(socket, context, &mut buffer[len..]) {
                Poll::Ready(Ok(more)) if more > 0 => len += more,
                Poll::Ready(Err(error)) => {
                    self.read_failure = Some(error);
                    break;
                }
                _ => break,
            }
        }
        Poll::Ready(Ok(len))
    }

    fn poll_read_once(
        &mut self,
        socket: &Socket,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    let failure = self.read_failure.take().or_else(|| self.write_failure.take());
                    return Poll::Ready(Err(failure.unwrap_or(error)));
                }
                done => return Poll::Ready(done),
            }
            if let Some(error) = self.read_failure.take() {
                return Poll::Ready(Err(error));
            }
            if let Err(error) = ready!(self.poll_receive(socket, context)) {
                self.read_failure = Some(error);
            }
        }
    }

    /// Reads from the socket once and decrypts what arrived; returns 0 at EOF.
    fn poll_receive(
        &mut self,
        socket: &Socket,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(socket.poll_read_ready(context))?;
            let first = self.connection.is_handshaking().then_some(&mut self.first);
            let len = match self.connection.read_tls(&mut SocketReader { socket, first }) {
                Err(error) if is_transient(&error) => continue,
                len => len?,
            };
            if let Err(error) = self.connection.process_new_packets() {
                // The alert that tells the peer why. If it cannot be sent, the error is the same.
                self.flush_now(socket).ok();
                return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, error)));
            }
            // A reply to the peer's TLS, such as to its update of the keys. If the socket is full,
            // the next write sends it. If it fails, so does the next write; what was decrypted must
            // still be read.
            if let Err(error) = self.flush_now(socket) {
                self.write_failure = Some(error);
            }
            return Poll::Ready(Ok(len));
        }
    }

    /// Encrypts `bytes` as far as there is space, and sends what the socket accepts; waits only if
    /// there is no space.
    pub(super) fn poll_write(
        &mut self,
        socket: &Socket,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let len = self.write_now(socket, bytes)?;
            if len > 0 || bytes.is_empty() {
                return Poll::Ready(Ok(len));
            }
            ready!(socket.poll_write_ready(context))?;
        }
    }

    /// Encrypts `bytes` as far as there is space, and sends what the socket accepts, without
    /// waiting; returns how many bytes are encrypted.
    pub(super) fn write_now(&mut self, socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
        self.flush_now(socket)?;
        let len = self.connection.writer().write(bytes)?;
        self.flush_now(socket)?;
        Ok(len)
    }

    /// Sends all records.
    pub(super) fn poll_flush(
        &mut self,
        socket: &Socket,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.flush_now(socket)? {
            ready!(socket.poll_write_ready(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends the remaining records and queues `close_notify`, which ends the bytes of this side.
    pub(super) fn poll_end(
        &mut self,
        socket: &Socket,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.sent_before_end.is_none() {
            ready!(self.poll_flush(socket, context))?;
            self.sent_before_end = Some(self.sent);
            self.connection.send_close_notify();
        }
        self.poll_flush(socket, context)
    }

    /// Sends records as far as the socket accepts them; returns whether none is left.
    fn flush_now(&mut self, socket: &Socket) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut SocketWriter(socket)) {
                Ok(len) => self.sent += len as u64,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession").finish_non_exhaustive()
    }
}

/// Reads from the socket for rustls, and keeps the first bytes.
struct SocketReader<'a> {
    socket: &'a Socket,
    first: Option<&'a mut Vec<u8>>,
}

impl io::Read for SocketReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.socket.read_now(buffer)?;
        if let Some(first) = &mut self.first {
            let room = MAX_FIRST_BYTES.saturating_sub(first.len());
            first.extend(buffer.iter().take(len).take(room));
        }
        Ok(len)
    }
}

/// Writes to the socket for rustls.
struct SocketWriter<'a>(&'a Socket);

impl Write for SocketWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_now(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_now(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
