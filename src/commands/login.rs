//! `login`: sends a user name and a password to a server and prints its reply.

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
  Prompt for the user name and for the password, which is not shown
  $ sockkit login 127.0.0.1 5668

  Log in from a script: exit 0 if accepted, 1 if refused
  $ sockkit login localhost --user alice --password-stdin < password.txt";

/// The arguments of `login`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Host name, address, HOST:PORT or unix:PATH
    #[arg(
        value_name = "HOST",
        long_help = "Host name, address, HOST:PORT or unix:PATH\n\n\
                     An IPv6 address before a colon needs brackets: [::1]:5668."
    )]
    target: Target,
    /// Port number or service name [default: 5668]
    port: Option<Port>,
    /// Send this user name; do not prompt for it
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Read the password from the first line of standard input
    #[arg(long, requires = "user")]
    password_stdin: bool,
    #[command(flatten)]
    dial: DialArgs,
}

/// The default port: the course's port for task 3.
const DEFAULT_PORT: Port = Port(5668);

/// How long to wait for the server's reply, and for each write to the server; `--timeout` may end
/// the wait earlier.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait for a prompt before the next field is sent without one: the course's servers
/// send no prompts. A slow server reads the field later, from its receive buffer.
const PROMPT_TIMEOUT: Duration = Duration::from_secs(1);

/// The number of SIGINT, the signal that Ctrl-C sends.
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
    let deadline = args.dial.deadline();
    let runtime = runtime::runtime()?;
    let outcome =
        runtime.block_on(terminal::restore_after(out, log_in(&endpoint, args, deadline, out)));
    // Does not wait for a thread that may still be blocked in a read of standard input.
    runtime.shutdown_background();
    outcome
}

async fn log_in(
    endpoint: &Endpoint,
    args: &Args,
    deadline: Deadline,
    out: Output,
) -> anyhow::Result<Exit> {
    let source = &CredentialSource::new(args, deadline).await?;
    let dialer = args.dial.dialer(endpoint)?;
    let Dialed { stream, peer, .. } = dial::dial(&dialer, deadline, out).await?;
    let mut server = LoginConnection {
        stream,
        peer: peer.to_string(),
        parser: ReplyParser::new(),
        deadline,
        unprompted: 0,
        password: None,
    };
    let mut messages = Vec::new().into_iter();
    let mut next_field = Some(LoginField::User);
    let mut refused = false;
    loop {
        let timeout = if next_field.is_some() { PROMPT_TIMEOUT } else { REPLY_TIMEOUT };
        let Some(message) = messages.next() else {
            match server.receive(timeout).await? {
                ServerOutput::Messages(more) => messages = more.into_iter(),
                ServerOutput::Closed if refused => return Ok(Exit::Negative),
                ServerOutput::Closed => return Err(server.closed_early().into()),
                ServerOutput::Nothing => match next_field {
                    Some(field) => {
                        if server.unprompted == 0 {
                            let peer = &server.peer;
                            out.note(&format!("{peer} sent no prompt; continuing without one"));
                        }
                        server.unprompted += 1;
                        next_field = server.send_field(field, None, source, out).await?;
                    }
                    None => {
                        return Err(server.failed("waiting for", io::ErrorKind::TimedOut).into());
                    }
                },
            }
            continue;
        };
        match (message, next_field) {
            // This prompt came late: its field was sent without one.
            (ServerMessage::Prompt(_), _) if server.unprompted > 0 => server.unprompted -= 1,
            (ServerMessage::Prompt(prompt), Some(field)) => {
                next_field = server.send_field(field, Some(&prompt), source, out).await?;
            }
            (ServerMessage::Prompt(_), None) => {
                let message = format!("{} sent another prompt instead of a reply", server.peer);
                return Err(Failure::new(Exit::Protocol, message).into());
            }
            (ServerMessage::Accepted(reply), _) => {
                out.event(&Event::Reply { result: "accepted", reply: NetText(reply) })?;
                return Ok(Exit::Success);
            }
            (ServerMessage::Refused(reply), _) => {
                out.event(&Event::Reply { result: "refused", reply: NetText(reply) })?;
                if matches!(source, CredentialSource::Script { .. }) {
                    return Ok(Exit::Negative);
                }
                refused = true;
                server.unprompted = 0;
                next_field = Some(LoginField::User);
            }
            (ServerMessage::Other(line), _) if server.has_password(&line) => {
                out.warn("the server sent the password back");
            }
            (ServerMessage::Other(line), _) => out.note(&text::escape(&line)),
            (ServerMessage::TooLong, _) => {
                let message = format!("{} sent a line that is too long", server.peer);
                return Err(Failure::new(Exit::Protocol, message).into());
            }
        }
    }
}

/// A field that the server asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoginField {
    User,
    Password,
}

/// Where the user name and the password come from.
enum CredentialSource {
    /// The user at the terminal; the user name may come from `--user`.
    Terminal { user: Option<String> },
    /// The command line and standard input.
    Script { user: String, password: Vec<u8> },
}

impl CredentialSource {
    async fn new(args: &Args, deadline: Deadline) -> anyhow::Result<Self> {
        if let Some(user) = &args.user {
            refuse_line_breaks("user name", user.as_bytes())?;
        }
        match (&args.user, args.password_stdin) {
            (Some(user), true) => {
                let password =
                    read_with_deadline(deadline, || read_line(io::stdin().lock())).await?;
                refuse_line_breaks("password", &password)?;
                Ok(Self::Script { user: user.clone(), password })
            }
            _ if io::stdin().is_terminal() => Ok(Self::Terminal { user: args.user.clone() }),
            _ => {
                let message = "cannot prompt for a password: standard input is not a terminal";
                Err(Failure::new(Exit::Usage, message).hint("--user NAME --password-stdin").into())
            }
        }
    }

