//! What is unusual about the replies of one lookup, in words, and what is known about each reply.

use crate::commands::resolve::report::name_result::NameResult;
use crate::commands::resolve::report::outcome;
use crate::dns::exchange::{Course, Exchanged};
use crate::dns::lookup::alias;
use crate::dns::lookup::attempt::ServerAttempt;
use crate::dns::lookup::{Lookup, LookupOutcome};
use crate::dns::message::reply::Reply;
use crate::dns::name::{self, bare};
use crate::output::figures;

/// Remarks about one lookup: the same in every format.
pub(in crate::commands::resolve) struct Remarks {
    /// What may be an error of a server or of the network.
    pub(in crate::commands::resolve) warnings: Vec<String>,
    /// What limits the answer.
    pub(in crate::commands::resolve) notes: Vec<String>,
    /// What the server says in EDNS options, for which the JSON has fields.
    pub(in crate::commands::resolve) options: Vec<String>,
}

impl Remarks {
    pub(in crate::commands::resolve) fn of(result: &NameResult, lookup: &Lookup) -> Self {
        let mut warnings = failed_servers(lookup);
        warnings.extend(discarded(lookup));
        let (mut notes, mut options) = (Vec::new(), Vec::new());
        notes.extend(led_elsewhere(result, lookup));
        notes.extend(rejections_of_edns(lookup));
        let repeated = outcome::repeated(lookup);
        if repeated > 0 {
            let are = if repeated == 1 { "is" } else { "are" };
            notes.push(format!("{repeated} of the records {are} repeated in the reply"));
        }
        if let Some((reply, _)) = lookup.decisive_reply() {
            let is_answered = lookup.answered.is_some();
            if reply.extra_octets > 0 {
                let octets = match reply.extra_octets {
                    1 => "1 octet".to_owned(),
                    count => format!("{count} octets"),
                };
                warnings.push(format!("the reply has {octets} after its last record"));
            }
            // A transfer of changes has the old and the new records of a name.
            let conflict = alias::alias_with_data(&reply.answers)
                .filter(|_| is_answered && !lookup.question.record_type.is_transfer());
            if let Some(name) = conflict {
                let name = name::show(name);
                warnings.push(format!(
                    "the reply contradicts itself: {name} has a CNAME record beside other records"
                ));
            }
            if reply.flags.truncated && is_answered {
                warnings.push("the reply is truncated: records are missing".to_owned());
            }
            if let Some(edns) = reply.edns.as_ref().filter(|_| is_answered) {
                let errors = edns.errors();
                options.extend(errors.iter().map(|error| format!("the server says {error}")));
                options.extend(outcome::edns_notes(edns));
            }
        }
        if outcome::refuses_any(lookup) {
            notes.push("the server does not answer ANY with all records (RFC 8482)".to_owned());
        }
        Self { warnings, notes, options }
    }

    /// Returns the remarks for which the JSON has no other field.
    pub(in crate::commands::resolve) fn for_json(self) -> Vec<String> {
        [self.warnings, self.notes].concat()
    }

    /// Returns all remarks.
    pub(in crate::commands::resolve) fn all(self) -> Vec<String> {
        [self.warnings, self.notes, self.options].concat()
    }
}

/// Returns a line for each server that failed before another one answered.
fn failed_servers(lookup: &Lookup) -> Vec<String> {
    if matches!(lookup.outcome, LookupOutcome::NoAnswer | LookupOutcome::LedElsewhere(_)) {
        return Vec::new();
    }
    let line = |ServerAttempt { server, failure, .. }: &ServerAttempt| {
        format!("no usable answer from {server}: {failure}")
    };
    lookup.failed.iter().map(line).collect()
}

/// Returns how many messages were discarded and why, unless that is the cause of a failure.
fn discarded(lookup: &Lookup) -> Option<String> {
    let discarded = outcome::discarded(lookup);
    if outcome::is_failure_by_discarding(lookup) {
        return None;
    }
    match discarded.count() {
        0 => None,
        1 => Some(format!("discarded 1 message: {discarded}")),
        count => Some(format!("discarded {count} messages: {discarded}")),
    }
}

