//! The wire between the two ends of a simulated connection, and its scheduler.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read as _};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::net::stream::sim::random::Random;
use crate::sync::lock;

/// The smallest number of bytes that a socket holds in one direction.
pub(crate) const SMALLEST: usize = 100;

/// What a simulated connection behaves like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SimKind {
    /// A TCP connection.
    Tcp,
    /// A Unix socket: bytes arrive at once, there is no reset, and nothing counts acknowledgements.
    Unix,
}

/// The wire between two ends.
#[derive(Debug)]
pub(crate) struct Wire {
    state: Mutex<WireState>,
    /// Notified when the scheduler may have something to do.
    work: Notify,
}

#[derive(Debug)]
pub(super) struct WireState {
    kind: SimKind,
    random: Random,
    pub(super) sides: [WireSide; 2],
}

/// What the kernel of one end holds, and the bytes on their way from this end.
#[derive(Debug)]
pub(super) struct WireSide {
    /// Bytes that the socket has accepted and that have not arrived.
    sending: VecDeque<u8>,
    /// Bytes that have arrived at this end and were not read.
    received: VecDeque<u8>,
    /// Everything that has arrived from this end at the other.
    arrived: Vec<u8>,
    /// How many bytes the socket has accepted.
    accepted: u64,
    /// How many of them the other end has acknowledged.
    acknowledged: u64,
    /// Whether SYN counts as an acknowledged byte.
    counts_syn: bool,
    /// When FIN was queued.
    fin: Option<Instant>,
    fin_arrived: bool,
    fin_acknowledged: bool,
    /// Whether a reset is on its way from this end.
    reset: bool,
    /// Whether the connection has failed at this end.
    is_dead: bool,
    /// `SO_ERROR`.
    pub(super) error: Option<ErrorKind>,
    pub(super) resets_on_close: bool,
    is_closed: bool,
    /// How many bytes wait at most to be sent and acknowledged, and to be read.
    send_capacity: usize,
    receive_capacity: usize,
    /// This end acknowledges nothing until then.
    stalled_until: Option<Instant>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Whether a wake-up was put off: a poll returned `Pending` although the socket was ready.
    reader_is_due: bool,
    writer_is_due: bool,
    /// When this end last read or wrote a byte.
    last_traffic: Instant,
    /// How many reads have returned bytes.
    reads: u64,
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

