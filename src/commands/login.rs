//! `login`: gives a server a user and a password, and shows its answer.

use std::io::{self, BufRead, IsTerminal as _};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::login::client::{ReplyParser, ServerMessage};
use crate::net::address::endpoint::{Endpoint, Target};
use crate::net::dial::Dialed;
use crate::net::runtime;
use crate::net::stream::{self, Stream};
use crate::net::{self, Deadline, Port};
use crate::options::dial::DialArgs;
use crate::output::{Event, NetText, Output};
use crate::session::{dial, terminal};
use crate::{reason, text};

const EXAMPLES: &str = "\
Examples:
  Be asked for user and password, which is not shown
  $ sockkit login 127.0.0.1 5668

  From a script: 0 if accepted, 1 if refused
  $ sockkit login localhost --user alice --password-stdin < password.txt";

/// Login: the arguments
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where to: HOST and PORT, or HOST:PORT; IPv6 before a colon in brackets
    #[arg(value_name = "HOST")]
    target: Target,
    /// The port, or a service's name [default: 5668]
    port: Option<Port>,
    /// The user name, instead of being asked
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Take the first line of standard input as the password, instead of being asked
    #[arg(long, requires = "user")]
    password_stdin: bool,
    #[command(flatten)]
    dial: DialArgs,
}

/// The course's port for task 3.
const DEFAULT_PORT: Port = Port(5668);

/// How long a server may take for its next word, where no limit for the whole was given.
const REPLY_LIMIT: Duration = Duration::from_secs(30);

/// A server that says nothing for so long is one that never asks, like the course's: it gets the
/// next field unasked. One that is only slow finds the field waiting.
const PROMPT_PATIENCE: Duration = Duration::from_secs(1);

/// The number of the signal Ctrl-C sends.
const SIGINT: u8 = 2;

/// The longest line read from standard input, in bytes.
const MAX_INPUT_LINE: u64 = 64 * 1024;

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let port = match args.target {
        Target::Host(_) => Some(args.port.unwrap_or(DEFAULT_PORT)),
        Target::Endpoint(_) => args.port,
    };
    let endpoint = Endpoint::join(args.target.clone(), port)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let whole = args.dial.whole();
    let runtime = runtime::runtime()?;
    let outcome = runtime.block_on(terminal::keep(out, log_in(&endpoint, args, whole, out)));
    // A thread may still wait for somebody to type.
    runtime.shutdown_background();
    outcome
}

async fn log_in(
    endpoint: &Endpoint,
    args: &Args,
    whole: Deadline,
    out: Output,
) -> anyhow::Result<Exit> {
    let person = &CredentialSource::new(args, whole).await?;
    let Dialed { stream, peer, .. } = dial::dial(&args.dial.dialer(endpoint)?, whole, out).await?;
    let mut server = LoginConnection {
        stream,
        peer: peer.to_string(),
        dialogue: ReplyParser::new(),
        whole,
        unasked: 0,
        secret: None,
    };
    let mut said = Vec::new().into_iter();
    let mut next_field = Some(LoginField::User);
    let mut refused = false;
    loop {
        let patience = if next_field.is_some() { PROMPT_PATIENCE } else { REPLY_LIMIT };
        let Some(next) = said.next() else {
            match server.listen(patience).await? {
                ServerOutput::Said(more) => said = more.into_iter(),
                ServerOutput::Closed if refused => return Ok(Exit::Negative),
                ServerOutput::Closed => return Err(server.closed_early().into()),
                ServerOutput::Silence => match next_field {
                    Some(field) => {
                        if server.unasked == 0 {
                            out.note(&format!("{} asks for nothing; sending unasked", server.peer));
                        }
                        server.unasked += 1;
                        next_field = server.give(field, None, person, out).await?;
                    }
                    None => {
                        return Err(server.failed("waiting for", io::ErrorKind::TimedOut).into());
                    }
                },
            }
            continue;
        };
        match (next, next_field) {
            // It was only slow: what it asks for now lies before it already.
            (ServerMessage::Prompt(_), _) if server.unasked > 0 => server.unasked -= 1,
            (ServerMessage::Prompt(prompt), Some(field)) => {
                next_field = server.give(field, Some(&prompt), person, out).await?;
            }
            (ServerMessage::Prompt(_), None) => {
                let message = format!("{} asked again without an answer", server.peer);
                return Err(Failure::new(Exit::Protocol, message).into());
            }
            (ServerMessage::Accepted(reply), _) => {
                out.event(&Event::Reply { result: "accepted", reply: NetText(reply) })?;
                return Ok(Exit::Success);
            }
            (ServerMessage::Refused(reply), _) => {
                out.event(&Event::Reply { result: "refused", reply: NetText(reply) })?;
                if matches!(person, CredentialSource::Script { .. }) {
                    return Ok(Exit::Negative);
                }
                refused = true;
                server.unasked = 0;
                next_field = Some(LoginField::User);
            }
            (ServerMessage::Remark(line), _) if server.is_secret(&line) => {
                out.warn("the server sent the password back");
            }
            (ServerMessage::Remark(line), _) => out.note(&text::escape(&line)),
            (ServerMessage::TooLong, _) => {
                let message = format!("{} sent a line without end", server.peer);
                return Err(Failure::new(Exit::Protocol, message).into());
            }
        }
    }
}

