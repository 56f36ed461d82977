//! The servers to query, with their addresses.

use std::net::{IpAddr, SocketAddr};

use crate::commands::resolve::request::Request;
use crate::commands::resolve::request::settings::RunSettings;
use crate::dns::lookup;
use crate::dns::message::class::RecordClass;
use crate::dns::message::query::Question;
use crate::dns::message::record_type::RecordType;
use crate::dns::server::{self, DnsServer, DnsServerName, DnsTransport};
use crate::dns::{Name, name};
use crate::exit::Exit;
use crate::failure::{Failure, explain};
use crate::net::address::endpoint::SourceAddress;
use crate::net::address::host::Host;
use crate::net::address::names::{Family, NameError};
use crate::net::{self, Deadline};
use crate::output::Output;

/// Returns the servers to query, in order: those of the command line, each with all of its
/// addresses, or else the system's.
///
/// # Errors
/// No server has an address of the family. If only some have none, a warning says so.
pub(in crate::commands::resolve) async fn locate(
    request: &Request,
    settings: &RunSettings,
    out: Output,
) -> anyhow::Result<Vec<DnsServer>> {
    let mut servers = if request.servers.is_empty() {
        of_system(settings)?
    } else {
        of_command_line(request, settings, out).await?
    };
    check_source(&servers, settings)?;
    if settings.random_order {
        server::shuffle(&mut servers);
    }
    Ok(servers)
}

/// Checks that a server can be reached from the address of `--from`, whose failure the kernel
/// describes in general terms only.
fn check_source(servers: &[DnsServer], settings: &RunSettings) -> Result<(), Failure> {
    let Some(SourceAddress::Addr(from)) = settings.lookup.exchange.from else { return Ok(()) };
    let reaches = |server: &DnsServer| !from.ip().is_loopback() || server.addr.ip().is_loopback();
    match servers.first() {
        Some(server) if !servers.iter().any(reaches) => {
            let ip = from.ip();
            let message = format!(
                "cannot query {server} from {ip}: a loopback address reaches only this machine"
            );
            Err(Failure::new(Exit::Network, message).hint("omit --from, or another address"))
        }
        _ => Ok(()),
    }
}

fn of_system(settings: &RunSettings) -> anyhow::Result<Vec<DnsServer>> {
    let addrs = settings.system.servers.iter().copied();
    let addrs: Vec<SocketAddr> = addrs.filter(|addr| settings.family.admits(addr.ip())).collect();
    if addrs.is_empty() {
        let message = "no DNS server of this machine has an address of the requested family";
        return Err(Failure::new(Exit::NameNotResolved, message).hint("@SERVER").into());
    }
    Ok(server::on(settings.transport, &addrs))
}

async fn of_command_line(
    request: &Request,
    settings: &RunSettings,
    out: Output,
) -> anyhow::Result<Vec<DnsServer>> {
    let mut servers = Vec::new();
    let mut failed = Vec::new();
    for name in &request.servers {
        match locate_one(name, settings).await {
            Ok(located) => servers.extend(located),
            Err(error) => failed.push(error),
        }
    }
    if servers.is_empty()
        && let Some(error) = failed.pop()
    {
        return Err(error);
    }
    for error in &failed {
        if let (_, Some(report)) = explain(error) {
            out.warn(&report.message);
        }
    }
    Ok(servers)
}

async fn locate_one(
    name: &DnsServerName,
    settings: &RunSettings,
) -> anyhow::Result<Vec<DnsServer>> {
    let left = settings.deadline.remaining().unwrap_or(lookup::SERVER_TIMEOUT);
    let deadline = Deadline::after(left);
    match (&name.host, settings.bootstrap) {
        (Host::Name(host), Some(bootstrap)) if !host.contains('%') => {
            let addrs = ask_bootstrap(host, bootstrap, settings, deadline).await?;
            Ok(name.at(settings.transport, &addrs))
        }
        _ => match name.locate(settings.transport, settings.family, deadline).await {
            Err(net::Error::Name { name, source: NameError::NoneOfFamily })
                if settings.lookup.exchange.from.is_some_and(|it| it.family() != Family::Any) =>
            {
                let message = format!("cannot query {name}: no address of the family of --from");
                Err(Failure::new(Exit::NameNotResolved, message).hint("another --from").into())
            }
            Err(net::Error::Name { name, source: NameError::NoInterface(zone) }) => {
                let message = format!("@{name}: {zone:?} is not an interface of this machine");
                Err(Failure::new(Exit::Usage, message).hint("`sockkit info` lists them").into())
            }
            located => Ok(located?),
        },
    }
}

/// Returns the addresses of `host`, of the family, that the server at `bootstrap` gives.
async fn ask_bootstrap(
    host: &str,
    bootstrap: SocketAddr,
    settings: &RunSettings,
    deadline: Deadline,
) -> anyhow::Result<Vec<SocketAddr>> {
    let servers = server::on(DnsTransport::Udp, &[bootstrap]);
    let host_name = name::parse(host)?;
    let mut addrs = Vec::new();
    for record_type in [RecordType::A, RecordType::AAAA] {
        let question =
            Question { name: Name::clone(&host_name), record_type, class: RecordClass::IN };
        let found = lookup::lookup(question, &servers, &settings.lookup, deadline).await;
        let ips = found.data().filter_map(|data| data.parse::<IpAddr>().ok());
        let ips = ips.filter(|ip| settings.family.admits(*ip));
        addrs.extend(ips.map(|ip| SocketAddr::new(ip, 0)));
    }
    if addrs.is_empty() {
        let message = format!("cannot resolve {host}: no address from udp://{bootstrap}");
        return Err(Failure::new(Exit::NameNotResolved, message).into());
    }
    Ok(addrs)
}
