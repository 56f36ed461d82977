//! Serves one client of the chat, from the first prompt to the last line.

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

/// The longest line accepted from a client, in bytes.
const MAX_CHAT_LINE: usize = 1024;

/// How many bytes of a line that is too long are skipped before the server closes the connection.
const MAX_SKIPPED_CHAT: usize = 64 * 1024;

/// The most nicknames that a client may try.
const MAX_NICK_TRIES: u32 = 6;

/// The most lines of one client that are processed before other clients get a turn. Even escaped,
/// this many lines fit into a [`MemberQueue`].
const LINES_PER_TURN: usize = 16;

/// How long a client may read nothing while lines are queued for it.
const CHAT_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take to read its last lines and close the connection.
const CHAT_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A client and its received bytes that are not processed yet.
pub(super) struct ChatClient<'a> {
    members: &'a Mutex<Members>,
    events: &'a Events,
    connection: Arc<Connection>,
    queue: Arc<MemberQueue>,
    lines: LineSplitter,
    received: Vec<u8>,
    /// How many bytes of `received` are processed.
    processed: usize,
    /// Whether the client has shut down its write side.
    at_eof: bool,
    bytes_in: u64,
    /// Rejected nicknames.
    tries: u32,
    /// The reason that a `/quit` gives to the other members.
    quit_reason: Option<String>,
}

impl<'a> ChatClient<'a> {
    pub(super) fn new(
        members: &'a Mutex<Members>,
        events: &'a Events,
        connection: Connection,
    ) -> Self {
        let connection = Arc::new(connection);
        Self {
            members,
            events,
            queue: Arc::new(MemberQueue::new(Arc::clone(&connection))),
            connection,
            lines: LineSplitter::new(MAX_CHAT_LINE, MAX_SKIPPED_CHAT),
            received: Vec::new(),
            processed: 0,
            at_eof: false,
            bytes_in: 0,
            tries: 0,
            quit_reason: None,
        }
    }

    /// Serves the client, removes it from the room, and closes the connection.
    pub(super) async fn run(mut self, nick_limit: Option<Duration>) {
        self.events.send(events::connected(&self.connection, None));
        let reason = self.serve(nick_limit).await;
        self.leave_room(&reason);
        let mut bytes_out = self.queue.flush().sent;
        let unsent = self.queue.unsent();
        let deadline = Deadline::after(CHAT_CLOSE_TIMEOUT);
        if stream::write_all(&self.connection.stream, &unsent, deadline).await.is_ok() {
            bytes_out += unsent.len() as u64;
            stream::shut_down_and_drain(&self.connection.stream, deadline).await;
        }
        let counts = ByteCounts { bytes_in: self.bytes_in, bytes_out };
        self.events.send(events::closed(&self.connection, counts, reason));
    }

    /// Reads and writes until the connection must be closed, and returns the reason.
    async fn serve(&mut self, nick_limit: Option<Duration>) -> String {
        let connection = Arc::clone(&self.connection);
        let queue = Arc::clone(&self.queue);
        let mut leave = pin!(connection.slot.leave());
        let mut nick_deadline = pin!(Deadline::maybe(nick_limit).passed());
        let mut progress = (Instant::now(), 0);
        self.send_text(NICK_PROMPT);
        loop {
            if let Some(reason) = self.take_turn() {
                return reason;
            }
            let SendProgress { overflowed, pending, sent } = queue.flush();
            if overflowed {
                return "too slow".to_owned();
            }
            if !pending || sent != progress.1 {
                progress = (Instant::now(), sent);
            }
            let left = CHAT_WRITE_TIMEOUT.saturating_sub(progress.0.elapsed());
            let stalled = if pending { Deadline::after(left) } else { Deadline::NEVER };
            let is_ready = self.processed < self.received.len() || self.at_eof;
            let mut read = Vec::new();
            tokio::select! {
                biased;
                _ = &mut leave => {
                    self.send_text(&format!("-!- the server is stopping{LINE_END}"));
                    return "stopped".to_owned();
                }
                () = &mut nick_deadline, if !self.is_member() => {
                    let error = "ERR timed out waiting for a nickname";
                    self.send_text(&format!("{LINE_END}{error}{LINE_END}"));
                    return "timed out".to_owned();
                }
                () = stalled.passed() => return "stalled".to_owned(),
                () = queue.wakeup.notified() => {}
                // Other tasks run first: a client that sends without a pause must not delay them.
                () = tokio::task::yield_now(), if is_ready => {}
                done = stream::read(&connection.stream, |bytes| read.extend_from_slice(bytes)),
                    if !is_ready =>
                {
                    if let Err(error) = done {
                        return outcome::close_reason(&error);
                    }
                    self.bytes_in += read.len() as u64;
                    self.at_eof = read.is_empty();
                    (self.received, self.processed) = (read, 0);
                }
                ready = connection.stream.writable(), if pending => if let Err(error) = ready {
                    return outcome::close_reason(&error);
                },
            }
        }
    }

