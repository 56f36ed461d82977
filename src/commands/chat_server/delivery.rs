//! Delivers chat messages to each member's socket through a bounded queue, so one slow reader never
//! delays another.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::chat::room::{Delivery, MemberId, Recipients, Room};
use crate::chat::send_queue::SendQueue;
use crate::net::stream::Stream;
use crate::session::tls::begins_tls;
use crate::sync::lock;

/// The most bytes passed to a socket in one write.
const SEND_SIZE: usize = 16 * 1024;

/// The room, and the queue of each member.
#[derive(Default)]
pub(super) struct Members {
    pub(super) room: Room,
    pub(super) queues: BTreeMap<MemberId, Arc<MemberQueue>>,
}

/// The queue of one client, and the stream to which it is sent. The client's task reads the stream,
/// and whichever task delivers lines writes to it.
pub(super) struct MemberQueue {
    pending: Mutex<PendingLines>,
    /// Wakes the client's task when another task finds the socket full or the queue too long.
    pub(super) wakeup: Notify,
}

struct PendingLines {
    stream: Stream,
    queue: SendQueue,
    /// Whether the last write was short; cleared by the next one, after the socket is writable.
    socket_full: bool,
    /// Whether the queue was still too long after an attempt to send it.
    overflowed: bool,
    /// Whether a write failed.
    failed: bool,
}

/// The state of a queue after a flush.
#[derive(Clone, Copy)]
pub(super) struct SendProgress {
    /// Whether the queue has overflowed.
    pub(super) overflowed: bool,
    /// The progress of the peer, if bytes wait until the socket is writable.
    pub(super) waiting: Option<u64>,
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
    pub(super) fn new(stream: Stream) -> Self {
        let pending = PendingLines {
            stream,
            queue: SendQueue::default(),
            socket_full: false,
            overflowed: false,
            failed: false,
        };
        Self { pending: Mutex::new(pending), wakeup: Notify::new() }
    }

    /// Returns the stream, once no other task can write to it.
    pub(super) fn into_stream(self) -> Stream {
        self.pending.into_inner().unwrap_or_else(PoisonError::into_inner).stream
    }

    /// Queues a line, unless the client is about to be dropped.
    pub(super) fn push(&self, line: Arc<str>) {
        let mut pending = lock(&self.pending);
        if !pending.overflowed && !pending.failed {
            pending.queue.push(line);
        }
    }

    /// Waits for bytes and reads them; an empty vector means EOF.
    pub(super) async fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        poll_fn(|context| {
            let pending = &mut *lock(&self.pending);
            let read = pin!(pending.stream.read(|_, read| bytes.extend_from_slice(read)));
            read.poll(context)
        })
        .await?;
        Ok(bytes)
    }

    /// Returns whether `received`, which [`Self::read`] has returned, begins a TLS handshake on a
    /// plain stream.
    pub(super) fn begins_tls(&self, received: &[u8]) -> bool {
        begins_tls(&lock(&self.pending).stream, received)
    }

    /// Waits until the socket accepts more.
    pub(super) async fn writable(&self) -> io::Result<()> {
        poll_fn(|context| lock(&self.pending).stream.poll_write_ready(context)).await
    }

    /// Writes the queued lines, as far as the socket accepts them without waiting.
    pub(super) fn flush(&self) -> SendProgress {
        let mut pending = lock(&self.pending);
        pending.send();
        SendProgress {
            overflowed: pending.overflowed,
            waiting: pending.socket_full.then(|| pending.stream.progress()),
        }
    }

    /// Returns all bytes that are still queued.
    pub(super) fn unsent(&self) -> Vec<u8> {
        lock(&self.pending).queue.peek(usize::MAX)
    }

    fn flush_unless_full(&self) {
        let mut pending = lock(&self.pending);
        let before = (pending.socket_full, pending.overflowed);
        // A socket that was full is tried again only before its client is judged.
        if !pending.socket_full || pending.queue.is_over_limit() {
            pending.send();
        }
        // The client's task already waits for a socket that was full before. Waking it for each
        // line would make the tasks of several such clients wake each other without end.
        if (pending.socket_full, pending.overflowed) != before {
            self.wakeup.notify_one();
        }
    }
}

