//! Measures how fast `sockkit connect` and `sockkit listen` move bytes over loopback, in comparison
//! with similar tools and with a minimal read/write loop.
//!
//! ```text
//! cargo bench --bench throughput -- [pipe] [file] [null] [tls] [--size 4G] [--rounds N] [--check]
//! ```
//!
//! The targets: sockkit is at least as fast as ncat, netcat-openbsd and socat (with its default
//! buffer and with a large one). It reaches at least 0.95 of the rate of a plain loop that reads
//! and writes 256 KiB at a time, and over TLS at least twice the rate of `openssl s_client` and
//! `s_server`. Each sockkit process uses less than 20 MB, whether its reader is fast or slow.
//!
//! The bytes take one of three routes, each of which the tools handle differently:
//!
//! - `pipe` and `tls`: one process writes the bytes to the client through a pipe, and another one
//!   counts those that the server writes to a pipe. The time is measured from the arrival of the
//!   first byte to the arrival of the last one.
//! - `file`: the client reads a file, and the server writes one, in memory if possible.
//! - `null`: the client reads a pipe, and the server writes to `/dev/null`.
//!
//! On the last two, no process sees the bytes arrive, so the time is measured from the start of the
//! client to the exit of the server; starting and ending the processes takes milliseconds.
//!
//! The tools alternate within each round, so that other load on the machine affects all of them,
//! and in another order each time: the state in which a transfer leaves the memory of the machine
//! makes the next one up to a third faster or slower. Each figure is the median over all rounds,
//! and each ratio is a ratio of medians. Compare the ratios, not the rates: up to five processes
//! share the machine. For the same reason, a missed target fails the run only with `--check`. A
//! tool that is not installed is skipped. With `--sockkit PATH`, another build of sockkit is
//! measured. The benchmark needs Linux, for `/proc`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its report")]

mod endpoints;
mod process;
mod report;
mod tool;
mod transfer;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use crate::endpoints::{count, loop_client, loop_server, produce};
use crate::report::Row;
use crate::tool::{Tool, is_installed};
use crate::transfer::{Memory, Route, Transfer};

/// Default number of bytes per transfer: a transfer takes seconds, the whole run minutes.
const SIZE: u64 = 4 << 30;

/// Number of bytes per transfer to a file, at most: the file may take memory.
const FILE_SIZE: u64 = 2 << 30;

/// Number of bytes transferred to the deliberately slow reader, at most.
const SLOW_SIZE: u64 = 128 << 20;

/// Pause of the slow reader after each block: long enough to make it slower than any tool here.
const SLOW_PAUSE: Duration = Duration::from_millis(2);

/// Default number of rounds. With fewer, a single disturbance can change the median.
const ROUNDS: usize = 5;

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
                let options = "[pipe] [file] [null] [tls] [--size 4G] [--rounds N] [--sockkit PATH] [--check]";
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

/// A table: the tools that make the same transfer.
struct Table {
    name: &'static str,
    route: Route,
    /// The first one is sockkit.
    tools: &'static [Tool],
}

const TABLES: [Table; 4] = [
    Table { name: "pipe", route: Route::Pipe, tools: &Tool::PLAIN },
    Table { name: "file", route: Route::File, tools: &Tool::PLAIN },
    Table { name: "null", route: Route::Null, tools: &Tool::PLAIN },
    Table { name: "tls", route: Route::Pipe, tools: &Tool::TLS },
];

/// The command-line options.
struct Options {
    /// The names of the tables to measure.
    tables: Vec<&'static str>,
    size: u64,
    rounds: usize,
    /// The sockkit executable.
    sockkit: String,
    check: bool,
}

impl Options {
    fn parse(args: &[&str]) -> Option<Self> {
        let sockkit = env!("CARGO_BIN_EXE_sockkit").to_owned();
        let mut options =
            Self { tables: Vec::new(), size: SIZE, rounds: ROUNDS, sockkit, check: false };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--size" => options.size = bytes(args.next()?)?,
                "--rounds" => options.rounds = args.next()?.parse().ok().filter(|n| *n > 0)?,
                "--sockkit" => (*args.next()?).clone_into(&mut options.sockkit),
                "--check" => options.check = true,
                // Cargo passes this argument to every benchmark.
                "--bench" => {}
                name => options.tables.push(TABLES.iter().find(|table| table.name == name)?.name),
            }
        }
        if options.tables.is_empty() {
            options.tables.extend(TABLES.iter().map(|table| table.name));
        }
        Some(options)
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
    for table in TABLES.iter().filter(|table| options.tables.contains(&table.name)) {
        met &= measure_all(table, options)?;
    }
    Ok(met || !options.check)
}

/// Returns the numbers below `count` in an order that depends on `round`.
fn shuffled(count: usize, round: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    numbers.sort_by_cached_key(|number| {
        let mut hasher = DefaultHasher::new();
        (round, number).hash(&mut hasher);
        hasher.finish()
    });
    numbers
}

/// Measures the tools of `table` with the same transfer. Prints the table and returns whether every
/// target is met.
fn measure_all(table: &Table, options: &Options) -> io::Result<bool> {
    let mut rows: Vec<Row> = Vec::new();
    for tool in table.tools {
        let program = tool.program(&options.sockkit);
        if is_installed(program) {
            rows.push(Row::new(*tool));
        } else {
            eprintln!("skipping {tool}: {program} is not installed");
        }
    }
    let size = match table.route {
        Route::File => options.size.min(FILE_SIZE),
        Route::Pipe | Route::Null => options.size,
    };
    let transfer =
        |size, pause| Transfer { route: table.route, size, pause, sockkit: &options.sockkit };
    let mut memory = Memory::default();
    for round in 1..=options.rounds {
        eprintln!("{}: round {round} of {}", table.name, options.rounds);
        for index in shuffled(rows.len(), round) {
            let row = &mut rows[index];
            let run = transfer(size, Duration::ZERO).measure(row.tool)?;
            row.rates.push(run.rate());
            if row.tool.is_sockkit() {
                memory.raise(run.memory);
            }
        }
    }
    let slow = match table.route {
        Route::Pipe => {
            let slow = transfer(size.min(SLOW_SIZE), SLOW_PAUSE);
            Some(slow.measure(table.tools[0])?.memory)
        }
        Route::File | Route::Null => None,
    };
    Ok(report::print_table(table.name, &rows, memory, slow))
}
