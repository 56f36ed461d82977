//! Looking up again: until there is an answer, or to see what changes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;

use crate::commands::resolve::plan::Plan;
use crate::commands::resolve::report::name_result::NameResult;
use crate::commands::resolve::report::{compare, outcome};
use crate::commands::resolve::request::args::Args;
use crate::commands::resolve::request::settings::Strategy;
use crate::commands::resolve::run::{look_up_all, report};
use crate::dns::lookup::Lookup;
use crate::dns::name::query_name::QueryName;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::output::{ErrorReport, Output};
use crate::session::ending;
use crate::session::signals::{Hangup, SignalWatch};

/// What to look for, and how often.
pub(super) struct WatchSettings {
    expected: Option<String>,
    wait: Option<Duration>,
    watch: Option<Duration>,
    name_timeout: Option<Duration>,
}

/// The time between two lookups of `--wait`: fast enough for a script, and not a flood.
const WAIT_INTERVAL: Duration = Duration::from_secs(1);

/// How the time of a change is shown: local time with the offset from UTC.
const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S %:z";

/// The shortest interval of `--watch`.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

impl WatchSettings {
    /// Returns the settings if an option asks to look up again, or to expect a value.
    ///
    /// # Errors
    /// An interval is too short.
    pub(super) fn of(args: &Args) -> Result<Option<Self>, Failure> {
        if args.expect.is_none() && args.wait.is_none() && args.watch.is_none() {
            return Ok(None);
        }
        if args.watch.is_some_and(|interval| interval < MIN_INTERVAL) {
            let message = format!("--watch is shorter than {MIN_INTERVAL:?}");
            return Err(Failure::new(Exit::Usage, message).hint("--watch 5s"));
        }
        if args.wait.is_some_and(|wait| wait.is_zero()) {
            let message = "--wait 0s leaves no time for a query";
            return Err(Failure::new(Exit::Usage, message).hint("--wait 30s"));
        }
        Ok(Some(Self {
            expected: args.expect.clone(),
            wait: args.wait,
            watch: args.watch,
            name_timeout: args.name_timeout(),
        }))
    }

    /// Returns whether the results are what the user waits for: each name has a record, or the
    /// expected one, and the servers agree if their answers are compared.
    fn is_met(&self, results: &[NameResult], plan: &Plan) -> bool {
        results.iter().all(|result| self.has_record(result, plan))
            && compared(results, plan) == Exit::Success
    }

    /// Returns whether a name has a record, or the expected one. Of several servers that are all
    /// asked, each must have the expected one.
    fn has_record(&self, result: &NameResult, plan: &Plan) -> bool {
        let Some(expected) = &self.expected else {
            return result.lookups.iter().any(|lookup| outcome::exit(lookup) == Exit::Success);
        };
        let is_as_expected = |lookup: &Lookup| lookup.data().any(|data| is_same(data, expected));
        if plan.settings.strategy != Strategy::Each {
            return result.lookups.iter().any(is_as_expected);
        }
        compare::types(result).into_iter().any(|record_type| {
            let mut of_type =
                result.lookups.iter().filter(|it| it.question.record_type == record_type);
            of_type.all(is_as_expected)
        })
    }
}

/// Returns the exit code of the comparison of servers; success if there is none.
fn compared(results: &[NameResult], plan: &Plan) -> Exit {
    let exits = results.iter().filter(|_| plan.settings.compare).map(compare::exit);
    exits.max().unwrap_or(Exit::Success)
}

/// Returns whether `data` is the expected text: a name also without its final dot, and a string
/// also without its quotes.
fn is_same(data: &str, expected: &str) -> bool {
    // The root has no form without the dot.
    let bare = data.strip_suffix('.').filter(|bare| !bare.is_empty()).unwrap_or(data);
    let unquoted = data.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    [Some(data), Some(bare), unquoted]
        .into_iter()
        .flatten()
        .any(|form| form.eq_ignore_ascii_case(expected))
}

