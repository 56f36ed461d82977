//! The counts of a bulk run, for its summary and its exit code.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::commands::resolve::bulk::line::BulkResult;
use crate::exit::Exit;
use crate::output::figures;

/// The results so far.
pub(super) struct Summary {
    started: Instant,
    by_status: BTreeMap<String, u64>,
    count: u64,
    failed: u64,
    exit: Exit,
}

impl Summary {
    pub(super) fn new() -> Self {
        let by_status = BTreeMap::new();
        Self { started: Instant::now(), by_status, count: 0, failed: 0, exit: Exit::Success }
    }

    /// Counts a result.
    pub(super) fn add(&mut self, result: &BulkResult) {
        match self.by_status.get_mut(&*result.status) {
            Some(count) => *count += 1,
            None => drop(self.by_status.insert(result.status.clone().into_owned(), 1)),
        }
        self.count += 1;
        // A negative answer is no failure.
        self.failed += u64::from(result.exit > Exit::Negative);
        self.exit = self.exit.max(result.exit);
    }

    /// Returns the time since the start, and the numbers of results and of failures.
    pub(super) fn so_far(&self) -> (Duration, u64, u64) {
        (self.started.elapsed(), self.count, self.failed)
    }

    /// Returns the highest exit code of all results.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the summary as text.
    pub(super) fn text(&self) -> String {
        let each = self.by_status.iter().map(|(status, count)| format!(", {count} {status}"));
        let time = self.started.elapsed();
        let s = if self.count == 1 { "" } else { "s" };
        format!("{} lookup{s} in {}{}", self.count, figures::time(time), each.collect::<String>())
    }
}
