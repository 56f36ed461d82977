//! `info --listening` and `info --port`: sockets and their processes.

use std::net::SocketAddr;

use serde::Serialize;

use crate::commands::info::report::{EMPTY_CELL, list};
use crate::exit::Exit;
use crate::host::{self, BoundSocket, SocketHolder, SocketState};
use crate::net::address::host::Port;
use crate::net::address::interface;
use crate::net::address::service::{self, ServiceEntry};
use crate::net::{self, Addr};
use crate::output::{Cell, ErrorReport, Output, Report, Table};

/// Prints the sockets that listen.
pub(super) fn run_listening(out: Output) -> anyhow::Result<Exit> {
    let report = SocketsReport::of(|socket| socket.state == SocketState::Listening)?;
    report.print(out)?;
    Ok(Exit::Success)
}

/// Prints the sockets that have `port`.
pub(super) fn run_port(port: Port, out: Output) -> anyhow::Result<Exit> {
    let report = SocketsReport::of(|socket| socket.local.port() == port.0)?;
    if report.sockets.is_empty() {
        let message = format!("no socket of this machine has port {}", port.0);
        let code = Exit::Negative.code();
        out.report(&report)?;
        out.error(&ErrorReport { code, message, ..ErrorReport::default() });
        return Ok(Exit::Negative);
    }
    report.print(out)?;
    Ok(Exit::Success)
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "sockets")]
struct SocketsReport {
    sockets: Vec<SocketReport>,
    #[serde(skip)]
    unknown: usize,
}

#[derive(Debug, Serialize)]
struct SocketReport {
    protocol: String,
    addr: String,
    port: u16,
    family: &'static str,
    interface: Option<String>,
    service: Option<String>,
    state: String,
    waiting: u32,
    backlog: Option<u32>,
    user: String,
    uid: u32,
    processes: Vec<ProcessReport>,
}

#[derive(Debug, Serialize)]
struct ProcessReport {
    pid: u32,
    name: String,
}

impl SocketsReport {
    /// Returns the report on the sockets that `is_wanted` selects.
    ///
    /// # Errors
    /// The kernel does not list its sockets.
    fn of(is_wanted: impl Fn(&BoundSocket) -> bool) -> Result<Self, net::Error> {
        let sockets = host::sockets().map_err(net::Error::system("list the sockets"))?;
        let wanted = sockets.into_iter().filter(is_wanted).collect();
        let holders = host::holders_of(wanted);
        let is_unknown =
            |it: &&SocketHolder| it.processes.is_empty() && it.socket.state != SocketState::Closing;
        let services = service::services();
        Ok(Self {
            unknown: holders.iter().filter(is_unknown).count(),
            sockets: holders.into_iter().map(|holder| socket(holder, &services)).collect(),
        })
    }

    fn print(&self, out: Output) -> anyhow::Result<()> {
        out.report(self)?;
        match self.unknown {
            0 => {}
            count => {
                let sockets = if count == 1 { "one socket" } else { &format!("{count} sockets") };
                let why = "it belongs to another user (root can read it) or another container";
                out.note(&format!("the process of {sockets} cannot be read: {why}"));
            }
        }
        Ok(())
    }
}

fn socket(holder: SocketHolder, services: &[ServiceEntry]) -> SocketReport {
    let SocketHolder { socket, processes } = holder;
    let protocol = socket.protocol.to_string();
    let port = socket.local.port();
    let is_service = |it: &&ServiceEntry| it.port == port && it.protocol == protocol;
    SocketReport {
        addr: Addr::from(zoned(&socket)).to_string(),
        port,
        family: socket.family(),
        interface: socket.device.map(interface::zone),
        service: services.iter().find(is_service).map(|service| service.name.clone()),
        state: socket.state.to_string(),
        waiting: socket.waiting,
        backlog: socket.backlog,
        user: host::user_name(socket.uid),
        uid: socket.uid,
        processes: processes
            .into_iter()
            .map(|process| ProcessReport { pid: process.pid, name: process.name })
            .collect(),
        protocol,
    }
}

/// Returns the local address, a link-local one with its zone.
fn zoned(socket: &BoundSocket) -> SocketAddr {
    let mut addr = socket.local;
    if let (SocketAddr::V6(v6), Some(index)) = (&mut addr, socket.device)
        && v6.ip().is_unicast_link_local()
    {
        v6.set_scope_id(index);
    }
    addr
}

impl Report for SocketsReport {
    fn tables(&self) -> Vec<Table> {
        let row = |socket: &SocketReport| -> Vec<Cell> {
            let queue = match socket.backlog {
                Some(backlog) => format!("{}/{backlog}", socket.waiting),
                None => socket.waiting.to_string(),
            };
            let processes: Vec<String> =
                socket.processes.iter().map(|it| format!("{}/{}", it.pid, it.name)).collect();
            vec![
                Cell::from(&socket.protocol),
                Cell::from(&socket.addr),
                Cell::from(socket.family),
                Cell::from(socket.service.as_deref().unwrap_or(EMPTY_CELL)),
                Cell::from(&socket.state),
                Cell::from(list(&processes)),
                Cell::from(&socket.user),
                Cell::from(queue),
            ]
        };
        vec![Table {
            label: None,
            header: vec![
                "PROTO", "ADDRESS", "FAMILY", "SERVICE", "STATE", "PROCESS", "USER", "QUEUE",
            ],
            rows: self.sockets.iter().map(row).collect(),
            ..Table::default()
        }]
    }
}
