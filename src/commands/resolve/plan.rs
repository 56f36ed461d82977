//! Looks up one name: on this machine, in the search list, and with the servers.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::commands::resolve::report::name_result::{NameResult, TriedName};
use crate::commands::resolve::request::settings::{RunSettings, Strategy};
use crate::dns::Name;
use crate::dns::lookup::attempt::FailureKind;
use crate::dns::lookup::{self, Lookup, LookupOutcome};
use crate::dns::machine::system::HostsFile;
use crate::dns::machine::{local, search};
use crate::dns::message::class::RecordClass;
use crate::dns::message::query::Question;
use crate::dns::message::rcode::Rcode;
use crate::dns::message::record_type::RecordType;
use crate::dns::name::query_name::QueryName;
use crate::dns::server::DnsServer;
use crate::net::Deadline;

/// What all lookups of a run share.
pub(super) struct Plan {
    pub(super) settings: RunSettings,
    /// The servers, in order.
    pub(super) servers: Vec<DnsServer>,
    /// The record types of the command line.
    pub(super) types: Vec<RecordType>,
    /// The class.
    pub(super) class: RecordClass,
    /// Whether to answer as this machine would, instead of by the servers of the command line.
    pub(super) by_machine: bool,
    /// The entries of /etc/hosts as they were at the start; without, each lookup reads the file.
    hosts: Option<Arc<HostsFile>>,
    permits: Semaphore,
}

impl Plan {
    /// Returns the plan of a run in which at most `concurrency` questions are asked at once.
    pub(super) fn new(
        settings: RunSettings,
        servers: Vec<DnsServer>,
        types: Vec<RecordType>,
        class: RecordClass,
        concurrency: usize,
    ) -> Self {
        let by_machine = settings.by_machine;
        let permits = Semaphore::new(concurrency);
        Self { settings, servers, types, class, by_machine, hosts: None, permits }
    }

    /// Returns the plan of a run with so many names that each uses /etc/hosts as it is now.
    pub(super) fn for_many(self) -> Self {
        let hosts = self.by_machine.then(HostsFile::read).map(Arc::new);
        Self { hosts, ..self }
    }
}

/// The types of addresses, about which programs ask together.
const ADDRESS_TYPES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

/// Looks up records of these types of `subject`, until the deadline.
pub(super) async fn look_up_name(
    subject: QueryName,
    types: Vec<RecordType>,
    deadline: Deadline,
    plan: Arc<Plan>,
) -> NameResult {
    let mut result = NameResult::of(subject, Vec::new());
    let mut names = vec![result.subject.name.clone()];
    let mut left_to_servers = types.clone();
    if plan.settings.with_system {
        for record_type in &types {
            let answer = local::system_answer(&result.subject, *record_type, deadline);
            let answer = Box::pin(answer).await;
            result.lookups.extend(answer);
        }
    } else if plan.by_machine && plan.class == RecordClass::IN {
        let subject = &result.subject;
        let hosts = plan.hosts.clone().unwrap_or_else(|| Arc::new(HostsFile::read()));
        let asks_for_both = plan.types.is_empty() && types == ADDRESS_TYPES;
        let answer = |kind: &RecordType| local::answer(subject, *kind, &hosts, asks_for_both);
        result.lookups = types.iter().filter_map(answer).collect();
        let is_loopback = local::is_loopback(subject);
        let is_settled = |kind: &RecordType| {
            let mut of_type =
                result.lookups.iter().filter(|lookup| lookup.question.record_type == *kind);
            of_type.any(|lookup| is_loopback || lookup.is_negative())
        };
        left_to_servers.retain(|kind| !is_settled(kind));
    }
    // The system's resolver searches too.
    let is_searched = plan.settings.with_system || result.lookups.is_empty();
    let subject = &result.subject;
    if plan.by_machine && plan.class == RecordClass::IN && subject.ip.is_none() && is_searched {
        names = search::candidates(&subject.given, &subject.name, &plan.settings.system);
    }
    if left_to_servers.is_empty() {
        return result;
    }
    let mut found = search_names(names, &left_to_servers, deadline, &plan, &mut result).await;
    if !plan.settings.with_system {
        result.lookups.iter().for_each(|local| remove_same(&mut found, local));
    }
    result.lookups.append(&mut found);
    let position = |lookup: &Lookup| types.iter().position(|t| *t == lookup.question.record_type);
    result.lookups.sort_by_key(position);
    result
}

