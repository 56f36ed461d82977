//! The layers of this machine: interfaces, addresses and routes.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use crate::commands::doctor::check::{Check, CheckResult, Layer, Purpose};
use crate::host::{self, AddressScope, Interface, InterfaceAddress, LinkState, NextHop, identity};
use crate::net::address::names::Family;
use crate::reason;

/// What the kernel reports about this machine.
#[derive(Debug, Default)]
pub(super) struct LocalFacts {
    pub(super) interfaces: Vec<Interface>,
    /// Why the interfaces are not known.
    error: Option<io::Error>,
}

/// An address that is needed, and how packets reach it.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) to: SocketAddr,
    pub(super) purpose: Purpose,
    pub(super) hop: io::Result<NextHop>,
}

impl Way {
    /// Returns the way to `to`, as the kernel chooses it.
    pub(super) fn to(to: SocketAddr, purpose: Purpose) -> Self {
        let zone = match to {
            SocketAddr::V6(to) => Some(to.scope_id()),
            SocketAddr::V4(_) => None,
        };
        Self { to, purpose, hop: host::route_to(to.ip(), zone) }
    }

    /// Returns whether the destination is this machine itself.
    pub(super) fn is_local(&self) -> bool {
        self.to.ip().is_loopback() || self.hop.as_ref().is_ok_and(|hop| hop.is_local)
    }
}

impl LocalFacts {
    pub(super) fn read() -> Self {
        match host::interfaces() {
            Ok(interfaces) => Self { interfaces, error: None },
            Err(error) => Self { interfaces: Vec::new(), error: Some(error) },
        }
    }

    /// Returns the checks of the interfaces; `needs_network` if the path leads to other machines.
    pub(super) fn interface_checks(&self, needs_network: bool) -> Vec<Check> {
        if let Some(error) = &self.error {
            let detail = format!("the kernel does not list them: {}", reason::of(error));
            return vec![Check::new(Layer::Interface, "-", CheckResult::Fail, detail)];
        }
        let mut checks: Vec<Check> = Vec::new();
        let is_connected = self.interfaces.iter().any(Interface::is_connected);
        let is_unused = |it: &&Interface| it.state == LinkState::Down && !it.is_loopback();
        for interface in self.interfaces.iter().filter(|it| !is_unused(it)) {
            let result = match interface.state {
                LinkState::Up => CheckResult::Ok,
                LinkState::Down => CheckResult::Fail,
                // An interface without a link is no fault while another one has one.
                _ if is_connected => CheckResult::Skip,
                _ => CheckResult::Warn,
            };
            let detail = format!("{}, {}", interface.state, interface.kind);
            let hint = format!("`ip link set {} up`, or plug in the cable", interface.name);
            let check = Check::new(Layer::Interface, &interface.name, result, detail);
            checks.push(check.hint(hint));
        }
        let unused: Vec<&str> =
            self.interfaces.iter().filter(is_unused).map(|it| it.name.as_str()).collect();
        if !unused.is_empty() {
            checks.push(Check::skip(Layer::Interface, format!("down: {}", unused.join(", "))));
        }
        if !is_connected {
            let result = if needs_network { CheckResult::Fail } else { CheckResult::Warn };
            let (detail, hint) = self.why_disconnected();
            checks.push(Check::new(Layer::Interface, "-", result, detail).hint(hint));
        }
        checks
    }

    fn why_disconnected(&self) -> (String, String) {
        let others = || self.interfaces.iter().filter(|it| !it.is_loopback());
        let names = |state: LinkState| {
            let of_state = others().filter(move |it| it.state == state).map(|it| it.name.as_str());
            of_state.collect::<Vec<_>>().join(", ")
        };
        let (unlinked, down) = (names(LinkState::NoCarrier), names(LinkState::Down));
        if !unlinked.is_empty() {
            let hint = "plug in the cable, or join the wireless network";
            return (format!("no link on {unlinked}"), hint.to_owned());
        }
        if let Some(first) = others().find(|it| it.state == LinkState::Down) {
            let hint = format!("`ip link set {} up`", first.name);
            return (format!("no interface is up; {down} is down"), hint);
        }
        let hint = "a network device, or its driver".to_owned();
        ("this machine has only the loopback interface".to_owned(), hint)
    }