/// What the server wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoginField {
    User,
    Password,
}

/// Who answers.
enum CredentialSource {
    /// Somebody at a terminal, who may have said the user name already.
    Terminal { user: Option<String> },
    /// A script, which said everything.
    Script { user: String, password: Vec<u8> },
}

impl CredentialSource {
    async fn new(args: &Args, whole: Deadline) -> anyhow::Result<Self> {
        if let Some(user) = &args.user {
            refuse_line_breaks("user name", user.as_bytes())?;
        }
        match (&args.user, args.password_stdin) {
            (Some(user), true) => {
                let password = in_time(whole, || read_line(io::stdin().lock())).await?;
                refuse_line_breaks("password", &password)?;
                Ok(Self::Script { user: user.clone(), password })
            }
            _ if io::stdin().is_terminal() => Ok(Self::Terminal { user: args.user.clone() }),
            _ => Err(Failure::new(Exit::Usage, "standard input is no terminal to ask at")
                .hint("--user NAME --password-stdin")
                .into()),
        }
    }

    /// Returns the answer for `field`, asking with the server's `prompt` where somebody must.
    async fn answer(
        &self,
        field: LoginField,
        prompt: Option<&[u8]>,
        whole: Deadline,
        out: Output,
    ) -> anyhow::Result<Vec<u8>> {
        match (self, field) {
            (Self::Script { user, .. } | Self::Terminal { user: Some(user) }, LoginField::User) => {
                Ok(user.clone().into_bytes())
            }
            (Self::Script { password, .. }, LoginField::Password) => Ok(password.clone()),
            (Self::Terminal { .. }, _) => {
                out.ask(&match (prompt, field) {
                    (Some(prompt), _) => text::escape(prompt),
                    (None, LoginField::User) => "Username: ".to_owned(),
                    (None, LoginField::Password) => "Password: ".to_owned(),
                });
                let typed = in_time(whole, move || type_in(field)).await;
                if typed.is_err() {
                    // The question stands there without an answer.
                    out.ask("\n");
                }
                typed
            }
        }
    }
}

/// What came of listening.
enum ServerOutput {
    Said(Vec<ServerMessage>),
    Silence,
    Closed,
}

/// The other end.
struct LoginConnection {
    stream: Stream,
    peer: String,
    dialogue: ReplyParser,
    whole: Deadline,
    /// Fields sent before they were asked for.
    unasked: u32,
    /// The password that was sent.
    secret: Option<Vec<u8>>,
}

impl LoginConnection {
    /// Waits for the server's next words, for `patience` at most.
    async fn listen(&mut self, patience: Duration) -> anyhow::Result<ServerOutput> {
        let deadline = self.whole.earlier(Deadline::after(patience));
        let dialogue = &mut self.dialogue;
        let read = stream::read(&self.stream, |bytes| (bytes.len(), dialogue.hear(bytes)));
        let Ok(heard) = deadline.bound(read).await else {
            return if self.whole.has_passed() {
                Err(self.failed("waiting for", io::ErrorKind::TimedOut).into())
            } else {
                Ok(ServerOutput::Silence)
            };
        };
        match heard {
            Ok((0, _)) => Ok(self
                .dialogue
                .rest()
                .map_or(ServerOutput::Closed, |last| ServerOutput::Said(vec![last]))),
            Ok((_, said)) => Ok(ServerOutput::Said(said)),
            Err(error) => Err(self.failed("reading from", error).into()),
        }
    }

