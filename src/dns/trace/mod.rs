//! Follows a name from the root down: each zone's servers refer to those of the next zone.

pub mod hints;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::dns::Name;
use crate::dns::exchange::{self, ExchangeOptions, Exchanged};
use crate::dns::lookup::alias::{AliasChain, ChainPosition};
use crate::dns::lookup::attempt::{AttemptError, ServerAttempt};
use crate::dns::lookup::{self, Lookup, LookupOutcome};
use crate::dns::message::class::RecordClass;
use crate::dns::message::query::Question;
use crate::dns::message::rcode::Rcode;
use crate::dns::message::record::Record;
use crate::dns::message::record_type::RecordType;
use crate::dns::message::reply::Reply;
use crate::dns::name::{self, zone_in_words};
use crate::dns::server::{self, DnsServer, DnsTransport};
use crate::dns::trace::hints::ZoneServer;
use crate::net::Deadline;
use crate::net::address::names::Family;

/// How to follow a name.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// The servers of the root.
    pub roots: Vec<ZoneServer>,
    /// The port of every server.
    pub port: u16,
    /// The transport.
    pub transport: DnsTransport,
    /// The family of the servers' addresses.
    pub family: Family,
    /// How to query each server; recursion is not asked for.
    pub exchange: ExchangeOptions,
    /// The end of the trace.
    pub deadline: Deadline,
}

/// One query of a trace.
#[derive(Debug)]
pub struct Hop {
    /// The name that was asked for.
    pub name: Name,
    /// The zone for which the server was asked.
    pub zone: Name,
    /// The server's name.
    pub server_name: Name,
    /// The server.
    pub server: DnsServer,
    /// The response code, if there was a reply.
    pub rcode: Option<Rcode>,
    /// How long the reply took, or how long there was none.
    pub time: Duration,
    /// What the server said.
    pub result: HopResult,
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HopResult {
    /// It is authoritative, and has answered.
    Answer(AnswerKind),
    /// It refers to the servers of a zone below its own.
    Referral {
        /// The zone.
        zone: Name,
        /// The names of the servers.
        servers: Vec<Name>,
        /// The number of servers whose address it gave (glue).
        with_address: usize,
    },
    /// It is not authoritative for the zone, although the parent zone refers to it.
    Lame(String),
    /// It gave no usable reply.
    Failed(String),
}

/// What an answer says about the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// The name, or the end of its aliases, has this number of records of the type.
    Records(usize),
    /// The name is an alias of this one, for which the answer has no record.
    Alias(Name),
    /// The name exists, but has no record of the type.
    NoData,
    /// The name does not exist, or the end of its aliases does not.
    NoSuchName,
}

/// The most queries of a trace. A name has at most 127 labels, but real traces have about ten; the
/// limit ends traces in which servers refer to each other without end.
const MAX_HOPS: usize = 100;

/// The deepest nesting of traces for the addresses of servers. Real zones need two or three.
const MAX_DEPTH: usize = 8;

/// How long to wait for each server.
const HOP_TIMEOUT: Duration = Duration::from_millis(1500);

/// The state of a trace.
struct Tracer<'a> {
    settings: &'a TraceSettings,
    hops: Vec<Hop>,
    /// The servers whose addresses are being looked up, each for the one before it.
    unlocated: Vec<Name>,
    /// The first loop of servers whose addresses depend on each other, or else the first chain of
    /// more than [`MAX_DEPTH`].
    server_loop: Option<Vec<Name>>,
}

/// The end of the way from the root to a name.
enum End {
    /// This server answered.
    Answered(Box<Exchanged>),
    /// No server of a zone answered.
    Failed(Vec<ServerAttempt>),
}

/// Follows the name of `question` from the root, and returns each query and the result.
pub async fn trace(question: Question, settings: &TraceSettings) -> (Vec<Hop>, Lookup) {
    let mut tracer =
        Tracer { settings, hops: Vec::new(), unlocated: Vec::new(), server_loop: None };
    let mut chain = AliasChain::new(question.name.clone(), question.class);
    let mut lookup = Lookup::unanswered(question.clone());
    loop {
        let current = Question { name: chain.last().clone(), ..question.clone() };
        let exchanged = match tracer.walk(&current, 0).await {
            End::Answered(exchanged) => *exchanged,
            End::Failed(failed) => {
                lookup.answered = None;
                if let Some(names) = tracer.server_loop.take().filter(|_| failed.is_empty()) {
                    lookup.outcome = LookupOutcome::ServerLoop(names);
                }
                lookup.failed = failed;
                break;
            }
        };
        lookup.time += exchanged.course.time;
        let position = chain.follow(&exchanged.reply.answers, question.record_type);
        lookup.keep_answers(&exchanged.reply.answers, &chain);
        let rcode = exchanged.reply.rcode;
        lookup.answered = Some(exchanged);
        let last = chain.last().clone();
        lookup.outcome = match position {
            Err(error) => LookupOutcome::Aliases(error),
            Ok(ChainPosition::Arrived) => LookupOutcome::Found,
            Ok(ChainPosition::Open) if rcode == Rcode::NXDOMAIN => LookupOutcome::NoSuchName(last),
            Ok(ChainPosition::Open) if last == current.name => LookupOutcome::NoData(last),
            Ok(ChainPosition::Open) => continue,
        };
        break;
    }
    (tracer.hops, lookup)
}

