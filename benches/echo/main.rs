//! Compares `sockkit echo-server` with the smallest possible echo server: a bare epoll loop.
//!
//! ```text
//! cargo bench --bench echo -- [--rounds N] [--sockkit PATH] [--check]
//! ```
//!
//! The targets: with 64-byte messages, the echo server reaches at least 0.95 of the bare loop's
//! rate over 64 connections and 0.9 over 1,000. It accepts 8,000 connections in less than twice
//! the bare loop's time. An idle connection takes at most 1.4 KiB of the server's own memory; that
//! of an idle TLS connection is only stated.
//!
//! Each round starts fresh server processes. One thread of this program generates the load for both
//! servers. For a rate, both have their connections, and the load alternates between them several
//! times per second, so that other load on the machine affects both. Each figure is the median over
//! all rounds, and each ratio is a ratio of medians.
//! Memory is the growth of the server's `VmRSS` after the first connections; it does not include
//! the kernel's memory for a socket, which is the same for both servers. With `--sockkit PATH`,
//! another build of sockkit is measured.
//!
//! Compare the ratios, not the rates: the load generator and the server share the machine, so on
//! few or busy cores a rate depends mainly on the machine. For the same reason, a missed target
//! fails the run only with `--check`. The benchmark needs Linux, for epoll and `/proc`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its report")]

mod bare_loop;
mod clients;
#[path = "../common/mod.rs"]
mod common;
mod poll;
mod server;
mod table;
mod tls;

use std::fmt;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::bare_loop::bare_loop;
use crate::clients::Clients;
use crate::common::{Common, shuffled};
use crate::server::Server;
use crate::table::{Row, Target, print_table};
use crate::tls::TlsClients;

/// Number of active connections for each of the two rate measurements, with the target: the echo
/// server's rate divided by the bare loop's is at least this.
const ACTIVE: [(u16, f64); 2] = [(64, 0.95), (1_000, 0.9)];

/// Number of connections that are opened and then stay idle.
const IDLE: u16 = 8_000;

/// Number of connections that are opened before the memory of the idle ones is measured.
const FIRST: u16 = 16;

/// Number of TLS connections that are opened one after the other and then stay idle.
const IDLE_TLS: u16 = 500;

/// Target: the echo server's time to open connections divided by the bare loop's is below this.
const MAX_OPENING_RATIO: f64 = 2.0;

/// Target: bytes of server memory per idle connection, at most.
const MAX_IDLE_BYTES: f64 = 1.4 * 1024.0;

/// How often each server's rate is measured in a round.
const TURNS: usize = 12;

/// How long a server may take to start or to answer before the run fails.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Number of descriptors that each process needs besides its connections.
const RESERVED: u16 = 64 + FIRST;

/// The argument that makes this program run the bare loop.
const BARE_LOOP: &str = "bare-loop";

/// Compares the echo server with a bare epoll loop.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    if args.next().is_some_and(|arg| arg == BARE_LOOP) {
        return match bare_loop() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("bare loop: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let Options { common } = Options::parse();
    common.exit_code(compare(&common))
}

/// Measures both servers, prints the table and returns whether every target is met.
fn compare(options: &Common) -> io::Result<bool> {
    let idle_count = IDLE.min(max_connections());
    if idle_count < IDLE {
        eprintln!("the limit of open files allows {idle_count} connections, not {IDLE}");
    }
    let mut rates = ACTIVE.map(|(count, min)| {
        let label = format!("echoes per second, {count} connections");
        (count.min(idle_count), Row::new(label, Target::RatioAtLeast(min)))
    });
    let label = format!("ms to open {idle_count} connections");
    let mut opening = Row::new(label, Target::RatioBelow(MAX_OPENING_RATIO));
    let label = format!("bytes per idle connection, of {idle_count}");
    let mut idle = Row::new(label, Target::AtMost(MAX_IDLE_BYTES));
    let tls_count = IDLE_TLS.min(idle_count);
    let label = format!("bytes per idle TLS connection, of {tls_count}");
    let mut idle_tls = Row::new(label, Target::None);
    for _ in options.rounds("echo") {
        for (count, row) in &mut rates {
            measure_rates(options, *count, row)?;
        }
        for kind in Kind::BOTH {
            let (took, bytes) = open_and_hold(kind, options, idle_count)?;
            opening.add(kind, took.as_secs_f64() * 1e3);
            idle.add(kind, bytes);
        }
        idle_tls.add(Kind::Sockkit, hold_tls(options, tls_count)?);
    }
    let [(_, few), (_, many)] = rates;
    let rows = [few, many, opening, idle, idle_tls];
    print_table(&rows);
    Ok(rows.iter().all(Row::is_met))
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

/// Starts both servers, and adds their echoes per second, measured in turns, to `row`.
fn measure_rates(options: &Common, connections: u16, row: &mut Row) -> io::Result<()> {
    let mut loaded = Vec::new();
    for kind in Kind::BOTH {
        let started = Server::start(kind, &options.sockkit).and_then(|server| {
            let clients = Clients::connect(server.addr, connections)?;
            clients.start()?;
            Ok((kind, server, clients))
        });
        loaded.push(started.map_err(during(kind, "connecting"))?);
    }
    for turn in 0..TURNS {
        for index in shuffled(loaded.len(), turn) {
            let (kind, _, clients) = &mut loaded[index];
            row.add(*kind, clients.echo_rate().map_err(during(*kind, "echoing"))?);
        }
    }
    Ok(())
}

/// Starts a server and opens `connections`, each of which the server must answer once. Returns how
/// long that took, and by how many bytes per connection the server's memory grew.
fn open_and_hold(kind: Kind, options: &Common, connections: u16) -> io::Result<(Duration, f64)> {
    let measured = Server::start(kind, &options.sockkit).and_then(|server| {
        // The first connections also allocate what all of them share, on each of the threads.
        let _first = Clients::connect(server.addr, FIRST)?;
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

/// Starts sockkit's server over TLS and opens `connections`, each of which the server must answer
/// once. Returns by how many bytes per connection the server's memory grew.
fn hold_tls(options: &Common, connections: u16) -> io::Result<f64> {
    let measured = Server::start_tls(&options.sockkit).and_then(|server| {
        let clients = TlsClients::new()?;
        // The first connection also allocates what all of them share.
        let _first = clients.connect(server.addr)?;
        let before = server.memory()?;
        let opened: Vec<_> =
            (0..connections).map(|_| clients.connect(server.addr)).collect::<io::Result<_>>()?;
        let grown = server.memory()? - before;
        drop(opened);
        Ok(grown / f64::from(connections))
    });
    measured.map_err(during(Kind::Sockkit, "opening TLS connections"))
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
