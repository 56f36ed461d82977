//! The end of a run with a queue of events: prints the last events and the error.

use std::time::Duration;

use crate::exit::Exit;
use crate::failure;
use crate::net::Deadline;
use crate::output::{EventQueue, Output};

/// Does the same as [`finish`] for a client: a reader of its output may delay the end until the
/// `deadline` of the run, but not after a signal.
pub(crate) fn finish_client(
    queue: EventQueue,
    out: Output,
    outcome: anyhow::Result<Exit>,
    deadline: Deadline,
) -> Exit {
    let left = match outcome {
        Ok(Exit::Signal(_)) => Some(Duration::ZERO),
        _ => deadline.remaining(),
    };
    finish(queue, out, outcome, left)
}

/// Prints what is left in `queue` and the error of `outcome`, and returns the exit code. If the run
/// has only the time `left`, a reader that takes nothing delays this by at most the allowance of
/// `out` after that, and the number of lost events is printed.
pub(crate) fn finish(
    queue: EventQueue,
    out: Output,
    outcome: anyhow::Result<Exit>,
    left: Option<Duration>,
) -> Exit {
    let printed = match left {
        None => queue.finish(None),
        Some(left) => out.allowance().wait(|limit| queue.finish(Some(left.max(limit)))),
    };
    let (unprinted, outcome) = match (printed, outcome) {
        (Ok(count), outcome) => (count, outcome),
        // The reader may close standard output; the run has its own result.
        (Err(error), Ok(exit)) if error.is_closed_by_reader() => (0, Ok(exit)),
        (Err(error), Ok(_)) => (0, Err(error.into())),
        (Err(_), outcome) => (0, outcome),
    };
    let (exit, error) = match outcome {
        Ok(exit) => (exit, None),
        Err(error) => failure::explain(&error),
    };
    out.end(unprinted, error, left.is_some());
    exit
}