/// Returns the alias that leads to a name which does not exist or has no such record.
pub(in crate::commands::resolve) fn dead_alias(lookup: &Lookup) -> Option<String> {
    let (name, is) = match &lookup.outcome {
        LookupOutcome::NoSuchName(name) => (name, "does not exist"),
        LookupOutcome::NoData(name) => (name, "has no such record"),
        _ => return None,
    };
    (*name != lookup.question.name).then(|| format!("an alias of {}, which {is}", bare(name)))
}

fn led_elsewhere(result: &NameResult, lookup: &Lookup) -> Option<String> {
    let LookupOutcome::LedElsewhere(target) = &lookup.outcome else { return None };
    let given = &result.subject.given;
    let said: Vec<String> =
        lookup.failed.iter().map(|attempt| attempt.failure.to_string()).collect();
    let server = lookup.answered_by().map_or_else(String::new, ToString::to_string);
    let (target, said) = (bare(target), said.join(", "));
    Some(format!("{given} is an alias of {target}, which {server} does not serve ({said})"))
}

/// Returns a line for each server that rejected a query with EDNS and then replied to the same
/// query without it.
fn rejections_of_edns(lookup: &Lookup) -> Vec<String> {
    let answered = lookup.earlier.iter().chain(&lookup.answered);
    let answered = answered.map(|exchanged| (&exchanged.server, &exchanged.course));
    let failed = lookup.failed.iter().map(|attempt| (&attempt.server, &attempt.course));
    let mut lines: Vec<String> = answered
        .chain(failed)
        .filter(|(_, course)| course.edns_rejected)
        .map(|(server, _)| format!("{server} rejected the query with EDNS; repeated without it"))
        .collect();
    lines.dedup();
    lines
}

/// What is known about a reply.
pub(in crate::commands::resolve) struct ReplyEvidence {
    server: String,
    /// The question, and the status of the reply.
    answered: String,
    /// The time, the flags and the course.
    how: String,
}

impl ReplyEvidence {
    /// Returns the evidence as a sentence.
    pub(in crate::commands::resolve) fn sentence(&self) -> String {
        let Self { server, answered, how } = self;
        format!("{server} answered {answered}, {how}")
    }

    /// Returns the evidence without the question and the status.
    pub(in crate::commands::resolve) fn brief(&self) -> String {
        format!("{}, {}", self.server, self.how)
    }
}

/// Returns the evidence of each reply that the result is from.
pub(in crate::commands::resolve) fn evidence(lookup: &Lookup) -> Vec<ReplyEvidence> {
    let record_type = lookup.question.record_type;
    let how = |reply: &Reply, course: &Course| {
        format!("{}{}", figures::time(course.time), outcome::course_text(reply, course))
    };
    let mut replies = Vec::new();
    let mut next = lookup.earlier.iter().skip(1).chain(&lookup.answered);
    for Exchanged { name, reply, server, course } in &lookup.earlier {
        let alias = next.next().map(|next| format!(" (an alias of {})", bare(&next.name)));
        let (name, alias) = (bare(name), alias.unwrap_or_default());
        let answered = format!("{name} {record_type}: {}{alias}", reply.rcode);
        replies.push(ReplyEvidence {
            server: server.to_string(),
            answered,
            how: how(reply, course),
        });
    }
    if let (Some(server), Some((reply, course))) = (lookup.answered_by(), lookup.decisive_reply()) {
        let name = lookup.answered.as_ref().map_or(&lookup.question.name, |it| &it.name);
        let answered = format!("{} {record_type}: {}", bare(name), outcome::status(lookup));
        replies.push(ReplyEvidence {
            server: server.to_string(),
            answered,
            how: how(reply, course),
        });
    }
    replies
}
