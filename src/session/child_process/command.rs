//! `listen … -- CMD`: a command that runs while the listener is open.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::{Addr, Deadline, Stop};
use crate::reason;
use crate::session::child_process::process::ChildProcess;

/// The running command. It and the processes that it started are killed when this is dropped.
#[derive(Debug)]
pub(crate) struct CommandProcess(ChildProcess);

/// After SIGTERM, how long the command may take to exit before it is killed.
const COMMAND_END_TIMEOUT: Duration = Duration::from_secs(5);

impl CommandProcess {
    /// Starts `command` with the first address of `listening` in its environment
    /// (`SOCKKIT_LISTEN_ADDR` and `SOCKKIT_LISTEN_PORT`). Its standard input is empty, and its
    /// standard output is sockkit's standard error, because standard output carries received data.
    ///
    /// # Errors
    /// The command cannot be started.
    pub(crate) fn start(command: &[OsString], listening: &[Addr]) -> Result<Self, Failure> {
        let Some((program, args)) = command.split_first() else {
            return Err(Failure::new(Exit::Usage, "no command given after --"));
        };
        let stderr = io::stderr().as_fd().try_clone_to_owned().map_err(|error| {
            let message = format!("cannot run {}: {}", program.display(), reason::of(&error));
            Failure::new(Exit::File, message)
        })?;
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(stderr);
        if let Some(addr) = listening.first() {
            command.env("SOCKKIT_LISTEN_ADDR", addr.to_string());
            if let Some(port) = addr.port() {
                command.env("SOCKKIT_LISTEN_PORT", port.to_string());
            }
        }
        ChildProcess::start(command).map(Self)
    }

    /// Waits until the command exits and returns its exit code. If `stop` drains first, the command
    /// receives SIGTERM; if `stop` is forced, it is killed at once. Processes that the command
    /// started in the background go on until this is dropped.
    ///
    /// # Errors
    /// Waiting for the command failed.
    pub(crate) async fn wait(&mut self, stop: &Stop) -> Result<Exit, Failure> {
        tokio::select! {
            biased;
            ended = self.0.exited() => return Ok(ended?.exit()),
            () = stop.draining() => self.0.terminate(),
        }
        tokio::select! {
            biased;
            ended = self.0.exited() => return Ok(ended?.exit()),
            () = stop.forced() => {}
            () = Deadline::after(COMMAND_END_TIMEOUT).passed() => {}
        }
        self.0.kill();
        Ok(self.0.exited().await?.exit())
    }
}
