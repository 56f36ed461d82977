//! `listen` for streams: what it does with each client, and what the run means to the shell.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::commands::listen::peer_name::announce_name;
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::net::accept::{AcceptNotice, Connection, Service};
use crate::net::relay::SharedInput;
use crate::net::relay::{Sink, Source};
use crate::net::{Deadline, Stop};
use crate::output::{Event, Events, Output};
use crate::serving::events;
use crate::session::child_process::command::CommandProcess;
use crate::session::standard_io;
use crate::session::stream::{Session, SessionReport, SessionStream};
use crate::session::timeline::Timeline;
use crate::session::tls::HANDSHAKE_TIMEOUT;
use crate::sync::lock;

/// How long the end of a single connection may wait for its name.
const NAME_GRACE: Duration = Duration::from_millis(500);

/// A client that came before the companion ended is accepted within this: the loop has been
/// around once.
const LAST_CLIENT: Duration = Duration::from_millis(100);

/// What all clients of one run share.
pub(super) struct Listen {
    pub(super) out: Output,
    pub(super) keep_open: bool,
    pub(super) whole: Deadline,
    /// Whether a person has to be prompted.
    pub(super) interactive: bool,
    /// Whether standard input is sent.
    pub(super) reads: bool,
    pub(super) talk: Session,
    pub(super) sink: Sink,
    pub(super) events: Events,
    pub(super) stop: Stop,
    /// Standard input, once the first of many clients has come.
    pub(super) to_all: Mutex<Option<SharedInput>>,
    /// The clients that are connected.
    pub(super) clients: TaskTracker,
    /// How the connection ended that decides how the program does.
    pub(super) last: Mutex<Option<anyhow::Result<Exit>>>,
    /// How the program behind `--` ended.
    pub(super) companion: Mutex<Option<Result<Exit, Failure>>>,
    pub(super) timed_out: AtomicBool,
    /// A client was still there when the companion's time was over.
    pub(super) cut_off: AtomicBool,
}

impl Service for Listen {
    async fn handle(self: Arc<Self>, connection: Connection) {
        // Dropped however this handler ends.
        let _connected = self.clients.token();
        let connected = events::connected(&connection);
        self.talk.seeing.record(&connected);
        if self.interactive {
            // In this order. A screen that takes no talk is found out by the payload.
            self.events.deliver(connected).ok();
            self.out.prompt();
        } else {
            self.events.send(connected);
        }
        let name = announce_name(&self.events, &connection.peer);
        let held = self.serve(connection).await;
        if self.interactive {
            self.out.end_conversation();
        }
        if !self.keep_open {
            self.talk.seeing.end_progress();
            // The program ends with this client, and the name with the program: a moment for it.
            Deadline::after(NAME_GRACE).bound(name).await.ok();
        }
        self.conclude_client(held);
    }

    fn notice(&self, notice: AcceptNotice) {
        events::tell(&self.events, notice);
    }
}

impl Listen {
    /// Serves one client, until it ends or the server is asked to stop.
    async fn serve(&self, connection: Connection) -> SessionReport {
        let Connection { stream, peer, local, accepted, seat, .. } = connection;
        let input = match self.input() {
            Ok(input) => input,
            Err(error) => {
                let message = format!("cannot read standard input: {}", crate::reason::of(&error));
                self.events.send(Event::Warning { message });
                None
            }
        };
        let call = SessionStream {
            stream,
            peer: &peer,
            local: &local,
            timeline: Timeline::since(accepted),
            input,
            sink: &self.sink,
            pass_empty_end: false,
            handshake: Deadline::after(HANDSHAKE_TIMEOUT),
            deadline: self.whole,
        };
        let leave = async {
            seat.leave().await;
        };
        self.talk.hold(call, leave).await
    }

    /// Returns what is sent to the next client.
    fn input(&self) -> io::Result<Option<Source>> {
        if !self.reads {
            return Ok(None);
        }
        if !self.keep_open {
            return standard_io::standard_input().map(|input| Some(input.into()));
        }
        let mut to_all = lock(&self.to_all);
        if to_all.is_none() {
            *to_all = Some(SharedInput::start(standard_io::standard_input()?));
        }
        Ok(to_all.as_ref().map(|broadcast| broadcast.subscribe().into()))
    }

    /// Says how a client's connection ended, and keeps it where the program ends with it.
    fn conclude_client(&self, held: SessionReport) {
        self.events.send(held.closed);
        if held.rested && !self.keep_open && !self.interactive {
            self.out.note("the client ended; standard input had not, and was not waited for");
        }
        if held.is_unheard {
            // Nobody reads any more, whoever comes.
            self.stop.drain();
        } else if self.keep_open {
            if let Err(error) = &held.verdict
                && let (_, Some(complaint)) = failure::explain(error)
            {
                let cause = complaint.cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
                let message = format!("{}{cause}", complaint.message);
                self.events.send(Event::Warning { message });
            }
            if self.talk.script.is_none() {
                return;
            }
            // Of many that are tested, the first failure counts.
            let mut last = lock(&self.last);
            if last.as_ref().is_none_or(Result::is_ok) {
                *last = Some(held.verdict);
            }
            return;
        }
        lock(&self.last).get_or_insert(held.verdict);
    }

    /// Ends everything when the time for it is over.
    pub(super) async fn watch_the_clock(self: Arc<Self>) {
        self.whole.passed().await;
        self.timed_out.store(true, Ordering::Relaxed);
        self.stop.drain();
    }

    /// Ends everything when the companion has ended and its last clients are served.
    pub(super) async fn accompany(self: Arc<Self>, companion: CommandProcess, grace: Duration) {
        let ended = companion.wait(&self.stop).await;
        *lock(&self.companion) = Some(ended);
        tokio::time::sleep(LAST_CLIENT).await;
        self.clients.close();
        let in_time = Deadline::after(grace).bound(self.clients.wait()).await.is_ok();
        self.cut_off.store(!in_time, Ordering::Relaxed);
        self.stop.drain();
    }

    /// Returns what all of it means to the shell.
    pub(super) fn conclude(&self, exit: Exit) -> anyhow::Result<Exit> {
        self.talk.seeing.finish()?;
        let companion = lock(&self.companion).take().transpose()?;
        let verdict = lock(&self.last).take();
        if self.timed_out.load(Ordering::Relaxed) {
            return Err(Failure::new(Exit::TimedOut, "time was up (--timeout)").into());
        }
        if self.cut_off.load(Ordering::Relaxed) && verdict.as_ref().is_none_or(Result::is_ok) {
            let message = "the program ended, and a client went on beyond --grace";
            return Err(Failure::new(Exit::TimedOut, message).into());
        }
        if verdict.is_none() && self.talk.script.is_some() && companion == Some(Exit::Success) {
            return Err(Failure::new(Exit::Negative, "nobody came to play the script with").into());
        }
        match (companion, verdict) {
            (Some(failed @ Exit::Command(_)), verdict) => {
                if let Some(Err(error)) = verdict {
                    self.out.warn(&error.to_string());
                }
                Ok(failed)
            }
            // A signal says more than the connection it ended.
            (_, Some(verdict)) if exit == Exit::Success => verdict,
            _ => Ok(exit),
        }
    }
}
