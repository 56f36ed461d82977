//! `login-server`: asks for a user and a password, shows and records each pair.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Zoned;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::record_log::{LogNotice, RecordLog};
use crate::lines::LINE_END;
use crate::login::record::LoginRecord;
use crate::login::server::{Credentials, Fields, LoginAction, LoginDialogue, USER_PROMPT};
use crate::net::accept::{self, AcceptNotice, Connection, LeaveReason, Service, WhenFull};
use crate::net::stream::channel::ByteCounts;
use crate::net::{Addr, Deadline, ListenAddress, stream};
use crate::options::listen::ListenArgs;
use crate::options::values::{self, Limit};
use crate::output::{Event, Events, NetText, Output, WhenGone};
use crate::serving::events;
use crate::serving::{self, ServerPlan};
use crate::session::outcome;

const EXAMPLES: &str = "\
Examples:
  Take logins until Ctrl-C, and record them in log-acesso.txt
  $ sockkit login-server 5668

  Serve one client and end
  $ sockkit login-server 5667 --once

  For clients that send each field without a line end, as the course's do
  $ sockkit login-server 5668 --field-per-read

The protocol, for a client of your own: read `Username: `, send a line; read
`Password: `, send a line; read one line that begins with OK or ERR. After
ERR both are asked again; after OK the server closes. OK means recorded.";

/// Login server: the arguments
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where to listen; 0 for any free port
    #[arg(value_name = "[HOST:]PORT", default_value = "5668")]
    address: ListenAddress,
    /// Serve one client and end: 0 if it logged in, 1 if not
    #[arg(long)]
    once: bool,
    /// Take each read as one field, for clients that send no line end
    #[arg(long)]
    field_per_read: bool,
    /// The file each login is appended to
    #[arg(long, value_name = "FILE", default_value = "log-acesso.txt")]
    log: PathBuf,
    /// How long a login may take, from the moment the client connects; 0 for no limit
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = values::limit)]
    idle_timeout: Limit,
    /// Clients at once; for one more the oldest that has not logged in is thrown out
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = values::count)]
    max_clients: usize,
    #[command(flatten)]
    server: ListenArgs,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let plan = ServerPlan {
        max_clients: args.max_clients,
        when_full: WhenFull::Evict,
        total: args.once.then_some(1),
        workers: accept::default_workers(),
        when_gone: WhenGone::Warn,
    };
    let build = |events, _| {
        let (log, remarks) = RecordLog::open(&args.log)?;
        survive_signals(&log)?;
        Ok(LoginServer {
            fields: if args.field_per_read { Fields::Reads } else { Fields::Lines },
            limit: args.idle_timeout.0,
            log,
            remarks,
            events,
            recorded: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        })
    };
    let begun = |server: &Arc<LoginServer>, _: &[Addr]| {
        server.tell_about(&args.log);
        Ok(None)
    };
    let (exit, server) =
        serving::run(Some(&args.address), &args.server.settings(), plan, out, build, begun)?;
    match exit {
        Exit::Success if args.once && server.failed.load(Ordering::Relaxed) => {
            Err(Failure::new(Exit::File, "the login was not recorded").into())
        }
        Exit::Success if args.once && !server.recorded.load(Ordering::Relaxed) => {
            Ok(Exit::Negative)
        }
        exit => Ok(exit),
    }
}

/// SIGHUP reopens the log, as after a rotation, unless it says that the terminal is gone. A log at
/// the limit of `RLIMIT_FSIZE` is an error of the write, not the end of the server, as SIGXFSZ
/// would have it.
fn survive_signals(log: &RecordLog) -> anyhow::Result<()> {
    let start_failed = |source| crate::net::Error::System { operation: "start the server", source };
    if !io::stdin().is_terminal() {
        let mut hangups = signal(SignalKind::hangup()).map_err(start_failed)?;
        let log = log.clone();
        tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                log.reopen();
            }
        });
    }
    // Once handled it stays handled, whether anybody listens or not.
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop).map_err(start_failed)?;
    Ok(())
}

/// How long a client may take to accept an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// How long a client that was answered may take to close.
const LOGIN_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

struct LoginServer {
    fields: Fields,
    limit: Option<Duration>,
    log: RecordLog,
    /// What was noticed about the log.
    remarks: Vec<LogNotice>,
    events: Events,
    /// At least one login is in the log.
    recorded: AtomicBool,
    /// At least one login could not be recorded.
    failed: AtomicBool,
}

