//! Runs the checks: what does not depend on each other runs at the same time, in three stages that
//! share the time limit.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::commands::doctor::check::{Check, CheckResult, Layer, Purpose};
use crate::commands::doctor::connect::{self, Remainder};
use crate::commands::doctor::gateway::{self, Gateway};
use crate::commands::doctor::local::{LocalFacts, Way};
use crate::commands::doctor::name::{self, ResolvedTarget};
use crate::commands::doctor::path_mtu;
use crate::commands::doctor::proxy;
use crate::commands::doctor::self_test;
use crate::commands::doctor::servers::{self, ServerAnswer};
use crate::commands::doctor::target::DoctorTarget;
use crate::dns::machine::system;
use crate::host;
use crate::net::Deadline;
use crate::net::address::host::Host;
use crate::net::address::names::{Family, resolve};
use crate::net::tls::ClientHandshake;

/// The settings of a run.
pub(super) struct DoctorSettings {
    pub(super) target: Option<DoctorTarget>,
    pub(super) tls: ClientHandshake,
    pub(super) family: Family,
    /// The limit of the whole run.
    pub(super) limit: Duration,
}

/// Runs all checks; returns them in no particular order.
pub(super) async fn checks(settings: &DoctorSettings) -> Vec<Check> {
    let facts = LocalFacts::read();
    let (own, path) = tokio::join!(self_test::checks(), async {
        match &settings.target {
            None => local_layers(&facts, settings).await,
            Some(target) => path(&facts, settings, target).await,
        }
    });
    own.into_iter().chain(path).collect()
}

/// Checks the layers of this machine up to the DNS servers.
async fn local_layers(facts: &LocalFacts, settings: &DoctorSettings) -> Vec<Check> {
    let deadline = Deadline::after(settings.limit);
    let resolver = system::settings();
    let mut checks = facts.interface_checks(false);
    checks.extend(facts.address_checks(&[]));
    checks.extend(facts.default_route_checks());
    let (gateways, answers) = tokio::join!(
        gateway_checks(default_gateways(), deadline),
        servers::query(None, &resolver, deadline)
    );
    let ways = resolver.servers.iter().map(|server| Way::to(*server, Purpose::Resolving));
    let ways: Vec<Way> = ways.collect();
    // Why a DNS server cannot be reached; a route that exists is no news.
    let unreachable = ways.iter().filter(|way| way.hop.is_err());
    checks.extend(unreachable.map(|way| facts.route_check(way, is_alone(way, &ways))));
    let known = default_gateways().into_iter().zip(gateways).collect();
    checks.extend(needed_gateways(known, &ways, &[]));
    checks.extend(servers::server_checks(&answers, false));
    for layer in [Layer::Name, Layer::Tcp, Layer::Tls, Layer::App] {
        checks.push(Check::skip(layer, "no target given"));
    }
    checks
}

