//! The interface for code that observes a connection's traffic.

/// Receives every byte of a connection in order: received bytes after decryption, sent bytes before
/// encryption.
///
/// The relay calls it between reads and writes, so it must not wait for the peer. It has no way to
/// return an error; an observer that fails must store the error, and the connection continues.
pub trait StreamObserver: Send {
    /// Records bytes that the socket has accepted.
    fn sent(&mut self, bytes: &[u8]);

    /// Records bytes received from the peer.
    fn received(&mut self, bytes: &[u8]);
}
