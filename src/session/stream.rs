//! Runs a session on one connection, from the TLS handshake to the exit code.
//!
//! `connect` runs one session, `listen` one for each client. A script, a child process, or an input
//! and an output drive it.

#[cfg(test)]
mod sim;

use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use crate::allowance::Allowance;
use crate::exit::Exit;
use crate::net::relay::{self, FinRule, Input, RelaySettings, Sink, Source, StopRule};
use crate::net::stop::lasting;
use crate::net::stream::{ByteCounts, Stream};
use crate::net::tls::TlsFacts;
use crate::net::{Addr, Deadline, ExchangeEnd};
use crate::output::{Event, Events, StdoutError};
use crate::script::{self, Script, ScriptEnd};
use crate::session::child_process::exec::CommandLine;
use crate::session::observers::Observers;
use crate::session::outcome;
use crate::session::scripted::ScriptedStream;
use crate::session::settings::SessionSettings;
use crate::session::timeline::Timeline;
use crate::session::tls::{Tls, unexpected_tls};

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
    /// What a stop waits for.
    pub stop: StopRule,
}

/// The connection of one session.
pub(crate) struct SessionStream<'a> {
    pub stream: Stream,
    /// The number of the connection in this run, from 1.
    pub conn: u64,
    pub peer: &'a Addr,
    pub local: &'a Addr,
    /// The phases up to now.
    pub timeline: Timeline,
    /// What to send if neither a script nor a child process drives the session.
    pub input: Option<Source>,
    /// Where received data is printed.
    pub sink: &'a Sink,
    /// When FIN is sent.
    pub fin: FinRule,
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
    /// Whether the end of this connection alone makes a run with several fail: the input could not
    /// be read, or the peer was cut off.
    pub fails_run: bool,
    /// Whether a stop ended the connection before the peer had everything.
    pub stopped_early: bool,
}

impl SessionReport {
    fn of_stream(
        peer: &str,
        counts: ByteCounts,
        lasted: Duration,
        end: ExchangeEnd,
        exit_of: impl FnOnce(ExchangeEnd, &str) -> anyhow::Result<Exit>,
    ) -> Self {
        Self {
            closed: outcome::closed(peer, counts, lasted, &end),
            output_closed: matches!(end, ExchangeEnd::Output(_)),
            input_left: matches!(end, ExchangeEnd::IdleInput),
            fails_run: matches!(end, ExchangeEnd::Input(_) | ExchangeEnd::CutOff),
            stopped_early: matches!(end, ExchangeEnd::StoppedEarly),
            exit: exit_of(end, peer),
        }
    }
}

