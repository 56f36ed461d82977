//! The figures of a conversation, for `--stats`: where the time went, what was moved, and what
//! the kernel saw of it.

use serde::Serialize;

use crate::output::figures::{micros, rate};
use crate::output::table::{Report, Table};

/// What is known of a connection at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// The other end.
    pub peer: String,
    /// What it took to get to the first byte, in order.
    pub phases: Vec<Phase>,
    /// How long everything took, in microseconds.
    pub duration_us: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Bytes received in a second, from when the connection stood; none where there is no time.
    pub bytes_in_per_s: Option<u64>,
    /// The same for bytes sent.
    pub bytes_out_per_s: Option<u64>,
    /// What the kernel says; none where it does not, as of a Unix socket.
    pub tcp: Option<TcpFigures>,
}

/// A part of a conversation's time, in microseconds since its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// `resolve`, `connect`, `tls`, `first_byte`.
    pub name: &'static str,
    /// When it began.
    pub start_us: u64,
    /// How long it took.
    pub duration_us: u64,
}

/// What the kernel measured (`TCP_INFO`, tcp(7)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TcpFigures {
    /// The smoothed round-trip time, in microseconds.
    pub rtt_us: u32,
    /// How much it varies, in microseconds.
    pub rtt_var_us: u32,
    /// The shortest, in microseconds.
    pub min_rtt_us: Option<u32>,
    /// Segments sent again.
    pub retransmits: Option<u32>,
    /// The congestion window, in segments.
    pub cwnd: u32,
    /// The largest segment sent, in bytes.
    pub snd_mss: u32,
    /// The largest segment received, in bytes.
    pub rcv_mss: u32,
    /// The largest packet of the path, in bytes.
    pub pmtu: u32,
    /// The congestion control's name.
    pub congestion: Option<String>,
}

impl Phase {
    fn end_us(&self) -> u64 {
        self.start_us.saturating_add(self.duration_us)
    }
}

impl Stats {
    /// Fills in how fast the bytes went: from the moment there was a connection.
    #[must_use]
    pub fn with_rates(mut self) -> Self {
        let per_s = |bytes: u64, micros: u64| {
            let rate = u128::from(bytes) * 1_000_000 / u128::from(micros.max(1));
            (micros > 0).then(|| u64::try_from(rate).unwrap_or(u64::MAX))
        };
        let talked = self.talked_us();
        self.bytes_in_per_s = per_s(self.bytes_in, talked);
        self.bytes_out_per_s = per_s(self.bytes_out, talked);
        self
    }

    /// How long the connection stood, in microseconds.
    fn talked_us(&self) -> u64 {
        let preparing = self.phases.iter().filter(|phase| phase.name != FIRST_BYTE);
        self.duration_us.saturating_sub(preparing.map(Phase::end_us).max().unwrap_or(0))
    }
}

/// The phase that is part of the conversation already.
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
        let talked = self.talked_us();
        let traffic = |direction: &str, bytes: u64| {
            let rate = rate(bytes, talked).unwrap_or_else(|| "-".to_owned());
            vec![direction.into(), bytes.to_string().into(), rate.into()]
        };
        let mut tables = vec![
            Table {
                label: Some("phase"),
                header: vec!["PHASE", "START", "TIME", "WATERFALL"],
                rows: self.phases.iter().map(phase).chain([total]).collect(),
            },
            Table {
                label: Some("traffic"),
                header: vec!["DIRECTION", "BYTES", "RATE"],
                rows: vec![traffic("in", self.bytes_in), traffic("out", self.bytes_out)],
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
                "VARIES BY",
                "SHORTEST",
                "RETRANSMITS",
                "CWND",
                "MSS",
                "PMTU",
                "CONTROL",
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
        }
    }
}

/// Columns of the waterfall: the table stays within eighty.
const BAR_WIDTH: u64 = 32;

/// A phase on a line that is `end` microseconds long: at least one mark, in its place.
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
    fn the_time_to_the_first_byte_is_a_waterfall() {
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

            RTT      VARIES BY  SHORTEST  RETRANSMITS  CWND  MSS        PMTU  CONTROL
            10.0 ms  812 µs     -         3            10    1448/1460  1500  cubic
        "#]]
        .assert_eq(&drawn);
        assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
        let narrow =
            table::aligned(&sample().tables(), Some(80), Paint::decide(ColorChoice::Never, false));
        assert_eq!(narrow, drawn);
    }

    #[test]
    fn rates_count_from_when_the_connection_stood() {
        let stats = sample();
        assert_eq!(stats.bytes_in_per_s, Some(5_242_880));
        assert_eq!(stats.bytes_out_per_s, Some(17));
        assert_eq!(Stats::default().with_rates().bytes_in_per_s, None);
        let huge = Stats { bytes_in: u64::MAX, duration_us: 1, ..Stats::default() };
        assert_eq!(huge.with_rates().bytes_in_per_s, Some(u64::MAX));
    }

    #[test]
    fn a_bar_stays_within_its_line_whatever_the_times() {
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
