//! `listen` for streams: serves each client, and determines the exit code of the run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::commands::listen::peer_name::PeerNames;
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::net::accept::{AcceptNotice, Client, Connection, Service};
use crate::net::relay::{FinRule, SharedInput, Sink, Source};
use crate::net::tls::HANDSHAKE_TIMEOUT;
use crate::net::{Deadline, Stop};
use crate::output::{Event, Events, Output};
use crate::serving::{ServerEnd, events};
use crate::session::child_process::command::CommandProcess;
use crate::session::standard_io;
use crate::session::stream::{Session, SessionReport, SessionStream};
use crate::session::terminal::until;
use crate::session::timeline::Timeline;
use crate::session::tls::{Tls, finish_key_log};
use crate::sync::lock;

/// After the only client is served, how long to wait for the lookup of its name.
const LAST_NAME_TIMEOUT: Duration = Duration::from_millis(500);

/// After the command ends, how long the accept loop keeps accepting clients that connected before.
const LAST_ACCEPT_DELAY: Duration = Duration::from_millis(100);

/// The state that all clients of a run share.
pub(super) struct Listen {
    pub(super) out: Output,
    pub(super) keep_open: bool,
    /// The deadline of the whole run.
    pub(super) deadline: Deadline,
    /// Whether the user is prompted for lines to send.
    pub(super) interactive: bool,
    /// Whether standard input is sent.
    pub(super) reads_input: bool,
    pub(super) session: Session,
    pub(super) sink: Sink,
    pub(super) events: Events,
    pub(super) names: PeerNames,
    pub(super) stop: Stop,
    /// With `--keep-open`: standard input, from the first client on.
    pub(super) shared_input: Mutex<Option<SharedInput>>,
    /// Counts the connected clients.
    pub(super) clients: TaskTracker,
    /// Counts the clients whose session has not ended, which get the lines that a user types.
    pub(super) receivers: TaskTracker,
    /// The result of the connection that determines the exit code, if there is one.
    pub(super) result: Mutex<Option<anyhow::Result<Exit>>>,
    /// The result of the command after `--`, once it has ended.
    pub(super) command_result: Mutex<Option<Result<Exit, Failure>>>,
    /// Whether the deadline ended the run.
    pub(super) timed_out: AtomicBool,
    /// Whether a client was still connected when the grace after the command ended.
    pub(super) still_connected: AtomicBool,
    /// Whether a stop cut a client off before it had everything.
    pub(super) cut_off: AtomicBool,
}

impl Service for Listen {
    async fn handle(self: Arc<Self>, connection: Connection) {
        // Counts this client until the handler ends, even by a panic or a cancellation.
        let _token = self.clients.token();
        let receiver = self.receivers.token();
        let connected =
            events::connected(&connection.client, self.names.known(connection.client.peer()));
        self.session.observers.record(connection.client.id, &connected);
        if self.keep_open {
            // Before the event is printed, which draws the prompt again.
            self.out.set_receivers(self.receivers.len());
        }
        if self.interactive {
            // The event must be printed before the prompt and the client's data, which appear on
            // the same terminal. An error is ignored, because the first write of received data
            // reports it too.
            let shown = async {
                self.events.deliver(connected).await.ok();
                if !self.keep_open {
                    self.events.prompt().await;
                }
            };
            until(&self.stop, shown).await;
        } else {
            self.events.send(connected);
        }
        let name = self.names.report(&self.events, connection.client.peer());
        let report = self.serve(connection).await;
        if self.keep_open {
            drop(receiver);
            self.out.set_receivers(self.receivers.len());
        } else {
            self.events.end_session();
            self.session.observers.end_progress();
            if let Some(name) = name {
                // sockkit exits after this client, which would cancel the lookup of its name.
                Deadline::after(LAST_NAME_TIMEOUT).bound(name).await.ok();
            }
        }
        self.finish_client(report);
    }

    fn notice(&self, notice: AcceptNotice) {
        events::report(&self.events, notice);
    }
}

impl Listen {
    /// Serves one client until the session ends or the server is asked to stop.
    async fn serve(&self, connection: Connection) -> SessionReport {
        let Connection { stream, client } = connection;
        let (peer, local) = (client.peer().clone(), client.local().clone());
        let Client { id: conn, accepted, slot, .. } = client;
        let input = match self.input() {
            Ok(input) => input,
            Err(error) => return self.session.cancel(stream, conn, &peer, accepted, error),
        };
        let session_stream = SessionStream {
            stream,
            conn,
            peer: &peer,
            local: &local,
            timeline: Timeline::since(accepted),
            input,
            sink: &self.sink,
            fin: FinRule::NonEmptyInputEnd,
            handshake: Deadline::after(HANDSHAKE_TIMEOUT),
            deadline: self.deadline,
        };
        let leave = async {
            slot.leave().await;
        };
        self.session.run(session_stream, leave).await
    }

    /// Returns the input to send to the next client; `None` if nothing is sent.
    fn input(&self) -> anyhow::Result<Option<Source>> {
        if !self.reads_input {
            return Ok(None);
        }
        if !self.keep_open {
            return Ok(Some(standard_io::standard_input(self.out)?.into()));
        }
        let mut shared = lock(&self.shared_input);
        if shared.is_none() {
            *shared = Some(SharedInput::start(standard_io::standard_input(self.out)?));
        }
        Ok(shared.as_ref().map(|shared| shared.subscribe().into()))
    }

