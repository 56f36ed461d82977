//! Observers of a session: hex dump, recording, statistics and progress bar.
//!
//! Connects the observer interface of `net` with the formats of `output`, which do not know each
//! other.

use std::path::PathBuf;
use std::time::Instant;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::stream::Stream;
use crate::net::stream::observer::{SideEnd, StreamObserver, StreamSide};
use crate::net::tls::TlsFacts;
use crate::output::{
    Direction, Event, Events, Hexdump, Meter, Output, Progress, Stats, TcpFigures,
};
use crate::session::recording::line::RecordedConnection;
use crate::session::recording::{Recording, RecordingError};
use crate::session::timeline::Timeline;
use crate::sys::TcpInfo;

/// What to observe.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObserverSettings {
    /// Dump all bytes in hex to standard error.
    pub(crate) hexdump: bool,
    /// Append both directions to this file.
    pub(crate) record: Option<PathBuf>,
    /// Print statistics at the end.
    pub(crate) stats: bool,
}

impl ObserverSettings {
    /// Returns whether anything is observed.
    pub(crate) fn is_any(&self) -> bool {
        self.hexdump || self.record.is_some() || self.stats
    }
}

/// The number of the connection in a run that has only one. All datagrams of a run count as one
/// connection.
pub(crate) const ONLY_CONNECTION: u64 = 1;

/// The observers of all sessions of a run.
#[derive(Debug)]
pub(crate) struct Observers {
    out: Output,
    /// Where a server prints what it observes; `None` to print directly.
    queue: Option<Events>,
    hexdump: bool,
    stats: bool,
    recording: Option<Recording>,
    progress: Option<Progress>,
    started: Instant,
}

fn failure(error: &RecordingError) -> Failure {
    let hint = match error {
        RecordingError::Open { .. } => "--record FILE with another file",
        RecordingError::Write { .. } => "--record FILE on a disk with free space",
    };
    Failure::new(Exit::File, error.to_string()).hint(hint)
}

impl Observers {
    /// Opens the recording. Call this before connecting or listening. A server gives the `queue`
    /// of its events, so that a slow terminal delays no client.
    ///
    /// # Errors
    /// The recording cannot be written, or a hex dump is combined with JSON output.
    pub(crate) fn open(
        settings: &ObserverSettings,
        out: Output,
        queue: Option<Events>,
    ) -> anyhow::Result<Self> {
        if settings.hexdump && out.is_json() {
            return Err(Failure::new(Exit::Usage, "--hexdump conflicts with --json")
                .hint("--record FILE to write all traffic as JSON")
                .into());
        }
        let start = |path| Recording::start(path, out, queue.clone());
        let recording = settings.record.as_deref().map(start);
        let recording = recording.transpose().map_err(|error| failure(&error))?;
        let (hexdump, stats) = (settings.hexdump, settings.stats);
        let started = Instant::now();
        Ok(Self { out, queue, hexdump, stats, recording, progress: None, started })
    }

    /// Starts the progress bar of a run with only one session, if standard error is a terminal.
    pub(crate) fn show_progress(&mut self) {
        if !self.hexdump {
            self.progress = Progress::start(self.out);
        }
    }

    /// Removes the progress bar.
    pub(crate) fn end_progress(&self) {
        if let Some(progress) = &self.progress {
            progress.end();
        }
    }

    /// Returns the observer of connection number `conn`, with `peer`; `None` if nothing observes
    /// it.
    pub(crate) fn observer(&self, conn: u64, peer: &str) -> Option<Box<dyn StreamObserver>> {
        let (queue, started) = (self.queue.clone(), self.started);
        let hexdump = self.hexdump.then(|| Hexdump::new(self.out, queue, peer, started));
        let recording = self.recording.clone();
        let meter = self.progress.as_ref().map(Progress::meter);
        let is_observed = hexdump.is_some() || recording.is_some() || meter.is_some();
        let peer = peer.to_owned();
        is_observed.then(|| {
            Box::new(ConnectionObserver { conn, peer, hexdump, recording, meter })
                as Box<dyn StreamObserver>
        })
    }

