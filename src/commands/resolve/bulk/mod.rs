//! Many names from a file or standard input: one result for each name and type, in the order of the
//! input or as they are known.

mod line;

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::commands::resolve::args::{Args, STANDARD_INPUT};
use crate::commands::resolve::bulk::line::BulkLine;
use crate::commands::resolve::plan::{Plan, look_up_name};
use crate::commands::resolve::request::Request;
use crate::dns::query_name::QueryName;
use crate::dns::record_type::RecordType;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::output::Output;
use crate::session::signals::{Hangup, SignalWatch};
use crate::{reason, threads};

/// The input of a bulk run, and how fast it is looked up.
pub(super) struct BulkInput {
    reader: Box<dyn Read + Send>,
    concurrency: usize,
    is_ordered: bool,
    rate: Option<u32>,
    name_timeout: Option<Duration>,
}

/// The most parts of the input that are read ahead of the lookups; each has at most 8 KiB.
const BATCHES_AHEAD: usize = 4;

/// The most results, as a multiple of the concurrency, that wait for an earlier one: some names
/// that time out do not stop the others, and memory stays bounded.
const RESULTS_AHEAD: usize = 40;

/// The longest line, in bytes: a name has at most 1004 with all octets escaped.
const MAX_LINE: u64 = 4096;

/// Opens the input, if the command line names one.
///
/// # Errors
/// The file cannot be opened, or an option does not fit.
pub(super) fn input(args: &Args, request: &Request) -> Result<Option<BulkInput>, Failure> {
    if !args.has_input() {
        if args.unordered || args.rate.is_some() {
            return Err(Failure::new(Exit::Usage, "--unordered and --rate apply only to --file"));
        }
        return Ok(None);
    }
    if args.short || args.compare || args.all || args.system {
        let message = "--file has one result for each name: it cannot be used with --short, --all, \
                       --compare or --system";
        return Err(Failure::new(Exit::Usage, message).hint("--json"));
    }
    debug_assert!(request.subjects.is_empty());
    let reader: Box<dyn Read + Send> = match &args.file {
        Some(path) if path != Path::new(STANDARD_INPUT) => {
            let file = File::open(path).map_err(|error| {
                let reason = reason::of(&error);
                Failure::new(Exit::File, format!("cannot open {}: {reason}", path.display()))
            })?;
            Box::new(file)
        }
        _ => Box::new(io::stdin()),
    };
    Ok(Some(BulkInput {
        reader,
        concurrency: args.concurrency,
        is_ordered: !args.unordered,
        rate: args.rate,
        name_timeout: args.name_timeout.0,
    }))
}

/// A name and a type to look up, or a line that is none.
enum Job {
    LookUp(QueryName, RecordType),
    Invalid(String, String),
}

/// A finished job.
type Done = oneshot::Receiver<BulkLine>;

/// Looks up all names of `input`, and prints the results.
///
/// # Errors
/// The input cannot be read, or standard output cannot be written.
pub(super) async fn run(input: BulkInput, plan: Arc<Plan>, out: Output) -> anyhow::Result<Exit> {
    let BulkInput { reader, concurrency, is_ordered, rate, name_timeout } = input;
    let signals = SignalWatch::watch(Hangup::Stops)?;
    let stop = signals.stop();
    let types = plan.types.clone();
    let mut batches = read_lines(reader)?;
    let permits = Arc::new(Semaphore::new(concurrency));
    let mut summary = Summary::default();
    let mut pace = Pace::of(rate);
    // With `is_ordered`, results are awaited in the order of the lines; otherwise each result comes
    // through the channel as soon as it is known.
    let mut in_order: VecDeque<Done> = VecDeque::new();
    let (sender, mut finished) = mpsc::channel::<BulkLine>(concurrency * RESULTS_AHEAD);
    let mut waiting: VecDeque<Job> = VecDeque::new();
    let mut running = 0_usize;
    let mut at_end = false;
    let mut read_error = None;
    while !(at_end && running == 0 && waiting.is_empty()) {
        let has_room = running < concurrency * RESULTS_AHEAD;
        tokio::select! {
            biased;
            () = stop.draining() => break,
            done = first(&mut in_order) => {
                in_order.pop_front();
                running -= 1;
                // A task fails only if it panics, which is a bug that the runtime has reported.
                if let Ok(line) = done {
                    summary.add(&line);
                    out.report(&line)?;
                }
            }
            Some(line) = finished.recv(), if !is_ordered && running > 0 => {
                running -= 1;
                summary.add(&line);
                out.report(&line)?;
            }
            () = pace.due(), if has_room && !waiting.is_empty() => {
                let Some(job) = waiting.pop_front() else { continue };
                pace.advance();
                running += 1;
                let (send_one, done) = oneshot::channel();
                let sender = sender.clone();
                let (plan, permits) = (Arc::clone(&plan), Arc::clone(&permits));
                tokio::spawn(async move {
                    let line = run_job(job, name_timeout, &permits, plan).await;
                    // The receiver is gone only after a signal.
                    if is_ordered {
                        send_one.send(line).ok();
                    } else {
                        sender.send(line).await.ok();
                    }
                });
                if is_ordered {
                    in_order.push_back(done);
                }
            }
            batch = batches.recv(), if !at_end && waiting.is_empty() => match batch {
                None => at_end = true,
                Some(Err(error)) => {
                    read_error = Some(error);
                    at_end = true;
                }
                Some(Ok(lines)) => {
                    waiting.extend(lines.iter().flat_map(|line| jobs(line, &types)));
                }
            }
        }
    }
    out.note(&summary.text());
    if let Some(error) = read_error {
        let message = format!("cannot read the names: {}", reason::of(&error));
        return Err(Failure::new(Exit::File, message).into());
    }
    Ok(signals.exit().unwrap_or(summary.exit))
}

