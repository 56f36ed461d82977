//! Measures `sockkit connect` and `sockkit listen` moving bytes from pipe to pipe over loopback,
//! against the tools people use for that, and against the least such a program can be.
//!
//! ```text
//! cargo bench --bench throughput -- [plain|tls] [--size 4G] [--rounds N] [--check]
//! ```
//!
//! What it is to show: nothing of ncat, netcat-openbsd and socat (with its own buffer and with a
//! large one) is faster, a plain loop that reads and writes 256 KiB at a time is not faster than
//! by a tenth, over TLS the same holds for `openssl s_client` and `s_server`, and neither of our
//! processes ever has more than 20 MB, whether its reader is fast or slow.
//!
//! Bytes are made by one process, counted by another, and pass through real pipes: source, client,
//! server, counter. Time runs from the first byte that arrives to the last, so that nothing of
//! starting and ending is in it. All take turns in every round, so that what else the machine does
//! meets each; a figure is the median of all rounds, a ratio is that of the medians. Read the
//! ratios, not the rates: five processes share the machine. That is also why what is not met fails
//! the run only with `--check`. A program that is not installed is left out. Linux only, for
//! `/proc`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark talks to whoever runs it"
)]

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

/// Bytes moved unless told otherwise: seconds at the rates there are, minutes in all.
const SIZE: u64 = 4 << 30;

/// Bytes moved to a reader that is slow on purpose.
const SLOW_SIZE: u64 = 128 << 20;

/// How long the slow reader looks away after each block: far from what anything here can do.
const SLOW_PAUSE: Duration = Duration::from_millis(2);

/// Rounds unless told otherwise: a median of fewer follows a single disturbance.
const ROUNDS: usize = 5;

/// What is read and written at once by the source, the counter and the plain loop. More gains
/// nothing, less costs.
const BLOCK: usize = 256 * 1024;

/// The part of the tools' rate that is to be kept.
const TOOLS_KEPT: f64 = 1.0;

/// The part of the plain loop's rate, and of openssl's, that is to be kept.
const LOOP_KEPT: f64 = 0.9;

/// Bytes each of our processes may have at most.
const MEMORY: f64 = 20e6;

/// Whoever has not moved everything after so long has failed.
const PATIENCE: Duration = Duration::from_mins(10);

/// How often memory is looked at; its peak is kept by the kernel.
const LOOK: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["emit", size] => number(size).and_then(emit),
        ["swallow", pause] => number(pause).and_then(swallow),
        ["loop-server", port] => number(port).and_then(loop_server),
        ["loop-client", port] => number(port).and_then(loop_client),
        _ => {
            let Some(options) = Options::parse(&words) else {
                let options = "[plain|tls] [--size 4G] [--rounds N] [--check]";
                eprintln!("usage: cargo bench --bench throughput -- {options}");
                return ExitCode::from(2);
            };
            return exit_code(compare(&options));
        }
    };
    exit_code(outcome.map(|()| true))
}

fn exit_code(outcome: io::Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("throughput benchmark: {error}");
            ExitCode::FAILURE
        }
    }
}

fn number<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| io::Error::other(format!("{text:?} is no number")))
}

/// What the command line asks for.
struct Options {
    plain: bool,
    tls: bool,
    size: u64,
    rounds: usize,
    check: bool,
}

impl Options {
    fn parse(args: &[&str]) -> Option<Self> {
        let mut options = Self { plain: true, tls: true, size: SIZE, rounds: ROUNDS, check: false };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "plain" => options.tls = false,
                "tls" => options.plain = false,
                "--size" => options.size = bytes(args.next()?)?,
                "--rounds" => options.rounds = args.next()?.parse().ok().filter(|n| *n > 0)?,
                "--check" => options.check = true,
                // cargo's own, which it passes to every benchmark.
                "--bench" => {}
                _ => return None,
            }
        }
        (options.plain || options.tls).then_some(options)
    }
}

/// Parses `4G`, `512M`, `65536`: a number of bytes that is not zero.
fn bytes(text: &str) -> Option<u64> {
    let (digits, shift) = match text.split_at_checked(text.len().checked_sub(1)?)? {
        (digits, "G") => (digits, 30),
        (digits, "M") => (digits, 20),
        (digits, "K") => (digits, 10),
        _ => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift).filter(|bytes| *bytes > 0)
}

/// Measures everybody, prints the tables, and returns whether the run is a success.
fn compare(options: &Options) -> io::Result<bool> {
    let mut met = true;
    if options.plain {
        met &= contest(&Mover::PLAIN, options)?;
    }
    if options.tls {
        met &= contest(&Mover::TLS, options)?;
    }
    Ok(met || !options.check)
}

