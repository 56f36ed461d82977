//! The outcome of one lookup, as a status for scripts, as a message and as an exit code.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use crate::commands::resolve::request::settings::RunSettings;
use crate::dns::exchange::{self, Course, ExchangeError};
use crate::dns::lookup::attempt::{AttemptError, FailureKind, ServerAttempt};
use crate::dns::lookup::{Answer, Lookup, LookupOutcome};
use crate::dns::message::edns::EdnsReply;
use crate::dns::message::rcode::Rcode;
use crate::dns::message::rdata::text::{hex, quote};
use crate::dns::message::record::{Malformed, Record};
use crate::dns::message::record_type::RecordType;
use crate::dns::message::reply::{Discarded, Reply};
use crate::dns::name;
use crate::dns::server::DnsTransport;
use crate::exit::Exit;
use crate::failure::certificate_hint;
use crate::net::Addr;
use crate::net::address::names::NameError;
use crate::net::error::destination_reason;
use crate::net::tls::TlsProblem;

/// The status of a lookup that no server answered in time.
const TIMEOUT: &str = "TIMEOUT";

/// The status of a lookup that failed for another reason and without a response code.
const ERROR: &str = "ERROR";

/// Returns the response code's mnemonic, [`TIMEOUT`] or [`ERROR`].
pub(in crate::commands::resolve) fn status(lookup: &Lookup) -> Cow<'static, str> {
    match &lookup.outcome {
        LookupOutcome::NoSuchName(_) => Rcode::NXDOMAIN.mnemonic(),
        LookupOutcome::SystemFailed(NameError::TimedOut) => TIMEOUT.into(),
        LookupOutcome::SystemFailed(_)
        | LookupOutcome::Aliases(_)
        | LookupOutcome::ServerLoop(_) => ERROR.into(),
        LookupOutcome::NoAnswer => {
            match lookup.decisive_failure().map(|attempt| &attempt.failure) {
                Some(AttemptError::Malformed(Malformed::Contradiction(_))) => {
                    Rcode::NXDOMAIN.mnemonic()
                }
                Some(failure) => match failure.kind() {
                    FailureKind::Answered(rcode) => rcode.mnemonic(),
                    FailureKind::NoReply => TIMEOUT.into(),
                    _ => ERROR.into(),
                },
                None => ERROR.into(),
            }
        }
        _ => Rcode::NOERROR.mnemonic(),
    }
}

/// Returns why a lookup failed, unless the status says it.
pub(in crate::commands::resolve) fn error(lookup: &Lookup, limit: Duration) -> Option<String> {
    let says_it = matches!(kind(lookup), Some(FailureKind::Answered(_)));
    let failed = exit(lookup) > Exit::Negative;
    (failed && !says_it).then(|| failure(lookup, limit))
}

/// Returns the messages that were discarded, from all servers.
pub(in crate::commands::resolve) fn discarded(lookup: &Lookup) -> Discarded {
    let mut discarded = Discarded::default();
    let answered = lookup.answered.iter().map(|exchanged| &exchanged.course);
    for course in answered.chain(lookup.failed.iter().map(|attempt| &attempt.course)) {
        discarded.extend(&course.discarded);
    }
    discarded
}

/// Returns for how many seconds a negative answer may be cached, if it says so: the lower of the
/// TTL of the zone's SOA record and its last field (RFC 2308 section 5).
pub(in crate::commands::resolve) fn negative_ttl(lookup: &Lookup) -> Option<u32> {
    let (reply, _) = lookup.decisive_reply().filter(|_| lookup.is_negative())?;
    let mut records = reply.authorities.iter();
    let soa = records.find(|record| record.record_type == RecordType::SOA)?;
    Some(soa.data.rsplit(' ').next()?.parse::<u32>().ok()?.min(soa.ttl))
}

