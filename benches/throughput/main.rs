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

#[path = "../common/mod.rs"]
mod common;
mod endpoints;
mod process;
mod report;
mod tool;
mod transfer;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::common::{Common, shuffled};
use crate::endpoints::{count, loop_client, loop_server, produce};
use crate::report::Row;
use crate::tool::{Tool, is_installed};
use crate::transfer::{Memory, Route, Transfer};

/// Number of bytes per transfer to a file, at most: the file may take memory.
const FILE_SIZE: u64 = 2 << 30;

/// Number of bytes transferred to the deliberately slow reader, at most.
const SLOW_SIZE: u64 = 128 << 20;

/// Pause of the slow reader after each block: long enough to make it slower than any tool here.
const SLOW_PAUSE: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["produce", size] => parse(size).and_then(produce),
        ["count", pause] => parse(pause).and_then(count),
        ["loop-server", port] => parse(port).and_then(loop_server),
        ["loop-client", port] => parse(port).and_then(loop_client),
        _ => {
            let options = Options::parse();
            return options.common.exit_code(compare(&options));
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
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

/// Measures how fast sockkit moves bytes over loopback.
#[derive(Parser)]
struct Options {
    /// The tables to measure; all by default
    #[arg(value_parser = TABLES.map(|table| table.name))]
    tables: Vec<String>,
    /// Bytes per transfer, such as 4G, 512M or 65536
    #[arg(long, default_value = "4G", value_parser = bytes)]
    size: u64,
    #[command(flatten)]
    common: Common,
}

/// Parses a non-zero number of bytes, such as `4G`, `512M` or `65536`.
fn bytes(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.chars().last() {
        Some('G') => (&text[..text.len() - 1], 30),
        Some('M') => (&text[..text.len() - 1], 20),
        Some('K') => (&text[..text.len() - 1], 10),
        _ => (text, 0),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "not a number of bytes".to_owned())
}

/// Measures all tools, prints the tables and returns whether every target is met.
fn compare(options: &Options) -> io::Result<bool> {
    let mut met = true;
    for table in TABLES {
        if !options.tables.is_empty() && !options.tables.iter().any(|name| name == table.name) {
            continue;
        }
        met &= measure_all(&table, options)?;
    }
    Ok(met)
}

/// Measures the tools of `table` with the same transfer. Prints the table and returns whether every
/// target is met.
fn measure_all(table: &Table, options: &Options) -> io::Result<bool> {
    let mut rows: Vec<Row> = Vec::new();
    for tool in table.tools {
        let program = tool.program(&options.common.sockkit);
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
    let transfer = |size, pause| Transfer {
        route: table.route,
        size,
        pause,
        sockkit: &options.common.sockkit,
    };
    let mut memory = Memory::default();
    for round in options.common.rounds(table.name) {
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
