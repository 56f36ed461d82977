//! The exchange with the server: answers its prompts, prints its output, and finds the result.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::commands::login::credentials::{CredentialSource, LoginField};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::login::client::{ReplyParser, ServerMessage, is_prompt};
use crate::net::stream::{Stream, wait_until_acknowledged};
use crate::net::{self, Deadline};
use crate::output::{Event, Events, NetText};

/// How long to wait for the server's reply, and for each write to the server; `--timeout` may end
/// the wait earlier.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// A server that sends nothing for this long waits for input, so an unfinished line is a prompt,
/// and a field is sent without one: the course's servers send no prompts. A server that is only
/// slow finds the field in its receive buffer.
const PAUSE: Duration = Duration::from_secs(1);

/// After a prompt that may be late, how long a silent server may take before the prompt counts as
/// asking again.
const LATE_PROMPT_PAUSE: Duration = Duration::from_secs(3);

/// How long to look for data that the server sent before the password: enough for the runtime to
/// poll the socket once.
const POLL: Duration = Duration::from_millis(1);

/// An exchange with a server that asks for a user name and a password.
pub(super) struct LoginExchange<'a> {
    stream: &'a mut Stream,
    peer: String,
    parser: ReplyParser,
    source: CredentialSource,
    /// The deadline of the whole run.
    deadline: Deadline,
    /// Where everything except the prompts is printed.
    events: Events,
    /// The field to send next; `None` while waiting for the reply.
    next_field: Option<LoginField>,
    /// The number of fields sent without a prompt, minus the prompts that arrived later.
    unprompted: u32,
    /// Whether the server has sent text since the last field.
    has_output: bool,
    /// The prompts that were answered, to tell which field the server asks for again.
    user_prompt: Option<Vec<u8>>,
    password_prompt: Option<Vec<u8>>,
    /// The password, once it has been sent. Only after that can a reply be a success.
    password: Option<Vec<u8>>,
    /// When the wait for the reply to the password ends.
    reply_deadline: Deadline,
    /// A prompt after the password that may be late, and when it counts as asking again.
    asked_again: Option<(Vec<u8>, Deadline)>,
    /// Whether the server has refused a login or asked again.
    refused: bool,
}

/// The result of a read from the server.
enum ServerOutput {
    Messages(Vec<ServerMessage>),
    /// The server sent nothing before the timeout.
    Nothing,
    Closed,
}

impl<'a> LoginExchange<'a> {
    /// Returns the exchange on a new connection with `peer`.
    pub(super) fn new(
        stream: &'a mut Stream,
        peer: &str,
        source: CredentialSource,
        deadline: Deadline,
        events: Events,
    ) -> Self {
        Self {
            stream,
            peer: peer.to_owned(),
            parser: ReplyParser::new(),
            source,
            deadline,
            events,
            next_field: Some(LoginField::User),
            unprompted: 0,
            has_output: false,
            user_prompt: None,
            password_prompt: None,
            password: None,
            reply_deadline: Deadline::NEVER,
            asked_again: None,
            refused: false,
        }
    }

    /// Sends both fields and returns the server's answer. If the server closes without one,
    /// `confirm` makes that an error.
    pub(super) async fn run(mut self, confirm: bool) -> anyhow::Result<Exit> {
        loop {
            let exit = match self.receive(PAUSE).await? {
                ServerOutput::Messages(messages) => self.handle_all(messages).await?,
                ServerOutput::Nothing => self.handle_pause().await?,
                ServerOutput::Closed => return self.closed(confirm).await,
            };
            if let Some(exit) = exit {
                return Ok(exit);
            }
        }
    }

    /// Waits at most `timeout` for output of the server.
    async fn receive(&mut self, timeout: Duration) -> anyhow::Result<ServerOutput> {
        // Nothing is read before the observers are ready, which is not the server's silence.
        let observed = self.deadline.bound(poll_fn(|context| self.stream.poll_observed(context)));
        if observed.await.is_err() {
            return Err(self.not_printed());
        }
        let deadline = self.deadline.earlier(Deadline::after(timeout));
        let parser = &mut self.parser;
        let read = self.stream.read(|_, bytes| (bytes.len(), parser.parse(bytes)));
        let Ok(received) = deadline.bound(read).await else {
            return if self.deadline.has_passed() {
                Err(self.failed("waiting for", ErrorKind::TimedOut).into())
            } else {
                Ok(ServerOutput::Nothing)
            };
        };
        match received {
            Ok((0, _)) => Ok(self
                .parser
                .finish()
                .map_or(ServerOutput::Closed, |last| ServerOutput::Messages(vec![last]))),
            Ok((_, messages)) => Ok(ServerOutput::Messages(messages)),
            Err(error) => Err(self.failed("reading from", error).into()),
        }
    }

