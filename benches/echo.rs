//! Compares `sockkit echo-server` with the smallest possible echo server: a bare epoll loop.
//!
//! ```text
//! cargo bench --bench echo -- [--rounds N] [--check]
//! ```
//!
//! The targets: with 64-byte messages over 64 and over 1,000 connections, the echo server reaches
//! at least 0.9 of the bare loop's rate. It accepts 8,000 connections in less than twice the bare
//! loop's time. An idle connection takes at most 1.4 KiB of the server's own memory.
//!
//! Each measurement starts a fresh server process. One thread of this program generates the load
//! for both servers. The servers alternate within each round, so that other load on the machine
//! affects both. Each figure is the median over all rounds, and each ratio is a ratio of medians.
//! Memory is the growth of the server's `VmRSS`; it does not include the kernel's memory for a
//! socket, which is the same for both servers.
//!
//! Compare the ratios, not the rates: the load generator and the server share the machine, so on
//! few or busy cores a rate depends mainly on the machine. For the same reason, a missed target
//! fails the run only with `--check`. The benchmark needs Linux, for epoll and `/proc`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its report")]

use std::fmt;
use std::fs;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{SocketFlags, accept_with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, SockRef, Socket, Type};
use tempfile::TempDir;

/// Number of active connections, for each of the two rate measurements.
const ACTIVE: [u16; 2] = [64, 1_000];

/// Number of connections that are opened and then stay idle.
const IDLE: u16 = 8_000;

/// Target: the echo server's rate divided by the bare loop's is at least this.
const MIN_RATE_RATIO: f64 = 0.9;

/// Target: the echo server's time to open connections divided by the bare loop's is below this.
const MAX_OPENING_RATIO: f64 = 2.0;

/// Target: bytes of server memory per idle connection, at most.
const MAX_IDLE_BYTES: f64 = 1.4 * 1024.0;

/// The message that is sent and must be echoed: 64 different bytes, so that a lost or reordered
/// byte is noticed.
const MESSAGE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Default number of rounds. With fewer, a single disturbance can change the median.
const ROUNDS: usize = 5;

/// Time before each measurement for caches, branch predictors and the scheduler to settle.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long echoes are counted: long compared with a scheduler tick, short enough for many rounds.
const MEASURED: Duration = Duration::from_secs(2);

/// Maximum number of connections being opened at the same time: enough to keep a server busy, too
/// few to fill its backlog. A full backlog would make the kernel retransmit, and its retransmission
/// timer would dominate the result.
const MAX_OPENING: usize = 256;

/// How long a server may take to start or to answer before the run fails.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Number of descriptors that each process needs besides its connections.
const RESERVED: u16 = 64;

/// Maximum number of events per epoll call, in the load generator and in the bare loop; tokio uses
/// the same number.
const MAX_EVENTS: usize = 1024;

/// Maximum time of one epoll call.
const MAX_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The argument that makes this program run the bare loop.
const BARE_LOOP: &str = "bare-loop";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args == [BARE_LOOP] {
        return exit_code(bare_loop().map(|()| true));
    }
    let Some(options) = Options::parse(&args) else {
        eprintln!("usage: cargo bench --bench echo -- [--rounds N] [--check]");
        return ExitCode::from(2);
    };
    exit_code(compare(&options))
}

fn exit_code(outcome: io::Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("echo benchmark: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The command-line options.
struct Options {
    rounds: usize,
    check: bool,
}

impl Options {
    fn parse(args: &[String]) -> Option<Self> {
        let mut options = Self { rounds: ROUNDS, check: false };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--rounds" => options.rounds = args.next()?.parse().ok().filter(|n| *n > 0)?,
                "--check" => options.check = true,
                // Cargo passes this argument to every benchmark.
                "--bench" => {}
                _ => return None,
            }
        }
        Some(options)
    }
}

/// Measures both servers, prints the table and returns whether the run succeeded.
fn compare(options: &Options) -> io::Result<bool> {
    let idle_count = IDLE.min(max_connections());
    if idle_count < IDLE {
        eprintln!("the limit of open files allows {idle_count} connections, not {IDLE}");
    }
    let mut rates = ACTIVE.map(|count| {
        let label = format!("echoes per second, {count} connections");
        (count.min(idle_count), Row::new(label, Target::RatioAtLeast(MIN_RATE_RATIO)))
    });
    let label = format!("ms to open {idle_count} connections");
    let mut opening = Row::new(label, Target::RatioBelow(MAX_OPENING_RATIO));
    let label = format!("bytes per idle connection, of {idle_count}");
    let mut idle = Row::new(label, Target::AtMost(MAX_IDLE_BYTES));
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        for (count, row) in &mut rates {
            for kind in Kind::BOTH {
                row.add(kind, echo_rate(kind, *count)?);
            }
        }
        for kind in Kind::BOTH {
            let (took, bytes) = open_and_hold(kind, idle_count)?;
            opening.add(kind, took.as_secs_f64() * 1e3);
            idle.add(kind, bytes);
        }
    }
    let [(_, few), (_, many)] = rates;
    let rows = [few, many, opening, idle];
    print_table(&rows);
    Ok(!options.check || rows.iter().all(Row::is_met))
}

