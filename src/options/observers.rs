//! Options that observe a session: hex dump, recording and statistics.

use std::path::PathBuf;

use crate::output::{Events, Output};
use crate::session::observers::{ObserverSettings, Observers, WhenBlocked};

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
    /// Returns the settings that the options give.
    pub(crate) fn settings(&self) -> ObserverSettings {
        let Self { hexdump, record, stats } = self.clone();
        ObserverSettings { hexdump, record, stats }
    }

    /// Returns what a command that transfers passwords must warn about.
    pub(crate) fn password_warnings(&self) -> Vec<String> {
        let recording = self.record.as_ref().map(|path| format!("recording {}", path.display()));
        let hexdump = self.hexdump.then(|| "hex dump".to_owned());
        let holders = recording.into_iter().chain(hexdump);
        holders.map(|holder| format!("the {holder} contains passwords in clear text")).collect()
    }

    /// Opens the observers of a client or of `listen`. Call this before connecting.
    ///
    /// # Errors
    /// The recording cannot be written, or `--hexdump` is combined with JSON output.
    pub(crate) fn open(
        &self,
        out: Output,
        events: Events,
        when_blocked: WhenBlocked,
    ) -> anyhow::Result<Observers> {
        Observers::open(&self.settings(), out, events, when_blocked)
    }
}