    /// Returns the addresses of this family from which other networks can be reached.
    fn routable(&self, family: Family) -> Vec<String> {
        let connected = self.interfaces.iter().filter(|it| it.is_connected());
        let addresses = connected.flat_map(|it| it.addresses.iter().map(move |at| (it, at)));
        let fits = addresses.filter(|(_, address)| {
            address.scope.is_routable() && address.is_usable() && family.admits(address.ip)
        });
        fits.map(|(interface, address)| format!("{address} on {}", interface.name)).collect()
    }

    /// Returns whether this machine has an address of this family that the Internet can reach.
    pub(super) fn has_global(&self, family: Family) -> bool {
        let addresses = self.interfaces.iter().filter(|it| it.is_connected());
        addresses.flat_map(|it| &it.addresses).any(|address| {
            address.scope == AddressScope::Global
                && address.is_usable()
                && family.admits(address.ip)
        })
    }

    /// Returns whether this machine has a routable address of this family.
    pub(super) fn has_address(&self, family: Family) -> bool {
        !self.routable(family).is_empty()
    }

    /// Returns the checks of the addresses: one for each family, or one that both are missing.
    /// `needed` are the families of the destinations on other machines.
    pub(super) fn address_checks(&self, needed: &[(Family, Purpose)]) -> Vec<Check> {
        let hint = "a DHCP client such as `networkctl` or `nmcli`, or `ip address add`";
        let mut checks = Vec::new();
        for interface in self.interfaces.iter().filter(|it| it.is_connected()) {
            let is_duplicate = |it: &&InterfaceAddress| it.flags.contains(&"duplicate");
            for address in interface.addresses.iter().filter(is_duplicate) {
                let detail = format!("another machine on the link of {} has it", interface.name);
                let name = address.to_string();
                let check = Check::new(Layer::Address, name, CheckResult::Warn, detail);
                checks.push(check.hint("another address for one of the two machines"));
            }
        }
        if !self.has_address(Family::Any) {
            let detail = "no interface has an address that other networks can reach";
            let result = CheckResult::Fail;
            checks.push(Check::new(Layer::Address, "-", result, detail).hint(hint));
            return checks;
        }
        for (family, name) in [(Family::V4, "IPv4"), (Family::V6, "IPv6")] {
            let found = self.routable(family);
            if !found.is_empty() {
                let detail = found.join(", ");
                checks.push(Check::new(Layer::Address, name, CheckResult::Ok, detail));
                continue;
            }
            let purposes = || needed.iter().filter(|it| it.0 == family).map(|it| it.1);
            let is_alone = !needed.iter().any(|it| it.0 != family);
            let detail = format!("no {name} address");
            let check = match purposes().find(|purpose| *purpose == Purpose::Target) {
                // Without another family, the target cannot be reached.
                Some(_) if is_alone => Check::new(Layer::Address, name, CheckResult::Fail, detail),
                _ => Check::new(Layer::Address, name, CheckResult::Skip, detail),
            };
            checks.push(Check { family, purpose: Purpose::Target, ..check.hint(hint) });
        }
        checks
    }

    /// Returns the check of a route; `is_alone` if it is for the only family that leads to the
    /// destination.
    pub(super) fn route_check(&self, way: &Way, is_alone: bool) -> Check {
        let ip = way.to.ip();
        let name = format!("to {ip}");
        let check = match &way.hop {
            Ok(_) if way.is_local() => {
                Check::new(Layer::Route, name, CheckResult::Ok, "it is this machine itself")
            }
            Ok(hop) => Check::new(Layer::Route, name, CheckResult::Ok, self.describe(hop)),
            Err(error) => {
                let (detail, hint) = refusal(error);
                let result = self.result_without_route(ip, error, is_alone);
                Check::new(Layer::Route, name, result, detail).hint(hint)
            }
        };
        check.needed(way.purpose, ip)
    }

