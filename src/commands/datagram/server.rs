//! Datagrams from everybody.

use std::sync::{Mutex, PoisonError};

use super::super::conversation::ConversationArgs;
use super::super::server::{self, ServerArgs};
use super::super::{ending, interrupt::Interrupt, listen};
use super::{DatagramArgs, Ends, bytes, finish};
use crate::exit::Exit;
use crate::net::datagram::{self, End, Notice, Plan};
use crate::net::stop::Stage;
use crate::net::{self, Deadline, ListenAddress};
use crate::output::{Event, Events, Output};

/// Where to listen, and how.
pub(in super::super) struct Hear<'a> {
    /// Where.
    pub address: &'a ListenAddress,
    /// What all servers have.
    pub server: &'a ServerArgs,
    /// Whether everybody is heard, or only the first.
    pub keep_open: bool,
    /// How many peers are remembered.
    pub max_peers: usize,
    /// By when all must be over.
    pub whole: Deadline,
    /// How it goes.
    pub conversation: ConversationArgs,
    /// What is a datagram.
    pub datagrams: DatagramArgs,
}

/// Listens until it is stopped or time is up.
///
/// # Errors
/// It cannot listen, or it does not end in order.
pub(in super::super) async fn listen(hear: &Hear<'_>, ends: Ends) -> anyhow::Result<Exit> {
    let Ends { source, sink, mut tap, events, out, interactive } = ends;
    let mut outbox = hear.datagrams.outbox(source, hear.conversation)?;
    let access = hear.server.access().await?;
    let sockets = hear.server.listen_for_datagrams(hear.address).await?;
    let interrupt = Interrupt::watch()
        .map_err(|source| net::Error::System { operation: "start the server", source })?;
    let addrs: Vec<_> = sockets.iter().map(|socket| socket.local().clone()).collect();
    let _port_file = server::announce(&addrs, Some(hear.address), hear.server, &events)?;
    let audience = Audience { events, out, interactive, last: Mutex::default() };
    let plan = Plan {
        keep_open: hear.keep_open,
        max_peers: hear.max_peers,
        linger: hear.conversation.policy(false, hear.whole).linger,
        idle: hear.conversation.idle(),
        deadline: hear.whole,
        receive: hear.conversation.receives(),
    };
    let stop = async {
        let stop = interrupt.stop();
        tokio::select! {
            () = stop.reached(Stage::Draining) => {}
            () = audience.events.gone() => {}
        }
    };
    let tell = |notice| audience.tell(notice);
    let listener = datagram::Listener { sockets: &sockets, access: &access, plan, tell: &tell };
    let end = listener.serve(&mut outbox, &sink, &mut tap, stop).await;
    if interactive {
        out.end_conversation();
    }
    match (end, interrupt.exit()) {
        // Who serves everybody is stopped in order; who serves one was interrupted.
        (End::Stopped, Some(signal)) if !hear.keep_open => Ok(signal),
        (end, _) => {
            let last = audience.last.into_inner().unwrap_or_else(PoisonError::into_inner);
            finish(end, &last.unwrap_or_else(|| hear.address.to_string()))
        }
    }
}

/// Who is told what happens.
struct Audience {
    events: Events,
    out: Output,
    /// Whether a person has to be prompted.
    interactive: bool,
    /// Who came last.
    last: Mutex<Option<String>>,
}

impl Audience {
    fn tell(&self, notice: Notice) {
        self.events.send(match notice {
            Notice::Arrived { peer, local } => return self.welcome(&peer, &local),
            Notice::Left { peer, counts, lasted, reason } => {
                ending::closed_because(&peer.to_string(), bytes(counts), lasted, reason)
            }
            Notice::Refused { peer, reason } => Event::Refused { peer: peer.to_string(), reason },
            Notice::Cut { peer } => {
                let message = format!("{peer} sent a datagram too long for us: its end is lost");
                Event::Warning { message }
            }
        });
    }

    fn welcome(&self, peer: &net::Addr, local: &net::Addr) {
        let name = peer.to_string();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.clone());
        let arrived = Event::Connected { peer: name, local: local.to_string() };
        if self.interactive {
            // In this order. A screen that takes no talk is found out by the payload.
            self.events.deliver(arrived).ok();
            self.out.prompt();
        } else {
            self.events.send(arrived);
        }
        // A name is a courtesy: nobody waits for it.
        drop(listen::announce_name(&self.events, peer));
    }
}
