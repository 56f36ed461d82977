//! The result of one name and type of many.

use std::time::Duration;

use serde::Serialize;

use crate::commands::resolve::name_result::NameResult;
use crate::commands::resolve::outcome;
use crate::commands::resolve::report::LookupReport;
use crate::commands::resolve::settings::RunSettings;
use crate::dns::lookup;
use crate::exit::Exit;
use crate::output::{Cell, Report, Table};

/// The status of a line that is not a name and types.
const BAD_NAME: &str = "BADNAME";

/// The status of a name that exists, but has no record of the type; in JSON, it is that of the
/// reply.
const NO_DATA: &str = "NODATA";

/// One result.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct BulkLine {
    report: LookupReport,
    #[serde(skip)]
    status: String,
    #[serde(skip)]
    data: Vec<String>,
    #[serde(skip)]
    exit: Exit,
}

impl BulkLine {
    /// Returns the line for a lookup: what this machine answers, or else what the servers say.
    pub(super) fn of(result: &NameResult, settings: &RunSettings, limit: Option<Duration>) -> Self {
        let Some(lookup) = result.lookups.first() else {
            let error = "the lookup stopped after an internal error".to_owned();
            return Self::invalid(result.subject.given.clone(), error);
        };
        let limit = limit.unwrap_or(lookup::SERVER_TIMEOUT);
        let report = LookupReport::new(result, lookup, settings, limit);
        let mut status = outcome::status(lookup);
        if lookup.is_negative() && status == "NOERROR" {
            NO_DATA.clone_into(&mut status);
        }
        let data = lookup.data().map(str::to_owned).collect();
        Self { report, status, data, exit: outcome::exit(lookup) }
    }

    /// Returns the line for a line of the input that cannot be looked up.
    pub(super) fn invalid(text: String, error: String) -> Self {
        Self {
            report: LookupReport::of_bad_name(text, BAD_NAME, error),
            status: BAD_NAME.to_owned(),
            data: Vec::new(),
            exit: Exit::Usage,
        }
    }

    /// Returns the status.
    pub(super) fn status(&self) -> &str {
        &self.status
    }

    /// Returns the exit code that the result alone would give.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }
}

impl Report for BulkLine {
    fn tables(&self) -> Vec<Table> {
        let (name, record_type) = self.report.question();
        let data = self.data.join(" ");
        let cells: Vec<Cell> = vec![
            Cell::escaped(name),
            record_type.into(),
            self.status.as_str().into(),
            Cell::escaped(&data),
        ];
        vec![Table { rows: vec![cells], ..Table::default() }]
    }
}
