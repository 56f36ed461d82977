//! What is said about the lookups of one name: notes, warnings and errors.

use std::time::Duration;

use crate::commands::resolve::report::name_result::{NameResult, TriedName};
use crate::commands::resolve::report::outcome;
use crate::commands::resolve::report::remarks::{self, Remarks};
use crate::commands::resolve::request::settings::RunSettings;
use crate::dns::Name;
use crate::dns::lookup::{Lookup, LookupOutcome};
use crate::dns::machine::system::HostsFile;
use crate::dns::message::rdata::text::hex;
use crate::dns::message::record_type::RecordType;
use crate::dns::name::{bare, international};
use crate::exit::Exit;
use crate::output::{ErrorReport, Output};

/// The result of all lookups of one name.
pub(in crate::commands::resolve) struct Verdict<'a> {
    pub result: &'a NameResult,
    /// How long each server had for its reply.
    pub limit: Duration,
    /// Whether sockkit chose the record types: then it is normal that some have no records.
    pub by_default: bool,
    /// How the names were looked up.
    pub settings: &'a RunSettings,
}

impl Verdict<'_> {
    /// Returns the exit code: success if any type has a record, else the highest of all lookups.
    pub(in crate::commands::resolve) fn exit(&self) -> Exit {
        if self.any_found() {
            return Exit::Success;
        }
        let exits = self.result.lookups.iter().map(outcome::exit);
        exits.max().unwrap_or(Exit::Internal)
    }

    /// Prints what the table of records does not show: notes, warnings and errors.
    pub(in crate::commands::resolve) fn report(&self, out: Output) {
        self.note_hosts_entries(out);
        self.report_name(out);
        for TriedName { name, rejected } in &self.result.tried {
            let name = bare(name);
            out.detail(&match rejected {
                None => format!("{name} has no such record; tried the next name"),
                Some(rcode) => format!("{name} was answered with {rcode}; tried the next name"),
            });
        }
        for name in &self.result.skipped {
            out.detail(&format!(
                "{} was not tried, because a failure ended the search",
                bare(name)
            ));
        }
        self.report_replies(out);
        for line in self.negatives() {
            if self.by_default && self.any_found() {
                out.detail(&line);
            } else {
                out.note(&line);
            }
        }
        for failure in self.failures() {
            if self.any_found() {
                out.warn(&failure.message);
            } else {
                out.error(&failure);
            }
        }
    }

    fn any_found(&self) -> bool {
        self.result.lookups.iter().any(|lookup| outcome::exit(lookup) == Exit::Success)
    }

    /// Notes the entries of /etc/hosts if only servers were asked: most programs use them instead
    /// of the DNS.
    fn note_hosts_entries(&self, out: Output) {
        let asks_for_addresses = |lookup: &Lookup| {
            let record_type = lookup.question.record_type;
            matches!(record_type, RecordType::A | RecordType::AAAA | RecordType::ANY)
        };
        let NameResult { subject, lookups, .. } = self.result;
        if self.settings.by_machine
            || subject.ip.is_some()
            || !lookups.iter().any(asks_for_addresses)
        {
            return;
        }
        let given = &subject.given;
        let hosts = HostsFile::read();
        let entries = hosts.addrs_of(given);
        if !entries.is_empty() {
            let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
            let entries = entries.join(", ");
            out.note(&format!(
                "/etc/hosts maps {given} to {entries}; programs on this machine use that"
            ));
        }
    }

    /// Says how the name that was asked for differs from the one that the user gave.
    fn report_name(&self, out: Output) {
        let subject = &self.result.subject;
        for label in international::invalid_labels(&subject.name) {
            let given = &subject.given;
            out.warn(&format!("{given}: the label {label} encodes no letters; queried as it is"));
        }
        if subject.ip.is_some()
            && let Some((ip, zone)) = subject.given.split_once('%')
        {
            out.note(&format!("the zone {zone} is not part of the reverse name of {ip}"));
        }
    }

    /// Warns about what is unusual, and notes what the servers say; with `-v`, prints the server,
    /// status and time of every reply.
    fn report_replies(&self, out: Output) {
        let mut warnings = Vec::new();
        let mut notes = Vec::new();
        for lookup in &self.result.lookups {
            for evidence in remarks::evidence(lookup) {
                out.detail(&evidence.sentence());
            }
            let remarks = Remarks::of(self.result, lookup);
            warnings.extend(remarks.warnings);
            notes.extend(remarks.notes);
            notes.extend(remarks.options);
            if let Some((reply, _)) = lookup.decisive_reply()
                && lookup.answered.is_none()
                && out.is_verbose()
            {
                notes.push(format!("the reply in hexadecimal: {}", hex(&reply.octets)));
            }
        }
        let each_once = |lines: &[String], print: fn(Output, &str)| {
            let is_new = |at: &usize| !lines[..*at].contains(&lines[*at]);
            (0..lines.len()).filter(is_new).for_each(|at| print(out, &lines[at]));
        };
        each_once(&warnings, Output::warn);
        each_once(&notes, Output::note);
    }

    /// Returns a line for each negative answer: a name that does not exist, or has no such records.
    fn negatives(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut without: Vec<(&Name, Vec<String>)> = Vec::new();
        // The system's resolver does not tell a name that does not exist from one without data.
        let mut not_in_system: Vec<String> = Vec::new();
        for lookup in &self.result.lookups {
            let record_type = lookup.question.record_type.to_string();
            match &lookup.outcome {
                _ if lookup.is_negative() && lookup.is_by_system() => {
                    not_in_system.push(record_type);
                }
                LookupOutcome::NoSuchName(name) => {
                    let line = self.no_such_name(name, lookup);
                    if !lines.contains(&line) {
                        lines.push(line);
                    }
                }
                LookupOutcome::NoData(name) => {
                    match without.iter_mut().find(|entry| entry.0 == name) {
                        Some(entry) => entry.1.push(record_type),
                        None => without.push((name, vec![record_type])),
                    }
                }
                _ => {}
            }
        }
        let no_data = without.iter().map(|(name, types)| {
            let (name, types) = (self.describe(name), types.join(" or "));
            format!("{name} has no {types} record (the name exists){}", self.tried())
        });
        lines.extend(no_data);
        if !not_in_system.is_empty() {
            let (types, given) = (not_in_system.join(" or "), &self.result.subject.given);
            lines.push(format!("programs on this machine get no {types} record of {given}"));
        }
        lines
    }

    fn no_such_name(&self, name: &Name, lookup: &Lookup) -> String {
        let server = lookup.answered_by();
        let server = server.map_or_else(String::new, |server| format!(" from {server}"));
        let ttl = outcome::negative_ttl(lookup);
        let ttl = ttl.map_or_else(String::new, |ttl| format!(", which may be cached for {ttl} s"));
        format!("{} does not exist (NXDOMAIN{server}{ttl}){}", self.describe(name), self.tried())
    }

    /// Returns the other names that were tried, as the end of a sentence.
    fn tried(&self) -> String {
        let tried = |TriedName { name, rejected }: &TriedName| match rejected {
            None => bare(name),
            Some(rcode) => format!("{} ({rcode})", bare(name)),
        };
        let tried: Vec<String> = self.result.tried.iter().map(tried).collect();
        let skipped: Vec<String> = self.result.skipped.iter().map(bare).collect();
        let part = |text: &str, names: &[String]| match names {
            [] => String::new(),
            names => format!("; {text} {}", names.join(", ")),
        };
        part("also tried", &tried) + &part("the failure ended the search before", &skipped)
    }

    /// Returns `name` for use as the subject of a message, with the name or address that was given.
    fn describe(&self, name: &Name) -> String {
        let subject = &self.result.subject;
        let given = &subject.given;
        match (*name == subject.name, subject.ip.is_some()) {
            // Letters of another alphabet can look like those of a name that exists.
            (true, false) if !given.is_ascii() => format!("{given} ({})", bare(name)),
            (true, false) => given.clone(),
            (true, true) => format!("{} (the reverse name of {given})", bare(name)),
            (false, _) if self.is_candidate(name) => bare(name),
            (false, _) => format!("{given} is an alias of {}, which", bare(name)),
        }
    }

    /// Returns whether `name` was asked for, although the user gave another one: it is from the
    /// search list.
    fn is_candidate(&self, name: &Name) -> bool {
        self.result.lookups.iter().any(|lookup| lookup.question.name == *name)
    }

    /// Returns the error of each failed lookup, without duplicates.
    fn failures(&self) -> Vec<ErrorReport> {
        let given = &self.result.subject.given;
        let mut failures: Vec<ErrorReport> = Vec::new();
        for lookup in &self.result.lookups {
            let exit = outcome::exit(lookup);
            if exit <= Exit::Negative {
                continue;
            }
            let name = &lookup.question.name;
            let candidate =
                (*name != self.result.subject.name).then(|| format!(" as {}", bare(name)));
            // The system's resolver has its own search.
            let tried = if lookup.is_by_system() { String::new() } else { self.tried() };
            let candidate = candidate.unwrap_or_default();
            let reason = outcome::failure(lookup, self.limit);
            let message = format!("cannot look up {given}{candidate}: {reason}{tried}");
            if failures.iter().all(|known| known.message != message) {
                let (cause, hint) = (outcome::cause(lookup), outcome::hint(lookup, self.settings));
                failures.push(ErrorReport { code: exit.code(), message, cause, hint });
            }
        }
        failures
    }
}
