//! `chat-server`: one room for everybody who connects.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::server::{self, Plan, ServerArgs, Traffic};
use super::values::{self, Limit};
use crate::chat::command::HELP;
use crate::chat::outbox::Outbox;
use crate::chat::room::{Delivery, MemberId, Recipients, Room};
use crate::chat::{LINE_END, NICK_PROMPT};
use crate::exit::Exit;
use crate::net::lines::{Line, LineSplitter};
use crate::net::serve::{Connection, Notice, Service, WhenFull};
use crate::net::{Deadline, ListenAddress, stream};
use crate::output::{Event, Events, Output};

const EXAMPLES: &str = "\
Examples:
  Open a room on this machine, on the default port, 5669
  $ sockkit chat-server

  Open it to everybody
  $ sockkit chat-server --public

  Enter it
  $ sockkit connect 127.0.0.1 5669";

/// Chat server: the arguments
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = help())]
pub struct Args {
    /// Where to listen; 0 for any free port
    #[arg(value_name = "[HOST:]PORT", default_value = "5669")]
    address: ListenAddress,
    /// How long somebody may take to give a nickname; 0 for no limit
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = values::limit)]
    idle_timeout: Limit,
    /// Clients at once; one more is told that the room is busy
    #[arg(long, value_name = "N", default_value_t = 256)]
    max_clients: usize,
    #[command(flatten)]
    server: ServerArgs,
}

fn help() -> String {
    format!("{EXAMPLES}\n\nIn the room: {HELP}")
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let plan = Plan {
        max_clients: args.max_clients,
        when_full: WhenFull::Refuse,
        total: None,
        // Everybody waits for the one room: more threads would wait for each other.
        workers: 1,
    };
    let (exit, _) = server::run(&args.address, &args.server, plan, out, |events| {
        Ok(ChatServer { nick_limit: args.idle_timeout.0, hall: Mutex::default(), events })
    })?;
    Ok(exit)
}

/// The longest line, in bytes.
const MAX_LINE: usize = 1024;

/// How much of a line that is too long is skipped before the client is given up, in bytes.
const MAX_SKIPPED: usize = 64 * 1024;

/// Nicknames a client may try.
const MAX_NICK_TRIES: u32 = 6;

/// A client that takes nothing of what waits for it is given up after this long.
const STALLED: Duration = Duration::from_secs(30);

/// How long a client that leaves may take to read its last lines.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// Bytes handed to the socket at once.
const PIECE: usize = 16 * 1024;

/// A member whose cable was pulled is gone in two minutes: 60 s of silence, 3 questions, 10 s each.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_mins(1))
    .with_interval(Duration::from_secs(10))
    .with_retries(3);

struct ChatServer {
    nick_limit: Option<Duration>,
    hall: Mutex<Hall>,
    events: Events,
}

/// The room, and the way to everybody in it.
#[derive(Default)]
struct Hall {
    room: Room,
    mailboxes: BTreeMap<MemberId, Arc<Mailbox>>,
}

/// One client's outbox, and the socket it empties into.
struct Mailbox {
    stream: Arc<TcpStream>,
    state: Mutex<Mail>,
    /// The socket took less than there was, or the outbox overflowed.
    news: Notify,
}

#[derive(Default)]
struct Mail {
    outbox: Outbox,
    /// It overflowed: its owner is too slow.
    lost: bool,
    /// Bytes the socket took.
    sent: u64,
}

impl Service for ChatServer {
    async fn handle(self: Arc<Self>, connection: Connection) {
        self.events.send(server::connected(&connection));
        // Where the system does not know these options, a pulled cable is noticed later.
        SockRef::from(&*connection.stream).set_tcp_keepalive(&KEEPALIVE).ok();
        let mut visit = Visit {
            hall: &self.hall,
            events: &self.events,
            connection: &connection,
            mailbox: Arc::new(Mailbox::new(Arc::clone(&connection.stream))),
            lines: LineSplitter::new(MAX_LINE, MAX_SKIPPED),
            traffic: Traffic::default(),
            tries: 0,
        };
        let reason = visit.stay(self.nick_limit).await;
        visit.depart(&reason).await;
        self.events.send(visit.traffic.closed(&connection, reason));
    }

