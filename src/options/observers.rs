//! Options that observe a session: hex dump, recording and statistics.

use std::path::{Path, PathBuf};

use crate::output::Output;
use crate::session::observers::{ObserverSettings, Observers};

/// Options that observe a session.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Observing")]
pub(crate) struct ObserverArgs {
    /// Dump all traffic in hex to standard error
    ///
    /// Each piece is shown with its time and direction, in hex and as text. Under TLS, the
    /// decrypted bytes are shown.
    #[arg(long)]
    hexdump: bool,
    /// Append all traffic to FILE as JSON lines
    ///
    /// Each line is written as its bytes pass, so the file is complete however sockkit ends. Under
    /// TLS, the decrypted bytes are written.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    record: Option<PathBuf>,
    /// Print timing and TCP statistics at the end
    #[arg(long)]
    stats: bool,
}

impl ObserverArgs {
    /// Returns whether the options ask for anything.
    pub(crate) fn is_any(&self) -> bool {
        self.hexdump || self.record.is_some() || self.stats
    }

    /// Returns the file of the recording.
    pub(crate) fn recording(&self) -> Option<&Path> {
        self.record.as_deref()
    }

    /// Opens the observers that the options ask for. Call this before connecting.
    ///
    /// # Errors
    /// The recording cannot be written, or `--hexdump` is combined with JSON output.
    pub(crate) fn open(&self, out: Output) -> anyhow::Result<Observers> {
        let Self { hexdump, record, stats } = self.clone();
        Observers::open(&ObserverSettings { hexdump, record, stats }, out)
    }
}
