//! The wire between the two ends of a simulated connection, and its scheduler.

use std::io::{self, ErrorKind, IoSlice, Read as _};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::net::stream::sim::network::{SimKind, WireSide, WireState};
use crate::net::stream::sim::random::Random;
use crate::sync::lock;

/// The wire between two ends.
#[derive(Debug)]
pub(crate) struct Wire {
    state: Mutex<WireState>,
    /// Notified when the scheduler may have something to do.
    work: Notify,
}

impl Wire {
    /// Returns a wire whose scheduler runs in a task of the current runtime.
    pub(super) fn start(random: &mut Random, kind: SimKind) -> Arc<Self> {
        let mut random = random.split();
        let sides = [(); 2].map(|()| WireSide::new(&mut random));
        let state = Mutex::new(WireState { kind, random, sides });
        let this = Arc::new(Self { state, work: Notify::new() });
        tokio::spawn(Arc::clone(&this).carry());
        this
    }

    pub(super) fn state(&self) -> MutexGuard<'_, WireState> {
        lock(&self.state)
    }

    /// Moves bytes, acknowledgements and ends while there are any.
    async fn carry(self: Arc<Self>) {
        loop {
            let next = self.state().next_step();
            match next {
                None => self.work.notified().await,
                Some(at) => tokio::select! {
                    biased;
                    () = tokio::time::sleep_until(at) => self.state().step(),
                    // What is to be done may be due earlier now.
                    () = self.work.notified() => {}
                },
            }
        }
    }

    pub(super) fn poll_read_ready(
        &self,
        side: usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let state = &mut *self.state();
        let is_ready = state.is_readable(side);
        let this = &mut state.sides[side];
        if is_ready && !state.random.one_in(4) || state.random.one_in(30) {
            return Poll::Ready(Ok(()));
        }
        this.reader = Some(context.waker().clone());
        this.reader_is_due |= is_ready;
        self.work.notify_one();
        Poll::Pending
    }

    pub(super) fn poll_write_ready(
        &self,
        side: usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let state = &mut *self.state();
        let is_ready = state.is_writable(side);
        let this = &mut state.sides[side];
        if is_ready && !state.random.one_in(4) || state.random.one_in(30) {
            return Poll::Ready(Ok(()));
        }
        this.writer = Some(context.waker().clone());
        this.writer_is_due |= is_ready;
        self.work.notify_one();
        Poll::Pending
    }

    pub(super) fn read(&self, side: usize, buffer: &mut [u8]) -> io::Result<usize> {
        let state = &mut *self.state();
        if state.random.one_in(16) {
            return Err(ErrorKind::Interrupted.into());
        }
        let len = state.sides[side].received.len().min(buffer.len());
        let len = state.random.part(len);
        let this = &mut state.sides[side];
        if len > 0 {
            this.received.read_exact(&mut buffer[..len])?;
            this.note_traffic();
            this.reads += 1;
            if state.kind == SimKind::Unix {
                state.sides[1 - side].wake_writer();
            }
            self.work.notify_one();
            return Ok(len);
        }
        if !this.received.is_empty() || state.sides[1 - side].fin_arrived {
            return Ok(0);
        }
        let this = &mut state.sides[side];
        match this.error.take() {
            Some(error) => Err(error.into()),
            None if this.is_dead => Ok(0),
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }

    pub(super) fn write(&self, side: usize, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let state = &mut *self.state();
        if state.random.one_in(16) {
            return Err(ErrorKind::Interrupted.into());
        }
        let room = state.room(side);
        let this = &mut state.sides[side];
        if let Some(error) = this.error.take() {
            return Err(error.into());
        }
        if this.is_dead || this.fin.is_some() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let all: usize = pieces.iter().map(|piece| piece.len()).sum();
        if all == 0 {
            return Ok(0);
        }
        let len = state.random.part(room.min(all));
        if len == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let this = &mut state.sides[side];
        let mut rest = len;
        for piece in pieces {
            let piece = &piece[..piece.len().min(rest)];
            this.sending.extend(piece);
            rest -= piece.len();
        }
        this.accepted += len as u64;
        this.note_traffic();
        if state.kind == SimKind::Unix {
            state.deliver(side, len);
        }
        self.work.notify_one();
        Ok(len)
    }

    pub(super) fn shut_down(&self, side: usize) -> io::Result<()> {
        let state = &mut *self.state();
        let this = &mut state.sides[side];
        if this.is_dead && state.kind == SimKind::Tcp {
            return Err(ErrorKind::ConnectionReset.into());
        }
        this.resets_on_close = false;
        this.fin.get_or_insert_with(Instant::now);
        state.deliver_fin_of_unix(side);
        self.work.notify_one();
        Ok(())
    }

    pub(super) fn unacknowledged(&self, side: usize) -> io::Result<u64> {
        let state = &mut *self.state();
        if let Some(error) = state.sides[side].error.take() {
            return Err(error.into());
        }
        let bytes = state.unacknowledged(side);
        if bytes > 0 && state.sides[side].is_dead {
            return Err(ErrorKind::ConnectionReset.into());
        }
        Ok(bytes)
    }

    pub(super) fn acknowledged(&self, side: usize) -> Option<u64> {
        let state = self.state();
        let this = &state.sides[side];
        let extra = u64::from(this.counts_syn) + u64::from(this.fin_acknowledged);
        (state.kind == SimKind::Tcp).then_some(this.acknowledged + extra)
    }

    pub(super) fn close(&self, side: usize) {
        let state = &mut *self.state();
        let this = &mut state.sides[side];
        this.is_closed = true;
        // Bytes that were not read make close(2) reset the connection.
        let resets = match state.kind {
            SimKind::Tcp => this.resets_on_close || !this.received.is_empty(),
            SimKind::Unix => !this.received.is_empty(),
        };
        if this.is_dead {
            return;
        }
        if resets {
            this.sending.clear();
            this.reset = true;
        } else {
            this.fin.get_or_insert_with(Instant::now);
            state.deliver_fin_of_unix(side);
        }
        self.work.notify_one();
    }

    /// Makes this end acknowledge nothing for `time`.
    pub(crate) fn stall(&self, side: usize, time: Duration) {
        self.state().sides[side].stalled_until = Some(Instant::now() + time);
    }

    /// Makes the sockets hold at most `capacity` bytes in each direction.
    pub(crate) fn resize(&self, capacity: usize) {
        for side in &mut self.state().sides {
            (side.send_capacity, side.receive_capacity) = (capacity, capacity);
        }
    }

    /// Returns everything that has arrived from this end at the other.
    pub(crate) fn arrived(&self, side: usize) -> Vec<u8> {
        self.state().sides[side].arrived.clone()
    }

    /// Returns whether everything that the socket accepted has arrived at the other end.
    pub(crate) fn has_everything_arrived(&self, side: usize) -> bool {
        let this = &self.state().sides[side];
        this.accepted == this.arrived.len() as u64
    }

    /// Returns whether FIN has arrived at the other end.
    pub(crate) fn has_fin_arrived(&self, side: usize) -> bool {
        self.state().sides[side].fin_arrived
    }

    /// Returns when FIN was queued.
    pub(crate) fn fin(&self, side: usize) -> Option<Instant> {
        self.state().sides[side].fin
    }

    /// Returns when this end last read or wrote a byte, or got an acknowledgement.
    pub(crate) fn last_traffic(&self, side: usize) -> Instant {
        self.state().sides[side].last_traffic
    }

    /// Returns how many reads of this end have returned bytes.
    pub(crate) fn reads(&self, side: usize) -> u64 {
        self.state().sides[side].reads
    }
}
