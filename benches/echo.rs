//! Measures `sockkit echo-server` against the least an echo server can be: a bare epoll loop.
//!
//! ```text
//! cargo bench --bench echo -- [--rounds N] [--check]
//! ```
//!
//! What it is to show: with 64 and with 1,000 connections of 64-byte messages the echo server
//! keeps at least 0.9 of the bare loop's rate, it opens 8,000 connections in under twice the
//! bare loop's time, and an idle connection costs it at most 1.5 KiB of its own memory.
//!
//! Both servers run as processes of their own, a fresh one for each measurement, and get the same
//! load from the same single thread here: one after the other in every round, so that what else
//! the machine does meets both. A figure is the median of all rounds, a ratio is that of the
//! medians. Memory is what the process grew by (`VmRSS`); what the kernel keeps for a socket is
//! the same for both and in neither.
//!
//! Read the ratios, not the rates: load and server share the machine, and on one with few or busy
//! cores a rate says more about those. That is also why what is not met fails the run only with
//! `--check`. Linux only, for epoll and `/proc`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark talks to whoever runs it"
)]

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

/// Connections that talk at once, for each of the two rates.
const TALKING: [u16; 2] = [64, 1_000];

/// Connections that are opened and then held idle.
const CROWD: u16 = 8_000;

/// The part of the bare loop's rate that is to be kept.
const RATE_KEPT: f64 = 0.9;

/// How many times the bare loop's time opening may take.
const OPENING_RATIO: f64 = 2.0;

/// Bytes an idle connection may cost.
const IDLE_BYTES: f64 = 1.5 * 1024.0;

/// What is sent and must come back: 64 bytes that all differ, so that none can be mistaken.
const MESSAGE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Rounds unless told otherwise: a median of fewer follows a single disturbance.
const ROUNDS: usize = 5;

/// Until caches, branch predictors and the scheduler have settled.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long echoes are counted: long against a scheduler's tick, short enough for many rounds.
const COUNTED: Duration = Duration::from_secs(2);

/// Connections on their way at once: some hundreds keep a server busy without ever filling its
/// backlog, which would measure the kernel's retransmission timer instead.
const OPENING_AT_ONCE: usize = 256;

/// A server that does not start or answer for so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Descriptors each of the processes needs beside its connections.
const RESERVED: u16 = 64;

/// Events taken from epoll at once, here and in the bare loop: as many as tokio takes.
const EVENTS: usize = 1024;

/// The argument that makes this program the bare loop.
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

/// What the command line asks for.
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
                // cargo's own, which it passes to every benchmark.
                "--bench" => {}
                _ => return None,
            }
        }
        Some(options)
    }
}

/// Measures both servers, prints the table, and returns whether the run is a success.
fn compare(options: &Options) -> io::Result<bool> {
    let crowd = CROWD.min(descriptors_for_connections());
    if crowd < CROWD {
        eprintln!("the limit of open files leaves room for {crowd} connections, not {CROWD}");
    }
    let mut rates = TALKING.map(|talking| {
        let what = format!("echoes a second, {talking} connections");
        (talking.min(crowd), Row::new(what, Wanted::RatioOf(RATE_KEPT)))
    });
    let what = format!("ms to open {crowd} connections");
    let mut opening = Row::new(what, Wanted::RatioUnder(OPENING_RATIO));
    let what = format!("bytes an idle connection, of {crowd}");
    let mut idle = Row::new(what, Wanted::AtMost(IDLE_BYTES));
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        for (talking, row) in &mut rates {
            for kind in Kind::BOTH {
                row.add(kind, echo_rate(kind, *talking)?);
            }
        }
        for kind in Kind::BOTH {
            let (took, bytes) = gather_crowd(kind, crowd)?;
            opening.add(kind, took.as_secs_f64() * 1e3);
            idle.add(kind, bytes);
        }
    }
    let [(_, few), (_, many)] = rates;
    let rows = [few, many, opening, idle];
    print_table(&rows);
    Ok(!options.check || rows.iter().all(Row::is_met))
}

/// Raises the soft limit of open files to the hard one, for this process and the servers it
/// starts, and returns how many connections fit into it.
fn descriptors_for_connections() -> u16 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    // Where this fails the old limit stands, and is what is returned.
    setrlimit(Resource::Nofile, raised).ok();
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    u16::try_from(limit).unwrap_or(u16::MAX).saturating_sub(RESERVED)
}

/// Returns the echoes a second of a fresh server.
fn echo_rate(kind: Kind, connections: u16) -> io::Result<f64> {
    let measured = Server::start(kind)
        .and_then(|server| Clients::connect(server.addr, connections)?.echo_rate());
    measured.map_err(during(kind, "echoing"))
}

