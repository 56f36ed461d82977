//! The result of a name's lookups, as messages, as a status for scripts, and as an exit code.

use std::time::Duration;

use crate::dns::exchange::ExchangeError;
use crate::dns::lookup::{AttemptError, FailureKind, Lookup, LookupOutcome, ServerAttempt};
use crate::dns::message::Edns;
use crate::dns::query_name::QueryName;
use crate::dns::rcode::Rcode;
use crate::dns::record_type::RecordType;
use crate::dns::{Name, name, system};
use crate::exit::Exit;
use crate::net::Addr;
use crate::net::error::destination_reason;
use crate::output::{ErrorReport, Output};

/// The status of a lookup that no server answered in time.
pub(super) const TIMEOUT: &str = "TIMEOUT";

/// The status of a lookup that failed for another reason and without a response code.
pub(super) const ERROR: &str = "ERROR";

/// Returns the response code's mnemonic, [`TIMEOUT`] or [`ERROR`].
pub(super) fn status(lookup: &Lookup) -> String {
    match (&lookup.outcome, kind(lookup)) {
        (LookupOutcome::Found | LookupOutcome::NoData(_), _) => Rcode::NOERROR.to_string(),
        (LookupOutcome::NoSuchName(_), _) => Rcode::NXDOMAIN.to_string(),
        (LookupOutcome::NoAnswer, Some(FailureKind::Answered(rcode))) => rcode.to_string(),
        (LookupOutcome::NoAnswer, Some(FailureKind::NoReply)) => TIMEOUT.to_owned(),
        (LookupOutcome::NoAnswer | LookupOutcome::Aliases(_), _) => ERROR.to_owned(),
    }
}

/// Returns why a lookup has no answer; empty if it has one. `limit` is the time each server had.
pub(super) fn failure(lookup: &Lookup, limit: Duration) -> String {
    if let LookupOutcome::Aliases(error) = &lookup.outcome {
        return error.to_string();
    }
    let Some(ServerAttempt { server, failure }) = lookup.decisive_failure() else {
        return String::new();
    };
    match failure {
        AttemptError::Answered(rcode) => match rcode.meaning() {
            Some(meaning) => format!("{server} answered {rcode} ({meaning})"),
            None => format!("{server} answered {rcode}"),
        },
        AttemptError::Referred(_) => format!("{server} {failure}"),
        AttemptError::Exchange(ExchangeError::NoReply { .. }) => {
            let is_silent =
                |attempt: &&ServerAttempt| attempt.failure.kind() == FailureKind::NoReply;
            let silent = lookup.failed.iter().filter(is_silent);
            let servers: Vec<String> = silent.map(|attempt| attempt.server.to_string()).collect();
            format!("no reply from {} within {limit:?}", servers.join(", "))
        }
        AttemptError::Exchange(ExchangeError::Io(_)) => {
            format!("no server reachable: {}", attempts(lookup))
        }
        AttemptError::Exchange(error) => format!("{server}: {error}"),
    }
}

/// The result of all lookups of one name.
#[derive(Debug)]
pub(super) struct Verdict<'a> {
    pub subject: &'a QueryName,
    pub lookups: &'a [Lookup],
    /// How long each server had for its reply.
    pub limit: Duration,
    /// Whether sockkit chose the record types: then it is normal that some have no records.
    pub by_default: bool,
}

