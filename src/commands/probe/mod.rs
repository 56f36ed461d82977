//! `probe`: reports whether ports are open, closed, filtered or unreachable, waits for them, and
//! measures how they answer.

mod args;
mod attempt;
mod command;
mod jobs;
mod pictures;
mod plan;
mod repeat;
mod report;
mod result;
mod series;
mod statistics;
mod sweep;
mod targets;
mod tls;
mod verdict;
mod wait;

use std::sync::Arc;
use std::time::Duration;

pub(super) use crate::commands::probe::args::Args;
use crate::commands::probe::jobs::Hosts;
use crate::commands::probe::plan::ProbePlan;
use crate::commands::probe::repeat::RepeatSettings;
use crate::commands::probe::result::ProbeResult;
use crate::commands::probe::sweep::Swept;
use crate::commands::probe::verdict::Wish;
use crate::commands::probe::wait::WaitSettings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::address::targets::EndpointSet;
use crate::net::{Error, Stop, runtime};
use crate::output::{LiveLine, Output};
use crate::session::ending;
use crate::session::signals::{Hangup, SignalWatch};

/// The time from one probe to the next, unless `--interval` says otherwise.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let sets = targets::parse(args)?;
    let plan = Arc::new(ProbePlan::of(args, &sets)?);
    let runtime = runtime::runtime()?;
    let outcome = runtime.block_on(run_mode(args, &sets, &plan, out));
    // Does not wait for a thread that may still be blocked in the system's resolver.
    runtime.shutdown_background();
    let key_log = plan.tls.as_ref().and_then(|tls| tls.client.key_log());
    if let Some(Err(incomplete)) = key_log.map(|log| log.finish()) {
        out.warn(&incomplete.to_string());
    }
    match outcome? {
        Exit::Success if !args.command.is_empty() => {
            Err(command::replace_with(&args.command).into())
        }
        exit => Ok(exit),
    }
}

/// Probes once, waits or repeats, as the options say.
async fn run_mode(
    args: &Args,
    sets: &[EndpointSet],
    plan: &Arc<ProbePlan>,
    out: Output,
) -> anyhow::Result<Exit> {
    let wish = Wish { any: args.any, invert: args.invert };
    let signals = SignalWatch::watch(Hangup::Stops)?;
    let limit = plan.deadline.remaining();
    let _running = ending::end_if_blocked(out, limit, Some(signals.clone()));
    let stop = signals.stop();
    let is_quiet = !args.command.is_empty();
    // The plan has the limit of --wait as its deadline.
    let exit = if args.wait.is_some() {
        let stable = args.stable.unwrap_or_default();
        let settings = WaitSettings { stable, interval: args.interval, wish };
        let (results, exit) = wait::wait(sets, plan, settings, &stop, out).await?;
        if !is_quiet {
            report::print(&results, out)?;
        }
        exit
    } else if args.watch || args.count.is_some() {
        if is_quiet {
            let message = "-- CMD needs an end: it cannot be used with --count or --watch";
            return Err(Failure::new(Exit::Usage, message).hint("--wait DURATION -- CMD").into());
        }
        let interval = args.interval.unwrap_or(DEFAULT_INTERVAL);
        let settings = RepeatSettings { count: args.count, interval, wish };
        repeat::repeat(sets, plan, settings, &stop, out).await?
    } else {
        if args.interval.is_some() {
            let message = "--interval applies only to repeated probes";
            return Err(Failure::new(Exit::Usage, message).hint("--watch, -c N or --wait").into());
        }
        let swept = probe_once(sets, plan, &stop, out).await?;
        if !is_quiet {
            report::print(&swept.results, out)?;
        }
        // What was not probed because of a signal needs no error.
        if let Some(exit) = signals.exit() {
            return Ok(exit);
        }
        wish.conclude(&swept, plan.run_limit, out)
    };
    Ok(signals.exit().unwrap_or(exit))
}

/// Probes each port once.
async fn probe_once(
    sets: &[EndpointSet],
    plan: &Arc<ProbePlan>,
    stop: &Stop,
    out: Output,
) -> Result<Swept, Error> {
    let mut hosts = Hosts::default();
    hosts.resolve(sets, plan).await;
    let jobs = hosts.jobs(sets, plan.each);
    let line = LiveLine::start(out);
    let (mut done, mut open) = (0_u64, 0_u64);
    let total = u64::try_from(jobs.len()).unwrap_or(u64::MAX);
    let tell = |result: &ProbeResult| {
        done += 1;
        open += u64::from(result.is_as_wanted(false));
        if let Some(line) = &line {
            line.set(format!("{done} of {total} ports, {open} open"), Some((done, total)));
        }
    };
    sweep::sweep(&jobs, plan, stop, tell).await
}
