//! Answers that this machine gives without a query: localhost names (RFC 6761 section 6.3) and
//! `/etc/hosts`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::dns::Name;
use crate::dns::lookup::{Answer, Lookup, LookupOutcome};
use crate::dns::machine::system::{HostsFile, LocalSource};
use crate::dns::message::class::RecordClass;
use crate::dns::message::query::Question;
use crate::dns::message::record::Record;
use crate::dns::message::record_type::RecordType;
use crate::dns::name;
use crate::dns::name::query_name::QueryName;
use crate::net::Deadline;
use crate::net::address::names::{self, Family, NameError};

/// Returns the answer of this machine to a question about `subject`; `None` if it has none, and
/// asks a server. With `asks_for_both` families, an entry of one family is the whole answer, as in
/// the system's resolver.
pub fn answer(
    subject: &QueryName,
    record_type: RecordType,
    hosts: &HostsFile,
    asks_for_both: bool,
) -> Option<Lookup> {
    let (source, data) = match (subject.ip, record_type) {
        (Some(ip), RecordType::PTR) => {
            let name = name::parse(hosts.name_of(ip)?).ok()?;
            (LocalSource::HostsFile, vec![name::show(&name)])
        }
        (None, RecordType::A | RecordType::AAAA) => {
            let (source, data) = addresses(subject, record_type, hosts)?;
            // The DNS may have addresses of the other family.
            if data.is_empty() && !asks_for_both && !is_localhost(&subject.name) {
                return None;
            }
            (source, data)
        }
        // RFC 6761 section 6.3: a localhost name has no other records, and no query is sent.
        (None, other) if is_localhost(&subject.name) && !other.is_transfer() => {
            (addresses(subject, RecordType::A, hosts)?.0, Vec::new())
        }
        _ => return None,
    };
    Some(lookup_of(&subject.name, record_type, source, data))
}

/// Returns what programs on this machine get for `subject`: the answer of the system's resolver,
/// for addresses and names of addresses.
pub async fn system_answer(
    subject: &QueryName,
    record_type: RecordType,
    deadline: Deadline,
) -> Option<Lookup> {
    let family = match record_type {
        RecordType::A => Family::V4,
        RecordType::AAAA => Family::V6,
        RecordType::PTR => Family::Any,
        _ => return None,
    };
    let started = Instant::now();
    let found: Result<Vec<String>, NameError> = match subject.ip {
        Some(ip) => {
            let name = names::reverse(ip, deadline).await;
            let name = name.and_then(|name| name::parse(&name).ok());
            Ok(name.iter().map(name::show).collect())
        }
        None if family == Family::Any => return None,
        None => {
            let host = subject.given.parse().ok()?;
            let addrs = names::resolve(&host, 0, family, deadline).await;
            addrs.map(|addrs| addrs.iter().map(|addr| addr.ip().to_string()).collect())
        }
    };
    let (outcome, data) = match found {
        Ok(data) if !data.is_empty() => (LookupOutcome::Found, data),
        Ok(_) | Err(NameError::NoneOfFamily) => {
            (LookupOutcome::NoData(subject.name.clone()), Vec::new())
        }
        Err(NameError::NotFound) => (LookupOutcome::NoSuchName(subject.name.clone()), Vec::new()),
        Err(error) => (LookupOutcome::SystemFailed(error), Vec::new()),
    };
    let source = LocalSource::SystemResolver;
    let lookup = lookup_of(&subject.name, record_type, source, data);
    Some(Lookup { outcome, time: started.elapsed(), ..lookup })
}

/// Returns whether servers must not be queried for `subject`, because its meaning does not depend
/// on the DNS: a localhost name or a loopback address.
pub fn is_loopback(subject: &QueryName) -> bool {
    match subject.ip {
        Some(ip) => ip.is_loopback(),
        None => is_localhost(&subject.name),
    }
}

fn addresses(
    subject: &QueryName,
    record_type: RecordType,
    hosts: &HostsFile,
) -> Option<(LocalSource, Vec<String>)> {
    let entries = hosts.addrs_of(&subject.given);
    let is_localhost = is_localhost(&subject.name);
    let (source, ips) = match (entries.is_empty(), is_localhost) {
        (true, false) => return None,
        (true, true) => (LocalSource::LocalhostRule, &LOCALHOST_ADDRS[..]),
        (false, _) => (LocalSource::HostsFile, entries),
    };
    let of_type = |ip: &&IpAddr| ip.is_ipv4() == (record_type == RecordType::A);
    let data: Vec<String> = ips.iter().filter(of_type).map(ToString::to_string).collect();
    Some((source, data))
}

const LOCALHOST_ADDRS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Returns whether `name` is `localhost` or ends in it.
fn is_localhost(name: &Name) -> bool {
    name.iter().next_back().is_some_and(|label| label.eq_ignore_ascii_case(b"localhost"))
}

/// Returns the lookup that `source` has answered.
fn lookup_of(
    name: &Name,
    record_type: RecordType,
    source: LocalSource,
    data: Vec<String>,
) -> Lookup {
    let class = RecordClass::IN;
    let answer = |data| Answer {
        record: Record {
            name: name.clone(),
            record_type,
            class,
            ttl: 0,
            data,
            octets: Vec::new(),
            target: None,
            is_invalid: false,
        },
        was_asked_for: true,
    };
    let found = !data.is_empty();
    Lookup {
        question: Question { name: name.clone(), record_type, class },
        outcome: if found { LookupOutcome::Found } else { LookupOutcome::NoData(name.clone()) },
        answers: data.into_iter().map(answer).collect(),
        answered: None,
        earlier: Vec::new(),
        local: Some(source),
        time: Duration::ZERO,
        failed: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_names_are_those_in_the_domain_localhost() {
        for (text, is) in [
            ("localhost", true),
            ("LocalHost.", true),
            ("a.b.localhost", true),
            ("localhost.example", false),
            ("xlocalhost", false),
            (".", false),
        ] {
            assert_eq!(is_localhost(&name::parse(text).unwrap()), is, "{text}");
        }
    }

    #[test]
    fn localhost_names_have_addresses_and_no_other_records() {
        let localhost: QueryName = "x.localhost".parse().unwrap();
        let hosts = HostsFile::default();
        let lookup = answer(&localhost, RecordType::AAAA, &hosts, false).unwrap();
        assert_eq!(lookup.data().collect::<Vec<&str>>(), ["::1"]);
        assert_eq!(lookup.local, Some(LocalSource::LocalhostRule));
        let lookup = answer(&localhost, RecordType::MX, &hosts, false).unwrap();
        assert!(lookup.is_negative());
        assert_eq!(lookup.local, Some(LocalSource::LocalhostRule));
        assert!(answer(&localhost, RecordType::AXFR, &hosts, false).is_none());
        assert!(is_loopback(&localhost) && is_loopback(&"127.9.9.9".parse().unwrap()));
    }
}
