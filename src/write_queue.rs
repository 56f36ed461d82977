//! A bounded queue in front of the one thread that writes to an output that can block: a terminal,
//! a pipe, a FIFO or a file.
//!
//! Tasks queue items without blocking; a task that must not run ahead of the output awaits that its
//! item is written, under its own deadline. Items that do not fit are counted, never lost silently.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::sync::lock;

/// The sending side of the queue; clones share it.
pub struct WriteQueue<T> {
    shared: Arc<Shared<T>>,
}

/// The receiving side, which the writing thread owns. Dropping it ends the queue.
pub struct WriteQueueReader<T> {
    shared: Arc<Shared<T>>,
    /// Whether the caller is writing an item.
    is_writing: bool,
}

/// What the queue holds at one position.
#[derive(Debug, PartialEq, Eq)]
pub enum Queued<T> {
    /// An item to write.
    Item(T),
    /// This many items are missing here, because they did not fit.
    Lost(u64),
}

/// The number of an item in the order in which items were queued, from 1; 0 for no item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Notified when an item is queued, and when the queue is closed.
    queued: Condvar,
    /// Notified when an item is written, and when the queue has ended.
    written: Condvar,
    /// Notified like `written`, for tasks.
    progress: Notify,
    /// Notified when the queue has ended, for tasks that wait for nothing else.
    ended: Notify,
    /// Notified when an item is queued, for a task that reads the queue of a simulation.
    #[cfg(test)]
    arrived: Notify,
    /// Limit for the sizes of the queued items, in bytes.
    limit: usize,
}

struct State<T> {
    /// What to write, each with its size.
    items: VecDeque<(Queued<T>, usize)>,
    /// The size of the item that is being written.
    writing: usize,
    /// The sizes of all items, including the one that is being written.
    bytes: usize,
    /// Whether an item did not fit since one was last written.
    is_full: bool,
    /// The last queued item and the last written one.
    last: Ticket,
    written: Ticket,
    /// The number of missing items in the queue.
    lost: u64,
    /// When an item was last written, or queued while there was none to write.
    progress: Instant,
    /// Whether the reader ends once everything is written.
    is_closed: bool,
    /// Whether nothing is written any more.
    has_ended: bool,
}

impl<T> WriteQueue<T> {
    /// Returns an empty queue for at most `limit` bytes, and its reader.
    pub fn new(limit: usize) -> (Self, WriteQueueReader<T>) {
        let state = State {
            items: VecDeque::new(),
            writing: 0,
            bytes: 0,
            is_full: false,
            last: Ticket::default(),
            written: Ticket::default(),
            lost: 0,
            progress: Instant::now(),
            is_closed: false,
            has_ended: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            queued: Condvar::new(),
            written: Condvar::new(),
            progress: Notify::new(),
            ended: Notify::new(),
            #[cfg(test)]
            arrived: Notify::new(),
            limit,
        });
        (Self { shared: Arc::clone(&shared) }, WriteQueueReader { shared, is_writing: false })
    }

    /// Queues `item`, whose size in bytes counts, even beyond the limit. The caller bounds the
    /// number of such items: it awaits [`Self::written`] before it queues the next one.
    pub fn push(&self, item: T, size: usize) -> Ticket {
        self.shared.push(&mut self.shared.state(), item, size)
    }

    /// Queues `item` if it fits; otherwise it is dropped and counted.
    pub fn offer(&self, item: T, size: usize) {
        let mut state = self.shared.state();
        // An item that is larger than the limit fits into an empty queue.
        if state.bytes == 0 || state.bytes.saturating_add(size) <= self.shared.limit {
            self.shared.push(&mut state, item, size);
        } else {
            state.is_full = true;
            self.shared.lose(&mut state);
        }
    }

    /// Counts an item that is not queued, because [`Self::has_room`] returned false.
    pub fn lose(&self) {
        self.shared.lose(&mut self.shared.state());
    }

    /// Returns whether an item may fit. After one did not, this is false until an item is written,
    /// so that the caller does not make more items in vain.
    pub fn has_room(&self) -> bool {
        let state = self.shared.state();
        state.bytes < self.shared.limit && !state.is_full
    }

    /// Returns the last queued item.
    pub fn last(&self) -> Ticket {
        self.shared.state().last
    }

    /// Waits until the item is written or the queue has ended; returns whether it was written.
    pub async fn written(&self, item: Ticket) -> bool {
        loop {
            // Created before the check, so that no notification is missed in between.
            let progress = self.shared.progress.notified();
            {
                let state = self.shared.state();
                if state.is_done(item) {
                    return state.written >= item;
                }
            }
            progress.await;
        }
    }

    /// Waits until the item is written and there is room for another one, or the queue has ended;
    /// with `stall`, also until the output has taken nothing for that long.
    pub async fn ready(&self, item: Ticket, stall: Option<Duration>) {
        loop {
            let progress = self.shared.progress.notified();
            let idle = {
                let state = self.shared.state();
                let has_room = state.has_ended || state.bytes < self.shared.limit;
                if state.is_done(item) && has_room {
                    return;
                }
                state.progress.elapsed()
            };
            match stall {
                None => progress.await,
                Some(stall) => match stall.saturating_sub(idle) {
                    Duration::ZERO => return,
                    left => drop(tokio::time::timeout(left, progress).await),
                },
            }
        }
    }

    /// Returns whether the output has taken nothing for `stall`, although there is an item.
    pub fn is_stalled(&self, stall: Duration) -> bool {
        let state = self.shared.state();
        state.last > state.written && state.progress.elapsed() >= stall
    }

    /// Blocks until the item is written or the queue has ended, at most for `timeout`; returns
    /// whether it was written.
    pub fn wait(&self, item: Ticket, timeout: Option<Duration>) -> bool {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.shared.state();
        while !state.is_done(item) {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            // The guarded data is never left half-updated, so a poisoned lock is safe to use.
            state = match left {
                Some(Duration::ZERO) => return false,
                Some(left) => match self.shared.written.wait_timeout(state, left) {
                    Ok((state, _)) => state,
                    Err(poisoned) => poisoned.into_inner().0,
                },
                None => match self.shared.written.wait(state) {
                    Ok(state) => state,
                    Err(poisoned) => poisoned.into_inner(),
                },
            };
        }
        state.written >= item
    }

    /// Returns whether nothing is written any more.
    pub fn has_ended(&self) -> bool {
        self.shared.state().has_ended
    }

    /// Waits until nothing is written any more.
    pub async fn ended(&self) {
        loop {
            let ended = self.shared.ended.notified();
            if self.has_ended() {
                return;
            }
            ended.await;
        }
    }

    /// Makes the reader end once everything is written.
    pub fn close(&self) {
        self.shared.state().is_closed = true;
        self.shared.notify_reader();
    }

    /// Returns the number of items that are not written: queued, being written, or missing.
    pub fn unwritten(&self) -> u64 {
        let state = self.shared.state();
        (state.last.0 - state.written.0).saturating_add(state.lost)
    }

    /// Removes and returns the queued items.
    #[cfg(test)]
    pub(crate) fn drain(&self) -> Vec<Queued<T>> {
        self.shared.state().items.drain(..).map(|(item, _)| item).collect()
    }
}

