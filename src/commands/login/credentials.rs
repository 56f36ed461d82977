//! The user name and the password: from the command line and standard input, or from the user at
//! the terminal.

use std::ffi::OsStr;
use std::io::{self, BufRead, IsTerminal as _};
use std::os::unix::ffi::OsStrExt as _;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use tokio::sync::oneshot;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::output::Output;
use crate::{reason, text, threads};

/// The number of SIGINT, the signal that Ctrl-C sends.
const SIGINT: u8 = 2;

/// The longest line read from standard input, in bytes.
const MAX_INPUT_LINE: u64 = 64 * 1024;

/// A field that the server asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoginField {
    User,
    Password,
}

/// Where the user name and the password come from.
pub(super) enum CredentialSource {
    /// The user at the terminal; the user name may come from `--user`.
    Terminal { user: Option<Vec<u8>> },
    /// The command line and standard input.
    Script { user: Vec<u8>, password: Vec<u8> },
}

impl CredentialSource {
    /// Returns the source that the options give. Reads the password if standard input holds it.
    pub(super) async fn new(
        user: Option<&OsStr>,
        password_stdin: bool,
        deadline: Deadline,
    ) -> anyhow::Result<Self> {
        let user = user.map(|user| user.as_bytes().to_vec());
        if let Some(user) = &user {
            refuse_line_breaks("user name", user)?;
        }
        match (user, password_stdin) {
            (Some(user), true) => {
                let password =
                    read_with_deadline(deadline, || read_line(io::stdin().lock())).await?;
                refuse_line_breaks("password", &password)?;
                Ok(Self::Script { user, password })
            }
            (user, _) if io::stdin().is_terminal() => {
                if user.is_some() {
                    // The password is the next thing to be typed, perhaps before its prompt.
                    set_echo(false);
                }
                Ok(Self::Terminal { user })
            }
            _ => {
                let message = "cannot prompt for a password: standard input is not a terminal";
                Err(Failure::new(Exit::Usage, message).hint("--user NAME --password-stdin").into())
            }
        }
    }

    /// Returns whether no user can be asked again.
    pub(super) fn is_script(&self) -> bool {
        matches!(self, Self::Script { .. })
    }

    /// Returns the value of `field`. At a terminal, prompts for it with the server's `prompt`, or
    /// with sockkit's own if there is none.
    pub(super) async fn value(
        &self,
        field: LoginField,
        prompt: Option<&[u8]>,
        deadline: Deadline,
        out: Output,
    ) -> anyhow::Result<Vec<u8>> {
        match (self, field) {
            (Self::Script { user, .. } | Self::Terminal { user: Some(user) }, LoginField::User) => {
                Ok(user.clone())
            }
            (Self::Script { password, .. }, LoginField::Password) => Ok(password.clone()),
            (Self::Terminal { .. }, _) => {
                if field == LoginField::User {
                    // Off since an earlier user name; on before the prompt invites to type.
                    set_echo(true);
                }
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

/// Runs `read` in a thread, because a blocking read cannot be cancelled, and returns its result.
///
/// # Errors
/// `read` failed or did not finish before `deadline`.
async fn read_with_deadline<R>(deadline: Deadline, read: R) -> anyhow::Result<Vec<u8>>
where
    R: FnOnce() -> Result<Vec<u8>, Failure> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let failed = |exit, why: &str| Failure::new(exit, format!("cannot read standard input: {why}"));
    let reader = move || {
        // Fails if the receiver was dropped at the deadline.
        sender.send(read()).ok();
    };
    if let Err(error) = threads::start("credentials", reader) {
        let why = reason::of_thread(error).to_string();
        return Err(failed(Exit::Internal, &why).into());
    }
    match deadline.bound(receiver).await {
        Ok(Ok(line)) => Ok(line?),
        Ok(Err(_)) => Err(failed(Exit::Usage, "no line was read").into()),
        Err(_) => Err(failed(Exit::TimedOut, "timed out (--timeout)").into()),
    }
}

/// Reads a field from the terminal, a password without echo.
fn read_typed(field: LoginField) -> Result<Vec<u8>, Failure> {
    match field {
        LoginField::User => {
            let user = read_line(io::stdin().lock())?;
            // The password may be typed before the server has asked for it.
            set_echo(false);
            Ok(user)
        }
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

/// Turns the echo of the terminal on or off; it is restored when the command ends.
fn set_echo(on: bool) {
    let stdin = rustix::stdio::stdin();
    if let Ok(mut settings) = tcgetattr(stdin) {
        settings.local_modes.set(LocalModes::ECHO, on);
        // An error is ignored: the terminal has gone, which the next read reports.
        tcsetattr(stdin, OptionalActions::Now, &settings).ok();
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