impl PendingLines {
    fn send(&mut self) {
        self.socket_full = false;
        while !self.failed && !self.queue.is_empty() {
            let bytes = self.queue.peek(SEND_SIZE);
            let Ok(sent) = self.stream.write_now(&bytes) else {
                // The client's task gets the error from its next read. `socket_full` stays false,
                // because a failed socket is always writable and the task would wait in a loop.
                self.failed = true;
                return;
            };
            self.queue.advance(sent);
            if sent < bytes.len() {
                self.socket_full = true;
                break;
            }
        }
        self.socket_full |= self.stream.has_unsent();
        self.overflowed |= self.queue.is_over_limit();
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;

    use super::*;
    use crate::chat::send_queue::MAX_QUEUED_BYTES;

    fn line() -> Arc<str> {
        "x".repeat(6 * 1024).into()
    }

    /// Returns a queue whose socket the runtime knows to be writable.
    async fn queue(socket: UnixStream) -> MemberQueue {
        let queue = MemberQueue::new(Stream::try_from(socket).unwrap());
        queue.writable().await.unwrap();
        queue
    }

    #[tokio::test]
    async fn a_queue_over_its_limit_is_sent_before_its_client_is_judged() {
        let (socket, peer) = UnixStream::pair().unwrap();
        let queue = queue(socket).await;
        for _ in 0..=MAX_QUEUED_BYTES / line().len() {
            queue.push(line());
        }
        queue.flush_unless_full();
        assert!(!queue.flush().overflowed);
        drop(peer);
    }

    #[tokio::test]
    async fn whatever_one_read_returns_drops_no_client_whose_socket_is_full() {
        let escaped = format!("<talker> {}\r\n", crate::text::escape(&[0x1b; 1024]));
        let bursts = [(64 * 1024 / 1025, escaped), (64 * 1024 / 8, "<talker> 1234567\r\n".into())];
        for (lines, line) in bursts {
            let (socket, _peer) = UnixStream::pair().unwrap();
            let queue = queue(socket).await;
            while !lock(&queue.pending).socket_full {
                queue.push("x".into());
                queue.flush_unless_full();
            }
            for _ in 0..lines - 1 {
                queue.push(line.as_str().into());
                queue.flush_unless_full();
            }
            assert!(!queue.flush().overflowed, "{lines} lines");
        }
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_is_dropped_and_its_queue_takes_no_more_lines() {
        let (socket, _peer) = UnixStream::pair().unwrap();
        let queue = queue(socket).await;
        while !queue.flush().overflowed {
            queue.push(line());
        }
        let unsent = queue.unsent().len();
        assert!(unsent <= MAX_QUEUED_BYTES + line().len());
        queue.push(line());
        assert_eq!(queue.unsent().len(), unsent);
    }

    #[tokio::test]
    async fn a_client_whose_socket_stays_full_is_woken_once() {
        let (socket, _peer) = UnixStream::pair().unwrap();
        let queue = queue(socket).await;
        while !lock(&queue.pending).socket_full {
            queue.push(line());
            queue.flush_unless_full();
        }
        assert!(is_woken(&queue).await);
        queue.push(line());
        queue.flush_unless_full();
        assert!(!is_woken(&queue).await);
        while !lock(&queue.pending).overflowed {
            queue.push(line());
            queue.flush_unless_full();
        }
        assert!(is_woken(&queue).await);
        queue.flush_unless_full();
        assert!(!is_woken(&queue).await);
    }

    async fn is_woken(queue: &MemberQueue) -> bool {
        tokio::select! {
            biased;
            () = queue.wakeup.notified() => true,
            () = std::future::ready(()) => false,
        }
    }
}