    /// Returns whether a missing route is a fault: a machine without an address of the family, or
    /// with only a private IPv6 address while IPv4 leads there too, is not meant to reach others.
    fn result_without_route(&self, ip: IpAddr, error: &io::Error, is_alone: bool) -> CheckResult {
        let family = Family::of(ip);
        let is_missing = error.kind() == ErrorKind::NetworkUnreachable;
        if error.kind() == ErrorKind::Unsupported
            || !self.has_address(family)
            || ip.is_ipv6() && is_missing && !is_alone && !self.has_global(family)
        {
            return CheckResult::Skip;
        }
        CheckResult::Fail
    }

    fn describe(&self, hop: &NextHop) -> String {
        let known = self.interfaces.iter().find(|it| Some(it.index) == hop.interface);
        let interface = known.map_or("?", |it| it.name.as_str());
        let source = hop.source.map_or_else(String::new, |ip| format!(", from {ip}"));
        match hop.gateway {
            Some(ip) => {
                let gateway = identity::zoned(ip, hop.interface, &self.interfaces);
                format!("via {gateway} on {interface}{source}")
            }
            None => format!("on the link of {interface}{source}"),
        }
    }

    /// Returns whether a missing default route is a fault: a machine that uses only one family
    /// needs none for the other one, and a private IPv6 address needs none beside IPv4.
    fn result_without_default(&self, family: Family, routes: &[host::RouteEntry]) -> CheckResult {
        let other = if family == Family::V4 { Family::V6 } else { Family::V4 };
        let has_other = routes.iter().any(|it| it.is_default() && other.admits(it.destination.0));
        let is_used = match family {
            Family::V6 => self.has_global(family) || !has_other && self.has_address(family),
            _ => self.has_address(family) || !has_other,
        };
        if is_used { CheckResult::Fail } else { CheckResult::Skip }
    }

    /// Returns the checks of the default routes, for a run without a target.
    pub(super) fn default_route_checks(&self) -> Vec<Check> {
        let routes = match host::routes() {
            Ok(routes) => routes,
            Err(error) => return vec![Check::skip(Layer::Route, reason::of(&error))],
        };
        let mut checks = Vec::new();
        for (family, name) in [(Family::V4, "IPv4"), (Family::V6, "IPv6")] {
            let default =
                |it: &&host::RouteEntry| it.is_default() && family.admits(it.destination.0);
            let check = match routes.iter().find(default) {
                Some(route) => {
                    let hop = NextHop {
                        gateway: route.gateway,
                        interface: route.interface,
                        source: route.source,
                        is_local: false,
                    };
                    let detail = format!("default {}", self.describe(&hop));
                    let result = match route.kind {
                        host::RouteKind::Unicast => CheckResult::Ok,
                        _ => CheckResult::Fail,
                    };
                    let detail = match result {
                        CheckResult::Ok => detail,
                        _ => format!("the default route is of the kind {}", route.kind),
                    };
                    Check::new(Layer::Route, name, result, detail)
                }
                None => Check::new(
                    Layer::Route,
                    name,
                    self.result_without_default(family, &routes),
                    "no default route",
                ),
            };
            checks.push(Check { family, ..check.hint(ADD_ROUTE) });
        }
        checks
    }
}

const ADD_ROUTE: &str = "`ip route add default via GATEWAY`, or a DHCP client";

/// Returns why the kernel has no way to a destination, and what to try.
fn refusal(error: &io::Error) -> (String, String) {
    let (kind, command) = match error.kind() {
        ErrorKind::NetworkUnreachable => {
            return ("this machine has no route to it".to_owned(), ADD_ROUTE.to_owned());
        }
        ErrorKind::HostUnreachable => ("an unreachable", "unreachable"),
        ErrorKind::PermissionDenied => ("a prohibit", "prohibit"),
        ErrorKind::InvalidInput => ("a blackhole", "blackhole"),
        _ => return (reason::of(error), "`ip route` to see the routes".to_owned()),
    };
    let hint = format!("`ip route show type {command}` to find the route, and remove it");
    (format!("{kind} route rejects it"), hint)
}
