//! The DNS servers: does each one answer, and do all say the same?

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::commands::doctor::check::{Check, CheckResult, Layer, Purpose};
use crate::dns::Name;
use crate::dns::exchange::ExchangeOptions;
use crate::dns::lookup::attempt::FailureKind;
use crate::dns::lookup::{self, Lookup, LookupOutcome, LookupSettings};
use crate::dns::machine::search;
use crate::dns::machine::system::{self, Settings};
use crate::dns::message::class::RecordClass;
use crate::dns::message::query::Question;
use crate::dns::message::record_type::RecordType;
use crate::dns::name;
use crate::dns::server::{self, DnsTransport};
use crate::net::{Addr, Deadline};

/// How long a server may take to answer over UDP; the C library waits 5 s.
const UDP_PATIENCE: Duration = Duration::from_secs(2);

/// How often a query is sent over UDP in this time: one lost datagram is no fault.
const TRIES: u32 = 3;

/// How long a server may then take to answer over TCP.
const TCP_PATIENCE: Duration = Duration::from_secs(1);

/// What a DNS server says about the name.
#[derive(Debug)]
pub(super) struct ServerAnswer {
    server: SocketAddr,
    says: Says,
    time: Duration,
    /// Whether it answered only over TCP.
    only_tcp: bool,
}

/// The content of an answer.
#[derive(Debug)]
enum Says {
    /// The name has these addresses.
    Addresses(Vec<IpAddr>),
    /// The name exists and has no address.
    NoAddress,
    /// The name does not exist.
    NoSuchName,
    /// It answers, but not this question.
    Refuses(String),
    /// It gave no answer, for this reason.
    Nothing(String),
    /// It cannot be reached, for this reason: its port is closed, or no route leads there.
    Unreachable(String),
}

/// Queries each server for the addresses of `given`; without a name, for the root servers.
pub(super) async fn query(
    given: Option<&str>,
    settings: &Settings,
    deadline: Deadline,
) -> Vec<ServerAnswer> {
    let questions: Vec<Name> = match given {
        Some(given) => match name::parse(given) {
            Ok(name) => search::candidates(given, &name, settings),
            Err(_) => return Vec::new(),
        },
        None => vec![Name::root()],
    };
    let types: &'static [RecordType] = match given {
        Some(_) => &[RecordType::A, RecordType::AAAA],
        None => &[RecordType::NS],
    };
    let mut running = JoinSet::new();
    for (at, addr) in settings.servers.iter().copied().enumerate() {
        let (questions, over_tcp) = (questions.clone(), settings.over_tcp);
        running.spawn(async move {
            (at, ask_server(addr, &questions, types, over_tcp, deadline).await)
        });
    }
    let mut answers = Vec::new();
    while let Some(ended) = running.join_next().await {
        // A task fails only if it panics, which is a bug that the runtime has reported.
        answers.extend(ended.ok());
    }
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

async fn ask_server(
    addr: SocketAddr,
    questions: &[Name],
    types: &[RecordType],
    over_tcp: bool,
    deadline: Deadline,
) -> ServerAnswer {
    let transports: &[DnsTransport] =
        if over_tcp { &[DnsTransport::Tcp] } else { &[DnsTransport::Udp, DnsTransport::Tcp] };
    let mut first: Option<ServerAnswer> = None;
    for transport in transports {
        let patience = if *transport == DnsTransport::Udp { UDP_PATIENCE } else { TCP_PATIENCE };
        let limit = deadline.earlier(Deadline::after(patience));
        let started = Instant::now();
        let says = ask(addr, *transport, questions, types, limit).await;
        let is_silent = matches!(says, Says::Nothing(_) | Says::Unreachable(_));
        let answer =
            ServerAnswer { server: addr, says, time: started.elapsed(), only_tcp: first.is_some() };
        match first {
            Some(first) if is_silent => return first,
            _ if !is_silent => return answer,
            _ => first = Some(answer),
        }
    }
    // There is at least one transport.
    first.unwrap_or_else(|| ServerAnswer {
        server: addr,
        says: Says::Nothing("not queried".to_owned()),
        time: Duration::ZERO,
        only_tcp: false,
    })
}

