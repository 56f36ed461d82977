//! `login`: sends a user name and a password to a server and prints its reply.

mod connection;
mod credentials;
mod exchange;

use std::ffi::OsString;

use self::connection::LoginConnection;
use self::credentials::CredentialSource;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::address::endpoint::{Endpoint, Target, destination_port};
use crate::net::{Port, Stop, runtime};
use crate::options::dial::DialArgs;
use crate::options::observers::ObserverArgs;
use crate::options::tls::TlsClientArgs;
use crate::options::values;
use crate::output::{EventQueue, Output, WhenGone};
use crate::session::observers::WhenBlocked;
use crate::session::tls::{Tls, finish_key_log};
use crate::session::{ending, terminal};

const EXAMPLES: &str = "\
Examples:
  Prompt for the user name and for the password, which is not shown
  $ sockkit login 127.0.0.1 5668

  Log in from a script: exit 0 if accepted, 1 if refused
  $ sockkit login localhost --user alice --password-stdin < password.txt

  Log in over TLS, and trust only the certificates in ca.pem
  $ sockkit login localhost 5668 --tls --ca ca.pem";

/// The protocol, for the long help.
const SERVER_PROTOCOL: &str = "\
Protocol (to write a server):
  Any server that reads a user name and then a password, each a line, works.
  A text that ends in a colon, such as `Usuario:`, asks for the next value; if
  none arrives for 1 s, sockkit sends the value without being asked. After both,
  a line that begins with OK is exit 0 and one that begins with ERR is exit 1;
  nothing that arrives earlier counts as OK. If the server asks again, the
  user is prompted again; with --password-stdin, that is exit 1. A server that
  closes without such a line is exit 0 with a note, or exit 1 with --confirm.";

/// The arguments of `login`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{SERVER_PROTOCOL}"),
    // The summary must fit on one screen.
    mut_arg("hexdump", |arg| arg.hide_short_help(true)),
    mut_arg("stats", |arg| arg.hide_short_help(true))
)]
pub struct Args {
    /// Host name, address, HOST:PORT, tls://HOST:PORT or unix:PATH
    #[arg(
        value_name = "HOST",
        value_parser = values::of_bytes::<Target>(),
        long_help = "Host name, address, HOST:PORT, tls://HOST:PORT or unix:PATH\n\n\
                     An IPv6 address before a colon needs brackets: [::1]:5668."
    )]
    target: Target,
    /// Port number or service name [default: 5668]
    #[arg(value_parser = destination_port)]
    port: Option<Port>,
    /// Send this user name; do not prompt for it
    #[arg(long, value_name = "NAME")]
    user: Option<OsString>,
    /// Read the password from the first line of standard input
    #[arg(long, requires = "user")]
    password_stdin: bool,
    /// Exit 1 if the server closes without replying OK
    #[arg(long)]
    confirm: bool,
    #[command(flatten)]
    tls: TlsClientArgs,
    #[command(flatten)]
    observers: ObserverArgs,
    #[command(flatten)]
    dial: DialArgs,
}

/// The default port: the course's port for task 3.
const DEFAULT_PORT: Port = Port(5668);

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let port = match args.target {
        Target::Host(_) => Some(args.port.unwrap_or(DEFAULT_PORT)),
        Target::Endpoint(_) => args.port,
    };
    let endpoint = Endpoint::join(args.target.clone(), port)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let deadline = args.dial.deadline()?;
    let queue = EventQueue::start(out, WhenGone::Stop);
    let events = queue.events();
    let connection = LoginConnection {
        dialer: args.dial.dialer(&endpoint)?,
        tls: args.tls.client(&endpoint, false, &events)?,
        observers: args.observers.open(out, events.clone(), WhenBlocked::Wait)?,
        events: events.clone(),
        endpoint,
        handshake_timeout: args.dial.connect_timeout(),
        deadline,
        out,
    };
    for warning in args.observers.password_warnings() {
        events.warn(&warning);
    }
    let key_log = connection.tls.as_ref().and_then(Tls::key_log);
    let log_in = |stop: Stop| async move {
        let source =
            CredentialSource::new(args.user.as_deref(), args.password_stdin, deadline, out);
        match terminal::until(&stop, source).await {
            Some(source) => connection.log_in(source?, args.confirm, &stop).await,
            // The exit code is that of the signal.
            None => Ok(Exit::Success),
        }
    };
    let runtime = runtime::runtime()?;
    let outcome = runtime.block_on(terminal::restore_after(out, &events, log_in));
    finish_key_log(key_log.as_deref(), &events);
    let exit = ending::finish_client(queue, out, outcome, deadline);
    // Does not wait for a thread that may still be blocked in a read of standard input.
    runtime.shutdown_background();
    Ok(exit)
}
