//! `listen` for datagrams.

use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};

use crate::commands::listen::peer_name::announce_name;
use crate::exit::Exit;
use crate::net::datagram::{
    DatagramEnd, DatagramListenSettings, DatagramListener, DatagramNotice, Split,
};
use crate::net::{self, Deadline, ListenAddress, runtime};
use crate::output::{Event, EventQueue, Events, Output};
use crate::serving::settings::ServerSettings;
use crate::serving::{self, readiness};
use crate::session;
use crate::session::datagrams::DatagramIo;
use crate::session::observers::Observers;
use crate::session::outcome;
use crate::session::settings::SessionSettings;
use crate::session::signals::SignalWatch;
use crate::sync::lock;

/// Listens until it is stopped, or its time is up.
///
/// # Errors
/// It cannot listen, or it does not end in order.
pub(super) fn run(
    hear: &DatagramListen<'_>,
    observers: &Observers,
    queue: EventQueue,
    out: Output,
) -> anyhow::Result<Exit> {
    let at_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let interactive = at_terminal && !out.is_json() && !hear.keep_open;
    let runtime = runtime::runtime()?;
    let tap = observers.tap(&hear.address.to_string());
    let outcome = runtime.block_on(async {
        let ends = DatagramIo::open(hear.settings, out, queue.events(), tap, interactive)?;
        listen(hear, ends).await
    });
    let printed = queue.finish(Some(serving::EVENT_FLUSH_TIMEOUT));
    runtime.shutdown_background();
    observers.end_progress();
    let exit = outcome?;
    printed?;
    observers.finish()?;
    Ok(exit)
}

/// Where to listen, and how.
pub(super) struct DatagramListen<'a> {
    /// Where.
    pub(super) address: &'a ListenAddress,
    /// What every server has.
    pub(super) server: ServerSettings,
    /// Whether datagrams of all senders are accepted, or only those of the first.
    pub(super) keep_open: bool,
    /// How many peers are remembered.
    pub(super) max_peers: usize,
    /// When the run must be over.
    pub(super) whole: Deadline,
    /// How the exchange goes.
    pub(super) settings: SessionSettings,
    /// How the input becomes datagrams; none for the default.
    pub(super) split: Option<Split>,
}

/// Listens until it is stopped or time is up.
///
/// # Errors
/// It cannot listen, or it does not end in order.
async fn listen(hear: &DatagramListen<'_>, ends: DatagramIo) -> anyhow::Result<Exit> {
    let DatagramIo { source, sink, mut tap, events, out, interactive } = ends;
    let mut outbox = session::datagrams::outgoing(source, hear.split, &hear.settings);
    let access = hear.server.access().await?;
    let sockets = hear.server.listen_for_datagrams(hear.address).await?;
    let interrupt = SignalWatch::watch()
        .map_err(|source| net::Error::System { operation: "start the server", source })?;
    let addrs: Vec<_> = sockets.iter().map(|socket| socket.local().clone()).collect();
    let _port_file = readiness::announce(&addrs, Some(hear.address), &hear.server, &events)?;
    let audience = ListenEvents { events, out, interactive, last: Mutex::default() };
    let plan = DatagramListenSettings {
        keep_open: hear.keep_open,
        max_peers: hear.max_peers,
        linger: hear.settings.linger,
        idle: hear.settings.idle,
        deadline: hear.whole,
        receive: hear.settings.receives,
    };
    let stop = async {
        let stop = interrupt.stop();
        tokio::select! {
            () = stop.draining() => {}
            () = audience.events.gone() => {}
        }
    };
    let tell = |notice| audience.tell(notice);
    let listener = DatagramListener { sockets: &sockets, access: &access, plan, tell: &tell };
    let end = listener.serve(&mut outbox, &sink, &mut tap, stop).await;
    if interactive {
        out.end_conversation();
    }
    match (end, interrupt.exit()) {
        // Who serves everybody is stopped in order; who serves one was interrupted.
        (DatagramEnd::Stopped, Some(signal)) if !hear.keep_open => Ok(signal),
        (end, _) => {
            let last = audience.last.into_inner().unwrap_or_else(PoisonError::into_inner);
            outcome::finish_datagrams(end, &last.unwrap_or_else(|| hear.address.to_string()))
        }
    }
}

/// Who is told what happens.
struct ListenEvents {
    events: Events,
    out: Output,
    /// Whether a person has to be prompted.
    interactive: bool,
    /// Who came last.
    last: Mutex<Option<String>>,
}

impl ListenEvents {
    fn tell(&self, notice: DatagramNotice) {
        self.events.send(match notice {
            DatagramNotice::Arrived { peer, local } => return self.welcome(&peer, &local),
            DatagramNotice::Left { peer, counts, lasted, reason } => outcome::closed_because(
                &peer.to_string(),
                outcome::byte_counts(counts),
                lasted,
                reason,
            ),
            DatagramNotice::Refused { peer, reason } => {
                Event::Refused { peer: peer.to_string(), reason }
            }
            DatagramNotice::Cut { peer } => {
                let message = format!("{peer} sent a datagram too long for us: its end is lost");
                Event::Warning { message }
            }
        });
    }

    fn welcome(&self, peer: &net::Addr, local: &net::Addr) {
        let name = peer.to_string();
        *lock(&self.last) = Some(name.clone());
        let arrived = Event::Connected { peer: name, local: local.to_string() };
        if self.interactive {
            // In this order. A screen that takes no talk is found out by the payload.
            self.events.deliver(arrived).ok();
            self.out.prompt();
        } else {
            self.events.send(arrived);
        }
        // A name is a courtesy: nobody waits for it.
        drop(announce_name(&self.events, peer));
    }
}
