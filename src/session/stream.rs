//! Runs a session on one connection, from the TLS handshake to the exit code.
//!
//! `connect` runs one session, `listen` one for each client. A script, a child process, or an input
//! and an output drive it.

use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::net::relay::{self, RelaySettings, StreamEnd};
use crate::net::relay::{Input, Sink, Source};
use crate::net::stream::channel::{ByteCounts, Channel};
use crate::net::stream::{self, Stream};
use crate::net::tls::{TlsFacts, looks_like_tls};
use crate::net::{Addr, Deadline, tls};
use crate::output::{Event, Events};
use crate::script::{self, Script, ScriptEnd};
use crate::session::child_process::exec::CommandLine;
use crate::session::observers::Observers;
use crate::session::outcome;
use crate::session::scripted::ScriptedStream;
use crate::session::settings::SessionSettings;
use crate::session::timeline::Timeline;
use crate::session::tls::Tls;

/// How long to wait for the peer to close after a script or a child process has ended.
const PEER_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What all sessions of a run share.
#[derive(Debug)]
pub(crate) struct Session {
    pub settings: SessionSettings,
    pub script: Option<Script>,
    pub exec: Option<CommandLine>,
    /// How to start TLS, at the beginning or by a step of the script.
    pub tls: Option<Tls>,
    pub observers: Observers,
    pub events: Events,
    /// Whether to print the events `connected`, `secured` and `closed`.
    pub reports_peer: bool,
    /// After a stop, how long to wait for the peer to close; `None` ends the session at once.
    pub grace: Option<Duration>,
}

/// The connection of one session.
pub(crate) struct SessionStream<'a> {
    pub stream: Stream,
    pub peer: &'a Addr,
    pub local: &'a Addr,
    /// The phases up to now.
    pub timeline: Timeline,
    /// What to send if neither a script nor a child process drives the session.
    pub input: Option<Source>,
    /// Where received data is printed.
    pub sink: &'a Sink,
    /// Whether to send FIN when the input ends without having produced a byte.
    pub fin_on_empty_input: bool,
    /// The deadline of a TLS handshake at the beginning.
    pub handshake: Deadline,
    /// The deadline of the session.
    pub deadline: Deadline,
}

/// How a session ended.
#[derive(Debug)]
pub(crate) struct SessionReport {
    /// The `closed` event of the connection.
    pub closed: Event,
    /// The exit code, or the error to print.
    pub exit: anyhow::Result<Exit>,
    /// Whether standard output can no longer be written.
    pub output_closed: bool,
    /// Whether the session ended before its input did.
    pub input_left: bool,
    /// Whether the input could not be read.
    pub input_failed: bool,
}

impl SessionReport {
    /// Returns the report of a connection with `peer` that ended before its session began.
    pub(crate) fn unopened(peer: &str, lasted: Duration, end: StreamEnd) -> Self {
        Self::of_stream(peer, ByteCounts::default(), lasted, end, outcome::exit_of_stream)
    }

    fn of_stream(
        peer: &str,
        counts: ByteCounts,
        lasted: Duration,
        end: StreamEnd,
        exit_of: impl FnOnce(StreamEnd, &str) -> anyhow::Result<Exit>,
    ) -> Self {
        Self {
            closed: outcome::closed(peer, counts, lasted, &end),
            output_closed: matches!(end, StreamEnd::Output(_)),
            input_left: matches!(end, StreamEnd::IdleInput),
            input_failed: matches!(end, StreamEnd::Input(_)),
            exit: exit_of(end, peer),
        }
    }
}