    /// Processes at most [`LINES_PER_TURN`] received lines. Returns the reason to close the
    /// connection, if there is one.
    fn take_turn(&mut self) -> Option<String> {
        let received = std::mem::take(&mut self.received);
        let mut rest = &received[self.processed..];
        let mut reason = None;
        for _ in 0..LINES_PER_TURN {
            let Some(line) = self.lines.next(&mut rest) else { break };
            reason = self.process(line);
            if reason.is_some() {
                break;
            }
        }
        self.processed = received.len() - rest.len();
        self.received = received;
        if reason.is_none() && self.at_eof {
            // The last line counts even without a line ending, as from `printf hi | nc`.
            let last = self.lines.take_pending();
            let reason_of_last = last.and_then(|last| self.handle_line(&last));
            reason = reason_of_last.or_else(|| Some("eof".to_owned()));
        }
        lock(self.members).flush();
        reason
    }

    fn process(&mut self, line: Line) -> Option<String> {
        match line {
            Line::Complete(line) => self.handle_line(&line),
            Line::TooLong => {
                self.send_text(&format!("ERR line too long (max {MAX_CHAT_LINE} bytes){LINE_END}"));
                None
            }
            Line::Endless => {
                self.send_text(&format!("ERR line too long{LINE_END}"));
                Some("line too long".to_owned())
            }
        }
    }

    /// Handles a complete line: the nickname of a new client, or the line of a member. Returns the
    /// reason to close the connection, if there is one.
    fn handle_line(&mut self, line: &[u8]) -> Option<String> {
        let id = self.connection.id;
        let mut members = lock(self.members);
        if members.room.nick(id).is_none() {
            return self.join(&mut members, line);
        }
        let update = members.room.handle_line(id, line);
        // Sent under the lock, so that the events are in the order that the members see.
        if let Some(public) = update.public {
            let (seq, nick, line) = (public.seq, public.nick, public.line);
            self.events.send(Event::Said { seq, nick, line });
        }
        if let Some((old, new)) = update.renamed {
            let peer = self.connection.peer.to_string();
            let (previous, nick) = (old.to_string(), new.to_string());
            self.events.send(Event::Renamed { peer, previous, nick });
        }
        members.deliver(update.deliveries);
        self.quit_reason = update.quit_reason;
        self.quit_reason.is_some().then(|| QUIT.to_owned())
    }

    fn join(&mut self, members: &mut Members, line: &[u8]) -> Option<String> {
        let id = self.connection.id;
        match members.room.join(id, line) {
            Ok(deliveries) => {
                members.queues.insert(id, Arc::clone(&self.queue));
                members.deliver(deliveries);
                let nick = members.room.nick(id).map(ToString::to_string).unwrap_or_default();
                let peer = self.connection.peer.to_string();
                self.events.send(Event::Joined { peer, nick });
                None
            }
            Err(refused) => {
                self.tries += 1;
                if self.tries >= MAX_NICK_TRIES {
                    self.send_text(&format!("ERR {refused}; too many tries{LINE_END}"));
                    return Some("refused".to_owned());
                }
                self.send_text(&format!("ERR {refused}{LINE_END}{NICK_PROMPT}"));
                None
            }
        }
    }

    fn leave_room(&self, reason: &str) {
        let id = self.connection.id;
        let mut members = lock(self.members);
        members.queues.remove(&id);
        let Some(nick) = members.room.nick(id).map(ToString::to_string) else { return };
        let deliveries = members.room.leave(id, self.quit_reason.as_deref().unwrap_or(reason));
        members.deliver(deliveries);
        members.flush();
        let (peer, reason) = (self.connection.peer.to_string(), reason.to_owned());
        self.events.send(Event::Left { peer, nick, reason });
    }

    fn is_member(&self) -> bool {
        lock(self.members).room.nick(self.connection.id).is_some()
    }

    /// Queues text for this client only.
    fn send_text(&self, text: &str) {
        self.queue.push(text.into());
    }
}
