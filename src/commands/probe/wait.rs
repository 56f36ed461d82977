//! Waiting: probes again until the ports are as wanted, for as long as `--stable` says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commands::probe::jobs::Hosts;
use crate::commands::probe::plan::ProbePlan;
use crate::commands::probe::report;
use crate::commands::probe::result::ProbeResult;
use crate::commands::probe::sweep::sweep;
use crate::commands::probe::verdict::Wish;
use crate::exit::Exit;
use crate::net::Stop;
use crate::net::address::targets::EndpointSet;
use crate::output::{ErrorReport, LiveLine, Output, figures};
use crate::text;

/// What to wait for.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitSettings {
    /// How long the ports must stay as wanted.
    pub(super) stable: Duration,
    /// The pause between two probes; `None` for a backoff.
    pub(super) interval: Option<Duration>,
    /// What is wanted.
    pub(super) wish: Wish,
}

/// The pause after the first probe, doubled after each further one up to [`LONGEST_WAIT_PAUSE`].
const FIRST_WAIT_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between two probes: a program that waits starts within a second.
const LONGEST_WAIT_PAUSE: Duration = Duration::from_secs(1);

/// How many ports a message names.
const MAX_NAMED: usize = 3;

/// Probes the ports until they are as wanted; returns the last results, and the exit code of a
/// wait that ended without success.
///
/// # Errors
/// This machine cannot open a socket.
pub(super) async fn wait(
    sets: &[EndpointSet],
    plan: &Arc<ProbePlan>,
    settings: WaitSettings,
    stop: &Stop,
    out: Output,
) -> anyhow::Result<(Vec<ProbeResult>, Exit)> {
    let WaitSettings { stable, wish, .. } = settings;
    let begun = Instant::now();
    let line = LiveLine::start(out);
    let mut pause = settings.interval.unwrap_or(FIRST_WAIT_PAUSE);
    let mut hosts = Hosts::default();
    let mut wanted_since: Option<Instant> = None;
    let mut last: Vec<ProbeResult> = Vec::new();
    let mut has_told = false;
    loop {
        hosts.resolve(sets, plan).await;
        let started = Instant::now();
        let swept = sweep(&hosts.jobs(sets, plan.each), plan, stop, |_| {}).await?;
        if !swept.is_complete() {
            break;
        }
        last = swept.results;
        hosts.forget_failed(&last);
        let rest = if wish.is_met(&last) {
            let since = *wanted_since.get_or_insert_with(Instant::now);
            // A probe that began earlier does not prove that the port was open all the time.
            let lasted = started.saturating_duration_since(since);
            if lasted >= stable {
                if has_told {
                    let after = figures::time(begun.elapsed());
                    out.note(&format!("{} after {after}", met(&last, wish)));
                }
                return Ok((last, Exit::Success));
            }
            stable.saturating_sub(lasted)
        } else {
            wanted_since = None;
            LONGEST_WAIT_PAUSE.max(pause)
        };
        if wanted_since.is_none() && !std::mem::replace(&mut has_told, true) {
            out.note(&format!("waiting: {}", unmet(&last, wish)));
        }
        if let Some(line) = &line {
            let elapsed = figures::time(begun.elapsed());
            line.set(text::escape_lines(&format!("{elapsed}: {}", unmet(&last, wish))), None);
        }
        tokio::select! {
            biased;
            () = stop.draining() => break,
            () = plan.deadline.passed() => break,
            () = tokio::time::sleep(pause.min(rest)) => {}
        }
        if settings.interval.is_none() {
            pause = (pause * 2).min(LONGEST_WAIT_PAUSE);
        }
    }
    drop(line);
    if stop.is_draining() {
        // The caller knows the signal.
        return Ok((last, Exit::Negative));
    }
    let limit = figures::time(begun.elapsed());
    let what = if last.is_empty() { "no result".to_owned() } else { unmet(&last, wish) };
    out.error(&ErrorReport {
        code: Exit::TimedOut.code(),
        message: format!("gave up after {limit}: {what}"),
        cause: None,
        hint: Some("a longer --wait, or check the server with `sockkit probe`".to_owned()),
    });
    Ok((last, Exit::TimedOut))
}

/// Describes the ports that are not as wanted.
fn unmet(results: &[ProbeResult], wish: Wish) -> String {
    let unmet: Vec<&ProbeResult> =
        results.iter().filter(|result| !result.is_as_wanted(wish.invert)).collect();
    let Some(more) = unmet.len().checked_sub(MAX_NAMED).filter(|more| *more > 0) else {
        return match &unmet[..] {
            // The ports are as wanted, but not for long enough.
            [] => met(results, wish),
            some => some.iter().map(|it| described(it)).collect::<Vec<_>>().join(", "),
        };
    };
    let named: Vec<String> = unmet.iter().take(MAX_NAMED).map(|it| described(it)).collect();
    format!("{} and {more} more", named.join(", "))
}

fn described(result: &ProbeResult) -> String {
    let target = report::target(result);
    match &result.finding {
        Ok(finding) => format!("{target} is {} ({})", finding.state, finding.reason),
        Err(error) => format!("{target}: {error}"),
    }
}

/// Describes ports that are as wanted.
fn met(results: &[ProbeResult], wish: Wish) -> String {
    let state = if wish.invert { "shut" } else { "open" };
    match results {
        [result] => format!("{} is {state}", report::target(result)),
        results if wish.any => {
            let first = results.iter().find(|result| result.is_as_wanted(wish.invert));
            format!("{} is {state}", first.map(report::target).unwrap_or_default())
        }
        results => format!("all {} ports are {state}", results.len()),
    }
}
