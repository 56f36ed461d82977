//! What all servers have in common: where they listen, how many they serve, how they stop.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::ending;
use super::interrupt::Interrupt;
use super::options::OptionArgs;
use super::port_file::PortFile;
use super::values::{self, FamilyArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::access::{Access, Subject};
use crate::net::channel::Counts;
use crate::net::datagram::{self, Bound};
use crate::net::endpoint::{ListenPlace, Transport};
use crate::net::inherited;
use crate::net::names::Family;
use crate::net::serve::{self, Connection, Notice, Rules, Served, Service, WhenFull};
use crate::net::socket::{self, Listener, Reach};
use crate::net::{self, Addr, Deadline, ListenAddress, Stop};
use crate::output::{Event, EventQueue, Events, Output, WhenGone};

/// The flags of every server.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ServerArgs {
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
    allow: Vec<Subject>,
    /// Let these not connect, whatever --allow says
    #[arg(long, value_name = "NET", value_delimiter = ',')]
    deny: Vec<Subject>,
    /// The permissions of a Unix socket's file, in octal, before anybody can connect
    #[arg(long, value_name = "MODE", value_parser = file_mode)]
    mode: Option<u32>,
    #[command(flatten)]
    options: OptionArgs,
}

/// Parses permissions such as `600`.
fn file_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode @ 0..=0o777) => Ok(mode),
        _ => Err("give permissions in octal, such as 600 or 660".to_owned()),
    }
}

impl ServerArgs {
    /// Returns how long clients may take to finish.
    pub(super) fn grace(&self) -> Duration {
        self.grace
    }

    /// Opens what `address` stands for.
    async fn listen(&self, address: &ListenAddress) -> anyhow::Result<Vec<Listener>> {
        self.check(address)?;
        if matches!(address.transport, Transport::Udp | Transport::UnixDatagram) {
            let message = "this server speaks over streams, not datagrams";
            return Err(Failure::new(Exit::Usage, message).hint("[HOST:]PORT or unix:PATH").into());
        }
        match &address.place {
            ListenPlace::Unix(place) => Ok(socket::listen_unix(place, self.mode)?),
            ListenPlace::Net(host, port) => {
                let deadline = Deadline::after(RESOLVE_LIMIT);
                let family = self.family.family();
                Ok(socket::listen(host.as_ref(), *port, self.reach(), family, deadline).await?)
            }
        }
    }

    /// Opens what `address` stands for, for datagrams.
    ///
    /// # Errors
    /// The flags contradict each other, or a socket cannot be bound.
    pub(super) async fn listen_for_datagrams(
        &self,
        address: &ListenAddress,
    ) -> anyhow::Result<Vec<datagram::Socket>> {
        self.check(address)?;
        let bound = match &address.place {
            ListenPlace::Unix(place) => Bound::Unix(place, self.mode),
            ListenPlace::Net(host, port) => {
                Bound::Net(host.as_ref(), *port, self.reach(), self.family.family())
            }
        };
        let deadline = Deadline::after(RESOLVE_LIMIT);
        Ok(datagram::Socket::listen(bound, self.options.options(), deadline).await?)
    }

    /// Refuses flags that contradict `address`.
    fn check(&self, address: &ListenAddress) -> Result<(), Failure> {
        if let (true, Some(host)) = (self.public, address.host()) {
            let message = format!("--public listens everywhere, {host} says where");
            return Err(Failure::new(Exit::Usage, message).hint("one of the two"));
        }
        let is_unix = matches!(address.place, ListenPlace::Unix(_));
        if self.mode.is_some() && !is_unix {
            return Err(Failure::new(Exit::Usage, "--mode is for a Unix socket's file"));
        }
        let rules = !self.allow.is_empty() || !self.deny.is_empty();
        let for_networks = [
            (self.public, "--public"),
            (self.family.family() != Family::Any, "-4 and -6"),
            (self.port_file.is_some(), "--port-file"),
            (rules, "--allow and --deny"),
        ];
        match for_networks.iter().find(|(given, _)| *given && is_unix) {
            Some((_, flag)) => {
                let message = format!("{flag}: a Unix socket is on no network and has no port");
                Err(Failure::new(Exit::Usage, message).hint("--mode says who may connect"))
            }
            None => Ok(()),
        }
    }

    fn reach(&self) -> Reach {
        if self.public { Reach::Public } else { Reach::Loopback }
    }

    /// Returns who may come.
    ///
    /// # Errors
    /// A name that stands for nobody.
    pub(super) async fn access(&self) -> Result<Access, net::Error> {
        let deadline = Deadline::after(RESOLVE_LIMIT);
        let access = Access::resolve(&self.allow, &self.deny, deadline).await;
        access.map_err(|(name, source)| net::Error::Name { name, source })
    }
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
    /// What happens when standard output's reader leaves.
    pub when_gone: WhenGone,
}

/// Listens at `address`, or on the sockets that were handed to us, and serves with what `build`
/// makes, until the end or a signal. `begun` is called once it was said where that is; what it
/// returns is waited for at the end.
///
/// # Errors
/// It cannot listen, or `build` fails: nothing was accepted then.
pub(super) fn run<S, B, A>(
    address: Option<&ListenAddress>,
    args: &ServerArgs,
    plan: Plan,
    out: Output,
    build: B,
    begun: A,
) -> anyhow::Result<(Exit, Arc<S>)>
where
    S: Service,
    B: FnOnce(Events, Stop) -> anyhow::Result<S>,
    A: FnOnce(&Arc<S>, &[Addr]) -> anyhow::Result<Option<JoinHandle<()>>>,
{
    let runtime = serve::runtime()?;
    let queue = EventQueue::start(out, plan.when_gone);
    let outcome = runtime.block_on(run_here(address, args, plan, &queue, build, begun));
    // A blocked screen must not keep the process alive.
    let printed = queue.finish(Some(LAST_WORDS));
    // Lookups and clients that were cut off are not waited for.
    runtime.shutdown_background();
    let outcome = outcome?;
    if plan.when_gone == WhenGone::Leave {
        printed?;
    }
    Ok(outcome)
}