    fn notice(&self, notice: Notice) {
        server::tell(&self.events, notice);
    }

    fn refusal(&self) -> &'static [u8] {
        b"ERR busy, try later\r\n"
    }
}

/// One client, from the first prompt to the last line.
struct Visit<'a> {
    hall: &'a Mutex<Hall>,
    events: &'a Events,
    connection: &'a Connection,
    mailbox: Arc<Mailbox>,
    lines: LineSplitter,
    traffic: Traffic,
    tries: u32,
}

impl Visit<'_> {
    /// Reads and writes until the visit is over, and returns why it is.
    async fn stay(&mut self, nick_limit: Option<Duration>) -> String {
        let connection = self.connection;
        let mailbox = Arc::clone(&self.mailbox);
        let mut leave = pin!(connection.leave());
        let mut nick_deadline = pin!(Deadline::maybe(nick_limit).passed());
        let mut progress = (Instant::now(), 0);
        self.post(NICK_PROMPT);
        loop {
            let Backlog { lost, pending, sent } = mailbox.flush();
            if lost {
                return "too slow".to_owned();
            }
            if !pending || sent != progress.1 {
                progress = (Instant::now(), sent);
            }
            let patience = STALLED.saturating_sub(progress.0.elapsed());
            let stalled = if pending { Deadline::after(patience) } else { Deadline::NEVER };
            let mut taken = Vec::new();
            tokio::select! {
                biased;
                () = &mut leave => {
                    self.post(&format!("-!- the server is stopping{LINE_END}"));
                    return "stopped".to_owned();
                }
                () = &mut nick_deadline, if !self.is_member() => {
                    self.post(&format!("{LINE_END}ERR no nickname was given in time{LINE_END}"));
                    return "timed out".to_owned();
                }
                () = stalled.passed() => return "stalled".to_owned(),
                () = mailbox.news.notified() => {}
                read = stream::read(&connection.stream, |bytes| taken.extend_from_slice(bytes)) => {
                    if let Err(error) = read {
                        return server::end_reason(&error);
                    }
                    if let Some(reason) = self.take(&taken) {
                        return reason;
                    }
                }
                ready = connection.stream.writable(), if pending => if let Err(error) = ready {
                    return server::end_reason(&error);
                },
            }
        }
    }

    /// Leaves the room, and gives the last lines a moment to be read.
    async fn depart(&mut self, reason: &str) {
        self.leave_room(reason);
        self.traffic.bytes_out = self.mailbox.flush().sent;
        let last = lock(&self.mailbox.state).outbox.peek(usize::MAX);
        let deadline = Deadline::after(CLOSE_LIMIT);
        if stream::write_all(&self.connection.stream, &last, deadline).await.is_ok() {
            self.traffic.bytes_out += last.len() as u64;
            stream::close_gently(&self.connection.stream, deadline).await;
        }
    }

    fn leave_room(&self, reason: &str) {
        let id = self.connection.id;
        let mut hall = lock(self.hall);
        hall.mailboxes.remove(&id);
        let Some(nick) = hall.room.nick(id).map(ToString::to_string) else {
            return;
        };
        let deliveries = hall.room.leave(id, reason);
        hall.deliver(deliveries);
        let (peer, reason) = (self.connection.peer.to_string(), reason.to_owned());
        self.events.send(Event::Left { peer, nick, reason });
    }

    fn is_member(&self) -> bool {
        lock(self.hall).room.nick(self.connection.id).is_some()
    }

    /// Queues something for this client alone.
    fn post(&self, line: &str) {
        self.mailbox.post(line.into());
    }

    /// Takes what was read, line by line; the reason where that ends the visit.
    fn take(&mut self, bytes: &[u8]) -> Option<String> {
        self.traffic.bytes_in += bytes.len() as u64;
        if bytes.is_empty() {
            // `printf hi | nc`: the last line counts, whatever ends it.
            let last = self.lines.take_pending();
            return last.and_then(|last| self.hear(&last)).or_else(|| Some("eof".to_owned()));
        }
        let mut rest = bytes;
        while let Some(line) = self.lines.next(&mut rest) {
            let reason = match line {
                Line::Complete(line) => self.hear(&line),
                Line::TooLong => {
                    self.post(&format!("ERR line too long (max {MAX_LINE} bytes){LINE_END}"));
                    None
                }
                Line::Endless => {
                    self.post(&format!("ERR line too long{LINE_END}"));
                    Some("line too long".to_owned())
                }
            };
            if reason.is_some() {
                return reason;
            }
        }
        None
    }

    /// Takes one line: the nickname first, then whatever is said in the room.
    fn hear(&mut self, line: &[u8]) -> Option<String> {
        let id = self.connection.id;
        let mut hall = lock(self.hall);
        if hall.room.nick(id).is_none() {
            return self.enter(&mut hall, line);
        }
        let outcome = hall.room.hear(id, line);
        // Sent under the lock: the order on the screen is the order in the room.
        if let Some(public) = outcome.public {
            let (seq, nick, line) = (public.seq, public.nick, public.line);
            self.events.send(Event::Said { seq, nick, line });
        }
        hall.deliver(outcome.deliveries);
        outcome.leaves
    }

    fn enter(&mut self, hall: &mut Hall, line: &[u8]) -> Option<String> {
        let id = self.connection.id;
        match hall.room.join(id, line) {
            Ok(deliveries) => {
                self.connection.settle();
                hall.mailboxes.insert(id, Arc::clone(&self.mailbox));
                hall.deliver(deliveries);
                let nick = hall.room.nick(id).map(ToString::to_string).unwrap_or_default();
                let peer = self.connection.peer.to_string();
                self.events.send(Event::Joined { peer, nick });
                None
            }
            Err(refused) => {
                self.tries += 1;
                if self.tries >= MAX_NICK_TRIES {
                    self.post(&format!("ERR {refused}; too many tries{LINE_END}"));
                    return Some("refused".to_owned());
                }
                self.post(&format!("ERR {refused}{LINE_END}{NICK_PROMPT}"));
                None
            }
        }
    }
}

