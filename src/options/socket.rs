//! Options that set socket options, for clients and servers.

use std::time::Duration;

use crate::net::socket_options::SocketOptions;
use crate::options::values;

/// Options that set socket options.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Socket options")]
#[expect(clippy::doc_markdown, reason = "clap prints the text unchanged, so it has no markup")]
pub(crate) struct SocketArgs {
    /// Send small writes at once (TCP_NODELAY); the default
    #[arg(long, overrides_with = "no_nodelay", hide_short_help = true)]
    nodelay: bool,
    /// Delay small writes until earlier data is acknowledged
    ///
    /// This turns Nagle's algorithm on.
    #[arg(long, hide_short_help = true)]
    no_nodelay: bool,
    /// Probe an idle peer at this interval (TCP keepalive)
    ///
    /// The idle time before the first probe is the same. Whole seconds only.
    #[arg(long, value_name = "DURATION", value_parser = whole_seconds, hide_short_help = true)]
    keepalive: Option<Duration>,
    /// Limit packets to N hops
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..),
          hide_short_help = true)]
    ttl: Option<u8>,
}

impl SocketArgs {
    /// Returns the socket options that the options set.
    pub(crate) fn options(self) -> SocketOptions {
        SocketOptions {
            nodelay: !self.no_nodelay,
            keepalive: self.keepalive,
            ttl: self.ttl.map(u32::from),
        }
    }
}

/// Parses a keepalive interval: whole seconds from 1 to 32,767, the range of tcp(7).
fn whole_seconds(text: &str) -> Result<Duration, String> {
    const LONGEST: u64 = 32_767;
    let duration = values::duration(text)?;
    match (duration.as_secs(), duration.subsec_nanos()) {
        (1..=LONGEST, 0) => Ok(duration),
        _ => Err(format!("give whole seconds, from 1s to {LONGEST}s")),
    }
}
