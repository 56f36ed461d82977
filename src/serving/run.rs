//! One server's run, from opening its sockets to its exit code.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::exit::Exit;
use crate::net::accept::listener::Listener;
use crate::net::accept::{self, AcceptSettings, ServeSummary, Service, WhenFull, descriptors};
use crate::net::{self, Addr, ListenAddress, Stop, runtime};
use crate::output::{Event, EventQueue, Events, Output, WhenGone};
use crate::serving::readiness;
use crate::serving::settings::ServerSettings;
use crate::session::signals::SignalWatch;

/// What one server has of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerPlan {
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
pub(crate) fn run<S, B, A>(
    address: Option<&ListenAddress>,
    settings: &ServerSettings,
    plan: ServerPlan,
    out: Output,
    build: B,
    begun: A,
) -> anyhow::Result<(Exit, Arc<S>)>
where
    S: Service,
    B: FnOnce(Events, Stop) -> anyhow::Result<S>,
    A: FnOnce(&Arc<S>, &[Addr]) -> anyhow::Result<Option<JoinHandle<()>>>,
{
    let runtime = runtime::runtime()?;
    let queue = EventQueue::start(out, plan.when_gone);
    let outcome = runtime.block_on(run_here(address, settings, plan, &queue, build, begun));
    // A blocked screen must not keep the process alive.
    let printed = queue.finish(Some(EVENT_FLUSH_TIMEOUT));
    // Lookups and clients that were cut off are not waited for.
    runtime.shutdown_background();
    let outcome = outcome?;
    if plan.when_gone == WhenGone::Leave {
        printed?;
    }
    Ok(outcome)
}

/// How long the end may wait for a screen that does not take the last events.
pub(crate) const EVENT_FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

async fn run_here<S, B, A>(
    address: Option<&ListenAddress>,
    settings: &ServerSettings,
    plan: ServerPlan,
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
    let fitting = descriptors::raise_descriptor_limit();
    let access = settings.access().await?;
    let listeners = match address {
        Some(address) => settings.listen(address).await?,
        None => readiness::inherited_listeners()?,
    };
    let interrupt = SignalWatch::watch().map_err(start_failed)?;
    let events = queue.events();
    let service = Arc::new(build(events.clone(), interrupt.stop())?);
    let addrs: Result<Vec<_>, _> = listeners.iter().map(Listener::addr).collect();
    let addrs = addrs.map_err(start_failed)?;
    let _port_file = readiness::announce(&addrs, address, settings, &events)?;
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
    let rules = AcceptSettings {
        access,
        options: settings.options,
        max_clients: plan.max_clients.min(fitting).max(1),
        when_full: plan.when_full,
        total: plan.total,
        grace: settings.grace,
        workers: plan.workers,
    };
    let served = accept::serve(listeners, rules, interrupt.stop(), Arc::clone(&service)).await?;
    if let Some(beside) = beside {
        // One that panicked has said so.
        beside.await.ok();
    }
    let ServeSummary { cut_off, forced, .. } = served;
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

fn start_failed(source: io::Error) -> net::Error {
    net::Error::System { operation: "start the server", source }
}
