//! Measures how fast `sockkit connect` and `sockkit listen` move bytes from pipe to pipe over
//! loopback, in comparison with similar tools and with a minimal read/write loop.
//!
//! ```text
//! cargo bench --bench throughput -- [plain|tls] [--size 4G] [--rounds N] [--check]
//! ```
//!
//! The targets: sockkit is at least as fast as ncat, netcat-openbsd and socat (with its default
//! buffer and with a large one). It reaches at least 0.9 of the rate of a plain loop that reads and
//! writes 256 KiB at a time, and over TLS at least 0.9 of the rate of `openssl s_client` and
//! `s_server`. Each sockkit process uses less than 20 MB, whether its reader is fast or slow.
//!
//! One process produces the bytes and another one counts them. The bytes pass through real pipes:
//! source, client, server, counter. The time is measured from the arrival of the first byte to the
//! arrival of the last one, so it does not include starting and ending the processes. The tools
//! alternate within each round, so that other load on the machine affects all of them. Each figure
//! is the median over all rounds, and each ratio is a ratio of medians. Compare the ratios, not the
//! rates: five processes share the machine. For the same reason, a missed target fails the run only
//! with `--check`. A tool that is not installed is skipped. The benchmark needs Linux, for `/proc`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its report")]

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

/// Default number of bytes per transfer: a transfer takes seconds, the whole run minutes.
const SIZE: u64 = 4 << 30;

/// Number of bytes transferred to the deliberately slow reader, at most.
const SLOW_SIZE: u64 = 128 << 20;

/// Pause of the slow reader after each block: long enough to make it slower than any tool here.
const SLOW_PAUSE: Duration = Duration::from_millis(2);

/// Default number of rounds. With fewer, a single disturbance can change the median.
const ROUNDS: usize = 5;

/// Bytes per read and write of the source, the counter and the plain loop. A larger block is not
/// faster, a smaller one is slower.
const BLOCK: usize = 256 * 1024;

/// Target: sockkit's rate divided by that of ncat, netcat or socat is at least this.
const MIN_TOOL_RATIO: f64 = 1.0;

/// Target: sockkit's rate divided by that of the plain loop or of openssl is at least this.
const MIN_LOOP_RATIO: f64 = 0.9;

/// Target: each sockkit process uses fewer bytes of memory than this.
const MAX_MEMORY: f64 = 20e6;

/// How long a transfer may take before the run fails.
const TIMEOUT: Duration = Duration::from_mins(10);

/// How long a server may take to start listening before the run fails.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause between two polls of the processes for their memory and their exit. The kernel reports the
/// peak of the memory, so a peak between two polls is not missed.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["produce", size] => parse(size).and_then(produce),
        ["count", pause] => parse(pause).and_then(count),
        ["loop-server", port] => parse(port).and_then(loop_server),
        ["loop-client", port] => parse(port).and_then(loop_client),
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

/// Parses a number.
fn parse<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| io::Error::other(format!("{text:?} is not a number")))
}

/// The command-line options.
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
                // Cargo passes this argument to every benchmark.
                "--bench" => {}
                _ => return None,
            }
        }
        (options.plain || options.tls).then_some(options)
    }
}

/// Parses a non-zero number of bytes, such as `4G`, `512M` or `65536`.
fn bytes(text: &str) -> Option<u64> {
    let (digits, shift) = match text.split_at_checked(text.len().checked_sub(1)?)? {
        (digits, "G") => (digits, 30),
        (digits, "M") => (digits, 20),
        (digits, "K") => (digits, 10),
        _ => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift).filter(|bytes| *bytes > 0)
}

/// Measures all tools, prints the tables and returns whether the run succeeded.
fn compare(options: &Options) -> io::Result<bool> {
    let mut met = true;
    if options.plain {
        met &= measure_all(&Tool::PLAIN, options)?;
    }
    if options.tls {
        met &= measure_all(&Tool::TLS, options)?;
    }
    Ok(met || !options.check)
}

/// Measures `tools`, of which the first must be sockkit, with the same transfer. Prints their table
/// and returns whether every target is met.
fn measure_all(tools: &[Tool], options: &Options) -> io::Result<bool> {
    let mut rows: Vec<Row> = Vec::new();
    for tool in tools {
        if is_installed(tool.program()) {
            rows.push(Row::new(*tool));
        } else {
            eprintln!("skipping {tool}: {} is not installed", tool.program());
        }
    }
    let mut memory = Memory::default();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        for row in &mut rows {
            let run = Run::measure(row.tool, options.size, Duration::ZERO)?;
            row.rates.push(run.rate());
            if row.tool.is_sockkit() {
                memory.raise(run.memory);
            }
        }
    }
    let slow = Run::measure(rows[0].tool, options.size.min(SLOW_SIZE), SLOW_PAUSE)?;
    Ok(print_table(&rows, memory, slow.memory))
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    program.contains('/') || std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// A tool to measure. Its client reads bytes from a pipe, and its server writes them to a pipe.
#[derive(Clone, Copy, PartialEq)]
enum Tool {
    Sockkit,
    Netcat,
    Ncat,
    Socat,
    SocatLarge,
    PlainLoop,
    SockkitTls,
    Openssl,
}

