//! Many names from a file or standard input: one result for each name and type, in the order of the
//! input or as they are known.

mod line;
mod lookups;
mod names;
mod printer;
mod progress;
mod summary;

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::commands::resolve::bulk::line::BulkResult;
use crate::commands::resolve::bulk::lookups::Lookups;
use crate::commands::resolve::bulk::names::{BadLine, Job};
use crate::commands::resolve::bulk::printer::ResultPrinter;
use crate::commands::resolve::bulk::progress::BulkProgress;
use crate::commands::resolve::bulk::summary::Summary;
use crate::commands::resolve::plan::{Plan, look_up_name};
use crate::commands::resolve::request::Request;
use crate::commands::resolve::request::args::{Args, STANDARD_INPUT};
use crate::dns::message::record_type::RecordType;
use crate::dns::name::query_name::QueryName;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::net::deadline::Alarm;
use crate::output::Output;
use crate::reason;
use crate::session::ending;
use crate::session::signals::{Hangup, SignalWatch};

/// The input of a bulk run, and how fast it is looked up.
pub(super) struct BulkInput {
    reader: Box<dyn Read + Send>,
    /// Size in bytes, if it is a regular file.
    size: Option<u64>,
    concurrency: usize,
    is_ordered: bool,
    rate: Option<u32>,
    name_timeout: Option<Duration>,
}

/// The most results, as a multiple of the concurrency, that wait for an earlier one: some names
/// that time out do not stop the others, and memory stays bounded.
const RESULTS_AHEAD: usize = 40;

/// Opens the input, if the command line names one.
///
/// # Errors
/// The file cannot be opened, or an option does not fit.
pub(super) fn input(args: &Args, request: &Request) -> Result<Option<BulkInput>, Failure> {
    if !args.has_input() {
        return Ok(None);
    }
    if args.short {
        let message = "--short cannot be used with names from a file or standard input: their \
                       results need the name";
        return Err(Failure::new(Exit::Usage, message).hint("--plain"));
    }
    let of_few = [
        (args.all, "--all"),
        (args.compare, "--compare"),
        (args.system, "--system"),
        (args.expect.is_some(), "--expect"),
        (args.wait.is_some(), "--wait"),
        (args.watch.is_some(), "--watch"),
        (args.trace, "--trace"),
        (args.validate, "--validate"),
    ];
    if let Some((_, option)) = of_few.iter().find(|option| option.0) {
        let message = format!("{option} cannot be used with names from a file or standard input");
        return Err(Failure::new(Exit::Usage, message).hint("the names as arguments"));
    }
    debug_assert!(request.subjects.is_empty());
    let (reader, size): (Box<dyn Read + Send>, _) = match &args.file {
        Some(path) if path != Path::new(STANDARD_INPUT) => {
            let file = File::open(path).map_err(|error| {
                let reason = reason::of(&error);
                Failure::new(Exit::File, format!("cannot open {}: {reason}", path.display()))
            })?;
            let metadata = file.metadata().ok().filter(Metadata::is_file);
            (Box::new(file), metadata.map(|it| it.len()))
        }
        _ => (Box::new(io::stdin()), None),
    };
    Ok(Some(BulkInput {
        reader,
        size,
        concurrency: args.concurrency(),
        is_ordered: !args.unordered,
        rate: args.rate,
        name_timeout: args.name_timeout(),
    }))
}

