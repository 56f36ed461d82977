//! What became of a name's lookups: in words, as a status for scripts, as an exit code.

use std::time::Duration;

use crate::dns::exchange::ExchangeError;
use crate::dns::lookup::{AttemptError, FailureKind, Lookup, LookupOutcome, ServerAttempt};
use crate::dns::message::Edns;
use crate::dns::query_name::QueryName;
use crate::dns::rcode::Rcode;
use crate::dns::record_type::RecordType;
use crate::dns::{Name, name, system};
use crate::exit::Exit;
use crate::output::{ErrorReport, Output};

/// The status of a lookup no server answered in time.
pub(super) const TIMEOUT: &str = "TIMEOUT";

/// The status of a lookup that failed in any other way without a response code.
pub(super) const ERROR: &str = "ERROR";

/// Returns the response code's mnemonic, [`TIMEOUT`] or [`ERROR`].
pub(super) fn status(lookup: &Lookup) -> String {
    match (&lookup.outcome, kind(lookup)) {
        (LookupOutcome::Found | LookupOutcome::NoData(_), _) => Rcode::NOERROR.to_string(),
        (LookupOutcome::NoSuchName(_), _) => Rcode::NXDOMAIN.to_string(),
        (LookupOutcome::NoAnswer, Some(FailureKind::Answered(rcode))) => rcode.to_string(),
        (LookupOutcome::NoAnswer, Some(FailureKind::Silence)) => TIMEOUT.to_owned(),
        (LookupOutcome::NoAnswer | LookupOutcome::Aliases(_), _) => ERROR.to_owned(),
    }
}

/// Returns why there is no answer; empty where there is one. `limit` is what was waited.
pub(super) fn failure(lookup: &Lookup, limit: Duration) -> String {
    if let LookupOutcome::Aliases(error) = &lookup.outcome {
        return error.to_string();
    }
    let Some(ServerAttempt { server, failure }) = lookup.decisive() else {
        return String::new();
    };
    match failure {
        AttemptError::Answered(rcode) => match rcode.meaning() {
            Some(meaning) => format!("{server} answered {rcode} ({meaning})"),
            None => format!("{server} answered {rcode}"),
        },
        AttemptError::Referred(_) => format!("{server} {failure}"),
        AttemptError::Exchange(ExchangeError::Silence { .. }) => {
            let is_silent =
                |attempt: &&ServerAttempt| attempt.failure.kind() == FailureKind::Silence;
            let silent = lookup.failed.iter().filter(is_silent);
            let servers: Vec<String> = silent.map(|attempt| attempt.server.to_string()).collect();
            format!("no answer from {} within {limit:?}", servers.join(", "))
        }
        AttemptError::Exchange(ExchangeError::Io(_)) => {
            format!("no server reachable: {}", attempts(lookup))
        }
        AttemptError::Exchange(error) => format!("{server}: {error}"),
    }
}

/// What a user should know of one name.
#[derive(Debug)]
pub(super) struct Verdict<'a> {
    pub subject: &'a QueryName,
    pub lookups: &'a [Lookup],
    /// How long silence was waited for.
    pub limit: Duration,
    /// Whether the user left the types to us: then one that has records is enough.
    pub by_default: bool,
}

