//! Output format and verbosity, as the user chose them.

/// The format of data on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns
    #[default]
    Table,
    /// One record per line, tab-separated, no header
    Plain,
    /// One JSON object per line
    Json,
}

/// How much is printed on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only data and errors.
    Quiet,
    /// Also events, notes and warnings.
    #[default]
    Normal,
    /// Also connection attempts, and on servers the data that clients send.
    Verbose,
}