    /// Returns the value of `field`. At a terminal, prompts for it with the server's `prompt`, or
    /// with sockkit's own if there is none.
    async fn value(
        &self,
        field: LoginField,
        prompt: Option<&[u8]>,
        deadline: Deadline,
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
                let typed = read_with_deadline(deadline, move || read_typed(field)).await;
                if typed.is_err() {
                    // Ends the line of the prompt.
                    out.ask("\n");
                }
                typed
            }
        }
    }
}

/// The result of a read from the server.
enum ServerOutput {
    Messages(Vec<ServerMessage>),
    /// The server sent nothing before the timeout.
    Nothing,
    Closed,
}

/// A connection to a login server.
struct LoginConnection {
    stream: Stream,
    peer: String,
    parser: ReplyParser,
    /// The deadline of the whole run.
    deadline: Deadline,
    /// The number of fields sent without a prompt, minus the prompts that arrived later.
    unprompted: u32,
    /// The password that was sent.
    password: Option<Vec<u8>>,
}

impl LoginConnection {
    /// Waits at most `timeout` for output of the server.
    async fn receive(&mut self, timeout: Duration) -> anyhow::Result<ServerOutput> {
        let deadline = self.deadline.earlier(Deadline::after(timeout));
        let parser = &mut self.parser;
        let read = stream::read(&self.stream, |bytes| (bytes.len(), parser.parse(bytes)));
        let Ok(received) = deadline.bound(read).await else {
            return if self.deadline.has_passed() {
                Err(self.failed("waiting for", io::ErrorKind::TimedOut).into())
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

    /// Sends `field` and returns the field after it.
    async fn send_field(
        &mut self,
        field: LoginField,
        prompt: Option<&[u8]>,
        source: &CredentialSource,
        out: Output,
    ) -> anyhow::Result<Option<LoginField>> {
        let value = source.value(field, prompt, self.deadline, out).await?;
        let line = [value.as_slice(), b"\n"].concat();
        let deadline = self.deadline.earlier(Deadline::after(REPLY_TIMEOUT));
        match stream::write_all(&self.stream, &line, deadline).await {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(self.failed("writing to", error).into());
            }
            // After any other error, the next read returns what the server sent before it closed.
            Ok(()) | Err(_) => {}
        }
        if field == LoginField::User {
            return Ok(Some(LoginField::Password));
        }
        self.password = Some(value);
        Ok(None)
    }

    /// Returns whether `line` contains the password.
    fn has_password(&self, line: &[u8]) -> bool {
        let password = self.password.as_ref().filter(|password| !password.is_empty());
        let contains =
            |password: &Vec<u8>| line.windows(password.len()).any(|part| part == &password[..]);
        password.is_some_and(contains)
    }

    fn failed(&self, operation: &'static str, error: impl Into<io::Error>) -> net::Error {
        net::Error::Stream { operation, peer: self.peer.clone(), source: error.into() }
    }

    fn closed_early(&self) -> Failure {
        Failure::new(Exit::Protocol, format!("{} closed the connection without a reply", self.peer))
            .hint("`sockkit connect` to see what the server sends")
    }
}

/// Runs `read` in a thread, because a blocking read cannot be cancelled, and returns its result.
///
/// # Errors
/// `read` failed or did not finish before `deadline`.
async fn read_with_deadline<R>(deadline: Deadline, read: R) -> anyhow::Result<Vec<u8>>
where
    R: FnOnce() -> Result<Vec<u8>, Failure> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        // Fails if the receiver was dropped at the deadline.
        sender.send(read()).ok();
    });
    let failed = |exit, reason| Failure::new(exit, format!("cannot read standard input: {reason}"));
    match deadline.bound(receiver).await {
        Ok(Ok(line)) => Ok(line?),
        Ok(Err(_)) => Err(failed(Exit::Usage, "no line was read").into()),
        Err(_) => Err(failed(Exit::TimedOut, "timed out (--timeout)").into()),
    }
}

/// Reads a field from the terminal, a password without echo.
fn read_typed(field: LoginField) -> Result<Vec<u8>, Failure> {
    match field {
        LoginField::User => read_line(io::stdin().lock()),
        LoginField::Password => match rpassword::read_password() {
            Ok(password) => Ok(password.into_bytes()),
            // Ctrl-C sends no signal while the password is read, but ends the read.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                Err(Failure::new(Exit::Signal(SIGINT), "interrupted"))
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(unexpected_eof()),
            Err(error) => Err(read_failed(&error)),
        },
    }
}

fn unexpected_eof() -> Failure {
    Failure::new(Exit::Usage, "cannot read standard input: unexpected EOF")
}

/// Reads one line and returns it without its line ending.
fn read_line(reader: impl BufRead) -> Result<Vec<u8>, Failure> {
    let mut line = Vec::new();
    reader
        .take(MAX_INPUT_LINE)
        .read_until(b'\n', &mut line)
        .map_err(|error| read_failed(&error))?;
    if line.is_empty() {
        return Err(unexpected_eof());
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    } else if line.len() as u64 == MAX_INPUT_LINE {
        return Err(Failure::new(
            Exit::Usage,
            format!("cannot read standard input: line longer than {MAX_INPUT_LINE} bytes"),
        ));
    }
    Ok(line)
}

fn read_failed(error: &io::Error) -> Failure {
    Failure::new(Exit::File, format!("cannot read standard input: {}", reason::of(error)))
}

/// Rejects a field that contains a line break, which the server would read as two fields.
fn refuse_line_breaks(name: &str, field: &[u8]) -> Result<(), Failure> {
    if field.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        let message = format!("cannot send a {name} that contains a line break");
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(())
}
