//! The network between two simulated sockets: what the kernels of both ends hold, and the scheduler
//! that decides what arrives, is acknowledged and wakes a task next.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _};
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use crate::net::stream::sim::random::Random;

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

#[derive(Debug)]
pub(super) struct WireState {
    pub(super) kind: SimKind,
    pub(super) random: Random,
    pub(super) sides: [WireSide; 2],
}

/// What the kernel of one end holds, and the bytes on their way from this end.
#[derive(Debug)]
pub(super) struct WireSide {
    /// Bytes that the socket has accepted and that have not arrived.
    pub(super) sending: VecDeque<u8>,
    /// Bytes that have arrived at this end and were not read.
    pub(super) received: VecDeque<u8>,
    /// Everything that has arrived from this end at the other.
    pub(super) arrived: Vec<u8>,
    /// How many bytes the socket has accepted.
    pub(super) accepted: u64,
    /// How many of them the other end has acknowledged.
    pub(super) acknowledged: u64,
    /// Whether SYN counts as an acknowledged byte.
    pub(super) counts_syn: bool,
    /// When FIN was queued.
    pub(super) fin: Option<Instant>,
    pub(super) fin_arrived: bool,
    pub(super) fin_acknowledged: bool,
    /// Whether a reset is on its way from this end.
    pub(super) reset: bool,
    /// Whether the connection has failed at this end.
    pub(super) is_dead: bool,
    /// `SO_ERROR`.
    pub(super) error: Option<ErrorKind>,
    pub(super) resets_on_close: bool,
    pub(super) is_closed: bool,
    /// How many bytes wait at most to be sent and acknowledged, and to be read.
    pub(super) send_capacity: usize,
    pub(super) receive_capacity: usize,
    /// This end acknowledges nothing until then.
    pub(super) stalled_until: Option<Instant>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// Whether a wake-up was put off: a poll returned `Pending` although the socket was ready.
    pub(super) reader_is_due: bool,
    pub(super) writer_is_due: bool,
    /// When this end last read or wrote a byte, or got an acknowledgement.
    pub(super) last_traffic: Instant,
    /// How many reads have returned bytes.
    pub(super) reads: u64,
}

impl WireState {
    /// Returns how many bytes the socket accepts now.
    pub(super) fn room(&self, side: usize) -> usize {
        let (this, other) = (&self.sides[side], &self.sides[1 - side]);
        match self.kind {
            SimKind::Tcp => {
                let waiting = usize::try_from(this.accepted - this.acknowledged).unwrap();
                this.send_capacity.saturating_sub(waiting)
            }
            SimKind::Unix => other.receive_capacity.saturating_sub(other.received.len()),
        }
    }

    pub(super) fn is_readable(&self, side: usize) -> bool {
        let (this, other) = (&self.sides[side], &self.sides[1 - side]);
        !this.received.is_empty() || other.fin_arrived || this.is_dead || this.error.is_some()
    }

    pub(super) fn is_writable(&self, side: usize) -> bool {
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
    pub(super) fn next_step(&mut self) -> Option<Instant> {
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
    pub(super) fn stalled_acknowledgement(&self, side: usize) -> Option<Instant> {
        self.owes_acknowledgement(side).then(|| self.sides[1 - side].stalled_until).flatten()
    }

    /// Returns whether bytes or FIN of this end have arrived and are not acknowledged.
    pub(super) fn owes_acknowledgement(&self, side: usize) -> bool {
        let (this, other) = (&self.sides[side], &self.sides[1 - side]);
        let is_alive = !this.is_dead && self.kind == SimKind::Tcp && !other.is_dead;
        let fin = this.fin_arrived && !this.fin_acknowledged;
        is_alive && ((this.arrived.len() as u64) > this.acknowledged || fin)
    }

    pub(super) fn is_stalled(&self, side: usize) -> bool {
        self.sides[1 - side].stalled_until.is_some_and(|until| until > Instant::now())
    }

    pub(super) fn has_work(&self, side: usize) -> bool {
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
    pub(super) fn step(&mut self) {
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

    pub(super) fn carry_from(&mut self, side: usize) {
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
            let this = &self.sides[side];
            let is_done = other.fin_acknowledged && this.acknowledged == this.accepted;
            if other_is_closed && is_done && self.random.one_in(8) {
                // The kernel of the other end has forgotten the connection.
                self.sides[1 - side].is_dead = true;
                return self.fail(side);
            }
            self.sides[side].fin_arrived = true;
            self.sides[1 - side].wake_reader();
        }
    }

    /// Moves `len` bytes from this end to the other.
    pub(super) fn deliver(&mut self, side: usize, len: usize) {
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

    pub(super) fn deliver_fin_of_unix(&mut self, side: usize) {
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

    pub(super) fn acknowledge(&mut self, side: usize) {
        let this = &mut self.sides[side];
        let waiting = this.arrived.len() - usize::try_from(this.acknowledged).unwrap();
        let count = self.random.part(waiting);
        let fin = self.random.one_in(2);
        let this = &mut self.sides[side];
        this.acknowledged += count as u64;
        let ends = count == waiting && this.fin_arrived && fin && !this.fin_acknowledged;
        this.fin_acknowledged |= ends;
        if (count > 0 || ends) && !this.is_closed {
            this.note_traffic();
        }
        this.wake_writer();
    }

    /// Fails the connection at this end: the other has reset it.
    pub(super) fn fail(&mut self, side: usize) {
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
    pub(super) fn new(random: &mut Random) -> Self {
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
            resets_on_close: true,
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

    pub(super) fn note_traffic(&mut self) {
        self.last_traffic = Instant::now();
    }

    pub(super) fn wake_reader(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn wake_writer(&mut self) {
        self.writer.take().into_iter().for_each(Waker::wake);
    }
}
