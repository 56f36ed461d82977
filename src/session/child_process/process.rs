//! A child process with the processes that it started.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};
use std::thread;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid,
};
use tokio::sync::oneshot;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::accept::descriptors;
use crate::threads::{self, ThreadLost};
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
    /// The result of the thread that waits for the process.
    waiter: oneshot::Receiver<io::Result<Ended>>,
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
        let child = sys::isolate_child(&mut command, limit).spawn().map_err(failed)?;
        let pid = Pid::from_child(&child);
        let (sender, waiter) = oneshot::channel();
        // From here on, an error kills the process.
        let started = Self { name: name.clone(), child, pid, waiter };
        let wait = move || {
            // The receiver is gone if nothing depends on the result.
            sender.send(wait_for(pid)).ok();
        };
        threads::start("child", wait).map_err(reason::of_thread).map_err(failed)?;
        Ok(started)
    }

    /// Waits until the program exits; the processes that it started may go on. This must not be
    /// called again after it has returned.
    ///
    /// # Errors
    /// Waiting failed.
    pub(crate) async fn exited(&mut self) -> Result<Ended, Failure> {
        let waited = (&mut self.waiter).await.unwrap_or_else(|_| Err(ThreadLost::error()));
        waited.map_err(|error| {
            let message = format!("cannot wait for {}: {}", self.name, reason::of(&error));
            Failure::new(Exit::Internal, message)
        })
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

/// Blocks until the process exits, and leaves it to be reaped.
fn wait_for(pid: Pid) -> io::Result<Ended> {
    loop {
        match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(Some(status)) => return Ok(Ended::of(&status)),
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
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