    /// Makes the sockets hold only a few bytes.
    pub(crate) fn shrink(&self) {
        for side in &mut self.state().sides {
            (side.send_capacity, side.receive_capacity) = (SMALLEST, SMALLEST);
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

    /// Returns when this end last read or wrote a byte.
    pub(crate) fn last_traffic(&self, side: usize) -> Instant {
        self.state().sides[side].last_traffic
    }

    /// Returns how many reads of this end have returned bytes.
    pub(crate) fn reads(&self, side: usize) -> u64 {
        self.state().sides[side].reads
    }
}

impl WireState {
    /// Returns how many bytes the socket accepts now.
    fn room(&self, side: usize) -> usize {
        let (this, other) = (&self.sides[side], &self.sides[1 - side]);
        match self.kind {
            SimKind::Tcp => {
                let waiting = usize::try_from(this.accepted - this.acknowledged).unwrap();
                this.send_capacity.saturating_sub(waiting)
            }
            SimKind::Unix => other.receive_capacity.saturating_sub(other.received.len()),
        }
    }

    fn is_readable(&self, side: usize) -> bool {
        let (this, other) = (&self.sides[side], &self.sides[1 - side]);
        !this.received.is_empty() || other.fin_arrived || this.is_dead || this.error.is_some()
    }

    fn is_writable(&self, side: usize) -> bool {
        let this = &self.sides[side];
        this.is_dead || this.error.is_some() || this.fin.is_some() || self.room(side) > 0
    }

    /// Returns how many bytes of this end, FIN included, are not acknowledged.
    pub(super) fn unacknowledged(&self, side: usize) -> u64 {
        let this = &self.sides[side];
        match self.kind {
            SimKind::Tcp => {
                let fin = this.fin.is_some() && !this.fin_acknowledged;
                this.accepted - this.acknowledged + u64::from(fin)
            }
            SimKind::Unix => 0,
        }
    }

    /// Returns when [`Self::step`] must run next; `None` if nothing is on its way.
    fn next_step(&mut self) -> Option<Instant> {
        let is_busy = (0..2).any(|side| self.has_work(side));
        let stalled = (0..2).filter_map(|side| self.stalled_acknowledgement(side)).min();
        if !is_busy {
            return stalled;
        }
        // Mostly a fast network; a slow one now and then.
        let longest = match self.random.below(32) {
            0 => 400,
            1..=3 => 40,
            _ => 2,
        };
        Some(Instant::now() + self.random.pause(Duration::from_millis(longest)))
    }

    /// Returns when the other end acknowledges the next bytes, if it only waits for that.
    fn stalled_acknowledgement(&self, side: usize) -> Option<Instant> {
        self.owes_acknowledgement(side).then(|| self.sides[1 - side].stalled_until).flatten()
    }

    /// Returns whether bytes or FIN of this end have arrived and are not acknowledged.
    fn owes_acknowledgement(&self, side: usize) -> bool {
        let (this, other) = (&self.sides[side], &self.sides[1 - side]);
        let is_alive = !this.is_dead && self.kind == SimKind::Tcp && !other.is_dead;
        let fin = this.fin_arrived && !this.fin_acknowledged;
        is_alive && ((this.arrived.len() as u64) > this.acknowledged || fin)
    }

    fn is_stalled(&self, side: usize) -> bool {
        self.sides[1 - side].stalled_until.is_some_and(|until| until > Instant::now())
    }

    fn has_work(&self, side: usize) -> bool {
        let (this, other) = (&self.sides[side], &self.sides[1 - side]);
        let is_alive = !this.is_dead && !other.is_dead;
        let moves = !this.sending.is_empty()
            && (other.is_closed || other.received.len() < other.receive_capacity);
        let ends = this.sending.is_empty() && this.fin.is_some() && !this.fin_arrived;
        let wakes = this.reader_is_due || this.writer_is_due;
        let acknowledges = self.owes_acknowledgement(side) && !self.is_stalled(side);
        wakes || this.reset || is_alive && (moves || ends || acknowledges)
    }

    /// Carries some of what is on its way, and wakes some of the tasks that wait.
    fn step(&mut self) {
        for side in 0..2 {
            if self.sides[side].reset && self.random.one_in(2) {
                self.sides[side].reset = false;
                self.sides[side].is_dead = true;
                self.fail(1 - side);
            }
            if !self.random.one_in(4) {
                self.carry_from(side);
            }
            if !self.is_stalled(side) && self.owes_acknowledgement(side) && !self.random.one_in(4) {
                self.acknowledge(side);
            }
        }
        for side in 0..2 {
            let [reader, writer] = [self.random.one_in(2), self.random.one_in(2)];
            let spurious = self.random.one_in(20);
            let this = &mut self.sides[side];
            if reader && std::mem::take(&mut this.reader_is_due) {
                this.wake_reader();
            }
            if writer && std::mem::take(&mut this.writer_is_due) {
                this.wake_writer();
            }
            if spurious {
                this.reader.iter().chain(&this.writer).for_each(Waker::wake_by_ref);
            }
        }
    }

    fn carry_from(&mut self, side: usize) {
        let other_is_closed = self.sides[1 - side].is_closed;
        let this = &self.sides[side];
        // Nothing follows a reset.
        if this.is_dead || this.reset || self.sides[1 - side].is_dead {
            return;
        }
        if !self.sides[side].sending.is_empty() {
            if other_is_closed {
                // A closed socket answers bytes with a reset.
                self.sides[1 - side].is_dead = true;
                return self.fail(side);
            }
            let other = &self.sides[1 - side];
            let room = other.receive_capacity.saturating_sub(other.received.len());
            let len = self.random.part(room.min(self.sides[side].sending.len()));
            self.deliver(side, len);
        } else if self.sides[side].fin.is_some() && !self.sides[side].fin_arrived {
            let other = &self.sides[1 - side];
            if other_is_closed && other.fin_acknowledged && self.random.one_in(8) {
                // The kernel of the other end has forgotten the connection.
                self.sides[1 - side].is_dead = true;
                return self.fail(side);
            }
            self.sides[side].fin_arrived = true;
            self.sides[1 - side].wake_reader();
        }
    }

    /// Moves `len` bytes from this end to the other.
    fn deliver(&mut self, side: usize, len: usize) {
        let is_unix = self.kind == SimKind::Unix;
        let this = &mut self.sides[side];
        let mut bytes = vec![0; len];
        this.sending.read_exact(&mut bytes).unwrap();
        this.arrived.extend_from_slice(&bytes);
        if is_unix {
            this.acknowledged += len as u64;
        }
        let other = &mut self.sides[1 - side];
        if len > 0 && !other.is_closed {
            other.received.extend(&bytes);
            other.wake_reader();
        }
    }

    fn deliver_fin_of_unix(&mut self, side: usize) {
        if self.kind == SimKind::Unix && !self.sides[side].fin_arrived {
            self.sides[side].fin_arrived = true;
            self.sides[side].fin_acknowledged = true;
            self.sides[1 - side].wake_reader();
        }
        // A write to a closed Unix socket fails at once.
        if self.kind == SimKind::Unix && self.sides[side].is_closed {
            self.sides[1 - side].is_dead = true;
            self.sides[1 - side].wake_writer();
        }
    }

    fn acknowledge(&mut self, side: usize) {
        let this = &mut self.sides[side];
        let waiting = this.arrived.len() - usize::try_from(this.acknowledged).unwrap();
        let count = self.random.part(waiting);
        let fin = self.random.one_in(2);
        let this = &mut self.sides[side];
        this.acknowledged += count as u64;
        if count == waiting && this.fin_arrived && fin {
            this.fin_acknowledged = true;
        }
        this.wake_writer();
    }

    /// Fails the connection at this end: the other has reset it.
    fn fail(&mut self, side: usize) {
        let had_fin = self.sides[1 - side].fin_arrived;
        let this = &mut self.sides[side];
        if this.is_closed {
            this.is_dead = true;
            return;
        }
        this.is_dead = true;
        this.sending.clear();
        this.error = Some(if had_fin { ErrorKind::BrokenPipe } else { ErrorKind::ConnectionReset });
        this.wake_reader();
        this.wake_writer();
    }
}

impl WireSide {
    fn new(random: &mut Random) -> Self {
        Self {
            sending: VecDeque::new(),
            received: VecDeque::new(),
            arrived: Vec::new(),
            accepted: 0,
            acknowledged: 0,
            counts_syn: random.one_in(2),
            fin: None,
            fin_arrived: false,
            fin_acknowledged: false,
            reset: false,
            is_dead: false,
            error: None,
            resets_on_close: false,
            is_closed: false,
            send_capacity: random.pick(&[SMALLEST, 600, 1500, 4096]),
            receive_capacity: random.pick(&[SMALLEST, 600, 1500, 4096]),
            stalled_until: None,
            reader: None,
            writer: None,
            reader_is_due: false,
            writer_is_due: false,
            last_traffic: Instant::now(),
            reads: 0,
        }
    }

    fn note_traffic(&mut self) {
        self.last_traffic = Instant::now();
    }

    fn wake_reader(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    fn wake_writer(&mut self) {
        self.writer.take().into_iter().for_each(Waker::wake);
    }
}
