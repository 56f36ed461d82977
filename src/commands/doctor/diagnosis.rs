//! The diagnosis: from the results of the checks to one conclusion. Plain state, no I/O.

use crate::commands::doctor::check::{Check, CheckResult, Layer, Purpose};
use crate::net::address::names::Family;

/// What the checks say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conclusion {
    /// Whether nothing is broken on which the target, or without one this machine, depends.
    pub(super) ok: bool,
    /// The first broken layer; without a target, the first one with a warning.
    pub(super) layer: Option<Layer>,
    /// What is broken, or that nothing is.
    pub(super) message: String,
    /// What to try.
    pub(super) hint: Option<String>,
}

/// Sorts the checks by layer, and turns failures on which nothing depends into warnings.
pub(super) fn judge(checks: &mut [Check], has_target: bool) {
    checks.sort_by_key(|check| check.layer);
    let evidence = Evidence::of(checks);
    for check in checks.iter_mut() {
        let is_bad = matches!(check.result, CheckResult::Warn | CheckResult::Fail);
        if check.layer == Layer::Gateway && is_bad && evidence.passes_gateway(check) {
            // A router need not answer for itself if it forwards packets.
            check.result = CheckResult::Ok;
            check.detail = format!("forwards packets (it {})", check.detail);
        } else if check.result == CheckResult::Fail
            && (evidence.disproves(check) || is_optional(check, has_target))
        {
            check.result = CheckResult::Warn;
        }
    }
}

/// What works, whatever the checks of lower layers say.
struct Evidence {
    /// The families over which the target accepted a connection.
    connected: Vec<Family>,
    /// The families over which a DNS server answered.
    answered: Vec<Family>,
    /// Whether the target's name was resolved.
    is_resolved: bool,
}

impl Evidence {
    fn of(checks: &[Check]) -> Self {
        let families = |layer| -> Vec<Family> {
            let of_layer = checks.iter().filter(|check| check.layer == layer);
            let works = of_layer.filter(|check| check.result == CheckResult::Ok);
            works.map(|check| check.family).collect()
        };
        // A proxy, which has no family here, says nothing about the direct path.
        let mut connected = families(Layer::Tcp);
        connected.retain(|family| *family != Family::Any);
        Self {
            connected,
            answered: families(Layer::Dns),
            is_resolved: !families(Layer::Name).is_empty(),
        }
    }

    /// Returns whether packets have passed the gateway of `check`.
    fn passes_gateway(&self, check: &Check) -> bool {
        match check.purpose {
            Purpose::Target => self.connected.contains(&check.family),
            Purpose::Resolving => self.answered.contains(&check.family),
            Purpose::Machine => false,
        }
    }

    /// Returns whether the path works although `check` failed.
    fn disproves(&self, check: &Check) -> bool {
        match (check.layer, check.purpose) {
            // Another address of the family accepted a connection.
            (Layer::Tcp, _) => self.connected.contains(&check.family),
            (Layer::Address | Layer::Route, Purpose::Target) => {
                self.connected.contains(&check.family)
            }
            (Layer::Interface | Layer::Address, _) => !self.connected.is_empty(),
            (Layer::Route | Layer::Gateway | Layer::Dns, Purpose::Resolving) => self.is_resolved,
            _ => false,
        }
    }
}

/// Returns whether this machine, or the path to the target, does not need what is broken.
fn is_optional(check: &Check, has_target: bool) -> bool {
    match check.layer {
        Layer::Machine | Layer::Interface => false,
        _ if !has_target => true,
        // A default route or gateway that no destination of this run uses.
        Layer::Gateway => check.purpose == Purpose::Machine,
        _ => false,
    }
}

/// Returns the conclusion from checks that are judged. `target` is what the path leads to.
pub(super) fn conclude(checks: &[Check], target: Option<&str>) -> Conclusion {
    let first = |result| checks.iter().find(|check| check.result == result);
    if let Some(broken) = first(CheckResult::Fail) {
        let also = [other_family(checks, broken), proxy(checks)].concat();
        let message = format!("{}{also}", broken.message());
        let hint = broken.hint.clone();
        return Conclusion { ok: false, layer: Some(broken.layer), message, hint };
    }
    let warned = first(CheckResult::Warn);
    match (target, warned) {
        (Some(target), warned) => Conclusion {
            ok: true,
            layer: None,
            message: match warned {
                None => format!("nothing is broken on the path to {target}"),
                Some(warned) => {
                    format!("the path to {target} works; one warning: {}", warned.message())
                }
            },
            hint: warned.and_then(|warned| warned.hint.clone()),
        },
        (None, None) => Conclusion {
            ok: true,
            layer: None,
            message: "this machine's network works; `sockkit doctor HOST:PORT` checks the path to \
                      a server"
                .to_owned(),
            hint: None,
        },
        (None, Some(warned)) => Conclusion {
            ok: true,
            layer: Some(warned.layer),
            message: format!("sockkit works; on the way to other machines: {}", warned.message()),
            hint: warned.hint.clone(),
        },
    }
}

