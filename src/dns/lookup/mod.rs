//! Lookups: from a name to its records, across several servers and aliases.
//!
//! A negative answer is an outcome, not an error. The result keeps the answer or failure of each
//! server, because a user who debugs a name needs it.

pub mod alias;
pub mod attempt;

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::dns::Name;
use crate::dns::exchange::{self, Course, ExchangeOptions, Exchanged};
use crate::dns::lookup::alias::{AliasChain, AliasError, ChainPosition};
use crate::dns::lookup::attempt::{AttemptError, FailureKind, ServerAttempt};
use crate::dns::machine::system::LocalSource;
use crate::dns::message::query::Question;
use crate::dns::message::rcode::Rcode;
use crate::dns::message::record::{Malformed, Record};
use crate::dns::message::record_type::RecordType;
use crate::dns::message::reply::Reply;
use crate::dns::name;
use crate::dns::server::DnsServer;
use crate::net::Deadline;
use crate::net::address::names::NameError;

/// How to look up a question.
#[derive(Clone, Debug)]
pub struct LookupSettings {
    /// How to query each server.
    pub exchange: ExchangeOptions,
    /// Whether to query again for an alias whose target is not in the reply.
    pub follow_aliases: bool,
    /// The most time for each server, also if its share of the deadline is longer; `None` for no
    /// other limit.
    pub server_timeout: Option<Duration>,
}

/// The result of looking up a question.
#[derive(Debug)]
pub struct Lookup {
    /// The question.
    pub question: Question,
    /// The outcome.
    pub outcome: LookupOutcome,
    /// All answer records in the order received, including the aliases that were followed; without
    /// an answer, those of the reply that decided the result.
    pub answers: Vec<Answer>,
    /// The reply that gave the outcome; `None` if no server answered.
    pub answered: Option<Exchanged>,
    /// The replies before it, each with an alias that was followed.
    pub earlier: Vec<Exchanged>,
    /// The source on this machine that gave the answer instead of a server.
    pub local: Option<LocalSource>,
    /// Total time that the replies took, or that was spent without an answer.
    pub time: Duration,
    /// Failed servers in order; after an answer, those queried before the server that gave it.
    pub failed: Vec<ServerAttempt>,
}

/// A record of an answer section.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The record.
    pub record: Record,
    /// Whether the question led to it; if not, a server sent it unasked.
    pub was_asked_for: bool,
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
    /// The name is an alias of this one, which was not looked up.
    AliasOf(Name),
    /// The name is an alias of this one, for which the authoritative servers of the alias have no
    /// answer, because it is in another zone. `failed` has their replies.
    LedElsewhere(Name),
    /// No server gave an answer; `failed` has the reason for each.
    NoAnswer,
    /// The system's resolver, which was asked instead of a server, failed.
    SystemFailed(NameError),
    /// The aliases form a loop, or there are too many.
    Aliases(AliasError),
    /// The addresses of these name servers depend on each other: the last is the first, or the
    /// chain of them is too long.
    ServerLoop(Vec<Name>),
}

/// Looks up `question`: queries the servers in order until one answers, and again for each alias
/// whose target is not in the reply.
///
/// `deadline` limits the whole lookup; without one, each server has [`SERVER_TIMEOUT`].
pub async fn lookup(
    question: Question,
    servers: &[DnsServer],
    settings: &LookupSettings,
    deadline: Deadline,
) -> Lookup {
    let started = Instant::now();
    let mut servers = servers.to_vec();
    let mut chain = AliasChain::new(question.name.clone(), question.class);
    let mut lookup = Lookup::unanswered(question);
    let wanted = lookup.question.record_type;
    loop {
        let question = Question { name: chain.last().clone(), ..lookup.question.clone() };
        let queried = query_servers(&mut servers, &question, settings, deadline, &mut lookup);
        let Some(exchanged) = queried.await else {
            lookup.end_without_answer(&chain, started);
            return lookup;
        };
        lookup.time += exchanged.course.time;
        let outcome = outcome_of(&exchanged.reply, wanted, &mut chain);
        lookup.keep_answers(&exchanged.reply.answers, &chain);
        lookup.earlier.extend(lookup.answered.replace(exchanged));
        match outcome {
            Some(outcome) => lookup.outcome = outcome,
            None if settings.follow_aliases => continue,
            None => lookup.outcome = LookupOutcome::AliasOf(chain.last().clone()),
        }
        return lookup;
    }
}

