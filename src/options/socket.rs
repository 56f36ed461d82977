//! The flags that set options of a socket, for everything that connects or accepts.

use std::time::Duration;

use crate::net::socket_options::SocketOptions;
use crate::options::values;

/// The socket options.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Socket options")]
pub(crate) struct SocketArgs {
    /// Send small writes at once, without waiting for more; this is the default
    #[arg(long, overrides_with = "no_nodelay")]
    nodelay: bool,
    /// Let small writes wait for the acknowledgement of the one before (Nagle's algorithm)
    #[arg(long)]
    no_nodelay: bool,
    /// Ask a silent peer's TCP so often whether it is still there; whole seconds
    #[arg(long, value_name = "DURATION", value_parser = whole_seconds)]
    keepalive: Option<Duration>,
    /// How many hops a packet may take
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    ttl: Option<u8>,
}

impl SocketArgs {
    /// Returns what they say.
    pub(crate) fn options(self) -> SocketOptions {
        SocketOptions {
            nodelay: !self.no_nodelay,
            keepalive: self.keepalive,
            ttl: self.ttl.map(u32::from),
        }
    }
}

/// tcp(7) counts keepalives in seconds, up to 32,767.
fn whole_seconds(text: &str) -> Result<Duration, String> {
    const LONGEST: u64 = 32_767;
    let duration = values::duration(text)?;
    match (duration.as_secs(), duration.subsec_nanos()) {
        (1..=LONGEST, 0) => Ok(duration),
        _ => Err(format!("give whole seconds, from 1s to {LONGEST}s")),
    }
}
