//! The user name and the password: from the command line and standard input, or from the user at
//! the terminal.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::output::{Device, LineEditor, Output, Typed};
use crate::session::terminal;
use crate::sync::lock;
use crate::{reason, text, threads};

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
    Terminal { user: Option<Vec<u8>>, editor: Arc<Mutex<LineEditor>> },
    /// The command line and standard input.
    Script { user: Vec<u8>, password: Vec<u8> },
}

impl CredentialSource {
    /// Returns the source that the options give. Reads the password if standard input holds it.
    pub(super) async fn new(
        user: Option<&OsStr>,
        password_stdin: bool,
        deadline: Deadline,
        out: Output,
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
                let editor = Arc::new(Mutex::new(line_editor(out)?));
                Ok(Self::Terminal { user, editor })
            }
            _ => Err(cannot_prompt("standard input is not a terminal").into()),
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
    ) -> anyhow::Result<Vec<u8>> {
        match (self, field) {
            (
                Self::Script { user, .. } | Self::Terminal { user: Some(user), .. },
                LoginField::User,
            ) => Ok(user.clone()),
            (Self::Script { password, .. }, LoginField::Password) => Ok(password.clone()),
            (Self::Terminal { editor, .. }, _) => {
                let prompt = match (prompt, field) {
                    (Some(prompt), _) => text::escape(prompt),
                    (None, LoginField::User) => "Username: ".to_owned(),
                    (None, LoginField::Password) => "Password: ".to_owned(),
                };
                let editor = Arc::clone(editor);
                let read = move || read_edited(&mut lock(&editor), &prompt, field);
                read_with_deadline(deadline, read).await
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

/// Begins a session in which the fields are edited at the terminal. What is typed from now on
/// appears only after the prompt of its field, so that no part of a password is ever shown.
fn line_editor(out: Output) -> anyhow::Result<LineEditor> {
    let unusable = || cannot_prompt("the terminal is open only for reading");
    let device = Device::for_prompts().ok_or_else(unusable)?;
    if !out.begin_fields(device) {
        return Err(unusable().into());
    }
    terminal::follow_job_control(out)?;
    let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(|error| read_failed(&error))?;
    Ok(LineEditor::of_session(out, File::from(stdin)).ok_or_else(unusable)?)
}

fn cannot_prompt(why: &str) -> Failure {
    Failure::new(Exit::Usage, format!("cannot prompt for a password: {why}"))
        .hint("--user NAME --password-stdin")
}

/// Reads a field with the line editor, a password without showing it.
fn read_edited(
    editor: &mut LineEditor,
    prompt: &str,
    field: LoginField,
) -> Result<Vec<u8>, Failure> {
    match editor.read_field(prompt, field == LoginField::Password) {
        Ok(Typed::Line(line)) => {
            // A value is often pasted with its line ending.
            let value = line.trim_end_matches('\n').as_bytes();
            refuse_line_breaks("value", value)?;
            Ok(value.to_vec())
        }
        Ok(Typed::End) => Err(unexpected_eof()),
        Err(error) => Err(read_failed(&error)),
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