impl Hall {
    /// Hands lines out; never waits for anybody.
    fn deliver(&self, deliveries: Vec<Delivery>) {
        for Delivery { to, line } in deliveries {
            let line: Arc<str> = line.into();
            match to {
                Recipients::One(id) => {
                    if let Some(mailbox) = self.mailboxes.get(&id) {
                        mailbox.post(line);
                    }
                }
                Recipients::AllBut(sender) => {
                    for (_, mailbox) in self.mailboxes.iter().filter(|(id, _)| **id != sender) {
                        mailbox.post(Arc::clone(&line));
                    }
                }
            }
        }
    }
}

impl Mailbox {
    fn new(stream: Arc<TcpStream>) -> Self {
        Self { stream, state: Mutex::default(), news: Notify::new() }
    }

    /// Sends a line, or what of it the socket takes now; the rest waits for the owner to send it.
    fn post(&self, line: Arc<str>) {
        let mut mail = lock(&self.state);
        let waits = !mail.outbox.is_empty();
        mail.lost |= mail.outbox.push(line).is_err();
        if !waits {
            mail.send(&self.stream);
        }
        if mail.lost || !mail.outbox.is_empty() {
            self.news.notify_one();
        }
    }

    /// Sends what the socket takes now of what waits, and says how far that got.
    fn flush(&self) -> Backlog {
        let mut mail = lock(&self.state);
        mail.send(&self.stream);
        Backlog { lost: mail.lost, pending: !mail.outbox.is_empty(), sent: mail.sent }
    }
}

/// How far behind a client is.
#[derive(Clone, Copy)]
struct Backlog {
    /// Too far.
    lost: bool,
    /// At all.
    pending: bool,
    /// Bytes its socket took so far.
    sent: u64,
}

impl Mail {
    fn send(&mut self, stream: &TcpStream) {
        while !self.outbox.is_empty() {
            let bytes = self.outbox.peek(PIECE);
            // A connection that failed is found out by its owner, who reads from it.
            let sent = stream::write_now(stream, &bytes).unwrap_or(0);
            self.outbox.advance(sent);
            self.sent += sent as u64;
            if sent < bytes.len() {
                return;
            }
        }
    }
}

/// What is guarded here is whole after every step, whoever panicked meanwhile.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
