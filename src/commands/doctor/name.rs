//! The target's name: what programs on this machine get for it, compared with the DNS.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::commands::doctor::check::{Check, CheckResult, Layer};
use crate::commands::doctor::servers::{ServerAnswer, list};
use crate::dns::machine::system::HostsFile;
use crate::net::Deadline;
use crate::net::address::host::Host;
use crate::net::address::names::{self, Family, NameError};

/// What the lookups of the name gave.
#[derive(Debug)]
pub(super) struct ResolvedTarget {
    pub(super) checks: Vec<Check>,
    /// The addresses to connect to.
    pub(super) addrs: Vec<SocketAddr>,
    /// Whether the lookups failed for a reason on this machine itself.
    pub(super) is_final_here: bool,
}

/// Resolves the name as programs do, and compares the result with the DNS.
pub(super) async fn system(
    host: &Host,
    port: u16,
    family: Family,
    deadline: Deadline,
) -> (Result<Vec<SocketAddr>, NameError>, Duration) {
    let started = Instant::now();
    let found = names::resolve(host, port, family, deadline).await;
    (found, started.elapsed())
}

/// Returns whether a name is in the domain localhost (RFC 6761 section 6.3).
pub(super) fn is_localhost(given: &str) -> bool {
    let last = given.trim_end_matches('.').rsplit('.').next();
    last.is_some_and(|label| label.eq_ignore_ascii_case("localhost"))
}

/// Returns the check of the name, and the addresses to connect to.
pub(super) fn name_check(
    given: &str,
    port: u16,
    family: Family,
    (found, time): (Result<Vec<SocketAddr>, NameError>, Duration),
    answers: &[ServerAnswer],
) -> ResolvedTarget {
    let hosts = HostsFile::read().addrs_of(given).to_vec();
    let is_local = is_localhost(given);
    let dns: Option<Vec<IpAddr>> =
        answers.iter().find_map(|answer| answer.addresses().map(<[IpAddr]>::to_vec));
    let is_disjoint = |ips: &[IpAddr], other: &[IpAddr]| {
        !other.is_empty() && !ips.is_empty() && ips.iter().all(|ip| !other.contains(ip))
    };
    let check = |result, detail: String| Check::new(Layer::Name, given, result, detail).took(time);
    let spelling = "the spelling; `sockkit resolve --trace NAME` to see where the name ends";
    let mut addrs = Vec::new();
    let check = match found {
        Ok(found) => {
            let ips: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
            addrs = found;
            let dns = dns.unwrap_or_default();
            if !hosts.is_empty() && !is_local && is_disjoint(&hosts, &dns) {
                let detail =
                    format!("/etc/hosts says {}, the DNS says {}", list(&hosts), list(&dns));
                let hint = "correct the line in /etc/hosts, or the resolver in /etc/resolv.conf";
                check(CheckResult::Fail, detail).hint(hint)
            } else if hosts.is_empty() && !is_local && is_disjoint(&ips, &dns) {
                let detail = format!("programs get {}, the DNS says {}", list(&ips), list(&dns));
                check(CheckResult::Warn, detail).hint("`sockkit resolve --system NAME`")
            } else {
                let source = if hosts.is_empty() { "" } else { " (from /etc/hosts)" };
                check(CheckResult::Ok, format!("{}{source}", list(&ips)))
            }
        }
        Err(NameError::TimedOut | NameError::Failed(_)) if dns.is_none() => {
            check(CheckResult::Skip, "not resolved: no DNS server answers".to_owned())
        }
        Err(NameError::NoneOfFamily) => {
            check(CheckResult::Fail, "no address of the requested family".to_owned())
                .hint("omit -4 and -6")
        }
        Err(error) => {
            let is_missing = answers.iter().any(ServerAnswer::is_no_such_name);
            let ips = dns.unwrap_or_default();
            match (ips.is_empty(), is_missing) {
                (true, true) => check(CheckResult::Fail, "it does not exist (NXDOMAIN)".to_owned())
                    .hint(spelling),
                (true, false) if answers.iter().any(ServerAnswer::has_answered) => {
                    check(CheckResult::Fail, "it has no address".to_owned()).hint(spelling)
                }
                (true, false) => check(CheckResult::Fail, error.to_string()).hint(spelling),
                (false, _) => {
                    let admitted = ips.iter().filter(|ip| family.admits(**ip));
                    addrs = admitted.map(|ip| SocketAddr::new(*ip, port)).collect();
                    if matches!(error, NameError::TimedOut) {
                        // The C library waits 5 s before it repeats a lost query.
                        let detail = format!("the DNS says {}, programs wait longer", list(&ips));
                        let check = check(CheckResult::Warn, detail);
                        let checks = vec![check.hint("`sockkit resolve --system NAME`")];
                        return ResolvedTarget { checks, addrs, is_final_here: false };
                    }
                    let detail =
                        format!("programs get none ({error}), the DNS says {}", list(&ips));
                    check(CheckResult::Fail, detail)
                        .hint("the line `hosts:` in /etc/nsswitch.conf (`sockkit info`)")
                }
            }
        }
    };
    let is_final_here = answers.iter().all(ServerAnswer::is_final_here) && !answers.is_empty();
    ResolvedTarget { checks: vec![check], addrs, is_final_here }
}