/// Lets all of `movers` move the same, the first of whom is ours; returns whether every promise
/// is met.
fn contest(movers: &[Mover], options: &Options) -> io::Result<bool> {
    let mut rows: Vec<Row> = Vec::new();
    for mover in movers {
        if is_installed(mover.program()) {
            rows.push(Row::new(*mover));
        } else {
            eprintln!("{mover} is left out: no {} here", mover.program());
        }
    }
    let mut memory = Memory::default();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        for (place, row) in rows.iter_mut().enumerate() {
            let ours = place == 0;
            let run = Run::measure(row.mover, options.size, Duration::ZERO, ours)?;
            row.rates.push(run.rate());
            if ours {
                memory.raise(run.memory);
            }
        }
    }
    let slow = Run::measure(rows[0].mover, options.size.min(SLOW_SIZE), SLOW_PAUSE, true)?;
    Ok(print_table(&rows, memory, slow.memory))
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    program.contains('/') || std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Who moves bytes: always a client that reads a pipe and a server that writes one.
#[derive(Clone, Copy, PartialEq)]
enum Mover {
    Sockkit,
    Netcat,
    Ncat,
    Socat,
    SocatLarge,
    PlainLoop,
    SockkitTls,
    Openssl,
}

impl Mover {
    const PLAIN: [Self; 6] =
        [Self::Sockkit, Self::Netcat, Self::Ncat, Self::Socat, Self::SocatLarge, Self::PlainLoop];
    const TLS: [Self; 2] = [Self::SockkitTls, Self::Openssl];

    fn program(self) -> &'static str {
        match self {
            Self::Sockkit | Self::SockkitTls => env!("CARGO_BIN_EXE_sockkit"),
            Self::Netcat => "nc.openbsd",
            Self::Ncat => "ncat",
            Self::Socat | Self::SocatLarge => "socat",
            Self::PlainLoop => "/proc/self/exe",
            Self::Openssl => "openssl",
        }
    }

    /// The arguments of its server and of its client, split at spaces.
    fn arguments(self, port: u16) -> [String; 2] {
        let socat = |flags: &str| {
            [
                format!("{flags} TCP4-LISTEN:{port},bind=127.0.0.1,reuseaddr STDOUT"),
                format!("{flags} STDIN TCP4:127.0.0.1:{port}"),
            ]
        };
        match self {
            Self::Sockkit => {
                [format!("-q listen 127.0.0.1:{port}"), format!("-q connect 127.0.0.1:{port}")]
            }
            Self::SockkitTls => [
                format!("-q listen 127.0.0.1:{port} --tls --self-signed"),
                format!("-q connect 127.0.0.1:{port} --tls --insecure"),
            ],
            Self::Netcat => [format!("-d -l 127.0.0.1 {port}"), format!("-N 127.0.0.1 {port}")],
            Self::Ncat => [format!("--recv-only -l 127.0.0.1 {port}"), format!("127.0.0.1 {port}")],
            Self::Socat => socat("-u"),
            Self::SocatLarge => socat("-u -b 262144"),
            Self::PlainLoop => [format!("loop-server {port}"), format!("loop-client {port}")],
            Self::Openssl => [
                format!(
                    "s_server -quiet -naccept 1 -cert cert.pem -key key.pem -accept 127.0.0.1:{port}"
                ),
                // Without the second flag it would wait for the server's end, after ours.
                format!("s_client -quiet -no_ign_eof -nocommands -connect 127.0.0.1:{port}"),
            ],
        }
    }

    /// The part of its rate that ours is to keep.
    fn kept(self) -> Option<f64> {
        match self {
            Self::Sockkit | Self::SockkitTls => None,
            Self::Netcat | Self::Ncat | Self::Socat | Self::SocatLarge => Some(TOOLS_KEPT),
            Self::PlainLoop | Self::Openssl => Some(LOOP_KEPT),
        }
    }

    /// Makes in `dir` what it needs beside its arguments.
    fn prepare(self, dir: &Path) -> io::Result<()> {
        if self != Self::Openssl {
            return Ok(());
        }
        // The kind of key that ours makes for itself.
        let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
                       -subj /CN=localhost -keyout key.pem -out cert.pem";
        let made = Command::new("openssl")
            .args(request.split_whitespace())
            .current_dir(dir)
            .stderr(Stdio::null())
            .status()?;
        if made.success() { Ok(()) } else { Err(io::Error::other("openssl made no certificate")) }
    }
}