/// Raises the soft limit of open files to the hard limit, for this process and the servers that it
/// starts, and returns how many connections the limit allows.
fn max_connections() -> u16 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    // If this fails, the old limit still applies and determines the result.
    setrlimit(Resource::Nofile, raised).ok();
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    u16::try_from(limit).unwrap_or(u16::MAX).saturating_sub(RESERVED)
}

/// Starts a server and returns its echoes per second.
fn echo_rate(kind: Kind, connections: u16) -> io::Result<f64> {
    let measured = Server::start(kind)
        .and_then(|server| Clients::connect(server.addr, connections)?.echo_rate());
    measured.map_err(during(kind, "echoing"))
}

/// Starts a server and opens `connections`, each of which the server must answer once. Returns how
/// long that took, and by how many bytes per connection the server's memory grew.
fn open_and_hold(kind: Kind, connections: u16) -> io::Result<(Duration, f64)> {
    let measured = Server::start(kind).and_then(|server| {
        let before = server.memory()?;
        let started = Instant::now();
        let clients = Clients::connect(server.addr, connections)?;
        let took = started.elapsed();
        let grown = server.memory()? - before;
        drop(clients);
        Ok((took, grown / f64::from(connections)))
    });
    measured.map_err(during(kind, "opening connections"))
}

/// Returns a function that adds the server and the operation to an error.
fn during(kind: Kind, operation: &'static str) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{kind}, {operation}: {error}"))
}

/// The two servers.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Sockkit,
    BareLoop,
}

impl Kind {
    const BOTH: [Self; 2] = [Self::Sockkit, Self::BareLoop];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sockkit => "sockkit",
            Self::BareLoop => "bare epoll",
        })
    }
}

/// One row of the table: the target, and each server's figure for each round.
struct Row {
    label: String,
    target: Target,
    sockkit: Vec<f64>,
    bare_loop: Vec<f64>,
}

/// The condition that a row's medians must meet.
enum Target {
    /// The echo server's figure divided by the bare loop's is at least this.
    RatioAtLeast(f64),
    /// The echo server's figure divided by the bare loop's is below this.
    RatioBelow(f64),
    /// The echo server's figure is at most this, whatever the bare loop's is.
    AtMost(f64),
}

impl Row {
    fn new(label: String, target: Target) -> Self {
        Self { label, target, sockkit: Vec::new(), bare_loop: Vec::new() }
    }

    fn add(&mut self, kind: Kind, figure: f64) {
        match kind {
            Kind::Sockkit => self.sockkit.push(figure),
            Kind::BareLoop => self.bare_loop.push(figure),
        }
    }

    fn ratio(&self) -> f64 {
        median(&self.sockkit) / median(&self.bare_loop)
    }

    fn is_met(&self) -> bool {
        match self.target {
            Target::RatioAtLeast(min) => self.ratio() >= min,
            Target::RatioBelow(bound) => self.ratio() < bound,
            Target::AtMost(max) => median(&self.sockkit) <= max,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Self::RatioAtLeast(min) => format!("ratio >= {min}"),
            Self::RatioBelow(bound) => format!("ratio < {bound}"),
            Self::AtMost(max) => format!("at most {max}"),
        })
    }
}

fn print_table(rows: &[Row]) {
    let width = rows.iter().map(|row| row.label.len()).max().unwrap_or(0);
    let [sockkit, bare_loop] = Kind::BOTH;
    println!("{:width$}  {sockkit:>10}  {bare_loop:>10}  {:>5}  target", "", "ratio");
    for row in rows {
        println!(
            "{:width$}  {:>10.0}  {:>10.0}  {:>5.2}  {:14}  {}",
            row.label,
            median(&row.sockkit),
            median(&row.bare_loop),
            row.ratio(),
            row.target,
            if row.is_met() { "ok" } else { "NOT MET" },
        );
    }
}

/// Returns the median of `figures`, which must not be empty.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

/// A running server process; killed when dropped.
struct Server {
    process: Child,
    addr: SocketAddr,
}

impl Server {
    fn start(kind: Kind) -> io::Result<Self> {
        match kind {
            Kind::Sockkit => Self::start_sockkit(),
            Kind::BareLoop => Self::start_bare_loop(),
        }
    }