/// Looks up all names of `input`, and prints the results.
///
/// # Errors
/// The input cannot be read, or standard output cannot be written.
pub(super) async fn run(input: BulkInput, plan: Plan, out: Output) -> anyhow::Result<Exit> {
    let plan = Arc::new(plan);
    let BulkInput { reader, size, concurrency, is_ordered, rate, name_timeout } = input;
    let signals = SignalWatch::watch(Hangup::Stops)?;
    let _running = ending::end_if_blocked(out, None, Some(signals.clone()));
    let stop = signals.stop();
    let deadline = plan.settings.deadline;
    let over = async {
        tokio::select! {
            () = stop.draining() => {}
            () = deadline.passed() => {}
        }
    };
    let mut over = pin!(over);
    let mut batches = names::read(reader, plan.types.clone())?;
    let mut printer = ResultPrinter::start(out)?;
    let permits = Arc::new(Semaphore::new(concurrency));
    let mut pace = Pace::of(rate);
    let mut lookups = Lookups::new(is_ordered);
    let mut waiting = Vec::new().into_iter();
    let mut summary = Summary::new();
    let mut progress = BulkProgress::start(out, size);
    let mut position = 0;
    let mut at_end = false;
    let mut read_error = None;
    while !(at_end && waiting.len() == 0 && lookups.len() == 0) {
        let may_start = waiting.len() > 0 && lookups.len() < concurrency * RESULTS_AHEAD;
        tokio::select! {
            biased;
            () = &mut over => break,
            () = progress.due() => progress.update(&summary, position),
            done = lookups.next(), if printer.has_room() => {
                let Some((result, end)) = done else { continue };
                position = position.max(end);
                summary.add(&result);
                printer.add(&result.text);
            }
            permit = pace.permit(&permits), if may_start => {
                let Some(Job { question, end }) = waiting.next() else { continue };
                let lookup = look_up(question, permit, name_timeout, Arc::clone(&plan), out);
                lookups.start(async move { (lookup.await, end) });
            }
            batch = batches.recv(), if !at_end && waiting.len() == 0 => match batch {
                Some(Ok(jobs)) => waiting = jobs.into_iter(),
                Some(Err(error)) => {
                    read_error = Some(error);
                    at_end = true;
                }
                None => at_end = true,
            },
            written = printer.print(), if printer.has_unprinted() => written?,
        }
    }
    let is_complete = at_end && waiting.len() == 0 && lookups.len() == 0;
    printer.finish(&stop, deadline, out.allowance()).await?;
    drop(progress);
    out.note(&summary.text());
    if !is_complete && deadline.has_passed() && signals.exit().is_none() {
        let message = "timed out (--timeout) before all names were looked up";
        return Err(Failure::new(Exit::TimedOut, message).into());
    }
    if let Some(error) = read_error {
        let message = format!("cannot read the names: {}", reason::of(&error));
        return Err(Failure::new(Exit::File, message).into());
    }
    Ok(signals.exit().unwrap_or_else(|| summary.exit()))
}

/// Looks up a name and a type, and returns the result.
async fn look_up(
    question: Result<(QueryName, RecordType), BadLine>,
    _permit: Option<OwnedSemaphorePermit>,
    name_timeout: Option<Duration>,
    plan: Arc<Plan>,
    out: Output,
) -> BulkResult {
    let (subject, record_type) = match question {
        Ok(question) => question,
        Err(bad) => return BulkResult::bad_line(&bad, out),
    };
    let deadline = Deadline::maybe(name_timeout).earlier(plan.settings.deadline);
    let limit = deadline.remaining();
    // On the heap, because the task is moved several times before it starts.
    let lookup = Box::pin(look_up_name(subject, vec![record_type], deadline, Arc::clone(&plan)));
    let result = lookup.await;
    BulkResult::of(&result, &plan.settings, limit, out)
}

/// How far the starts of lookups may be behind their times to be made up for. The timers of the
/// runtime have a resolution of 1 ms, in which several lookups can be due.
const MAX_BEHIND: Duration = Duration::from_millis(10);

/// Spaces the starts of lookups evenly.
struct Pace {
    interval: Duration,
    next: Instant,
    alarm: Alarm,
}

impl Pace {
    fn of(rate: Option<u32>) -> Self {
        let interval = rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate);
        Self { interval, next: Instant::now(), alarm: Alarm::default() }
    }

    /// Waits until the next lookup may start.
    async fn permit(&mut self, permits: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        if !self.interval.is_zero() {
            self.alarm.passed().await;
        }
        let permit = Arc::clone(permits).acquire_owned().await;
        // From here on, this is not cancelled.
        if !self.interval.is_zero() {
            let now = Instant::now();
            let earliest = now.checked_sub(MAX_BEHIND).unwrap_or(now);
            self.next = self.next.max(earliest) + self.interval;
            self.alarm.set(Deadline::at(self.next));
        }
        // Never fails, because the semaphore is not closed.
        permit.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the time until this number of lookups have started.
    async fn time_of(starts: u32, pace: &mut Pace) -> Duration {
        let permits = Arc::new(Semaphore::new(1));
        let begin = Instant::now();
        for _ in 0..starts {
            drop(pace.permit(&permits).await);
        }
        begin.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_reached_but_not_exceeded_also_if_it_is_above_that_of_the_timers() {
        for rate in [2, 900, 5000] {
            let time = time_of(2 * rate, &mut Pace::of(Some(rate))).await;
            assert!((1400..=2050).contains(&time.as_millis()), "{rate}/s: {time:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_of_the_input_is_not_made_up_for() {
        let mut pace = Pace::of(Some(1000));
        time_of(10, &mut pace).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let time = time_of(100, &mut pace).await;
        assert!(time >= Duration::from_millis(85), "{time:?}");
    }
}
