//! How the names of a run are looked up.

use std::net::SocketAddr;
use std::time::Duration;

use crate::dns::lookup::LookupSettings;
use crate::dns::server::DnsTransport;
use crate::dns::system;
use crate::net::Deadline;
use crate::net::address::names::Family;

/// The most lookups at once for the names of the command line: fast for many names, but not a flood
/// of queries to one server.
pub(super) const CONCURRENCY: usize = 16;

/// The limit of the run without `--timeout`.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How to look up every name.
#[derive(Debug)]
pub(super) struct RunSettings {
    /// How to look up a question.
    pub(super) lookup: LookupSettings,
    /// The transport of servers whose name has no scheme.
    pub(super) transport: DnsTransport,
    /// The family of the servers' addresses.
    pub(super) family: Family,
    /// Whether to query the servers in random order.
    pub(super) random_order: bool,
    /// Which servers are asked.
    pub(super) strategy: Strategy,
    /// Whether to compare the servers' answers.
    pub(super) compare: bool,
    /// Whether to answer as this machine would, because the command line names no server.
    pub(super) by_machine: bool,
    /// The server that resolves the names of servers; `None` for the system's resolver.
    pub(super) bootstrap: Option<SocketAddr>,
    /// Whether to ask the system's resolver too.
    pub(super) with_system: bool,
    /// Whether tables show TTLs in units instead of seconds.
    pub(super) ttl_units: bool,
    /// Whether to print only data.
    pub(super) short: bool,
    /// The limit of the run; `None` for no limit.
    pub(super) limit: Option<Duration>,
    /// The end of the run, from the limit.
    pub(super) deadline: Deadline,
    /// This machine's resolver settings.
    pub(super) system: system::Settings,
}

/// Which servers are asked about a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// The first, and the next one if it fails.
    First,
    /// Each of them.
    Each,
    /// All at once; the first answer counts.
    Fastest,
}
