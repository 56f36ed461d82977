//! What the black-box tests stand on: the program as a child, its clients and servers, and a
//! deadline on every wait.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take before its test fails: far more than it ever needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

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

/// Bytes in which every piece is another, so that one that is lost, doubled or moved is seen.
pub(crate) fn payload(len: u32) -> Vec<u8> {
    (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
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

/// A raw connection with a deadline on everything.
pub(crate) struct Client {
    pub stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        Self::of(TcpStream::connect_timeout(&addr, PATIENCE).unwrap())
    }

    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// One `recv(1024)`, as the course's programs read.
    #[track_caller]
    pub(crate) fn recv(&mut self) -> Vec<u8> {
        if !self.read.is_empty() {
            return std::mem::take(&mut self.read);
        }
        let mut buffer = [0; 1024];
        let len = self.stream.read(&mut buffer).unwrap();
        buffer[..len].to_vec()
    }

    /// Reads until `end` has come, and returns everything up to and with it.
    #[track_caller]
    pub(crate) fn read_until(&mut self, end: &str) -> String {
        let end = end.as_bytes();
        let mut searched = 0;
        loop {
            let fresh = &self.read[searched..];
            if let Some(at) = fresh.windows(end.len()).position(|window| window == end) {
                let rest = self.read.split_off(searched + at + end.len());
                let read = std::mem::replace(&mut self.read, rest);
                return String::from_utf8_lossy(&read).into_owned();
            }
            searched = self.read.len().saturating_sub(end.len() - 1);
            let mut buffer = [0; 64 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(len @ 1..) => self.read.extend_from_slice(&buffer[..len]),
                other => panic!(
                    "{other:?} before {:?}; read {:?}",
                    end.escape_ascii().to_string(),
                    self.read.escape_ascii().to_string()
                ),
            }
        }
    }

    /// Reads one line and returns it without its end.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        self.read_until("\n").trim_end().to_owned()
    }

    /// Reads to the end; a reset is an end too.
    #[track_caller]
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut read = std::mem::take(&mut self.read);
        match self.stream.read_to_end(&mut read) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
            _ => read,
        }
    }

    pub(crate) fn end(&self) {
        self.stream.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// What a stream of the program has said so far, collected by a thread.
#[derive(Clone)]
pub(crate) struct Captured(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Default)]
struct Collected {
    bytes: Vec<u8>,
    ended: bool,
}

impl Captured {
    pub(crate) fn of(mut stream: impl Read + Send + 'static) -> Self {
        let shared: Arc<(Mutex<Collected>, Condvar)> = Arc::default();
        let collected = Arc::clone(&shared);
        thread::spawn(move || {
            let mut buffer = [0; 64 * 1024];
            loop {
                let read = stream.read(&mut buffer);
                let mut state = collected.0.lock().unwrap();
                match read {
                    Ok(len @ 1..) => state.bytes.extend_from_slice(&buffer[..len]),
                    _ => state.ended = true,
                }
                collected.1.notify_all();
                if state.ended {
                    return;
                }
            }
        });
        Self(shared)
    }

    /// What has come so far, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock().unwrap().bytes).into_owned()
    }

    /// Waits until `found` finds something in the text.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, found: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.0.0.lock().unwrap();
        loop {
            let text = String::from_utf8_lossy(&state.bytes).into_owned();
            if let Some(value) = found(&text) {
                return value;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !state.ended, "not found in {text:?}");
            state = self.0.1.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Waits until the text contains `part`.
    #[track_caller]
    pub(crate) fn wait_for_text(&self, part: &str) -> String {
        self.wait_for(|text| text.contains(part).then(|| text.to_owned()))
    }

    /// Waits until so many bytes have come.
    #[track_caller]
    pub(crate) fn wait_for_bytes(&self, len: usize) {
        let state = self.0.0.lock().unwrap();
        let waits = |state: &mut Collected| state.bytes.len() < len && !state.ended;
        let state = self.0.1.wait_timeout_while(state, PATIENCE, waits).unwrap().0;
        assert!(state.bytes.len() >= len, "{} bytes of {len}", state.bytes.len());
    }

    /// Waits for the end, and returns everything.
    pub(crate) fn to_end(&self) -> Vec<u8> {
        let state = self.0.0.lock().unwrap();
        let (state, timeout) =
            self.0.1.wait_timeout_while(state, PATIENCE, |state| !state.ended).unwrap();
        assert!(!timeout.timed_out(), "the stream stayed open");
        state.bytes.clone()
    }
}

/// A foreign server for one client: what `serve` returns can be collected with `join`.
pub(crate) struct Peer<T> {
    pub addr: SocketAddr,
    thread: thread::JoinHandle<T>,
}

impl<T: Send + 'static> Peer<T> {
    pub(crate) fn start(serve: impl FnOnce(Client) -> T + Send + 'static) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").unwrap(), serve)
    }

    /// Serves at a listener that the test has made to its needs.
    pub(crate) fn at(
        listener: TcpListener,
        serve: impl FnOnce(Client) -> T + Send + 'static,
    ) -> Self {
        let addr = listener.local_addr().unwrap();
        let thread = thread::spawn(move || serve(Client::of(accept(&listener).unwrap())));
        Self { addr, thread }
    }

    pub(crate) fn port(&self) -> String {
        self.addr.port().to_string()
    }

    #[track_caller]
    pub(crate) fn join(self) -> T {
        self.thread.join().unwrap()
    }
}