/// Returns why a lookup has no answer; empty if it has one. `limit` is the time each server had.
pub(in crate::commands::resolve) fn failure(lookup: &Lookup, limit: Duration) -> String {
    if let LookupOutcome::Aliases(error) = &lookup.outcome {
        return error.to_string();
    }
    if let LookupOutcome::ServerLoop(names) = &lookup.outcome {
        let is_loop = names.first() == names.last();
        let end = if is_loop { "" } else { ", and so on" };
        let names: Vec<String> = names.iter().map(name::show).collect();
        let names = names.join(" -> ");
        return format!("the addresses of name servers depend on each other: {names}{end}");
    }
    if let LookupOutcome::SystemFailed(error) = &lookup.outcome {
        return match error {
            NameError::TimedOut => "the system's resolver did not answer in time".to_owned(),
            error => error.to_string(),
        };
    }
    let Some(ServerAttempt { server, failure, .. }) = lookup.decisive_failure() else {
        // A trace in which no server has an address, or only in the other family.
        return "no server has an address that can be queried".to_owned();
    };
    match failure {
        AttemptError::Answered(rcode) => match rcode.meaning() {
            Some(meaning) => format!("{server} answered {rcode} ({meaning})"),
            None => format!("{server} answered {rcode}"),
        },
        AttemptError::Malformed(Malformed::Contradiction(name)) => {
            format!("{server} contradicts itself: NXDOMAIN, but with records of {name}")
        }
        AttemptError::Malformed(error @ Malformed::Aliases(_)) => {
            format!("{server} contradicts itself: {error}")
        }
        AttemptError::Malformed(error @ Malformed::Unfinished) => format!("{server}: {error}"),
        AttemptError::Malformed(error) => format!("{server}: malformed reply: {error}"),
        AttemptError::Referred(_) | AttemptError::Lame(_) => format!("{server} {failure}"),
        AttemptError::Exchange(ExchangeError::NoReply(_)) => {
            let is_silent =
                |attempt: &&ServerAttempt| attempt.failure.kind() == FailureKind::NoReply;
            let silent: Vec<&ServerAttempt> = lookup.failed.iter().filter(is_silent).collect();
            let servers: Vec<String> = silent.iter().map(|it| it.server.to_string()).collect();
            let sent = exchange::queries_sent(silent.iter().map(|it| it.course.tries).sum());
            format!("no reply from {} within {limit:?} ({sent})", servers.join(", "))
        }
        AttemptError::Exchange(ExchangeError::Io(_)) => {
            format!("no server reachable: {}", attempts(lookup))
        }
        AttemptError::Exchange(ExchangeError::Tls(error)) => {
            format!("TLS with {server} failed: {}", error.problem)
        }
        AttemptError::Exchange(error) => format!("{server}: {error}"),
    }
}

/// Returns the exit code of one lookup.
pub(in crate::commands::resolve) fn exit(lookup: &Lookup) -> Exit {
    match (&lookup.outcome, kind(lookup)) {
        (LookupOutcome::Found | LookupOutcome::AliasOf(_) | LookupOutcome::LedElsewhere(_), _) => {
            Exit::Success
        }
        (LookupOutcome::NoData(_) | LookupOutcome::NoSuchName(_), _) => Exit::Negative,
        (LookupOutcome::Aliases(_) | LookupOutcome::ServerLoop(_), _)
        | (LookupOutcome::NoAnswer, Some(FailureKind::Malformed)) => Exit::Protocol,
        (LookupOutcome::NoAnswer, Some(FailureKind::NoReply))
        | (LookupOutcome::SystemFailed(NameError::TimedOut), _) => Exit::TimedOut,
        (LookupOutcome::NoAnswer, Some(FailureKind::Tls)) => Exit::Tls,
        (LookupOutcome::NoAnswer | LookupOutcome::SystemFailed(_), _) => Exit::Network,
    }
}

fn kind(lookup: &Lookup) -> Option<FailureKind> {
    lookup.decisive_failure().map(|attempt| attempt.failure.kind())
}

/// Returns what the message leaves out: the server's explanation, that messages were discarded, or
/// the failures of the other servers.
pub(in crate::commands::resolve) fn cause(lookup: &Lookup) -> Option<String> {
    let decisive = lookup.decisive_failure()?;
    let edns = decisive.reply.as_ref().and_then(|reply| reply.edns.as_ref());
    let said: Vec<String> =
        edns.map(EdnsReply::errors).unwrap_or_default().iter().map(ToString::to_string).collect();
    if !said.is_empty() {
        return Some(said.join(", "));
    }
    match &decisive.failure {
        AttemptError::Exchange(_) if decisive.course.is_protocol_unconfirmed => {
            let protocol = decisive.server.transport.alpn().unwrap_or_default();
            let service = "it may be another service";
            Some(format!("the server does not confirm the protocol {protocol} (ALPN): {service}"))
        }
        AttemptError::Exchange(ExchangeError::Io(_)) => None,
        _ if is_failure_by_discarding(lookup) => {
            Some(format!("every message that arrived was discarded: {}", discarded(lookup)))
        }
        _ if lookup.failed.len() > 1 => Some(attempts(lookup)),
        _ => None,
    }
}

/// Returns whether messages arrived before the end of the time, but none that was the reply.
pub(in crate::commands::resolve) fn is_failure_by_discarding(lookup: &Lookup) -> bool {
    kind(lookup) == Some(FailureKind::NoReply) && discarded(lookup).count() > 0
}

