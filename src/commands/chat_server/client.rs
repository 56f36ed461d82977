//! One client of the chat, from the first prompt to the last line.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::chat::NICK_PROMPT;
use crate::chat::room::QUIT;
use crate::commands::chat_server::delivery::{MemberQueue, Members, SendProgress};
use crate::lines::{LINE_END, Line, LineSplitter};
use crate::net::accept::Connection;
use crate::net::stream::channel::ByteCounts;
use crate::net::{Deadline, stream};
use crate::output::{Event, Events};
use crate::serving::events;
use crate::session::outcome;
use crate::sync::lock;

/// The longest line, in bytes.
const MAX_CHAT_LINE: usize = 1024;

/// How much of a line that is too long is skipped before the client is given up, in bytes.
const MAX_SKIPPED_CHAT: usize = 64 * 1024;

/// Nicknames a client may try.
const MAX_NICK_TRIES: u32 = 6;

/// Lines of one client that are taken before the others get their turn. What that many lines can
/// become, escaped, fits into an outbox.
const LINES_A_TURN: usize = 16;

/// A client that takes nothing of what waits for it is given up after this long.
const CHAT_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client that leaves may take to read its last lines.
const CHAT_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A client, and what it has said and not been heard yet.
pub(super) struct ChatClient<'a> {
    hall: &'a Mutex<Members>,
    events: &'a Events,
    connection: Arc<Connection>,
    mailbox: Arc<MemberQueue>,
    lines: LineSplitter,
    unread: Vec<u8>,
    /// How much of `unread` is heard.
    heard: usize,
    /// The client has ended its side.
    ended: bool,
    bytes_in: u64,
    tries: u32,
    /// How the others are told of a `/quit`.
    notice: Option<String>,
}

impl<'a> ChatClient<'a> {
    pub(super) fn new(
        hall: &'a Mutex<Members>,
        events: &'a Events,
        connection: Connection,
    ) -> Self {
        let connection = Arc::new(connection);
        Self {
            hall,
            events,
            mailbox: Arc::new(MemberQueue::new(Arc::clone(&connection))),
            connection,
            lines: LineSplitter::new(MAX_CHAT_LINE, MAX_SKIPPED_CHAT),
            unread: Vec::new(),
            heard: 0,
            ended: false,
            bytes_in: 0,
            tries: 0,
            notice: None,
        }
    }

    /// Receives the client, and sees it out.
    pub(super) async fn run(mut self, nick_limit: Option<Duration>) {
        self.events.send(events::connected(&self.connection));
        let reason = self.stay(nick_limit).await;
        self.leave_room(&reason);
        let mut bytes_out = self.mailbox.flush().sent;
        // The last lines get a moment to be read.
        let rest = self.mailbox.rest();
        let deadline = Deadline::after(CHAT_CLOSE_TIMEOUT);
        if stream::write_all(&self.connection.stream, &rest, deadline).await.is_ok() {
            bytes_out += rest.len() as u64;
            stream::close_gently(&self.connection.stream, deadline).await;
        }
        let counts = ByteCounts { bytes_in: self.bytes_in, bytes_out };
        self.events.send(events::closed(&self.connection, counts, reason));
    }

    /// Reads and writes until the visit is over, and returns why it is.
    async fn stay(&mut self, nick_limit: Option<Duration>) -> String {
        let connection = Arc::clone(&self.connection);
        let mailbox = Arc::clone(&self.mailbox);
        let mut leave = pin!(connection.seat.leave());
        let mut nick_deadline = pin!(Deadline::maybe(nick_limit).passed());
        let mut progress = (Instant::now(), 0);
        self.post(NICK_PROMPT);
        loop {
            if let Some(reason) = self.take_turn() {
                return reason;
            }
            let SendProgress { lost, pending, sent } = mailbox.flush();
            if lost {
                return "too slow".to_owned();
            }
            if !pending || sent != progress.1 {
                progress = (Instant::now(), sent);
            }
            let patience = CHAT_WRITE_TIMEOUT.saturating_sub(progress.0.elapsed());
            let stalled = if pending { Deadline::after(patience) } else { Deadline::NEVER };
            let is_ready = self.heard < self.unread.len() || self.ended;
            let mut read = Vec::new();
            tokio::select! {
                biased;
                _ = &mut leave => {
                    self.post(&format!("-!- the server is stopping{LINE_END}"));
                    return "stopped".to_owned();
                }
                () = &mut nick_deadline, if !self.is_member() => {
                    self.post(&format!("{LINE_END}ERR no nickname was given in time{LINE_END}"));
                    return "timed out".to_owned();
                }
                () = stalled.passed() => return "stalled".to_owned(),
                () = mailbox.news.notified() => {}
                // Everybody else first: one who talks without a pause must not keep them waiting.
                () = tokio::task::yield_now(), if is_ready => {}
                done = stream::read(&connection.stream, |bytes| read.extend_from_slice(bytes)),
                    if !is_ready =>
                {
                    if let Err(error) = done {
                        return outcome::word(&error);
                    }
                    self.bytes_in += read.len() as u64;
                    self.ended = read.is_empty();
                    (self.unread, self.heard) = (read, 0);
                }
                ready = connection.stream.writable(), if pending => if let Err(error) = ready {
                    return outcome::word(&error);
                },
            }
        }
    }

    /// Takes a few of the lines that are there; the reason where one of them ends the visit.
    fn take_turn(&mut self) -> Option<String> {
        let unread = std::mem::take(&mut self.unread);
        let mut rest = &unread[self.heard..];
        let mut reason = None;
        for _ in 0..LINES_A_TURN {
            let Some(line) = self.lines.next(&mut rest) else { break };
            reason = self.take(line);
            if reason.is_some() {
                break;
            }
        }
        self.heard = unread.len() - rest.len();
        self.unread = unread;
        if reason.is_none() && self.ended {
            // `printf hi | nc`: the last line counts, whatever ends it.
            let last = self.lines.take_pending();
            reason = last.and_then(|last| self.hear(&last)).or_else(|| Some("eof".to_owned()));
        }
        lock(self.hall).flush();
        reason
    }

    fn take(&mut self, line: Line) -> Option<String> {
        match line {
            Line::Complete(line) => self.hear(&line),
            Line::TooLong => {
                self.post(&format!("ERR line too long (max {MAX_CHAT_LINE} bytes){LINE_END}"));
                None
            }
            Line::Endless => {
                self.post(&format!("ERR line too long{LINE_END}"));
                Some("line too long".to_owned())
            }
        }
    }

    /// Hears one line: the nickname first, then whatever is said in the room.
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
        self.notice = outcome.leaves;
        self.notice.is_some().then(|| QUIT.to_owned())
    }

    fn enter(&mut self, hall: &mut Members, line: &[u8]) -> Option<String> {
        let id = self.connection.id;
        match hall.room.join(id, line) {
            Ok(deliveries) => {
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

    fn leave_room(&self, reason: &str) {
        let id = self.connection.id;
        let mut hall = lock(self.hall);
        hall.mailboxes.remove(&id);
        let Some(nick) = hall.room.nick(id).map(ToString::to_string) else { return };
        let deliveries = hall.room.leave(id, self.notice.as_deref().unwrap_or(reason));
        hall.deliver(deliveries);
        hall.flush();
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
}
