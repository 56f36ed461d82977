//! `info`: shows this machine's names, addresses, interfaces, routes, DNS set-up, sockets and
//! services.

mod machine;
mod report;
mod services;
mod sockets;

use crate::exit::Exit;
use crate::net::address::host::Port;
use crate::net::runtime;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  Show everything about this machine's network
  $ sockkit info

  Show which process holds a port
  $ sockkit info --port 5666

  Show all sockets that accept connections or datagrams
  $ sockkit info --listening

  Show the port of a service
  $ sockkit info --services smtp

  Print this machine's IPv4 address, for a script
  $ sockkit info --plain | awk '$1 == \"primary_ipv4\" { print $2 }'";

/// The arguments of `info`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Show the sockets that accept connections or datagrams
    ///
    /// The process of a socket is shown as - if it cannot be read: root can read all. QUEUE is the
    /// number of connections that wait for the process, and the most that may wait; for UDP, the
    /// bytes that wait.
    #[arg(long, conflicts_with_all = ["port", "services"])]
    listening: bool,
    /// Show which process holds this port; exit 1 if it is free
    #[arg(long, value_name = "PORT", conflicts_with = "services")]
    port: Option<Port>,
    /// Show the names of services and their ports, or one of them
    ///
    /// They are those of /etc/services; without that file, the best known ones. Exit 1 if there is
    /// no such service.
    #[arg(long, value_name = "NAME|PORT", num_args = 0..=1, default_missing_value = "")]
    services: Option<String>,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    if let Some(wanted) = &args.services {
        return services::run(Some(wanted.as_str()).filter(|wanted| !wanted.is_empty()), out);
    }
    if let Some(port) = args.port {
        return sockets::run_port(port, out);
    }
    if args.listening {
        return sockets::run_listening(out);
    }
    let runtime = runtime::runtime()?;
    let report = runtime.block_on(machine::gather())?;
    out.report(&report)?;
    Ok(Exit::Success)
}