impl Check {
    fn message(&self) -> String {
        match self.name.as_str() {
            "-" => format!("{}: {}", self.layer.name(), self.detail),
            name => format!("{} {name}: {}", self.layer.name(), self.detail),
        }
    }
}

/// Returns that the target is reached through the proxy, if there is one and it is.
fn proxy(checks: &[Check]) -> &'static str {
    let is_proxy = |check: &Check| {
        let (layer, family) = (check.layer, check.family);
        (layer, family, check.result) == (Layer::Tcp, Family::Any, CheckResult::Ok)
    };
    if checks.iter().any(is_proxy) { " (through the proxy, it works)" } else { "" }
}

/// Returns that the other family works, if one is broken and the other is not.
fn other_family(checks: &[Check], broken: &Check) -> &'static str {
    let (other, text) = match broken.family {
        Family::V6 => (Family::V4, " (IPv4 works, so programs may only be slow)"),
        Family::V4 => (Family::V6, " (IPv6 works)"),
        Family::Any => return "",
    };
    let mut tcp = checks.iter().filter(|check| check.layer == Layer::Tcp);
    let works = tcp.any(|check| check.family == other && check.result == CheckResult::Ok);
    if works { text } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    fn check(layer: Layer, result: CheckResult, purpose: Purpose, ip: IpAddr) -> Check {
        Check::new(layer, ip.to_string(), result, "evidence").needed(purpose, ip)
    }

    fn conclusion(mut checks: Vec<Check>, target: Option<&str>) -> (bool, Option<&'static str>) {
        judge(&mut checks, target.is_some());
        let conclusion = conclude(&checks, target);
        (conclusion.ok, conclusion.layer.map(Layer::name))
    }

    #[test]
    fn the_first_failed_layer_is_named_whatever_the_order_of_the_checks() {
        for target in [None, Some("a:1")] {
            let checks = vec![
                Check::new(Layer::Dns, "-", CheckResult::Fail, "no answer"),
                Check::new(Layer::Machine, "-", CheckResult::Fail, "no loopback"),
            ];
            assert_eq!(conclusion(checks, target), (false, Some("self")));
        }
    }

    #[test]
    fn without_a_target_only_the_machine_itself_can_fail() {
        for layer in [Layer::Address, Layer::Route, Layer::Gateway, Layer::Dns] {
            let checks = vec![Check::new(layer, "-", CheckResult::Fail, "none")];
            assert_eq!(conclusion(checks.clone(), None), (true, Some(layer.name())));
        }
        let checks = vec![Check::new(Layer::Interface, "lo", CheckResult::Fail, "down")];
        assert_eq!(conclusion(checks, None), (false, Some("interface")));
    }

    #[test]
    fn a_layer_that_the_connection_disproves_is_not_blamed() {
        for layer in [Layer::Route, Layer::Gateway, Layer::Address] {
            let mut checks = vec![
                check(layer, CheckResult::Fail, Purpose::Target, V4),
                check(Layer::Tcp, CheckResult::Ok, Purpose::Target, V4),
            ];
            assert_eq!(conclusion(checks.clone(), Some("a:1")), (true, None));
            checks[1] = check(Layer::Tcp, CheckResult::Ok, Purpose::Target, V6);
            assert_eq!(conclusion(checks, Some("a:1")), (false, Some(layer.name())));
        }
    }

    #[test]
    fn a_dead_dns_server_is_not_blamed_if_the_name_was_resolved() {
        let dead = check(Layer::Dns, CheckResult::Fail, Purpose::Resolving, V4);
        let resolved = Check::new(Layer::Name, "a", CheckResult::Ok, "192.0.2.1");
        assert_eq!(conclusion(vec![dead.clone(), resolved], Some("a:1")), (true, None));
        assert_eq!(conclusion(vec![dead], Some("a:1")), (false, Some("dns")));
    }

    #[test]
    fn one_closed_address_of_several_is_a_warning_and_a_closed_family_is_a_failure() {
        let tcp = |result, ip| check(Layer::Tcp, result, Purpose::Target, ip);
        let mut checks = vec![tcp(CheckResult::Fail, V4), tcp(CheckResult::Ok, V4)];
        assert_eq!(conclusion(checks.clone(), Some("a:1")), (true, None));
        checks.push(tcp(CheckResult::Fail, V6));
        judge(&mut checks, true);
        let conclusion = conclude(&checks, Some("a:1"));
        assert!(!conclusion.ok && conclusion.message.contains("IPv4 works"), "{conclusion:?}");
    }

    #[test]
    fn a_default_gateway_that_the_target_does_not_need_is_a_warning() {
        let unused = Check::new(Layer::Gateway, "192.0.2.1", CheckResult::Fail, "silent");
        assert_eq!(conclusion(vec![unused], Some("a:1")), (true, None));
    }
}
