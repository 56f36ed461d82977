//! `listen`: accepts, says who came, and prints what they send.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::conversation::{self, ConversationArgs, ENDS};
use super::datagram::{self, DATAGRAMS, DatagramArgs, Ends, Hear};
use super::server::{self, Plan, ServerArgs};
use super::values;
use super::{connect, ending};
use crate::exit::Exit;
use crate::net::bridge::Sink;
use crate::net::channel::{Channel, Way};
use crate::net::pump::{self, Counts, End};
use crate::net::serve::{self, Connection, Notice, Service, WhenFull};
use crate::net::{self, Deadline, ListenAddress, Stop, names};
use crate::output::{Event, EventQueue, Events, Output, Payload, WhenGone};

const EXAMPLES: &str = "\
Examples:
  Wait for one client on port 5666, say who came, print what it sends
  $ sockkit listen 5666

  The same for as many clients as come, until Ctrl-C
  $ sockkit listen 5666 --keep-open

  Receive a file
  $ sockkit listen 5666 > received.bin";

/// Listen: the arguments
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{ENDS}\n\n{DATAGRAMS}"))]
pub struct Args {
    /// Where to listen; 0 for any free port
    #[arg(value_name = "[HOST:]PORT")]
    address: ListenAddress,
    /// Serve many clients at once, until stopped; standard input is not sent to them
    #[arg(short, long)]
    keep_open: bool,
    /// Clients at once with --keep-open; more wait until there is a place
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = values::count)]
    max_clients: usize,
    #[command(flatten)]
    conversation: ConversationArgs,
    #[command(flatten)]
    datagrams: DatagramArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let mut address = args.address.clone();
    address.transport = args.datagrams.transport(address.transport)?;
    if address.transport.is_for_datagrams() {
        return hear(args, &address, out);
    }
    let plan = Plan {
        max_clients: args.max_clients,
        when_full: WhenFull::Wait,
        total: (!args.keep_open).then_some(1),
        // One thread writes standard output: more of them reading would only wait for it.
        workers: 1,
        when_gone: WhenGone::Leave,
    };
    let interactive = io::stdin().is_terminal() && io::stdout().is_terminal() && !out.is_json();
    let interactive = interactive && !args.keep_open;
    let build = |events: Events, stop| {
        let mut payload = Payload::new(out, events.clone(), args.conversation.raw)?;
        if interactive {
            payload = payload.in_conversation(out);
        }
        let keep_open = args.keep_open;
        Ok(Listen {
            out,
            keep_open,
            conversation: args.conversation,
            interactive,
            sink: conversation::print(payload)?,
            events,
            stop,
            last: Mutex::default(),
        })
    };
    let (exit, listen) = server::run(&address, &args.server, plan, out, build, |_| {})?;
    let last = listen.last.lock().unwrap_or_else(PoisonError::into_inner).take();
    match last {
        // A signal says more than the connection it ended.
        Some((peer, end)) if exit == Exit::Success => ending::finish(end, &peer),
        _ => Ok(exit),
    }
}

/// Listens for datagrams.
fn hear(args: &Args, address: &ListenAddress, out: Output) -> anyhow::Result<Exit> {
    let interactive = io::stdin().is_terminal() && io::stdout().is_terminal() && !out.is_json();
    let interactive = interactive && !args.keep_open;
    let hear = Hear {
        address,
        server: &args.server,
        keep_open: args.keep_open,
        max_peers: args.max_clients,
        whole: Deadline::NEVER,
        conversation: args.conversation,
        datagrams: args.datagrams,
    };
    let runtime = serve::runtime()?;
    let queue = EventQueue::start(out, WhenGone::Leave);
    let raw = args.conversation.raw;
    let outcome = runtime.block_on(async {
        let ends = Ends::open(args.conversation, out, queue.events(), interactive, raw)?;
        datagram::listen(&hear, ends).await
    });
    let printed = queue.finish(Some(server::LAST_WORDS));
    runtime.shutdown_background();
    let exit = outcome?;
    printed?;
    Ok(exit)
}

/// A name is a courtesy; after this long nobody wants it any more.
const NAME_LIMIT: Duration = Duration::from_secs(5);

/// How long the end of a single connection may wait for its name.
const NAME_GRACE: Duration = Duration::from_millis(500);

struct Listen {
    out: Output,
    keep_open: bool,
    conversation: ConversationArgs,
    /// Whether a person has to be prompted.
    interactive: bool,
    sink: Sink,
    events: Events,
    stop: Stop,
    /// How the connection ended that decides how the program does.
    last: Mutex<Option<(String, End)>>,
}

impl Service for Listen {
    async fn handle(self: Arc<Self>, connection: Connection) {
        let connected = server::connected(&connection);
        if self.interactive {
            // In this order. A screen that takes no talk is found out by the payload.
            self.events.deliver(connected).ok();
            self.out.prompt();
        } else {
            self.events.send(connected);
        }
        let name = announce_name(&self.events, &connection.peer);
        let peer = connection.peer.to_string();
        let accepted = connection.accepted;
        let (counts, end) = self.receive(connection, &peer).await;
        let lasted = accepted.elapsed();
        if self.interactive {
            self.out.end_conversation();
        }
        if !self.keep_open {
            // The program ends with this client, and the name with the program: a moment for it.
            Deadline::after(NAME_GRACE).bound(name).await.ok();
        }
        self.events.send(ending::closed(&peer, counts, lasted, &end));
        if matches!(end, End::Output(_)) {
            // Nobody reads any more, whoever comes.
            self.stop.ask();
        } else if self.keep_open {
            return;
        }
        self.last.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((peer, end));
    }

    fn notice(&self, notice: Notice) {
        server::tell(&self.events, notice);
    }
}

impl Listen {
    /// Prints what the client sends, until it ends or the server is asked to stop.
    async fn receive(&self, connection: Connection, peer: &str) -> (Counts, End) {
        let sends = !self.keep_open && self.conversation.sends();
        let input = sends.then(|| connect::standard_input(self.out)).transpose();
        let mut input = match input {
            Ok(input) => input,
            Err(error) => return (Counts::default(), End::Input(error)),
        };
        let policy = self.conversation.policy(false, Deadline::NEVER);
        let sink = self.conversation.receives().then_some(&self.sink);
        let Connection { stream, seat, .. } = connection;
        let mut channel = Channel::new(Way::Plain(stream));
        let leave = async {
            seat.leave().await;
        };
        pump::pump(&mut channel, peer, input.as_mut(), sink, policy, leave).await
    }
}

/// Looks the name of `peer` up beside everything else: nobody waits for it.
pub(super) fn announce_name(events: &Events, peer: &net::Addr) -> JoinHandle<()> {
    let (ip, peer, events) = (peer.ip(), peer.to_string(), events.clone());
    tokio::spawn(async move {
        if let Some(ip) = ip
            && let Some(name) = names::reverse(ip, Deadline::after(NAME_LIMIT)).await
        {
            events.send(Event::PeerName { peer, name });
        }
    })
}
