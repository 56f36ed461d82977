//! A lookup: from a name to its records, over as many servers and aliases as it takes.
//!
//! "No" is an outcome like any other. Which server said what is kept, because that is what people
//! who look things up by hand want to know.

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

/// What became of a question.
#[derive(Debug)]
pub struct Lookup {
    /// The question.
    pub question: Question,
    /// How it ended.
    pub outcome: LookupOutcome,
    /// Every record that answers, the aliases on the way included, as they came.
    pub answers: Vec<Record>,
    /// Who gave the last reply; nobody where none came.
    pub server: Option<DnsServer>,
    /// How that server was asked: without EDNS only where it did not understand it.
    pub edns: Edns,
    /// What the replies took, or how long they were waited for in vain.
    pub time: Duration,
    /// Servers that failed, in order; on success those asked before the one that answered.
    pub failed: Vec<ServerAttempt>,
    /// Messages that came and did not belong to the question.
    pub ignored: u32,
}

/// How a lookup ended.
#[derive(Debug)]
pub enum LookupOutcome {
    /// There are records of the type.
    Found,
    /// The name exists and has none of the type.
    NoData(Name),
    /// The name does not exist: the one asked for, or the one it is an alias of.
    NoSuchName(Name),
    /// No server gave an answer; `failed` says why, for each.
    NoAnswer,
    /// The aliases lead nowhere.
    Aliases(AliasError),
}

/// A server that was asked in vain.
#[derive(Debug)]
pub struct ServerAttempt {
    /// The server.
    pub server: DnsServer,
    /// What came of it.
    pub failure: AttemptError,
}

/// Why a server was of no use.
#[derive(Debug)]
pub enum AttemptError {
    /// It answered that it cannot or will not.
    Answered(Rcode),
    /// It sent us to another server, this one: it does not look for answers itself.
    Referred(String),
    /// It gave no reply that could be read.
    Exchange(ExchangeError),
}

/// Looks `question` up: the servers in order until one answers, and again for each alias that
/// leads out of a reply. `deadline` is for all of it; without one each server has [`PATIENCE`].
pub async fn lookup(question: Question, servers: &[DnsServer], deadline: Deadline) -> Lookup {
    let started = Instant::now();
    let mut servers = servers.to_vec();
    let mut trail = AliasChain::new(question.name.clone());
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
        let question = Question { name: trail.last().clone(), record_type: wanted };
        let Some(exchanged) = ask(&mut servers, &question, deadline, &mut lookup).await else {
            lookup.time = started.elapsed();
            return lookup;
        };
        lookup.time += exchanged.time;
        lookup.ignored += exchanged.ignored;
        lookup.server = Some(exchanged.server);
        lookup.edns = exchanged.edns;
        let outcome = judge(&exchanged.reply, wanted, &mut trail);
        lookup.answers.extend(exchanged.reply.answers);
        if let Some(outcome) = outcome {
            lookup.outcome = outcome;
            return lookup;
        }
    }
}

impl Lookup {
    /// Returns who had the last word: the server that answered, or the one whose failure says
    /// most, if it said anything.
    pub fn answered_by(&self) -> Option<DnsServer> {
        let spoke = |attempt: &&ServerAttempt| match attempt.failure.kind() {
            FailureKind::Answered(_) | FailureKind::Referred | FailureKind::Malformed => true,
            FailureKind::Silence | FailureKind::Unreachable => false,
        };
        self.server.or_else(|| self.decisive().filter(spoke).map(|attempt| attempt.server))
    }

    /// Returns the failure that says most, where no server answered: a server's own word before
    /// garbage, garbage before silence, silence before a server that is not there.
    pub fn decisive(&self) -> Option<&ServerAttempt> {
        let weight = |attempt: &&ServerAttempt| match attempt.failure.kind() {
            FailureKind::Answered(_) | FailureKind::Referred => 3,
            FailureKind::Malformed => 2,
            FailureKind::Silence => 1,
            FailureKind::Unreachable => 0,
        };
        match self.outcome {
            // Of equals the first: it is the one the user put first.
            LookupOutcome::NoAnswer => self.failed.iter().rev().max_by_key(weight),
            _ => None,
        }
    }
}