/// Looks up `names` until one exists, and returns its lookups. If none does, returns those of the
/// name as the user gave it if this was the first, or if a server rejected it; else those of the
/// first name that exists without data, or that a server rejected.
///
/// As in the C library, a name that a server rejects does not end the search if it is the name as
/// the user gave it, or with SERVFAIL; with another code, only the former is still tried. Without a
/// reply, the search ends.
async fn search_names(
    names: Vec<Name>,
    types: &[RecordType],
    deadline: Deadline,
    plan: &Arc<Plan>,
    result: &mut NameResult,
) -> Vec<Lookup> {
    let mut unfound: Vec<(TriedName, Vec<Lookup>)> = Vec::new();
    let mut names = names.into_iter();
    let as_given = result.subject.name.clone();
    let mut is_stopped = false;
    while let Some(name) = names.next() {
        if is_stopped && name != as_given {
            result.skipped.push(name);
            continue;
        }
        let lookups = look_up_types(&name, types, deadline, plan).await;
        let is_decided = lookups.iter().any(|it| !it.is_negative() && rejection(it).is_none());
        if is_decided {
            if !lookups.iter().any(Lookup::is_found) {
                result.skipped.extend(names);
            }
            result.tried = unfound.into_iter().map(|tried| tried.0).collect();
            return lookups;
        }
        let mut rejections = lookups.iter().filter_map(rejection);
        let rejected = rejections.clone().next();
        is_stopped |= name != as_given && rejections.any(|rcode| rcode != Rcode::SERVFAIL);
        unfound.push((TriedName { name, rejected }, lookups));
    }
    let has_no_data = |tried: &(TriedName, Vec<Lookup>)| {
        tried.1.iter().any(|lookup| matches!(lookup.outcome, LookupOutcome::NoData(_)))
    };
    let is_rejected = |tried: &(TriedName, Vec<Lookup>)| tried.0.rejected.is_some();
    let given_at = unfound.iter().position(|tried| tried.0.name == as_given);
    let first = given_at.filter(|at| *at == 0);
    let at = first.filter(|at| is_rejected(&unfound[*at]));
    let at = at.or_else(|| unfound.iter().position(has_no_data)).or(first);
    let at = at.or_else(|| unfound.iter().position(is_rejected)).or(given_at);
    let (_, lookups) = unfound.remove(at.unwrap_or_default());
    result.tried = unfound.into_iter().map(|tried| tried.0).collect();
    lookups
}

/// Returns the response code with which a server rejected a question, if no server answered it.
fn rejection(lookup: &Lookup) -> Option<Rcode> {
    match lookup.decisive_failure()?.failure.kind() {
        FailureKind::Answered(rcode) => Some(rcode),
        _ => None,
    }
}

async fn look_up_types(
    name: &Name,
    types: &[RecordType],
    deadline: Deadline,
    plan: &Arc<Plan>,
) -> Vec<Lookup> {
    let groups: Vec<&[DnsServer]> = match plan.settings.strategy {
        Strategy::First | Strategy::Fastest => vec![&plan.servers],
        Strategy::Each => plan.servers.chunks(1).collect(),
    };
    if let ([record_type], [servers]) = (types, &groups[..]) {
        let question =
            Question { name: name.clone(), record_type: *record_type, class: plan.class };
        return vec![look_up(question, servers, deadline, plan).await];
    }
    let mut pending = Vec::new();
    for record_type in types {
        for servers in &groups {
            let class = plan.class;
            let question = Question { name: name.clone(), record_type: *record_type, class };
            let (servers, plan) = (servers.to_vec(), Arc::clone(plan));
            pending.push(tokio::spawn(async move {
                look_up(question, &servers, deadline, &plan).await
            }));
        }
    }
    let mut lookups = Vec::new();
    for lookup in pending {
        // A task fails only if it panics, which is a bug that the runtime has reported.
        lookups.extend(lookup.await);
    }
    lookups
}

async fn look_up(
    question: Question,
    servers: &[DnsServer],
    deadline: Deadline,
    plan: &Plan,
) -> Lookup {
    // Cannot fail, because the semaphore is never closed.
    let _permit = plan.permits.acquire().await;
    let RunSettings { lookup, strategy, .. } = &plan.settings;
    if *strategy == Strategy::Fastest {
        Box::pin(lookup::race(&question, servers, lookup, deadline)).await
    } else {
        lookup::lookup(question, servers, lookup, deadline).await
    }
}

/// Removes the lookup that found the same data as this machine. A server's failure is not an
/// answer to compare with.
fn remove_same(found: &mut Vec<Lookup>, local: &Lookup) {
    let sorted = |lookup: &Lookup| {
        let mut data: Vec<String> = lookup.data().map(str::to_owned).collect();
        data.sort();
        data
    };
    let is_same = |lookup: &mut Lookup| {
        let is_answer = lookup.is_found() || lookup.is_negative();
        lookup.question.record_type == local.question.record_type
            && (!is_answer || sorted(lookup) == sorted(local))
    };
    found.extract_if(.., is_same).for_each(drop);
}
