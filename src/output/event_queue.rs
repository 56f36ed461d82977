//! A bounded queue of events between their senders and an output that may be slow, blocked or
//! closed.
//!
//! A server must not wait for its operator's terminal (Ctrl-S, `| less`): events are queued and one
//! thread prints them. Events that do not fit are counted, and their number is printed. An event
//! that must not be lost is sent through the same queue with [`Events::deliver`], which waits until
//! it is printed.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::output::event::Event;
use crate::output::handle::Output;
use crate::output::terminal::screen;
use crate::threads::{self, FirstError, ThreadLost};

/// Capacity of the queue in events: a burst of a thousand clients fits.
const EVENT_QUEUE: usize = 4096;

/// Limit for the peers' bytes in the queued events, and for the bytes of queued text.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// What to do when standard output can no longer be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenGone {
    /// Print one warning and continue, as servers do.
    Warn,
    /// Print nothing: the caller stops. [`Events::stdout_failed`], [`Events::deliver`] and
    /// [`EventQueue::finish`] report the failure.
    Stop,
}

/// A handle to the queue, which [`EventQueue::finish`] ends.
#[derive(Debug)]
pub struct EventQueue {
    events: Events,
}

/// The sending side of the queue; cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    out: Output,
    when_gone: WhenGone,
    /// Empty until the first event: a run that prints none starts no thread.
    sender: Arc<OnceLock<Sender<Message>>>,
    shared: Arc<QueueState>,
}

#[derive(Debug, Default)]
struct QueueState {
    /// Events dropped since their number was last printed.
    dropped: AtomicU64,
    /// Events in the queue. They are counted here because a bounded channel allocates all its slots
    /// at once: for [`EVENT_QUEUE`] events that is 600 KiB at each start.
    queued: AtomicUsize,
    /// The peers' bytes and the bytes of text in the queue.
    bytes: AtomicUsize,
    /// The first error of writing standard output.
    failure: FirstError,
    /// Cancelled after that.
    stdout_failed: CancellationToken,
}

#[derive(Debug)]
enum Message {
    Show(Event),
    /// Print text to standard error, also with `-q`.
    Text(String),
    /// Print the event, then send the result.
    Deliver(Event, SyncSender<io::Result<()>>),
    /// End the thread, and answer once everything before this is printed.
    End(Sender<()>),
}

impl EventQueue {
    /// Returns an empty queue. Its first event starts the printing thread.
    pub fn start(out: Output, when_gone: WhenGone) -> Self {
        Self { events: Events { out, when_gone, sender: Arc::default(), shared: Arc::default() } }
    }

    /// Returns the sender of a queue that prints nothing, and what returns the events sent so far.
    #[cfg(test)]
    pub(crate) fn capture(out: Output) -> (Events, impl Fn() -> Vec<Event>) {
        let (sender, receiver) = mpsc::channel();
        let events = Self::start(out, WhenGone::Warn).events();
        events.sender.set(sender).unwrap();
        let events_of = move |message| match message {
            Message::Show(event) => Some(event),
            _ => None,
        };
        (events, move || receiver.try_iter().filter_map(events_of).collect())
    }

    /// Returns a sender for the queue.
    pub fn events(&self) -> Events {
        self.events.clone()
    }

    /// Waits until the queued events are printed, at most `timeout` (`None`: without a limit).
    ///
    /// # Errors
    /// The first error of printing an event to standard output, or the thread is lost.
    pub fn finish(self, timeout: Option<Duration>) -> io::Result<()> {
        let Events { sender, shared, .. } = self.events;
        let Some(sender) = sender.get() else {
            // There was no event. A sender without a receiver keeps a later one from starting the
            // thread.
            sender.get_or_init(|| mpsc::channel().0);
            return Ok(());
        };
        let (done, ended) = mpsc::channel();
        let lost = || shared.failure.get().unwrap_or_else(ThreadLost::error);
        sender.send(Message::End(done)).map_err(|_| lost())?;
        let answer = match timeout {
            Some(timeout) => ended.recv_timeout(timeout),
            None => ended.recv().map_err(RecvTimeoutError::from),
        };
        if answer == Err(RecvTimeoutError::Disconnected) {
            return Err(lost());
        }
        shared.failure.get().map_or(Ok(()), Err)
    }
}

impl Events {
    /// Queues an event without blocking. An event that does not fit is dropped and counted.
    pub fn send(&self, event: Event) {
        if !self.out.shows(&event) {
            return;
        }
        let bytes = event.peer_bytes();
        self.queue(Message::Show(event), bytes);
    }

    /// Queues text for standard error without blocking. Text that does not fit is dropped and
    /// counted, like an event.
    pub(super) fn print(&self, text: String) {
        let bytes = text.len();
        self.queue(Message::Text(text), bytes);
    }

