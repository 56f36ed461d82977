//! What all servers have in common: where they listen, how many they serve, how they stop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::interrupt::Interrupt;
use super::port_file::PortFile;
use super::values;
use crate::exit::Exit;
use crate::net::names::Family;
use crate::net::serve::{self, Connection, Limits, Notice, Served, Service, WhenFull};
use crate::net::socket::{self, Reach};
use crate::net::{self, Deadline, ListenAddress};
use crate::output::{Event, EventQueue, Events, Output};

/// The flags of every server.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ServerArgs {
    /// Let everybody connect: listen on all interfaces instead of only this machine's loopback
    #[arg(long)]
    public: bool,
    /// Listen on IPv4 only
    #[arg(short = '4', conflicts_with = "ipv6")]
    ipv4: bool,
    /// Listen on IPv6 only
    #[arg(short = '6')]
    ipv6: bool,
    /// Write the port to this file once it listens, and remove the file at the end
    #[arg(long, value_name = "PATH")]
    port_file: Option<PathBuf>,
    /// How long clients may take to finish when the server is stopped
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = values::duration)]
    grace: Duration,
}

/// What one server has of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Clients at once.
    pub max_clients: usize,
    /// What happens to the next one.
    pub when_full: WhenFull,
    /// Connections in all; none for no end.
    pub total: Option<u64>,
    /// Threads; more than one pays only where handlers do not share what they lock.
    pub workers: usize,
}

/// Listens at `address` and serves with what `build` makes, until the end or a signal.
///
/// # Errors
/// It cannot listen, or `build` fails: nothing was accepted then.
pub(super) fn run<S, B>(
    address: &ListenAddress,
    args: &ServerArgs,
    plan: Plan,
    out: Output,
    build: B,
) -> anyhow::Result<(Exit, Arc<S>)>
where
    S: Service,
    B: FnOnce(Events) -> anyhow::Result<S>,
{
    let runtime = serve::runtime()?;
    let queue = EventQueue::start(out);
    let outcome = runtime.block_on(run_here(address, args, plan, out, build, &queue));
    // A blocked screen must not keep the process alive.
    queue.finish(Some(LAST_WORDS));
    // Lookups and clients that were cut off are not waited for.
    runtime.shutdown_background();
    outcome
}

/// How long the end may wait for a screen that does not take the last events.
const LAST_WORDS: Duration = Duration::from_secs(2);

async fn run_here<S, B>(
    address: &ListenAddress,
    args: &ServerArgs,
    plan: Plan,
    out: Output,
    build: B,
    queue: &EventQueue,
) -> anyhow::Result<(Exit, Arc<S>)>
where
    S: Service,
    B: FnOnce(Events) -> anyhow::Result<S>,
{
    let family = match (args.ipv4, args.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    let reach = if args.public { Reach::Public } else { Reach::Loopback };
    let deadline = Deadline::after(RESOLVE_LIMIT);
    let listeners = socket::listen(address, reach, family, deadline).await?;
    let interrupt = Interrupt::watch().map_err(start_failed)?;
    let events = queue.events();
    let service = Arc::new(build(events.clone())?);
    let mut port_file = None;
    for listener in &listeners {
        let addr = listener.local_addr().map_err(start_failed)?;
        if let (None, Some(path)) = (&port_file, &args.port_file) {
            port_file = Some(PortFile::write(path, addr.port())?);
        }
        let local_only = addr.ip().is_loopback();
        events.send(Event::Listening { addr: addr.to_string(), port: addr.port(), local_only });
    }
    let fitting = socket::raise_descriptor_limit();
    if fitting < plan.max_clients {
        out.warn(&format!("only {fitting} clients fit into this process's limit of open files"));
    }
    let limits = Limits {
        max_clients: plan.max_clients.min(fitting).max(1),
        when_full: plan.when_full,
        total: plan.total,
        grace: args.grace,
        workers: plan.workers,
    };
    let served = serve::serve(listeners, limits, interrupt.stop(), Arc::clone(&service)).await?;
    let Served { cut_off, forced, .. } = served;
    if cut_off > 0 {
        let message = format!("{cut_off} clients were cut off");
        events.send(Event::Warning { message });
    }
    let stopped = interrupt.stop().stage() > net::stop::Stage::Running;
    // Who serves for ever is stopped in order; who serves a number of clients was interrupted.
    let interrupted = forced || (stopped && plan.total.is_some());
    Ok((if interrupted { interrupt.exit() } else { Exit::Success }, service))
}

/// Tells the operator what the accept loop did.
pub(super) fn tell(events: &Events, notice: Notice) {
    let event = match notice {
        Notice::AcceptFailed(error) => Event::Warning {
            message: format!("cannot accept connections: {}; trying on", crate::reason::of(&error)),
        },
        Notice::Refused(peer) => Event::Refused { peer: peer.to_string(), reason: "server full" },
        Notice::Evicted(peer) => {
            Event::Refused { peer: peer.to_string(), reason: "made place for another" }
        }
        Notice::Panicked(peer) => Event::Warning {
            message: format!("{peer} was dropped by an internal error; all others go on"),
        },
        Notice::Stopping(clients) => Event::Stopping { clients },
    };
    events.send(event);
}

/// What a connection carried, for its `closed` event.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

impl Traffic {
    /// Returns the event that ends `connection`.
    pub(super) fn closed(self, connection: &Connection, reason: impl Into<String>) -> Event {
        let lasted = connection.accepted.elapsed().as_micros();
        Event::Closed {
            peer: connection.peer.to_string(),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            duration_us: u64::try_from(lasted).unwrap_or(u64::MAX),
            reason: reason.into(),
        }
    }
}

/// Returns the event that begins `connection`.
pub(super) fn connected(connection: &Connection) -> Event {
    Event::Connected { peer: connection.peer.to_string(), local: connection.local.to_string() }
}

/// Why a connection that failed ended, in the word events use.
pub(super) fn end_reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionReset => "reset".to_owned(),
        std::io::ErrorKind::TimedOut => "stalled".to_owned(),
        _ => crate::reason::of(error),
    }
}

/// Looking up the host to listen on takes this long at most; it is usually a literal or local.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);

fn start_failed(source: std::io::Error) -> net::Error {
    net::Error::System { operation: "start the server", source }
}