    /// Reports the end of a client's connection, and stores its result if that determines the exit
    /// code.
    fn finish_client(&self, report: SessionReport) {
        self.cut_off.fetch_or(report.stopped_early, Ordering::Relaxed);
        self.events.send(report.closed);
        if report.input_left && !self.keep_open && !self.interactive {
            let note = "the client closed the connection; unread standard input was discarded";
            self.events.note(note);
        }
        if report.output_closed {
            // The reader of standard output has closed it, so further clients are of no use.
            self.stop.drain();
        } else if self.keep_open || report.stopped_early {
            if let Err(error) = &report.exit
                && let (_, Some(explained)) = failure::explain(error)
            {
                let cause = explained.cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
                let message = format!("{}{cause}", explained.message);
                self.events.send(Event::Warning { message });
            }
            // After a stop, the exit code is that of the signal.
            if report.stopped_early || (self.session.script.is_none() && !report.fails_run) {
                return;
            }
            // The script is run with each client, and standard input is sent to each: the first
            // failure determines the exit code.
            let mut result = lock(&self.result);
            if result.as_ref().is_none_or(Result::is_ok) {
                *result = Some(report.exit);
            }
            return;
        }
        lock(&self.result).get_or_insert(report.exit);
    }

    /// Stops the server at the deadline.
    pub(super) async fn stop_at_deadline(self: Arc<Self>) {
        self.deadline.passed().await;
        self.timed_out.store(true, Ordering::Relaxed);
        self.stop.drain();
    }

    /// Ends the user's session when a stop is requested, because no client gets a line after that.
    pub(super) async fn end_session_at_stop(self: Arc<Self>) {
        self.stop.draining().await;
        self.events.end_session();
    }

    /// Stops the server after `command` has ended and its last clients are served, for at most
    /// `grace`. Processes that the command left in the background may be these clients; they are
    /// killed at the end.
    pub(super) async fn stop_after_command(
        self: Arc<Self>,
        mut command: CommandProcess,
        grace: Duration,
    ) {
        let result = command.wait(&self.stop).await;
        *lock(&self.command_result) = Some(result);
        tokio::time::sleep(LAST_ACCEPT_DELAY).await;
        self.clients.close();
        let in_time = Deadline::after(grace).bound(self.clients.wait()).await.is_ok();
        self.still_connected.store(!in_time, Ordering::Relaxed);
        drop(command);
        self.stop.drain();
    }

    /// Returns the exit code of the run, whose server ended with `end`.
    pub(super) fn finish(&self, end: ServerEnd) -> anyhow::Result<Exit> {
        let key_log = self.session.tls.as_ref().and_then(Tls::key_log);
        finish_key_log(key_log.as_deref(), &self.events);
        let exit = standard_io::check_written(&self.sink, &self.events, self.exit(end));
        self.session.observers.finish_blocking(exit)
    }

    fn exit(&self, end: ServerEnd) -> anyhow::Result<Exit> {
        let exit = end.exit;
        let command = lock(&self.command_result).take().transpose()?;
        let result = lock(&self.result).take();
        if self.timed_out.load(Ordering::Relaxed) {
            return Err(Failure::new(Exit::TimedOut, "timed out (--timeout)").into());
        }
        if self.still_connected.load(Ordering::Relaxed) && result.as_ref().is_none_or(Result::is_ok)
        {
            let message = "the program ended, but a client was still connected after --grace";
            return Err(Failure::new(Exit::TimedOut, message).into());
        }
        if result.is_none() && self.session.script.is_some() && command == Some(Exit::Success) {
            let message = "no client connected, so the script was not run";
            return Err(Failure::new(Exit::Negative, message).into());
        }
        let cut_off = end.cut_off || self.cut_off.load(Ordering::Relaxed);
        if let Some(signal) = end.signal.filter(|_| cut_off)
            && result.as_ref().is_none_or(Result::is_ok)
        {
            return Ok(signal);
        }
        match (command, result) {
            // The signal has ended the command, too.
            (Some(Exit::Command(_)), _) if exit != Exit::Success => Ok(exit),
            (Some(failed @ Exit::Command(_)), result) => {
                if let Some(Err(error)) = result {
                    self.events.warn(&error.to_string());
                }
                Ok(failed)
            }
            // After a signal, the exit code is that of the signal, not of the connection it ended.
            (_, Some(result)) if exit == Exit::Success => result,
            // The failure of standard output, which ended the run, is reported after this.
            (None, None) if self.events.has_stdout_failed() => Ok(exit),
            (None, None) if exit == Exit::Success && !self.keep_open => {
                let message = "the connection ended without a result";
                Err(Failure::new(Exit::Internal, message).hint("please report this").into())
            }
            _ => Ok(exit),
        }
    }
}

#[test]
fn the_future_that_serves_a_client_stays_small() {
    assert!(crate::net::accept::task_size::<Listen>() <= 10_240);
}
