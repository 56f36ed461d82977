//! `listen` for datagrams.

use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::commands::listen::peer_name::PeerNames;
use crate::exit::Exit;
use crate::net::datagram::{
    DatagramListenSettings, DatagramListener, DatagramNotice, Reported, Split,
};
use crate::net::{self, Deadline, ExchangeEnd, ListenAddress, runtime};
use crate::output::{Event, EventQueue, Events, Output, Payload};
use crate::serving::readiness;
use crate::serving::settings::ServerSettings;
use crate::session::datagrams::DatagramIo;
use crate::session::observers::Observers;
use crate::session::outcome;
use crate::session::settings::SessionSettings;
use crate::session::signals::{Hangup, SignalWatch};
use crate::session::standard_io;
use crate::session::{self, ending};
use crate::sync::lock;

/// Receives datagrams until a signal, the deadline or the end of the exchange.
///
/// # Errors
/// sockkit cannot listen, or the exchange fails.
pub(super) fn run(
    request: &DatagramListen<'_>,
    observers: &Observers,
    queue: EventQueue,
    out: Output,
) -> anyhow::Result<Exit> {
    let at_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let interactive = at_terminal && !out.is_json();
    let runtime = runtime::runtime()?;
    let observer = observers.datagram_observer();
    let outcome = runtime.block_on(async {
        let mut payload = Payload::of_datagrams(out, queue.events(), request.settings.raw)?;
        if request.keep_open {
            payload.label_peers();
            // No peer is known yet.
            out.set_receivers(0);
        }
        let (settings, events) = (request.settings, queue.events());
        let io = DatagramIo::open(payload, settings, out, events, observer, interactive)?;
        listen(request, io).await
    });
    observers.end_progress();
    let outcome = observers.finish_blocking(outcome);
    let exit = ending::finish(queue, out, outcome, Some(Duration::ZERO));
    runtime.shutdown_background();
    Ok(exit)
}

/// The address to listen on, and the settings.
pub(super) struct DatagramListen<'a> {
    /// The address to listen on.
    pub(super) address: &'a ListenAddress,
    /// The settings that all servers have.
    pub(super) server: ServerSettings,
    /// Whether datagrams of all senders are accepted, or only those of the first.
    pub(super) keep_open: bool,
    /// The deadline of the whole run.
    pub(super) deadline: Deadline,
    /// The options of the session.
    pub(super) settings: SessionSettings,
    /// How the input is divided into datagrams; `None` for the default.
    pub(super) split: Option<Split>,
}

async fn listen(request: &DatagramListen<'_>, io: DatagramIo) -> anyhow::Result<Exit> {
    let DatagramIo { source, sink, mut observer, events, out, interactive } = io;
    let mut outgoing = session::datagrams::outgoing(source, request.split, &request.settings);
    let access = request.server.access().await?;
    let sockets = request.server.listen_for_datagrams(request.address).await?;
    let signals = SignalWatch::watch(Hangup::Stops)
        .map_err(|source| net::Error::System { operation: "start the server", source })?;
    let addrs: Vec<_> = sockets.iter().map(|socket| socket.local().clone()).collect();
    let _port_file = readiness::announce(&addrs, Some(request.address), &request.server, &events)?;
    let names = PeerNames::read(out);
    let reporter = ListenEvents {
        out,
        events,
        names,
        interactive,
        keep_open: request.keep_open,
        last_peer: Mutex::default(),
    };
    let settings = DatagramListenSettings {
        keep_open: request.keep_open,
        max_peers: request.server.max_clients,
        linger: request.settings.linger,
        idle: request.settings.idle,
        deadline: request.deadline,
        receive: request.settings.receives,
        allowance: out.allowance(),
    };
    let stop = async {
        let stop = signals.stop();
        tokio::select! {
            () = stop.draining() => {}
            _ = reporter.events.stdout_failed() => {}
        }
    };
    let notify = |notice| reporter.report(notice);
    let printed = || reporter.printed();
    let listener = DatagramListener {
        sockets: &sockets,
        access: &access,
        settings,
        notify: &notify,
        reported: &printed,
    };
    let end = listener.serve(&mut outgoing, &sink, &mut observer, stop).await;
    if interactive {
        reporter.events.end_session();
    }
    let exit = match (end, signals.exit()) {
        // With --keep-open, a signal is the normal end; else it interrupts the exchange.
        (ExchangeEnd::Stopped, Some(signal)) if !request.keep_open => Ok(signal),
        (end, _) => {
            let peer = reporter.last_peer.into_inner().unwrap_or_else(PoisonError::into_inner);
            outcome::exit_of(end, &peer.unwrap_or_else(|| request.address.to_string()))
        }
    };
    standard_io::check_written(&sink, &reporter.events, exit)
}

/// Reports the notices of the listener as events.
struct ListenEvents {
    out: Output,
    events: Events,
    names: PeerNames,
    /// Whether the user is prompted for lines to send.
    interactive: bool,
    /// Whether what the user types is sent to several peers.
    keep_open: bool,
    /// The peer that was reported last, for the message of an error.
    last_peer: Mutex<Option<String>>,
}

impl ListenEvents {
    fn report(&self, notice: DatagramNotice) {
        self.events.send(match notice {
            DatagramNotice::Receivers { count } => {
                if self.keep_open {
                    self.out.set_receivers(count);
                }
                return;
            }
            DatagramNotice::NewPeer { peer, local } => return self.report_new_peer(&peer, &local),
            DatagramNotice::PeerRemoved { peer, counts, duration, reason } => {
                outcome::closed_because(
                    &peer.to_string(),
                    outcome::byte_counts(counts),
                    duration,
                    reason,
                )
            }
            DatagramNotice::Refused { peer, reason } => {
                Event::Refused { peer: peer.to_string(), reason }
            }
            DatagramNotice::Truncated { peer } => {
                let message = format!("{peer} sent a datagram that is too long; it was truncated");
                Event::Warning { message }
            }
        });
    }

    /// Waits until the reports are printed, if the data appears on the same terminal.
    fn printed(&self) -> Reported {
        let (events, is_needed) = (self.events.clone(), self.interactive);
        Box::pin(async move {
            if is_needed {
                events.flush().await;
            }
        })
    }

    fn report_new_peer(&self, peer: &net::Addr, local: &net::Addr) {
        let name = peer.to_string();
        *lock(&self.last_peer) = Some(name.clone());
        let connected =
            Event::Connected { peer: name, local: local.to_string(), name: self.names.known(peer) };
        self.events.send(connected);
        if self.interactive {
            self.events.send_prompt();
        }
        // The lookup continues in the background.
        drop(self.names.report(&self.events, peer));
    }
}
