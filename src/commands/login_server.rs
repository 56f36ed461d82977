//! `login-server`: asks each client for a user name and a password, prints and records both.

#[cfg(test)]
mod sim;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Zoned;
use rustix::process::Signal;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::record_log::{LogNotice, RecordLog};
use crate::lines::LINE_END;
use crate::login::record::LoginRecord;
use crate::login::server::{Credentials, Fields, LoginAction, LoginDialogue, USER_PROMPT};
use crate::net::accept::{AcceptNotice, Client, Connection, LeaveReason, Service, WhenFull};
use crate::net::end::close_reason;
use crate::net::stream::Stream;
use crate::net::{Addr, Deadline, ListenAddress, Port};
use crate::options::TIMEOUTS;
use crate::options::server::ServerArgs;
use crate::options::values::{self, Limit};
use crate::output::{Event, NetText, Output};
use crate::serving::events::{self, ClientEvents};
use crate::serving::{self, ServerEnd, ServerPlan};
use crate::session::signals::{self, Hangup};
use crate::session::tls::begins_tls;
use crate::sys;

const EXAMPLES: &str = "\
Examples:
  Serve clients until Ctrl-C and record each login in log-acesso.txt
  $ sockkit login-server 5668

  Serve one client and exit
  $ sockkit login-server 5667 --once

  Serve clients that send fields without a line ending, like the course's
  $ sockkit login-server 5668 --field-per-read";

/// The protocol, for the long help.
const PROTOCOL: &str = "\
Protocol (to write a client):
  read `Username: `, send a line; read `Password: `, send a line; read one line
  that begins with OK or ERR. After ERR, the server asks for both again; after
  OK, it closes the connection. OK means that the login is recorded.";

/// The arguments of `login-server`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{PROTOCOL}"))]
#[expect(clippy::doc_markdown, reason = "clap prints the text unchanged, so it has no markup")]
pub struct Args {
    /// Port (0 for any free), HOST:PORT or unix:PATH [default: 5668]
    ///
    /// Without it, sockkit uses the sockets that a service manager passes to it (LISTEN_FDS), if
    /// there are any.
    #[arg(value_name = "[HOST:]PORT", value_parser = values::of_bytes::<ListenAddress>())]
    address: Option<ListenAddress>,
    /// Serve one client, then exit: 0 if it logged in, else 1
    #[arg(long)]
    once: bool,
    /// Treat each read as one field, without a line ending
    #[arg(long)]
    field_per_read: bool,
    /// Append each login to FILE
    #[arg(long, value_name = "FILE", default_value = "log-acesso.txt")]
    log: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
    /// Limit the time to log in
    ///
    /// The time counts from the connection; 0 for no limit.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = values::limit,
          help_heading = TIMEOUTS)]
    idle_timeout: Limit,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let plan = ServerPlan {
        total: args.once.then_some(1),
        hangup: Hangup::ReopensLog,
        ..ServerPlan::new(Port(5668), WhenFull::Evict)
    };
    let plan = args.server.plan(args.address.as_ref(), plan)?;
    let build = |events, _| {
        let (log, log_notices) = RecordLog::open(&args.log)?;
        reopen_on_hangup(&log)?;
        Ok(LoginServer {
            fields: if args.field_per_read { Fields::Reads } else { Fields::Lines },
            limit: args.idle_timeout.0,
            log,
            log_notices,
            events,
            recorded: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        })
    };
    let on_listening = |server: &Arc<LoginServer>, _: &[Addr]| {
        server.report_log(&args.log, args.server.password_warnings());
        Ok(None)
    };
    let conclude = |server: &LoginServer, end: ServerEnd| match end.exit {
        Exit::Success if args.once && server.failed.load(Ordering::Relaxed) => {
            Err(Failure::new(Exit::File, "the login was not recorded").into())
        }
        Exit::Success if args.once && !server.recorded.load(Ordering::Relaxed) => {
            Ok(Exit::Negative)
        }
        exit => Ok(exit),
    };
    let (address, settings) = (args.address.as_ref(), args.server.settings());
    serving::run(address, &settings, plan, out, build, on_listening, conclude)
}

