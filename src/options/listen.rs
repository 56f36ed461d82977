//! Options that every server command has.

use std::path::PathBuf;
use std::time::Duration;

use crate::net::accept::access::AccessRule;
use crate::options::socket::SocketArgs;
use crate::options::values::{self, FamilyArgs};
use crate::serving::settings::ServerSettings;

/// The flags of every server.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ListenArgs {
    /// Let everybody connect: listen on all interfaces instead of only this machine's loopback
    #[arg(long)]
    public: bool,
    #[command(flatten)]
    family: FamilyArgs,
    /// Write the port to this file once it listens, and remove the file at the end
    #[arg(long, value_name = "PATH")]
    port_file: Option<PathBuf>,
    /// How long clients may take to finish when the server is stopped
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = values::duration)]
    grace: Duration,
    /// Let only these connect: networks (192.0.2.0/24), addresses or names; may be repeated
    #[arg(long, value_name = "NET", value_delimiter = ',')]
    allow: Vec<AccessRule>,
    /// Let these not connect, whatever --allow says
    #[arg(long, value_name = "NET", value_delimiter = ',')]
    deny: Vec<AccessRule>,
    /// The permissions of a Unix socket's file, in octal, before anybody can connect
    #[arg(long, value_name = "MODE", value_parser = file_mode)]
    mode: Option<u32>,
    #[command(flatten)]
    options: SocketArgs,
}

/// Parses permissions such as `600`.
fn file_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode @ 0..=0o777) => Ok(mode),
        _ => Err("give permissions in octal, such as 600 or 660".to_owned()),
    }
}

impl ListenArgs {
    /// Returns what the options say.
    pub(crate) fn settings(&self) -> ServerSettings {
        ServerSettings {
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
