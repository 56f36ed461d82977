//! The statistics of a connection, for `--stats`: its phases, its traffic and the kernel's TCP
//! measurements.

use serde::Serialize;

use crate::output::figures::{micros, rate};
use crate::output::table::{Report, Table};

/// The statistics of one connection, complete when it has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// The peer's address.
    pub peer: String,
    /// The phases until the first byte received, in order.
    pub phases: Vec<Phase>,
    /// The total duration, in microseconds.
    pub duration_us: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Bytes received per second, measured from when the connection was established; `None` if no
    /// time passed.
    pub bytes_in_per_s: Option<u64>,
    /// Bytes sent per second, measured the same way.
    pub bytes_out_per_s: Option<u64>,
    /// The kernel's TCP measurements; `None` where it has none, as for a Unix socket.
    pub tcp: Option<TcpFigures>,
}

/// One phase of a session, in microseconds since the session's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// `resolve`, `connect`, `tls`, `first_byte`.
    pub name: &'static str,
    /// The start, in microseconds.
    pub start_us: u64,
    /// The duration, in microseconds.
    pub duration_us: u64,
}

/// The kernel's measurements of a TCP connection (`TCP_INFO`, tcp(7)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TcpFigures {
    /// The smoothed round-trip time, in microseconds.
    pub rtt_us: u32,
    /// The variation of the round-trip time, in microseconds.
    pub rtt_var_us: u32,
    /// The shortest round-trip time, in microseconds.
    pub min_rtt_us: Option<u32>,
    /// The number of retransmitted segments.
    pub retransmits: Option<u32>,
    /// The congestion window, in segments.
    pub cwnd: u32,
    /// The maximum segment size for sending, in bytes.
    pub snd_mss: u32,
    /// The maximum segment size for receiving, in bytes.
    pub rcv_mss: u32,
    /// The path MTU, in bytes.
    pub pmtu: u32,
    /// The name of the congestion control algorithm.
    pub congestion: Option<String>,
}

impl Phase {
    fn end_us(&self) -> u64 {
        self.start_us.saturating_add(self.duration_us)
    }
}

impl Stats {
    /// Computes the rates from the bytes and the time since the connection was established.
    #[must_use]
    pub fn with_rates(mut self) -> Self {
        let per_s = |bytes: u64, micros: u64| {
            let rate = u128::from(bytes) * 1_000_000 / u128::from(micros.max(1));
            (micros > 0).then(|| u64::try_from(rate).unwrap_or(u64::MAX))
        };
        let connected_us = self.connected_us();
        self.bytes_in_per_s = per_s(self.bytes_in, connected_us);
        self.bytes_out_per_s = per_s(self.bytes_out, connected_us);
        self
    }

    /// Returns the size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let congestion = self.tcp.as_ref().and_then(|tcp| tcp.congestion.as_ref());
        size_of::<Self>()
            + self.peer.len()
            + size_of_val(&self.phases[..])
            + congestion.map_or(0, String::len)
    }

    /// Returns the time since the connection (TLS included) was established, in microseconds.
    fn connected_us(&self) -> u64 {
        let setup = self.phases.iter().filter(|phase| phase.name != FIRST_BYTE);
        self.duration_us.saturating_sub(setup.map(Phase::end_us).max().unwrap_or(0))
    }
}

/// The name of the phase that starts when the connection is established (TLS included).
pub const FIRST_BYTE: &str = "first_byte";

impl Report for Stats {
    fn tables(&self) -> Vec<Table> {
        let end = self.phases.iter().map(Phase::end_us).max().unwrap_or(0);
        let phase = |phase: &Phase| {
            vec![
                phase.name.replace('_', " ").into(),
                micros(phase.start_us).into(),
                micros(phase.duration_us).into(),
                bar(*phase, end).into(),
            ]
        };
        let total =
            vec!["total".into(), micros(0).into(), micros(self.duration_us).into(), "".into()];
        let connected_us = self.connected_us();
        let traffic = |direction: &str, bytes: u64| {
            let rate = rate(bytes, connected_us).unwrap_or_else(|| "-".to_owned());
            vec![direction.into(), bytes.to_string().into(), rate.into()]
        };
        let mut tables = vec![
            Table {
                label: Some("phase"),
                header: vec!["PHASE", "START", "TIME", "WATERFALL"],
                rows: self.phases.iter().map(phase).chain([total]).collect(),
                ..Table::default()
            },
            Table {
                label: Some("traffic"),
                header: vec!["DIRECTION", "BYTES", "RATE"],
                rows: vec![traffic("in", self.bytes_in), traffic("out", self.bytes_out)],
                ..Table::default()
            },
        ];
        tables.extend(self.tcp.as_ref().map(TcpFigures::table));
        tables
    }
}

