//! `listen … -- CMD`: a command that runs while the listener is open.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::{Addr, Deadline, Stop};
use crate::reason;
use crate::session::child_process::exec::hide_inherited_sockets;

/// The running command. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct CommandProcess {
    name: String,
    child: Child,
}

/// After SIGTERM, how long the command may take to exit before it is killed.
const COMMAND_END_TIMEOUT: Duration = Duration::from_secs(5);

/// The exit code of a program that a signal ended is this plus the signal's number, as in a shell.
const SIGNAL_EXIT_BASE: i32 = 128;

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
        let name = program.display().to_string();
        let failed = |error: io::Error| {
            let message = format!("cannot run {name}: {}", reason::of(&error));
            Failure::new(Exit::File, message)
        };
        let stderr = io::stderr().as_fd().try_clone_to_owned().map_err(failed)?;
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(stderr).kill_on_drop(true);
        if let Some(addr) = listening.first() {
            command.env("SOCKKIT_LISTEN_ADDR", addr.to_string());
            if let Some(port) = addr.port() {
                command.env("SOCKKIT_LISTEN_PORT", port.to_string());
            }
        }
        let child = hide_inherited_sockets(&mut command).spawn().map_err(failed)?;
        Ok(Self { name, child })
    }

    /// Waits until the command exits and returns its exit code. If `stop` drains first, the command
    /// receives SIGTERM.
    ///
    /// # Errors
    /// Waiting for the command failed.
    pub(crate) async fn wait(mut self, stop: &Stop) -> Result<Exit, Failure> {
        let ended = tokio::select! {
            biased;
            ended = self.child.wait() => ended,
            () = stop.draining() => self.end().await,
        };
        match ended {
            Ok(status) => Ok(exit_of(status)),
            Err(error) => {
                let message = format!("cannot wait for {}: {}", self.name, reason::of(&error));
                Err(Failure::new(Exit::Internal, message))
            }
        }
    }

    async fn end(&mut self) -> io::Result<ExitStatus> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // An error means that the command has just exited.
            kill_process(pid, Signal::TERM).ok();
        }
        if let Ok(ended) = Deadline::after(COMMAND_END_TIMEOUT).bound(self.child.wait()).await {
            return ended;
        }
        self.child.kill().await?;
        self.child.wait().await
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    let code = status.code().or_else(|| status.signal().map(|number| SIGNAL_EXIT_BASE + number));
    match code.and_then(|code| u8::try_from(code).ok()) {
        Some(0) => Exit::Success,
        code => Exit::Command(code.unwrap_or(u8::MAX)),
    }
}