impl Verdict<'_> {
    /// Returns the exit code: success if any type has a record, else the highest of all lookups.
    pub(super) fn exit(&self) -> Exit {
        if self.any_found() {
            return Exit::Success;
        }
        let exits = self.lookups.iter().map(exit);
        exits.max().unwrap_or(Exit::Internal)
    }

    /// Prints what the table of records does not show: notes, warnings and errors.
    pub(super) fn report(&self, out: Output) {
        self.note_hosts_entries(out);
        self.report_servers(out);
        for line in self.negatives() {
            if self.by_default && self.any_found() {
                out.detail(&line);
            } else {
                out.note(&line);
            }
        }
        for (exit, message, cause) in self.failures() {
            if self.any_found() {
                out.warn(&message);
                continue;
            }
            out.error(&ErrorReport {
                code: exit.code(),
                message,
                cause,
                hint: hint(exit).map(str::to_owned),
            });
        }
    }

    fn any_found(&self) -> bool {
        self.lookups.iter().any(|lookup| matches!(lookup.outcome, LookupOutcome::Found))
    }

    /// Notes the entries of /etc/hosts: most programs use them instead of the DNS.
    fn note_hosts_entries(&self, out: Output) {
        let asks_for_addresses = |lookup: &Lookup| {
            let record_type = lookup.question.record_type;
            matches!(record_type, RecordType::A | RecordType::AAAA | RecordType::ANY)
        };
        if self.subject.is_address || !self.lookups.iter().any(asks_for_addresses) {
            return;
        }
        let given = &self.subject.given;
        let entries = system::hosts_entries(given);
        if !entries.is_empty() {
            let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
            let entries = entries.join(", ");
            out.note(&format!(
                "/etc/hosts maps {given} to {entries}; programs on this machine use that"
            ));
        }
    }

    /// Warns about servers that failed before one answered, and about messages that did not match
    /// the query; with `-v`, prints the server, status and time of every reply.
    fn report_servers(&self, out: Output) {
        let mut warned: Vec<String> = Vec::new();
        for lookup in self.lookups {
            if !matches!(lookup.outcome, LookupOutcome::NoAnswer) {
                for ServerAttempt { server, failure } in &lookup.failed {
                    let line = format!("no usable answer from {server}: {failure}");
                    if !warned.contains(&line) {
                        out.warn(&line);
                        warned.push(line);
                    }
                }
            }
            if let Some(server) = lookup.server {
                let name = bare(&lookup.question.name);
                let record_type = lookup.question.record_type;
                let (status, time) = (status(lookup), lookup.time);
                let edns = match lookup.edns {
                    Edns::With => "",
                    Edns::Without => ", without EDNS",
                };
                let result = format!("{status}, {time:.1?}{edns}");
                out.detail(&format!("{server} answered {name} {record_type}: {result}"));
            }
            if lookup.ignored > 0 {
                let count = lookup.ignored;
                out.warn(&format!("ignored {count} messages that did not match the query"));
            }
        }
    }

    /// Returns a line for each negative answer: a name that does not exist, or has no such records.
    fn negatives(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut without: Vec<(&Name, Vec<String>)> = Vec::new();
        for lookup in self.lookups {
            match &lookup.outcome {
                LookupOutcome::NoSuchName(name) => {
                    let line = self.no_such_name(name, lookup);
                    if !lines.contains(&line) {
                        lines.push(line);
                    }
                }
                LookupOutcome::NoData(name) => {
                    let record_type = lookup.question.record_type.to_string();
                    match without.iter_mut().find(|entry| entry.0 == name) {
                        Some(entry) => entry.1.push(record_type),
                        None => without.push((name, vec![record_type])),
                    }
                }
                LookupOutcome::Found | LookupOutcome::NoAnswer | LookupOutcome::Aliases(_) => {}
            }
        }
        let no_data = without.iter().map(|(name, types)| {
            let (name, types) = (self.describe(name), types.join(" or "));
            format!("{name} has no {types} record (the name exists)")
        });
        lines.extend(no_data);
        lines
    }

    fn no_such_name(&self, name: &Name, lookup: &Lookup) -> String {
        let server = lookup.server;
        let server = server.map_or_else(String::new, |server| format!(" from {server}"));
        format!("{} does not exist (NXDOMAIN{server})", self.describe(name))
    }

    /// Returns `name` for use as the subject of a message, with the name or address that was given.
    fn describe(&self, name: &Name) -> String {
        let given = &self.subject.given;
        let asked = &self.subject.name;
        match (name == asked, self.subject.is_address) {
            (true, false) => given.clone(),
            (true, true) => format!("{} (the reverse name of {given})", bare(name)),
            (false, _) => format!("{given} is an alias of {}, which", bare(name)),
        }
    }

    /// Returns the exit code, message and cause of each failed lookup, without duplicates.
    fn failures(&self) -> Vec<(Exit, String, Option<String>)> {
        let given = &self.subject.given;
        let mut failures: Vec<(Exit, String, Option<String>)> = Vec::new();
        for lookup in self.lookups {
            let exit = exit(lookup);
            if exit <= Exit::Negative {
                continue;
            }
            let message = format!("cannot look up {given}: {}", failure(lookup, self.limit));
            if failures.iter().all(|known| known.1 != message) {
                failures.push((exit, message, cause(lookup)));
            }
        }
        failures
    }
}

fn exit(lookup: &Lookup) -> Exit {
    match (&lookup.outcome, kind(lookup)) {
        (LookupOutcome::Found, _) => Exit::Success,
        (LookupOutcome::NoData(_) | LookupOutcome::NoSuchName(_), _) => Exit::Negative,
        (LookupOutcome::Aliases(_), _)
        | (LookupOutcome::NoAnswer, Some(FailureKind::Malformed)) => Exit::Protocol,
        (LookupOutcome::NoAnswer, Some(FailureKind::NoReply)) => Exit::TimedOut,
        (LookupOutcome::NoAnswer, _) => Exit::Network,
    }
}

fn kind(lookup: &Lookup) -> Option<FailureKind> {
    lookup.decisive_failure().map(|attempt| attempt.failure.kind())
}

/// Returns what the message leaves out: the failures of the other servers, or that messages were
/// ignored because they did not match the query.
fn cause(lookup: &Lookup) -> Option<String> {
    let decisive = lookup.decisive_failure()?;
    match &decisive.failure {
        AttemptError::Exchange(ExchangeError::Io(_)) => None,
        AttemptError::Exchange(ExchangeError::NoReply { ignored: 1.. }) => {
            Some("the received messages do not match the query (ID or question)".to_owned())
        }
        _ if lookup.failed.len() > 1 => Some(attempts(lookup)),
        _ => None,
    }
}

/// Returns every failed server with its failure.
fn attempts(lookup: &Lookup) -> String {
    let each = |ServerAttempt { server, failure }: &ServerAttempt| match failure {
        AttemptError::Exchange(ExchangeError::Io(error)) => {
            let addr = Addr::from(server.addr);
            format!("{addr} {}", destination_reason(&addr, error))
        }
        _ => format!("{server} {failure}"),
    };
    let all: Vec<String> = lookup.failed.iter().map(each).collect();
    all.join(", ")
}

fn hint(exit: Exit) -> Option<&'static str> {
    match exit {
        Exit::Network => Some("another server, as @HOST; `sockkit info` lists the default servers"),
        Exit::TimedOut => Some("a longer --timeout, another server as @HOST, or --tcp"),
        _ => None,
    }
}

/// Returns a name without its trailing dot, for use in a sentence.
fn bare(name: &Name) -> String {
    let shown = name::show(name);
    match shown.strip_suffix('.') {
        Some("") | None => shown,
        Some(bare) => bare.to_owned(),
    }
}