    fn start_sockkit() -> io::Result<Self> {
        let dir = TempDir::new()?;
        let port_file = dir.path().join("port");
        let process = Command::new(env!("CARGO_BIN_EXE_sockkit"))
            .args(["echo-server", "127.0.0.1:0", "--quiet"])
            // The limit must not affect the measurement: all clients must fit.
            .args(["--max-clients", "20000"])
            .arg("--port-file")
            .arg(&port_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let mut server = Self::new(process);
        let port = server.port_from(&port_file)?;
        server.addr.set_port(port);
        Ok(server)
    }

    /// Waits until the server listens, and returns its port. The port file is written atomically,
    /// so a file that exists is complete.
    fn port_from(&mut self, file: &Path) -> io::Result<u16> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            match fs::read_to_string(file) {
                Ok(port) => return port_number(&port),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            if let Some(status) = self.process.try_wait()? {
                return Err(io::Error::other(format!("the server ended: {status}")));
            }
            if Instant::now() > deadline {
                return Err(ErrorKind::TimedOut.into());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn start_bare_loop() -> io::Result<Self> {
        let process = Command::new(std::env::current_exe()?)
            .arg(BARE_LOOP)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut server = Self::new(process);
        let mut port = String::new();
        if let Some(stdout) = server.process.stdout.take() {
            BufReader::new(stdout).read_line(&mut port)?;
        }
        server.addr.set_port(port_number(&port)?);
        Ok(server)
    }

    fn new(process: Child) -> Self {
        Self { process, addr: (Ipv4Addr::LOCALHOST, 0).into() }
    }

    /// Returns the resident memory of the process, in bytes.
    fn memory(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        // The format is `VmRSS:      1234 kB`, where kB means KiB: proc_pid_status(5).
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))
            .and_then(|kib| kib.trim().parse::<f64>().ok());
        kib.map(|kib| kib * 1024.0).ok_or_else(|| io::Error::other("VmRSS is missing"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // If this fails, the process has already exited.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn port_number(text: &str) -> io::Result<u16> {
    let invalid = |_| io::Error::other(format!("the server reported an invalid port: {text:?}"));
    text.trim().parse().map_err(invalid)
}

/// Client connections to one server, all driven by the calling thread.
struct Clients {
    epoll: OwnedFd,
    /// The epoll data of a connection is its index here.
    streams: Vec<TcpStream>,
}

impl Clients {
    /// Opens `count` connections, and waits until each has sent a byte and received its echo. The
    /// TCP handshake alone would measure only the kernel.
    fn connect(addr: SocketAddr, count: u16) -> io::Result<Self> {
        let count = usize::from(count);
        let mut clients = Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            streams: Vec::with_capacity(count),
        };
        let deadline = Instant::now() + TIMEOUT;
        let mut events = Vec::with_capacity(MAX_EVENTS);
        let mut answered = 0;
        while answered < count {
            while clients.streams.len() < count.min(answered + MAX_OPENING) {
                clients.start_connecting(addr)?;
            }
            wait(&clients.epoll, &mut events)?;
            for event in events.drain(..) {
                answered += usize::from(clients.handle_event(event)?);
            }
            if Instant::now() > deadline {
                let message = format!("only {answered} of {count} connections within {TIMEOUT:?}");
                return Err(io::Error::new(ErrorKind::TimedOut, message));
            }
        }
        Ok(clients)
    }

    /// Starts a connection, which epoll reports as writable once it is established.
    fn start_connecting(&mut self, addr: SocketAddr) -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&addr.into()) {
            Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => {
                return Err(error);
            }
            _ => {}
        }
        let data = epoll::EventData::new_u64(self.streams.len() as u64);
        epoll::add(&self.epoll, &socket, data, epoll::EventFlags::OUT)?;
        self.streams.push(socket.into());
        Ok(())
    }

    /// Sends the first byte once connected. Returns whether the echo of that byte has arrived.
    fn handle_event(&self, event: epoll::Event) -> io::Result<bool> {
        let mut stream = &self.streams[index_of(event)];
        let flags = event.flags;
        if flags.contains(epoll::EventFlags::OUT) {
            // If connecting failed, this write returns the error.
            stream.write_all(&MESSAGE[..1])?;
            epoll::modify(&self.epoll, stream, event.data, epoll::EventFlags::IN)?;
            return Ok(false);
        }
        stream.read_exact(&mut [0])?;
        Ok(true)
    }

    /// Returns the total echoes per second. Each connection sends a message, waits for the whole
    /// echo and sends the next message.
    fn echo_rate(&self) -> io::Result<f64> {
        for mut stream in &self.streams {
            stream.write_all(MESSAGE)?;
        }
        let mut received = vec![0; self.streams.len()];
        self.echo_for(WARM_UP, &mut received)?;
        let started = Instant::now();
        let echoes = self.echo_for(MEASURED, &mut received)?;
        Ok(f64::from(echoes) / started.elapsed().as_secs_f64())
    }

    /// Echoes for `duration` and returns the number of complete echoes. `received` holds, for each
    /// connection, how many bytes of the current echo have arrived.
    fn echo_for(&self, duration: Duration, received: &mut [usize]) -> io::Result<u32> {
        let end = Instant::now() + duration;
        let mut events = Vec::with_capacity(MAX_EVENTS);
        let mut buffer = [0; MESSAGE.len()];
        let mut echoes = 0;
        while Instant::now() < end {
            wait(&self.epoll, &mut events)?;
            for event in events.drain(..) {
                let mut stream = &self.streams[index_of(event)];
                let received = &mut received[index_of(event)];
                let missing = &MESSAGE[*received..];
                let len = stream.read(&mut buffer[..missing.len()])?;
                if len == 0 || buffer[..len] != missing[..len] {
                    return Err(io::Error::other("the echo differs from the message"));
                }
                *received += len;
                if *received == MESSAGE.len() {
                    *received = 0;
                    echoes += 1;
                    stream.write_all(MESSAGE)?;
                }
            }
        }
        Ok(echoes)
    }
}

impl Drop for Clients {
    /// Resets the connections. If they were closed normally, thousands of ports would stay in
    /// TIME-WAIT for a minute and slow down the next rounds.
    fn drop(&mut self) {
        for stream in &self.streams {
            // A failure only makes the measurements less stable.
            SockRef::from(stream).set_linger(Some(Duration::ZERO)).ok();
        }
    }
}

/// Runs a minimal echo server: one thread, one buffer, level-triggered epoll. It prints its port,
/// and exits at EOF on standard input, that is, when its parent process exits.
fn bare_loop() -> io::Result<()> {
    let listener = bare_listener()?;
    println!("{}", listener.local_addr()?.port());
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    watch(&epoll, &listener)?;
    watch(&epoll, &io::stdin())?;
    // Indexed by descriptor. The kernel assigns the lowest free one, so few entries are unused.
    let mut clients: Vec<Option<TcpStream>> = Vec::new();
    let mut events = Vec::with_capacity(MAX_EVENTS);
    // As large as the echo server's buffer.
    let mut buffer = vec![0; 64 * 1024];
    loop {
        wait(&epoll, &mut events)?;
        for event in events.drain(..) {
            let index = index_of(event);
            if index == descriptor(&listener) {
                accept_all(&epoll, &listener, &mut clients)?;
            } else if index == descriptor(&io::stdin()) {
                return Ok(());
            } else if let Some(client) = &mut clients[index] {
                let len = client.read(&mut buffer).unwrap_or(0);
                if len == 0 || client.write_all(&buffer[..len]).is_err() {
                    // Closing the socket also removes it from epoll.
                    clients[index] = None;
                }
            }
        }
    }
}

fn bare_listener() -> io::Result<TcpListener> {
    // The echo server's backlog, and the default maximum of Linux. std's 128 is too small for this
    // load.
    const BACKLOG: i32 = 4096;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn accept_all(
    epoll: &OwnedFd,
    listener: &TcpListener,
    clients: &mut Vec<Option<TcpStream>>,
) -> io::Result<()> {
    loop {
        let client = match accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok(client) => TcpStream::from(client),
            Err(Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        watch(epoll, &client)?;
        let index = descriptor(&client);
        if clients.len() <= index {
            clients.resize_with(index + 1, || None);
        }
        clients[index] = Some(client);
    }
}

/// Adds `source` to epoll for reading. The event's data is the descriptor.
fn watch(epoll: &OwnedFd, source: &(impl AsFd + AsRawFd)) -> io::Result<()> {
    let data = epoll::EventData::new_u64(descriptor(source) as u64);
    Ok(epoll::add(epoll, source, data, epoll::EventFlags::IN)?)
}

fn descriptor(source: &impl AsRawFd) -> usize {
    usize::try_from(source.as_raw_fd()).expect("an open descriptor is not negative")
}

/// Waits at most [`MAX_WAIT`] for events, so that the caller can check its deadline.
fn wait(epoll: &OwnedFd, events: &mut Vec<epoll::Event>) -> io::Result<()> {
    retry_on_intr(|| epoll::wait(epoll, spare_capacity(events), Some(&MAX_WAIT)))?;
    Ok(())
}

/// Returns the data that was registered with epoll for the event's source.
fn index_of(event: epoll::Event) -> usize {
    usize::try_from(event.data.u64()).expect("the data was a usize when it was registered")
}