/// Returns how long a fresh server took to get `connections`, each of which it answered once, and
/// the bytes it grew by for each.
fn gather_crowd(kind: Kind, connections: u16) -> io::Result<(Duration, f64)> {
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

/// Says where an error came from.
fn during(kind: Kind, what: &'static str) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{kind}, {what}: {error}"))
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

/// One line of the table: a figure of each server for each round, and what is wanted of them.
struct Row {
    what: String,
    wanted: Wanted,
    sockkit: Vec<f64>,
    bare_loop: Vec<f64>,
}

enum Wanted {
    /// At least so much of the bare loop's figure.
    RatioOf(f64),
    /// Less than so many times the bare loop's figure.
    RatioUnder(f64),
    /// At most this, whatever the bare loop's figure is.
    AtMost(f64),
}

impl Row {
    fn new(what: String, wanted: Wanted) -> Self {
        Self { what, wanted, sockkit: Vec::new(), bare_loop: Vec::new() }
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
        match self.wanted {
            Wanted::RatioOf(least) => self.ratio() >= least,
            Wanted::RatioUnder(bound) => self.ratio() < bound,
            Wanted::AtMost(most) => median(&self.sockkit) <= most,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Self::RatioOf(least) => format!("ratio >= {least}"),
            Self::RatioUnder(bound) => format!("ratio < {bound}"),
            Self::AtMost(most) => format!("at most {most}"),
        })
    }
}

fn print_table(rows: &[Row]) {
    let width = rows.iter().map(|row| row.what.len()).max().unwrap_or(0);
    let [ours, theirs] = Kind::BOTH;
    println!("{:width$}  {ours:>10}  {theirs:>10}  {:>5}  wanted", "", "ratio");
    for row in rows {
        println!(
            "{:width$}  {:>10.0}  {:>10.0}  {:>5.2}  {:14}  {}",
            row.what,
            median(&row.sockkit),
            median(&row.bare_loop),
            row.ratio(),
            row.wanted,
            if row.is_met() { "ok" } else { "NOT MET" },
        );
    }
}

/// Returns the median of `figures`, of which there is at least one.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

/// A running server; ended when dropped.
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
            // Neither is what is measured; the clients must all fit.
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

    /// Waits for the port file, which appears with its content once the server listens.
    fn port_from(&mut self, file: &Path) -> io::Result<u16> {
        let deadline = Instant::now() + PATIENCE;
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

    /// Returns the bytes of memory the process has.
    fn memory(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        // See proc_pid_status(5): "VmRSS:      1234 kB", and kB are KiB.
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))
            .and_then(|kib| kib.trim().parse::<f64>().ok());
        kib.map(|kib| kib * 1024.0).ok_or_else(|| io::Error::other("its memory is not known"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Where this fails it has ended by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn port_number(text: &str) -> io::Result<u16> {
    let not_a_port = |_| io::Error::other(format!("the server gave no port but {text:?}"));
    text.trim().parse().map_err(not_a_port)
}

/// Connections to one server, all driven by the calling thread.
struct Clients {
    epoll: OwnedFd,
    /// A connection's place here is what epoll calls it.
    streams: Vec<TcpStream>,
}

impl Clients {
    /// Opens `count` connections. Each has sent a byte and got it back: a handshake alone is the
    /// kernel's work and says nothing about the server.
    fn connect(addr: SocketAddr, count: u16) -> io::Result<Self> {
        let count = usize::from(count);
        let mut clients = Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            streams: Vec::with_capacity(count),
        };
        let deadline = Instant::now() + PATIENCE;
        let mut events = Vec::with_capacity(EVENTS);
        let mut answered = 0;
        while answered < count {
            while clients.streams.len() < count.min(answered + OPENING_AT_ONCE) {
                clients.begin_one(addr)?;
            }
            wait(&clients.epoll, &mut events)?;
            for event in events.drain(..) {
                answered += usize::from(clients.advance_one(event)?);
            }
            if Instant::now() > deadline {
                let message = format!("{answered} of {count} connections in {PATIENCE:?}");
                return Err(io::Error::new(ErrorKind::TimedOut, message));
            }
        }
        Ok(clients)
    }

    fn begin_one(&mut self, addr: SocketAddr) -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&addr.into()) {
            Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => {
                return Err(error);
            }
            _ => {}
        }
        let name = epoll::EventData::new_u64(self.streams.len() as u64);
        epoll::add(&self.epoll, &socket, name, epoll::EventFlags::OUT)?;
        self.streams.push(socket.into());
        Ok(())
    }

    /// Sends the first byte once connected; returns whether it has come back.
    fn advance_one(&self, event: epoll::Event) -> io::Result<bool> {
        let mut stream = &self.streams[place(event)];
        let flags = event.flags;
        if flags.contains(epoll::EventFlags::OUT) {
            // Fails with whatever kept it from connecting.
            stream.write_all(&MESSAGE[..1])?;
            epoll::modify(&self.epoll, stream, event.data, epoll::EventFlags::IN)?;
            return Ok(false);
        }
        stream.read_exact(&mut [0])?;
        Ok(true)
    }

    /// Lets every connection send a message, wait for all of its echo and send the next, and
    /// returns how many echoes a second come of it.
    fn echo_rate(&self) -> io::Result<f64> {
        for mut stream in &self.streams {
            stream.write_all(MESSAGE)?;
        }
        let mut received = vec![0; self.streams.len()];
        self.echo_for(WARM_UP, &mut received)?;
        let started = Instant::now();
        let echoes = self.echo_for(COUNTED, &mut received)?;
        Ok(f64::from(echoes) / started.elapsed().as_secs_f64())
    }

    /// Goes on for so long and returns the number of whole echoes. `received` is how much of its
    /// present echo each connection has.
    fn echo_for(&self, lasting: Duration, received: &mut [usize]) -> io::Result<u32> {
        let end = Instant::now() + lasting;
        let mut events = Vec::with_capacity(EVENTS);
        let mut buffer = [0; MESSAGE.len()];
        let mut echoes = 0;
        while Instant::now() < end {
            wait(&self.epoll, &mut events)?;
            for event in events.drain(..) {
                let mut stream = &self.streams[place(event)];
                let received = &mut received[place(event)];
                let missing = &MESSAGE[*received..];
                let len = stream.read(&mut buffer[..missing.len()])?;
                if len == 0 || buffer[..len] != missing[..len] {
                    return Err(io::Error::other("what came back is not what was sent"));
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
    /// Resets the connections: tens of thousands that were closed in order would keep their ports
    /// for a minute, and slow down the rounds to come.
    fn drop(&mut self) {
        for stream in &self.streams {
            // Without it this run is only less even.
            SockRef::from(stream).set_linger(Some(Duration::ZERO)).ok();
        }
    }
}

/// An echo server with nothing around it: one thread, one buffer, level-triggered epoll. Prints
/// its port, and ends when standard input does, that is, with whoever started it.
fn bare_loop() -> io::Result<()> {
    let listener = bare_listener()?;
    println!("{}", listener.local_addr()?.port());
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    watch(&epoll, &listener)?;
    watch(&epoll, &io::stdin())?;
    // By descriptor: the kernel gives the lowest free one, so there are few gaps.
    let mut clients: Vec<Option<TcpStream>> = Vec::new();
    let mut events = Vec::with_capacity(EVENTS);
    // As large as the subject's.
    let mut buffer = vec![0; 64 * 1024];
    loop {
        wait(&epoll, &mut events)?;
        for event in events.drain(..) {
            let place = place(event);
            if place == number(&listener) {
                accept_all(&epoll, &listener, &mut clients)?;
            } else if place == number(&io::stdin()) {
                return Ok(());
            } else if let Some(client) = &mut clients[place] {
                let len = client.read(&mut buffer).unwrap_or(0);
                if len == 0 || client.write_all(&buffer[..len]).is_err() {
                    // Closing it is what makes epoll forget it.
                    clients[place] = None;
                }
            }
        }
    }
}

fn bare_listener() -> io::Result<TcpListener> {
    // The subject's, and the most Linux grants by default; std's 128 is too few for either.
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
        let place = number(&client);
        if clients.len() <= place {
            clients.resize_with(place + 1, || None);
        }
        clients[place] = Some(client);
    }
}

/// Has epoll report what can be read from `source`, under its number.
fn watch(epoll: &OwnedFd, source: &(impl AsFd + AsRawFd)) -> io::Result<()> {
    let name = epoll::EventData::new_u64(number(source) as u64);
    Ok(epoll::add(epoll, source, name, epoll::EventFlags::IN)?)
}

fn number(source: &impl AsRawFd) -> usize {
    usize::try_from(source.as_raw_fd()).expect("an open descriptor is not negative")
}

/// Waits for events, for a moment: whoever waits looks at the clock, too.
fn wait(epoll: &OwnedFd, events: &mut Vec<epoll::Event>) -> io::Result<()> {
    const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    retry_on_intr(|| epoll::wait(epoll, spare_capacity(events), Some(&MOMENT)))?;
    Ok(())
}

/// Returns what an event belongs to, as it was named when epoll was told of it.
fn place(event: epoll::Event) -> usize {
    usize::try_from(event.data.u64()).expect("it was a usize when it was given")
}