/// Asks for each name, as the search list orders them, until one exists.
async fn ask(
    addr: SocketAddr,
    transport: DnsTransport,
    questions: &[Name],
    types: &[RecordType],
    deadline: Deadline,
) -> Says {
    let mut last = Says::Nothing("not queried".to_owned());
    for name in questions {
        let mut lookups = JoinSet::new();
        for record_type in types {
            let question =
                Question { name: name.clone(), record_type: *record_type, class: RecordClass::IN };
            let servers = server::on(transport, &[addr]);
            let exchange = ExchangeOptions { tries: TRIES, ..ExchangeOptions::default() };
            let settings = LookupSettings { exchange, follow_aliases: true, server_timeout: None };
            lookups.spawn(
                async move { lookup::lookup(question, &servers, &settings, deadline).await },
            );
        }
        let mut each = Vec::new();
        while let Some(ended) = lookups.join_next().await {
            each.extend(ended.ok().as_ref().map(says));
        }
        last = combine(each);
        if !matches!(last, Says::NoSuchName | Says::NoAddress) {
            return last;
        }
    }
    last
}

fn says(lookup: &Lookup) -> Says {
    match &lookup.outcome {
        LookupOutcome::Found => {
            Says::Addresses(lookup.data().filter_map(|data| data.parse().ok()).collect())
        }
        LookupOutcome::NoSuchName(_) => Says::NoSuchName,
        LookupOutcome::NoAnswer => match lookup.decisive_failure() {
            Some(attempt) => match attempt.failure.kind() {
                FailureKind::NoReply | FailureKind::Tls => {
                    Says::Nothing(attempt.failure.to_string())
                }
                FailureKind::Unreachable => Says::Unreachable(attempt.failure.to_string()),
                _ => Says::Refuses(attempt.failure.to_string()),
            },
            None => Says::Nothing("no answer".to_owned()),
        },
        LookupOutcome::Aliases(error) => Says::Refuses(error.to_string()),
        _ => Says::NoAddress,
    }
}

/// Returns what the answers about several record types say together.
fn combine(each: Vec<Says>) -> Says {
    let mut addresses: Vec<IpAddr> = Vec::new();
    let mut others = Vec::new();
    let mut is_found = false;
    for says in each {
        match says {
            Says::Addresses(found) => {
                is_found = true;
                addresses.extend(found);
            }
            other => others.push(other),
        }
    }
    addresses.sort();
    if is_found {
        return Says::Addresses(addresses);
    }
    let rank = |says: &Says| match says {
        Says::Addresses(_) => 0,
        Says::NoAddress => 1,
        Says::NoSuchName => 2,
        Says::Refuses(_) => 3,
        Says::Nothing(_) | Says::Unreachable(_) => 4,
    };
    let best = others.into_iter().min_by_key(rank);
    best.unwrap_or_else(|| Says::Nothing("no answer".to_owned()))
}

