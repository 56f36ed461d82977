//! What all benchmarks share: options, the order of the tools, the median, the exit code.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::Args;

/// The release build of this project.
const SOCKKIT: &str = env!("CARGO_BIN_EXE_sockkit");

/// The options of every benchmark.
#[derive(Args)]
pub(crate) struct Common {
    /// Number of rounds; with fewer, a single disturbance can change the median
    #[arg(long, value_name = "N", default_value = "5")]
    rounds: NonZeroUsize,
    /// The build of sockkit that is measured
    #[arg(long, value_name = "PATH", default_value = SOCKKIT, hide_default_value = true)]
    pub(crate) sockkit: String,
    /// Exit with 1 if a target is missed
    #[arg(long)]
    check: bool,
    /// Cargo passes this argument to every benchmark.
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

impl Common {
    /// The numbers of the rounds, each of which is announced.
    #[expect(clippy::print_stderr, reason = "progress")]
    pub(crate) fn rounds(&self, what: &str) -> impl Iterator<Item = usize> {
        let count = self.rounds.get();
        (1..=count).inspect(move |round| eprintln!("{what}: round {round} of {count}"))
    }

    /// The exit code of a benchmark that returned whether every target was met.
    #[expect(clippy::print_stderr, reason = "an error of the benchmark")]
    pub(crate) fn exit_code(&self, outcome: io::Result<bool>) -> ExitCode {
        match outcome {
            Ok(all_met) if all_met || !self.check => ExitCode::SUCCESS,
            Ok(_) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("benchmark: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Returns the numbers below `count` in an order that depends on `round`.
pub(crate) fn shuffled(count: usize, round: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    numbers.sort_by_cached_key(|number| {
        let mut hasher = DefaultHasher::new();
        (round, number).hash(&mut hasher);
        hasher.finish()
    });
    numbers
}

/// Returns the median of `figures`, which must not be empty.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}