/// Waits for the first job; for ever if there is none.
async fn first(in_order: &mut VecDeque<Done>) -> Result<BulkLine, oneshot::error::RecvError> {
    match in_order.front_mut() {
        Some(done) => done.await,
        None => std::future::pending().await,
    }
}

async fn run_job(
    job: Job,
    name_timeout: Option<Duration>,
    permits: &Semaphore,
    plan: Arc<Plan>,
) -> BulkLine {
    let (subject, record_type) = match job {
        Job::LookUp(subject, record_type) => (subject, record_type),
        Job::Invalid(text, error) => return BulkLine::invalid(text, error),
    };
    // Cannot fail, because the semaphore is never closed.
    let _permit = permits.acquire().await;
    let deadline = Deadline::maybe(name_timeout).earlier(plan.settings.deadline);
    let limit = deadline.remaining();
    let settings = Arc::clone(&plan);
    let result = look_up_name(subject, vec![record_type], deadline, plan).await;
    BulkLine::of(&result, &settings.settings, limit)
}

/// Returns the lookups that a line asks for.
fn jobs(line: &str, types: &[RecordType]) -> Vec<Job> {
    let mut words = line.split_whitespace();
    let Some(name) = words.next().filter(|name| !name.starts_with('#')) else {
        return Vec::new();
    };
    let own: Result<Vec<RecordType>, _> = words.map(str::parse).collect();
    let subject: Result<QueryName, _> = name.parse();
    match (subject, own) {
        (Err(error), _) => vec![Job::Invalid(line.trim().to_owned(), error.to_string())],
        (_, Err(error)) => vec![Job::Invalid(line.trim().to_owned(), error.to_string())],
        (Ok(subject), Ok(own)) => {
            let by_default = &subject.default_types()[..1];
            let types = [own.as_slice(), types, by_default].into_iter().find(|it| !it.is_empty());
            let types = types.unwrap_or_default().to_vec();
            types.into_iter().map(|kind| Job::LookUp(subject.clone(), kind)).collect()
        }
    }
}

/// Reads lines in a thread of its own, because reading a file or a terminal blocks. The lines that
/// one read brings are sent together, which saves waking the other thread for each.
fn read_lines(reader: Box<dyn Read + Send>) -> io::Result<mpsc::Receiver<io::Result<Vec<String>>>> {
    let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
    threads::start("names", move || {
        let mut reader = BufReader::new(reader);
        loop {
            let lines = read_batch(&mut reader);
            let is_last = lines.as_ref().map_or(true, Vec::is_empty);
            let is_end = lines.as_ref().is_ok_and(Vec::is_empty);
            // The receiver is gone only after a signal or a failed write.
            if is_end || sender.blocking_send(lines).is_err() || is_last {
                return;
            }
        }
    })
    .map_err(reason::of_thread)?;
    Ok(receiver)
}

/// Reads a line, and the further lines that are already in the buffer; none at the end.
fn read_batch(reader: &mut BufReader<Box<dyn Read + Send>>) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    while lines.is_empty() || reader.buffer().contains(&b'\n') {
        let mut line = Vec::new();
        if reader.take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        lines.push(String::from_utf8_lossy(&line).into_owned());
    }
    Ok(lines)
}

/// Spaces the starts of lookups evenly.
struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    fn of(rate: Option<u32>) -> Self {
        let interval = rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate);
        Self { interval, next: Instant::now() }
    }

    /// Waits until the next lookup may start.
    async fn due(&self) {
        if !self.interval.is_zero() {
            tokio::time::sleep_until(self.next.into()).await;
        }
    }

    /// Sets the time of the lookup after one that starts now.
    fn advance(&mut self) {
        self.next = self.next.max(Instant::now()) + self.interval;
    }
}

/// What the summary says.
struct Summary {
    started: Instant,
    by_status: BTreeMap<String, u64>,
    exit: Exit,
}

impl Default for Summary {
    fn default() -> Self {
        Self { started: Instant::now(), by_status: BTreeMap::new(), exit: Exit::Success }
    }
}

impl Summary {
    fn add(&mut self, line: &BulkLine) {
        *self.by_status.entry(line.status().to_owned()).or_default() += 1;
        self.exit = self.exit.max(line.exit());
    }

    fn text(&self) -> String {
        let count: u64 = self.by_status.values().sum();
        let each = self.by_status.iter().map(|(status, count)| format!(", {count} {status}"));
        let time = self.started.elapsed();
        format!("{count} lookups in {time:.1?}{}", each.collect::<String>())
    }
}
