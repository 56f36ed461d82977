//! Runs a scenario with many seeds. On a failure, the panic names the command that repeats it.

use std::any::Any;
use std::cell::RefCell;
use std::fmt::Debug;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::net::stream::sim::random::Random;

/// The schedules of a whole test run. Each scenario gets a share of them.
const SCHEDULES: u64 = 10_000;

/// The simulated time within which every schedule must end. No limit of sockkit is longer, so a
/// schedule that reaches it waits for a wake-up that was lost.
const HORIZON: Duration = Duration::from_hours(24);

/// The real time that one schedule may take: far longer than any needs. A schedule that reaches it
/// runs in a loop.
const REAL_LIMIT: Duration = Duration::from_mins(1);

thread_local! {
    /// What the current schedule reported of itself.
    static NOTES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes a fact of the current schedule, which is printed if the schedule fails.
pub(crate) fn note(fact: &impl Debug) {
    NOTES.with_borrow_mut(|notes| notes.push(format!("{fact:?}")));
}

/// Returns whether the run is large enough to meet rare states.
pub(crate) fn is_whole_run() -> bool {
    variable("SOCKKIT_SIM_RUNS").is_none_or(|runs| runs >= SCHEDULES)
}

/// Returns how many schedules a scenario runs whose share is `percent`; `SOCKKIT_SIM_RUNS` sets the
/// number for all scenarios.
pub(crate) fn count(percent: u64) -> u64 {
    (variable("SOCKKIT_SIM_RUNS").unwrap_or(SCHEDULES) * percent).div_ceil(100)
}

/// Runs `scenario` with `runs` seeds, from `SOCKKIT_SIM_SEED` or zero on. `test` is the name of the
/// calling test.
///
/// # Panics
/// A schedule fails.
pub(crate) fn run_schedules<F: Future<Output = ()>>(
    test: &str,
    runs: u64,
    scenario: impl Fn(Random) -> F,
) {
    let first = variable("SOCKKIT_SIM_SEED").unwrap_or(0);
    for seed in first..first + runs {
        let repeat = format!("SOCKKIT_SIM_SEED={seed} SOCKKIT_SIM_RUNS=1 cargo test --lib {test}");
        NOTES.take();
        let run = AssertUnwindSafe(|| run_schedule(scenario(Random::new(seed)), &repeat));
        if let Err(panic) = catch_unwind(run) {
            let (message, notes) = (text_of(&*panic), NOTES.take().join("\n"));
            panic!("schedule {seed} failed: {message}\n{notes}\n{repeat}");
        }
    }
}

fn run_schedule(scenario: impl Future<Output = ()>, repeat: &str) {
    let (done, running) = mpsc::channel::<()>();
    let repeat = repeat.to_owned();
    let watch = thread::spawn(move || {
        if running.recv_timeout(REAL_LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            // A loop cannot be ended otherwise.
            writeln!(std::io::stderr(), "a schedule does not end: {repeat}").ok();
            std::process::abort();
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let ended = runtime.block_on(async { tokio::time::timeout(HORIZON, scenario).await });
    drop(done);
    watch.join().unwrap();
    assert!(ended.is_ok(), "it did not end: a wake-up was lost");
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message")
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}