/// Makes SIGHUP reopen the log, for log rotation, unless it stops the server or the parent process
/// made sockkit ignore it.
fn reopen_on_hangup(log: &RecordLog) -> anyhow::Result<()> {
    let start_failed = |source| crate::net::Error::System { operation: "start the server", source };
    if Hangup::ReopensLog.stops() || sys::is_signal_ignored(Signal::HUP.as_raw()) {
        return Ok(());
    }
    let log = log.clone();
    Ok(signals::on_hangup(move || log.reopen()).map_err(start_failed)?)
}

/// How long a client may acknowledge nothing of a prompt.
const LOGIN_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take to read the last reply and close the connection.
const LOGIN_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

struct LoginServer {
    fields: Fields,
    /// How long a login may take, from the moment the client connects.
    limit: Option<Duration>,
    log: RecordLog,
    /// The problems found when the log was opened.
    log_notices: Vec<LogNotice>,
    events: ClientEvents,
    /// Whether at least one login is in the log.
    recorded: AtomicBool,
    /// Whether at least one login could not be recorded.
    failed: AtomicBool,
}

/// How the dialogue with a client ended.
enum LoginEnd {
    /// The client sent a user name and a password.
    Submitted(Credentials),
    /// The server closes: its last reply, which may be empty, and the reason for the event.
    Closing(String, &'static str),
    /// The client began a TLS handshake, and the server does not use TLS.
    Tls,
    /// The connection failed: the reason for the event.
    Failed(String),
}

impl Service for LoginServer {
    async fn handle(self: Arc<Self>, connection: Connection) {
        let Connection { mut stream, client } = connection;
        self.events.connected(&client);
        let mut dialogue = LoginDialogue::new(self.fields);
        let mut end = {
            let mut leave = pin!(client.slot.leave());
            tokio::select! {
                biased;
                end = self.run_dialogue(&mut stream, &mut dialogue) => end,
                () = Deadline::maybe(self.limit).passed() => self.timed_out(),
                reason = &mut leave => match reason {
                    LeaveReason::Stopping => {
                        LoginEnd::Closing(format!("ERR server is stopping{LINE_END}"), "stopped")
                    }
                    LeaveReason::Evicted => evicted(),
                },
            }
        };
        // Not cancellable from here on: once a record is being written, the client must learn the
        // result.
        if let LoginEnd::Submitted(credentials) = &end {
            end = self.record(&client, credentials).await;
        } else if let LoginEnd::Tls = &end {
            self.events.speaks_tls(&client);
            end = LoginEnd::Closing(events::NO_TLS.to_owned(), "tls");
        }
        let reason = match end {
            LoginEnd::Failed(reason) => {
                stream.abort();
                reason
            }
            LoginEnd::Closing(reply, reason) => {
                client.slot.close(&mut stream, reply.as_bytes(), LOGIN_CLOSE_TIMEOUT).await;
                reason.to_owned()
            }
            LoginEnd::Submitted(_) | LoginEnd::Tls => String::new(),
        };
        if let Some(bytes) = dialogue.unfinished().and_then(|bytes| u64::try_from(bytes).ok()) {
            self.events.send(Event::Incomplete { peer: client.peer().to_string(), bytes });
        }
        self.events.closed(&client, &stream, reason);
    }

    fn notice(&self, notice: AcceptNotice) {
        self.events.notice(notice);
    }

    fn refusal(&self) -> &'static [u8] {
        events::BUSY.as_bytes()
    }
}

impl LoginServer {
    /// Warns that the log and the observers hold passwords, and about problems found when the log
    /// was opened.
    fn report_log(&self, log: &Path, password_warnings: Vec<String>) {
        let log = log.display();
        let warn = |message| self.events.send(Event::Warning { message });
        warn(format!("passwords are recorded in clear text in {log}"));
        password_warnings.into_iter().for_each(warn);
        for notice in &self.log_notices {
            warn(match notice {
                LogNotice::Repaired => format!("ended an incomplete line in {log}"),
                LogNotice::ReadableByOthers => {
                    format!("other users can read {log}; to prevent this: chmod 600 {log}")
                }
            });
        }
    }