impl Tool {
    const PLAIN: [Self; 6] =
        [Self::Sockkit, Self::Netcat, Self::Ncat, Self::Socat, Self::SocatLarge, Self::PlainLoop];
    const TLS: [Self; 2] = [Self::SockkitTls, Self::Openssl];

    fn is_sockkit(self) -> bool {
        matches!(self, Self::Sockkit | Self::SockkitTls)
    }

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

    /// Returns the arguments of the server and of the client, separated by spaces.
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
                // `-quiet` also ignores EOF on standard input, which `-no_ign_eof` undoes.
                format!("s_client -quiet -no_ign_eof -nocommands -connect 127.0.0.1:{port}"),
            ],
        }
    }

    /// Returns the target for sockkit's rate divided by this tool's, or `None` for sockkit itself.
    fn min_ratio(self) -> Option<f64> {
        match self {
            Self::Sockkit | Self::SockkitTls => None,
            Self::Netcat | Self::Ncat | Self::Socat | Self::SocatLarge => Some(MIN_TOOL_RATIO),
            Self::PlainLoop | Self::Openssl => Some(MIN_LOOP_RATIO),
        }
    }

    /// Creates in `dir` the files that the tool needs.
    fn prepare(self, dir: &Path) -> io::Result<()> {
        if self != Self::Openssl {
            return Ok(());
        }
        // The kind of key that `sockkit listen --self-signed` creates.
        let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
                       -subj /CN=localhost -keyout key.pem -out cert.pem";
        let made = Command::new("openssl")
            .args(request.split_whitespace())
            .current_dir(dir)
            .stderr(Stdio::null())
            .status()?;
        if made.success() {
            Ok(())
        } else {
            Err(io::Error::other("openssl created no certificate"))
        }
    }
}

impl fmt::Display for Tool {
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

/// Peak memory of both sockkit processes, in bytes.
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

/// The result of one transfer.
struct Run {
    size: u64,
    took: Duration,
    memory: Memory,
}

impl Run {
    /// Transfers `size` bytes through `tool` to a counter that pauses after each block.
    ///
    /// # Errors
    /// The transfer failed, or a sockkit process exited with a failure.
    fn measure(tool: Tool, size: u64, pause: Duration) -> io::Result<Self> {
        let failed = |error: io::Error| io::Error::new(error.kind(), format!("{tool}: {error}"));
        Self::try_measure(tool, size, pause).map_err(failed)
    }

    fn try_measure(tool: Tool, size: u64, pause: Duration) -> io::Result<Self> {
        let is_sockkit = tool.is_sockkit();
        let dir = TempDir::new()?;
        tool.prepare(dir.path())?;
        let port = ReservedPort::reserve()?;
        let [mut server, mut client] = tool.arguments(port.number()?).map(|arguments| {
            let mut command = Command::new(tool.program());
            command.args(arguments.split_whitespace()).current_dir(dir.path());
            command.stderr(if is_sockkit { Stdio::inherit() } else { Stdio::null() });
            command
        });
        let [mut source, mut counter] =
            [["produce", &size.to_string()], ["count", &pause.as_micros().to_string()]].map(
                |arguments| {
                    let mut command = Command::new("/proc/self/exe");
                    command.args(arguments).stdout(Stdio::piped());
                    command
                },
            );
        // At EOF on standard input, `openssl s_server` would spin.
        let input = if is_sockkit { Stdio::null() } else { Stdio::piped() };
        let mut server = Process::start(server.stdin(input).stdout(Stdio::piped()))?;
        port.wait_for_listener(&mut server)?;
        let mut counter = Process::start(counter.stdin(server.output()?))?;
        let mut source = Process::start(&mut source)?;
        let mut client = Process::start(client.stdin(source.output()?).stdout(Stdio::null()))?;
        let mut memory = Memory::default();
        let deadline = Instant::now() + TIMEOUT;
        while counter.0.try_wait()?.is_none() {
            memory.sample(&server.0, &client.0);
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(POLL_INTERVAL);
        }
        if is_sockkit {
            server.wait_for_success()?;
            client.wait_for_success()?;
        }
        let mut report = String::new();
        if let Some(mut output) = counter.0.stdout.take() {
            output.read_to_string(&mut report)?;
        }
        let (arrived, micros) = report.trim().split_once(' ').unwrap_or_default();
        if parse::<u64>(arrived)? != size {
            return Err(io::Error::other(format!("{arrived} of {size} bytes arrived")));
        }
        Ok(Self { size, took: Duration::from_micros(parse(micros)?), memory })
    }

