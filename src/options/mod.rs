//! Option groups that several commands share: clap parses them, and each group converts its options
//! into the settings of `serving`, `session` or `net`.
//!
//! Knows no command.

pub(crate) mod datagram;
pub(crate) mod dial;
pub(crate) mod dns;
pub(crate) mod listen;
pub(crate) mod observers;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod socket;
pub(crate) mod tls;
pub(crate) mod trust;
pub(crate) mod values;

/// The help heading of the options that choose how to connect or which clients to serve.
pub(crate) const CONNECTION: &str = "Connection";

/// The help heading of the options that set a time limit.
pub(crate) const TIMEOUTS: &str = "Timeouts";
