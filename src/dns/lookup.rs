//! Lookups: from a name to its records, across several servers and aliases.
//!
//! A negative answer is an outcome, not an error. The result keeps the answer or failure of each
//! server, because a user who debugs a name needs it.

use std::fmt;
use std::time::{Duration, Instant};

use crate::dns::Name;
use crate::dns::alias::{AliasChain, AliasError, ChainPosition};
use crate::dns::exchange::{self, ExchangeError, Exchanged};
use crate::dns::message::{Edns, Question, Reply};
use crate::dns::rcode::Rcode;
use crate::dns::record::Record;
use crate::dns::record_type::RecordType;
use crate::dns::server::DnsServer;
use crate::net::Deadline;

/// The result of looking up a question.
#[derive(Debug)]
pub struct Lookup {
    /// The question.
    pub question: Question,
    /// The outcome.
    pub outcome: LookupOutcome,
    /// All answer records in the order received, including the aliases that were followed.
    pub answers: Vec<Record>,
    /// The server that gave the last answer; `None` if no server answered.
    pub server: Option<DnsServer>,
    /// Whether the query to that server used EDNS; [`Edns::Without`] if the server rejected EDNS.
    pub edns: Edns,
    /// Total time that the replies took, or that was spent without an answer.
    pub time: Duration,
    /// Failed servers in order; after an answer, those queried before the server that gave it.
    pub failed: Vec<ServerAttempt>,
    /// Number of messages that did not belong to the question.
    pub ignored: u32,
}

/// How a lookup ended.
#[derive(Debug)]
pub enum LookupOutcome {
    /// The name has records of the type.
    Found,
    /// This name exists, but has no record of the type.
    NoData(Name),
    /// This name does not exist: the one asked for, or the last of its chain of aliases.
    NoSuchName(Name),
    /// No server gave an answer; `failed` has the reason for each.
    NoAnswer,
    /// The aliases form a loop, or there are too many.
    Aliases(AliasError),
}

/// A server that gave no answer.
#[derive(Debug)]
pub struct ServerAttempt {
    /// The server.
    pub server: DnsServer,
    /// The reason.
    pub failure: AttemptError,
}

/// Why a server gave no answer.
#[derive(Debug)]
pub enum AttemptError {
    /// It replied with an error code.
    Answered(Rcode),
    /// It does not recurse, and referred to this other server.
    Referred(String),
    /// It sent no reply, or none that can be decoded.
    Exchange(ExchangeError),
}

/// Looks up `question`: queries the servers in order until one answers, and again for each alias
/// whose target is not in the reply.
///
/// `deadline` limits the whole lookup; without one, each server has [`SERVER_TIMEOUT`].
pub async fn lookup(question: Question, servers: &[DnsServer], deadline: Deadline) -> Lookup {
    let started = Instant::now();
    let mut servers = servers.to_vec();
    let mut chain = AliasChain::new(question.name.clone());
    let wanted = question.record_type;
    let mut lookup = Lookup {
        question,
        outcome: LookupOutcome::NoAnswer,
        answers: Vec::new(),
        server: None,
        edns: Edns::With,
        time: Duration::ZERO,
        failed: Vec::new(),
        ignored: 0,
    };
    loop {
        let question = Question { name: chain.last().clone(), record_type: wanted };
        let Some(exchanged) = query_servers(&mut servers, &question, deadline, &mut lookup).await
        else {
            lookup.time = started.elapsed();
            return lookup;
        };
        lookup.time += exchanged.time;
        lookup.ignored += exchanged.ignored;
        lookup.server = Some(exchanged.server);
        lookup.edns = exchanged.edns;
        let outcome = outcome_of(&exchanged.reply, wanted, &mut chain);
        lookup.answers.extend(exchanged.reply.answers);
        if let Some(outcome) = outcome {
            lookup.outcome = outcome;
            return lookup;
        }
    }
}

impl Lookup {
    /// Returns the server that answered, or else the server of the decisive failure if it sent a
    /// reply.
    pub fn answered_by(&self) -> Option<DnsServer> {
        let replied = |attempt: &&ServerAttempt| match attempt.failure.kind() {
            FailureKind::Answered(_) | FailureKind::Referred | FailureKind::Malformed => true,
            FailureKind::NoReply | FailureKind::Unreachable => false,
        };
        self.server
            .or_else(|| self.decisive_failure().filter(replied).map(|attempt| attempt.server))
    }