/// Checks the path to the target.
async fn path(facts: &LocalFacts, settings: &DoctorSettings, target: &DoctorTarget) -> Vec<Check> {
    // The names have 4 tenths of the time, connecting 3, TLS and the application 2; the rest is for
    // the path MTU.
    let tenth = settings.limit / 10;
    let end = Deadline::after(settings.limit);
    let (resolving, connecting) = (Deadline::after(tenth * 4), Deadline::after(tenth * 7));
    let speaking = Deadline::after(tenth * 9);
    let resolver = system::settings();
    let dns_ways: Vec<Way> = match &target.host {
        Host::Name(given) if !name::is_localhost(given) => {
            let servers = resolver.servers.iter();
            servers.map(|server| Way::to(*server, Purpose::Resolving)).collect()
        }
        _ => Vec::new(),
    };
    let literal = match &target.host {
        Host::Name(_) => Vec::new(),
        host => resolve(host, target.port.0, settings.family, end).await.unwrap_or_default(),
    };
    let literal_ways = literal.iter().map(|addr| Way::to(*addr, Purpose::Target));
    let literal_ways: Vec<Way> = literal_ways.collect();
    let mut gateways = Vec::new();
    add_gateways(&mut gateways, dns_ways.iter().chain(&literal_ways));
    let (gateway_results, (dns_checks, named)) = tokio::join!(
        gateway_checks(gateways.clone(), resolving),
        resolve_target(target, settings, &resolver, literal, resolving)
    );
    let addrs = named.addrs;
    let mut ways = literal_ways;
    if ways.is_empty() {
        ways.extend(addrs.iter().map(|addr| Way::to(*addr, Purpose::Target)));
    }
    let mut later = Vec::new();
    add_gateways(&mut later, ways.iter());
    later.retain(|gateway| !gateways.contains(gateway));
    let (later_results, (tcp, connected), proxied) = tokio::join!(
        gateway_checks(later.clone(), connecting),
        connect::tcp(&addrs, connecting),
        proxy::check(target, connecting)
    );
    // If no address of the target is known, the network is needed to find one.
    let needs_network =
        if ways.is_empty() { !named.is_final_here } else { ways.iter().any(|way| !way.is_local()) };
    let mut checks = local_checks(facts, &dns_ways, &ways, needs_network);
    checks.extend(dns_checks);
    checks.extend(named.checks);
    let known = gateways.iter().chain(&later).zip(gateway_results.into_iter().chain(later_results));
    let known = known.map(|(gateway, check)| (*gateway, check));
    checks.extend(needed_gateways(known.collect(), &dns_ways, &ways));
    checks.extend(without_routes(&tcp, &checks, facts));
    if addrs.is_empty() {
        checks.push(Check::skip(Layer::Tcp, "not checked: no address is known"));
    }
    checks.extend(proxied);
    let not_connected = "not checked: there is no connection";
    let Some(mut connected) = connected else {
        checks.push(Check::skip(Layer::Tls, not_connected));
        checks.push(Check::skip(Layer::App, not_connected));
        return checks;
    };
    let mut rest = Remainder::Usable;
    if target.tls {
        let secured = connect::tls(&mut connected, target, &settings.tls, speaking).await;
        checks.push(secured.0);
        rest = secured.1;
    } else {
        checks.push(Check::skip(Layer::Tls, "the target does not use TLS (--tls)"));
    }
    if rest == Remainder::Usable {
        let opened = connect::app(&mut connected, target, speaking).await;
        checks.push(opened.0);
        rest = opened.1;
    } else {
        checks.push(Check::skip(Layer::App, "not checked: TLS failed"));
    }
    if rest == Remainder::Silent {
        // What the server sends may be lost because it is too long for the path.
        checks.extend(path_mtu::check(connected.addr, facts, end).await);
    }
    checks
}

/// Resolves the target, and queries the DNS servers meanwhile.
async fn resolve_target(
    target: &DoctorTarget,
    settings: &DoctorSettings,
    resolver: &system::Settings,
    literal: Vec<SocketAddr>,
    deadline: Deadline,
) -> (Vec<Check>, ResolvedTarget) {
    let Host::Name(given) = &target.host else {
        let skipped = |layer| Check::skip(layer, "not needed: the target is an address");
        let checks = vec![skipped(Layer::Name)];
        let named = ResolvedTarget { checks, addrs: literal, is_final_here: false };
        return (vec![skipped(Layer::Dns)], named);
    };
    let (port, family) = (target.port.0, settings.family);
    if name::is_localhost(given) {
        // Servers must not be asked for localhost names (RFC 6761 section 6.3).
        let found = name::system(&target.host, port, family, deadline).await;
        let skipped = Check::skip(Layer::Dns, "not needed for a localhost name");
        return (vec![skipped], name::name_check(given, port, family, found, &[]));
    }
    let (answers, found) = tokio::join!(
        servers::query(Some(given), resolver, deadline),
        name::system(&target.host, port, family, deadline)
    );
    let answers: Vec<ServerAnswer> = answers;
    let checks = servers::server_checks(&answers, true);
    (checks, name::name_check(given, port, family, found, &answers))
}