/// How long the end may wait for a screen that does not take the last events.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(2);

async fn run_here<S, B, A>(
    address: Option<&ListenAddress>,
    args: &ServerArgs,
    plan: Plan,
    queue: &EventQueue,
    build: B,
    begun: A,
) -> anyhow::Result<(Exit, Arc<S>)>
where
    S: Service,
    B: FnOnce(Events, Stop) -> anyhow::Result<S>,
    A: FnOnce(&Arc<S>, &[Addr]) -> anyhow::Result<Option<JoinHandle<()>>>,
{
    // Before anybody is told to come.
    let fitting = socket::raise_descriptor_limit();
    let access = args.access().await?;
    let listeners = match address {
        Some(address) => args.listen(address).await?,
        None => inherited_listeners()?,
    };
    let interrupt = Interrupt::watch().map_err(start_failed)?;
    let events = queue.events();
    let service = Arc::new(build(events.clone(), interrupt.stop())?);
    let addrs: Result<Vec<_>, _> = listeners.iter().map(Listener::addr).collect();
    let addrs = addrs.map_err(start_failed)?;
    let _port_file = announce(&addrs, address, args, &events)?;
    let beside = begun(&service, &addrs)?;
    if plan.when_gone == WhenGone::Leave {
        let (events, stop) = (events.clone(), interrupt.stop());
        tokio::spawn(async move {
            events.gone().await;
            stop.drain();
        });
    }
    if fitting < plan.max_clients {
        let message = format!("only {fitting} clients fit into this process's limit of open files");
        events.send(Event::Warning { message });
    }
    let rules = Rules {
        access,
        options: args.options.options(),
        max_clients: plan.max_clients.min(fitting).max(1),
        when_full: plan.when_full,
        total: plan.total,
        grace: args.grace,
        workers: plan.workers,
    };
    let served = serve::serve(listeners, rules, interrupt.stop(), Arc::clone(&service)).await?;
    if let Some(beside) = beside {
        // One that panicked has said so.
        beside.await.ok();
    }
    let Served { cut_off, forced, .. } = served;
    if cut_off > 0 {
        let clients = if cut_off == 1 { "client was" } else { "clients were" };
        let message = format!("{cut_off} {clients} cut off");
        events.send(Event::Warning { message });
    }
    // Who serves for ever is stopped in order; who serves a number of clients was interrupted.
    let exit = match interrupt.exit() {
        Some(signal) if forced || plan.total.is_some() => signal,
        _ => Exit::Success,
    };
    Ok((exit, service))
}

/// Returns the sockets that whoever started us has opened for us.
fn inherited_listeners() -> Result<Vec<Listener>, Failure> {
    let hint = "[HOST:]PORT or unix:PATH; or systemd with a socket unit";
    match inherited::listeners() {
        Ok(none) if none.is_empty() => {
            let message = "nowhere to listen was given, and no socket was handed over (LISTEN_FDS)";
            Err(Failure::new(Exit::Usage, message).hint(hint))
        }
        Ok(listeners) => Ok(listeners),
        Err(error) => {
            let message = format!("cannot use the sockets of LISTEN_FDS: {error}");
            Err(Failure::new(Exit::CannotListen, message))
        }
    }
}

/// Says where the server listens; the file holds the port for as long as it is kept.
///
/// # Errors
/// The file cannot be written.
pub(super) fn announce(
    addrs: &[Addr],
    address: Option<&ListenAddress>,
    args: &ServerArgs,
    events: &Events,
) -> Result<Option<PortFile>, Failure> {
    let mut port_file = None;
    for addr in addrs {
        if let (None, Some(path), Some(port)) = (&port_file, &args.port_file, addr.port()) {
            port_file = Some(PortFile::write(path, port)?);
        }
        let local = addr.ip().is_none_or(|ip| ip.is_loopback());
        let reach = match (local, addr.port(), address.and_then(ListenAddress::host)) {
            (true, Some(_), None) => " (only this machine can reach it; --public opens it)",
            (true, Some(_), Some(_)) => " (only this machine can reach it)",
            _ => "",
        };
        events.send(Event::Listening { addr: addr.to_string(), port: addr.port(), reach });
    }
    Ok(port_file)
}

/// Tells the operator what the accept loop did.
pub(super) fn tell(events: &Events, notice: Notice) {
    let event = match notice {
        Notice::AcceptFailed(error) => Event::Warning {
            message: format!("cannot accept connections: {}; trying on", crate::reason::of(&error)),
        },
        Notice::Denied(peer) => Event::Refused { peer: peer.to_string(), reason: "not allowed" },
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

/// Returns the event that ends `connection`.
pub(super) fn closed(connection: &Connection, counts: Counts, reason: String) -> Event {
    let lasted = connection.accepted.elapsed();
    ending::closed_because(&connection.peer.to_string(), counts, lasted, reason)
}

/// What a client of a line server is told there is no place for.
pub(super) const BUSY: &str = "ERR busy, try later\r\n";

/// Returns the event that begins `connection`.
pub(super) fn connected(connection: &Connection) -> Event {
    Event::Connected { peer: connection.peer.to_string(), local: connection.local.to_string() }
}

/// Looking up the host to listen on takes this long at most; it is usually a literal or local.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);

fn start_failed(source: io::Error) -> net::Error {
    net::Error::System { operation: "start the server", source }
}