impl fmt::Display for Mover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sockkit => "sockkit",
            Self::Netcat => "nc.openbsd -N",
            Self::Ncat => "ncat",
            Self::Socat => "socat -u",
            Self::SocatLarge => "socat -u -b 262144",
            Self::PlainLoop => "plain loop",
            Self::SockkitTls => "sockkit --tls",
            Self::Openssl => "openssl",
        })
    }
}

/// Bytes of memory of both of our processes, at their peaks.
#[derive(Clone, Copy, Default)]
struct Memory {
    listen: f64,
    connect: f64,
}

impl Memory {
    fn raise(&mut self, other: Self) {
        self.listen = self.listen.max(other.listen);
        self.connect = self.connect.max(other.connect);
    }

    /// Looks at two processes, of which either may be gone already.
    fn look(&mut self, server: &Child, client: &Child) {
        self.raise(Self { listen: peak(server), connect: peak(client) });
    }
}

/// The most bytes of memory a process has had, 0 where it is gone.
fn peak(process: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    // See proc_pid_status(5): "VmHWM:      1234 kB", and kB are KiB.
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    kib.and_then(|kib| kib.trim().parse::<f64>().ok()).unwrap_or_default() * 1024.0
}

/// One transfer.
struct Run {
    size: u64,
    took: Duration,
    memory: Memory,
}

impl Run {
    /// Has `mover` move `size` bytes to a counter that pauses after each block. Where it is `ours`
    /// both processes have to end with success.
    fn measure(mover: Mover, size: u64, pause: Duration, ours: bool) -> io::Result<Self> {
        let failed = |error: io::Error| io::Error::new(error.kind(), format!("{mover}: {error}"));
        Self::try_measure(mover, size, pause, ours).map_err(failed)
    }

    fn try_measure(mover: Mover, size: u64, pause: Duration, ours: bool) -> io::Result<Self> {
        let dir = TempDir::new()?;
        mover.prepare(dir.path())?;
        let port = KeptPort::draw()?;
        let [mut server, mut client] = mover.arguments(port.number()?).map(|arguments| {
            let mut command = Command::new(mover.program());
            command.args(arguments.split_whitespace()).current_dir(dir.path());
            command.stderr(if ours { Stdio::inherit() } else { Stdio::null() });
            command
        });
        let [mut source, mut counter] =
            [["emit", &size.to_string()], ["swallow", &pause.as_micros().to_string()]].map(
                |arguments| {
                    let mut command = Command::new("/proc/self/exe");
                    command.args(arguments).stdout(Stdio::piped());
                    command
                },
            );
        // As a server, openssl would go round and round at an end of input.
        let input = if ours { Stdio::null() } else { Stdio::piped() };
        let mut server = Process::start(server.stdin(input).stdout(Stdio::piped()))?;
        port.wait_for_listener(&mut server)?;
        let mut counter = Process::start(counter.stdin(server.output()?))?;
        let mut source = Process::start(&mut source)?;
        let mut client = Process::start(client.stdin(source.output()?).stdout(Stdio::null()))?;
        let mut memory = Memory::default();
        let deadline = Instant::now() + PATIENCE;
        while counter.0.try_wait()?.is_none() {
            memory.look(&server.0, &client.0);
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(LOOK);
        }
        if ours {
            server.succeed()?;
            client.succeed()?;
        }
        let mut report = String::new();
        if let Some(mut output) = counter.0.stdout.take() {
            output.read_to_string(&mut report)?;
        }
        let (arrived, took) = report.trim().split_once(' ').unwrap_or_default();
        if number::<u64>(arrived)? != size {
            return Err(io::Error::other(format!("{arrived} of {size} bytes arrived")));
        }
        Ok(Self { size, took: Duration::from_micros(number(took)?), memory })
    }

    /// Bytes a second.
    fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let size = self.size as f64;
        size / self.took.as_secs_f64()
    }
}

