//! `--exec`: a program at the other end of a connection, its input and output in place of ours.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::str::FromStr;
use std::time::Duration;

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::relay::{BlockingWriter, Input, Sink, Source};
use crate::net::{Addr, Deadline};
use crate::{blocking, reason};

/// A program and its arguments, split as a shell would; no shell is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommandLine(Vec<String>);

impl FromStr for CommandLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match shell_words::split(text) {
            Ok(words) if words.first().is_some_and(|program| !program.is_empty()) => {
                Ok(Self(words))
            }
            Ok(_) => Err("no program given".to_owned()),
            Err(_) => Err("a quotation mark is not closed".to_owned()),
        }
    }
}

/// A program that serves one connection. It is killed, with whatever it started, when this is
/// dropped.
#[derive(Debug)]
pub(crate) struct ExecProcess {
    name: String,
    group: ProcessGroup,
    /// What it writes.
    pub source: Source,
    /// What it reads.
    pub sink: Sink,
}

/// How long a program may take to end after its connection has.
const EXEC_END_TIMEOUT: Duration = Duration::from_secs(5);

impl CommandLine {
    /// Starts the program for the connection between `peer` and `local`.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(&self, peer: &Addr, local: &Addr) -> Result<ExecProcess, Failure> {
        let [name, args @ ..] = &self.0[..] else {
            return Err(Failure::new(Exit::Usage, "no program given"));
        };
        let failed = |error: io::Error| {
            let message = format!("cannot run {name}: {}", reason::of(&error));
            Failure::new(Exit::File, message)
        };
        let (theirs_in, ours_in) = io::pipe().map_err(failed)?;
        let (ours_out, theirs_out) = io::pipe().map_err(failed)?;
        let mut command = Command::new(name);
        // A group of its own, so that what it starts can be ended with it.
        command.args(args).stdin(theirs_in).stdout(theirs_out).process_group(0);
        describe(&mut command, "SOCKKIT_PEER", peer);
        describe(&mut command, "SOCKKIT_LOCAL", local);
        let child = keep_sockets_from(&mut command).spawn().map_err(failed)?;
        // The command holds the program's ends of the pipes, whose end it could never see.
        drop(command);
        let output = File::from(OwnedFd::from(ours_out));
        let source = match Input::of_pipe(&output) {
            Some(input) => input,
            None => Input::start(output).map_err(failed)?,
        };
        let input = ProgramInput(Some(File::from(OwnedFd::from(ours_in))));
        let sink = Sink::start(input).map_err(failed)?;
        Ok(ExecProcess {
            name: name.clone(),
            group: ProcessGroup(child),
            source: source.into(),
            sink,
        })
    }
}

/// Tells a program an address: `…_ADDR` and, on a network, `…_PORT`.
fn describe(command: &mut Command, prefix: &str, addr: &Addr) {
    let host = addr.ip().map_or_else(|| addr.to_string(), |ip| ip.to_string());
    command.env(format!("{prefix}_ADDR"), host);
    match addr.port() {
        Some(port) => command.env(format!("{prefix}_PORT"), port.to_string()),
        None => command.env_remove(format!("{prefix}_PORT")),
    };
}

/// Keeps what systemd said to us (`sd_listen_fds(3)`) from a program it does not concern.
pub(crate) fn keep_sockets_from(command: &mut Command) -> &mut Command {
    ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"]
        .iter()
        .fold(command, |command, name| command.env_remove(name))
}

/// A process and whatever it started, killed together when this is dropped before its end.
#[derive(Debug)]
struct ProcessGroup(Child);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        // Whoever has been waited for has no number any more.
        let leader = self.0.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(leader) = leader {
            // One that ends at this moment needs no signal.
            kill_process_group(leader, Signal::KILL).ok();
        }
    }
}

impl ExecProcess {
    /// Waits for its end, and says how that went where it went badly.
    ///
    /// # Errors
    /// It ended with something else than 0, or not at all.
    pub(crate) async fn finish(mut self) -> Result<(), Failure> {
        // It may be waiting for the end of its input.
        drop(self.sink);
        let name = OsString::from(&self.name);
        let name = name.display();
        match Deadline::after(EXEC_END_TIMEOUT).bound(self.group.0.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            // A peer that left while it wrote: pipe(7).
            Ok(Ok(status)) if status.signal() == Some(SIGPIPE) => Ok(()),
            Ok(Ok(status)) => Err(Failure::new(Exit::Negative, format!("{name} ended: {status}"))),
            Ok(Err(error)) => {
                let message = format!("{name} was lost: {}", reason::of(&error));
                Err(Failure::new(Exit::Internal, message))
            }
            Err(_) => {
                let message = format!("{name} did not end with its connection, and was killed");
                Err(Failure::new(Exit::TimedOut, message))
            }
        }
    }
}

const SIGPIPE: i32 = 13;

/// What a program reads, until it has had enough.
struct ProgramInput(Option<File>);

impl BlockingWriter for ProgramInput {
    fn write(&mut self, _from: &str, bytes: &[u8]) -> io::Result<()> {
        let Some(input) = &mut self.0 else { return Ok(()) };
        match blocking::write_all(input, bytes) {
            // It reads no more, and may have much to say yet.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.0 = None;
                Ok(())
            }
            done => done,
        }
    }

    fn end(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_split_as_a_shell_would() {
        let line: CommandLine = "awk '{ print $2 }' \"a b\"".parse().unwrap();
        assert_eq!(line.0, ["awk", "{ print $2 }", "a b"]);
        for text in ["", "  ", "''", "a 'b"] {
            assert!(text.parse::<CommandLine>().is_err(), "{text:?}");
        }
    }
}
