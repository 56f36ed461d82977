//! The end of a run with a queue of events: prints the last events and the error.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::failure;
use crate::net::Deadline;
use crate::output::{ErrorReport, EventQueue, Output};
use crate::session::signals::SignalWatch;
use crate::{sys, threads};

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

/// How often to look whether an output is blocked.
const BLOCKED_CHECK: Duration = Duration::from_millis(200);

/// After the deadline or a signal, how long an output must have taken nothing.
const BLOCKED_TIMEOUT: Duration = Duration::from_secs(1);

/// Ends the process if standard output or standard error takes nothing and so keeps a command that
/// prints directly from ending, `limit` from now or after a signal. The command must keep what this
/// returns until it ends.
pub(crate) fn end_if_blocked(
    out: Output,
    limit: Option<Duration>,
    signals: Option<SignalWatch>,
) -> Sender<()> {
    let (running, ended) = mpsc::channel();
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let watch = move || {
        while ended.recv_timeout(BLOCKED_CHECK) == Err(RecvTimeoutError::Timeout) {
            let signal = signals.as_ref().and_then(SignalWatch::exit);
            let is_late = deadline.is_some_and(|deadline| deadline <= Instant::now());
            let is_blocked = out.blocked_for().is_some_and(|time| time >= BLOCKED_TIMEOUT);
            if !is_blocked || !(is_late || signal.is_some()) {
                continue;
            }
            let exit = signal.unwrap_or(Exit::TimedOut);
            let report = signal.is_none().then(|| ErrorReport {
                code: exit.code(),
                message: "timed out (--timeout): the output takes nothing".to_owned(),
                ..ErrorReport::default()
            });
            out.end(0, report, true);
            sys::exit_now(exit.code());
        }
    };
    // Without a thread, the command ends when its output takes everything.
    threads::start("blocked output", watch).ok();
    running
}
