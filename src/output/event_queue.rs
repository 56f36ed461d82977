//! A bounded queue of events between their senders and an output that may be slow, blocked or
//! closed.
//!
//! Nothing waits for the terminal of its user (Ctrl-S, `| less`) unless it has to: events are
//! queued and one thread prints them. Events that do not fit are counted, and their number is
//! printed. A sender that must not run ahead of the output awaits that its event is printed, with
//! [`Events::deliver`] or [`Events::printed`].

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::output::color::Paint;
use crate::output::event::Event;
use crate::output::format::Verbosity;
use crate::output::handle::Output;
use crate::output::stdout::StdoutError;
use crate::sync::lock;
use crate::threads::{self, FirstError, ThreadLost};
use crate::write_queue::{Queued, Ticket, WriteQueue, WriteQueueReader};

/// Capacity of the queue in bytes: a burst of ten thousand clients fits.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// What the allocator and the queue need for each message in addition to its own bytes.
const MESSAGE_OVERHEAD: usize = 64;

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
    queue: WriteQueue<Message>,
    shared: Arc<PrinterState>,
}

struct PrinterState {
    when_gone: WhenGone,
    /// Starts the printing thread at the first event: a run that prints none starts no thread.
    reader: Mutex<Option<WriteQueueReader<Message>>>,
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
    /// Print the prompt of an interactive session.
    Prompt,
    /// End the interactive session.
    EndSession,
    /// Print nothing: everything before this is printed.
    End,
}

impl EventQueue {
    /// Returns an empty queue. Its first event starts the printing thread.
    pub fn start(out: Output, when_gone: WhenGone) -> Self {
        let (queue, reader) = WriteQueue::new(QUEUE_BYTES);
        let shared = PrinterState {
            when_gone,
            reader: Mutex::new(Some(reader)),
            failure: FirstError::default(),
            stdout_failed: CancellationToken::new(),
        };
        Self { events: Events { out, queue, shared: Arc::new(shared) } }
    }

    /// Returns the sender of a queue that prints nothing, and what returns the events sent so far.
    #[cfg(test)]
    pub(crate) fn capture(out: Output) -> (Events, impl Fn() -> Vec<Event>) {
        let events = Self::start(out, WhenGone::Warn).events();
        let reader = lock(&events.shared.reader).take();
        let queue = events.queue.clone();
        let events_of = |message| match message {
            Queued::Item(Message::Show(event)) => Some(event),
            _ => None,
        };
        (events, move || {
            // The queue ends when its reader is dropped.
            let _ = &reader;
            queue.drain().into_iter().filter_map(events_of).collect()
        })
    }

    /// Returns a sender for the queue.
    pub fn events(&self) -> Events {
        self.events.clone()
    }

    /// Waits until the queued events are printed, at most `timeout` (`None`: without a limit).
    /// Returns the number of events that were not printed in time.
    ///
    /// # Errors
    /// The first error of printing an event to standard output, with [`WhenGone::Stop`]. The thread
    /// is lost.
    pub fn finish(self, timeout: Option<Duration>) -> Result<u64, StdoutError> {
        let Events { queue, shared, .. } = self.events;
        if lock(&shared.reader).take().is_some() {
            // There was no event. Without its reader, the queue ignores a later one.
            return Ok(0);
        }
        let end = queue.push(Message::End, 0);
        queue.close();
        let is_printed = queue.wait(end, timeout);
        match shared.failure.get() {
            Some(error) if shared.when_gone == WhenGone::Stop => Err(error.into()),
            // A warning has reported the failure.
            Some(_) => Ok(0),
            None if is_printed => Ok(0),
            None if queue.has_ended() => Err(ThreadLost::error().into()),
            None => Ok(queue.unwritten().saturating_sub(1)),
        }
    }
}

impl Events {
    /// Queues an event without blocking. An event that does not fit is dropped and counted.
    pub fn send(&self, event: Event) {
        if self.out.shows(&event) {
            let size = event.size();
            self.offer(Message::Show(event), size);
        }
    }

    /// Returns the colour setting of standard error.
    pub(super) fn error_paint(&self) -> Paint {
        self.out.error_paint()
    }

    /// Queues a note for standard error, unless `-q` was given.
    pub fn note(&self, message: &str) {
        self.diagnostic(Verbosity::Normal, "note", message);
    }

    /// Queues a warning for standard error, unless `-q` was given.
    pub fn warn(&self, message: &str) {
        self.diagnostic(Verbosity::Normal, "warning", message);
    }

    /// Queues a note for standard error if `-v` was given.
    pub fn detail(&self, message: &str) {
        self.diagnostic(Verbosity::Verbose, "note", message);
    }

    fn diagnostic(&self, verbosity: Verbosity, kind: &'static str, message: &str) {
        if self.out.verbosity() >= verbosity {
            self.print(self.out.diagnostic_line(kind, message));
        }
    }

    /// Queues text for standard error without blocking. Text that does not fit is dropped and
    /// counted, like an event.
    pub(super) fn print(&self, text: String) {
        let size = text.len();
        self.offer(Message::Text(text), size);
    }

    /// Returns whether more text may fit into the queue.
    pub(super) fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    /// Counts text that was not queued, because [`Self::has_room`] returned false.
    pub(super) fn lose(&self) {
        self.queue.lose();
    }

