//! Compares `sockkit resolve` with dig, kdig and dnsperf at a local server: Knot DNS with one
//! worker, which the benchmark starts.
//!
//! ```text
//! cargo bench --bench resolve -- [rate] [cold] [memory] [--names N] [--rounds N]
//!     [--sockkit PATH] [--check]
//! ```
//!
//! The targets:
//!
//! - `rate`: `resolve --file` looks up names at least twice as fast as `dig -f` and as `kdig` with
//!   many names, which ask one question after the other. It has at least half the rate of dnsperf,
//!   which does not show what it receives.
//! - `cold`: the lookup of one name takes no longer than with dig and kdig, from the start of the
//!   process to its end.
//! - `memory`: a bulk run over 1,000,000 names needs no more memory than one over 100,000.
//!
//! The tools alternate within each round, in another order each time, so that other load on the
//! machine affects all of them. Each figure is the median over all rounds, and each ratio is a
//! ratio of medians. Compare the ratios, not the rates: the server and the tool share the machine.
//! For the same reason, a missed target fails the run only with `--check`. A tool that is not
//! installed is left out, and without knotd the benchmark measures nothing. It needs Linux, for
//! `/proc`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its report")]

#[path = "../common/mod.rs"]
mod common;
mod memory;
mod server;
mod tools;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use crate::common::{Common, median, shuffled};
use crate::server::Server;
use crate::tools::{Bench, Tool};

/// Number of lookups of one name in each round.
const COLD_RUNS: usize = 20;

/// The numbers of names of the runs whose memory is compared.
const FEW_AND_MANY: [usize; 2] = [100_000, 1_000_000];

/// Target: the run over many names needs at most this share of the memory of that over few. The
/// rest is noise of the allocator.
const MAX_GROWTH: f64 = 1.1;

/// What can be measured.
const PARTS: [&str; 3] = ["rate", "cold", "memory"];

/// Compares sockkit resolve with dig, kdig and dnsperf at a local server.
#[derive(Parser)]
struct Options {
    /// What to measure; everything by default
    #[arg(value_parser = PARTS)]
    parts: Vec<String>,
    /// Number of names for each measurement of the rate
    #[arg(long, value_name = "N", default_value = "20000")]
    names: usize,
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    let options = Options::parse();
    options.common.exit_code(measure(&options))
}

/// Measures all parts, prints their tables and returns whether every target is met.
fn measure(options: &Options) -> io::Result<bool> {
    let Some(server) = Server::start()? else {
        println!("skipped: knotd is not installed");
        return Ok(true);
    };
    let bench = Bench::new(&options.common.sockkit, &server, options.names)?;
    let is_wanted = |part| options.parts.is_empty() || options.parts.iter().any(|it| it == part);
    let [rate, cold, memory] = PARTS.map(is_wanted);
    let mut all_met = true;
    if rate {
        let rate = |tool: &Tool| bench.rate(tool);
        all_met &= compare("lookups per second", &Tool::BULK, &options.common, rate)?;
    }
    if cold {
        let rate = |tool: &Tool| bench.cold_rate(tool, COLD_RUNS);
        all_met &= compare("one lookup, per second", &Tool::COLD, &options.common, rate)?;
    }
    if memory {
        all_met &= compare_memory(&bench)?;
    }
    Ok(all_met)
}

/// Measures the rates of all tools, of which the first is sockkit. Prints a table, and returns
/// whether every target is met.
fn compare(
    title: &str,
    tools: &[Tool],
    options: &Common,
    measure: impl Fn(&Tool) -> io::Result<Option<f64>>,
) -> io::Result<bool> {
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); tools.len()];
    for round in options.rounds(title) {
        for index in shuffled(tools.len(), round) {
            rates[index].extend(measure(&tools[index])?);
        }
    }
    let sockkit = median(&rates[0]);
    let mut all_met = true;
    println!("{title:24}  {:>8}  {:>6}  target", "rate", "ratio");
    for (tool, rates) in tools.iter().zip(&rates) {
        if rates.is_empty() {
            println!("{:24}  not installed", tool.name);
            continue;
        }
        let rate = median(rates);
        print!("{:24}  {rate:>8.0}", tool.name);
        match tool.min_ratio {
            Some(min) => {
                let ratio = sockkit / rate;
                all_met &= ratio >= min;
                println!("  {ratio:>6.2}  ratio >= {min}  {}", verdict(ratio >= min));
            }
            None => println!(),
        }
    }
    Ok(all_met)
}

fn compare_memory(bench: &Bench<'_>) -> io::Result<bool> {
    println!("{:24}  {:>8}  {:>6}  target", "peak memory", "MB", "ratio");
    let [few, many] = FEW_AND_MANY;
    let (with_few, with_many) = (bench.peak_memory(few)?, bench.peak_memory(many)?);
    println!("{few:<24}  {:>8.1}", with_few / 1e6);
    let ratio = with_many / with_few;
    let met = ratio <= MAX_GROWTH;
    print!("{many:<24}  {:>8.1}  {ratio:>6.2}", with_many / 1e6);
    println!("  ratio <= {MAX_GROWTH}  {}", verdict(met));
    Ok(met)
}

fn verdict(met: bool) -> &'static str {
    if met { "ok" } else { "NOT MET" }
}