    /// Queues a message with this many bytes that count, if it fits.
    fn queue(&self, message: Message, bytes: usize) {
        let queued_bytes = self.shared.bytes.fetch_add(bytes, Ordering::Relaxed);
        let queued = self.shared.queued.fetch_add(1, Ordering::Relaxed);
        if queued < EVENT_QUEUE && (bytes == 0 || queued_bytes + bytes <= QUEUE_BYTES) {
            // Without a receiver, the queue is finished and prints nothing more.
            self.sender().send(message).ok();
        } else {
            self.shared.remove(bytes);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the channel to the printing thread, and starts the thread at the first event.
    fn sender(&self) -> &Sender<Message> {
        self.sender.get_or_init(|| {
            let (sender, receiver) = mpsc::channel();
            let (out, when_gone, shared) = (self.out, self.when_gone, Arc::clone(&self.shared));
            let printer = Printer { out, when_gone, shared, stdout_failed: false };
            if let Err(error) = threads::start("events", move || printer.run(&receiver)) {
                let why = crate::reason::of_thread(error);
                let error = io::Error::other(format!("cannot start a thread: {why}"));
                self.shared.failure.record(error);
            }
            sender
        })
    }

    /// Starts the printing thread.
    ///
    /// # Errors
    /// The kernel provides no thread, so no event would be printed.
    pub fn require_thread(&self) -> io::Result<()> {
        self.sender();
        self.shared.failure.get().map_or(Ok(()), Err)
    }

    /// Waits until printing an event to standard output has failed, and returns the error.
    pub async fn stdout_failed(&self) -> io::Error {
        self.shared.stdout_failed.cancelled().await;
        self.shared.failure.get().unwrap_or_else(ThreadLost::error)
    }

    /// Queues an event that must not be lost, and waits until it is printed.
    ///
    /// # Errors
    /// Standard output cannot be written: `BrokenPipe` if its reader has closed it. The queue has
    /// ended, or its thread is lost.
    pub fn deliver(&self, event: Event) -> io::Result<()> {
        let (result, printed) = mpsc::sync_channel(1);
        let lost = || self.shared.failure.get().unwrap_or_else(ThreadLost::error);
        self.sender().send(Message::Deliver(event, result)).map_err(|_| lost())?;
        printed.recv().map_err(|_| lost())?
    }
}

impl QueueState {
    /// Removes one message with this many bytes from the counts.
    fn remove(&self, bytes: usize) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

struct Printer {
    out: Output,
    when_gone: WhenGone,
    shared: Arc<QueueState>,
    /// Whether writing standard output has failed; after that, only diagnostics are printed.
    stdout_failed: bool,
}

impl Printer {
    fn run(mut self, receiver: &Receiver<Message>) {
        loop {
            match receiver.recv() {
                Ok(Message::Show(event)) => {
                    self.shared.remove(event.peer_bytes());
                    self.print_dropped();
                    if let Err(error) = self.print(&event) {
                        self.record_failure(error);
                    }
                }
                Ok(Message::Text(text)) => {
                    self.shared.remove(text.len());
                    self.print_dropped();
                    screen::print_diagnostics([text]);
                }
                Ok(Message::Deliver(event, result)) => {
                    self.print_dropped();
                    let printed = self.print(&event);
                    // The caller of `deliver` handles the error.
                    result.send(printed).ok();
                }
                Ok(Message::End(done)) => {
                    self.print_dropped();
                    // `finish` may already have timed out.
                    done.send(()).ok();
                    return;
                }
                Err(_) => return self.print_dropped(),
            }
        }
    }

    fn print(&self, event: &Event) -> io::Result<()> {
        if self.out.is_json()
            && let Some(failure) = self.shared.failure.get()
        {
            return Err(failure);
        }
        self.out.event(event)
    }

    /// Prints the number of dropped events, if any.
    fn print_dropped(&mut self) {
        let count = self.shared.dropped.swap(0, Ordering::Relaxed);
        if count > 0
            && let Err(error) = self.print(&Event::NotShown { count })
        {
            self.record_failure(error);
        }
    }

    /// Records the first failure of standard output, and warns of it if the program continues.
    fn record_failure(&mut self, error: io::Error) {
        if std::mem::replace(&mut self.stdout_failed, true) {
            return;
        }
        if self.when_gone == WhenGone::Warn {
            self.out.warn(&format!(
                "cannot write standard output: {}; continuing without it",
                crate::reason::of(&error)
            ));
        }
        self.shared.failure.record(error);
        self.shared.stdout_failed.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{ColorChoice, Format, NetText, Verbosity};

    fn blocked_queue() -> (Events, Receiver<Message>) {
        // No thread receives: the queue fills up, and further events are dropped and counted.
        let (sender, receiver) = mpsc::channel();
        let events = EventQueue::start(json_output(), WhenGone::Stop).events();
        events.sender.set(sender).unwrap();
        (events, receiver)
    }

    fn json_output() -> Output {
        Output::new(Format::Json, ColorChoice::Never, Verbosity::Normal)
    }

    #[test]
    fn a_queue_without_an_event_starts_no_thread_and_prints_nothing_after_finish() {
        let queue = EventQueue::start(json_output(), WhenGone::Stop);
        let events = queue.events();
        assert!(events.sender.get().is_none());
        queue.finish(None).unwrap();
        let late = events.deliver(Event::Stopping { clients: 0 });
        assert!(ThreadLost::is(&late.unwrap_err()));
    }

    #[test]
    fn a_blocked_output_never_blocks_the_sender() {
        let (events, _receiver) = blocked_queue();
        for _ in 0..EVENT_QUEUE + 3 {
            events.send(Event::Stopping { clients: 0 });
        }
        assert_eq!(events.shared.dropped.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn received_data_is_dropped_beyond_the_byte_limit_while_output_is_blocked() {
        let (events, _receiver) = blocked_queue();
        for _ in 0..1000 {
            let data = NetText(vec![b'x'; 64 * 1024]);
            events.send(Event::Data { peer: String::new(), data });
        }
        assert!(events.shared.bytes.load(Ordering::Relaxed) <= QUEUE_BYTES);
        assert!(events.shared.dropped.load(Ordering::Relaxed) > 900);
    }
}