    /// Queues text for standard error that must not be lost. The caller awaits [`Self::printed`]
    /// before the next one.
    pub(super) fn print_all(&self, text: String) -> Ticket {
        self.require_printer();
        let size = text.len();
        self.queue.push(Message::Text(text), size)
    }

    /// Queues the session's prompt for the next line, and waits until it is printed.
    pub async fn prompt(&self) {
        self.require_printer();
        self.printed(self.queue.push(Message::Prompt, 0)).await;
    }

    /// Queues the session's prompt without waiting.
    pub fn send_prompt(&self) {
        self.offer(Message::Prompt, 0);
    }

    /// Queues the end of the interactive session, without waiting for the terminal.
    pub fn end_session(&self) {
        self.require_printer();
        self.queue.push(Message::EndSession, 0);
    }

    /// Waits until the text is printed, or nothing is printed any more.
    pub async fn printed(&self, text: Ticket) {
        self.queue.written(text).await;
    }

    /// Waits until everything queued so far is printed, or nothing is printed any more.
    pub async fn flush(&self) {
        self.queue.written(self.queue.last()).await;
    }

    fn offer(&self, message: Message, size: usize) {
        self.require_printer();
        self.queue.offer(message, size + MESSAGE_OVERHEAD);
    }

    /// Starts the printing thread, unless it was started before.
    fn require_printer(&self) {
        let Some(reader) = lock(&self.shared.reader).take() else { return };
        let (out, shared) = (self.out, Arc::clone(&self.shared));
        let printer = Printer { out, shared, stdout_failed: false };
        if let Err(error) = threads::start("events", move || printer.run(reader)) {
            let why = crate::reason::of_thread(error);
            let error = io::Error::other(format!("cannot start a thread: {why}"));
            self.shared.failure.record(error);
        }
    }

    /// Starts the printing thread.
    ///
    /// # Errors
    /// The kernel provides no thread, so no event would be printed.
    pub fn require_thread(&self) -> io::Result<()> {
        self.require_printer();
        self.shared.failure.get().map_or(Ok(()), Err)
    }

    /// Returns whether printing an event to standard output has failed.
    pub fn has_stdout_failed(&self) -> bool {
        self.shared.failure.get().is_some()
    }

    /// Waits until printing an event to standard output has failed, and returns the error.
    pub async fn stdout_failed(&self) -> io::Error {
        self.shared.stdout_failed.cancelled().await;
        self.shared.failure.get().unwrap_or_else(ThreadLost::error)
    }

    /// Queues an event that must not be lost, and waits until it is printed.
    ///
    /// # Errors
    /// Standard output cannot be written; the queue has ended, or its thread is lost.
    pub async fn deliver(&self, event: Event) -> Result<(), StdoutError> {
        let event = self.push(event);
        let is_printed = self.queue.written(event).await;
        self.result(is_printed)
    }

    /// Does the same as [`Self::deliver`], for a thread that may block.
    ///
    /// # Errors
    /// As for [`Self::deliver`].
    pub fn deliver_blocking(&self, event: Event) -> Result<(), StdoutError> {
        let event = self.push(event);
        self.result(self.queue.wait(event, None))
    }

    fn push(&self, event: Event) -> Ticket {
        self.require_printer();
        let size = event.size() + MESSAGE_OVERHEAD;
        self.queue.push(Message::Show(event), size)
    }

    fn result(&self, is_printed: bool) -> Result<(), StdoutError> {
        match self.shared.failure.get() {
            Some(failure) => Err(failure.into()),
            None if is_printed => Ok(()),
            None => Err(ThreadLost::error().into()),
        }
    }
}

impl fmt::Debug for PrinterState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrinterState").field("failure", &self.failure).finish_non_exhaustive()
    }
}

struct Printer {
    out: Output,
    shared: Arc<PrinterState>,
    /// Whether writing standard output has failed; after that, only diagnostics are printed.
    stdout_failed: bool,
}

impl Printer {
    fn run(mut self, reader: WriteQueueReader<Message>) {
        for message in reader {
            match message {
                Queued::Lost(count) => self.print(&Event::NotShown { count }),
                Queued::Item(Message::Show(event)) => self.print(&event),
                Queued::Item(Message::Text(text)) => {
                    self.out.terminal().print_diagnostics([text]);
                }
                Queued::Item(Message::Prompt) => self.out.prompt(),
                Queued::Item(Message::EndSession) => self.out.end_session(),
                Queued::Item(Message::End) => {}
            }
        }
    }

    /// Prints `event`, unless it is for standard output, which has failed.
    fn print(&mut self, event: &Event) {
        let is_lost = self.stdout_failed && self.out.is_json();
        if !is_lost && let Err(error) = self.out.event(event) {
            self.record_failure(error);
        }
    }

    /// Records the first failure of standard output, and warns of it if the program continues.
    fn record_failure(&mut self, error: StdoutError) {
        if std::mem::replace(&mut self.stdout_failed, true) {
            return;
        }
        if self.shared.when_gone == WhenGone::Warn {
            self.out.warn(&format!("{error}; continuing without it"));
        }
        self.shared.failure.record(error.into_io());
        self.shared.stdout_failed.cancel();
    }
}