    /// Returns the most informative failure if no server answered: an error code or a referral,
    /// then a malformed reply, then no reply, then an unreachable server.
    pub fn decisive_failure(&self) -> Option<&ServerAttempt> {
        let weight = |attempt: &&ServerAttempt| match attempt.failure.kind() {
            FailureKind::Answered(_) | FailureKind::Referred => 3,
            FailureKind::Malformed => 2,
            FailureKind::NoReply => 1,
            FailureKind::Unreachable => 0,
        };
        match self.outcome {
            // Reversed, so that of several equal failures `max_by_key` returns the first.
            LookupOutcome::NoAnswer => self.failed.iter().rev().max_by_key(weight),
            _ => None,
        }
    }
}

/// The kinds of failure that scripts can distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The server replied with an error code.
    Answered(Rcode),
    /// The server referred to another one.
    Referred,
    /// The server's reply cannot be decoded.
    Malformed,
    /// The server sent no reply.
    NoReply,
    /// The server could not be reached.
    Unreachable,
}

impl AttemptError {
    /// Returns the kind of failure; after a truncated reply, that of the retry over TCP.
    pub fn kind(&self) -> FailureKind {
        let mut error = match self {
            Self::Answered(rcode) => return FailureKind::Answered(*rcode),
            Self::Referred(_) => return FailureKind::Referred,
            Self::Exchange(error) => error,
        };
        while let ExchangeError::Truncated(inner) = error {
            error = inner;
        }
        match error {
            ExchangeError::Malformed(_) => FailureKind::Malformed,
            ExchangeError::NoReply { .. } => FailureKind::NoReply,
            ExchangeError::Io(_) | ExchangeError::Truncated(_) => FailureKind::Unreachable,
        }
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(rcode) => write!(f, "{rcode}"),
            Self::Referred(to) => write!(f, "referred to {to} (the server does not recurse)"),
            Self::Exchange(error) => error.fmt(f),
        }
    }
}

/// How long to wait for each server if the caller sets no deadline.
pub const SERVER_TIMEOUT: Duration = Duration::from_secs(5);

/// Queries one server after the other until one answers, and moves this one to the front for the
/// next question.
///
/// Each server gets an equal share of the remaining time, so that an unresponsive server leaves
/// time for the others.
async fn query_servers(
    servers: &mut [DnsServer],
    question: &Question,
    deadline: Deadline,
    lookup: &mut Lookup,
) -> Option<Exchanged> {
    let failed_before = lookup.failed.len();
    let mut servers_left = u32::try_from(servers.len()).unwrap_or(u32::MAX);
    for at in 0..servers.len() {
        let server = servers[at];
        let share = deadline.remaining().map_or(SERVER_TIMEOUT, |left| left / servers_left);
        servers_left -= 1;
        let exchanged = exchange::exchange(server, question, Deadline::after(share)).await;
        let (server, failure) = match exchanged {
            Ok(exchanged) => {
                let Some(failure) = failure_of(&exchanged.reply) else {
                    servers[..=at].rotate_right(1);
                    return Some(exchanged);
                };
                (exchanged.server, failure)
            }
            Err(error) => (server, AttemptError::Exchange(error)),
        };
        lookup.failed.push(ServerAttempt { server, failure });
    }
    // Failures of earlier questions of this lookup do not explain this one.
    lookup.failed.drain(..failed_before);
    lookup.server = None;
    None
}

/// Returns why a reply is not an answer; `None` if it is one.
fn failure_of(reply: &Reply) -> Option<AttemptError> {
    if reply.rcode.is_failure() {
        return Some(AttemptError::Answered(reply.rcode));
    }
    reply.referral().map(|to| AttemptError::Referred(to.to_owned()))
}

/// Returns the outcome that a reply gives; `None` if the target of an alias is not in the reply.
fn outcome_of(reply: &Reply, wanted: RecordType, chain: &mut AliasChain) -> Option<LookupOutcome> {
    let queried = chain.last().clone();
    let position = match chain.follow(&reply.answers, wanted) {
        Ok(position) => position,
        Err(error) => return Some(LookupOutcome::Aliases(error)),
    };
    let name = chain.last().clone();
    match position {
        ChainPosition::Arrived => Some(LookupOutcome::Found),
        // RFC 6604 section 3: the response code applies to the last name of the chain.
        ChainPosition::Open if reply.rcode == Rcode::NXDOMAIN => {
            Some(LookupOutcome::NoSuchName(name))
        }
        ChainPosition::Open if name == queried || is_final(reply, &name) => {
            Some(LookupOutcome::NoData(name))
        }
        ChainPosition::Open => None,
    }
}

/// Returns whether the reply denies that `name`, the target of an alias, has records: it then
/// contains the SOA record of the zone (RFC 2308 section 2.2).
fn is_final(reply: &Reply, name: &Name) -> bool {
    let mut zones = reply.authorities.iter();
    zones.any(|record| record.record_type == RecordType::SOA && record.name.zone_of(name))
}
