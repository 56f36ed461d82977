//! The report about this machine, as tables and as JSON.

use std::net::IpAddr;

use serde::Serialize;

use crate::output::{Cell, Report, Table};

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "info")]
pub(super) struct InfoReport {
    pub(super) hostname: String,
    pub(super) fqdn: Option<String>,
    /// The addresses that the host name resolves to.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) primary_ipv4: Option<IpAddr>,
    pub(super) primary_ipv6: Option<IpAddr>,
    pub(super) interfaces: Vec<InterfaceReport>,
    pub(super) routes: Vec<RouteReport>,
    pub(super) gateways: Vec<String>,
    pub(super) dns_servers: Vec<String>,
    pub(super) search_domains: Vec<String>,
    pub(super) dns: DnsReport,
    pub(super) proxies: Vec<String>,
}

/// A network interface with the fields of the JSON report.
#[derive(Debug, Serialize)]
pub(super) struct InterfaceReport {
    pub(super) name: String,
    pub(super) up: bool,
    pub(super) state: String,
    pub(super) kind: String,
    pub(super) mac: Option<String>,
    pub(super) mtu: Option<u32>,
    pub(super) addresses: Vec<String>,
    pub(super) address_details: Vec<AddressReport>,
    pub(super) bytes_in: Option<u64>,
    pub(super) bytes_out: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct AddressReport {
    /// The address, with its zone if it is link-local.
    pub(super) address: String,
    pub(super) prefix: u8,
    pub(super) scope: String,
    pub(super) flags: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct RouteReport {
    pub(super) destination: String,
    pub(super) gateway: Option<String>,
    pub(super) interface: Option<String>,
    pub(super) metric: u32,
    pub(super) source: Option<IpAddr>,
    pub(super) kind: String,
}

#[derive(Debug, Serialize)]
pub(super) struct DnsReport {
    pub(super) owner: &'static str,
    pub(super) link: Option<String>,
    pub(super) upstreams: Vec<String>,
    pub(super) options: Vec<String>,
    pub(super) sources: Option<String>,
    pub(super) hosts_entries: usize,
}

impl Report for InfoReport {
    fn tables(&self) -> Vec<Table> {
        let mut tables = vec![self.identity(), self.interface_table(), self.address_table()];
        tables.push(self.route_table());
        tables
    }
}

impl InfoReport {
    fn identity(&self) -> Table {
        let dns = &self.dns;
        let mut values = vec![
            ("hostname", self.hostname.clone()),
            ("fqdn", or_empty(self.fqdn.as_ref())),
            ("addresses", list(&self.addresses)),
            ("primary_ipv4", self.primary_ipv4.map_or_else(no_route, |ip| ip.to_string())),
            ("primary_ipv6", self.primary_ipv6.map_or_else(no_route, |ip| ip.to_string())),
            ("gateways", list(&self.gateways)),
            ("dns_servers", list(&self.dns_servers)),
            ("dns_upstreams", list(&dns.upstreams)),
            ("search_domains", list(&self.search_domains)),
            ("resolv_conf", self.owner()),
            ("dns_options", list(&dns.options)),
            ("name_sources", or_empty(dns.sources.as_ref())),
            ("hosts_entries", dns.hosts_entries.to_string()),
        ];
        values.extend(self.proxies.iter().map(|proxy| ("proxy", proxy.clone())));
        let rows =
            values.into_iter().map(|(name, value)| vec![name.into(), value.into()]).collect();
        Table { rows, ..Table::default() }
    }

    /// Returns what writes resolv.conf, in words.
    fn owner(&self) -> String {
        let DnsReport { owner, link, .. } = &self.dns;
        match (*owner, link) {
            ("none", _) => "missing".to_owned(),
            ("file", None) => "a file that names no program".to_owned(),
            ("file", Some(link)) => format!("a link to {link}"),
            (owner, None) => format!("written by {owner}"),
            (owner, Some(link)) => format!("written by {owner} ({link})"),
        }
    }

    fn interface_table(&self) -> Table {
        let row = |interface: &InterfaceReport| -> Vec<Cell> {
            vec![
                Cell::from(&interface.name),
                Cell::from(&interface.state),
                Cell::from(&interface.kind),
                Cell::from(or_empty(interface.mtu)),
                Cell::from(or_empty(interface.mac.as_ref())),
            ]
        };
        Table {
            label: Some("interface"),
            header: vec!["INTERFACE", "STATE", "KIND", "MTU", "MAC"],
            rows: self.interfaces.iter().map(row).collect(),
            ..Table::default()
        }
    }

    fn address_table(&self) -> Table {
        let rows = |interface: &InterfaceReport| -> Vec<Vec<Cell>> {
            let row = |address: &AddressReport| {
                vec![
                    Cell::from(&interface.name),
                    Cell::from(format!("{}/{}", address.address, address.prefix)),
                    Cell::from(&address.scope),
                    Cell::from(list(&address.flags)),
                ]
            };
            interface.address_details.iter().map(row).collect()
        };
        Table {
            label: Some("address"),
            header: vec!["INTERFACE", "ADDRESS", "SCOPE", "FLAGS"],
            rows: self.interfaces.iter().flat_map(rows).collect(),
            ..Table::default()
        }
    }

    fn route_table(&self) -> Table {
        let row = |route: &RouteReport| -> Vec<Cell> {
            let way = match route.kind.as_str() {
                "unicast" => route.gateway.clone().unwrap_or_else(|| "on the link".to_owned()),
                kind => kind.to_owned(),
            };
            vec![
                Cell::from(&route.destination),
                Cell::from(way),
                Cell::from(or_empty(route.interface.as_ref())),
                Cell::from(route.metric.to_string()),
                Cell::from(or_empty(route.source)),
            ]
        };
        Table {
            label: Some("route"),
            header: vec!["DESTINATION", "GATEWAY", "INTERFACE", "METRIC", "SOURCE"],
            rows: self.routes.iter().map(row).collect(),
            ..Table::default()
        }
    }
}

/// Printed for a value that is unknown or does not exist.
pub(super) const EMPTY_CELL: &str = "-";

fn no_route() -> String {
    "- (no route)".to_owned()
}

fn or_empty<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| EMPTY_CELL.to_owned(), |value| value.to_string())
}

/// Returns the values, separated by spaces.
pub(super) fn list<T: ToString>(values: &[T]) -> String {
    if values.is_empty() {
        return EMPTY_CELL.to_owned();
    }
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
