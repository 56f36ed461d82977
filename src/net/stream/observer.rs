//! A place to see what passes over a connection, as it passes.

/// Gets every byte of a connection in the order it passes, after TLS is taken off and before it
/// is put on.
///
/// It is called where bytes move, so it must not wait for the peer. What it cannot do with them
/// it has to remember: the conversation goes on.
pub trait StreamObserver: Send {
    /// Takes note of bytes the socket took from us.
    fn sent(&mut self, bytes: &[u8]);

    /// Takes note of bytes the peer sent.
    fn received(&mut self, bytes: &[u8]);
}
