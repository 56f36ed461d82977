//! sockkit as a child process: how it is started, written to, signalled and waited for.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Captured, Client, PATIENCE};

/// A command line of the program.
pub(crate) struct Sockkit {
    command: Command,
    stdin: Option<Vec<u8>>,
    /// Standard output's reader has left before it starts.
    unheard: bool,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ran {
    /// Standard output as text.
    pub(crate) fn out(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// Asserts the exit code, showing everything where it is another.
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

/// A shell's command line, in which `sockkit` is the program.
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

    /// Any command, run as the program is.
    pub(crate) fn of(mut command: Command) -> Self {
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("SOCKKIT_")
                || ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"].contains(&&*name)
            {
                command.env_remove(name);
            }
        }
        Self { command, stdin: None, unheard: false }
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

    /// Gives it a standard output whose reader has left already.
    pub(crate) fn unheard(mut self) -> Self {
        self.unheard = true;
        self
    }

    /// Runs to the end; standard input is empty unless given.
    #[track_caller]
    pub(crate) fn run(self) -> Ran {
        let input = self.stdin.clone().unwrap_or_default();
        let mut running = self.start();
        running.write(&input);
        running.close_stdin();
        running.wait()
    }

    /// Starts, with standard input left open.
    #[track_caller]
    pub(crate) fn start(mut self) -> Running {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.unheard {
            let (_reader, writer) = io::pipe().unwrap();
            self.command.stdout(writer);
        }
        let mut child = self.command.spawn().unwrap();
        // The command holds its end of a pipe of ours.
        drop(self.command);
        let stdout = child.stdout.take();
        Running {
            stdin: child.stdin.take(),
            stdout: stdout.map_or_else(|| Captured::of(io::empty()), Captured::of),
            stderr: Captured::of(child.stderr.take().unwrap()),
            child,
        }
    }

    /// Starts a server and waits until it says where it listens.
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

/// A program that runs; killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    pub stdout: Captured,
    pub stderr: Captured,
}

impl Running {
    /// Writes to standard input; a program that has closed it is none of our business here.
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

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ran {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                let (out, err) = (self.stdout.text(), self.stderr.text());
                panic!("still running after {PATIENCE:?}\nstdout: {out}\nstderr: {err}");
            }
            // Polling, since std has no wait with a deadline.
            thread::sleep(Duration::from_millis(2));
        };
        use std::os::unix::process::ExitStatusExt as _;
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
        let stdout = self.stdout.to_end();
        let stderr = String::from_utf8(self.stderr.to_end()).unwrap();
        assert!(!stderr.contains("panicked") && !stderr.contains("internal error"), "{stderr}");
        Ran { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A server that runs, and where.
pub(crate) struct Server {
    pub running: Running,
    pub addr: SocketAddr,
}

impl Server {
    pub(crate) fn port(&self) -> String {
        self.addr.port().to_string()
    }

    /// Connects a raw socket, as a foreign client would.
    #[track_caller]
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.addr)
    }

    /// Stops it with a signal and waits for its end.
    #[track_caller]
    pub(crate) fn stop(self) -> Ran {
        self.running.signal(Signal::TERM);
        self.running.wait()
    }
}

/// A child that does not outlive its test.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// `sockkit ARGS… --exec COMMAND`.
pub(crate) fn exec(args: &str, command: &str) -> Sockkit {
    sockkit(args).arg("--exec").arg(command)
}

/// Starts a server on a Unix socket, and a client of ours that talks to it.
pub(crate) fn over_unix(server: &str, path: &Path) -> (Running, Running) {
    let word = format!("unix:{}", path.display());
    let server = sockkit(server).arg(&word).dir(path.parent().unwrap()).start();
    server.stderr.wait_for_text("listening on unix:");
    (server, sockkit("connect").arg(word).start())
}

/// The events of standard output so far that have this type.
pub(crate) fn events(running: &Running, kind: &str) -> Vec<Value> {
    let text = running.stdout.text();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let all = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|event| event["type"] == kind).collect()
}