impl<T> Iterator for WriteQueueReader<T> {
    type Item = Queued<T>;

    /// Records that the previous item is written, and blocks until there is a next one. Returns
    /// `None` once everything is written and the queue is closed.
    fn next(&mut self) -> Option<Queued<T>> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        loop {
            if let Poll::Ready(next) = self.poll_next(&mut state) {
                return next;
            }
            state = shared.queued.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

impl<T> WriteQueueReader<T> {
    /// Records that the previous item is written, and returns the next one, or `None` at the end;
    /// pending if there is nothing to write for now.
    fn poll_next(&mut self, state: &mut State<T>) -> Poll<Option<Queued<T>>> {
        if std::mem::take(&mut self.is_writing) {
            state.written.0 += 1;
            state.is_full = false;
            state.bytes = state.bytes.saturating_sub(state.writing);
            state.progress = Instant::now();
            self.shared.written.notify_all();
            self.shared.progress.notify_waiters();
        }
        match state.items.pop_front() {
            Some((item @ Queued::Item(_), size)) => {
                (state.writing, self.is_writing) = (size, true);
                Poll::Ready(Some(item))
            }
            Some((Queued::Lost(count), _)) => {
                state.lost = state.lost.saturating_sub(count);
                Poll::Ready(Some(Queued::Lost(count)))
            }
            None if state.is_closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Does the same as `next`, for a task of a simulation.
    #[cfg(test)]
    pub(crate) async fn next_in_task(&mut self) -> Option<Queued<T>> {
        let shared = Arc::clone(&self.shared);
        loop {
            let arrived = shared.arrived.notified();
            if let Poll::Ready(next) = self.poll_next(&mut shared.state()) {
                return next;
            }
            arrived.await;
        }
    }
}

impl<T> Drop for WriteQueueReader<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.has_ended = true;
        state.items.clear();
        drop(state);
        self.shared.written.notify_all();
        self.shared.progress.notify_waiters();
        self.shared.ended.notify_waiters();
    }
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        lock(&self.state)
    }

    fn push(&self, state: &mut State<T>, item: T, size: usize) -> Ticket {
        if state.has_ended {
            // A number that is never written.
            return Ticket(u64::MAX);
        }
        if state.last == state.written {
            state.progress = Instant::now();
        }
        state.items.push_back((Queued::Item(item), size));
        state.bytes = state.bytes.saturating_add(size);
        state.last.0 += 1;
        self.notify_reader();
        state.last
    }

    fn lose(&self, state: &mut State<T>) {
        if state.has_ended {
            return;
        }
        state.lost = state.lost.saturating_add(1);
        match state.items.back_mut() {
            Some((Queued::Lost(count), _)) => *count = count.saturating_add(1),
            _ => state.items.push_back((Queued::Lost(1), 0)),
        }
        self.notify_reader();
    }

    fn notify_reader(&self) {
        self.queued.notify_one();
        #[cfg(test)]
        self.arrived.notify_one();
    }
}

impl<T> State<T> {
    fn is_done(&self, item: Ticket) -> bool {
        self.has_ended || self.written >= item
    }
}

impl<T> Clone for WriteQueue<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for WriteQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state();
        f.debug_struct("WriteQueue").field("last", &state.last).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