impl ServerAnswer {
    fn check(&self) -> Check {
        let name = Addr::from(self.server).host().unwrap_or_else(|| self.server.to_string());
        let (result, detail) = match &self.says {
            _ if self.only_tcp => {
                (CheckResult::Fail, "answers over TCP, but not over UDP, which programs use".into())
            }
            Says::Addresses(found) if found.is_empty() => (CheckResult::Ok, "answers".into()),
            Says::Addresses(found) => (CheckResult::Ok, list(found)),
            Says::NoAddress => (CheckResult::Ok, "answers: the name has no address".into()),
            Says::NoSuchName => (CheckResult::Ok, "answers: NXDOMAIN".into()),
            Says::Refuses(why) => (CheckResult::Fail, format!("answers with an error: {why}")),
            Says::Nothing(why) | Says::Unreachable(why) if !system::lists_servers() => (
                CheckResult::Fail,
                format!("/etc/resolv.conf names no server, and this machine is none ({why})"),
            ),
            Says::Nothing(why) => (CheckResult::Fail, format!("does not answer: {why}")),
            Says::Unreachable(why) => (CheckResult::Fail, format!("cannot be reached: {why}")),
        };
        let hint = match (&self.says, system::lists_servers()) {
            (Says::Nothing(_) | Says::Unreachable(_), false) => {
                "a `nameserver` line in /etc/resolv.conf".to_owned()
            }
            _ => format!("`sockkit resolve . NS @{name}`, or another server in /etc/resolv.conf"),
        };
        let check = Check::new(Layer::Dns, name, result, detail).took(self.time).hint(hint);
        check.needed(Purpose::Resolving, self.server.ip())
    }

    /// Returns whether it has answered as programs ask.
    pub(super) fn has_answered(&self) -> bool {
        let has_none =
            matches!(self.says, Says::Refuses(_) | Says::Nothing(_) | Says::Unreachable(_));
        !self.only_tcp && !has_none
    }

    /// Returns whether it says that the name does not exist.
    pub(super) fn is_no_such_name(&self) -> bool {
        matches!(self.says, Says::NoSuchName)
    }

    /// Returns whether the network to other machines did not matter for the answer: the server is
    /// this machine, and it is not there, or its answer is no.
    pub(super) fn is_final_here(&self) -> bool {
        let is_final =
            matches!(self.says, Says::NoSuchName | Says::NoAddress | Says::Unreachable(_));
        is_final && self.server.ip().is_loopback() && system::lists_servers()
    }

    /// Returns the addresses; none if the name does not exist, `None` without an answer.
    pub(super) fn addresses(&self) -> Option<&[IpAddr]> {
        match &self.says {
            Says::Addresses(found) => Some(found),
            Says::NoAddress | Says::NoSuchName => Some(&[]),
            _ => None,
        }
    }
}

/// Returns the checks of the servers, and whether their answers differ.
pub(super) fn server_checks(answers: &[ServerAnswer], is_name: bool) -> Vec<Check> {
    let mut checks: Vec<Check> = answers.iter().map(ServerAnswer::check).collect();
    // A server that does not answer is a warning if another one does: programs are only slower.
    if answers.iter().any(ServerAnswer::has_answered) {
        for check in checks.iter_mut().filter(|check| check.result == CheckResult::Fail) {
            check.result = CheckResult::Warn;
        }
    }
    let mut sets = answers.iter().filter_map(|answer| Some((answer, answer.addresses()?)));
    if is_name && let Some((first, expected)) = sets.next() {
        // Several servers may give different addresses of a name that has many.
        let differs = sets.find(|(_, found)| found.iter().all(|ip| !expected.contains(ip)));
        if let Some((other, found)) = differs.filter(|(_, it)| *it != expected) {
            let detail = format!(
                "{} says {}, {} says {}",
                first.server.ip(),
                list(expected),
                other.server.ip(),
                list(found)
            );
            let check = Check::new(Layer::Dns, "comparison", CheckResult::Warn, detail);
            checks.push(check.hint("`sockkit resolve --compare` with all servers"));
        }
    }
    checks
}

/// Returns addresses for a detail.
pub(super) fn list(ips: &[IpAddr]) -> String {
    /// The most addresses in one detail: about two lines.
    const MAX_SHOWN: usize = 6;
    if ips.is_empty() {
        return "no address".to_owned();
    }
    let shown: Vec<String> = ips.iter().take(MAX_SHOWN).map(ToString::to_string).collect();
    let rest = ips.len().saturating_sub(MAX_SHOWN);
    let rest = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    format!("{}{rest}", shown.join(", "))
}