/// Looks up the names once, or again and again, as the settings say.
///
/// # Errors
/// Standard output cannot be written.
pub(super) async fn run(
    subjects: Vec<QueryName>,
    settings: WatchSettings,
    plan: Arc<Plan>,
    out: Output,
) -> anyhow::Result<Exit> {
    let signals = SignalWatch::watch(Hangup::Stops)?;
    let stop = signals.stop();
    let run = plan.settings.deadline;
    let end = Deadline::maybe(settings.wait).earlier(run);
    let _running = ending::end_if_blocked(out, end.remaining(), Some(signals.clone()));
    let mut shown: Option<Vec<Vec<String>>> = None;
    let mut last: Option<Vec<NameResult>> = None;
    loop {
        let deadline = Deadline::maybe(settings.name_timeout).earlier(end);
        let mut results = tokio::select! {
            biased;
            () = stop.draining() => break,
            results = look_up_all(subjects.clone(), deadline, &plan) => results?,
        };
        let is_over = end.has_passed();
        if settings.watch.is_some() {
            let now = contents(&results);
            // A lookup that the end of the run cut off says nothing about a change.
            if !is_over && shown.as_ref() != Some(&now) {
                if shown.is_some() {
                    out.note(&format!("changed at {}", Zoned::now().strftime(TIME_FORMAT)));
                }
                report(&results, &plan, out)?;
                shown = Some(now);
            }
        } else if is_over || settings.wait.is_none() || settings.is_met(&results, &plan) {
            if is_over && let Some(before) = last {
                results = before;
            }
            return conclude(&settings, &results, &plan, out);
        }
        last = Some(results);
        let pause = settings.watch.unwrap_or(WAIT_INTERVAL);
        tokio::select! {
            biased;
            () = stop.draining() => break,
            () = end.passed() => {
                return match (settings.watch, last) {
                    (None, Some(results)) => conclude(&settings, &results, &plan, out),
                    _ => Ok(Exit::Success),
                };
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
    Ok(signals.exit().unwrap_or(Exit::Success))
}

/// Reports the last results, and returns whether they are what the user waits for.
fn conclude(
    settings: &WatchSettings,
    results: &[NameResult],
    plan: &Plan,
    out: Output,
) -> anyhow::Result<Exit> {
    let mut exit = report(results, plan, out)?;
    if settings.is_met(results, plan) {
        return Ok(Exit::Success);
    }
    exit = if settings.wait.is_some() { Exit::TimedOut } else { exit.max(Exit::Negative) };
    let within = settings.wait.map(|limit| format!(" within {limit:?}"));
    let within = within.unwrap_or_default();
    let mut messages: Vec<String> = Vec::new();
    for result in results.iter().filter(|result| !settings.has_record(result, plan)) {
        let given = &result.subject.given;
        let server = match plan.settings.strategy {
            Strategy::Each if plan.servers.len() > 1 => " from every server",
            _ => "",
        };
        messages.push(match &settings.expected {
            Some(expected) => {
                format!("{given} has no record with the data {expected:?}{server}{within}")
            }
            None => format!("{given} has no record{within}"),
        });
    }
    if messages.is_empty() && settings.wait.is_some() {
        messages.push(format!("the servers' answers did not become the same{within}"));
    }
    for message in messages {
        out.error(&ErrorReport { code: exit.code(), message, ..ErrorReport::default() });
    }
    Ok(exit)
}

/// Returns what counts as a change: the status and the data of each lookup.
fn contents(results: &[NameResult]) -> Vec<Vec<String>> {
    let lookups = results.iter().flat_map(|result| &result.lookups);
    let content = |lookup| {
        let mut content = vec![outcome::status(lookup).into_owned()];
        content.extend(lookup.data().map(str::to_owned));
        content[1..].sort();
        content
    };
    lookups.map(content).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expected_value_ignores_case_a_final_dot_and_quotes() {
        assert!(is_same("192.0.2.1", "192.0.2.1"));
        assert!(is_same("10 Mail.Example.", "10 mail.example"));
        assert!(is_same("\"v=spf1 -all\"", "v=spf1 -all"));
        assert!(!is_same("192.0.2.1", "192.0.2.10"));
        // An APL record without items has empty data.
        assert!(is_same("", "") && is_same("\"\"", "") && !is_same(".", ""));
    }
}
