//! `info`: shows this machine's names, addresses, interfaces, gateways and DNS servers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::Serialize;

use crate::dns::system;
use crate::exit::Exit;
use crate::net::address::host::Host;
use crate::net::address::interface;
use crate::net::address::names::{self, Family};
use crate::net::runtime;
use crate::net::{self, Addr, Deadline};
use crate::output::{Cell, Output, Report, Table};

const EXAMPLES: &str = "\
Examples:
  Show everything
  $ sockkit info

  Print this machine's IPv4 address, for a script
  $ sockkit info --plain | awk '$1 == \"primary_ipv4\" { print $2 }'";

/// The arguments of `info`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

/// How long resolving this machine's own name may take. A resolver that does not know the name may
/// be slow.
const LOOKUP_LIMIT: Duration = Duration::from_secs(1);

pub(super) fn run(_args: &Args, out: Output) -> anyhow::Result<Exit> {
    let runtime = runtime::runtime()?;
    let report = runtime.block_on(gather())?;
    out.report(&report)?;
    Ok(Exit::Success)
}

async fn gather() -> Result<InfoReport, net::Error> {
    let hostname = interface::hostname().unwrap_or_default();
    let deadline = Deadline::after(LOOKUP_LIMIT);
    let (fqdn, addresses) = tokio::join!(
        names::canonical(hostname.clone(), deadline),
        own_addresses(&hostname, deadline)
    );
    let settings = system::settings();
    let interfaces = interface::interfaces();
    let interfaces = interfaces
        .map_err(|source| net::Error::System { operation: "list the interfaces", source })?;
    Ok(InfoReport {
        fqdn,
        addresses,
        hostname,
        primary_ipv4: interface::primary_ipv4(),
        primary_ipv6: interface::primary_ipv6(),
        interfaces: interfaces.into_iter().map(InterfaceReport::from).collect(),
        gateways: interface::gateways(),
        dns_servers: settings.servers.iter().map(|server| format_server(*server)).collect(),
        search_domains: settings.search,
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

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "info")]
struct InfoReport {
    hostname: String,
    fqdn: Option<String>,
    /// The addresses that the host name resolves to.
    addresses: Vec<IpAddr>,
    primary_ipv4: Option<IpAddr>,
    primary_ipv6: Option<IpAddr>,
    interfaces: Vec<InterfaceReport>,
    gateways: Vec<IpAddr>,
    dns_servers: Vec<String>,
    search_domains: Vec<String>,
}

/// A network interface with the fields of the JSON report.
#[derive(Debug, Serialize)]
struct InterfaceReport {
    name: String,
    up: bool,
    mac: Option<String>,
    mtu: Option<u32>,
    addresses: Vec<String>,
}

impl From<interface::Interface> for InterfaceReport {
    fn from(found: interface::Interface) -> Self {
        let interface::Interface { name, up, mac, mtu, addresses } = found;
        Self { name, up, mac, mtu, addresses }
    }
}

impl Report for InfoReport {
    fn tables(&self) -> Vec<Table> {
        vec![self.identity(), self.interface_table()]
    }
}

impl InfoReport {
    fn identity(&self) -> Table {
        let cell =
            |ip: Option<IpAddr>| ip.map_or_else(|| EMPTY_CELL.to_owned(), |ip| ip.to_string());
        let values = [
            ("hostname", self.hostname.clone()),
            ("fqdn", self.fqdn.clone().unwrap_or_else(|| EMPTY_CELL.to_owned())),
            ("addresses", list(&self.addresses)),
            ("primary_ipv4", cell(self.primary_ipv4)),
            ("primary_ipv6", cell(self.primary_ipv6)),
            ("gateways", list(&self.gateways)),
            ("dns_servers", list(&self.dns_servers)),
            ("search_domains", list(&self.search_domains)),
        ];
        let rows =
            values.into_iter().map(|(name, value)| vec![name.into(), value.into()]).collect();
        Table { rows, ..Table::default() }
    }

    fn interface_table(&self) -> Table {
        let row = |interface: &InterfaceReport| -> Vec<Cell> {
            let mtu = interface.mtu.map_or_else(|| EMPTY_CELL.to_owned(), |mtu| mtu.to_string());
            vec![
                Cell::from(&interface.name),
                Cell::from(if interface.up { "up" } else { "down" }),
                Cell::from(interface.mac.as_deref().unwrap_or(EMPTY_CELL)),
                Cell::from(mtu),
                Cell::from(list(&interface.addresses)),
            ]
        };
        Table {
            label: Some("interface"),
            header: vec!["INTERFACE", "STATE", "MAC", "MTU", "ADDRESSES"],
            rows: self.interfaces.iter().map(row).collect(),
        }
    }
}

/// Printed for a value that is unknown or does not exist.
const EMPTY_CELL: &str = "-";

fn list<T: ToString>(values: &[T]) -> String {
    if values.is_empty() {
        return EMPTY_CELL.to_owned();
    }
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
