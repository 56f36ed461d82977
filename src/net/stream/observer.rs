//! The interface for code that observes a connection's traffic.

use std::task::{Context, Poll};

/// Receives every byte of a connection in order: received bytes after decryption, sent bytes before
/// encryption.
///
/// The stream calls it between reads and writes, so it must not block; it is asked with
/// [`Self::poll_ready`] when the stream may go on. It has no way to return an error; an observer
/// that fails must store the error, and the connection continues.
pub trait StreamObserver: Send {
    /// Waits until the bytes passed so far are where they must be before more are transferred.
    /// Received bytes are forwarded, and sent bytes reach the socket, only after that.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()>;

    /// Records bytes before the socket gets them. After a reset, the peer may lack the last ones.
    fn sent(&mut self, bytes: &[u8]);

    /// Records bytes received from the peer, before they are forwarded.
    fn received(&mut self, bytes: &[u8]);

    /// Records that `side` sends no more bytes. Called once for each side, even if the relay shuts
    /// down the write side twice; a side that has ended cleanly can still reset the connection,
    /// which is a second end.
    fn ended(&mut self, side: StreamSide, how: SideEnd);
}

/// One of the two sides of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamSide {
    /// sockkit.
    Local,
    /// The peer.
    Peer,
}

/// How a side of a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideEnd {
    /// It shut down its write side without TLS: FIN, or EOF on a Unix socket.
    Fin,
    /// It reset the connection.
    Reset,
    /// It shut down its write side under TLS, after `close_notify`.
    CloseNotify,
    /// It stopped without a clean end or a reset: TLS without `close_notify`, or a Unix socket,
    /// which has no reset, in the middle of a stream.
    Cut,
}