/// Accepts one connection within the patience.
fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
}

/// A port that refuses for as long as this lives: bound, but not listening.
pub(crate) struct ClosedPort(socket2::Socket);

impl ClosedPort {
    pub(crate) fn new() -> Self {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any.into()).unwrap();
        Self(socket)
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }

    /// Lets it listen from now on.
    pub(crate) fn open(self) -> TcpListener {
        self.0.listen(1).unwrap();
        self.0.into()
    }
}

/// Waits until `condition` holds, for things nobody announces.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs the program in a network namespace of its own, after `setup` (a shell script).
///
/// `None` where this machine cannot make one; that the test was skipped is printed, and written
/// to the file `SOCKKIT_TEST_SKIPS` names, so that a run can tell what it did not test.
pub(crate) fn in_namespace(test: &str, setup: &str, args: &str) -> Option<Sockkit> {
    let able = Command::new("unshare")
        .args(["-n", "-m", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !able {
        skip(test, "cannot make a network namespace (unshare -n)");
        return None;
    }
    let program = env!("CARGO_BIN_EXE_sockkit");
    let script = format!("{setup}\nexec {program} {args}");
    let mut command = Command::new("unshare");
    command.args(["-n", "-m", "sh", "-ec", &script]);
    Some(Sockkit::of(command))
}

/// Says that a test was skipped, and why.
pub(crate) fn skip(test: &str, why: &str) {
    let line = format!("skipped {test}: {why}\n");
    #[expect(clippy::print_stderr, reason = "shown with --nocapture")]
    {
        eprint!("{line}");
    }
    if let Some(path) = std::env::var_os("SOCKKIT_TEST_SKIPS") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        file.unwrap().write_all(line.as_bytes()).unwrap();
    }
}

/// The program at a terminal of its own.
pub(crate) struct Terminal {
    child: Child,
    master: std::fs::File,
    /// What the terminal shows, control characters and all.
    pub(crate) screen: Captured,
}

impl Terminal {
    /// Starts `sockkit ARGS…`, split at spaces, as the foreground of a terminal.
    pub(crate) fn start(args: &str, directory: &Path) -> Self {
        Self::of(env!("CARGO_BIN_EXE_sockkit"), args.split_whitespace(), directory)
    }

    /// Starts any program so.
    pub(crate) fn of(
        program: &str,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        directory: &Path,
    ) -> Self {
        let (master, slave) = pseudoterminal();
        // A session of its own, with this terminal as the one it is controlled by.
        let child = Command::new("setsid")
            .args(["--ctty", "--wait", program])
            .args(args)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .current_dir(directory)
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave)
            .spawn()
            .unwrap();
        let screen = Captured::of(master.try_clone().unwrap());
        Self { child, master, screen }
    }

    /// Types, as a person would; `\u{3}` is Ctrl-C and `\u{4}` Ctrl-D.
    pub(crate) fn type_in(&mut self, text: &str) {
        self.type_bytes(text.as_bytes());
    }

    /// Types what need not be text.
    pub(crate) fn type_bytes(&mut self, bytes: &[u8]) {
        self.master.write_all(bytes).unwrap();
    }

    /// Closes the terminal, as when its window is closed.
    pub(crate) fn hang_up(&self) {
        // The reading thread holds a copy of the descriptor, so the session is told directly.
        let session = rustix::termios::tcgetsid(&self.master).unwrap();
        rustix::process::kill_process_group(session, Signal::HUP).unwrap();
    }

    /// Sends a signal to the program alone.
    pub(crate) fn signal(&self, signal: Signal) {
        // It leads the terminal's session.
        let session = rustix::termios::tcgetsid(&self.master).unwrap();
        kill_process(session, signal).unwrap();
    }

    /// Whether the terminal treats what is typed and shown as a new one does.
    pub(crate) fn is_as_new(&self) -> bool {
        let settings = |terminal| format!("{:?}", rustix::termios::tcgetattr(terminal).unwrap());
        settings(&self.master) == settings(&pseudoterminal().0)
    }

    /// Whether what is typed is shown.
    pub(crate) fn echoes(&self) -> bool {
        use rustix::termios::{LocalModes, tcgetattr};
        tcgetattr(&self.master).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Waits for the end, and returns the exit code.
    #[track_caller]
    pub(crate) fn wait(mut self) -> i32 {
        self.exit_code()
    }

    /// Waits for the end, and returns the exit code; the terminal stays.
    #[track_caller]
    pub(crate) fn exit_code(&mut self) -> i32 {
        let status = eventually("the end of the program", || self.child.try_wait().unwrap());
        use std::os::unix::process::ExitStatusExt as _;
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
    }
}

/// Makes a terminal, and returns the side that shows it and the one a program is given.
fn pseudoterminal() -> (std::fs::File, std::fs::File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let slave = std::fs::OpenOptions::new().read(true).write(true).open(name).unwrap();
    (master.into(), slave)
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Its terminal goes with it, which ends whatever still runs there.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
