//! `doctor`: checks the layers from this machine to a server, and names the first broken one.

mod check;
mod connect;
mod diagnosis;
mod gateway;
mod local;
mod name;
mod path_mtu;
mod proxy;
mod report;
mod run;
mod self_test;
mod servers;
mod target;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::commands::doctor::report::DoctorReport;
use crate::commands::doctor::run::DoctorSettings;
use crate::commands::doctor::target::{DoctorTarget, GivenTarget};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::runtime;
use crate::net::tls::{ClientHandshake, ClientTlsOptions, ClientTrust};
use crate::options::values::{self, FamilyArgs, TimeoutArgs};
use crate::output::Output;
use crate::reason;
use crate::session::ending;

const EXAMPLES: &str = "\
Examples:
  Check this machine: the self-test, interfaces, routes and DNS servers
  $ sockkit doctor

  Check the path to a server and name the first broken layer
  $ sockkit doctor www.ita.br:443

  Write a report to paste into a ticket
  $ sockkit doctor https://www.ita.br/ --report ita.md

The layers, in order:
  self       an echo over the loopback interface, through sockkit's own server
  interface  the network interfaces
  address    their addresses
  route      the routes to the target and to the DNS servers
  gateway    the next router: does it answer?
  dns        each DNS server: does it answer, and do all say the same?
  name       the target's name: do this machine and the DNS agree?
  tcp        a connection to each address of the target
  tls        the handshake and the certificate
  app        the first bytes of the application
If the environment sets a proxy for a target with HTTP, the layer tcp has a row for it.
Without a target, only self and interface can fail; the others are warnings. The
run takes at most 10 s; --timeout changes this limit.";

/// The arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// HOST:PORT, a URL, or HOST for port 443 [default: this machine only]
    ///
    /// TLS is used for https:// and tls://, and on ports such as 443 and 993.
    #[arg(value_parser = values::of_bytes::<GivenTarget>())]
    target: Option<GivenTarget>,
    /// Use TLS and verify the server's certificate
    #[arg(long, requires = "target")]
    tls: bool,
    /// Trust only the certificates in this PEM file, and those that they have signed
    #[arg(long, value_name = "FILE", requires = "target", hide_short_help = true)]
    ca: Option<PathBuf>,
    /// Write a report in Markdown to a new file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    family: FamilyArgs,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

/// The limit of the run if the user sets none.
const DOCTOR_TIMEOUT: Duration = Duration::from_secs(10);

/// The shortest limit: with less time, a healthy network would look broken.
const SHORTEST_RUN: Duration = Duration::from_secs(1);

/// The limit of the run if the user wants no limit: every check has one of its own.
const LONGEST_RUN: Duration = Duration::from_mins(1);

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let target = args.target.as_ref().map(|given| DoctorTarget::of(given, args.tls)).transpose()?;
    let limit = args.timeout.limit_or(DOCTOR_TIMEOUT)?.unwrap_or(LONGEST_RUN);
    if limit < SHORTEST_RUN {
        let message = format!("{limit:?} is too short a limit for a run of doctor");
        return Err(Failure::new(Exit::Usage, message).hint("--timeout 10s").into());
    }
    let trust = args.ca.clone().map_or(ClientTrust::Platform, ClientTrust::Ca);
    let settings = DoctorSettings {
        tls: ClientHandshake::new(&ClientTlsOptions { trust, ..ClientTlsOptions::default() })?,
        family: args.family.family(),
        limit,
        target,
    };
    let _running = ending::end_if_blocked(out, Some(limit), None);
    let runtime = runtime::runtime()?;
    let mut checks = runtime.block_on(run::checks(&settings));
    let shown = settings.target.as_ref().map(ToString::to_string);
    diagnosis::judge(&mut checks, shown.is_some());
    let conclusion = diagnosis::conclude(&checks, shown.as_deref());
    let report =
        DoctorReport { target: shown.as_deref(), checks: &checks, conclusion: &conclusion };
    report.print(out)?;
    if let Some(path) = &args.report {
        write(path, &report.markdown())?;
    }
    // A lookup that the system's resolver has not finished must not delay the end.
    runtime.shutdown_background();
    Ok(if conclusion.ok { Exit::Success } else { Exit::Negative })
}

/// Writes `page` to a new file at `path`: an existing file is not replaced.
fn write(path: &Path, page: &str) -> Result<(), Failure> {
    let mut file = OpenOptions::new();
    let written = file
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(page.as_bytes()));
    written.map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "it exists".to_owned(),
            _ => reason::of(&error),
        };
        Failure::new(Exit::File, format!("cannot write the report {}: {why}", path.display()))
            .hint("--report with another name")
    })
}
