//! The result of one name and type of many.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::commands::resolve::bulk::names::BadLine;
use crate::commands::resolve::report::LookupReport;
use crate::commands::resolve::report::name_result::NameResult;
use crate::commands::resolve::report::outcome;
use crate::commands::resolve::report::remarks::{self, Remarks, ReplyEvidence};
use crate::commands::resolve::request::settings::RunSettings;
use crate::dns::lookup::{self, Lookup};
use crate::dns::name::bare;
use crate::exit::Exit;
use crate::output::{Cell, Output, Report, Table};

/// The status of a line that is not a name and types.
const BAD_NAME: &str = "BADNAME";

/// The status of a name that exists, but has no record of the type; in JSON, it is that of the
/// reply.
const NO_DATA: &str = "NODATA";

/// The widths of the columns before the note: most names are shorter, and an address fits.
const WIDTHS: [usize; 4] = [30, 5, 8, 15];

/// What is between the data of two records: data contains it only within quotes.
const SEPARATOR: &str = ", ";

/// A result as it is printed and counted.
pub(super) struct BulkResult {
    /// The line of output.
    pub(super) text: String,
    /// The status.
    pub(super) status: Cow<'static, str>,
    /// The exit code that the result alone would give.
    pub(super) exit: Exit,
}

impl BulkResult {
    /// Returns the result of a lookup: what this machine answers, or else what the servers say.
    pub(super) fn of(
        result: &NameResult,
        settings: &RunSettings,
        limit: Option<Duration>,
        out: Output,
    ) -> Self {
        let Some(lookup) = result.lookups.first() else {
            let text = result.subject.given.clone();
            let error = "the lookup stopped after an internal error".to_owned();
            return Self::bad_line(&BadLine { text, error }, out);
        };
        let mut status = outcome::status(lookup);
        if lookup.is_negative() && status == "NOERROR" {
            status = NO_DATA.into();
        }
        let limit = limit.map_or(lookup::SERVER_TIMEOUT, rounded);
        let is_verbose = out.is_verbose();
        let line = FoundLine { result, lookup, settings, limit, status: &status, is_verbose };
        Self { text: out.text(&line), exit: outcome::exit(lookup), status }
    }

    /// Returns the result of a line of the input that cannot be looked up.
    pub(super) fn bad_line(bad: &BadLine, out: Output) -> Self {
        Self { text: out.text(bad), status: BAD_NAME.into(), exit: Exit::Usage }
    }
}

/// Returns a duration in whole milliseconds.
fn rounded(duration: Duration) -> Duration {
    let millis = (duration.as_micros() + 500) / 1000;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The line of a lookup.
struct FoundLine<'a> {
    result: &'a NameResult,
    lookup: &'a Lookup,
    settings: &'a RunSettings,
    limit: Duration,
    status: &'a str,
    /// Whether to note what is known about each reply.
    is_verbose: bool,
}

impl FoundLine<'_> {
    /// Returns what the status and the data do not say.
    fn note(&self) -> String {
        let Self { result, lookup, limit, .. } = self;
        let mut parts = Vec::new();
        if lookup.question.name != result.subject.name {
            parts.push(format!("as {}", bare(&lookup.question.name)));
        }
        if self.is_verbose {
            match &remarks::evidence(lookup)[..] {
                [reply] => parts.push(reply.brief()),
                replies => parts.extend(replies.iter().map(ReplyEvidence::sentence)),
            }
        }
        parts.extend(remarks::dead_alias(lookup));
        parts.extend(outcome::error(lookup, *limit));
        parts.extend(outcome::cause(lookup));
        parts.extend(Remarks::of(result, lookup).all());
        match lookup.answers.iter().filter(|answer| !answer.was_asked_for).count() {
            0 => {}
            1 => parts.push("1 record that was not asked for is not shown".to_owned()),
            count => parts.push(format!("{count} records that were not asked for are not shown")),
        }
        parts.join("; ")
    }
}

impl Serialize for FoundLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { result, lookup, settings, limit, .. } = self;
        LookupReport::new(result, lookup, settings, *limit).serialize(serializer)
    }
}

impl Report for FoundLine<'_> {
    fn tables(&self) -> Vec<Table> {
        let mut data = String::new();
        for item in self.lookup.data() {
            if !data.is_empty() {
                data.push_str(SEPARATOR);
            }
            data.push_str(item);
        }
        let record_type = self.lookup.question.record_type.mnemonic();
        let given = &self.result.subject.given;
        vec![row(given, &record_type, self.status, &data, &self.note())]
    }
}

impl Serialize for BadLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { text, error } = self.clone();
        LookupReport::of_bad_name(text, BAD_NAME, error).serialize(serializer)
    }
}

impl Report for BadLine {
    fn tables(&self) -> Vec<Table> {
        vec![row(&self.text, "", BAD_NAME, "", &self.error)]
    }
}

fn row(name: &str, record_type: &str, status: &str, data: &str, note: &str) -> Table {
    let (name, data) = (Cell::escaped(name), Cell::escaped(data));
    let cells = vec![name, record_type.into(), status.into(), data, Cell::escaped(note)];
    Table { rows: vec![cells], widths: &WIDTHS, ..Table::default() }
}
