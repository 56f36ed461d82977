//! What a stream can have in addition to its socket: TLS, an observer, and the start of the
//! received data. Bytes pass through them in the order socket, TLS, observer.

use std::io::{self, ErrorKind};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use crate::net::stream::observer::{SideEnd, StreamObserver, StreamSide};
use crate::net::stream::tls_session::TlsSession;

/// The first received bytes that are kept to recognize a TLS record.
const MAX_HEAD: usize = 8;

/// What a stream has in addition to its socket.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) tls: Option<TlsSession>,
    pub(super) observer: Option<Box<dyn StreamObserver>>,
    /// How many of the next bytes to send the observer has seen already: it sees bytes before the
    /// socket gets them, and the socket may accept only some.
    pub(super) observed_ahead: usize,
    /// Whether the peer's end was passed to the observer.
    pub(super) peer_ended: bool,
    pub(super) start: Option<StreamStart>,
    /// Whether EOF without `close_notify` ends the received data like EOF with it.
    pub(super) accepts_missing_close_notify: bool,
}

/// The start of the received data.
#[derive(Debug, Default)]
pub(super) struct StreamStart {
    /// When the first byte was received.
    pub(super) time: Option<Instant>,
    /// The first bytes, at most [`MAX_HEAD`].
    pub(super) head: Vec<u8>,
}

impl Layers {
    /// Passes the bytes that the observer has not seen to it, and waits until it is ready.
    pub(super) fn poll_observe_sending(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<()> {
        let Some(observer) = &mut self.observer else { return Poll::Ready(()) };
        if let Some(fresh @ [_, ..]) = bytes.get(self.observed_ahead..) {
            ready!(observer.poll_ready(context));
            observer.sent(fresh);
            self.observed_ahead = bytes.len();
        }
        observer.poll_ready(context)
    }

    /// Passes the outcome of a read through the layers above TLS.
    pub(super) fn received(&mut self, read: io::Result<usize>, buffer: &[u8]) -> io::Result<usize> {
        let how = match &read {
            Ok(1..) => None,
            Ok(0) if self.tls.is_some() => Some(SideEnd::CloseNotify),
            Ok(0) => Some(SideEnd::Fin),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Some(SideEnd::Reset),
            Err(_) => Some(SideEnd::Cut),
        };
        if let (Some(how), Some(observer)) = (how, &mut self.observer)
            && !std::mem::replace(&mut self.peer_ended, true)
        {
            observer.ended(StreamSide::Peer, how);
        }
        let len = match read {
            // No socket reports this kind: it is how rustls reports a missing `close_notify`.
            Err(error)
                if self.accepts_missing_close_notify
                    && error.kind() == ErrorKind::UnexpectedEof =>
            {
                0
            }
            read => read?,
        };
        let fresh = buffer.get(..len).unwrap_or_default();
        if let (Some(start), [_, ..]) = (&mut self.start, fresh) {
            start.time.get_or_insert_with(Instant::now);
            let missing = MAX_HEAD.saturating_sub(start.head.len());
            start.head.extend(fresh.iter().take(missing));
        }
        if let (Some(observer), [_, ..]) = (&mut self.observer, fresh) {
            observer.received(fresh);
        }
        Ok(len)
    }
}