/// Why a session ended.
enum SessionEnd {
    /// The connection ended.
    Stream(ExchangeEnd),
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
        let SessionStream { mut stream, conn, peer, local, mut timeline, input, sink, .. } =
            connection;
        let SessionStream { fin, handshake, deadline, .. } = connection;
        let name = peer.to_string();
        self.observe(&mut stream, conn, &name);
        let settings = self.settings.relay_settings(fin, self.stop, deadline);
        let stop = pin!(stop);
        let mut stop = pin!(lasting(stop));
        let own = Allowance::default();
        let allowance = self.allowance(&own);
        let opened_by = deadline.earlier(handshake);
        let driven = async {
            let opened = tokio::select! {
                biased;
                opened = self.open(&mut stream, conn, &name, &mut timeline, opened_by) => Some(opened),
                () = &mut stop => None,
            };
            match opened {
                None => SessionEnd::Stream(ExchangeEnd::StoppedEarly),
                Some(Err(error)) => SessionEnd::Failed(error, "tls"),
                Some(Ok(())) => match (&self.script, &self.exec) {
                    (Some(script), _) => {
                        let played = self.play(script, &mut stream, conn, &name, sink, settings);
                        tokio::select! {
                            end = played => end,
                            () = &mut stop => SessionEnd::Stream(ExchangeEnd::StoppedEarly),
                        }
                    }
                    (None, Some(program)) => {
                        let session = ExecSession { program, peer, local, allowance };
                        session.run(&mut stream, &name, settings, stop.as_mut()).await
                    }
                    (None, None) => {
                        let mut input = input;
                        let sink = self.settings.receives.then_some(sink);
                        let input = input.as_mut();
                        let end =
                            relay::run(&mut stream, &name, input, sink, settings, stop.as_mut())
                                .await;
                        SessionEnd::Stream(match sink {
                            Some(sink) => relay::flush(sink, deadline, end, stop, allowance).await,
                            None => end,
                        })
                    }
                },
            }
        };
        let end = tokio::select! {
            biased;
            error = self.events.stdout_failed() => SessionEnd::Stream(ExchangeEnd::Output(error)),
            end = driven => end,
        };
        if !matches!(&end, SessionEnd::Stream(end) if end.is_complete()) {
            // The peer must not take what it got for everything.
            stream.abort();
        }
        timeline.first_byte(stream.first_byte());
        if let Some(stats) = self.observers.stats(&name, timeline, &stream) {
            self.events.send(stats);
        }
        if let Some(message) = unexpected_tls(&stream, &name).filter(|_| self.tls.is_none()) {
            self.events.send(Event::Warning { message });
        }
        let report = self.report(end, &stream, &name, began.elapsed());
        self.observers.record(conn, &report.closed);
        report
    }

    /// Resets a connection, accepted or dialled at `began`, whose session cannot begin because of
    /// `error`, so that the peer does not take it for a complete one.
    pub(crate) fn cancel(
        &self,
        mut stream: Stream,
        conn: u64,
        peer: &Addr,
        began: Instant,
        error: anyhow::Error,
    ) -> SessionReport {
        let peer = peer.to_string();
        self.observe(&mut stream, conn, &peer);
        stream.abort();
        let reason = match error.downcast_ref::<StdoutError>() {
            Some(error) => format!("cannot write output: {}", error.reason()),
            None => error.to_string(),
        };
        let closed = outcome::closed_because(&peer, stream.counts(), began.elapsed(), reason);
        self.observers.record(conn, &closed);
        SessionReport {
            closed,
            exit: Err(error),
            output_closed: false,
            input_left: false,
            fails_run: true,
            stopped_early: false,
        }
    }

    /// Returns how long an output may delay the end after the deadline or a stop: `own` for one of
    /// several connections, whose ends do not end the run.
    fn allowance<'a>(&self, own: &'a Allowance) -> &'a Allowance {
        self.observers.allowance().unwrap_or(own)
    }

    /// Attaches the observers to connection number `conn`, with `peer`.
    fn observe(&self, stream: &mut Stream, conn: u64, peer: &str) {
        stream.note_start();
        if let Some(observer) = self.observers.observer(conn, peer) {
            stream.observe(observer);
        }
    }

    /// Performs the TLS handshake if the session begins with one.
    async fn open(
        &self,
        stream: &mut Stream,
        conn: u64,
        peer: &str,
        timeline: &mut Timeline,
        deadline: Deadline,
    ) -> anyhow::Result<()> {
        if let Some(tls) = self.tls.as_ref().filter(|tls| tls.comes_first()) {
            let facts = tls.start(stream, peer, deadline).await?;
            timeline.tls(Instant::now());
            self.report_tls(conn, peer, &facts);
        }
        Ok(())
    }

    fn report_tls(&self, conn: u64, peer: &str, facts: &TlsFacts) {
        self.observers.record_tls(conn, peer, facts);
        if self.reports_peer {
            self.events.send(outcome::secured(peer.to_owned(), facts));
        }
    }

    async fn play(
        &self,
        script: &Script,
        stream: &mut Stream,
        conn: u64,
        peer: &str,
        sink: &Sink,
        settings: RelaySettings,
    ) -> SessionEnd {
        let on_secured = |facts: TlsFacts| self.report_tls(conn, peer, &facts);
        let printed = self.settings.receives.then_some(sink);
        let tls = self.tls.as_ref();
        let mut connection =
            ScriptedStream { stream, peer, sink: printed, tls, on_secured: &on_secured };
        let played = script::play(script, &mut connection, settings.deadline).await;
        let flushed = settings
            .deadline
            .earlier(Deadline::after(PEER_CLOSE_TIMEOUT))
            .bound(sink.flush())
            .await;
        match (played, flushed) {
            (Err(ScriptEnd::Receive(error)), _) => {
                SessionEnd::Stream(ExchangeEnd::of_receive_error(error))
            }
            (Err(stop), _) => match outcome::exit_of_script(stop, peer) {
                Err(error) => SessionEnd::Failed(error, "script"),
                // The reader of standard output has closed it.
                Ok(_) => SessionEnd::Stream(ExchangeEnd::Output(ErrorKind::BrokenPipe.into())),
            },
            (Ok(_), Ok(Err(error))) => SessionEnd::Stream(ExchangeEnd::Output(error)),
            (Ok(played), _) if played.reset => SessionEnd::Reset,
            // The steps have succeeded. Wait until the peer has acknowledged everything, and for a
            // short time until it closes; a script that requires the close uses `expect-end`.
            (Ok(_), _) => {
                let mut nothing = Source::from(Input::empty());
                let linger = settings.linger.or(Some(PEER_CLOSE_TIMEOUT));
                let settings = RelaySettings { fin: FinRule::InputEnd, linger, ..settings };
                // A stop ends the script, whatever it does.
                let never = std::future::pending;
                let (input, output) = (Some(&mut nothing), Some(sink));
                let end = relay::run(stream, peer, input, output, settings, never()).await;
                let own = Allowance::default();
                match relay::flush(sink, settings.deadline, end, never(), self.allowance(&own))
                    .await
                {
                    ExchangeEnd::LingerExpired => SessionEnd::ScriptOver,
                    end => SessionEnd::Stream(end),
                }
            }
        }
    }

    fn report(
        &self,
        end: SessionEnd,
        stream: &Stream,
        peer: &str,
        lasted: Duration,
    ) -> SessionReport {
        let counts = stream.counts();
        let because =
            |reason: &str| outcome::closed_because(peer, counts, lasted, reason.to_owned());
        let (closed, exit) = match end {
            SessionEnd::Reset => (because("reset by script"), Ok(Exit::Success)),
            SessionEnd::ScriptOver => (because("script over"), Ok(Exit::Success)),
            SessionEnd::Failed(error, reason) => (because(reason), Err(error)),
            SessionEnd::Stream(end) => {
                let exit_of = |end, peer: &str| self.exit_of(end, stream, peer);
                return SessionReport::of_stream(peer, counts, lasted, end, exit_of);
            }
        };
        SessionReport {
            closed,
            exit,
            output_closed: false,
            input_left: false,
            fails_run: false,
            stopped_early: false,
        }
    }

    fn exit_of(&self, end: ExchangeEnd, stream: &Stream, peer: &str) -> anyhow::Result<Exit> {
        if let (ExchangeEnd::Receive(error) | ExchangeEnd::Send(error), Some(tls), true) =
            (&end, &self.tls, stream.tls().is_some())
            && let Some(error) = tls.failure(peer, error)
        {
            return Err(error);
        }
        outcome::exit_of(end, peer)
    }
}

