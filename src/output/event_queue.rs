//! Events on their way to a screen that may be slow, blocked or gone.
//!
//! A server must not wait for its operator's terminal (Ctrl-S, `| less`): events are queued, one
//! thread prints them, and what does not fit is counted and said. What must not be lost goes
//! through the same queue with [`Events::deliver`], which waits until it is printed.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;

use crate::output::event::Event;
use crate::output::handle::Output;
use crate::sync::lock;

/// Events waiting for the screen: a burst of a thousand clients fits.
const EVENT_QUEUE: usize = 4096;

/// Bytes of peers in those events.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// What happens when standard output can no longer be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenGone {
    /// It is said once, and the program goes on: a server has other work.
    Warn,
    /// Nothing is said: the program ends, which it learns from [`Events::gone`],
    /// [`Events::deliver`] or [`EventQueue::finish`].
    Leave,
}

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
    shared: Arc<QueueState>,
}

#[derive(Debug, Default)]
struct QueueState {
    /// Events that found the queue full since the last one printed.
    dropped: AtomicU64,
    /// Bytes of peers in the queue.
    bytes: AtomicUsize,
    /// What standard output said when it could no longer be written.
    failure: Mutex<Option<io::Error>>,
    gone: Notify,
}

#[derive(Debug)]
enum Message {
    Show(Event),
    /// Printed before the answer is given.
    Deliver(Event, SyncSender<io::Result<()>>),
    End,
}

impl EventQueue {
    /// Starts the printing thread.
    pub fn start(out: Output, when_gone: WhenGone) -> Self {
        let (sender, receiver) = mpsc::sync_channel(EVENT_QUEUE);
        let (done_sender, done) = mpsc::channel();
        let shared = Arc::new(QueueState::default());
        let printer = Printer { out, when_gone, shared: Arc::clone(&shared), gone: false };
        thread::spawn(move || {
            printer.run(&receiver);
            // The receiver may have given up waiting.
            done_sender.send(()).ok();
        });
        Self { events: Events { out, sender, shared }, done }
    }

    /// Returns a way to send events.
    pub fn events(&self) -> Events {
        self.events.clone()
    }

    /// Prints what is left, for `patience` at most (`None`: for as long as it takes).
    ///
    /// # Errors
    /// The first thing standard output said against an event.
    pub fn finish(self, patience: Option<Duration>) -> io::Result<()> {
        // A full queue means a blocked screen: `End` may wait in a thread of its own.
        let Events { sender, shared, .. } = self.events;
        thread::spawn(move || sender.send(Message::End).ok());
        match patience {
            Some(patience) => self.done.recv_timeout(patience).ok(),
            None => self.done.recv().ok(),
        };
        let failure = lock(&shared.failure).take();
        failure.map_or(Ok(()), Err)
    }
}

impl Events {
    /// Queues an event; never waits. An event that does not fit is counted instead.
    pub fn send(&self, event: Event) {
        if !self.out.shows(&event) {
            return;
        }
        let weight = event.weight();
        let waiting = self.shared.bytes.fetch_add(weight, Ordering::Relaxed);
        let fits = weight == 0 || waiting + weight <= QUEUE_BYTES;
        if !fits || matches!(self.sender.try_send(Message::Show(event)), Err(TrySendError::Full(_)))
        {
            self.shared.bytes.fetch_sub(weight, Ordering::Relaxed);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until standard output can no longer be written.
    pub async fn gone(&self) {
        self.shared.gone.notified().await;
    }

    /// Queues an event that must not be lost, and waits until it is printed.
    ///
    /// # Errors
    /// What standard output said: `BrokenPipe` once its reader has left.
    pub fn deliver(&self, event: Event) -> io::Result<()> {
        let gone = || io::Error::from(ErrorKind::BrokenPipe);
        let (told, printed) = mpsc::sync_channel(1);
        self.sender.send(Message::Deliver(event, told)).map_err(|_| gone())?;
        printed.recv().map_err(|_| gone())?
    }
}

struct Printer {
    out: Output,
    when_gone: WhenGone,
    shared: Arc<QueueState>,
    /// Standard output failed: from then on there is talk only.
    gone: bool,
}

impl Printer {
    fn run(mut self, receiver: &Receiver<Message>) {
        loop {
            match receiver.recv() {
                Ok(Message::Show(event)) => {
                    self.shared.bytes.fetch_sub(event.weight(), Ordering::Relaxed);
                    self.tell_dropped();
                    if let Err(error) = self.print(&event) {
                        self.lose(error);
                    }
                }
                Ok(Message::Deliver(event, told)) => {
                    self.tell_dropped();
                    let printed = self.print(&event);
                    // Whoever waits for this has the error to deal with.
                    told.send(printed).ok();
                }
                Ok(Message::End) | Err(_) => return self.tell_dropped(),
            }
        }
    }

    fn print(&self, event: &Event) -> io::Result<()> {
        if self.gone && self.out.is_json() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        self.out.event(event)
    }

    fn tell_dropped(&mut self) {
        let count = self.shared.dropped.swap(0, Ordering::Relaxed);
        if count > 0
            && let Err(error) = self.print(&Event::NotShown { count })
        {
            self.lose(error);
        }
    }

    fn lose(&mut self, error: io::Error) {
        if std::mem::replace(&mut self.gone, true) {
            return;
        }
        if self.when_gone == WhenGone::Warn {
            self.out.warn(&format!(
                "standard output is gone ({}); going on without it",
                crate::reason::of(&error)
            ));
        }
        *lock(&self.shared.failure) = Some(error);
        self.shared.gone.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{ColorChoice, Format, NetText, Verbosity};

    fn blocked() -> (Events, Receiver<Message>) {
        // Nobody receives: the queue fills, and everything beyond it is only counted.
        let (sender, receiver) = mpsc::sync_channel(EVENT_QUEUE);
        let out = Output::new(Format::Json, ColorChoice::Never, Verbosity::Normal);
        (Events { out, sender, shared: Arc::default() }, receiver)
    }

    #[test]
    fn a_blocked_screen_never_blocks_the_sender() {
        let (events, _receiver) = blocked();
        for _ in 0..EVENT_QUEUE + 3 {
            events.send(Event::Stopping { clients: 0 });
        }
        assert_eq!(events.shared.dropped.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn what_peers_send_does_not_pile_up_behind_a_blocked_screen() {
        let (events, _receiver) = blocked();
        for _ in 0..1000 {
            let data = NetText(vec![b'x'; 64 * 1024]);
            events.send(Event::Data { peer: String::new(), data });
        }
        assert!(events.shared.bytes.load(Ordering::Relaxed) <= QUEUE_BYTES);
        assert!(events.shared.dropped.load(Ordering::Relaxed) > 900);
    }
}