    /// Records the `connected` or `closed` event of connection number `conn`; ignores other events.
    pub(crate) fn record(&self, conn: u64, event: &Event) {
        let Some(recording) = &self.recording else { return };
        match event {
            Event::Connected { peer, local, .. } => {
                recording.connected(RecordedConnection { conn, peer }, local);
            }
            Event::Closed { peer, bytes_in, bytes_out, reason, .. } => {
                let connection = RecordedConnection { conn, peer };
                recording.closed(connection, *bytes_in, *bytes_out, reason);
            }
            _ => {}
        }
    }

    /// Records the parameters of TLS on connection number `conn`, with `peer`.
    pub(crate) fn record_tls(&self, conn: u64, peer: &str, facts: &TlsFacts) {
        if let Some(recording) = &self.recording {
            recording.secured(RecordedConnection { conn, peer }, facts);
        }
    }

    /// Returns the statistics of the connection with `peer`, if they are to be printed.
    pub(crate) fn stats(&self, peer: &str, timeline: Timeline, stream: &Stream) -> Option<Event> {
        if !self.stats {
            return None;
        }
        let counts = stream.counts();
        let stats = Stats {
            peer: peer.to_owned(),
            duration_us: timeline.duration_us(),
            phases: timeline.phases(),
            bytes_in: counts.bytes_in,
            bytes_out: counts.bytes_out,
            // Fails for a Unix socket.
            tcp: stream.tcp_info().ok().map(figures),
            ..Stats::default()
        };
        Some(Event::Stats { stats: Box::new(stats.with_rates()) })
    }

    /// Checks that the recording is complete.
    ///
    /// # Errors
    /// The recording could not be written to its end.
    pub(crate) fn finish(&self) -> anyhow::Result<()> {
        let recorded = self.recording.as_ref().map_or(Ok(()), Recording::finish);
        Ok(recorded.map_err(|error| failure(&error))?)
    }
}

/// The observers of one connection.
#[derive(Debug)]
struct ConnectionObserver {
    conn: u64,
    peer: String,
    hexdump: Option<Hexdump>,
    recording: Option<Recording>,
    meter: Option<Meter>,
}

impl ConnectionObserver {
    fn connection(&self) -> RecordedConnection<'_> {
        RecordedConnection { conn: self.conn, peer: &self.peer }
    }

    fn observe(&mut self, direction: Direction, bytes: &[u8]) {
        // The recording is written first: it must be complete even if sockkit is killed now.
        if let Some(recording) = &self.recording {
            recording.data(self.connection(), direction, bytes);
        }
        if let Some(hexdump) = &mut self.hexdump {
            hexdump.show(direction, bytes);
        }
        if let Some(meter) = &self.meter {
            meter.advance(direction, bytes.len());
        }
    }
}

impl StreamObserver for ConnectionObserver {
    fn sent(&mut self, bytes: &[u8]) {
        self.observe(Direction::Out, bytes);
    }

    fn received(&mut self, bytes: &[u8]) {
        self.observe(Direction::In, bytes);
    }

    fn ended(&mut self, side: StreamSide, how: SideEnd) {
        if let Some(recording) = &self.recording {
            recording.ended(self.connection(), side, how);
        }
    }
}