/// Returns the checks of interfaces, addresses and routes for these destinations.
fn local_checks(
    facts: &LocalFacts,
    dns_ways: &[Way],
    ways: &[Way],
    needs_network: bool,
) -> Vec<Check> {
    let remote = |way: &&Way| !way.is_local();
    let all = || dns_ways.iter().chain(ways);
    let mut checks = facts.interface_checks(needs_network);
    if needs_network {
        let needed: Vec<(Family, Purpose)> =
            ways.iter().filter(remote).map(|way| (Family::of(way.to.ip()), way.purpose)).collect();
        checks.extend(facts.address_checks(&needed));
    } else {
        checks.push(Check::skip(Layer::Address, "not needed: nothing leads to other machines"));
    }
    for ways in [dns_ways, ways] {
        checks.extend(ways.iter().map(|way| facts.route_check(way, is_alone(way, ways))));
    }
    if all().next().is_none() {
        checks.extend(facts.default_route_checks());
    }
    checks
}

/// Returns whether all of `ways` are of the family of `way`.
fn is_alone(way: &Way, ways: &[Way]) -> bool {
    ways.iter().all(|it| Family::of(it.to.ip()) == Family::of(way.to.ip()))
}

/// Turns the failures of addresses into which no route leads, and need none, into skips.
fn without_routes(tcp: &[Check], checks: &[Check], facts: &LocalFacts) -> Vec<Check> {
    let is_skipped = |check: &Check| {
        let skips = |it: &&Check| it.layer == Layer::Route && it.purpose == Purpose::Target;
        let mut routes = checks.iter().filter(skips);
        check.result == CheckResult::Fail
            && routes.any(|it| it.family == check.family && it.result == CheckResult::Skip)
    };
    let is_alone = |check: &Check| tcp.iter().all(|it| it.family == check.family);
    let turned = tcp.iter().map(|check| {
        if is_skipped(check) && !is_alone(check) && !facts.has_global(check.family) {
            let detail = format!("not used: {}", check.detail);
            return Check { result: CheckResult::Skip, detail, ..check.clone() };
        }
        check.clone()
    });
    turned.collect()
}

fn default_gateways() -> Vec<Gateway> {
    let mut gateways = Vec::new();
    let routes = host::routes().unwrap_or_default();
    for route in routes.iter().filter(|route| route.is_default()) {
        add(&mut gateways, route.gateway.map(|ip| Gateway { ip, interface: route.interface }));
    }
    gateways
}

fn add_gateways<'a>(gateways: &mut Vec<Gateway>, ways: impl Iterator<Item = &'a Way>) {
    for way in ways {
        add(gateways, gateway_of(way));
    }
}

fn gateway_of(way: &Way) -> Option<Gateway> {
    let hop = way.hop.as_ref().ok()?;
    Some(Gateway { ip: hop.gateway?, interface: hop.interface })
}

fn add(gateways: &mut Vec<Gateway>, gateway: Option<Gateway>) {
    /// More gateways than any machine has on the way to one target.
    const MAX_GATEWAYS: usize = 16;
    if let Some(gateway) = gateway
        && !gateways.contains(&gateway)
        && gateways.len() < MAX_GATEWAYS
    {
        gateways.push(gateway);
    }
}

/// Checks the gateways at the same time; returns the checks in their order.
async fn gateway_checks(gateways: Vec<Gateway>, deadline: Deadline) -> Vec<Check> {
    let mut running = JoinSet::new();
    for (at, gateway) in gateways.into_iter().enumerate() {
        running.spawn(async move { (at, gateway::check(gateway, deadline).await) });
    }
    let mut checks = Vec::new();
    while let Some(ended) = running.join_next().await {
        // A task fails only if it panics, which is a bug that the runtime has reported.
        checks.extend(ended.ok());
    }
    checks.sort_by_key(|(at, _)| *at);
    checks.into_iter().map(|(_, check)| check).collect()
}

/// Marks each gateway with what needs it.
fn needed_gateways(known: Vec<(Gateway, Check)>, dns_ways: &[Way], ways: &[Way]) -> Vec<Check> {
    let mut checks = Vec::new();
    for (gateway, check) in known {
        // A gateway to the target also counts as one, whatever else needs it.
        let user = ways.iter().chain(dns_ways).find(|way| gateway_of(way) == Some(gateway));
        checks.push(match user {
            Some(way) => check.needed(way.purpose, way.to.ip()),
            None => Check { family: Family::of(gateway.ip), ..check },
        });
    }
    if checks.is_empty() {
        checks.push(Check::skip(Layer::Gateway, "none: no route leads through a router"));
    }
    checks
}
