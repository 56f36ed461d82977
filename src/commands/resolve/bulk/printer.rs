//! Prints the results of a bulk run in a thread of its own, so that a slow reader of standard
//! output delays no lookup and no signal.

use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::allowance::Allowance;
use crate::net::deadline::Alarm;
use crate::net::{Deadline, Stop};
use crate::output::{Output, StdoutError};
use crate::threads::{FirstError, ThreadLost};
use crate::write_queue::{Queued, Ticket, WriteQueue};
use crate::{reason, threads};

/// The most bytes of results that wait for the previous write: with that many, no more lookups
/// finish until standard output takes them.
const MAX_UNPRINTED: usize = 256 * 1024;

/// From this size on, results are printed at once.
const BATCH_SIZE: usize = 8 * 1024;

/// How long fewer results wait for others, because waking the thread for each costs more than the
/// lookup.
const BATCH_TIME: Duration = Duration::from_millis(5);

/// Prints text to standard output: while one write is in progress, the next one is collected.
pub(super) struct ResultPrinter {
    queue: WriteQueue<String>,
    last: Ticket,
    failure: Arc<FirstError>,
    collected: String,
    /// Ends the wait for more results.
    alarm: Alarm,
}

impl ResultPrinter {
    /// Starts the thread.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(out: Output) -> io::Result<Self> {
        let (queue, reader) = WriteQueue::new(MAX_UNPRINTED);
        let failure = Arc::<FirstError>::default();
        let failed = Arc::clone(&failure);
        threads::start("results", move || {
            for text in reader {
                if let Queued::Item(text) = text
                    && let Err(error) = out.verbatim(String::as_bytes(&text))
                {
                    failed.record(error.into_io());
                    return;
                }
            }
        })
        .map_err(reason::of_thread)?;
        let alarm = Alarm::default();
        Ok(Self { queue, last: Ticket::default(), failure, collected: String::new(), alarm })
    }

    /// Returns whether there is room for another result.
    pub(super) fn has_room(&self) -> bool {
        self.collected.len() < MAX_UNPRINTED
    }

    /// Returns whether results are waiting for [`Self::print`].
    pub(super) fn has_unprinted(&self) -> bool {
        !self.collected.is_empty()
    }

    /// Adds the text of a result.
    pub(super) fn add(&mut self, text: &str) {
        if self.collected.is_empty() {
            self.alarm.set(Deadline::after(BATCH_TIME));
        }
        self.collected.push_str(text);
    }

    /// Waits until there are enough results for a write, and the previous one is complete; then
    /// starts it.
    ///
    /// # Errors
    /// The previous write failed.
    pub(super) async fn print(&mut self) -> Result<(), StdoutError> {
        if self.collected.len() < BATCH_SIZE {
            self.alarm.passed().await;
        }
        self.print_now().await
    }

    /// Prints what is left, and waits until it is written. After `stop` or the `deadline`, an
    /// output that takes nothing delays this by at most what is left of `allowance`.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(super) async fn finish(
        mut self,
        stop: &Stop,
        deadline: Deadline,
        allowance: &Allowance,
    ) -> Result<(), StdoutError> {
        let write = async {
            self.print_now().await?;
            self.written().await
        };
        let give_up = async {
            tokio::select! {
                () = stop.draining() => {}
                () = deadline.passed() => {}
            }
            allowance.used_up().await;
        };
        tokio::select! {
            biased;
            written = write => written,
            () = give_up => Ok(()),
        }
    }

    async fn print_now(&mut self) -> Result<(), StdoutError> {
        self.written().await?;
        let text = mem::take(&mut self.collected);
        self.last = self.queue.push(text, 0);
        Ok(())
    }

    async fn written(&self) -> Result<(), StdoutError> {
        if self.queue.written(self.last).await {
            return Ok(());
        }
        Err(self.failure.get().unwrap_or_else(ThreadLost::error).into())
    }
}
