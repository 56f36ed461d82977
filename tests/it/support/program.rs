//! sockkit as a child process: start it, write to it, signal it and wait for it.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, PipeWriter, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::signals;
use crate::support::{Captured, Client, TIMEOUT};

/// A command line of sockkit.
pub(crate) struct Sockkit {
    command: Command,
    stdin: Option<Vec<u8>>,
    /// Whether the reader of standard output is closed before the start.
    stdout: Option<PipeWriter>,
}

/// The exit code and the output of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Outcome {
    /// Standard output as text.
    pub(crate) fn out(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// Asserts the exit code; a failure shows the whole output.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(
            self.code,
            expected,
            "stdout: {:?}\nstderr: {}",
            self.stdout.escape_ascii().to_string(),
            self.stderr
        );
        self
    }
}

/// `sockkit ARGS…`, split at spaces.
pub(crate) fn sockkit(args: &str) -> Sockkit {
    Sockkit::new(args.split_whitespace())
}

/// A shell script with `sockkit` in its PATH.
pub(crate) fn shell(script: &str) -> Sockkit {
    let mut command = Command::new("bash");
    command.args(["-c", script]);
    let here = Path::new(env!("CARGO_BIN_EXE_sockkit")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    Sockkit::of(command).env("PATH", &format!("{}:{path}", here.display()))
}

impl Sockkit {
    pub(crate) fn new(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockkit"));
        command.args(args);
        Self::of(command)
    }

    /// Any command, in the environment that sockkit gets.
    pub(crate) fn of(mut command: Command) -> Self {
        signals::stop_ignoring();
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("SOCKKIT_")
                || ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"].contains(&&*name)
            {
                command.env_remove(name);
            }
        }
        Self { command, stdin: None, stdout: None }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn dir(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = Some(bytes.as_ref().to_vec());
        self
    }

    /// Makes standard output a pipe whose reader is closed.
    pub(crate) fn with_closed_stdout(self) -> Self {
        let (_reader, writer) = io::pipe().unwrap();
        self.with_stdout(writer)
    }

    pub(crate) fn with_stdout(mut self, writer: PipeWriter) -> Self {
        self.stdout = Some(writer);
        self
    }

    /// Runs the command to its end; standard input is empty unless given.
    #[track_caller]
    pub(crate) fn run(self) -> Outcome {
        let input = self.stdin.clone().unwrap_or_default();
        let mut running = self.start();
        running.write(&input);
        running.close_stdin();
        running.wait()
    }

    /// Starts the command and leaves standard input open.
    #[track_caller]
    pub(crate) fn start(mut self) -> Running {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(writer) = self.stdout {
            self.command.stdout(writer);
        }
        let mut child = self.command.spawn().unwrap();
        // The command holds the child's end of a pipe, which would delay EOF.
        drop(self.command);
        let stdout = child.stdout.take();
        Running {
            stdin: child.stdin.take(),
            stdout: stdout.map_or_else(|| Captured::of(io::empty()), Captured::of),
            stderr: Captured::of(child.stderr.take().unwrap()),
            child,
        }
    }

    /// Starts a server and waits for its `listening` line.
    #[track_caller]
    pub(crate) fn serve(self) -> Server {
        let running = self.start();
        let line = running.stderr.wait_for(|text| {
            text.split_inclusive('\n')
                .find(|line| line.starts_with("listening on ") && line.ends_with('\n'))
                .map(str::to_owned)
        });
        let addr = line.split_whitespace().nth(2).unwrap().parse().unwrap();
        Server { running, addr }
    }
}

/// A running process; killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    pub stdout: Captured,
    pub stderr: Captured,
}

impl Running {
    /// Writes to standard input; a process that has closed it is not an error.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if let Some(stdin) = &mut self.stdin {
            match stdin.write_all(bytes) {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("{error}"),
                _ => {}
            }
        }
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Returns whether the process has exited.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the process to exit; an internal error fails the test.
    #[track_caller]
    pub(crate) fn wait(self) -> Outcome {
        let ran = self.wait_after_fault();
        let stderr = &ran.stderr;
        assert!(!stderr.contains("panicked") && !stderr.contains("internal error"), "{stderr}");
        ran
    }

    /// Waits for a process to exit in which a fault was injected: an internal error is possible.
    #[track_caller]
    pub(crate) fn wait_after_fault(mut self) -> Outcome {
        let deadline = Instant::now() + TIMEOUT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                let (out, err) = (self.stdout.text(), self.stderr.text());
                panic!("still running after {TIMEOUT:?}\nstdout: {out}\nstderr: {err}");
            }
            // std has no wait with a deadline.
            thread::sleep(Duration::from_millis(2));
        };
        use std::os::unix::process::ExitStatusExt as _;
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
        let stdout = self.stdout.to_end();
        let stderr = String::from_utf8(self.stderr.to_end()).unwrap();
        Outcome { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A running server and its address.
pub(crate) struct Server {
    pub running: Running,
    pub addr: SocketAddr,
}

impl Server {
    pub(crate) fn port(&self) -> String {
        self.addr.port().to_string()
    }

    /// Connects a TCP client that shares no code with sockkit.
    #[track_caller]
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.addr)
    }

    /// Sends SIGTERM and waits for the server to exit.
    #[track_caller]
    pub(crate) fn stop(self) -> Outcome {
        self.running.signal(Signal::TERM);
        self.running.wait()
    }
}

/// A child process that is killed when dropped.
pub(crate) struct KillOnDrop(pub(crate) Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// `sockkit ARGS… --exec COMMAND`.
pub(crate) fn exec(args: &str, command: &str) -> Sockkit {
    sockkit(args).arg("--exec").arg(command)
}

/// Starts a server on a Unix socket, and `sockkit connect` to it.
pub(crate) fn start_over_unix(server: &str, path: &Path) -> (Running, Running) {
    let word = format!("unix:{}", path.display());
    let server = sockkit(server).arg(&word).dir(path.parent().unwrap()).start();
    server.stderr.wait_for_text("listening on unix:");
    (server, sockkit("connect").arg(word).start())
}

/// The JSON events of type `kind` on standard output so far.
pub(crate) fn events(running: &Running, kind: &str) -> Vec<Value> {
    let text = running.stdout.text();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let all = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|event| event["type"] == kind).collect()
}
