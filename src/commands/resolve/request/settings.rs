//! How the names of a run are looked up.

use std::net::SocketAddr;
use std::time::Duration;

use crate::dns::lookup::LookupSettings;
use crate::dns::machine::system;
use crate::dns::server::DnsTransport;
use crate::net::Deadline;
use crate::net::address::names::Family;

/// The most lookups at once for the names of the command line: fast for many names, but not a flood
/// of queries to one server.
pub(in crate::commands::resolve) const CONCURRENCY: usize = 16;

/// The limit of the run without `--timeout`.
pub(in crate::commands::resolve) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How to look up every name.
#[derive(Debug)]
pub(in crate::commands::resolve) struct RunSettings {
    /// How to look up a question.
    pub(in crate::commands::resolve) lookup: LookupSettings,
    /// The transport of servers whose name has no scheme.
    pub(in crate::commands::resolve) transport: DnsTransport,
    /// The family of the servers' addresses.
    pub(in crate::commands::resolve) family: Family,
    /// Whether to query the servers in random order.
    pub(in crate::commands::resolve) random_order: bool,
    /// Which servers are asked.
    pub(in crate::commands::resolve) strategy: Strategy,
    /// Whether the servers are found from the root down.
    pub(in crate::commands::resolve) trace: bool,
    /// Whether to compare the servers' answers.
    pub(in crate::commands::resolve) compare: bool,
    /// Whether to answer as this machine would, because the command line names no server.
    pub(in crate::commands::resolve) by_machine: bool,
    /// The server that resolves the names of servers; `None` for the system's resolver.
    pub(in crate::commands::resolve) bootstrap: Option<SocketAddr>,
    /// Whether to ask the system's resolver too.
    pub(in crate::commands::resolve) with_system: bool,
    /// Whether tables show TTLs in units instead of seconds.
    pub(in crate::commands::resolve) ttl_units: bool,
    /// Whether to print only data.
    pub(in crate::commands::resolve) short: bool,
    /// The limit of the run; `None` for no limit.
    pub(in crate::commands::resolve) limit: Option<Duration>,
    /// The end of the run, from the limit.
    pub(in crate::commands::resolve) deadline: Deadline,
    /// This machine's resolver settings.
    pub(in crate::commands::resolve) system: system::Settings,
}

/// Which servers are asked about a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands::resolve) enum Strategy {
    /// The first, and the next one if it fails.
    First,
    /// Each of them.
    Each,
    /// All at once; the first answer counts.
    Fastest,
}