/// Why a session ended.
enum SessionEnd {
    /// The connection ended.
    Stream(StreamEnd),
    /// TLS, the script or the child process failed; with the `reason` of the `closed` event.
    Failed(anyhow::Error, &'static str),
    /// The script succeeded, and the peer did not close in time.
    ScriptOver,
    /// The script succeeded and reset the connection.
    Reset,
}

impl Session {
    /// Runs a session on `connection` until it ends or `stop` completes.
    pub(crate) async fn run(
        &self,
        connection: SessionStream<'_>,
        stop: impl Future<Output = ()>,
    ) -> SessionReport {
        let began = Instant::now();
        let SessionStream { stream, peer, local, mut timeline, input, sink, .. } = connection;
        let SessionStream { fin_on_empty_input, handshake, deadline, .. } = connection;
        let name = peer.to_string();
        let mut channel = Channel::new(stream, self.observers.observer(&name));
        let settings = RelaySettings {
            grace: self.grace,
            ..self.settings.relay_settings(fin_on_empty_input, deadline)
        };
        let mut stop = pin!(stop);
        let opened_by = deadline.earlier(handshake);
        let opened = tokio::select! {
            opened = self.open(&mut channel, &name, &mut timeline, opened_by) => Some(opened),
            () = &mut stop => None,
        };
        let outcome = match opened {
            None => SessionEnd::Stream(StreamEnd::Stopped),
            Some(Err(error)) => SessionEnd::Failed(error, "tls"),
            Some(Ok(())) => match (&self.script, &self.exec) {
                (Some(script), _) => {
                    let played = self.play(script, &mut channel, &name, sink, settings);
                    tokio::select! {
                        outcome = played => outcome,
                        () = &mut stop => SessionEnd::Stream(StreamEnd::Stopped),
                    }
                }
                (None, Some(program)) => {
                    let session = ExecSession { program, peer, local };
                    session.run(&mut channel, &name, settings, stop).await
                }
                (None, None) => {
                    let mut input = input;
                    let sink = self.settings.receives.then_some(sink);
                    let end =
                        relay::run(&mut channel, &name, input.as_mut(), sink, settings, stop).await;
                    SessionEnd::Stream(end)
                }
            },
        };
        timeline.first_byte(channel.first_byte());
        let counts = channel.counts();
        if let Some(socket) = channel.socket()
            && let Some(stats) = self.observers.stats(&name, timeline, counts, socket)
        {
            self.events.send(stats);
        }
        self.warn_about_unexpected_tls(&channel, &name);
        let report = self.report(outcome, &channel, &name, counts, began.elapsed());
        self.observers.record(&report.closed);
        report
    }

    /// Performs the TLS handshake if the session begins with one.
    async fn open(
        &self,
        channel: &mut Channel,
        peer: &str,
        timeline: &mut Timeline,
        deadline: Deadline,
    ) -> anyhow::Result<()> {
        if let Some(tls) = self.tls.as_ref().filter(|tls| tls.comes_first()) {
            let facts = tls.start(channel, peer, deadline).await?;
            timeline.tls(Instant::now());
            self.report_tls(peer, facts);
        }
        Ok(())
    }

    fn report_tls(&self, peer: &str, facts: TlsFacts) {
        if !self.reports_peer {
            return;
        }
        let verified = facts.peer_pin.map(|_| facts.trust.is_verified());
        self.events.send(Event::Secured {
            peer: peer.to_owned(),
            version: facts.version,
            cipher_suite: facts.cipher_suite,
            alpn: facts.alpn,
            pin: facts.peer_pin.map(|pin| pin.to_string()),
            verified,
        });
    }

    async fn play(
        &self,
        script: &Script,
        channel: &mut Channel,
        peer: &str,
        sink: &Sink,
        settings: RelaySettings,
    ) -> SessionEnd {
        let on_secured = |facts| self.report_tls(peer, facts);
        let printed = self.settings.receives.then_some(sink);
        let tls = self.tls.as_ref();
        let mut connection =
            ScriptedStream { channel, peer, sink: printed, tls, on_secured: &on_secured };
        let played = script::play(script, &mut connection, settings.deadline).await;
        let flushed = settings
            .deadline
            .earlier(Deadline::after(PEER_CLOSE_TIMEOUT))
            .bound(sink.flush())
            .await;
        match (played, flushed) {
            (Err(ScriptEnd::Receive(error)), _) => {
                SessionEnd::Stream(StreamEnd::of_receive_error(error))
            }
            (Err(stop), _) => match outcome::exit_of_script(stop, peer) {
                Err(error) => SessionEnd::Failed(error, "script"),
                Ok(_) => SessionEnd::Stream(StreamEnd::Eof),
            },
            (Ok(_), Ok(Err(error))) => SessionEnd::Stream(StreamEnd::Output(error)),
            (Ok(played), _) if played.reset => SessionEnd::Reset,
            // The steps have succeeded. Wait until the peer has acknowledged everything, and for a
            // short time until it closes; a script that requires the close uses `expect-end`.
            (Ok(played), _) => {
                let mut nothing = Source::from(Input::empty());
                let linger = settings.linger.or(Some(PEER_CLOSE_TIMEOUT));
                let settings =
                    RelaySettings { fin_on_empty_input: !played.shut_down, linger, ..settings };
                let (sink, never) = (Some(sink), std::future::pending());
                match relay::run(channel, peer, Some(&mut nothing), sink, settings, never).await {
                    StreamEnd::LingerExpired => SessionEnd::ScriptOver,
                    end => SessionEnd::Stream(end),
                }
            }
        }
    }

