//! Compares a scan of all loopback ports by `sockkit probe` with nmap and netcat.
//!
//! ```text
//! cargo bench --bench scan -- [--rounds N] [--sockkit PATH] [--check]
//! ```
//!
//! The targets: `sockkit probe 127.0.0.1 1-65535` takes no longer than `nmap -sT -T5` and `nc -z`
//! for the same ports, and finds the same ones open.
//!
//! The tools alternate within each round, in another order each time, so that other load on the
//! machine affects all. Each figure is the median over all rounds, and each ratio is a ratio of
//! medians. A tool that is not installed is left out. A missed target fails the run only with
//! `--check`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its report")]

#[path = "../common/mod.rs"]
mod common;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;

use crate::common::{Common, median, shuffled};

/// The number of ports that are open.
const OPEN_PORTS: usize = 20;

/// Target: sockkit's time divided by that of the other tool is at most this.
const MAX_RATIO: f64 = 1.0;

/// The tools, and their arguments for all ports of 127.0.0.1. The first one is sockkit.
const TOOLS: [(&str, &[&str]); 3] = [
    ("sockkit", &["probe", "127.0.0.1", "1-65535", "--plain"]),
    ("nmap", &["-sT", "-T5", "-n", "-Pn", "-oG", "-", "-p", "1-65535", "127.0.0.1"]),
    ("nc.openbsd", &["-z", "-v", "-n", "127.0.0.1", "1-65535"]),
];

/// Compares a scan of all loopback ports with other tools.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    let Options { common } = Options::parse();
    common.exit_code(compare(&common))
}

/// Runs all rounds, prints the table and returns whether every target is met.
fn compare(options: &Common) -> io::Result<bool> {
    let listeners: Vec<TcpListener> =
        (0..OPEN_PORTS).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<_>>()?;
    let mut expected = BTreeSet::new();
    for listener in &listeners {
        expected.insert(listener.local_addr()?.port());
    }
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); TOOLS.len()];
    let mut all_met = true;
    for round in options.rounds("scan") {
        for index in shuffled(TOOLS.len(), round) {
            let (tool, args) = &TOOLS[index];
            let times = &mut times[index];
            let program = if *tool == "sockkit" { &options.sockkit } else { *tool };
            let Some((time, found)) = run(program, args)? else { continue };
            times.push(time.as_secs_f64());
            let missing: Vec<&u16> = expected.difference(&found).collect();
            if !missing.is_empty() {
                all_met &= *tool != "sockkit";
                println!("{tool} did not find {missing:?}");
            }
        }
    }
    let sockkit = median(&times[0]);
    println!("{:12}  {:>8}  {:>6}  target", "scan", "s", "ratio");
    for ((tool, _), times) in TOOLS.iter().zip(&times) {
        if times.is_empty() {
            println!("{tool:12}  not installed");
            continue;
        }
        let time = median(times);
        print!("{tool:12}  {time:>8.3}");
        if *tool == "sockkit" {
            println!();
            continue;
        }
        let ratio = sockkit / time;
        let met = ratio <= MAX_RATIO;
        all_met &= met;
        println!("  {ratio:>6.2}  ratio <= {MAX_RATIO}  {}", if met { "ok" } else { "NOT MET" });
    }
    Ok(all_met)
}

/// Returns the time that a scan took and the open ports that it found; `None` if the tool is not
/// installed.
fn run(program: &str, args: &[&str]) -> io::Result<Option<(Duration, BTreeSet<u16>)>> {
    let began = Instant::now();
    let ran = Command::new(program).args(args).stdin(Stdio::null()).output();
    let time = began.elapsed();
    let output = match ran {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        ran => ran?,
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    Ok(Some((time, text.split([',', '\n']).filter_map(open_port).collect())))
}

/// Returns the port that a line or an entry of any of the tools reports as open:
/// `127.0.0.1:80\t…\topen`, `Ports: 80/open/tcp` or `Connection to 127.0.0.1 80 port succeeded!`.
fn open_port(entry: &str) -> Option<u16> {
    if let Some((target, rest)) = entry.split_once('\t')
        && rest.contains("\topen\t")
    {
        return target.rsplit(':').next()?.parse().ok();
    }
    if let Some((port, _)) = entry.split_once("/open/") {
        return port.rsplit(' ').next()?.parse().ok();
    }
    let words: Vec<&str> = entry.split(' ').collect();
    match words[..] {
        ["Connection", "to", _, port, .., _] if entry.contains("succeeded") => port.parse().ok(),
        _ => None,
    }
}
