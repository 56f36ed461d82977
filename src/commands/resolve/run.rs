//! Looks up the names of the command line, and reports each in their order.

use std::sync::Arc;

use crate::commands::resolve::plan::{Plan, look_up_name};
use crate::commands::resolve::report::compare;
use crate::commands::resolve::report::name_result::NameResult;
use crate::commands::resolve::report::verdict::Verdict;
use crate::commands::resolve::report::{LookupReport, ResolveReport, short_lines};
use crate::dns::lookup;
use crate::dns::name::query_name::QueryName;
use crate::exit::Exit;
use crate::net::Deadline;
use crate::output::Output;

/// Looks up the names concurrently, until the deadline, and returns the results in order.
pub(super) async fn look_up_all(
    subjects: Vec<QueryName>,
    deadline: Deadline,
    plan: &Arc<Plan>,
) -> anyhow::Result<Vec<NameResult>> {
    let start = |subject: QueryName| {
        let types = match &plan.types[..] {
            [] => subject.default_types().to_vec(),
            types => types.to_vec(),
        };
        tokio::spawn(look_up_name(subject, types, deadline, Arc::clone(plan)))
    };
    let pending: Vec<_> = subjects.into_iter().map(start).collect();
    let mut results = Vec::new();
    for result in pending {
        results.push(result.await?);
    }
    Ok(results)
}

/// Looks up the names of the command line, and reports them.
pub(super) async fn resolve(
    subjects: Vec<QueryName>,
    plan: Arc<Plan>,
    out: Output,
) -> anyhow::Result<Exit> {
    let results = look_up_all(subjects, plan.settings.deadline, &plan).await?;
    report(&results, &plan, out)
}

/// Prints the records of the results, and what is to be said about them; returns the exit code.
pub(super) fn report(results: &[NameResult], plan: &Plan, out: Output) -> anyhow::Result<Exit> {
    let by_default = plan.types.is_empty();
    let limit = plan.settings.limit.unwrap_or(lookup::SERVER_TIMEOUT);
    let mut exit = Exit::Success;
    let mut report = ResolveReport::default();
    for result in results {
        if plan.settings.short {
            out.verbatim(short_lines(result).as_bytes())?;
        } else {
            for lookup in &result.lookups {
                let entry = LookupReport::new(result, lookup, &plan.settings, limit);
                if out.is_json() {
                    out.report(&entry)?;
                } else {
                    report.lookups.push(entry);
                }
            }
        }
        let verdict = Verdict { result, limit, by_default, settings: &plan.settings };
        verdict.report(out);
        exit = exit.max(verdict.exit());
        if plan.settings.compare {
            for line in compare::differences(result) {
                out.note(&line);
            }
            exit = exit.max(compare::exit(result));
        }
        if plan.settings.with_system {
            for line in compare::system_differences(result) {
                out.note(&line);
            }
        }
    }
    if !out.is_json() && !plan.settings.short {
        out.report(&report)?;
    }
    Ok(exit)
}
