//! Options of every server command.

use std::path::PathBuf;
use std::time::Duration;

use crate::net::accept::access::AccessRule;
use crate::options::socket::SocketArgs;
use crate::options::values::{self, FamilyArgs};
use crate::options::{CONNECTION, TIMEOUTS};
use crate::serving::settings::ServerSettings;

/// Options of every server command.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = CONNECTION)]
pub(crate) struct ListenArgs {
    /// Listen on all interfaces, not only on loopback
    #[arg(long)]
    public: bool,
    /// Serve at most N clients at once
    ///
    /// At the limit, listen and echo-server leave further clients in the kernel's queue,
    /// chat-server turns them away, and login-server disconnects the oldest client that has not
    /// logged in.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = values::count)]
    max_clients: usize,
    /// Accept only clients from these networks or hosts
    ///
    /// NET is a network (192.0.2.0/24), an address or a host name. Separate several with commas, or
    /// repeat the option.
    #[arg(long, value_name = "NET", value_delimiter = ',')]
    allow: Vec<AccessRule>,
    /// Reject clients from these networks or hosts; takes precedence over --allow
    #[arg(long, value_name = "NET", value_delimiter = ',', hide_short_help = true)]
    deny: Vec<AccessRule>,
    /// Write the port to this file while listening
    ///
    /// The file is written once the socket listens, and removed at exit. An existing file is
    /// replaced only if it is empty or contains a port, as a killed server leaves it. The port can
    /// also be written to a FIFO or a device, such as /dev/stdout; these are not removed.
    #[arg(long, value_name = "PATH")]
    port_file: Option<PathBuf>,
    /// Set the permissions of the Unix socket's file, in octal
    ///
    /// They are in effect before a client can connect.
    #[arg(long, value_name = "MODE", value_parser = file_mode, hide_short_help = true)]
    mode: Option<u32>,
    #[command(flatten)]
    family: FamilyArgs,
    /// On a stop, wait this long for clients to finish
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = values::duration,
          help_heading = TIMEOUTS, hide_short_help = true)]
    grace: Duration,
    #[command(flatten)]
    options: SocketArgs,
}

/// Parses octal permissions such as `600`.
fn file_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode @ 0..=0o777) => Ok(mode),
        _ => Err("give permissions in octal, such as 600 or 660".to_owned()),
    }
}

impl ListenArgs {
    /// Returns the settings that the options give.
    pub(crate) fn settings(&self) -> ServerSettings {
        ServerSettings {
            max_clients: self.max_clients,
            public: self.public,
            family: self.family.family(),
            port_file: self.port_file.clone(),
            grace: self.grace,
            allow: self.allow.clone(),
            deny: self.deny.clone(),
            mode: self.mode,
            options: self.options.options(),
        }
    }
}
