//! Names to addresses and back, the way every other program on this machine does it.
//!
//! The system's resolver (getaddrinfo, getnameinfo) blocks and cannot be interrupted, so each
//! question runs in a thread of its own that is left behind when the deadline passes. What the
//! DNS itself says is the business of `dns`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::sync::oneshot;

use crate::net::address::host::Host;
use crate::net::deadline::{Deadline, Elapsed};

/// Which addresses are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Both.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// Returns the family `ip` is of.
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Returns whether `ip` is wanted.
    pub fn admits(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

/// Why a name gave no address.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// It does not exist, or has no address.
    #[error("no such host name")]
    NotFound,
    /// It has addresses, but none of the family asked for.
    #[error("no address of the family asked for")]
    NoneOfFamily,
    /// The resolver could not find out.
    #[error("the system's resolver failed ({0})")]
    Failed(String),
    /// The resolver did not answer in time.
    #[error("timed out")]
    TimedOut,
}

/// Returns the addresses of `host` with `port`, in the system's order (RFC 6724), without
/// repetitions.
///
/// # Errors
/// There is none, the resolver failed, or the deadline passed.
pub async fn resolve(
    host: &Host,
    port: u16,
    family: Family,
    deadline: Deadline,
) -> Result<Vec<SocketAddr>, NameError> {
    let name = match host {
        Host::Ip(ip) if family.admits(*ip) => return Ok(vec![SocketAddr::new(*ip, port)]),
        Host::Ip(_) => return Err(NameError::NoneOfFamily),
        Host::Name(name) => name.clone(),
    };
    let found = in_background(deadline, move || look_up(&name)).await??;
    let mut addrs: Vec<SocketAddr> = Vec::new();
    for mut addr in found {
        addr.set_port(port);
        if family.admits(addr.ip()) && !addrs.contains(&addr) {
            addrs.push(addr);
        }
    }
    if addrs.is_empty() { Err(NameError::NoneOfFamily) } else { Ok(addrs) }
}

/// Returns the name the system's resolver gives for `ip`, if it gives one in time.
///
/// Answers nothing when too many such questions are open already: a name is a courtesy, and a
/// flood of clients must not become a flood of threads.
pub async fn reverse(ip: IpAddr, deadline: Deadline) -> Option<String> {
    let place = ReversePlace::take()?;
    let look_up = move || {
        // Held until the question is answered, not until nobody waits for it any more.
        let _place = place;
        dns_lookup::lookup_addr(&ip)
    };
    let name = in_background(deadline, look_up).await.ok()?.ok()?;
    // Without a PTR record some resolvers echo the address.
    (name.parse::<IpAddr>().is_err()).then_some(name)
}

/// Returns the canonical name of `name` (`AI_CANONNAME`), if the resolver knows one in time.
pub async fn canonical(name: String, deadline: Deadline) -> Option<String> {
    in_background(deadline, move || {
        let hints = dns_lookup::AddrInfoHints { flags: AI_CANONNAME, ..Default::default() };
        let mut found = dns_lookup::getaddrinfo(Some(&name), None, Some(hints)).ok()?;
        found.find_map(|info| info.ok()?.canonname)
    })
    .await
    .ok()?
}

/// Reverse questions open at once, process-wide.
const MAX_REVERSE: usize = 32;

/// From `<netdb.h>`; the same number on Linux, the BSDs and macOS.
const AI_CANONNAME: i32 = 2;

static REVERSE_OPEN: AtomicUsize = AtomicUsize::new(0);

struct ReversePlace;

impl ReversePlace {
    fn take() -> Option<Self> {
        let place = Self;
        // The place is given back by `drop` where there was none left.
        (REVERSE_OPEN.fetch_add(1, Ordering::Relaxed) < MAX_REVERSE).then_some(place)
    }
}

impl Drop for ReversePlace {
    fn drop(&mut self) {
        REVERSE_OPEN.fetch_sub(1, Ordering::Relaxed);
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

/// The resolver's words without std's preamble.
fn describe(error: &io::Error) -> String {
    let text = crate::reason::of(error);
    match text.rsplit_once(": ") {
        Some((_, last)) => last.to_lowercase(),
        None => text,
    }
}

async fn in_background<T, W>(deadline: Deadline, work: W) -> Result<T, NameError>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let started = thread::Builder::new().name("resolver".into()).spawn(move || {
        // Nobody listens any more once the deadline has passed.
        sender.send(work()).ok();
    });
    if let Err(error) = started {
        return Err(NameError::Failed(crate::reason::of(&error)));
    }
    match deadline.bound(receiver).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(NameError::Failed("the lookup ended without an answer".into())),
        Err(Elapsed) => Err(NameError::TimedOut),
    }
}