impl Tracer<'_> {
    /// Goes from the root to the server that answers the question.
    async fn walk(&mut self, question: &Question, depth: usize) -> End {
        let mut zone = Name::root();
        let mut servers = self.settings.roots.clone();
        loop {
            let mut failed = Vec::new();
            let next = self.ask_zone(question, &zone, servers, depth, &mut failed).await;
            match next {
                None => return End::Failed(failed),
                Some(TraceStep::Answered(exchanged)) => return End::Answered(exchanged),
                Some(TraceStep::Down(below, below_servers)) => {
                    (zone, servers) = (below, below_servers);
                }
            }
        }
    }

    /// Asks the servers of a zone until one answers or refers downwards.
    async fn ask_zone(
        &mut self,
        question: &Question,
        zone: &Name,
        servers: Vec<ZoneServer>,
        depth: usize,
        failed: &mut Vec<ServerAttempt>,
    ) -> Option<TraceStep> {
        let mut asked: HashSet<IpAddr> = HashSet::new();
        for server in servers {
            let ips = match &server.ips[..] {
                [] => self.addresses_of(&server.name, depth).await,
                ips => ips.to_vec(),
            };
            for ip in ips.into_iter().filter(|ip| self.settings.family.admits(*ip)) {
                let is_over = self.hops.len() >= MAX_HOPS || self.settings.deadline.has_passed();
                if is_over || !asked.insert(ip) {
                    continue;
                }
                let step = self.ask_server(question, zone, &server.name, ip, failed).await;
                if step.is_some() {
                    return step;
                }
            }
        }
        None
    }

    async fn ask_server(
        &mut self,
        question: &Question,
        zone: &Name,
        server_name: &Name,
        ip: IpAddr,
        failed: &mut Vec<ServerAttempt>,
    ) -> Option<TraceStep> {
        let TraceSettings { port, transport, exchange: options, deadline, .. } = self.settings;
        let addr = SocketAddr::new(ip, *port);
        let server = server::on(*transport, &[addr]).pop()?;
        let until = Deadline::after(HOP_TIMEOUT).earlier(*deadline);
        let started = Instant::now();
        let exchanged = exchange::exchange(server.clone(), question, options, until).await;
        let mut hop = Hop {
            name: question.name.clone(),
            zone: zone.clone(),
            server_name: server_name.clone(),
            server: server.clone(),
            rcode: None,
            time: started.elapsed(),
            result: HopResult::Answer(AnswerKind::NoData),
        };
        let exchanged = match exchanged {
            Ok(exchanged) => exchanged,
            Err(without_reply) => {
                hop.result = HopResult::Failed(without_reply.error.to_string());
                self.hops.push(hop);
                failed.push(ServerAttempt::without_reply(server, without_reply));
                return None;
            }
        };
        hop.rcode = Some(exchanged.reply.rcode);
        hop.time = exchanged.course.time;
        let judged = judge(&exchanged.reply, question, zone);
        let step = match judged {
            Judgement::Answer => {
                hop.result = HopResult::Answer(kind_of(&exchanged.reply, question));
                Some(TraceStep::Answered(Box::new(exchanged)))
            }
            Judgement::Down(below, servers) => {
                hop.result = HopResult::Referral {
                    zone: below.clone(),
                    servers: servers.iter().map(|server| server.name.clone()).collect(),
                    with_address: servers.iter().filter(|it| !it.ips.is_empty()).count(),
                };
                Some(TraceStep::Down(below, servers))
            }
            Judgement::Bad(result, failure) => {
                hop.result = result;
                let Exchanged { reply, server, course, .. } = exchanged;
                failed.push(ServerAttempt { server, failure, reply: Some(reply), course });
                None
            }
        };
        self.hops.push(hop);
        step
    }

    /// Looks up the addresses of a server for which the referral has none.
    async fn addresses_of(&mut self, server: &Name, depth: usize) -> Vec<IpAddr> {
        if let Some(at) = self.unlocated.iter().position(|name| name == server) {
            let names = self.unlocated[at..].iter().chain([server]).cloned().collect();
            self.server_loop.get_or_insert(names);
            return Vec::new();
        }
        if depth >= MAX_DEPTH {
            let names = self.unlocated.iter().chain([server]).cloned().collect();
            self.server_loop.get_or_insert(names);
            return Vec::new();
        }
        self.unlocated.push(server.clone());
        let ips = self.look_up_addresses(server, depth).await;
        self.unlocated.pop();
        ips
    }

    async fn look_up_addresses(&mut self, server: &Name, depth: usize) -> Vec<IpAddr> {
        let class = RecordClass::IN;
        let types: &[RecordType] = match self.settings.family {
            Family::V4 => &[RecordType::A],
            Family::V6 => &[RecordType::AAAA],
            Family::Any => &[RecordType::A, RecordType::AAAA],
        };
        for record_type in types {
            let question = Question { name: server.clone(), record_type: *record_type, class };
            // The future is boxed, because it contains itself.
            let End::Answered(exchanged) = Box::pin(self.walk(&question, depth + 1)).await else {
                // A question for another type would fail in the same way.
                break;
            };
            let ips = addresses(&exchanged.reply, server);
            if !ips.is_empty() {
                return ips;
            }
        }
        Vec::new()
    }
}