impl TcpFigures {
    fn table(&self) -> Table {
        let known = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned()).into();
        let time = |value: u32| micros(value.into());
        Table {
            label: Some("tcp"),
            header: vec![
                "RTT",
                "RTT VAR",
                "RTT MIN",
                "RETRANSMITS",
                "CWND",
                "MSS",
                "PMTU",
                "CONGESTION",
            ],
            rows: vec![vec![
                time(self.rtt_us).into(),
                time(self.rtt_var_us).into(),
                known(self.min_rtt_us.map(time)),
                known(self.retransmits.map(|count| count.to_string())),
                self.cwnd.to_string().into(),
                format!("{}/{}", self.snd_mss, self.rcv_mss).into(),
                self.pmtu.to_string().into(),
                known(self.congestion.clone()),
            ]],
            ..Table::default()
        }
    }
}

/// The width of the waterfall in columns; it keeps the table within 80 columns.
const BAR_WIDTH: u64 = 32;

/// Returns a phase drawn on a line that represents `end` microseconds; at least one column wide.
fn bar(phase: Phase, end: u64) -> String {
    let column = |at: u64| {
        let column = u128::from(at) * u128::from(BAR_WIDTH) / u128::from(end.max(1));
        usize::try_from(column).unwrap_or(0)
    };
    let width = usize::try_from(BAR_WIDTH).unwrap_or(0);
    let from = column(phase.start_us).min(width - 1);
    let to = column(phase.end_us()).clamp(from + 1, width);
    format!("{}{}{}", "·".repeat(from), "█".repeat(to - from), "·".repeat(width - to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::color::Paint;
    use crate::output::{ColorChoice, table};
    use expect_test::expect;

    fn sample() -> Stats {
        let phase = |name, start_us, duration_us| Phase { name, start_us, duration_us };
        let phases = vec![
            phase("resolve", 0, 1_300),
            phase("connect", 1_300, 10_200),
            phase("tls", 11_500, 21_000),
            phase(FIRST_BYTE, 32_500, 11_500),
        ];
        Stats {
            peer: "192.0.2.1:443".to_owned(),
            phases,
            duration_us: 1_032_500,
            bytes_in: 5_242_880,
            bytes_out: 17,
            tcp: Some(TcpFigures {
                rtt_us: 10_031,
                rtt_var_us: 812,
                min_rtt_us: None,
                retransmits: Some(3),
                cwnd: 10,
                snd_mss: 1448,
                rcv_mss: 1460,
                pmtu: 1500,
                congestion: Some("cubic".to_owned()),
            }),
            ..Stats::default()
        }
        .with_rates()
    }

    #[test]
    fn stats_are_a_waterfall_of_the_phases_a_traffic_table_and_a_tcp_table() {
        let drawn =
            table::aligned(&sample().tables(), None, Paint::decide(ColorChoice::Never, false));
        expect![[r#"
            PHASE       START    TIME     WATERFALL
            resolve     0 µs     1.3 ms   █·······························
            connect     1.3 ms   10.2 ms  ████████························
            tls         11.5 ms  21.0 ms  ········███████████████·········
            first byte  32.5 ms  11.5 ms  ·······················█████████
            total       0 µs     1.0 s

            DIRECTION  BYTES    RATE
            in         5242880  5.0 MiB/s
            out        17       17 B/s

            RTT      RTT VAR  RTT MIN  RETRANSMITS  CWND  MSS        PMTU  CONGESTION
            10.0 ms  812 µs   -        3            10    1448/1460  1500  cubic
        "#]]
        .assert_eq(&drawn);
        assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
        let narrow =
            table::aligned(&sample().tables(), Some(80), Paint::decide(ColorChoice::Never, false));
        assert_eq!(narrow, drawn);
    }

    #[test]
    fn rates_are_measured_from_the_established_connection() {
        let stats = sample();
        assert_eq!(stats.bytes_in_per_s, Some(5_242_880));
        assert_eq!(stats.bytes_out_per_s, Some(17));
        assert_eq!(Stats::default().with_rates().bytes_in_per_s, None);
        let huge = Stats { bytes_in: u64::MAX, duration_us: 1, ..Stats::default() };
        assert_eq!(huge.with_rates().bytes_in_per_s, Some(u64::MAX));
    }

    #[test]
    fn a_waterfall_bar_fits_its_line_for_any_times() {
        for (start_us, duration_us, end) in [
            (0, 0, 0),
            (0, u64::MAX, u64::MAX),
            (u64::MAX, u64::MAX, u64::MAX),
            (5, 5, 1),
            (3, 0, 3),
        ] {
            let bar = bar(Phase { name: "x", start_us, duration_us }, end);
            assert_eq!(bar.chars().count(), 32, "{bar}");
            assert!(bar.contains('█'), "{bar}");
        }
    }
}