    /// Returns the rate in bytes per second.
    fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "the figure is only printed and compared")]
        let size = self.size as f64;
        size / self.took.as_secs_f64()
    }
}

/// A running process; killed when dropped.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> io::Result<Self> {
        let program = command.get_program().to_owned();
        let failed = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", program.display()))
        };
        command.spawn().map(Self).map_err(failed)
    }

    /// Takes the process's standard output, as the input of another process.
    fn output(&mut self) -> io::Result<Stdio> {
        let output = self.0.stdout.take().map(Stdio::from);
        output.ok_or_else(|| io::Error::other("the output is not a pipe, or was already taken"))
    }

    fn wait_for_success(&mut self) -> io::Result<()> {
        let status = self.0.wait()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // If this fails, the process has already exited.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A free port for a server that cannot report which port it chose. The port is bound here, so that
/// the kernel assigns it to no other process, with `SO_REUSEADDR`, so that the server can bind it
/// too.
struct ReservedPort(Socket);

impl ReservedPort {
    fn reserve() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        Ok(Self(socket))
    }

    fn number(&self) -> io::Result<u16> {
        let addr = self.0.local_addr()?.as_socket();
        addr.map(|addr| addr.port()).ok_or_else(|| io::Error::other("the socket has no port"))
    }

    /// Waits until `server` listens. It does not connect, because most tools serve only one client.
    fn wait_for_listener(&self, server: &mut Process) -> io::Result<()> {
        let address = format!("0100007F:{:04X}", self.number()?);
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            // The fields are number, local address, remote address and state; 0A is TCP_LISTEN.
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
            thread::sleep(POLL_INTERVAL);
        }
    }
}

/// One row of the table: a tool and its rate in each round.
struct Row {
    tool: Tool,
    rates: Vec<f64>,
}

impl Row {
    fn new(tool: Tool) -> Self {
        Self { tool, rates: Vec::new() }
    }
}

/// Prints all figures and returns whether every target is met. The first row must be sockkit's.
fn print_table(rows: &[Row], memory: Memory, slow: Memory) -> bool {
    let verdict = |met: bool| if met { "ok" } else { "NOT MET" };
    let mut all_met = true;
    let sockkit = median(&rows[0].rates);
    println!("{:24}  {:>9}  {:>10}  target", "", "GiB/s", "ratio");
    for row in rows {
        let rate = median(&row.rates);
        print!("{:24}  {:>9.2}", row.tool, rate / f64::from(1 << 30));
        let Some(min) = row.tool.min_ratio() else {
            println!();
            continue;
        };
        let ratio = sockkit / rate;
        let met = ratio >= min;
        all_met &= met;
        println!("  {ratio:>10.2}  ratio >= {min:<5}  {}", verdict(met));
    }
    for (label, bytes) in [
        ("connect, peak memory", memory.connect),
        ("listen, peak memory", memory.listen),
        ("connect, slow reader", slow.connect),
        ("listen, slow reader", slow.listen),
    ] {
        let (megabytes, max) = (bytes / 1e6, MAX_MEMORY / 1e6);
        let met = bytes < MAX_MEMORY;
        all_met &= met;
        println!("{label:24}  {megabytes:>6.1} MB  {:>10}  < {max} MB        {}", "", verdict(met));
    }
    all_met
}

/// Returns the median of `figures`, which must not be empty.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

/// Writes `size` bytes to standard output.
fn produce(size: u64) -> io::Result<()> {
    let mut output = unbuffered(io::stdout())?;
    let block = vec![b'.'; BLOCK];
    let mut left = size;
    while left > 0 {
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK);
        output.write_all(&block[..len])?;
        left -= len as u64;
    }
    Ok(())
}

/// Reads standard input to EOF, with a pause of `pause` microseconds after each block. Prints the
/// number of bytes, and the number of microseconds between the first and the last of them.
fn count(pause: u64) -> io::Result<()> {
    let mut input = unbuffered(io::stdin())?;
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

/// Runs the minimal server: it copies the data of one client to standard output.
fn loop_server(port: u16) -> io::Result<()> {
    let (client, _) = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.accept()?;
    copy(client, unbuffered(io::stdout())?)
}

/// Runs the minimal client: it copies standard input to the server.
fn loop_client(port: u16) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    copy(unbuffered(io::stdin())?, &server)?;
    server.shutdown(Shutdown::Write)?;
    // Wait until the server has received everything and closes.
    io::copy(&mut &server, &mut io::sink())?;
    Ok(())
}

fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    loop {
        match from.read(&mut block)? {
            0 => return Ok(()),
            len => to.write_all(&block[..len])?,
        }
    }
}

/// Returns a standard stream without std's buffer.
fn unbuffered(stream: impl AsFd) -> io::Result<File> {
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}
