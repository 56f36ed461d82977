//! The statistics of repeated probes, as tables and as JSON.

use std::time::Duration;

use serde::Serialize;

use crate::commands::probe::report;
use crate::commands::probe::result::ProbeResult;
use crate::commands::probe::series::Figures;
use crate::output::{Cell, Report, Table, figures};

/// The statistics of one port.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "probe_statistics")]
pub(super) struct SeriesReport {
    host: Option<String>,
    addr: Option<String>,
    port: Option<u16>,
    transport: &'static str,
    sent: u64,
    open: u64,
    lost: u64,
    loss_percent: f64,
    min_us: Option<u64>,
    avg_us: Option<u64>,
    p50_us: Option<u64>,
    p90_us: Option<u64>,
    p99_us: Option<u64>,
    max_us: Option<u64>,
    jitter_us: Option<u64>,
    longest_up_us: u64,
    longest_down_us: u64,
    duration_us: u64,
    #[serde(skip)]
    target: String,
    #[serde(skip)]
    figures: Figures,
}

impl SeriesReport {
    /// Returns the statistics of the port of `last`, its last result.
    pub(super) fn new(last: &ProbeResult, figures: Figures) -> Self {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let Figures { sent, open, .. } = figures;
        Self {
            host: last.host.as_ref().map(ToString::to_string),
            addr: last.finding.as_ref().ok().map(|finding| finding.addr.to_string()),
            port: last.port,
            transport: report::word(last.transport),
            sent,
            open,
            lost: sent - open,
            loss_percent: loss_percent(sent, open),
            min_us: figures.min.map(us),
            avg_us: figures.avg.map(us),
            p50_us: figures.p50.map(us),
            p90_us: figures.p90.map(us),
            p99_us: figures.p99.map(us),
            max_us: figures.max.map(us),
            jitter_us: figures.jitter.map(us),
            longest_up_us: us(figures.longest_up),
            longest_down_us: us(figures.longest_down),
            duration_us: us(figures.duration),
            target: report::target(last),
            figures,
        }
    }
}

/// Returns the share of probes that did not find the port open, with one decimal.
fn loss_percent(sent: u64, open: u64) -> f64 {
    let permille = ((sent - open) * 1000).checked_div(sent).unwrap_or(0);
    f64::from(u32::try_from(permille).unwrap_or(u32::MAX)) / 10.0
}

/// The statistics of all ports.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct StatisticsTable {
    /// One row for each port.
    pub(super) rows: Vec<SeriesReport>,
}

impl Report for SeriesReport {
    fn tables(&self) -> Vec<Table> {
        Vec::new()
    }
}

impl Report for StatisticsTable {
    fn tables(&self) -> Vec<Table> {
        let time =
            |time: Option<Duration>| Cell::from(time.map_or_else(|| "-".to_owned(), figures::time));
        let counts = |row: &SeriesReport| {
            let loss = format!("{:.1}%", row.loss_percent);
            let cells = [row.sent.to_string(), row.open.to_string(), loss];
            let streaks = [row.figures.longest_up, row.figures.longest_down];
            let mut all = vec![Cell::escaped(&row.target)];
            all.extend(cells.iter().map(Cell::from));
            all.extend(streaks.map(|streak| time(Some(streak))));
            all
        };
        let times = |row: &SeriesReport| {
            let Figures { min, avg, p50, p90, p99, max, jitter, .. } = row.figures;
            let mut all = vec![Cell::escaped(&row.target)];
            all.extend([min, avg, p50, p90, p99, max, jitter].map(time));
            all
        };
        let table = |label, header: &[&'static str], rows| Table {
            label: Some(label),
            header: header.to_vec(),
            rows,
            ..Table::default()
        };
        vec![
            table(
                "probes",
                &["TARGET", "PROBES", "OPEN", "LOSS", "LONGEST UP", "LONGEST DOWN"],
                self.rows.iter().map(counts).collect(),
            ),
            table(
                "times",
                &["TARGET", "MIN", "AVG", "P50", "P90", "P99", "MAX", "JITTER"],
                self.rows.iter().map(times).collect(),
            ),
        ]
    }
}

/// The distribution of the times of one port.
#[derive(Debug, Serialize)]
pub(super) struct HistogramTable {
    /// The port.
    pub(super) target: String,
    /// The end, the count and the bar of each bucket.
    pub(super) rows: Vec<[String; 3]>,
}

impl Report for HistogramTable {
    fn tables(&self) -> Vec<Table> {
        let row = |row: &[String; 3]| row.iter().map(Cell::from).collect();
        let header = vec!["TIME", "PROBES", "HISTOGRAM"];
        let title = Table {
            rows: vec![vec![Cell::default()], vec![Cell::escaped(&self.target)]],
            ..Table::default()
        };
        vec![title, Table { header, rows: self.rows.iter().map(row).collect(), ..Table::default() }]
    }
}