/// Looks up `question` with all servers at once, and returns the first answer. Without any, the
/// result has the failures of all servers.
pub async fn race(
    question: &Question,
    servers: &[DnsServer],
    settings: &LookupSettings,
    deadline: Deadline,
) -> Lookup {
    let mut running = JoinSet::new();
    for server in servers {
        let (question, servers) = (question.clone(), [server.clone()]);
        let settings = settings.clone();
        running.spawn(async move { lookup(question, &servers, &settings, deadline).await });
    }
    let mut failed: Option<Lookup> = None;
    while let Some(ended) = running.join_next().await {
        // A task fails only if it panics, which is a bug that the runtime has reported.
        let Ok(mut lookup) = ended else { continue };
        if let Some(before) = &mut failed {
            before.failed.append(&mut lookup.failed);
            std::mem::swap(&mut before.failed, &mut lookup.failed);
        }
        if !matches!(lookup.outcome, LookupOutcome::NoAnswer) {
            return lookup;
        }
        failed = Some(lookup);
    }
    // There is at least one server, so there is a result.
    failed.unwrap_or_else(|| Lookup::unanswered(question.clone()))
}

impl Lookup {
    /// Returns the state of a lookup before any server has answered.
    pub(super) fn unanswered(question: Question) -> Self {
        Self {
            question,
            outcome: LookupOutcome::NoAnswer,
            answers: Vec::new(),
            answered: None,
            earlier: Vec::new(),
            local: None,
            time: Duration::ZERO,
            failed: Vec::new(),
        }
    }

    /// Returns whether the question has an answer with records.
    pub fn is_found(&self) -> bool {
        matches!(self.outcome, LookupOutcome::Found)
    }

    /// Returns whether the system's resolver was asked instead of a server.
    pub fn is_by_system(&self) -> bool {
        self.local == Some(LocalSource::SystemResolver)
    }

    /// Returns whether a server or this machine says that there are no such records.
    pub fn is_negative(&self) -> bool {
        matches!(self.outcome, LookupOutcome::NoData(_) | LookupOutcome::NoSuchName(_))
    }

    /// Returns the data of the records of the wanted type that were asked for, in order.
    pub fn data(&self) -> impl Iterator<Item = &str> {
        let wanted = self.question.record_type;
        let is_wanted = move |answer: &&Answer| {
            let fits = wanted.is_question_for_many() || answer.record.record_type == wanted;
            fits && answer.was_asked_for && !answer.record.is_invalid
        };
        self.answers.iter().filter(is_wanted).map(|answer| answer.record.data.as_str())
    }

    /// Returns the server that answered, or else the server of the decisive failure if it sent a
    /// reply.
    pub fn answered_by(&self) -> Option<&DnsServer> {
        let failed = || self.decisive_failure().filter(|attempt| attempt.reply.is_some());
        let answered = self.answered.as_ref().map(|exchanged| &exchanged.server);
        answered.or_else(|| failed().map(|attempt| &attempt.server))
    }

    /// Returns the reply that decided the result, and the course of its exchange.
    pub fn decisive_reply(&self) -> Option<(&Reply, &Course)> {
        let answered = self.answered.as_ref().map(|it| (&it.reply, &it.course));
        answered.or_else(|| {
            let attempt = self.decisive_failure()?;
            Some((attempt.reply.as_ref()?, &attempt.course))
        })
    }

    /// Returns the most informative failure if no server answered: an error code or a referral,
    /// then a malformed reply, then no reply, then an unreachable server.
    pub fn decisive_failure(&self) -> Option<&ServerAttempt> {
        match self.outcome {
            // Reversed, so that of several equal failures `max_by_key` returns the first.
            LookupOutcome::NoAnswer => {
                self.failed.iter().rev().max_by_key(|attempt| attempt.failure.kind().weight())
            }
            _ => None,
        }
    }

    pub(super) fn keep_answers(&mut self, records: &[Record], chain: &AliasChain) {
        let wanted = self.question.record_type;
        self.answers.extend(records.iter().map(|record| Answer {
            was_asked_for: chain.led_to(record, wanted),
            record: record.clone(),
        }));
    }