    /// Warns if the first received bytes are a TLS record although the session does not use TLS.
    fn warn_about_unexpected_tls(&self, channel: &Channel, peer: &str) {
        if !channel.is_tls() && self.tls.is_none() && looks_like_tls(channel.head()) {
            let message = format!("data from {peer} looks like TLS: try --tls");
            self.events.send(Event::Warning { message });
        }
    }

    fn report(
        &self,
        outcome: SessionEnd,
        channel: &Channel,
        peer: &str,
        counts: ByteCounts,
        lasted: Duration,
    ) -> SessionReport {
        if let SessionEnd::Stream(StreamEnd::Receive(_) | StreamEnd::Send(_)) = &outcome {
            // The peer must not take a failed connection for a complete one. A Unix socket has no
            // reset.
            channel.socket().map(Stream::reset_on_close);
        }
        let because =
            |reason: &str| outcome::closed_because(peer, counts, lasted, reason.to_owned());
        let (closed, exit) = match outcome {
            SessionEnd::Reset => (because("reset by script"), Ok(Exit::Success)),
            SessionEnd::ScriptOver => (because("script over"), Ok(Exit::Success)),
            SessionEnd::Failed(error, reason) => (because(reason), Err(error)),
            SessionEnd::Stream(end) => {
                let exit_of = |end, peer: &str| self.exit_of(end, channel, peer);
                return SessionReport::of_stream(peer, counts, lasted, end, exit_of);
            }
        };
        SessionReport { closed, exit, output_closed: false, input_left: false, input_failed: false }
    }

    fn exit_of(&self, end: StreamEnd, channel: &Channel, peer: &str) -> anyhow::Result<Exit> {
        if let (StreamEnd::Receive(error) | StreamEnd::Send(error), Some(tls), true) =
            (&end, &self.tls, channel.is_tls())
            && let Some(error) = tls::TlsError::after_handshake(peer, tls.peer_side(), error)
        {
            return Err(error.into());
        }
        outcome::exit_of_stream(end, peer)
    }
}

/// A session that a child process drives.
struct ExecSession<'a> {
    program: &'a CommandLine,
    peer: &'a Addr,
    local: &'a Addr,
}

impl ExecSession<'_> {
    async fn run(
        self,
        channel: &mut Channel,
        name: &str,
        settings: RelaySettings,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> SessionEnd {
        let mut program = match self.program.start(self.peer, self.local) {
            Ok(program) => program,
            Err(error) => return SessionEnd::Failed(error.into(), "exec"),
        };
        // The output of a child process is complete only once the child closes it, so sockkit waits
        // even while the output is idle.
        let settings = RelaySettings { fin_on_empty_input: true, half_open: true, ..settings };
        let (source, sink) = (&mut program.source, &program.sink);
        let end =
            relay::run(channel, name, Some(source), Some(sink), settings, stop.as_mut()).await;
        if let StreamEnd::Output(_) = end
            && let Some(socket) = channel.socket()
        {
            stream::shut_down_and_drain(socket, Deadline::after(PEER_CLOSE_TIMEOUT)).await;
        }
        if !matches!(end, StreamEnd::Eof | StreamEnd::IdleInput) {
            // Dropping the program kills it.
            return SessionEnd::Stream(end);
        }
        // The program may still be working, for as long as it needs.
        tokio::select! {
            biased;
            finished = program.finish() => match finished {
                Ok(()) => SessionEnd::Stream(end),
                Err(failure) => SessionEnd::Failed(failure.into(), "exec"),
            },
            () = settings.deadline.passed() => SessionEnd::Stream(StreamEnd::TimedOut),
            () = async {
                stop.await;
                Deadline::after(settings.grace.unwrap_or_default()).passed().await;
            } => SessionEnd::Stream(StreamEnd::Stopped),
        }
    }
}
