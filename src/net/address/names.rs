//! Resolves host names to addresses and back through the system resolver, as other programs do.
//!
//! getaddrinfo(3) and getnameinfo(3) block and cannot be interrupted, so each lookup runs in its
//! own thread. After the deadline, the thread finishes alone and its result is discarded. Direct
//! queries to DNS servers are in `dns`.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

use crate::net::address::host::Host;
use crate::net::address::interface;
use crate::net::deadline::{Deadline, Elapsed};
use crate::threads;

/// The address family to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// IPv4 and IPv6.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// Returns the family of `ip`.
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Returns whether `ip` belongs to the family.
    pub fn admits(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

/// Why a name could not be resolved.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NameError {
    /// The name does not exist, or has no address.
    #[error("no such host name")]
    NotFound,
    /// The name has addresses, but none of the requested family.
    #[error("no address of the requested family")]
    NoneOfFamily,
    /// The zone of an IPv6 address is not an interface of this machine.
    #[error("{0:?} is not an interface of this machine")]
    NoInterface(String),
    /// The system resolver could not complete the lookup.
    #[error("the system resolver failed ({0})")]
    Failed(String),
    /// The system resolver did not answer in time.
    #[error("timed out")]
    TimedOut,
}

/// Returns the addresses of `host` with `port`, in the system's order (RFC 6724), without
/// duplicates.
///
/// # Errors
/// There is no address, the resolver failed, or the deadline passed.
pub async fn resolve(
    host: &Host,
    port: u16,
    family: Family,
    deadline: Deadline,
) -> Result<Vec<SocketAddr>, NameError> {
    let name = match host {
        Host::Ip(ip) if family.admits(*ip) => return Ok(vec![SocketAddr::new(*ip, port)]),
        Host::Zoned(ip, zone) if family.admits((*ip).into()) => {
            let index = interface::index(zone);
            let index = index.ok_or_else(|| NameError::NoInterface(zone.clone()))?;
            return Ok(vec![SocketAddrV6::new(*ip, port, 0, index).into()]);
        }
        Host::Ip(_) | Host::Zoned(..) => return Err(NameError::NoneOfFamily),
        Host::Name(name) => name.clone(),
    };
    let found = run_in_thread(deadline, move || look_up(&name)).await??;
    let mut addrs: Vec<SocketAddr> = Vec::new();
    for mut addr in found {
        addr.set_port(port);
        if family.admits(addr.ip()) && !addrs.contains(&addr) {
            addrs.push(addr);
        }
    }
    if addrs.is_empty() { Err(NameError::NoneOfFamily) } else { Ok(addrs) }
}

/// Returns the name that the system resolver gives for `ip`, if it answers in time.
///
/// Returns `None` at once if 32 such lookups are running: the name is only informative, and many
/// clients must not start as many threads.
pub async fn reverse(ip: IpAddr, deadline: Deadline) -> Option<String> {
    let permit = ReversePermit::acquire()?;
    let look_up = move || {
        // Held until the lookup ends, even if the caller stops waiting earlier.
        let _permit = permit;
        dns_lookup::lookup_addr(&ip)
    };
    let name = run_in_thread(deadline, look_up).await.ok()?.ok()?;
    // Without a PTR record, some resolvers return the address itself.
    (name.parse::<IpAddr>().is_err()).then_some(name)
}

/// Returns the canonical name of `name` (`AI_CANONNAME`), if the resolver returns one in time.
pub async fn canonical(name: String, deadline: Deadline) -> Option<String> {
    run_in_thread(deadline, move || {
        let hints = dns_lookup::AddrInfoHints { flags: AI_CANONNAME, ..Default::default() };
        let mut found = dns_lookup::getaddrinfo(Some(&name), None, Some(hints)).ok()?;
        found.find_map(|info| info.ok()?.canonname)
    })
    .await
    .ok()?
}

/// Maximum number of reverse lookups that run at once in this process.
const MAX_REVERSE: usize = 32;

/// From `<netdb.h>`; the value is the same on Linux, the BSDs and macOS.
const AI_CANONNAME: i32 = 2;

/// Reverse lookups that are running.
static RUNNING_REVERSE: AtomicUsize = AtomicUsize::new(0);

/// A permit to run a reverse lookup, returned on drop.
struct ReversePermit;

impl ReversePermit {
    fn acquire() -> Option<Self> {
        let permit = Self;
        // If the limit is reached, dropping the permit undoes the increment.
        (RUNNING_REVERSE.fetch_add(1, Ordering::Relaxed) < MAX_REVERSE).then_some(permit)
    }
}

impl Drop for ReversePermit {
    fn drop(&mut self) {
        RUNNING_REVERSE.fetch_sub(1, Ordering::Relaxed);
    }
}

fn look_up(name: &str) -> Result<Vec<SocketAddr>, NameError> {
    let stream = dns_lookup::SockType::Stream.into();
    let hints = dns_lookup::AddrInfoHints { socktype: stream, ..Default::default() };
    match dns_lookup::getaddrinfo(Some(name), None, Some(hints)) {
        Ok(found) => Ok(found.filter_map(|info| Some(info.ok()?.sockaddr)).collect()),
        Err(error) => Err(match error.kind() {
            dns_lookup::LookupErrorKind::NoName | dns_lookup::LookupErrorKind::NoData => {
                NameError::NotFound
            }
            _ => NameError::Failed(describe(&io::Error::from(error))),
        }),
    }
}

/// Returns the resolver's message without the prefix that std adds.
fn describe(error: &io::Error) -> String {
    let text = crate::reason::of(error);
    match text.rsplit_once(": ") {
        Some((_, last)) => last.to_lowercase(),
        None => text,
    }
}

async fn run_in_thread<T, W>(deadline: Deadline, work: W) -> Result<T, NameError>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let started = threads::start("resolver", move || {
        // This fails only if the deadline has passed and the caller has stopped waiting.
        sender.send(work()).ok();
    });
    if let Err(error) = started {
        return Err(NameError::Failed(crate::reason::of_thread(error).to_string()));
    }
    match deadline.bound(receiver).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(NameError::Failed("the lookup thread ended without an answer".into())),
        Err(Elapsed) => Err(NameError::TimedOut),
    }
}