    async fn handle_all(&mut self, messages: Vec<ServerMessage>) -> anyhow::Result<Option<Exit>> {
        for message in messages {
            if let Some(exit) = self.handle(message).await? {
                return Ok(Some(exit));
            }
        }
        Ok(None)
    }

    /// Handles a message, and returns the exit code if it ends the login.
    async fn handle(&mut self, message: ServerMessage) -> anyhow::Result<Option<Exit>> {
        let prompt = match message {
            ServerMessage::Prompt(prompt) => prompt,
            other => return self.handle_line(other).await,
        };
        match self.next_field {
            // A late prompt for a field that was already sent.
            Some(_) if self.unprompted > 0 => self.unprompted -= 1,
            Some(mut field) => {
                if self.source.is_script() && !is_prompt(&prompt) {
                    self.show(prompt.clone()).await?;
                }
                if self.refused && field == LoginField::User {
                    field = self.field_of(&prompt);
                }
                return self.send_field(field, Some(prompt)).await;
            }
            None if !is_prompt(&prompt) => self.show(prompt).await?,
            None if self.unprompted > 0 => {
                self.unprompted -= 1;
                self.asked_again = Some((prompt, Deadline::after(LATE_PROMPT_PAUSE)));
            }
            None => return self.ask_again(prompt).await,
        }
        Ok(None)
    }

    /// Handles a line, and returns the exit code if it is the server's answer.
    async fn handle_line(&mut self, message: ServerMessage) -> anyhow::Result<Option<Exit>> {
        self.has_output = true;
        self.asked_again = None;
        match message {
            ServerMessage::Accepted(reply) if self.password.is_some() => {
                self.print("accepted", reply).await?;
                return Ok(Some(Exit::Success));
            }
            ServerMessage::Refused(reply) => {
                self.print("refused", reply).await?;
                if self.source.is_script() {
                    return Ok(Some(Exit::Negative));
                }
                self.start_again(LoginField::User);
            }
            ServerMessage::TooLong => {
                let message = format!("{} sent a line that is too long", self.peer);
                return Err(Failure::new(Exit::Protocol, message).into());
            }
            ServerMessage::Prompt(line)
            | ServerMessage::Accepted(line)
            | ServerMessage::Other(line) => {
                if self.next_field.is_none() && is_prompt(&line) {
                    let deadline = Deadline::after(LATE_PROMPT_PAUSE);
                    self.asked_again = Some((line.clone(), deadline));
                }
                self.show(line).await?;
            }
        }
        Ok(None)
    }

    /// Continues after the server has sent nothing for [`PAUSE`].
    async fn handle_pause(&mut self) -> anyhow::Result<Option<Exit>> {
        if let Some(message) = self.parser.unfinished() {
            return self.handle(message).await;
        }
        if let Some(field) = self.next_field {
            if !self.has_output {
                if self.unprompted == 0 {
                    self.events
                        .note(&format!("{} sent no prompt; continuing without one", self.peer));
                }
                self.unprompted += 1;
            }
            return self.send_field(field, None).await;
        }
        match self.asked_again.take() {
            Some((prompt, deadline)) if deadline.has_passed() => {
                return self.ask_again(prompt).await;
            }
            waiting => self.asked_again = waiting,
        }
        if self.reply_deadline.has_passed() {
            return Err(self.failed("waiting for", ErrorKind::TimedOut).into());
        }
        Ok(None)
    }

    /// Sends the field that the server asks for again, or ends a login without a user to ask.
    async fn ask_again(&mut self, prompt: Vec<u8>) -> anyhow::Result<Option<Exit>> {
        if self.source.is_script() {
            self.events.note(&format!("{} asked again: it did not accept the login", self.peer));
            return Ok(Some(Exit::Negative));
        }
        let field = self.field_of(&prompt);
        self.start_again(field);
        self.send_field(field, Some(prompt)).await
    }

    fn start_again(&mut self, field: LoginField) {
        self.refused = true;
        self.unprompted = 0;
        self.password = None;
        self.next_field = Some(field);
    }

    /// Returns the field that `prompt` asked for before; the user name if it is new.
    fn field_of(&self, prompt: &[u8]) -> LoginField {
        let is = |known: &Option<Vec<u8>>| known.as_deref() == Some(prompt);
        if is(&self.password_prompt) && !is(&self.user_prompt) {
            LoginField::Password
        } else {
            LoginField::User
        }
    }

