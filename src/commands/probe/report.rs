//! The results of probes, as rows and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::commands::probe::result::ProbeResult;
use crate::commands::probe::tls::TlsReport;
use crate::net::address::service_names::PortNames;
use crate::net::address::transport::Transport;
use crate::net::probe::{Finding, PortState};
use crate::output::{Cell, NetText, Output, Report, StdoutError, Table, figures};

/// The result of one probe.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "probe")]
pub(super) struct ProbeReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    host: Option<String>,
    addr: Option<String>,
    port: Option<u16>,
    transport: &'static str,
    service: Option<String>,
    state: Option<&'static str>,
    connect_us: Option<u64>,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<TlsReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    banner: Option<NetText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    banner_protocol: Option<&'static str>,
    /// The target as text, and the time.
    #[serde(skip)]
    cells: [String; 2],
}

impl ProbeReport {
    /// Returns the report of `result`.
    pub(super) fn new(result: &ProbeResult, names: &PortNames) -> Self {
        let ProbeResult { host, port, transport, finding, tls, banner } = result;
        let found = finding.as_ref().ok();
        let addr = found.map(|finding| finding.addr.to_string());
        let time = found.and_then(|finding| finding.time);
        let is_udp = *transport == Transport::Udp;
        let service = port.and_then(|port| names.name(port, is_udp)).map(str::to_owned);
        Self {
            seq: None,
            host: host.as_ref().map(ToString::to_string),
            port: *port,
            transport: word(*transport),
            service,
            state: found.map(|finding| finding.state.word()),
            connect_us: time.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
            reason: match finding {
                Ok(Finding { reason, .. }) => reason.clone().into_owned(),
                Err(error) => error.to_string(),
            },
            tls: tls.as_ref().map(|tls| TlsReport::new(tls)),
            banner: banner.as_ref().map(|banner| NetText(banner.bytes.clone())),
            banner_protocol: banner.as_ref().and_then(|banner| banner.protocol),
            cells: [target(result), time.map(figures::time).unwrap_or_default()],
            addr,
        }
    }

    /// Returns the report of `result` with the number of its round, from 1.
    pub(super) fn numbered(result: &ProbeResult, seq: u64, names: &PortNames) -> Self {
        Self { seq: Some(seq), ..Self::new(result, names) }
    }

    /// Returns the cells of a line among others that are printed one by one, and are still aligned.
    fn line(&self, seq: u64) -> Vec<Cell> {
        let [target, time] = &self.cells;
        let state = self.state.unwrap_or("-");
        vec![
            Cell::from(format!("{seq:<4}")),
            Cell::escaped(self.addr.as_deref().unwrap_or(target)),
            Cell::from(format!("{state:<8}")),
            Cell::from(format!("{time:<8}")),
            Cell::escaped(&self.reason),
        ]
    }

    fn row(&self) -> Vec<Cell> {
        let [target, time] = &self.cells;
        let service = self.service.as_deref().unwrap_or("-");
        // The name of a host is already escaped, or a path.
        vec![
            Cell::escaped(target),
            Cell::escaped(self.addr.as_deref().unwrap_or("-")),
            service.into(),
            self.state.unwrap_or("-").into(),
            time.into(),
            Cell::escaped(&self.reason),
        ]
    }
}

/// The results of several probes, as one table.
#[derive(Debug, Serialize)]
struct ProbeTable<'a> {
    rows: &'a [ProbeReport],
    /// Whether the details of certificates follow, which are no rows for `cut`.
    shows_certificates: bool,
}

impl Report for ProbeReport {
    fn tables(&self) -> Vec<Table> {
        if let Some(seq) = self.seq {
            return vec![Table { rows: vec![self.line(seq)], ..Table::default() }];
        }
        ProbeTable { rows: std::slice::from_ref(self), shows_certificates: false }.tables()
    }
}

impl Report for ProbeTable<'_> {
    fn tables(&self) -> Vec<Table> {
        let header = vec!["TARGET", "ADDRESS", "SERVICE", "STATE", "TIME", "REASON"];
        let rows = self.rows.iter().map(ProbeReport::row).collect();
        let mut tables = vec![Table { header, rows, ..Table::default() }];
        if self.shows_certificates {
            let reports = self.rows.iter().filter_map(|row| Some((row, row.tls.as_ref()?)));
            tables.extend(reports.map(|(row, tls)| tls.table(&row.cells[0])));
        }
        tables
    }
}

/// The most results that a table lists in full; of more, only those that differ from the usual.
const MAX_ROWS: usize = 20;

/// Prints the results. A table of many leaves out the state that most ports have, unless the port
/// is open, and counts them instead.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn print(results: &[ProbeResult], out: Output) -> Result<(), StdoutError> {
    let names = PortNames::load();
    if out.is_json() {
        let mut reports = results.iter().map(|result| ProbeReport::new(result, &names));
        return reports.try_for_each(|report| out.report(&report));
    }
    let usual = if out.is_table() && results.len() > MAX_ROWS { usual(results) } else { None };
    let shown = results.iter().filter(|result| usual.is_none() || result.state() != usual);
    let rows: Vec<ProbeReport> = shown.map(|result| ProbeReport::new(result, &names)).collect();
    out.report(&ProbeTable { rows: &rows, shows_certificates: out.is_table() })?;
    if let Some(state) = usual {
        let hidden = results.len() - rows.len();
        out.note(&format!("{hidden} of {} ports are {state}, and not listed", results.len()));
    }
    Ok(())
}

/// Returns the state that most results have, of those other than open.
fn usual(results: &[ProbeResult]) -> Option<PortState> {
    let mut counts: BTreeMap<PortState, usize> = BTreeMap::new();
    for state in results.iter().filter_map(ProbeResult::state) {
        *counts.entry(state).or_default() += 1;
    }
    counts.remove(&PortState::Open);
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(state, _)| state)
}

/// Returns the target as the user would write it.
pub(super) fn target(result: &ProbeResult) -> String {
    match (&result.host, result.port, &result.finding) {
        (Some(host), Some(port), _) => {
            let scheme = match result.transport {
                Transport::Udp => "udp://",
                Transport::Tls => "tls://",
                _ => "",
            };
            match host.ip() {
                Some(ip) if ip.is_ipv6() => format!("{scheme}[{host}]:{port}"),
                _ => format!("{scheme}{host}:{port}"),
            }
        }
        (_, _, Ok(finding)) => finding.addr.to_string(),
        _ => String::new(),
    }
}

/// Returns the word for a transport in JSON.
pub(super) fn word(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
        Transport::Tls => "tls",
        Transport::Unix => "unix",
        Transport::UnixDatagram => "unix-datagram",
    }
}