/// The kinds of failure, as far as scripts tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The server said no.
    Answered(Rcode),
    /// It sent us elsewhere.
    Referred,
    /// Its reply cannot be read.
    Malformed,
    /// It said nothing.
    Silence,
    /// It could not be reached.
    Unreachable,
}

impl AttemptError {
    /// Returns what it comes down to: behind a truncated reply, what TCP met.
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
            ExchangeError::Silence { .. } => FailureKind::Silence,
            ExchangeError::Io(_) | ExchangeError::Truncated(_) => FailureKind::Unreachable,
        }
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(rcode) => write!(f, "{rcode}"),
            Self::Referred(to) => write!(f, "referred to {to} (it does not recurse)"),
            Self::Exchange(error) => error.fmt(f),
        }
    }
}

/// How long each server has where nobody set a limit.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Asks one server after the other. Each has an equal share of the time that is left, so that one
/// that is silent does not cost the others theirs. The one that answers is asked first from then
/// on.
async fn ask(
    servers: &mut [DnsServer],
    question: &Question,
    deadline: Deadline,
    lookup: &mut Lookup,
) -> Option<Exchanged> {
    let failed_before = lookup.failed.len();
    let mut servers_left = u32::try_from(servers.len()).unwrap_or(u32::MAX);
    for at in 0..servers.len() {
        let server = servers[at];
        let share = deadline.remaining().map_or(PATIENCE, |left| left / servers_left);
        servers_left -= 1;
        let exchanged = exchange::exchange(server, question, Deadline::after(share)).await;
        let (server, failure) = match exchanged {
            Ok(exchanged) => {
                let Some(failure) = refusal(&exchanged.reply) else {
                    servers[..=at].rotate_right(1);
                    return Some(exchanged);
                };
                (exchanged.server, failure)
            }
            Err(error) => (server, AttemptError::Exchange(error)),
        };
        lookup.failed.push(ServerAttempt { server, failure });
    }
    // What came of earlier questions of this lookup says nothing about this one.
    lookup.failed.drain(..failed_before);
    lookup.server = None;
    None
}

/// Why a reply is no answer, where it is none.
fn refusal(reply: &Reply) -> Option<AttemptError> {
    if reply.rcode.is_failure() {
        return Some(AttemptError::Answered(reply.rcode));
    }
    reply.referral().map(|to| AttemptError::Referred(to.to_owned()))
}

/// What a reply means for the lookup; nothing where an alias leads out of it.
fn judge(reply: &Reply, wanted: RecordType, trail: &mut AliasChain) -> Option<LookupOutcome> {
    let asked = trail.last().clone();
    let place = match trail.follow(&reply.answers, wanted) {
        Ok(place) => place,
        Err(error) => return Some(LookupOutcome::Aliases(error)),
    };
    let name = trail.last().clone();
    match place {
        ChainPosition::Arrived => Some(LookupOutcome::Found),
        // RFC 6604 section 3: the code is about the last name of the chain.
        ChainPosition::Open if reply.rcode == Rcode::NXDOMAIN => {
            Some(LookupOutcome::NoSuchName(name))
        }
        ChainPosition::Open if name == asked || is_final(reply, &name) => {
            Some(LookupOutcome::NoData(name))
        }
        ChainPosition::Open => None,
    }
}

/// RFC 2308 section 2.2: with the zone's SOA record, an alias without what it leads to means that
/// there is nothing.
fn is_final(reply: &Reply, name: &Name) -> bool {
    let mut zones = reply.authorities.iter();
    zones.any(|record| record.record_type == RecordType::SOA && record.name.zone_of(name))
}