/// How a conversation ended.
enum LoginEnd {
    /// A user and a password were given.
    Given(Credentials),
    /// Everything was said: this is the last of it, and why.
    Answered(String, &'static str),
    /// The client left, or its connection failed.
    Left(String),
}

impl Service for LoginServer {
    async fn handle(self: Arc<Self>, connection: Connection) {
        self.events.send(events::connected(&connection));
        let mut conversation = LoginDialogue::new(self.fields);
        let mut counts = ByteCounts::default();
        let mut end = {
            let mut leave = pin!(connection.seat.leave());
            tokio::select! {
                biased;
                end = self.converse(&connection, &mut conversation, &mut counts) => end,
                () = Deadline::maybe(self.limit).passed() => self.out_of_time(),
                why = &mut leave => match why {
                    LeaveReason::Stopping => {
                        LoginEnd::Answered(format!("ERR server is stopping{LINE_END}"), "stopped")
                    }
                    LeaveReason::Evicted => LoginEnd::Answered(events::BUSY.to_owned(), "made place for another"),
                },
            }
        };
        // From here on nothing interrupts: what is being recorded must be answered as it ends.
        if let LoginEnd::Given(credentials) = &end {
            end = self.record(&connection, credentials).await;
        }
        let reason = match end {
            LoginEnd::Left(reason) => reason,
            LoginEnd::Answered(last, reason) => {
                let deadline = Deadline::after(ANSWER_LIMIT);
                if stream::write_all(&connection.stream, last.as_bytes(), deadline).await.is_ok() {
                    counts.bytes_out += last.len() as u64;
                    stream::close_gently(&connection.stream, Deadline::after(LOGIN_CLOSE_TIMEOUT))
                        .await;
                }
                reason.to_owned()
            }
            LoginEnd::Given(_) => String::new(),
        };
        if let Some(bytes) = conversation.unfinished() {
            self.events.send(Event::Incomplete { peer: connection.peer.to_string(), bytes });
        }
        self.events.send(events::closed(&connection, counts, reason));
    }

    fn notice(&self, notice: AcceptNotice) {
        events::tell(&self.events, notice);
    }

    fn refusal(&self) -> &'static [u8] {
        events::BUSY.as_bytes()
    }
}

impl LoginServer {
    /// Says what an operator should know about the log.
    fn tell_about(&self, log: &Path) {
        let log = log.display();
        let tell = |message| self.events.send(Event::Warning { message });
        tell(format!("passwords are recorded in clear text in {log}"));
        for remark in &self.remarks {
            tell(match remark {
                LogNotice::Repaired => format!("ended a torn line in {log}"),
                LogNotice::ReadableByOthers => {
                    format!("others may read {log}; to keep it to yourself: chmod 600 {log}")
                }
            });
        }
    }

    fn out_of_time(&self) -> LoginEnd {
        let limit = self.limit.unwrap_or_default().as_secs_f32();
        LoginEnd::Answered(format!("ERR login timed out after {limit}s{LINE_END}"), "timed out")
    }

    async fn converse(
        &self,
        connection: &Connection,
        conversation: &mut LoginDialogue,
        counts: &mut ByteCounts,
    ) -> LoginEnd {
        let mut say = USER_PROMPT.to_owned();
        let mut unread = Vec::new();
        loop {
            let deadline = Deadline::after(ANSWER_LIMIT);
            if let Err(error) =
                stream::write_all(&connection.stream, say.as_bytes(), deadline).await
            {
                return LoginEnd::Left(outcome::word(&error));
            }
            counts.bytes_out += say.len() as u64;
            match self.next_action(connection, conversation, &mut unread, counts).await {
                Ok(LoginAction::Say(text)) => say = text,
                Ok(LoginAction::GiveUp(text)) => return LoginEnd::Answered(text, "refused"),
                Ok(LoginAction::Record(credentials)) => return LoginEnd::Given(credentials),
                Err(end) => return end,
            }
        }
    }

    /// Reads until there is something to do. What a client sent ahead waits in `unread`: a
    /// prompt is due between two fields, whoever is in a hurry.
    async fn next_action(
        &self,
        connection: &Connection,
        conversation: &mut LoginDialogue,
        unread: &mut Vec<u8>,
        counts: &mut ByteCounts,
    ) -> Result<LoginAction, LoginEnd> {
        loop {
            let mut rest = &unread[..];
            let action = conversation.next(&mut rest);
            let taken = unread.len() - rest.len();
            unread.drain(..taken);
            if let Some(action) = action {
                return Ok(action);
            }
            let read = stream::read(&connection.stream, |bytes| {
                unread.extend_from_slice(bytes);
                bytes.len()
            });
            match read.await {
                Ok(0) => return Err(LoginEnd::Left("eof".to_owned())),
                Ok(len) => counts.bytes_in += len as u64,
                Err(error) => return Err(LoginEnd::Left(outcome::word(&error))),
            }
        }
    }

    /// Records a login, and only then says that it is.
    async fn record(&self, connection: &Connection, credentials: &Credentials) -> LoginEnd {
        if !connection.seat.settle() {
            return LoginEnd::Answered(events::BUSY.to_owned(), "made place for another");
        }
        let Connection { peer, id, .. } = connection;
        let time = Zoned::now();
        let shown = peer.to_string();
        let record = LoginRecord { time: &time, peer: &shown, conn: *id, credentials }.to_string();
        let written = self.log.append(format!("{record}\n").into_bytes()).await;
        let result = if written.is_ok() { "recorded" } else { "failed" };
        self.events.send(login_event(peer, *id, credentials, result, record));
        match written {
            Ok(()) => {
                self.recorded.store(true, Ordering::Relaxed);
                LoginEnd::Answered(format!("OK recorded{LINE_END}"), "logged in")
            }
            Err(error) => {
                self.failed.store(true, Ordering::Relaxed);
                self.events.send(Event::Warning { message: error.to_string() });
                LoginEnd::Answered(
                    format!("ERR log unavailable, not recorded{LINE_END}"),
                    "not recorded",
                )
            }
        }
    }
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
