//! One transfer through a tool.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::parse;
use crate::process::{POLL_INTERVAL, Process, ReservedPort};
use crate::tool::Tool;

/// How long a transfer may take before the run fails.
const TIMEOUT: Duration = Duration::from_mins(10);

/// A file system in memory, where there is one: on a disk, writing back would dominate the result.
const MEMORY_FOLDER: &str = "/dev/shm";

/// The file that the client reads.
const INPUT: &str = "input";

/// The file that the server writes.
const OUTPUT: &str = "output";

/// Peak memory of both sockkit processes, in bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) listen: f64,
    pub(crate) connect: f64,
}

impl Memory {
    pub(crate) fn raise(&mut self, other: Self) {
        self.listen = self.listen.max(other.listen);
        self.connect = self.connect.max(other.connect);
    }

    /// Updates the peaks from both processes; either may have exited already.
    fn sample(&mut self, server: &Child, client: &Child) {
        self.raise(Self { listen: peak(server), connect: peak(client) });
    }
}

/// Returns the peak memory of a process in bytes, or 0 if it has exited.
fn peak(process: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    // The format is `VmHWM:      1234 kB`, where kB means KiB: proc_pid_status(5).
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    kib.and_then(|kib| kib.trim().parse::<f64>().ok()).unwrap_or_default() * 1024.0
}

/// Where the client's input comes from and where the server's output goes to.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Route {
    /// From a pipe to a pipe.
    Pipe,
    /// From a file to a file.
    File,
    /// From a pipe to `/dev/null`.
    Null,
}

/// The result of one transfer.
pub(crate) struct Run {
    size: u64,
    took: Duration,
    pub(crate) memory: Memory,
}

impl Run {
    /// Returns the rate in bytes per second.
    pub(crate) fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "the figure is only printed and compared")]
        let size = self.size as f64;
        size / self.took.as_secs_f64()
    }
}

/// A transfer to measure.
pub(crate) struct Transfer<'a> {
    pub(crate) route: Route,
    pub(crate) size: u64,
    /// How long the counter pauses after each block; only on [`Route::Pipe`].
    pub(crate) pause: Duration,
    /// The sockkit executable.
    pub(crate) sockkit: &'a str,
}

impl Transfer<'_> {
    /// Makes the transfer through `tool`.
    ///
    /// # Errors
    /// The transfer failed, or a sockkit process exited with a failure.
    pub(crate) fn measure(&self, tool: Tool) -> io::Result<Run> {
        let failed = |error: io::Error| io::Error::new(error.kind(), format!("{tool}: {error}"));
        self.try_measure(tool).map_err(failed)
    }

    fn try_measure(&self, tool: Tool) -> io::Result<Run> {
        let is_sockkit = tool.is_sockkit();
        let dir = match self.route {
            Route::File if Path::new(MEMORY_FOLDER).is_dir() => TempDir::new_in(MEMORY_FOLDER)?,
            _ => TempDir::new()?,
        };
        tool.prepare(dir.path())?;
        let port = ReservedPort::reserve()?;
        let [mut server, mut client] = tool.arguments(port.number()?).map(|arguments| {
            let mut command = Command::new(tool.program(self.sockkit));
            command.args(arguments.split_whitespace()).current_dir(dir.path());
            command.stderr(if is_sockkit { Stdio::inherit() } else { Stdio::null() });
            command
        });
        // At EOF on standard input, `openssl s_server` would spin.
        let input = if is_sockkit { Stdio::null() } else { Stdio::piped() };
        let mut server = Process::start(server.stdin(input).stdout(self.server_output(&dir)?))?;
        port.wait_for_listener(&mut server)?;
        let mut counter = self.start_counter(&mut server)?;
        let (input, _source) = self.client_input(&dir)?;
        let started = Instant::now();
        let mut client = Process::start(client.stdin(input).stdout(Stdio::null()))?;
        let mut memory = Memory::default();
        loop {
            memory.sample(&server.0, &client.0);
            let last = counter.as_mut().unwrap_or(&mut server);
            if last.0.try_wait()?.is_some() {
                break;
            }
            if started.elapsed() > TIMEOUT {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(POLL_INTERVAL);
        }
        let exited = started.elapsed();
        if is_sockkit {
            server.wait_for_success()?;
            client.wait_for_success()?;
        }
        let (received, time) = match (counter, self.route) {
            (Some(counter), _) => read_report(counter)?,
            (None, Route::File) => (fs::metadata(dir.path().join(OUTPUT))?.len(), exited),
            (None, _) => (self.size, exited),
        };
        if received != self.size {
            return Err(io::Error::other(format!("{received} of {} bytes arrived", self.size)));
        }
        Ok(Run { size: self.size, took: time, memory })
    }

    fn server_output(&self, dir: &TempDir) -> io::Result<Stdio> {
        Ok(match self.route {
            Route::Pipe => Stdio::piped(),
            Route::File => File::create(dir.path().join(OUTPUT))?.into(),
            Route::Null => Stdio::null(),
        })
    }

    /// Starts the process that counts the server's output; `None` if the output is not a pipe.
    fn start_counter(&self, server: &mut Process) -> io::Result<Option<Process>> {
        if self.route != Route::Pipe {
            return Ok(None);
        }
        let mut command = Command::new("/proc/self/exe");
        command.args(["count", &self.pause.as_micros().to_string()]);
        Process::start(command.stdin(server.output()?).stdout(Stdio::piped())).map(Some)
    }

    /// Returns the client's input, and the process that produces it, if any.
    fn client_input(&self, dir: &TempDir) -> io::Result<(Stdio, Option<Process>)> {
        if self.route == Route::File {
            let path = dir.path().join(INPUT);
            // A hole takes no memory and is read as fast as cached data.
            File::create(&path)?.set_len(self.size)?;
            return Ok((File::open(path)?.into(), None));
        }
        let mut command = Command::new("/proc/self/exe");
        command.args(["produce", &self.size.to_string()]);
        let mut source = Process::start(command.stdout(Stdio::piped()))?;
        Ok((source.output()?, Some(source)))
    }
}

/// Reads the counter's report: the number of bytes, and how long they took to arrive.
fn read_report(mut counter: Process) -> io::Result<(u64, Duration)> {
    let mut report = String::new();
    if let Some(mut output) = counter.0.stdout.take() {
        output.read_to_string(&mut report)?;
    }
    let (arrived, micros) = report.trim().split_once(' ').unwrap_or_default();
    Ok((parse(arrived)?, Duration::from_micros(parse(micros)?)))
}
