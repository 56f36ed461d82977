//! `info --services`: the names of services and their ports.

use serde::Serialize;

use crate::commands::info::report::list;
use crate::exit::Exit;
use crate::net::address::service::{self, ServiceEntry};
use crate::output::{Cell, ErrorReport, Output, Report, Table};

/// Prints all services, or those with the name or port `wanted`.
pub(super) fn run(wanted: Option<&str>, out: Output) -> anyhow::Result<Exit> {
    let is_wanted = |entry: &ServiceEntry| match wanted {
        None => true,
        Some(wanted) => {
            let named = entry.aliases.iter().chain([&entry.name]);
            entry.port.to_string() == wanted
                || named.into_iter().any(|name| name.eq_ignore_ascii_case(wanted))
        }
    };
    let services: Vec<ServiceReport> =
        service::services().into_iter().filter(is_wanted).map(ServiceReport::from).collect();
    let is_empty = services.is_empty();
    out.report(&ServicesReport { services })?;
    if let Some(wanted) = wanted.filter(|_| is_empty) {
        let message = format!("no service of this machine has the name or port {wanted:?}");
        let code = Exit::Negative.code();
        out.error(&ErrorReport { code, message, ..ErrorReport::default() });
        return Ok(Exit::Negative);
    }
    Ok(Exit::Success)
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "services")]
struct ServicesReport {
    services: Vec<ServiceReport>,
}

#[derive(Debug, Serialize)]
struct ServiceReport {
    name: String,
    port: u16,
    protocol: String,
    aliases: Vec<String>,
}

impl From<ServiceEntry> for ServiceReport {
    fn from(entry: ServiceEntry) -> Self {
        let ServiceEntry { name, port, protocol, aliases } = entry;
        Self { name, port, protocol, aliases }
    }
}

impl Report for ServicesReport {
    fn tables(&self) -> Vec<Table> {
        let row = |service: &ServiceReport| -> Vec<Cell> {
            vec![
                Cell::from(&service.name),
                Cell::from(service.port.to_string()),
                Cell::from(&service.protocol),
                Cell::from(list(&service.aliases)),
            ]
        };
        vec![Table {
            label: None,
            header: vec!["SERVICE", "PORT", "PROTO", "ALIASES"],
            rows: self.services.iter().map(row).collect(),
            ..Table::default()
        }]
    }
}
