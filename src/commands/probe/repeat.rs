//! Repeating: probes each port again at an interval, and reports each result and the statistics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commands::probe::jobs::Hosts;
use crate::commands::probe::pictures;
use crate::commands::probe::plan::ProbePlan;
use crate::commands::probe::report::{self, ProbeReport};
use crate::commands::probe::result::ProbeResult;
use crate::commands::probe::series::Series;
use crate::commands::probe::statistics::{HistogramTable, SeriesReport, StatisticsTable};
use crate::commands::probe::sweep::sweep;
use crate::commands::probe::verdict::Wish;
use crate::exit::Exit;
use crate::net::Stop;
use crate::net::address::service_names::PortNames;
use crate::net::address::targets::EndpointSet;
use crate::output::{LiveLine, Output, StdoutError, figures};
use crate::text;

/// How often to probe.
#[derive(Clone, Copy, Debug)]
pub(super) struct RepeatSettings {
    /// How many times; `None` until stopped.
    pub(super) count: Option<u64>,
    /// The time from the start of a round to the start of the next.
    pub(super) interval: Duration,
    /// What is wanted.
    pub(super) wish: Wish,
}

/// Probes each port as often as the settings say, and prints the results and the statistics.
///
/// # Errors
/// This machine cannot open a socket, or standard output cannot be written.
pub(super) async fn repeat(
    sets: &[EndpointSet],
    plan: &Arc<ProbePlan>,
    settings: RepeatSettings,
    stop: &Stop,
    out: Output,
) -> anyhow::Result<Exit> {
    let RepeatSettings { count, interval, wish } = settings;
    let line = LiveLine::start(out);
    let names = PortNames::load();
    let mut hosts = Hosts::default();
    let mut all: Vec<(Series, ProbeResult)> = Vec::new();
    let (mut met, mut failed) = (false, false);
    let mut due = tokio::time::Instant::now();
    for seq in 1..=count.unwrap_or(u64::MAX) {
        hosts.resolve(sets, plan).await;
        let jobs = hosts.jobs(sets, plan.each);
        let swept = sweep(&jobs, plan, stop, |_| {}).await?;
        if !swept.is_complete() {
            break;
        }
        let now = Instant::now();
        // With --each, a name can have other addresses than before: the statistics begin anew.
        if all.len() != swept.total {
            all.clear();
        }
        for (at, result) in swept.results.iter().enumerate() {
            let time = result.finding.as_ref().ok().and_then(|finding| finding.time);
            match all.get_mut(at) {
                None => {
                    let mut series = Series::new(now);
                    series.add(time, now);
                    all.push((series, result.clone()));
                }
                Some((series, last)) => {
                    series.add(time, now);
                    last.clone_from(result);
                }
            }
            out.report(&ProbeReport::numbered(result, seq, &names))?;
        }
        let is_met = wish.is_met(&swept.results);
        (met, failed) = (met || is_met, failed || !is_met);
        hosts.forget_failed(&swept.results);
        if let Some(line) = &line {
            line.set(text::escape_lines(&live_text(&all)), None);
        }
        if count == Some(seq) {
            break;
        }
        due += interval;
        tokio::select! {
            biased;
            () = stop.draining() => break,
            () = plan.deadline.passed() => break,
            () = tokio::time::sleep_until(due) => {}
        }
        // After a probe that took longer than the interval, the missed rounds are left out.
        due = due.max(tokio::time::Instant::now() - interval);
    }
    drop(line);
    summarize(all, out)?;
    let is_success = if wish.any { met } else { met && !failed };
    Ok(if is_success { Exit::Success } else { Exit::Negative })
}

/// Returns the text of the live line: the last results of the port that was probed first.
fn live_text(all: &[(Series, ProbeResult)]) -> String {
    let [(series, result), others @ ..] = all else { return String::new() };
    let (sent, open) = series.counts();
    let strip = pictures::strip(series.strip().collect::<Vec<_>>().into_iter());
    let last = match &result.finding {
        Ok(finding) => match finding.time {
            Some(time) => figures::time(time),
            None => finding.state.to_string(),
        },
        Err(error) => error.to_string(),
    };
    let more = match others.len() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    format!("{strip} {last}, {open} of {sent} open{more}")
}

fn summarize(all: Vec<(Series, ProbeResult)>, out: Output) -> Result<(), StdoutError> {
    let now = Instant::now();
    let mut reports = Vec::with_capacity(all.len());
    let mut pictures = Vec::new();
    for (mut series, result) in all {
        let figures = series.figures(now);
        let report = SeriesReport::new(&result, figures);
        if out.is_json() {
            out.report(&report)?;
        } else {
            reports.push(report);
        }
        if out.draws_pictures() {
            pictures.push((report::target(&result), pictures::histogram(&series.sorted())));
        }
    }
    if out.is_json() || reports.is_empty() {
        return Ok(());
    }
    if out.is_table() {
        out.verbatim(b"\n")?;
    }
    out.report(&StatisticsTable { rows: reports })?;
    for (target, rows) in pictures {
        if !rows.is_empty() {
            out.report(&HistogramTable { target, rows })?;
        }
    }
    Ok(())
}