/// A session that a child process drives.
struct ExecSession<'a> {
    program: &'a CommandLine,
    peer: &'a Addr,
    local: &'a Addr,
    allowance: &'a Allowance,
}

impl ExecSession<'_> {
    async fn run(
        self,
        stream: &mut Stream,
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
        let fin = if settings.fin == FinRule::PeerEnd { settings.fin } else { FinRule::InputEnd };
        let settings = RelaySettings { fin, half_open: true, ..settings };
        let (source, sink) = (&mut program.source, &program.sink);
        let end = relay::run(stream, name, Some(source), Some(sink), settings, stop.as_mut()).await;
        if !matches!(end, ExchangeEnd::Eof | ExchangeEnd::IdleInput | ExchangeEnd::Sent) {
            // Dropping the program kills it. It may take no more input, because its output has no
            // reader any more.
            return SessionEnd::Stream(end);
        }
        let end = relay::flush(sink, settings.deadline, end, stop.as_mut(), self.allowance).await;
        // The program may still be working, for as long as it needs.
        tokio::select! {
            biased;
            finished = program.finish() => match finished {
                Ok(()) => SessionEnd::Stream(end),
                Err(failure) => SessionEnd::Failed(failure.into(), "exec"),
            },
            () = settings.deadline.passed() => SessionEnd::Stream(ExchangeEnd::TimedOut),
            () = async {
                stop.await;
                Deadline::after(settings.stop.grace).passed().await;
            } => SessionEnd::Stream(ExchangeEnd::Stopped),
        }
    }
}
