//! The records of each lookup, as rows, as plain data and as JSON.

pub(in crate::commands::resolve) mod compare;
pub(in crate::commands::resolve) mod evidence;
pub(in crate::commands::resolve) mod name_result;
pub(in crate::commands::resolve) mod outcome;
pub(in crate::commands::resolve) mod remarks;
pub(in crate::commands::resolve) mod verdict;

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use crate::commands::resolve::report::name_result::NameResult;
use crate::commands::resolve::report::remarks::Remarks;
use crate::commands::resolve::request::settings::{RunSettings, Strategy};
use crate::dns::lookup::{Answer, Lookup};
use crate::dns::message::class::RecordClass;
use crate::dns::message::edns::EdnsReply;
use crate::dns::message::edns::error::ExtendedError;
use crate::dns::message::rdata::text::{hex, quote};
use crate::dns::message::record::TTL_LIMIT;
use crate::dns::name;
use crate::dns::name::international::{self, UnicodeForm};
use crate::output::{Cell, Report, Table};

#[derive(Debug, Default, Serialize)]
pub(in crate::commands::resolve) struct ResolveReport {
    pub(in crate::commands::resolve) lookups: Vec<LookupReport>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "lookup")]
pub(in crate::commands::resolve) struct LookupReport {
    /// The name as the user typed it.
    name: String,
    query_name: Option<String>,
    record_type: Option<Cow<'static, str>>,
    server: Option<String>,
    status: Cow<'static, str>,
    time_us: u64,
    tries: u32,
    discarded: u32,
    flags: Vec<&'static str>,
    answers: Vec<AnswerReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    differs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_ttl: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nsid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_subnet: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_subnet_scope: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cookie: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extended_errors: Vec<ExtendedErrorReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct AnswerReport {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_unicode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    r#type: Cow<'static, str>,
    ttl: u32,
    data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_unicode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deceptive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unasked: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invalid: Option<bool>,
    /// What a table on a terminal shows after the name.
    #[serde(skip)]
    name_hint: Option<String>,
    /// The same for the data.
    #[serde(skip)]
    data_hint: Option<String>,
    /// The TTL in a table.
    #[serde(skip)]
    ttl_text: String,
    /// What a table says about the record.
    #[serde(skip)]
    note: String,
}

#[derive(Debug, Serialize)]
struct ExtendedErrorReport {
    code: u16,
    meaning: Option<&'static str>,
    text: String,
}

impl From<ExtendedError> for ExtendedErrorReport {
    fn from(error: ExtendedError) -> Self {
        Self { code: error.code, meaning: error.meaning(), text: error.text }
    }
}

impl LookupReport {
    pub(in crate::commands::resolve) fn new(
        result: &NameResult,
        lookup: &Lookup,
        settings: &RunSettings,
        limit: Duration,
    ) -> Self {
        let server = lookup.answered_by().map(ToString::to_string);
        let local = lookup.local.as_ref().map(ToString::to_string);
        let decisive = lookup.decisive_reply();
        let edns = decisive.and_then(|(reply, _)| reply.edns.as_ref());
        let errors = edns.map(EdnsReply::errors).unwrap_or_default();
        let subnet = edns.and_then(EdnsReply::client_subnet);
        let cause = outcome::cause(lookup).filter(|_| errors.is_empty());
        let notes = cause.into_iter().chain(Remarks::of(result, lookup).for_json()).collect();
        let units = settings.ttl_units;
        let is_compared = settings.compare && lookup.answered.is_some();
        let source = match settings.strategy {
            Strategy::Each => local.as_deref().or(server.as_deref()),
            _ => local.as_deref(),
        };
        Self {
            name: result.subject.given.clone(),
            query_name: Some(name::show(&lookup.question.name)),
            record_type: Some(lookup.question.record_type.mnemonic()),
            server: local.clone().or_else(|| server.clone()),
            status: outcome::status(lookup),
            time_us: u64::try_from(lookup.time.as_micros()).unwrap_or(u64::MAX),
            tries: decisive.map_or_else(|| unanswered_queries(lookup), |(_, course)| course.tries),
            discarded: outcome::discarded(lookup).count(),
            flags: decisive.map(|(reply, _)| reply.flags.mnemonics()).unwrap_or_default(),
            answers: lookup.answers.iter().map(|it| AnswerReport::new(it, source, units)).collect(),
            differs: is_compared.then(|| compare::differs(result, lookup.question.record_type)),
            negative_ttl: outcome::negative_ttl(lookup),
            nsid: edns.and_then(EdnsReply::nsid).map(quote),
            client_subnet_scope: subnet.as_ref().map(|subnet| subnet.1),
            client_subnet: subnet.map(|subnet| subnet.0),
            cookie: edns.and_then(EdnsReply::cookie).map(hex),
            extended_errors: errors.into_iter().map(ExtendedErrorReport::from).collect(),
            notes,
            error: outcome::error(lookup, limit),
        }
    }

