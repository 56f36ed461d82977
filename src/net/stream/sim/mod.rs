//! Simulated stream sockets for tests: two byte queues under a seeded scheduler.
//!
//! At each poll the scheduler decides whether the socket is ready, how many bytes pass, and whether
//! a call is interrupted (EINTR); between polls it decides when bytes, FIN and a reset arrive and
//! when bytes count as acknowledged. Everything runs on one thread with a paused clock, so a seed
//! always produces the same run.

mod network;
mod peer;
mod random;
mod schedule;
pub(crate) mod tls;
mod wire;

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};

pub(crate) use self::network::{SMALLEST, SimKind};
pub(crate) use self::peer::{PeerEnd, PeerOutcome, PeerReads, PeerScript, SharedStream, pattern};
pub(crate) use self::random::Random;
pub(crate) use self::schedule::{count, is_whole_run, note, run_schedules};
pub(crate) use self::wire::Wire;
use crate::net::address::addr::Addr;
use crate::net::stream::Stream;
use crate::net::stream::socket::{DetachedSocket, Socket};

/// One end of a simulated connection; dropping it closes the end, as close(2) does.
#[derive(Debug)]
pub struct SimSocket {
    wire: Arc<Wire>,
    side: usize,
}

/// The side of the code under test.
pub(crate) const NEAR: usize = 0;

/// The side of the scripted peer.
pub(crate) const FAR: usize = 1;

/// Returns the near and the far end of a new connection, and the wire between them.
pub(crate) fn pair(random: &mut Random, kind: SimKind) -> (SimSocket, SimSocket, Arc<Wire>) {
    let wire = Wire::start(random, kind);
    let [near, far] = [NEAR, FAR].map(|side| SimSocket { wire: Arc::clone(&wire), side });
    (near, far, wire)
}

impl SimSocket {
    /// Returns the socket as the accept loop accepts it.
    pub(crate) fn detached(self) -> DetachedSocket {
        DetachedSocket::Sim(self)
    }

    /// Returns a stream on this socket.
    pub(crate) fn into_stream(self) -> Stream {
        Stream::new(Socket::Sim(self))
    }

    pub(in crate::net) fn local_addr() -> Addr {
        Addr::Net(([127, 0, 0, 1], 1).into())
    }

    pub(super) fn take_error(&self) -> Option<io::Error> {
        self.wire.state().sides[self.side].error.take().map(io::Error::from)
    }

    pub(super) fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_read_ready(self.side, context)
    }

    pub(super) fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_write_ready(self.side, context)
    }

    pub(super) fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wire.read(self.side, buffer)
    }

    pub(super) fn write_now(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.wire.write(self.side, pieces)
    }

    pub(super) fn shut_down_write(&self) -> io::Result<()> {
        self.wire.shut_down(self.side)
    }

    pub(super) fn reset_on_close(&self) {
        self.wire.state().sides[self.side].resets_on_close = true;
    }

    pub(super) fn unacknowledged(&self) -> io::Result<u64> {
        self.wire.unacknowledged(self.side)
    }

    pub(super) fn unacknowledged_at_last(&self) -> u64 {
        self.wire.state().unacknowledged(self.side)
    }

    pub(super) fn acknowledged(&self) -> Option<u64> {
        self.wire.acknowledged(self.side)
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        self.wire.close(self.side);
    }
}
