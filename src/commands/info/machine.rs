//! Gathers what `info` shows about this machine.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::commands::info::report::{
    AddressReport, DnsReport, InfoReport, InterfaceReport, RouteReport,
};
use crate::dns::machine::{setup, system};
use crate::host::{self, Interface, RouteEntry, identity, proxies};
use crate::net::address::host::Host;
use crate::net::address::names::{self, Family};
use crate::net::{self, Addr, Deadline};

/// How long resolving this machine's own name may take. A resolver that does not know the name may
/// be slow.
const LOOKUP_LIMIT: Duration = Duration::from_secs(1);

/// The most routes that are shown: a router may have a million.
const MAX_ROUTES: usize = 256;

/// Returns the report.
///
/// # Errors
/// The kernel does not list the interfaces.
pub(super) async fn gather() -> Result<InfoReport, net::Error> {
    let hostname = identity::hostname().unwrap_or_default();
    let deadline = Deadline::after(LOOKUP_LIMIT);
    let (fqdn, addresses) = tokio::join!(
        names::canonical(hostname.clone(), deadline),
        own_addresses(&hostname, deadline)
    );
    let settings = system::settings();
    let interfaces = host::interfaces().map_err(net::Error::system("list the interfaces"))?;
    // A system that lists no routes is treated like one that has none.
    let routes = host::routes().unwrap_or_default();
    let setup = setup::setup();
    Ok(InfoReport {
        fqdn,
        addresses,
        hostname,
        primary_ipv4: identity::primary_ipv4(),
        primary_ipv6: identity::primary_ipv6(),
        gateways: identity::gateways(),
        routes: routes.iter().take(MAX_ROUTES).map(|it| route(it, &interfaces)).collect(),
        interfaces: interfaces.into_iter().map(interface).collect(),
        dns_servers: settings.servers.iter().map(|server| format_server(*server)).collect(),
        search_domains: settings.search,
        dns: DnsReport {
            owner: setup.owner,
            link: setup.link,
            upstreams: setup.upstreams.iter().map(|server| format_server(*server)).collect(),
            options: setup.options,
            sources: setup.sources,
            hosts_entries: system::hosts_count(),
        },
        proxies: proxies::proxies().iter().map(|it| format!("{}={}", it.name, it.value)).collect(),
    })
}

/// Returns the addresses that the host name resolves to, as the course's
/// `gethostbyname(gethostname())` does.
async fn own_addresses(hostname: &str, deadline: Deadline) -> Vec<IpAddr> {
    let Ok(host) = hostname.parse::<Host>() else {
        return Vec::new();
    };
    let found = names::resolve(&host, 0, Family::Any, deadline).await.unwrap_or_default();
    found.iter().map(SocketAddr::ip).collect()
}

/// Returns a DNS server as in resolv.conf(5): without its port if that is the default one.
fn format_server(server: SocketAddr) -> String {
    let addr = Addr::from(server);
    addr.host().filter(|_| server.port() == system::DNS_PORT).unwrap_or_else(|| addr.to_string())
}

fn interface(found: Interface) -> InterfaceReport {
    let detail = |address: &host::InterfaceAddress| AddressReport {
        address: identity::zoned(address.ip, Some(found.index), std::slice::from_ref(&found)),
        prefix: address.prefix,
        scope: address.scope.to_string(),
        flags: address.flags.clone(),
    };
    InterfaceReport {
        address_details: found.addresses.iter().map(detail).collect(),
        addresses: found.addresses.iter().map(ToString::to_string).collect(),
        up: found.is_up(),
        state: found.state.to_string(),
        bytes_in: found.traffic.map(|traffic| traffic.bytes_in),
        bytes_out: found.traffic.map(|traffic| traffic.bytes_out),
        name: found.name,
        kind: found.kind,
        mac: found.mac,
        mtu: found.mtu,
    }
}

fn route(route: &RouteEntry, interfaces: &[Interface]) -> RouteReport {
    let known = interfaces.iter().find(|known| Some(known.index) == route.interface);
    RouteReport {
        destination: route.network(),
        gateway: route.gateway.map(|ip| identity::zoned(ip, route.interface, interfaces)),
        interface: known.map(|known| known.name.clone()),
        metric: route.metric,
        source: route.source,
        kind: route.kind.to_string(),
    }
}
