//! The user's choices for output: format and verbosity.

/// How data on standard output is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned, for people
    #[default]
    Table,
    /// One record a line, tab-separated, no header
    Plain,
    /// One JSON object a line
    Json,
}

/// How much is said beside the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Data and errors only.
    Quiet,
    /// Who comes and goes, and what went wrong.
    #[default]
    Normal,
    /// Also what was tried, and what peers send.
    Verbose,
}
