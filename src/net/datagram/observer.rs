//! The interface for code that observes datagrams.

use std::task::{Context, Poll};

/// Receives every datagram of an exchange in order.
///
/// The exchange calls it between receiving and sending, so it must not block; it is asked with
/// [`Self::poll_ready`] when the exchange may go on. An observer that fails must store the error,
/// and the exchange continues.
pub trait DatagramObserver: Send {
    /// Waits until the datagrams passed so far are where they must be before more are transferred.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()>;

    /// Records a datagram that was sent to `peer`.
    fn sent(&mut self, peer: &str, datagram: &[u8]);

    /// Records a datagram that `peer` sent, before it is forwarded.
    fn received(&mut self, peer: &str, datagram: &[u8]);
}
