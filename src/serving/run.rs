//! The run of a server, from opening its sockets to its exit code.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::exit::Exit;
use crate::net::accept::listener::Listener;
use crate::net::accept::{
    self, AcceptSettings, ObserverFactory, ServeSummary, Service, WhenFull, descriptors,
};
use crate::net::tls::ServerHandshake;
use crate::net::{self, Addr, Deadline, ListenAddress, Port, Stop, runtime};
use crate::output::{Event, EventQueue, Output, WhenGone};
use crate::serving::events::ClientEvents;
use crate::serving::readiness;
use crate::serving::settings::ServerSettings;
use crate::session::ending;
use crate::session::observers::{ObserverSettings, Observers, WhenBlocked};
use crate::session::signals::{Hangup, SignalWatch};
use crate::session::tls::finish_key_log;

/// The settings in which one server command differs from another.
#[derive(Clone, Debug)]
pub(crate) struct ServerPlan {
    /// The port to listen on without an address and without inherited sockets; `None` if that is an
    /// error.
    pub default_port: Option<Port>,
    /// How TLS begins on every connection; `None` if the service gets plain streams.
    pub tls: Option<ServerHandshake>,
    /// What to observe on every connection.
    pub observers: ObserverSettings,
    /// What to do with a new client when the server is full.
    pub when_full: WhenFull,
    /// The number of connections after which the server exits; `None` for no limit.
    pub total: Option<u64>,
    /// The number of worker threads. More than one helps only if the handlers share no lock.
    pub workers: usize,
    /// What to do when standard output can no longer be written.
    pub when_gone: WhenGone,
    /// What SIGHUP does.
    pub hangup: Hangup,
}

/// How a server ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerEnd {
    /// The exit code.
    pub exit: Exit,
    /// The exit code of the signal that stopped the server, if one did.
    pub signal: Option<Exit>,
    /// Whether a client was still connected when the grace period ended.
    pub cut_off: bool,
}

impl ServerPlan {
    /// Returns the plan of a server without TLS, observers and a limit of connections. It has the
    /// default workers, continues without standard output and stops on SIGHUP.
    pub(crate) fn new(default_port: Port, when_full: WhenFull) -> Self {
        Self {
            default_port: Some(default_port),
            tls: None,
            observers: ObserverSettings::default(),
            when_full,
            total: None,
            workers: accept::default_workers(),
            when_gone: WhenGone::Warn,
            hangup: Hangup::Stops,
        }
    }
}

/// Serves clients at `address` with the service from `build` until a signal arrives, as [`run`]
/// does.
///
/// # Errors
/// The server cannot listen, or `build` fails; no client was accepted then.
pub(crate) fn run_until_stopped<S: Service>(
    address: Option<&ListenAddress>,
    settings: &ServerSettings,
    plan: ServerPlan,
    out: Output,
    build: impl FnOnce(ClientEvents, Stop) -> anyhow::Result<S>,
) -> anyhow::Result<Exit> {
    run(address, settings, plan, out, build, |_, _| Ok(None), |_, end| Ok(end.exit))
}

/// Listens at `address`; if it is `None`, on the inherited sockets or, without any, on the default
/// port. Serves clients with the service from `build` until `plan.total` connections have ended or
/// a signal arrives.
/// `on_listening` is called after the `listening` events; the task that it returns is awaited
/// before this returns. `conclude` returns the exit code of a server that has ended. The error of a
/// run is printed after the last events, so it is not returned.
///
/// # Errors
/// No runtime can be started.
pub(crate) fn run<S, B, A, C>(
    address: Option<&ListenAddress>,
    settings: &ServerSettings,
    plan: ServerPlan,
    out: Output,
    build: B,
    on_listening: A,
    conclude: C,
) -> anyhow::Result<Exit>
where
    S: Service,
    B: FnOnce(ClientEvents, Stop) -> anyhow::Result<S>,
    A: FnOnce(&Arc<S>, &[Addr]) -> anyhow::Result<Option<JoinHandle<()>>>,
    C: FnOnce(&S, ServerEnd) -> anyhow::Result<Exit>,
{
    let runtime = runtime::runtime()?;
    let queue = EventQueue::start(out, plan.when_gone);
    let key_log = plan.tls.as_ref().and_then(ServerHandshake::key_log);
    let served = runtime.block_on(serve(address, settings, plan, out, &queue, build, on_listening));
    let outcome = served.and_then(|(end, service)| conclude(&service, end));
    finish_key_log(key_log.as_deref(), &queue.events());
    // The time is limited, because a blocked terminal would keep the process alive.
    let exit = ending::finish(queue, out, outcome, Some(Duration::ZERO));
    // Does not wait for name lookups or for clients that were cut off.
    runtime.shutdown_background();
    Ok(exit)
}

