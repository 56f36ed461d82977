//! `listen` for datagrams: what it takes from the command line, and how its run is framed.

use std::io::{self, IsTerminal as _};

use super::super::datagram::{self, Ends, Hear};
use super::super::{conversation, server};
use super::Args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::{Deadline, ListenAddress, serve};
use crate::output::{EventQueue, Output, WhenGone};

/// Listens at `address` until it is stopped, or `whole` has passed.
pub(super) fn run(
    args: &Args,
    address: &ListenAddress,
    whole: Deadline,
    out: Output,
) -> anyhow::Result<Exit> {
    let queue = EventQueue::start(out, WhenGone::Leave);
    let talk = args.talk(address.transport, out, queue.events())?;
    conversation::refuse_leader(talk.script.is_some() || talk.exec.is_some())?;
    if !args.companion.is_empty() {
        return Err(Failure::new(Exit::Usage, "-- CMD is for streams, not datagrams").into());
    }
    let at_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let interactive = at_terminal && !out.is_json() && !args.keep_open;
    let hear = Hear {
        address,
        server: &args.server,
        keep_open: args.keep_open,
        max_peers: args.max_clients,
        whole,
        conversation: args.conversation,
        datagrams: args.datagrams,
    };
    let runtime = serve::runtime()?;
    let (raw, tap) = (args.conversation.raw, talk.seeing.tap(&address.to_string()));
    let outcome = runtime.block_on(async {
        let ends = Ends::open(args.conversation, out, queue.events(), tap, interactive, raw)?;
        datagram::listen(&hear, ends).await
    });
    let printed = queue.finish(Some(server::LAST_WORDS));
    runtime.shutdown_background();
    talk.seeing.end_progress();
    let exit = outcome?;
    printed?;
    talk.seeing.finish()?;
    Ok(exit)
}
