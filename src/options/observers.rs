//! Options that observe an exchange: hex dump, recording and statistics.

use std::path::PathBuf;

use crate::output::Output;
use crate::session::observers::{ObserverSettings, Observers};

/// The options of every command that holds an exchange.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ObserverArgs {
    /// Show all bytes on standard error: when, which way, in hex and as text
    #[arg(long)]
    hexdump: bool,
    /// Append both directions to FILE, one JSON line a piece, at the moment it passes
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Show at the end where the time went, how fast it was, and what TCP measured
    #[arg(long)]
    stats: bool,
}

impl ObserverArgs {
    /// Opens what was asked for, before anything is connected.
    ///
    /// # Errors
    /// The file cannot be written, or a hexdump is to go where every line is JSON.
    pub(crate) fn open(&self, out: Output) -> anyhow::Result<Observers> {
        let Self { hexdump, record, stats } = self.clone();
        Observers::open(&ObserverSettings { hexdump, record, stats }, out)
    }
}