/// A process, ended when dropped.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> io::Result<Self> {
        let program = command.get_program().to_owned();
        let failed = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", program.display()))
        };
        command.spawn().map(Self).map_err(failed)
    }

    /// Gives its standard output away, for another process.
    fn output(&mut self) -> io::Result<Stdio> {
        let output = self.0.stdout.take().map(Stdio::from);
        output.ok_or_else(|| io::Error::other("its output is not a pipe, or already given away"))
    }

    fn succeed(&mut self) -> io::Result<()> {
        let status = self.0.wait()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Where this fails it has ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A port for a server that cannot say which one it took: bound, so that nobody draws it, and open
/// to reuse, so that the server may have it nevertheless.
struct KeptPort(Socket);

impl KeptPort {
    fn draw() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        Ok(Self(socket))
    }

    fn number(&self) -> io::Result<u16> {
        let addr = self.0.local_addr()?.as_socket();
        addr.map(|addr| addr.port()).ok_or_else(|| io::Error::other("it has no port"))
    }

    /// Waits until `server` listens. It is not connected to, since most serve one client.
    fn wait_for_listener(&self, server: &mut Process) -> io::Result<()> {
        let address = format!("0100007F:{:04X}", self.number()?);
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            // proc_net_tcp: number, local address, remote address, state; 0A is TCP_LISTEN.
            let table = fs::read_to_string("/proc/net/tcp")?;
            let listens = |line: &str| {
                let fields: Vec<&str> = line.split_whitespace().take(4).collect();
                matches!(fields[..], [_, local, _, "0A"] if local == address)
            };
            if table.lines().any(listens) {
                return Ok(());
            }
            if let Some(status) = server.0.try_wait()? {
                return Err(io::Error::other(format!("the server ended: {status}")));
            }
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(LOOK);
        }
    }
}

/// One line of the table: a mover and its rate in each round.
struct Row {
    mover: Mover,
    rates: Vec<f64>,
}

impl Row {
    fn new(mover: Mover) -> Self {
        Self { mover, rates: Vec::new() }
    }
}

/// Prints all figures and returns whether what is promised is met. The first row is ours.
fn print_table(rows: &[Row], memory: Memory, slow: Memory) -> bool {
    let verdict = |met: bool| if met { "ok" } else { "NOT MET" };
    let mut all_met = true;
    let ours = median(&rows[0].rates);
    println!("{:24}  {:>9}  {:>10}  wanted", "", "GiB/s", "ours to it");
    for row in rows {
        let rate = median(&row.rates);
        print!("{:24}  {:>9.2}", row.mover, rate / f64::from(1 << 30));
        let Some(kept) = row.mover.kept() else {
            println!();
            continue;
        };
        let met = ours / rate >= kept;
        all_met &= met;
        println!("  {:>10.2}  ratio >= {kept:<5}  {}", ours / rate, verdict(met));
    }
    for (what, bytes) in [
        ("connect, at its peak", memory.connect),
        ("listen, at its peak", memory.listen),
        ("connect, slow reader", slow.connect),
        ("listen, slow reader", slow.listen),
    ] {
        let (megabytes, most) = (bytes / 1e6, MEMORY / 1e6);
        let met = bytes < MEMORY;
        all_met &= met;
        println!("{what:24}  {megabytes:>6.1} MB  {:>10}  < {most} MB        {}", "", verdict(met));
    }
    all_met
}

/// Returns the median of `figures`, of which there is at least one.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

/// Writes `size` bytes to standard output.
fn emit(size: u64) -> io::Result<()> {
    let mut output = standard(io::stdout())?;
    let block = vec![b'.'; BLOCK];
    let mut left = size;
    while left > 0 {
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK);
        output.write_all(&block[..len])?;
        left -= len as u64;
    }
    Ok(())
}

/// Reads standard input to its end, with a pause in microseconds after each block, and prints how
/// many bytes there were and how many microseconds lay between the first and the last of them.
fn swallow(pause: u64) -> io::Result<()> {
    let mut input = standard(io::stdin())?;
    let mut block = vec![0; BLOCK];
    let (mut counted, mut since_pause) = (0, 0);
    let mut first = None;
    let mut last = Instant::now();
    loop {
        let len = input.read(&mut block)?;
        if len == 0 {
            break;
        }
        last = Instant::now();
        first.get_or_insert(last);
        counted += len as u64;
        since_pause += len;
        if pause > 0 && since_pause >= BLOCK {
            since_pause = 0;
            thread::sleep(Duration::from_micros(pause));
        }
    }
    let took = last.duration_since(first.unwrap_or(last));
    println!("{counted} {}", took.as_micros());
    Ok(())
}

/// The least a server can be: reads from one client and writes to standard output.
fn loop_server(port: u16) -> io::Result<()> {
    let (client, _) = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.accept()?;
    pass(client, standard(io::stdout())?)
}

/// The least a client can be.
fn loop_client(port: u16) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    pass(standard(io::stdin())?, &server)?;
    server.shutdown(Shutdown::Write)?;
    // Until the other end has everything, and ends.
    io::copy(&mut &server, &mut io::sink())?;
    Ok(())
}

fn pass(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    loop {
        match from.read(&mut block)? {
            0 => return Ok(()),
            len => to.write_all(&block[..len])?,
        }
    }
}

/// A standard stream without the buffer that std puts before it.
fn standard(stream: impl AsFd) -> io::Result<File> {
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}