impl Verdict<'_> {
    /// Returns what the name means to the shell: yes, if any type has a record.
    pub(super) fn exit(&self) -> Exit {
        if self.any_found() {
            return Exit::Success;
        }
        let exits = self.lookups.iter().map(exit);
        exits.max().unwrap_or(Exit::Internal)
    }

    /// Says what the records do not show.
    pub(super) fn tell(&self, out: Output) {
        self.tell_of_hosts_file(out);
        self.tell_of_the_way(out);
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

    /// The hosts file is not the DNS, and beats it in every other program.
    fn tell_of_hosts_file(&self, out: Output) {
        let matters = |lookup: &Lookup| {
            let kind = lookup.question.record_type;
            matches!(kind, RecordType::A | RecordType::AAAA | RecordType::ANY)
        };
        if self.subject.is_address || !self.lookups.iter().any(matters) {
            return;
        }
        let given = &self.subject.given;
        let entries = system::hosts_entries(given);
        if !entries.is_empty() {
            let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
            let entries = entries.join(", ");
            out.note(&format!(
                "/etc/hosts says {given} is {entries}: programs on this machine get that"
            ));
        }
    }

    /// Servers that were passed over, and with `-v` who answered what.
    fn tell_of_the_way(&self, out: Output) {
        let mut told: Vec<String> = Vec::new();
        for lookup in self.lookups {
            if !matches!(lookup.outcome, LookupOutcome::NoAnswer) {
                for ServerAttempt { server, failure } in &lookup.failed {
                    let line = format!("passed over {server}: {failure}");
                    if !told.contains(&line) {
                        out.warn(&line);
                        told.push(line);
                    }
                }
            }
            if let Some(server) = lookup.server {
                let name = bare(&lookup.question.name);
                let kind = lookup.question.record_type;
                let (status, time) = (status(lookup), lookup.time);
                let edns = match lookup.edns {
                    Edns::With => "",
                    Edns::Without => ", without EDNS",
                };
                out.detail(&format!("{server} on {name} {kind}: {status}, {time:.1?}{edns}"));
            }
            if lookup.ignored > 0 {
                let count = lookup.ignored;
                out.warn(&format!("ignored {count} messages that did not belong to the question"));
            }
        }
    }

    /// A line for each way in which there is nothing.
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
                    let kind = lookup.question.record_type.to_string();
                    match without.iter_mut().find(|entry| entry.0 == name) {
                        Some(entry) => entry.1.push(kind),
                        None => without.push((name, vec![kind])),
                    }
                }
                LookupOutcome::Found | LookupOutcome::NoAnswer | LookupOutcome::Aliases(_) => {}
            }
        }
        let no_data = without.iter().map(|(name, kinds)| {
            let (who, kinds) = (self.who(name), kinds.join(" or "));
            format!("{who} has no {kinds} record (the name exists)")
        });
        lines.extend(no_data);
        lines
    }

    fn no_such_name(&self, name: &Name, lookup: &Lookup) -> String {
        let server = lookup.server;
        let server = server.map_or_else(String::new, |server| format!(", says {server}"));
        format!("{} does not exist (NXDOMAIN{server})", self.who(name))
    }

    /// The subject of a sentence about `name`, to which what the user gave may have led.
    fn who(&self, name: &Name) -> String {
        let given = &self.subject.given;
        let asked = &self.subject.name;
        match (name == asked, self.subject.is_address) {
            (true, false) => given.clone(),
            (true, true) => format!("{} (the reverse name of {given})", bare(name)),
            (false, _) => format!("{given} is an alias of {}, which", bare(name)),
        }
    }

    /// Exit, message and cause of each way in which there was no answer.
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
        (LookupOutcome::NoAnswer, Some(FailureKind::Silence)) => Exit::TimedOut,
        (LookupOutcome::NoAnswer, _) => Exit::Network,
    }
}

fn kind(lookup: &Lookup) -> Option<FailureKind> {
    lookup.decisive().map(|attempt| attempt.failure.kind())
}

/// What the message leaves out: the other servers, and what came without belonging to us.
fn cause(lookup: &Lookup) -> Option<String> {
    let decisive = lookup.decisive()?;
    match &decisive.failure {
        AttemptError::Exchange(ExchangeError::Io(_)) => None,
        AttemptError::Exchange(ExchangeError::Silence { ignored: 1.. }) => {
            Some("what came did not belong to the question (another id or question)".to_owned())
        }
        _ if lookup.failed.len() > 1 => Some(attempts(lookup)),
        _ => None,
    }
}

/// Every server with its failure.
fn attempts(lookup: &Lookup) -> String {
    let each = |ServerAttempt { server, failure }: &ServerAttempt| match failure {
        AttemptError::Exchange(ExchangeError::Io(_)) => format!("{} {failure}", server.addr),
        _ => format!("{server} {failure}"),
    };
    let all: Vec<String> = lookup.failed.iter().map(each).collect();
    all.join(", ")
}

fn hint(exit: Exit) -> Option<&'static str> {
    match exit {
        Exit::Network => {
            Some("another server, as @HOST; `sockkit info` lists the ones asked by default")
        }
        Exit::TimedOut => Some("a longer --timeout, another server as @HOST, or --tcp"),
        _ => None,
    }
}

/// A name in a sentence: without the dot at its end.
fn bare(name: &Name) -> String {
    let shown = name::show(name);
    match shown.strip_suffix('.') {
        Some("") | None => shown,
        Some(bare) => bare.to_owned(),
    }
}
