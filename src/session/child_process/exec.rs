//! `--exec`: a program whose standard input and output are connected to the peer.

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

/// A program and its arguments, split into words as in a shell; no shell is started.
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
            Err(_) => Err("unclosed quotation mark".to_owned()),
        }
    }
}

/// The running program of one connection. The program and the processes that it started are killed
/// when this is dropped.
#[derive(Debug)]
pub(crate) struct ExecProcess {
    name: String,
    group: ProcessGroup,
    /// The program's standard output.
    pub source: Source,
    /// The program's standard input.
    pub sink: Sink,
}

/// How long a program may take to exit after its connection has ended.
const EXEC_END_TIMEOUT: Duration = Duration::from_secs(5);

impl CommandLine {
    /// Starts the program for the connection between `peer` and `local`.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn start(&self, peer: &Addr, local: &Addr) -> Result<ExecProcess, Failure> {
        let [name, args @ ..] = &self.0[..] else {
            return Err(Failure::new(Exit::Usage, "no program given"));
        };
        let failed = |error: io::Error| {
            let message = format!("cannot run {name}: {}", reason::of(&error));
            Failure::new(Exit::File, message)
        };
        let (stdin, input_writer) = io::pipe().map_err(failed)?;
        let (output_reader, stdout) = io::pipe().map_err(failed)?;
        let mut command = Command::new(name);
        // A process group, so that the processes it starts can be killed with it.
        command.args(args).stdin(stdin).stdout(stdout).process_group(0);
        pass_address(&mut command, "SOCKKIT_PEER", peer);
        pass_address(&mut command, "SOCKKIT_LOCAL", local);
        let child = hide_inherited_sockets(&mut command).spawn().map_err(failed)?;
        // `command` holds the child's ends of the pipes. While it does, the output never reaches
        // EOF.
        drop(command);
        let output = File::from(OwnedFd::from(output_reader));
        let source = match Input::of_pipe(&output) {
            Some(input) => input,
            None => Input::start(output).map_err(failed)?,
        };
        let input = ProgramInput(Some(File::from(OwnedFd::from(input_writer))));
        let sink = Sink::start(input).map_err(failed)?;
        Ok(ExecProcess {
            name: name.clone(),
            group: ProcessGroup(child),
            source: source.into(),
            sink,
        })
    }
}

/// Sets an address in a program's environment: `…_ADDR` and, for an IP address, `…_PORT`.
fn pass_address(command: &mut Command, prefix: &str, addr: &Addr) {
    let host = addr.ip().map_or_else(|| addr.to_string(), |ip| ip.to_string());
    command.env(format!("{prefix}_ADDR"), host);
    match addr.port() {
        Some(port) => command.env(format!("{prefix}_PORT"), port.to_string()),
        None => command.env_remove(format!("{prefix}_PORT")),
    };
}

/// Removes the variables of inherited sockets (`sd_listen_fds(3)`), which are meant only for
/// sockkit, from a program's environment.
pub(crate) fn hide_inherited_sockets(command: &mut Command) -> &mut Command {
    ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"]
        .iter()
        .fold(command, |command, name| command.env_remove(name))
}

/// A process and the processes that it started. If the process has not exited, dropping this kills
/// them all.
#[derive(Debug)]
struct ProcessGroup(Child);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        // A process that has been waited for has no process id any more.
        let leader = self.0.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(leader) = leader {
            // An error means that the processes have just exited.
            kill_process_group(leader, Signal::KILL).ok();
        }
    }
}

impl ExecProcess {
    /// Waits until the program exits.
    ///
    /// # Errors
    /// The program exits with another status than 0, or not in time.
    pub(crate) async fn finish(mut self) -> Result<(), Failure> {
        // The program may be waiting for EOF on its standard input.
        drop(self.sink);
        let name = OsString::from(&self.name);
        let name = name.display();
        match Deadline::after(EXEC_END_TIMEOUT).bound(self.group.0.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            // The program wrote after the peer had closed the connection: pipe(7).
            Ok(Ok(status)) if status.signal() == Some(SIGPIPE) => Ok(()),
            Ok(Ok(status)) => Err(Failure::new(Exit::Negative, format!("{name} failed: {status}"))),
            Ok(Err(error)) => {
                let message = format!("cannot wait for {name}: {}", reason::of(&error));
                Err(Failure::new(Exit::Internal, message))
            }
            Err(_) => {
                let message =
                    format!("{name} did not exit after its connection ended, and was killed");
                Err(Failure::new(Exit::TimedOut, message))
            }
        }
    }
}

const SIGPIPE: i32 = 13;

/// The standard input of a program; `None` once the program has closed it.
struct ProgramInput(Option<File>);

impl BlockingWriter for ProgramInput {
    fn write(&mut self, _from: &str, bytes: &[u8]) -> io::Result<()> {
        let Some(input) = &mut self.0 else { return Ok(()) };
        match blocking::write_all(input, bytes) {
            // The program reads no more input, but may still write.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.0 = None;
                Ok(())
            }
            done => done,
        }
    }

    fn peer_closed(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_split_into_words_as_in_a_shell() {
        let line: CommandLine = "awk '{ print $2 }' \"a b\"".parse().unwrap();
        assert_eq!(line.0, ["awk", "{ print $2 }", "a b"]);
        for text in ["", "  ", "''", "a 'b"] {
            assert!(text.parse::<CommandLine>().is_err(), "{text:?}");
        }
    }
}
