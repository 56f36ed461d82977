//! The end of a run with a queue of events: prints the last events and the error.

use std::time::Duration;

use crate::exit::Exit;
use crate::failure;
use crate::output::{EventQueue, Output};

/// After the deadline or a signal, how long to wait for a blocked reader of the last events.
pub(crate) const LAST_EVENTS_TIMEOUT: Duration = Duration::from_secs(1);

/// After the queue was given its time, how long standard error may take for the last lines.
const LAST_ERROR_TIMEOUT: Duration = Duration::from_millis(250);

/// Prints what is left in `queue` and the error of `outcome`, and returns the exit code. With
/// `limit`, a reader that takes nothing delays this by little more than `limit`, and the number of
/// lost events is printed.
pub(crate) fn finish(
    queue: EventQueue,
    out: Output,
    outcome: anyhow::Result<Exit>,
    limit: Option<Duration>,
) -> Exit {
    let (unprinted, outcome) = match (queue.finish(limit), outcome) {
        (Ok(count), outcome) => (count, outcome),
        (Err(error), Ok(_)) => (0, Err(error.into())),
        (Err(_), outcome) => (0, outcome),
    };
    let (exit, error) = match outcome {
        Ok(exit) => (exit, None),
        Err(error) => failure::explain(&error),
    };
    out.end(unprinted, error, limit.map(|_| LAST_ERROR_TIMEOUT));
    exit
}