    /// Sends `field`; returns the exit code if the server refused the login before the password.
    async fn send_field(
        &mut self,
        field: LoginField,
        prompt: Option<Vec<u8>>,
    ) -> anyhow::Result<Option<Exit>> {
        self.next_field = Some(field);
        // What was printed before the prompt appears before it.
        if !self.source.is_script() && self.deadline.bound(self.events.flush()).await.is_err() {
            return Err(self.not_printed());
        }
        let value = self.source.value(field, prompt.as_deref(), self.deadline).await?;
        if field == LoginField::Password {
            // What the server has sent until now is not the reply to the password.
            let exit = self.handle_early_output().await?;
            if exit.is_some() || self.next_field != Some(field) {
                return Ok(exit);
            }
        }
        let line = [value.as_slice(), b"\n"].concat();
        let deadline = self.deadline.earlier(Deadline::after(REPLY_TIMEOUT));
        let sent = match self.stream.write_all(&line, deadline).await {
            Ok(()) => true,
            // The next read returns what the server sent before it closed the connection.
            Err(error)
                if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) =>
            {
                false
            }
            Err(error) => return Err(self.failed("writing to", error).into()),
        };
        self.has_output = false;
        match field {
            LoginField::User => {
                self.user_prompt = prompt.or_else(|| self.user_prompt.take());
                self.next_field = Some(LoginField::Password);
            }
            LoginField::Password => {
                self.password_prompt = prompt.or_else(|| self.password_prompt.take());
                self.next_field = None;
                self.password = sent.then_some(value);
                self.reply_deadline = Deadline::after(REPLY_TIMEOUT);
            }
        }
        Ok(None)
    }

    /// Handles what the server has sent before the password. Returns the exit code if that refused
    /// the login.
    async fn handle_early_output(&mut self) -> anyhow::Result<Option<Exit>> {
        let mut early = Vec::new();
        while let ServerOutput::Messages(messages) = self.receive(POLL).await? {
            early.extend(messages);
        }
        early.extend(self.parser.unfinished());
        for message in early {
            if let ServerMessage::Prompt(_) = message {
                // The field that it asks for was sent, or is sent next.
                self.unprompted = self.unprompted.saturating_sub(1);
            } else if let Some(exit) = self.handle_line(message).await? {
                return Ok(Some(exit));
            }
        }
        Ok(None)
    }

    /// Returns the result of a login whose server closed the connection without a reply.
    async fn closed(self, confirm: bool) -> anyhow::Result<Exit> {
        if self.password.is_none() {
            if self.refused {
                return Ok(Exit::Negative);
            }
            let message =
                format!("{} closed the connection before the password was sent", self.peer);
            return Err(Failure::new(Exit::Protocol, message)
                .hint("`sockkit connect` to see what the server sends")
                .into());
        }
        // A server that closed before it read the password does not acknowledge it.
        let acknowledged = wait_until_acknowledged(|| self.stream.owed(), Some(REPLY_TIMEOUT));
        let acknowledged = self.deadline.bound(acknowledged).await;
        acknowledged
            .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
            .map_err(|error| self.failed("writing to", error))?;
        let message = format!("{} closed the connection without confirming the login", self.peer);
        if confirm {
            return Err(Failure::new(Exit::Negative, message).into());
        }
        self.events.note(&message);
        Ok(Exit::Success)
    }

    /// Prints text of the server that is not its answer.
    async fn show(&mut self, line: Vec<u8>) -> anyhow::Result<()> {
        self.has_output = true;
        if self.has_password(&line) {
            self.events.warn("the server sent the password back");
            return Ok(());
        }
        self.print("other", line).await
    }

    /// Prints a line of the server, and waits until it is printed, so that a server that sends
    /// without end does not fill the memory.
    async fn print(&self, result: &'static str, line: Vec<u8>) -> anyhow::Result<()> {
        let printed = self.events.deliver(Event::Reply { result, reply: NetText(line) });
        match self.deadline.bound(printed).await {
            Err(_) => Err(self.not_printed()),
            // The exit code still tells the server's answer.
            Ok(Err(error)) if error.is_closed_by_reader() => Ok(()),
            Ok(printed) => Ok(printed?),
        }
    }

    /// Returns whether `line` contains the password.
    fn has_password(&self, line: &[u8]) -> bool {
        let password = self.password.as_ref().filter(|password| !password.is_empty());
        let contains =
            |password: &Vec<u8>| line.windows(password.len()).any(|part| part == &password[..]);
        password.is_some_and(contains)
    }

    /// Returns the error for a deadline that passed while the output of the server was printed.
    fn not_printed(&self) -> anyhow::Error {
        self.failed("printing the output of", ErrorKind::TimedOut).into()
    }

    fn failed(&self, operation: &'static str, error: impl Into<io::Error>) -> net::Error {
        net::Error::Stream { operation, peer: self.peer.clone(), source: error.into() }
    }
}
