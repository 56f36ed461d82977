//! Whether the results are what the user wants, and the exit code.

use std::time::Duration;

use crate::commands::probe::result::ProbeResult;
use crate::commands::probe::sweep::Swept;
use crate::exit::Exit;
use crate::failure;
use crate::net::Error;
use crate::net::address::names::NameError;
use crate::output::{ErrorReport, Output};

/// What the user wants to find.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// Whether one port is enough.
    pub(super) any: bool,
    /// Whether the ports are to be shut instead of open.
    pub(super) invert: bool,
}

impl Wish {
    /// Returns whether the results are as wanted.
    pub(super) fn is_met(self, results: &[ProbeResult]) -> bool {
        let mut results = results.iter();
        let wanted = |result: &ProbeResult| result.is_as_wanted(self.invert);
        if self.any { results.any(wanted) } else { results.all(wanted) }
    }

    /// Reports what prevented a result, and returns the exit code.
    pub(super) fn conclude(self, swept: &Swept, limit: Option<Duration>, out: Output) -> Exit {
        if self.any && self.is_met(&swept.results) {
            return Exit::Success;
        }
        let mut exit = Exit::Success;
        for tls in swept.results.iter().filter_map(|result| result.tls.as_ref()) {
            if let Some(problem) = tls.problem.as_ref().filter(|_| !self.invert) {
                let (code, report) = failure::explain(problem);
                exit = exit.max(code);
                if let Some(report) = report {
                    out.error(&report);
                }
            }
        }
        let mut unresolved: Vec<String> = Vec::new();
        for result in &swept.results {
            let (Some(host), Err(error)) = (&result.host, &result.finding) else { continue };
            let name = host.to_string();
            if unresolved.contains(&name) {
                continue;
            }
            let error = Error::Name { name: name.clone(), source: NameError::clone(error) };
            unresolved.push(name);
            if let (_, Some(report)) = failure::explain(&error.into()) {
                out.error(&report);
            }
            exit = exit.max(Exit::NameNotResolved);
        }
        if !swept.is_complete() {
            let (probed, total) = (swept.results.len(), swept.total);
            let limit = limit.map(|limit| format!(" in {limit:?}")).unwrap_or_default();
            out.error(&ErrorReport {
                code: Exit::TimedOut.code(),
                message: format!("only {probed} of {total} ports were probed{limit}"),
                cause: None,
                hint: Some("a longer --timeout, or a shorter --connect-timeout".to_owned()),
            });
            exit = exit.max(Exit::TimedOut);
        }
        match exit {
            Exit::Success if !self.is_met(&swept.results) => Exit::Negative,
            exit => exit,
        }
    }
}