fn figures(info: TcpInfo) -> TcpFigures {
    TcpFigures {
        rtt_us: info.rtt_us,
        rtt_var_us: info.rtt_var_us,
        min_rtt_us: info.min_rtt_us,
        retransmits: info.retransmits,
        cwnd: info.snd_cwnd,
        snd_mss: info.snd_mss,
        rcv_mss: info.rcv_mss,
        pmtu: info.pmtu,
        congestion: info.congestion,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Deadline;
    use crate::output::{ColorChoice, Format, Verbosity};
    use std::time::Duration;

    fn out(format: Format) -> Output {
        Output::new(format, ColorChoice::Never, Verbosity::Quiet)
    }

    #[test]
    fn a_recording_contains_the_traffic_and_the_connection_events() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("record.jsonl");
        let args = ObserverSettings { record: Some(path.clone()), ..ObserverSettings::default() };
        let observers = Observers::open(&args, out(Format::Table), None).unwrap();
        let (peer, local) = ("192.0.2.1:80".to_owned(), "192.0.2.7:4000".to_owned());
        observers.record(2, &Event::Connected { peer: peer.clone(), local, name: None });
        let mut observer = observers.observer(2, &peer).unwrap();
        observer.sent(b"question");
        observer.received(b"answer");
        observer.ended(StreamSide::Peer, SideEnd::Fin);
        observers.record(2, &Event::Warning { message: "not recorded".to_owned() });
        let (bytes_in, bytes_out, duration_us, reason) = (6, 8, 1, "eof".to_owned());
        observers.record(2, &Event::Closed { peer, bytes_in, bytes_out, duration_us, reason });
        observers.finish().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 6, "{text}");
        assert!(lines[1..].iter().all(|line| line.contains(r#""conn":2,"#)), "{text}");
        assert!(lines[2].contains(r#""direction":"out","text":"question""#), "{text}");
        assert!(lines[3].contains(r#""direction":"in","text":"answer""#), "{text}");
        assert!(lines[4].contains(r#""side":"peer","how":"fin""#), "{text}");
        assert!(lines[5].contains(r#""bytes_in":6,"bytes_out":8,"reason":"eof""#), "{text}");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error_of_open() {
        for path in ["/dev/full", "/no/such/directory/file"] {
            let args =
                ObserverSettings { record: Some(path.into()), ..ObserverSettings::default() };
            let error = Observers::open(&args, out(Format::Table), None).unwrap_err();
            let (exit, complaint) = crate::failure::explain(&error);
            assert_eq!(exit, Exit::File);
            assert!(complaint.unwrap().message.contains(path));
        }
        let args = ObserverSettings { hexdump: true, ..ObserverSettings::default() };
        let error = Observers::open(&args, out(Format::Json), None).unwrap_err();
        assert_eq!(crate::failure::explain(&error).0, Exit::Usage);
    }

    /// Returns both ends of a TCP connection.
    async fn connected() -> (Stream, tokio::net::TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client.try_into().unwrap(), listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn without_options_nothing_is_observed() {
        let observers =
            Observers::open(&ObserverSettings::default(), out(Format::Table), None).unwrap();
        assert!(observers.observer(1, "peer").is_none());
        let timeline = Timeline::since(Instant::now());
        assert!(observers.stats("peer", timeline, &connected().await.0).is_none());
        observers.finish().unwrap();
    }

    #[tokio::test]
    async fn the_statistics_contain_every_phase_and_the_figures_of_the_kernel() {
        let (mut client, _peer) = connected().await;
        client.write_all(b"four", Deadline::NEVER).await.unwrap();
        let settings = ObserverSettings { stats: true, ..ObserverSettings::default() };
        let observers = Observers::open(&settings, out(Format::Table), None).unwrap();
        let started = Instant::now();
        let after = |millis| started + Duration::from_millis(millis);
        let mut timeline = Timeline::since(started);
        timeline.phase("connect", after(2), after(5));
        timeline.tls(after(9));
        timeline.first_byte(Some(after(20)));
        timeline.first_byte(None);
        let Some(Event::Stats { stats }) = observers.stats("peer", timeline, &client) else {
            panic!("no stats");
        };
        let phases: Vec<_> = stats
            .phases
            .iter()
            .map(|phase| (phase.name, phase.start_us, phase.duration_us))
            .collect();
        let expected =
            [("connect", 2_000, 3_000), ("tls", 5_000, 4_000), ("first_byte", 9_000, 11_000)];
        assert_eq!(phases, expected);
        assert_eq!((stats.bytes_in, stats.bytes_out), (0, 4));
        assert!(stats.tcp.is_some_and(|tcp| tcp.rtt_us > 0 && tcp.congestion.is_some()));
    }
}
