//! The way from the room to its members' sockets: what is said is queued for each, and nobody
//! waits for anybody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::chat::room::{Delivery, MemberId, Recipients, Room};
use crate::chat::send_queue::SendQueue;
use crate::net::accept::Connection;
use crate::net::stream;
use crate::sync::lock;

/// Bytes handed to a socket at once.
const SEND_SIZE: usize = 16 * 1024;

/// The room, and the way to everybody in it.
#[derive(Default)]
pub(super) struct Members {
    pub(super) room: Room,
    pub(super) mailboxes: BTreeMap<MemberId, Arc<MemberQueue>>,
}

/// One client's outbox, and the connection it empties into.
pub(super) struct MemberQueue {
    connection: Arc<Connection>,
    mail: Mutex<PendingLines>,
    /// Its owner has something to do: the socket is full, or the outbox overflowed.
    pub(super) news: Notify,
}

#[derive(Default)]
struct PendingLines {
    outbox: SendQueue,
    /// The socket took less than there was: until its owner says else, it is full.
    full: bool,
    /// The outbox overflowed: its owner is too slow.
    lost: bool,
    /// The socket takes nothing any more.
    failed: bool,
    /// Bytes the socket took.
    sent: u64,
}

/// How far behind a client is.
#[derive(Clone, Copy)]
pub(super) struct SendProgress {
    /// Too far.
    pub(super) lost: bool,
    /// At all.
    pub(super) pending: bool,
    /// Bytes its socket took so far.
    pub(super) sent: u64,
}

impl Members {
    /// Queues lines for whom they are for. [`Self::flush`] sends them.
    pub(super) fn deliver(&self, deliveries: Vec<Delivery>) {
        for Delivery { to, line } in deliveries {
            let line: Arc<str> = line.into();
            match to {
                Recipients::One(id) => {
                    if let Some(mailbox) = self.mailboxes.get(&id) {
                        mailbox.post(line);
                    }
                }
                Recipients::AllBut(sender) => {
                    for (_, mailbox) in self.mailboxes.iter().filter(|(id, _)| **id != sender) {
                        mailbox.post(Arc::clone(&line));
                    }
                }
            }
        }
    }

    /// Sends what is queued, as far as the sockets take it now. Called by whoever delivers: a
    /// fast talker must not fill the queues of members who have not had their turn yet.
    pub(super) fn flush(&self) {
        for mailbox in self.mailboxes.values() {
            mailbox.flush_unless_full();
        }
    }
}

impl MemberQueue {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self { connection, mail: Mutex::default(), news: Notify::new() }
    }

    /// Queues a line.
    pub(super) fn post(&self, line: Arc<str>) {
        let mut mail = lock(&self.mail);
        if mail.outbox.push(line).is_err() {
            mail.lost = true;
            self.news.notify_one();
        }
    }

    /// Sends what the socket takes now of what waits, and says how far that got.
    pub(super) fn flush(&self) -> SendProgress {
        let mut mail = lock(&self.mail);
        mail.send(&self.connection);
        SendProgress { lost: mail.lost, pending: mail.full, sent: mail.sent }
    }

    /// Returns what is still unsent, all of it.
    pub(super) fn rest(&self) -> Vec<u8> {
        lock(&self.mail).outbox.peek(usize::MAX)
    }

    fn flush_unless_full(&self) {
        let mut mail = lock(&self.mail);
        if !mail.full && !mail.outbox.is_empty() {
            mail.send(&self.connection);
            if mail.full {
                self.news.notify_one();
            }
        }
    }
}

impl PendingLines {
    fn send(&mut self, connection: &Connection) {
        self.full = false;
        while !self.failed && !self.outbox.is_empty() {
            let bytes = self.outbox.peek(SEND_SIZE);
            let Ok(sent) = stream::write_now(&connection.stream, &bytes) else {
                // Its owner, who reads from it, finds out why. It must not wait for room here: a
                // connection that failed always says that it has some.
                self.failed = true;
                return;
            };
            self.outbox.advance(sent);
            self.sent += sent as u64;
            if sent < bytes.len() {
                self.full = true;
                return;
            }
        }
    }
}