    fn timed_out(&self) -> LoginEnd {
        let limit = self.limit.unwrap_or_default().as_secs_f32();
        LoginEnd::Closing(format!("ERR login timed out after {limit}s{LINE_END}"), "timed out")
    }

    /// Prompts and reads until the client has sent both fields or the dialogue ends without them.
    async fn run_dialogue(&self, stream: &mut Stream, dialogue: &mut LoginDialogue) -> LoginEnd {
        let mut text = USER_PROMPT.to_owned();
        let mut unprocessed = Vec::new();
        loop {
            if let Err(error) = stream.write_steadily(text.as_bytes(), LOGIN_WRITE_TIMEOUT).await {
                return LoginEnd::Failed(close_reason(&error));
            }
            match next_action(stream, dialogue, &mut unprocessed).await {
                Ok(LoginAction::Send(next)) => text = next,
                Ok(LoginAction::Close(reply)) => return LoginEnd::Closing(reply, "refused"),
                Ok(LoginAction::Record(credentials)) => return LoginEnd::Submitted(credentials),
                Err(end) => return end,
            }
        }
    }

    /// Records a login and returns the reply, `OK` only if the record is in the log.
    async fn record(&self, client: &Client, credentials: &Credentials) -> LoginEnd {
        if !client.slot.settle() {
            return evicted();
        }
        let (peer, id) = (client.peer(), client.id);
        let time = Zoned::now();
        let shown = peer.to_string();
        let record = LoginRecord { time: &time, peer: &shown, conn: id, credentials }.to_string();
        let written = self.log.append(format!("{record}\n").into_bytes()).await;
        let result = if written.is_ok() { "recorded" } else { "failed" };
        self.events.send(login_event(peer, id, credentials, result, record));
        match written {
            Ok(()) => {
                self.recorded.store(true, Ordering::Relaxed);
                LoginEnd::Closing(format!("OK recorded{LINE_END}"), "logged in")
            }
            Err(error) => {
                self.failed.store(true, Ordering::Relaxed);
                self.events.send(Event::Warning { message: error.to_string() });
                LoginEnd::Closing(
                    format!("ERR log unavailable, not recorded{LINE_END}"),
                    "not recorded",
                )
            }
        }
    }
}

/// Reads until the dialogue returns an action. Input after that action stays in `unprocessed`,
/// because the server must send a prompt or a reply between two fields.
async fn next_action(
    stream: &mut Stream,
    dialogue: &mut LoginDialogue,
    unprocessed: &mut Vec<u8>,
) -> Result<LoginAction, LoginEnd> {
    loop {
        let mut rest = &unprocessed[..];
        let action = dialogue.next(&mut rest);
        let consumed = unprocessed.len() - rest.len();
        unprocessed.drain(..consumed);
        if let Some(action) = action {
            return Ok(action);
        }
        let read = stream.read(|_, bytes| {
            unprocessed.extend_from_slice(bytes);
            bytes.len()
        });
        match read.await {
            Ok(0) => return Err(LoginEnd::Closing(String::new(), "eof")),
            // Not a line of a login, although it contains line endings by chance.
            Ok(_) if begins_tls(stream, unprocessed) => return Err(LoginEnd::Tls),
            Ok(_) => {}
            Err(error) => return Err(LoginEnd::Failed(close_reason(&error))),
        }
    }
}

/// Returns the end of a client whose slot was given to another.
fn evicted() -> LoginEnd {
    LoginEnd::Closing(events::BUSY.to_owned(), "evicted")
}

fn login_event(
    peer: &Addr,
    conn: u64,
    credentials: &Credentials,
    result: &'static str,
    record: String,
) -> Event {
    Event::Login {
        peer: peer.to_string(),
        conn,
        r#try: credentials.attempt,
        user: NetText(credentials.user.clone()),
        password: NetText(credentials.password.0.clone()),
        result,
        record,
    }
}

#[test]
fn the_future_that_serves_a_client_stays_small() {
    assert!(crate::net::accept::task_size::<LoginServer>() <= 1_304);
}
