//! A child process with the processes that it started.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};
use std::thread;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid,
};
use tokio::signal::unix::{self, SignalKind};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::accept::descriptors;
use crate::{reason, sys};

/// A child process in a process group of its own. Dropping this kills the whole group.
///
/// The process is not reaped before that: until then, no other process or group can get its id, so
/// that a signal never reaches a foreign process.
#[derive(Debug)]
pub(crate) struct ChildProcess {
    name: String,
    child: Child,
    pid: Pid,
    /// SIGCHLD: a child has changed its state.
    changes: unix::Signal,
}

/// The exit code of a program that a signal ended is this plus the signal's number, as in a shell.
const SIGNAL_EXIT_BASE: i32 = 128;

impl ChildProcess {
    /// Starts `command`. The caller's thread must live as long as sockkit, because the kernel kills
    /// the child when that thread ends.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn start(mut command: Command) -> Result<Self, Failure> {
        let name = command.get_program().display().to_string();
        let failed = |error: io::Error| {
            Failure::new(Exit::File, format!("cannot run {name}: {}", reason::of(&error)))
        };
        // The variables of inherited sockets (sd_listen_fds(3)) are meant only for sockkit.
        for variable in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] {
            command.env_remove(variable);
        }
        let limit = descriptors::inherited_descriptor_limit();
        // Before the start, so that no change is missed.
        let changes = unix::signal(SignalKind::child()).map_err(failed)?;
        let child = sys::isolate_child(&mut command, limit).spawn().map_err(failed)?;
        let pid = Pid::from_child(&child);
        Ok(Self { name, child, pid, changes })
    }

    /// Waits until the program exits; the processes that it started may go on.
    ///
    /// # Errors
    /// Waiting failed.
    pub(crate) async fn exited(&mut self) -> Result<Ended, Failure> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        loop {
            match waitid(WaitId::Pid(self.pid), options) {
                Ok(Some(status)) => return Ok(Ended::of(&status)),
                Ok(None) | Err(rustix::io::Errno::INTR) => self.changes.recv().await,
                Err(error) => {
                    let reason = reason::of(&error.into());
                    let message = format!("cannot wait for {}: {reason}", self.name);
                    return Err(Failure::new(Exit::Internal, message));
                }
            };
        }
    }

    /// Asks the program and the processes that it started to end (SIGTERM).
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
        // A stopped process handles the signal once it continues.
        self.signal(Signal::CONT);
    }

    /// Kills the program and the processes that it started.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Returns the program's name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn signal(&self, signal: Signal) {
        // An error means that all processes have just exited.
        kill_process_group(self.pid, signal).ok();
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.kill();
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // A killed process may take a moment to end, which must not block the runtime.
        let pid = self.pid;
        let reaper = thread::Builder::new().name("reaper".into());
        // If no thread can be started, the process stays a zombie until sockkit exits.
        reaper.spawn(move || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED)).ok();
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended(ExitStatus);

impl Ended {
    fn of(status: &WaitIdStatus) -> Self {
        let code = status.exit_status().map(|code| (code & 0xff) << 8);
        Self(ExitStatus::from_raw(code.or_else(|| status.terminating_signal()).unwrap_or_default()))
    }

    /// Returns the exit code of sockkit: that of the program, as a shell returns it.
    pub(crate) fn exit(self) -> Exit {
        let signal = self.0.signal().map(|number| SIGNAL_EXIT_BASE + number);
        match self.0.code().or(signal).and_then(|code| u8::try_from(code).ok()) {
            Some(0) => Exit::Success,
            code => Exit::Command(code.unwrap_or(u8::MAX)),
        }
    }

    /// Returns whether the program was ended by `signal`.
    pub(crate) fn is_by(self, signal: Signal) -> bool {
        self.0.signal() == Some(signal.as_raw())
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