    /// Returns the report of a text that is not a name.
    pub(in crate::commands::resolve) fn of_bad_name(
        text: String,
        status: &'static str,
        error: String,
    ) -> Self {
        Self {
            name: text,
            query_name: None,
            record_type: None,
            server: None,
            status: status.into(),
            time_us: 0,
            tries: 0,
            discarded: 0,
            flags: Vec::new(),
            answers: Vec::new(),
            differs: None,
            negative_ttl: None,
            nsid: None,
            client_subnet: None,
            client_subnet_scope: None,
            cookie: None,
            extended_errors: Vec::new(),
            notes: Vec::new(),
            error: Some(error),
        }
    }

    fn rows(&self) -> impl Iterator<Item = Vec<Cell>> {
        self.answers.iter().map(|answer| {
            let AnswerReport { name, r#type, ttl_text, data, note, .. } = answer;
            let name = Cell::escaped(name).with_hint(answer.name_hint.clone());
            let data = Cell::escaped(data).with_hint(answer.data_hint.clone());
            vec![name, r#type.into(), ttl_text.into(), data, note.into()]
        })
    }
}

impl AnswerReport {
    fn new(answer: &Answer, source: Option<&str>, units: bool) -> Self {
        let record = &answer.record;
        let class = (record.class != RecordClass::IN).then(|| record.class.to_string());
        let unasked = !answer.was_asked_for;
        let mut notes: Vec<String> = Vec::new();
        notes.extend(source.map(|source| format!("from {source}")));
        notes.extend(class.as_ref().map(|class| format!("class {class}")));
        let marks = [
            (unasked, "not asked for"),
            (record.is_invalid, "invalid data"),
            (record.ttl >= TTL_LIMIT, "the TTL counts as 0"),
        ];
        notes.extend(marks.iter().filter(|mark| mark.0).map(|mark| mark.1.to_owned()));
        let owner = international::of_name(&record.name);
        let in_data = international::of_data(&record.data);
        let forms = [&owner, &in_data].into_iter().flatten();
        let deceptive = forms.map(|form| form.is_deceptive).max();
        Self {
            name: name::show(&record.name),
            name_hint: owner.as_ref().map(hint),
            name_unicode: owner.map(|form| form.text),
            data_hint: in_data.as_ref().map(hint),
            data_unicode: in_data.map(|form| form.text),
            deceptive,
            class,
            r#type: record.record_type.mnemonic(),
            ttl: record.ttl,
            data: record.data.clone(),
            unasked: unasked.then_some(true),
            invalid: record.is_invalid.then_some(true),
            ttl_text: if units { in_units(record.ttl) } else { record.ttl.to_string() },
            note: notes.join(", "),
        }
    }
}

/// Returns the number of queries that were sent to the servers that failed.
fn unanswered_queries(lookup: &Lookup) -> u32 {
    lookup.failed.iter().map(|attempt| attempt.course.tries).sum()
}

/// Returns the letters of a name for a table.
fn hint(form: &UnicodeForm) -> String {
    let mark = if form.is_deceptive { "deceptive: " } else { "" };
    format!("{mark}{}", form.text)
}

/// Returns a time in weeks, days, hours, minutes and seconds, as zone files can have it: `1h30m`.
fn in_units(seconds: u32) -> String {
    let mut left = seconds;
    let mut parts = Vec::new();
    for (unit, length) in [("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        let count = left / length;
        left %= length;
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.concat() }
}

impl Report for LookupReport {
    fn tables(&self) -> Vec<Table> {
        vec![table(self.rows().collect())]
    }
}

impl Report for ResolveReport {
    fn tables(&self) -> Vec<Table> {
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        for lookup in &self.lookups {
            // The alias records are the same for every type, and are shown once. A record that one
            // reply has twice is shown twice.
            let new: Vec<Vec<Cell>> = lookup.rows().filter(|row| !rows.contains(row)).collect();
            rows.extend(new);
        }
        vec![table(rows)]
    }
}

/// Returns the rows as a table, which has the column of notes only if there is one.
fn table(rows: Vec<Vec<Cell>>) -> Table {
    let header = vec!["NAME", "TYPE", "TTL", "DATA", "NOTE"];
    Table { header, rows, omits_empty_columns: true, ..Table::default() }
}

/// Returns the data of the records that were asked for, one per line. What this machine answers
/// itself counts instead of what a server says.
pub(in crate::commands::resolve) fn short_lines(result: &NameResult) -> String {
    let mut lines = String::new();
    for lookup in &result.lookups {
        let is_local = |other: &Lookup| {
            other.local.is_some() && other.question.record_type == lookup.question.record_type
        };
        if lookup.local.is_none() && result.lookups.iter().any(is_local) {
            continue;
        }
        for data in lookup.data() {
            lines.push_str(data);
            lines.push('\n');
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_in_units_has_only_those_that_are_not_0() {
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (300, "5m"), (5400, "1h30m"), (604_801, "1w1s")]
        {
            assert_eq!(in_units(seconds), text);
        }
    }
}
