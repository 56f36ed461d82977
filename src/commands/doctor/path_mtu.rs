//! The path MTU: do large packets reach a server that small ones reach?

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustix::io::Errno;

use crate::commands::doctor::check::{Check, CheckResult, Layer, Purpose};
use crate::commands::doctor::local::{LocalFacts, Way};
use crate::net::Deadline;
use crate::net::ping::{self, Ping};

/// How long to wait for the reply to each ping.
const PING_WAIT: Duration = Duration::from_millis(400);

/// How often a ping is sent: one lost packet is no fault.
const PINGS: u16 = 3;

/// Returns a check if small packets reach the target and return, and packets of the size that the
/// interface allows do not: a router drops them without a message. `None` if that is not the case,
/// or cannot be found out.
pub(super) async fn check(to: SocketAddr, facts: &LocalFacts, deadline: Deadline) -> Option<Check> {
    let hop = Way::to(to, Purpose::Target).hop.ok()?;
    let interface = facts.interfaces.iter().find(|it| Some(it.index) == hop.interface)?;
    let mtu = usize::try_from(interface.mtu?).ok()?;
    let ping = Ping::open(to).ok()?;
    ping.forbid_fragments().ok()?;
    if !is_answered(&ping, 0, 0, deadline).await {
        return None;
    }
    let ip_header = match to.ip() {
        IpAddr::V4(_) => 20,
        IpAddr::V6(_) => 40,
    };
    let len = mtu.checked_sub(ip_header + ping::ICMP_HEADER)?;
    if is_answered(&ping, PINGS, len, deadline).await {
        return None;
    }
    let name = format!("path MTU to {}", to.ip());
    let detail = format!("small packets arrive, packets of {mtu} bytes are lost without a message");
    let hint = format!(
        "`ip link set {} mtu 1280`; a router or a tunnel on the way drops ICMP messages",
        interface.name
    );
    Some(Check::new(Layer::Route, name, CheckResult::Fail, detail).hint(hint))
}

/// Returns whether one of several pings with `len` bytes is answered, or if that cannot be said:
/// the kernel knows that such packets are too long, or the time is over.
async fn is_answered(ping: &Ping, first: u16, len: usize, deadline: Deadline) -> bool {
    for number in first..first + PINGS {
        match ping.send(number, len).await {
            // The interface of this machine has dropped the packet, as a router would.
            Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => continue,
            Err(_) => return len > 0,
            Ok(()) if deadline.has_passed() => return len > 0,
            Ok(()) => {}
        }
        if Deadline::after(PING_WAIT).bound(ping.reply(number)).await.is_ok_and(|it| it.is_ok()) {
            return true;
        }
    }
    false
}
