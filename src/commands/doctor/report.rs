//! The checks and the conclusion as a table, as JSON and as Markdown.

use std::fmt::Write as _;

use jiff::Zoned;
use serde::Serialize;

use crate::commands::doctor::check::{Check, CheckResult, Layer};
use crate::commands::doctor::diagnosis::Conclusion;
use crate::host::identity;
use crate::output::{Cell, Output, Report, Table, figures};
use crate::text;

/// Everything that the run found.
pub(super) struct DoctorReport<'a> {
    pub(super) target: Option<&'a str>,
    pub(super) checks: &'a [Check],
    pub(super) conclusion: &'a Conclusion,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "check")]
struct CheckReport<'a> {
    layer: Layer,
    name: &'a str,
    result: CheckResult,
    detail: &'a str,
    time_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "conclusion")]
struct ConclusionReport<'a> {
    ok: bool,
    layer: Option<Layer>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// The tables; JSON has a line for each check instead.
#[derive(Debug, Serialize)]
struct TextReport {
    #[serde(skip)]
    tables: Vec<Table>,
}

impl Report for TextReport {
    fn tables(&self) -> Vec<Table> {
        self.tables.clone()
    }
}

impl Report for CheckReport<'_> {
    fn tables(&self) -> Vec<Table> {
        Vec::new()
    }
}

impl Report for ConclusionReport<'_> {
    fn tables(&self) -> Vec<Table> {
        Vec::new()
    }
}

impl DoctorReport<'_> {
    /// Prints the report.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(super) fn print(&self, out: Output) -> anyhow::Result<()> {
        if !out.is_json() {
            return Ok(out.report(&TextReport { tables: self.tables() })?);
        }
        for check in self.checks {
            let Check { layer, name, result, detail, time, .. } = check;
            let hint = check.shown_hint();
            let time_us = time.map(|it| u64::try_from(it.as_micros()).unwrap_or(u64::MAX));
            let (layer, result) = (*layer, *result);
            out.report(&CheckReport { layer, name, result, detail, time_us, hint })?;
        }
        let Conclusion { ok, layer, message, hint } = self.conclusion;
        let (ok, layer, hint) = (*ok, *layer, hint.as_deref());
        Ok(out.report(&ConclusionReport { ok, layer, message, hint })?)
    }

    fn tables(&self) -> Vec<Table> {
        let row = |check: &Check| -> Vec<Cell> {
            vec![
                Cell::from(check.layer.name()),
                Cell::from(check.result.name()),
                Cell::from(&check.name),
                Cell::from(time(check)),
                Cell::escaped(&check.detail),
            ]
        };
        let checks = Table {
            label: Some("check"),
            header: vec!["LAYER", "RESULT", "CHECK", "TIME", "EVIDENCE"],
            rows: self.checks.iter().map(row).collect(),
            ..Table::default()
        };
        let mut rows =
            vec![vec![Cell::from(self.heading()), Cell::escaped(&self.conclusion.message)]];
        if let Some(hint) = &self.conclusion.hint {
            rows.push(vec![Cell::from("try"), Cell::escaped(hint)]);
        }
        vec![checks, Table { label: Some("conclusion"), rows, ..Table::default() }]
    }

    fn heading(&self) -> &'static str {
        match (self.conclusion.ok, self.conclusion.layer) {
            (false, _) => "broken",
            (true, Some(_)) => "warning",
            (true, None) => "ok",
        }
    }

    /// Returns the report in Markdown, to paste into a ticket.
    pub(super) fn markdown(&self) -> String {
        let mut page = String::new();
        let host = identity::hostname().unwrap_or_default();
        let target = self.target.map_or_else(String::new, |target| format!(" to {target}"));
        // Writing to a String cannot fail.
        let mut line = |text: &str| writeln!(page, "{text}").unwrap_or_default();
        line(&format!("# Network path{}\n", cell(&target)));
        line(&format!("- **{}**: {}", self.heading(), cell(&self.conclusion.message)));
        if let Some(hint) = &self.conclusion.hint {
            line(&format!("- **try**: {}", cell(hint)));
        }
        let now = Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z");
        line(&format!("- from {} at {now}, sockkit {}\n", cell(&host), env!("CARGO_PKG_VERSION")));
        line("| layer | result | check | time | evidence |\n| --- | --- | --- | --- | --- |");
        for check in self.checks {
            let Check { layer, result, name, detail, .. } = check;
            let (layer, result) = (layer.name(), result.name());
            let (name, detail) = (cell(name), cell(detail));
            line(&format!("| {layer} | {result} | {name} | {} | {detail} |", time(check)));
        }
        page
    }
}

impl Check {
    /// Returns what to try, if the check found something to repair.
    fn shown_hint(&self) -> Option<&str> {
        let is_shown = matches!(self.result, CheckResult::Warn | CheckResult::Fail);
        self.hint.as_deref().filter(|_| is_shown)
    }
}

fn time(check: &Check) -> String {
    check.time.map_or_else(|| "-".to_owned(), figures::time)
}

/// Returns text for a cell of a Markdown table. What a server sent is quoted already, and is not
/// escaped twice.
fn cell(text: &str) -> String {
    text::escape_lines(text).replace('\n', " ").replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_markdown_report_escapes_what_a_server_sent() {
        let detail = format!("answers {}", text::quote(b"a|<b>\x1b"));
        let checks = [Check::new(Layer::App, "a:1", CheckResult::Ok, detail)];
        let message = "nothing is broken on the path to a:1".to_owned();
        let conclusion = Conclusion { ok: true, layer: None, message, hint: None };
        let report = DoctorReport { target: Some("a:1"), checks: &checks, conclusion: &conclusion };
        let page = report.markdown();
        assert!(page.starts_with("# Network path to a:1\n\n- **ok**: nothing is broken"), "{page}");
        assert!(
            page.contains("| app | ok | a:1 | - | answers \"a\\|&lt;b>\\u{1b}\" |\n"),
            "{page}"
        );
    }
}