async fn serve<S, B, A>(
    address: Option<&ListenAddress>,
    settings: &ServerSettings,
    plan: ServerPlan,
    out: Output,
    queue: &EventQueue,
    build: B,
    on_listening: A,
) -> anyhow::Result<(ServerEnd, Arc<S>)>
where
    S: Service,
    B: FnOnce(ClientEvents, Stop) -> anyhow::Result<S>,
    A: FnOnce(&Arc<S>, &[Addr]) -> anyhow::Result<Option<JoinHandle<()>>>,
{
    let events = queue.events();
    let observers = plan.observers.is_any();
    let open = || Observers::open(&plan.observers, out, events.clone(), WhenBlocked::GoOn);
    let observers = observers.then(open);
    let observers = observers.transpose()?.map(Arc::new);
    // The limit is raised before the `listening` event, because clients may connect right after it.
    let limits = descriptors::raise_descriptor_limit();
    let access = settings.access().await?;
    let inherited =
        if address.is_none() { readiness::inherited_listeners(settings)? } else { Vec::new() };
    let default = plan.default_port.filter(|_| inherited.is_empty()).map(ListenAddress::from);
    let address = address.or(default.as_ref());
    let listeners = match address {
        Some(address) => settings.listen(address).await?,
        None if inherited.is_empty() => return Err(readiness::no_address().into()),
        None => inherited,
    };
    let signals = SignalWatch::watch(plan.hangup).map_err(start_failed)?;
    let client_events = ClientEvents::new(events.clone(), observers.clone());
    let service = Arc::new(build(client_events, signals.stop())?);
    let addrs: Result<Vec<_>, _> = listeners.iter().map(Listener::addr).collect();
    let addrs = addrs.map_err(start_failed)?;
    let _port_file = readiness::announce(&addrs, address, settings, &events)?;
    if let Some(tls) = &plan.tls {
        events.send(Event::Certificate { pin: tls.pin().to_string() });
    }
    let background = on_listening(&service, &addrs)?;
    if plan.when_gone == WhenGone::Stop {
        let (events, stop) = (events.clone(), signals.stop());
        tokio::spawn(async move {
            events.stdout_failed().await;
            stop.drain();
        });
    }
    if limits.clients < settings.max_clients {
        let message = format!("the limit of open files allows only {} clients", limits.clients);
        events.send(Event::Warning { message });
    }
    let accept_settings = AcceptSettings {
        access,
        options: settings.options,
        max_clients: settings.max_clients.min(limits.clients).max(1),
        when_full: plan.when_full,
        total: plan.total,
        grace: settings.grace,
        max_closing: limits.closing,
        tls: plan.tls,
        observe: observers.clone().map(observer_factory),
        workers: plan.workers,
    };
    let served =
        accept::serve(listeners, accept_settings, signals.stop(), Arc::clone(&service)).await?;
    if let Some(background) = background
        && let Err(panic) = background.await
    {
        std::panic::resume_unwind(panic.into_panic());
    }
    let ServeSummary { cut_off, lost, .. } = served;
    if cut_off > 0 {
        let clients = if cut_off == 1 { "client was" } else { "clients were" };
        let message = format!("{cut_off} {clients} cut off");
        events.send(Event::Warning { message });
    }
    // A signal is the normal way to stop a server without a limit of connections; it interrupts one
    // with a limit.
    let exit = match signals.exit() {
        Some(Exit::Internal) => Exit::Internal,
        Some(signal) if signals.stop().is_forced() || plan.total.is_some() => signal,
        // A warning has said which client was not served, and why.
        _ if lost > 0 => Exit::Internal,
        _ => Exit::Success,
    };
    let exit = match &observers {
        None => exit,
        Some(observers) => {
            observers.finish(Ok(exit), Deadline::after(Duration::ZERO), pending()).await?
        }
    };
    Ok((ServerEnd { exit, signal: signals.exit(), cut_off: cut_off > 0 }, service))
}

fn observer_factory(observers: Arc<Observers>) -> ObserverFactory {
    Arc::new(move |conn, peer| observers.observer(conn, &peer.to_string()))
}

fn start_failed(source: io::Error) -> net::Error {
    net::Error::System { operation: "start the server", source }
}
