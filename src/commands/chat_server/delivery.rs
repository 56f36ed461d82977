//! Delivers chat messages to each member's socket through a bounded queue, so one slow reader never
//! delays another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::chat::room::{Delivery, MemberId, Recipients, Room};
use crate::chat::send_queue::SendQueue;
use crate::net::accept::Connection;
use crate::net::stream;
use crate::sync::lock;

/// The most bytes passed to a socket in one write.
const SEND_SIZE: usize = 16 * 1024;

/// The room, and the queue of each member.
#[derive(Default)]
pub(super) struct Members {
    pub(super) room: Room,
    pub(super) queues: BTreeMap<MemberId, Arc<MemberQueue>>,
}

/// The queue of one client, and the connection to which it is sent.
pub(super) struct MemberQueue {
    connection: Arc<Connection>,
    pending: Mutex<PendingLines>,
    /// Wakes the client's task when the socket is full or the queue has overflowed.
    pub(super) wakeup: Notify,
}

#[derive(Default)]
struct PendingLines {
    queue: SendQueue,
    /// Whether the last write was short; cleared by the next one, after the socket is writable.
    socket_full: bool,
    /// Whether a line did not fit into the queue, so that the client has missed it.
    overflowed: bool,
    /// Whether a write failed.
    failed: bool,
    /// The number of bytes written to the socket.
    sent: u64,
}

/// The state of a queue after a flush.
#[derive(Clone, Copy)]
pub(super) struct SendProgress {
    /// Whether the queue has overflowed.
    pub(super) overflowed: bool,
    /// Whether bytes wait until the socket is writable.
    pub(super) pending: bool,
    /// The number of bytes written to the socket so far.
    pub(super) sent: u64,
}

impl Members {
    /// Queues each line for its recipients. [`Self::flush`] sends the queued lines.
    pub(super) fn deliver(&self, deliveries: Vec<Delivery>) {
        for Delivery { to, line } in deliveries {
            let line: Arc<str> = line.into();
            match to {
                Recipients::One(id) => {
                    if let Some(queue) = self.queues.get(&id) {
                        queue.push(line);
                    }
                }
                Recipients::AllBut(sender) => {
                    for (_, queue) in self.queues.iter().filter(|(id, _)| **id != sender) {
                        queue.push(Arc::clone(&line));
                    }
                }
            }
        }
    }

    /// Writes the queued lines, as far as the sockets accept them without waiting. The task that
    /// delivers calls this, because lines of a fast sender could otherwise fill the queues of
    /// members whose tasks have not run yet.
    pub(super) fn flush(&self) {
        for queue in self.queues.values() {
            queue.flush_unless_full();
        }
    }
}

impl MemberQueue {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self { connection, pending: Mutex::default(), wakeup: Notify::new() }
    }

    /// Queues a line.
    pub(super) fn push(&self, line: Arc<str>) {
        let mut pending = lock(&self.pending);
        if pending.queue.push(line).is_err() {
            pending.overflowed = true;
            self.wakeup.notify_one();
        }
    }

    /// Writes the queued lines, as far as the socket accepts them without waiting.
    pub(super) fn flush(&self) -> SendProgress {
        let mut pending = lock(&self.pending);
        pending.send(&self.connection);
        SendProgress {
            overflowed: pending.overflowed,
            pending: pending.socket_full,
            sent: pending.sent,
        }
    }

    /// Returns all bytes that are still queued.
    pub(super) fn unsent(&self) -> Vec<u8> {
        lock(&self.pending).queue.peek(usize::MAX)
    }

    fn flush_unless_full(&self) {
        let mut pending = lock(&self.pending);
        if !pending.socket_full && !pending.queue.is_empty() {
            pending.send(&self.connection);
            if pending.socket_full {
                self.wakeup.notify_one();
            }
        }
    }
}

impl PendingLines {
    fn send(&mut self, connection: &Connection) {
        self.socket_full = false;
        while !self.failed && !self.queue.is_empty() {
            let bytes = self.queue.peek(SEND_SIZE);
            let Ok(sent) = stream::write_now(&connection.stream, &bytes) else {
                // The client's task gets the error from its next read. `socket_full` stays false,
                // because a failed socket is always writable and the task would wait in a loop.
                self.failed = true;
                return;
            };
            self.queue.advance(sent);
            self.sent += sent as u64;
            if sent < bytes.len() {
                self.socket_full = true;
                return;
            }
        }
    }
}