/// Returns every failed server with its failure.
fn attempts(lookup: &Lookup) -> String {
    let each = |ServerAttempt { server, failure, .. }: &ServerAttempt| match failure {
        AttemptError::Exchange(ExchangeError::Io(error)) => {
            let addr = Addr::from(server.addr);
            format!("{addr} {}", destination_reason(&addr, error))
        }
        _ => format!("{server} {failure}"),
    };
    let all: Vec<String> = lookup.failed.iter().map(each).collect();
    all.join(", ")
}

/// Returns what to try after a failure.
pub(in crate::commands::resolve) fn hint(
    lookup: &Lookup,
    settings: &RunSettings,
) -> Option<String> {
    let failure = &lookup.decisive_failure()?.failure;
    if let AttemptError::Exchange(ExchangeError::Tls(error)) = failure {
        return Some(match &error.problem {
            TlsProblem::Certificate { refusal, pin: Some(pin), .. } => {
                certificate_hint(refusal, *pin)
            }
            TlsProblem::NoProtocol => {
                "another port or transport: this is another service".to_owned()
            }
            _ => "@tcp://HOST, or another server".to_owned(),
        });
    }
    if let AttemptError::Referred(to) = failure {
        return Some(format!("@{}, or --trace", to.trim_end_matches('.')));
    }
    if let AttemptError::Exchange(ExchangeError::NoQuic) = failure {
        return Some("@tls://HOST or @https://HOST, which use TCP".to_owned());
    }
    let has_cookie = settings.lookup.exchange.query.has_cookie();
    if matches!(failure, AttemptError::Answered(Rcode::BADCOOKIE)) && !has_cookie {
        return Some("--cookie".to_owned());
    }
    if matches!(failure, AttemptError::Lame(_)) {
        let hint = "without --trace, or tell the operator of the zone to correct its NS records";
        return Some(hint.to_owned());
    }
    match exit(lookup) {
        Exit::Network if settings.trace => Some("without --trace, to ask this machine's servers"),
        Exit::TimedOut if settings.trace => Some("a longer --timeout, --tcp, or without --trace"),
        Exit::Network => Some("another server, as @HOST; `sockkit info` lists the default servers"),
        Exit::TimedOut if is_over_stream(lookup) => {
            Some("a longer --timeout, or another server as @HOST")
        }
        Exit::TimedOut => Some("a longer --timeout, another server as @HOST, or --tcp"),
        _ => None,
    }
    .map(str::to_owned)
}

fn is_over_stream(lookup: &Lookup) -> bool {
    lookup.decisive_failure().is_some_and(|it| it.server.transport != DnsTransport::Udp)
}

/// Returns how a reply was obtained, as the end of a sentence.
pub(in crate::commands::resolve) fn course_text(reply: &Reply, course: &Course) -> String {
    let mut parts = vec![format!("flags {}", reply.flags)];
    if course.tries > 1 {
        parts.push(format!("{} queries", course.tries));
    }
    if course.was_truncated {
        parts.push("truncated over UDP, retried over TCP".to_owned());
    }
    if course.is_protocol_unconfirmed {
        parts.push("without confirming the protocol (ALPN)".to_owned());
    }
    if course.edns_rejected {
        parts.push("without EDNS".to_owned());
    }
    parts.iter().fold(String::new(), |text, part| text + ", " + part)
}

/// Returns a line for each EDNS option that the user asked for.
pub(in crate::commands::resolve) fn edns_notes(edns: &EdnsReply) -> Vec<String> {
    let nsid = edns.nsid().map(|id| format!("the server's identifier is {}", quote(id)));
    let subnet = edns.client_subnet().map(|(network, scope)| {
        format!("the answer is for clients in {network}; it holds for the first {scope} bits")
    });
    let cookie = edns.cookie().map(|cookie| format!("the cookie is {}", hex(cookie)));
    [nsid, subnet, cookie].into_iter().flatten().collect()
}

/// Returns the number of records that a reply contains again.
pub(in crate::commands::resolve) fn repeated(lookup: &Lookup) -> usize {
    let mut known = HashSet::new();
    let records = lookup.answers.iter().map(|Answer { record, .. }| {
        (&record.name, record.record_type, record.class, &record.data)
    });
    // Whether there are many records is the server's choice.
    records.filter(|record| !known.insert(*record)).count()
}

/// Returns whether the server has answered a question for all types as RFC 8482 suggests.
pub(in crate::commands::resolve) fn refuses_any(lookup: &Lookup) -> bool {
    let is_sign = |record: &Record| {
        record.record_type == RecordType::HINFO && record.data.contains("RFC8482")
    };
    lookup.question.record_type == RecordType::ANY
        && lookup.answers.iter().any(|answer| is_sign(&answer.record))
}
