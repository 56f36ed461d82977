//! Observers of a session: hex dump, recording, statistics and progress bar.
//!
//! Connects the observer interface of `net` with the formats of `output`, which do not know each
//! other.

mod connection;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::allowance::Allowance;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::net::datagram::DatagramObserver;
use crate::net::stream::Stream;
use crate::net::stream::observer::StreamObserver;
use crate::net::tls::TlsFacts;
use crate::output::{Event, Events, Hexdump, Output, Progress, Stats, TcpFigures};
use crate::session::observers::connection::ConnectionObserver;
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
    /// Where the hexdumps are printed.
    events: Events,
    when_blocked: WhenBlocked,
    hexdump: bool,
    stats: bool,
    recording: Option<Recording>,
    progress: Option<Progress>,
    started: Instant,
}

/// What a connection does while the output of its observers takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenBlocked {
    /// It waits, under its own deadline: the run has only one connection.
    Wait,
    /// It goes on, because a run with several connections must delay none of them: the hexdump
    /// drops what does not fit at once, and the recording after [`RECORDING_STALL`].
    GoOn,
}

/// With several connections, how long a connection waits for a recording that takes nothing. A disk
/// that is busy recovers in this time; a FIFO without a reader does not.
const RECORDING_STALL: Duration = Duration::from_secs(1);

fn failure(error: &RecordingError) -> Failure {
    let hint = match error {
        RecordingError::Open { .. } => "--record FILE with another file",
        RecordingError::Write { .. } => "--record FILE on a disk with free space",
        RecordingError::Slow { .. } => "--record FILE with a regular file, or a faster reader",
    };
    Failure::new(Exit::File, error.to_string()).hint(hint)
}

impl Observers {
    /// Opens the recording. Call this before connecting or listening.
    ///
    /// # Errors
    /// The recording cannot be written, or a hex dump is combined with JSON output.
    pub(crate) fn open(
        settings: &ObserverSettings,
        out: Output,
        events: Events,
        when_blocked: WhenBlocked,
    ) -> anyhow::Result<Self> {
        if settings.hexdump && out.is_json() {
            return Err(Failure::new(Exit::Usage, "--hexdump conflicts with --json")
                .hint("--record FILE to write all traffic as JSON")
                .into());
        }
        let stall = (when_blocked == WhenBlocked::GoOn).then_some(RECORDING_STALL);
        let start = |path| Recording::start(path, events.clone(), stall);
        let recording = settings.record.as_deref().map(start);
        let recording = recording.transpose().map_err(|error| failure(&error))?;
        let (hexdump, stats) = (settings.hexdump, settings.stats);
        let started = Instant::now();
        Ok(Self { out, events, when_blocked, hexdump, stats, recording, progress: None, started })
    }

    /// Starts the progress bar of a run with only one session, if standard error is a terminal and
    /// the user does not type what is sent; `reads_stdin` says whether standard input is read.
    pub(crate) fn show_progress(&mut self, reads_stdin: bool) {
        if !self.hexdump {
            self.progress = Progress::start(self.out, reads_stdin);
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
        Some(Box::new(self.connection(conn, peer)?))
    }

    /// Returns the observer of the datagrams of a run; `None` if nothing observes them.
    pub(crate) fn datagram_observer(&self) -> Option<Box<dyn DatagramObserver>> {
        Some(Box::new(self.connection(ONLY_CONNECTION, "")?))
    }

    /// Returns how long an output may delay the end of a session after the deadline or a stop;
    /// `None` if the run has several sessions.
    pub(crate) fn allowance(&self) -> Option<&'static Allowance> {
        (self.when_blocked == WhenBlocked::Wait).then(|| self.out.allowance())
    }