    /// Sets the outcome after the servers have failed.
    fn end_without_answer(&mut self, chain: &AliasChain, started: Instant) {
        if chain.has_aliases() && self.led_elsewhere() {
            self.outcome = LookupOutcome::LedElsewhere(chain.last().clone());
            return;
        }
        self.answered = None;
        self.time = started.elapsed();
        let reply = self.decisive_failure().and_then(|attempt| attempt.reply.as_ref());
        let records = reply.map_or_else(Vec::new, |reply| reply.answers.clone());
        let mut chain = chain.clone();
        // A loop in a reply that is no answer only limits which records are marked.
        chain.follow(&records, self.question.record_type).ok();
        self.keep_answers(&records, &chain);
    }

    /// Returns whether the last alias is from an authoritative server that does not recurse, and no
    /// server serves the target.
    fn led_elsewhere(&self) -> bool {
        let is_authoritative = |exchanged: &Exchanged| {
            let flags = exchanged.reply.flags;
            flags.authoritative && !flags.recursion_available
        };
        let serves_other_zones = |attempt: &ServerAttempt| match attempt.failure.kind() {
            FailureKind::Answered(rcode) => {
                matches!(rcode, Rcode::REFUSED | Rcode::SERVFAIL | Rcode::NOTAUTH)
            }
            FailureKind::Referred => true,
            _ => false,
        };
        self.answered.as_ref().is_some_and(is_authoritative)
            && self.failed.iter().all(serves_other_zones)
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
    settings: &LookupSettings,
    deadline: Deadline,
    lookup: &mut Lookup,
) -> Option<Exchanged> {
    let failed_before = lookup.failed.len();
    let mut servers_left = u32::try_from(servers.len()).unwrap_or(u32::MAX);
    for at in 0..servers.len() {
        let server = servers[at].clone();
        let share = deadline.remaining().map_or(SERVER_TIMEOUT, |left| left / servers_left);
        let share = settings.server_timeout.map_or(share, |most| share.min(most));
        servers_left -= 1;
        let exchanged = exchange::exchange(
            server.clone(),
            question,
            &settings.exchange,
            Deadline::after(share),
        );
        lookup.failed.push(match exchanged.await {
            Ok(exchanged) => {
                let Some(failure) = failure_of(&exchanged.reply, question) else {
                    servers[..=at].rotate_right(1);
                    return Some(exchanged);
                };
                let Exchanged { reply, server, course, .. } = exchanged;
                ServerAttempt { server, failure, reply: Some(reply), course }
            }
            Err(error) => ServerAttempt::without_reply(server, error),
        });
    }
    // Failures of earlier questions of this lookup do not explain this one.
    lookup.failed.drain(..failed_before);
    None
}

/// Returns why a reply is not an answer; `None` if it is one.
fn failure_of(reply: &Reply, question: &Question) -> Option<AttemptError> {
    // Records are missing in a truncated reply, so its last one may be cut.
    if let Some(defect) = reply.defect.as_ref().filter(|_| !reply.is_cut()) {
        return Some(AttemptError::Malformed(defect.clone()));
    }
    if reply.rcode.is_failure() {
        return Some(AttemptError::Answered(reply.rcode));
    }
    if let Some(to) = reply.referral() {
        return Some(AttemptError::Referred(to.to_owned()));
    }
    let mut chain = AliasChain::new(question.name.clone(), question.class);
    let position = chain.follow(&reply.answers, question.record_type);
    let is_incomplete = reply.is_cut() && position != Ok(ChainPosition::Arrived);
    let incomplete = is_incomplete.then_some(Malformed::Incomplete);
    contradiction(reply, question).or(incomplete).map(AttemptError::Malformed)
}

/// Returns how a reply contradicts itself.
pub(super) fn contradiction(reply: &Reply, question: &Question) -> Option<Malformed> {
    let mut chain = AliasChain::new(question.name.clone(), question.class);
    let position = chain.follow(&reply.answers, question.record_type);
    if let Some(name) = chain.name_with_several_targets(&reply.answers) {
        return Some(Malformed::Aliases(name::show(name)));
    }
    let is_found = position == Ok(ChainPosition::Arrived);
    (reply.rcode == Rcode::NXDOMAIN && is_found)
        .then(|| Malformed::Contradiction(name::show(chain.last())))
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