    /// Sends `field` and returns the one that comes after it.
    async fn give(
        &mut self,
        field: LoginField,
        prompt: Option<&[u8]>,
        person: &CredentialSource,
        out: Output,
    ) -> anyhow::Result<Option<LoginField>> {
        let answer = person.answer(field, prompt, self.whole, out).await?;
        let line = [answer.as_slice(), b"\n"].concat();
        let deadline = self.whole.earlier(Deadline::after(REPLY_LIMIT));
        match stream::write_all(&self.stream, &line, deadline).await {
            // A server that closed may have said why before: that is read next.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(self.failed("writing to", error).into());
            }
            Ok(()) | Err(_) => {}
        }
        if field == LoginField::User {
            return Ok(Some(LoginField::Password));
        }
        self.secret = Some(answer);
        Ok(None)
    }

    /// Whether `line` would show the password.
    fn is_secret(&self, line: &[u8]) -> bool {
        let secret = self.secret.as_ref().filter(|secret| !secret.is_empty());
        secret.is_some_and(|secret| line.windows(secret.len()).any(|part| part == &secret[..]))
    }

    fn failed(&self, operation: &'static str, error: impl Into<io::Error>) -> net::Error {
        net::Error::Stream { operation, peer: self.peer.clone(), source: error.into() }
    }

    fn closed_early(&self) -> Failure {
        Failure::new(Exit::Protocol, format!("{} closed without an answer", self.peer))
            .hint("`sockkit connect` to see what it says, if anything")
    }
}

/// Reads in a thread, since reading cannot be interrupted, until `deadline` at the latest.
async fn in_time<R>(deadline: Deadline, read: R) -> anyhow::Result<Vec<u8>>
where
    R: FnOnce() -> Result<Vec<u8>, Failure> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        // Nobody waits any more if the program is about to end.
        sender.send(read()).ok();
    });
    match deadline.bound(receiver).await {
        Ok(Ok(line)) => Ok(line?),
        Ok(Err(_)) => Err(Failure::new(Exit::Usage, "nothing was typed").into()),
        Err(_) => Err(Failure::new(Exit::TimedOut, "nothing was typed in time").into()),
    }
}

/// Reads what somebody types.
fn type_in(field: LoginField) -> Result<Vec<u8>, Failure> {
    match field {
        LoginField::User => read_line(io::stdin().lock()),
        LoginField::Password => match rpassword::read_password() {
            Ok(password) => Ok(password.into_bytes()),
            // It reads Ctrl-C itself, as the key it is.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                Err(Failure::new(Exit::Signal(SIGINT), "interrupted"))
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(nothing_given()),
            Err(error) => Err(unreadable(&error)),
        },
    }
}

fn nothing_given() -> Failure {
    Failure::new(Exit::Usage, "standard input ended before a line was given")
}

/// Reads one line, without its end.
fn read_line(reader: impl BufRead) -> Result<Vec<u8>, Failure> {
    let mut line = Vec::new();
    reader.take(MAX_INPUT_LINE).read_until(b'\n', &mut line).map_err(|error| unreadable(&error))?;
    if line.is_empty() {
        return Err(nothing_given());
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    } else if line.len() as u64 == MAX_INPUT_LINE {
        return Err(Failure::new(
            Exit::Usage,
            format!("a line of more than {MAX_INPUT_LINE} bytes"),
        ));
    }
    Ok(line)
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::new(Exit::File, format!("cannot read standard input: {}", reason::of(error)))
}

/// A field with a line break would be two for the server.
fn refuse_line_breaks(what: &str, field: &[u8]) -> Result<(), Failure> {
    if field.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return Err(Failure::new(
            Exit::Usage,
            format!("a {what} with a line break cannot be sent"),
        ));
    }
    Ok(())
}