    fn connection(&self, conn: u64, peer: &str) -> Option<ConnectionObserver> {
        let is_complete = self.when_blocked == WhenBlocked::Wait;
        let hexdump = || Hexdump::new(self.events.clone(), is_complete, peer, self.started);
        let hexdump = self.hexdump.then(hexdump);
        let recording = self.recording.clone();
        let meter = self.progress.as_ref().map(Progress::meter);
        let is_observed = hexdump.is_some() || recording.is_some() || meter.is_some();
        is_observed.then(|| ConnectionObserver::new(conn, peer, hexdump, recording, meter))
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

    /// Waits until the recording is written, and returns `result`, or instead that the recording is
    /// incomplete. After the deadline or once `stop` completes, a file that takes nothing delays
    /// the end by at most what is left of the allowance of the output.
    ///
    /// # Errors
    /// That of `result`; the recording is incomplete.
    pub(crate) async fn finish(
        &self,
        result: anyhow::Result<Exit>,
        deadline: Deadline,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<Exit> {
        if let Some(recording) = &self.recording {
            let ended = async {
                tokio::select! {
                    () = deadline.passed() => {}
                    () = stop => {}
                }
                self.out.allowance().used_up().await;
            };
            tokio::select! {
                () = recording.flush() => {}
                () = ended => {}
            }
        }
        self.check(result)
    }

    /// Does the same as [`Self::finish`] after the deadline or a stop, outside of a runtime.
    ///
    /// # Errors
    /// As for [`Self::finish`].
    pub(crate) fn finish_blocking(&self, result: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
        if let Some(recording) = &self.recording {
            self.out.allowance().wait(|limit| recording.flush_blocking(limit));
        }
        self.check(result)
    }

    /// Returns `result`, or instead that the recording is incomplete. If `result` is already an
    /// error or the exit code of a signal, a warning reports the recording.
    fn check(&self, result: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
        match (result, self.recording.as_ref().map_or(Ok(()), Recording::check)) {
            (result, Ok(())) => result,
            (result @ (Err(_) | Ok(Exit::Signal(_))), Err(incomplete)) => {
                self.events.send(Event::Warning { message: incomplete.to_string() });
                result
            }
            (Ok(_), Err(error)) => Err(failure(&error).into()),
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
    use crate::net::stream::observer::{SideEnd, StreamSide};
    use crate::output::{ColorChoice, EventQueue, Format, Verbosity, WhenGone};

    fn out(format: Format) -> Output {
        Output::new(format, ColorChoice::Never, Verbosity::Quiet)
    }

    fn open(settings: &ObserverSettings, format: Format) -> anyhow::Result<Observers> {
        let out = out(format);
        let events = EventQueue::start(out, WhenGone::Stop).events();
        Observers::open(settings, out, events, WhenBlocked::Wait)
    }

    #[test]
    fn a_recording_contains_the_traffic_and_the_connection_events() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("record.jsonl");
        let args = ObserverSettings { record: Some(path.clone()), ..ObserverSettings::default() };
        let observers = open(&args, Format::Table).unwrap();
        let (peer, local) = ("192.0.2.1:80".to_owned(), "192.0.2.7:4000".to_owned());
        observers.record(2, &Event::Connected { peer: peer.clone(), local, name: None });
        let mut observer = observers.observer(2, &peer).unwrap();
        observer.sent(b"question");
        observer.received(b"answer");
        observer.ended(StreamSide::Peer, SideEnd::Fin);
        observers.record(2, &Event::Warning { message: "not recorded".to_owned() });
        let (bytes_in, bytes_out, duration_us, reason) = (6, 8, 1, "eof".to_owned());
        observers.record(2, &Event::Closed { peer, bytes_in, bytes_out, duration_us, reason });
        observers.finish_blocking(Ok(Exit::Success)).unwrap();
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
            let error = open(&args, Format::Table).unwrap_err();
            let (exit, complaint) = crate::failure::explain(&error);
            assert_eq!(exit, Exit::File);
            assert!(complaint.unwrap().message.contains(path));
        }
        let args = ObserverSettings { hexdump: true, ..ObserverSettings::default() };
        let error = open(&args, Format::Json).unwrap_err();
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
        let observers = open(&ObserverSettings::default(), Format::Table).unwrap();
        assert!(observers.observer(1, "peer").is_none());
        let timeline = Timeline::since(Instant::now());
        assert!(observers.stats("peer", timeline, &connected().await.0).is_none());
        observers.finish_blocking(Ok(Exit::Success)).unwrap();
    }

    #[tokio::test]
    async fn the_statistics_contain_every_phase_and_the_figures_of_the_kernel() {
        let (mut client, _peer) = connected().await;
        client.write_all(b"four", Deadline::NEVER).await.unwrap();
        let settings = ObserverSettings { stats: true, ..ObserverSettings::default() };
        let observers = open(&settings, Format::Table).unwrap();
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
