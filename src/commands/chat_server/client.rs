//! Serves one client of the chat, from the first prompt to the last line.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::chat::NICK_PROMPT;
use crate::chat::room::QUIT;
use crate::commands::chat_server::delivery::{MemberQueue, Members, SendProgress};
use crate::lines::{LINE_END, Line, LineSplitter};
use crate::net::Deadline;
use crate::net::accept::Client;
use crate::net::end::close_reason;
use crate::net::stream::{PeerProgress, Stream};
use crate::output::Event;
use crate::serving::events::{ClientEvents, NO_TLS};
use crate::sync::lock;

/// The longest line accepted from a client, in bytes.
const MAX_CHAT_LINE: usize = 1024;

/// How many bytes of a line that is too long are skipped before the server closes the connection.
const MAX_SKIPPED_CHAT: usize = 64 * 1024;

/// The most nicknames that a client may try.
const MAX_NICK_TRIES: u32 = 6;

/// The most lines of one client that are processed before other clients get a turn.
const LINES_PER_TURN: usize = 16;

/// How long a client may acknowledge nothing while lines are queued for it.
const CHAT_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take to read its last lines and close the connection.
const CHAT_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A client and its received bytes that are not processed yet.
pub(super) struct ChatClient<'a> {
    members: &'a Mutex<Members>,
    events: &'a ClientEvents,
    client: &'a Client,
    queue: Arc<MemberQueue>,
    lines: LineSplitter,
    received: Vec<u8>,
    /// How many bytes of `received` are processed.
    processed: usize,
    /// Whether the client has shut down its write side.
    at_eof: bool,
    /// Rejected nicknames.
    tries: u32,
    /// The reason that a `/quit` gives to the other members.
    quit_reason: Option<String>,
}

impl<'a> ChatClient<'a> {
    pub(super) fn new(
        members: &'a Mutex<Members>,
        events: &'a ClientEvents,
        stream: Stream,
        client: &'a Client,
    ) -> Self {
        Self {
            members,
            events,
            queue: Arc::new(MemberQueue::new(stream)),
            client,
            lines: LineSplitter::new(MAX_CHAT_LINE, MAX_SKIPPED_CHAT),
            received: Vec::new(),
            processed: 0,
            at_eof: false,
            tries: 0,
            quit_reason: None,
        }
    }

    /// Serves the client, removes it from the room, and closes the connection.
    pub(super) async fn run(mut self, nick_limit: Option<Duration>) {
        let Self { client, events, .. } = self;
        events.connected(client);
        let reason = self.serve(nick_limit).await;
        self.leave_room(&reason);
        self.queue.flush();
        let unsent = self.queue.unsent();
        // Only the room shared the queue.
        let Some(queue) = Arc::into_inner(self.queue) else { return };
        let mut stream = queue.into_stream();
        client.slot.close(&mut stream, &unsent, CHAT_CLOSE_TIMEOUT).await;
        events.closed(client, &stream, reason);
    }

    /// Reads and writes until the connection must be closed, and returns the reason.
    async fn serve(&mut self, nick_limit: Option<Duration>) -> String {
        let queue = Arc::clone(&self.queue);
        let mut leave = pin!(self.client.slot.leave());
        let mut nick_deadline = pin!(Deadline::maybe(nick_limit).passed());
        let mut stalled = None;
        self.send_text(NICK_PROMPT);
        loop {
            if let Some(reason) = self.take_turn() {
                return reason;
            }
            let SendProgress { overflowed, waiting } = queue.flush();
            if overflowed {
                return "too slow".to_owned();
            }
            let mut check = Deadline::NEVER;
            if let Some(count) = waiting {
                let progress = stalled.get_or_insert_with(|| PeerProgress::at(count));
                if progress.update(count, CHAT_WRITE_TIMEOUT) {
                    return "stalled".to_owned();
                }
                check = progress.check(CHAT_WRITE_TIMEOUT);
            } else {
                stalled = None;
            }
            let is_ready = self.processed < self.received.len() || self.at_eof;
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
                () = check.passed() => {}
                () = queue.wakeup.notified() => {}
                // Other tasks run first: a client that sends without a pause must not delay them.
                () = tokio::task::yield_now(), if is_ready => {}
                read = queue.read(), if !is_ready => match read {
                    Ok(read) if queue.begins_tls(&read) => {
                        self.events.speaks_tls(self.client);
                        self.send_text(NO_TLS);
                        return "tls".to_owned();
                    }
                    Ok(read) => {
                        self.at_eof = read.is_empty();
                        (self.received, self.processed) = (read, 0);
                    }
                    Err(error) => return close_reason(&error),
                },
                ready = queue.writable(), if waiting.is_some() => if let Err(error) = ready {
                    return close_reason(&error);
                },
            }
        }
    }

    /// Processes at most [`LINES_PER_TURN`] received lines. Returns the reason to close the
    /// connection, if there is one.
    fn take_turn(&mut self) -> Option<String> {
        let received = std::mem::take(&mut self.received);
        let mut rest = &received[self.processed..];
        let (mut reason, mut handled) = (None, false);
        for _ in 0..LINES_PER_TURN {
            let Some(line) = self.lines.next(&mut rest) else { break };
            (reason, handled) = (self.process(line), true);
            if reason.is_some() {
                break;
            }
        }
        // A client whose bytes are all processed holds no buffer.
        (self.processed, self.received) = match rest.len() {
            0 => (0, Vec::new()),
            left => (received.len() - left, received),
        };
        if reason.is_none() && self.at_eof {
            // The last line counts even without a line ending, as from `printf hi | nc`.
            let last = self.lines.take_pending();
            let reason_of_last = last.and_then(|last| self.handle_line(&last));
            reason = reason_of_last.or_else(|| Some("eof".to_owned()));
        }
        if handled {
            lock(self.members).flush();
        }
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
        let id = self.client.id;
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
            let peer = self.client.peer().to_string();
            let (previous, nick) = (old.to_string(), new.to_string());
            self.events.send(Event::Renamed { peer, previous, nick });
        }
        members.deliver(update.deliveries);
        self.quit_reason = update.quit_reason;
        self.quit_reason.is_some().then(|| QUIT.to_owned())
    }

    fn join(&mut self, members: &mut Members, line: &[u8]) -> Option<String> {
        let id = self.client.id;
        match members.room.join(id, line) {
            Ok(deliveries) => {
                members.queues.insert(id, Arc::clone(&self.queue));
                members.deliver(deliveries);
                let nick = members.room.nick(id).map(ToString::to_string).unwrap_or_default();
                let peer = self.client.peer().to_string();
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
        let id = self.client.id;
        let mut members = lock(self.members);
        members.queues.remove(&id);
        let Some(nick) = members.room.nick(id).map(ToString::to_string) else { return };
        let deliveries = members.room.leave(id, self.quit_reason.as_deref().unwrap_or(reason));
        members.deliver(deliveries);
        members.flush();
        let (peer, reason) = (self.client.peer().to_string(), reason.to_owned());
        self.events.send(Event::Left { peer, nick, reason });
    }

    fn is_member(&self) -> bool {
        lock(self.members).room.nick(self.client.id).is_some()
    }

    /// Queues text for this client only.
    fn send_text(&self, text: &str) {
        self.queue.push(text.into());
    }
}
