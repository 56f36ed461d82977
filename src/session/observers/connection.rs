//! The observers of one connection, as the stream or the datagram exchange sees them.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::net::datagram::DatagramObserver;
use crate::net::stream::observer::{SideEnd, StreamObserver, StreamSide};
use crate::output::{Direction, Hexdump, Meter};
use crate::session::recording::Recording;
use crate::session::recording::line::RecordedConnection;
use crate::write_queue::Ticket;

/// The observers of one connection.
pub(super) struct ConnectionObserver {
    conn: u64,
    peer: String,
    hexdump: Option<Hexdump>,
    recording: Option<Recording>,
    /// The last line of this connection in the recording.
    last: Ticket,
    meter: Option<Meter>,
    /// What [`Self::poll_settled`] waits for.
    waiting: Option<Settled>,
}

/// Completes when what was observed is recorded and printed.
type Settled = Pin<Box<dyn Future<Output = ()> + Send>>;

impl ConnectionObserver {
    /// Returns an observer that has observed nothing yet.
    pub(super) fn new(
        conn: u64,
        peer: &str,
        hexdump: Option<Hexdump>,
        recording: Option<Recording>,
        meter: Option<Meter>,
    ) -> Self {
        let (peer, last) = (peer.to_owned(), Ticket::default());
        Self { conn, peer, hexdump, recording, last, meter, waiting: None }
    }

    /// Sets the peer of the next datagram.
    fn set_peer(&mut self, peer: &str) {
        peer.clone_into(&mut self.peer);
        if let Some(hexdump) = &mut self.hexdump {
            hexdump.begin_datagram(peer);
        }
    }

    /// Waits until what was observed is recorded and printed, as far as it must be.
    fn poll_settled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.recording.is_none() && self.hexdump.is_none() {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.take().unwrap_or_else(|| self.settled());
        let settled = waiting.as_mut().poll(context);
        if settled.is_pending() {
            self.waiting = Some(waiting);
        }
        settled
    }

    fn observe(&mut self, direction: Direction, bytes: &[u8]) {
        let connection = RecordedConnection { conn: self.conn, peer: &self.peer };
        if let Some(recording) = &self.recording {
            self.last = recording.data(connection, direction, bytes);
        }
        if let Some(hexdump) = &mut self.hexdump {
            hexdump.show(direction, bytes);
        }
        if let Some(meter) = &self.meter {
            meter.advance(direction, bytes.len());
        }
    }

    fn settled(&self) -> Settled {
        let recorded = self.recording.as_ref().map(|recording| recording.ready(self.last));
        let printed = self.hexdump.as_ref().map(Hexdump::printed);
        Box::pin(async move {
            if let Some(recorded) = recorded {
                recorded.await;
            }
            if let Some(printed) = printed {
                printed.await;
            }
        })
    }
}

impl StreamObserver for ConnectionObserver {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_settled(context)
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.observe(Direction::Out, bytes);
    }

    fn received(&mut self, bytes: &[u8]) {
        self.observe(Direction::In, bytes);
    }

    fn ended(&mut self, side: StreamSide, how: SideEnd) {
        let connection = RecordedConnection { conn: self.conn, peer: &self.peer };
        if let Some(recording) = &self.recording {
            recording.ended(connection, side, how);
        }
    }
}

impl DatagramObserver for ConnectionObserver {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_settled(context)
    }

    fn sent(&mut self, peer: &str, datagram: &[u8]) {
        self.set_peer(peer);
        self.observe(Direction::Out, datagram);
    }

    fn received(&mut self, peer: &str, datagram: &[u8]) {
        self.set_peer(peer);
        self.observe(Direction::In, datagram);
    }
}
