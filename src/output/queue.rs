//! Events on their way to a screen that may be slow, blocked or gone.
//!
//! A server must not wait for its operator's terminal (Ctrl-S, `| less`): events are queued, one
//! thread prints them, and what does not fit is counted and said. Payload, which must not be lost,
//! goes through the same queue with [`Events::deliver`], which waits.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

use super::{Event, Output};

/// Events waiting for the screen: a burst of a thousand clients fits, and it is under a megabyte.
const QUEUE: usize = 4096;

/// The printing thread, and the way to end it.
#[derive(Debug)]
pub struct EventQueue {
    events: Events,
    done: Receiver<()>,
}

/// The sending side; cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    out: Output,
    sender: SyncSender<Message>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Events that found the queue full since the last one printed.
    dropped: AtomicU64,
    /// Standard output's reader has left.
    closed: AtomicBool,
}

#[derive(Debug)]
enum Message {
    Show(Event),
    End,
}

impl EventQueue {
    /// Starts the printing thread.
    pub fn start(out: Output) -> Self {
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        let (done_sender, done) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let events = Events { out, sender, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            print_all(out, &receiver, &shared);
            // The receiver may have given up waiting.
            done_sender.send(()).ok();
        });
        Self { events, done }
    }

    /// Returns a way to send events.
    pub fn events(&self) -> Events {
        self.events.clone()
    }

    /// Prints what is left, for `patience` at most (`None`: for as long as it takes).
    pub fn finish(self, patience: Option<Duration>) {
        // A full queue means a blocked screen: `End` may wait in a thread of its own.
        let sender = self.events.sender;
        thread::spawn(move || sender.send(Message::End).ok());
        match patience {
            Some(patience) => self.done.recv_timeout(patience).ok(),
            None => self.done.recv().ok(),
        };
    }
}

impl Events {
    /// Queues an event; never waits. An event that does not fit is counted instead.
    pub fn send(&self, event: Event) {
        if !self.out.shows(&event) {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Message::Show(event)) {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Queues an event that must not be lost, and waits for a place.
    ///
    /// # Errors
    /// `BrokenPipe` once standard output's reader has left.
    pub fn deliver(&self, event: Event) -> io::Result<()> {
        let gone = || io::Error::from(ErrorKind::BrokenPipe);
        if self.shared.closed.load(Ordering::Relaxed) {
            return Err(gone());
        }
        self.sender.send(Message::Show(event)).map_err(|_| gone())
    }
}

fn print_all(out: Output, receiver: &Receiver<Message>, shared: &Shared) {
    while let Ok(Message::Show(event)) = receiver.recv() {
        let dropped = shared.dropped.swap(0, Ordering::Relaxed);
        let lost = (dropped > 0).then_some(Event::NotShown { count: dropped });
        for event in lost.iter().chain([&event]) {
            // Once the reader left there is no data any more, but talk still finds standard error.
            if let Err(error) = out.event(event)
                && !shared.closed.swap(true, Ordering::Relaxed)
            {
                out.warn(&format!(
                    "standard output is gone ({}); going on without it",
                    crate::reason::of(&error)
                ));
            }
        }
    }
    let dropped = shared.dropped.swap(0, Ordering::Relaxed);
    if dropped > 0 {
        // As above: the last word, and nobody may be there to hear it.
        out.event(&Event::NotShown { count: dropped }).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{ColorChoice, Format, Verbosity};

    #[test]
    fn a_blocked_screen_never_blocks_the_sender() {
        // Nobody receives: the queue fills, and everything beyond it is only counted.
        let (sender, _receiver) = mpsc::sync_channel(2);
        let out = Output::new(Format::Json, ColorChoice::Never, Verbosity::Normal);
        let events = Events { out, sender, shared: Arc::default() };
        for _ in 0..5 {
            events.send(Event::Stopping { clients: 0 });
        }
        assert_eq!(events.shared.dropped.load(Ordering::Relaxed), 3);
    }
}