/// The way on from a zone.
enum TraceStep {
    Answered(Box<Exchanged>),
    Down(Name, Vec<ZoneServer>),
}

/// What a reply means to the trace.
enum Judgement {
    Answer,
    Down(Name, Vec<ZoneServer>),
    Bad(HopResult, AttemptError),
}

/// Returns the judgement about a server that is of no use to the trace, for this reason.
fn lame(reason: String) -> Judgement {
    Judgement::Bad(HopResult::Lame(format!("it {reason}")), AttemptError::Lame(reason))
}

fn judge(reply: &Reply, question: &Question, zone: &Name) -> Judgement {
    let defect = reply.defect.clone();
    if let Some(defect) = defect.or_else(|| lookup::contradiction(reply, question)) {
        let failure = AttemptError::Malformed(defect);
        return Judgement::Bad(HopResult::Failed(failure.to_string()), failure);
    }
    if reply.rcode.is_failure() {
        let failure = AttemptError::Answered(reply.rcode);
        let result = HopResult::Lame(format!("it answered {}", reply.rcode));
        return Judgement::Bad(result, failure);
    }
    if reply.flags.authoritative {
        return Judgement::Answer;
    }
    let is_ns = |record: &&Record| record.record_type == RecordType::NS;
    let mut delegations = reply.authorities.iter().filter(is_ns);
    let Some(first) = delegations.next() else {
        return lame("is not authoritative, and refers to no other server".to_owned());
    };
    let below = &first.name;
    let is_downward = zone.zone_of(below) && below != zone && below.zone_of(&question.name);
    if !is_downward {
        let zone = zone_in_words(below);
        return lame(format!("is not authoritative, and refers to the servers of {zone}"));
    }
    let of_zone = reply.authorities.iter().filter(is_ns).filter(|record| record.name == *below);
    let servers = of_zone.filter_map(|record| name::parse(&record.data).ok()).map(|name| {
        // An address from outside the zone that was asked is not the server's to give.
        let ips = if zone.zone_of(&name) { addresses(reply, &name) } else { Vec::new() };
        ZoneServer { name, ips }
    });
    Judgement::Down(below.clone(), servers.collect())
}

fn kind_of(reply: &Reply, question: &Question) -> AnswerKind {
    let mut chain = AliasChain::new(question.name.clone(), question.class);
    let wanted = question.record_type;
    let position = chain.follow(&reply.answers, wanted);
    let is_of_last = |record: &&Record| {
        let fits = wanted.is_question_for_many() || record.record_type == wanted;
        fits && record.name == *chain.last()
    };
    match position {
        Ok(ChainPosition::Arrived) => {
            AnswerKind::Records(reply.answers.iter().filter(is_of_last).count())
        }
        _ if reply.rcode == Rcode::NXDOMAIN => AnswerKind::NoSuchName,
        _ if chain.has_aliases() => AnswerKind::Alias(chain.last().clone()),
        _ => AnswerKind::NoData,
    }
}

/// Returns the addresses that a reply gives for a server.
fn addresses(reply: &Reply, server: &Name) -> Vec<IpAddr> {
    let records = reply.answers.iter().chain(&reply.additionals);
    let of_server = records.filter(|record| record.name == *server);
    let is_address =
        |record: &&Record| matches!(record.record_type, RecordType::A | RecordType::AAAA);
    of_server.filter(is_address).filter_map(|record| record.data.parse().ok()).collect()
}
