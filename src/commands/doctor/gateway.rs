//! The gateways: does the next router answer?

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;

use crate::commands::doctor::check::{Check, CheckResult, Layer};
use crate::host::{self, NeighborState, identity};
use crate::net::Deadline;
use crate::net::ping::Ping;
use crate::output::figures;

/// How long a gateway may take. The kernel asks for a neighbour three times, one second apart
/// (arp(7)), and then reports that it failed.
const PATIENCE: Duration = Duration::from_millis(3500);

/// How long to wait for the reply to a ping if the kernel already knows the gateway, which need
/// not answer pings.
const PING_PATIENCE: Duration = Duration::from_millis(700);

/// The interval between two looks at the kernel's table of neighbours.
const NEIGHBOR_POLL: Duration = Duration::from_millis(50);

/// The discard service (RFC 863): a datagram to it makes the kernel look for the neighbour.
const DISCARD: u16 = 9;

/// A router, and the interface through which it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gateway {
    pub(super) ip: IpAddr,
    pub(super) interface: Option<u32>,
}

impl Gateway {
    /// Returns its address with a port; a link-local one with its zone.
    fn addr(self, port: u16) -> SocketAddr {
        match (self.ip, self.interface) {
            (IpAddr::V6(ip), Some(index)) if ip.is_unicast_link_local() => {
                SocketAddrV6::new(ip, port, 0, index).into()
            }
            (ip, _) => SocketAddr::new(ip, port),
        }
    }
}

/// Returns the check of a gateway.
pub(super) async fn check(gateway: Gateway, deadline: Deadline) -> Check {
    let started = Instant::now();
    let interfaces = host::interfaces().unwrap_or_default();
    let name = identity::zoned(gateway.ip, gateway.interface, &interfaces);
    let known = interfaces.iter().find(|it| Some(it.index) == gateway.interface);
    let interface = known.map_or("?", |it| it.name.as_str());
    let answer = deadline.earlier(Deadline::after(PATIENCE)).bound(wait(gateway, started)).await;
    let answer = answer.unwrap_or_else(|_| last_word(gateway));
    let protocol = if gateway.ip.is_ipv4() { "ARP" } else { "neighbour discovery" };
    let (result, detail) = match answer {
        GatewayAnswer::Ping(time) => {
            (CheckResult::Ok, format!("answers a ping in {}", figures::time(time)))
        }
        GatewayAnswer::Neighbor(mac) => {
            (CheckResult::Ok, format!("answers on {interface} ({mac})"))
        }
        GatewayAnswer::Stale(mac) => (
            CheckResult::Warn,
            format!("answered earlier on {interface} ({mac}), and gives no sign now"),
        ),
        GatewayAnswer::Silent => {
            (CheckResult::Warn, "does not answer a ping, which some routers do not".to_owned())
        }
        GatewayAnswer::Missing => {
            (CheckResult::Fail, format!("no machine on {interface} answers for it ({protocol})"))
        }
    };
    Check::new(Layer::Gateway, name, result, detail)
        .took(started.elapsed())
        .hint("turn on the router, or correct the gateway (`ip route`)")
}

/// What is known about a gateway.
#[derive(Debug)]
enum GatewayAnswer {
    /// It answered a ping after this time.
    Ping(Duration),
    /// It has this hardware address, and has answered lately.
    Neighbor(String),
    /// It had this hardware address.
    Stale(String),
    /// It does not answer, and the kernel need not know its hardware address.
    Silent,
    /// No machine has the address.
    Missing,
}

/// Waits for a sign of the gateway, or for the kernel to report that there is none.
async fn wait(gateway: Gateway, started: Instant) -> GatewayAnswer {
    let signal = Signal::send(gateway).await;
    loop {
        tokio::select! {
            biased;
            reply = signal.reply() => {
                if reply.is_ok() {
                    return GatewayAnswer::Ping(started.elapsed());
                }
                // An ICMP error, which the table of neighbours explains.
                tokio::time::sleep(NEIGHBOR_POLL).await;
            }
            () = tokio::time::sleep(NEIGHBOR_POLL) => {}
        }
        match neighbor(gateway) {
            Some((NeighborState::Failed, _)) => return GatewayAnswer::Missing,
            Some((NeighborState::Reachable, mac)) if started.elapsed() >= signal.patience() => {
                return GatewayAnswer::Neighbor(
                    mac.unwrap_or_else(|| "no hardware address".to_owned()),
                );
            }
            _ => {}
        }
    }
}

/// Returns what is known when the time is over.
fn last_word(gateway: Gateway) -> GatewayAnswer {
    match neighbor(gateway) {
        Some((NeighborState::Reachable, Some(mac))) => GatewayAnswer::Neighbor(mac),
        Some((_, Some(mac))) => GatewayAnswer::Stale(mac),
        Some((NeighborState::Asked | NeighborState::Failed, None)) => GatewayAnswer::Missing,
        _ => GatewayAnswer::Silent,
    }
}

fn neighbor(gateway: Gateway) -> Option<(NeighborState, Option<String>)> {
    let neighbors = host::neighbors().ok()?;
    let is = |it: &&host::Neighbor| {
        it.ip == gateway.ip && gateway.interface.is_none_or(|index| index == it.interface)
    };
    neighbors.iter().find(is).map(|it| (it.state, it.mac.clone()))
}

/// A packet to the gateway: an ICMP echo request where that is permitted, otherwise a datagram.
/// Either makes the kernel look for the neighbour.
struct Signal {
    ping: Option<Ping>,
}

impl Signal {
    async fn send(gateway: Gateway) -> Self {
        let to = gateway.addr(DISCARD);
        if let Ok(ping) = Ping::open(to)
            && ping.send(PING_NUMBER, 0).await.is_ok()
        {
            return Self { ping: Some(ping) };
        }
        // If this fails too, only the table of neighbours can tell.
        send_datagram(to).await.ok();
        Self { ping: None }
    }

    /// Returns how long to wait for a reply if the kernel knows the gateway.
    fn patience(&self) -> Duration {
        if self.ping.is_some() { PING_PATIENCE } else { Duration::ZERO }
    }

    /// Waits for the reply; never returns if none can be received.
    async fn reply(&self) -> io::Result<()> {
        match &self.ping {
            Some(ping) => ping.reply(PING_NUMBER).await,
            None => std::future::pending().await,
        }
    }
}

const PING_NUMBER: u16 = 1;

async fn send_datagram(to: SocketAddr) -> io::Result<()> {
    let any: IpAddr =
        if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((any, 0)).await?.send_to(&[], to).await.map(drop)
}
