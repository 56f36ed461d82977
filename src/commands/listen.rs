//! `listen`: accepts, says who came, prints what they send, and answers.

mod hear;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::companion::Companion;
use super::connect;
use super::conversation::{self, ConversationArgs, ENDS, Until};
use super::datagram::{DATAGRAMS, DatagramArgs};
use super::exec::CommandLine;
use super::script::ScriptArgs;
use super::seeing::{SeeingArgs, Timeline};
use super::server::{self, Plan, ServerArgs};
use super::talk::{Call, HANDSHAKE, Held, Talk};
use super::terminal::Terminal;
use super::tls::TlsServerArgs;
use super::values::{self, Limit};
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::net::bridge::{Sink, Source};
use crate::net::broadcast::Broadcast;
use crate::net::endpoint::Transport;
use crate::net::serve::{Connection, Notice, Service, WhenFull};
use crate::net::{Addr, Deadline, ListenAddress, Stop, names};
use crate::output::{Event, Events, Output, Payload, WhenGone};
use crate::script::Script;

const EXAMPLES: &str = "\
Examples:
  Wait for one client on port 5666, say who came, print what it sends
  $ sockkit listen 5666

  The same for as many clients as come, until Ctrl-C
  $ sockkit listen 5666 --keep-open

  Receive a file
  $ sockkit listen 5666 > received.bin

  Test a client against a server that says what is written down
  $ sockkit listen 0 --script server.txt -- ./client-test.sh";

/// Listen: the arguments
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{ENDS}\n\n{DATAGRAMS}"))]
pub struct Args {
    /// Where to listen: a port, 0 for any free one, or HOST:PORT, or unix:PATH. Without it, on the
    /// sockets systemd has opened
    #[arg(value_name = "[HOST:]PORT")]
    address: Option<ListenAddress>,
    /// Serve many clients at once, until stopped; what we send goes to all of them
    #[arg(short, long)]
    keep_open: bool,
    /// Clients at once with --keep-open; more wait until there is a place
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = values::count)]
    max_clients: usize,
    /// How long everything may take; 0 for no limit
    #[arg(long, value_name = "DURATION", env = "SOCKKIT_TIMEOUT", hide_env_values = true,
          value_parser = values::limit)]
    timeout: Option<Limit>,
    #[command(flatten)]
    conversation: ConversationArgs,
    #[command(flatten)]
    datagrams: DatagramArgs,
    #[arg(long, value_name = "COMMAND",
          help = "Run this program for each client: it reads what the client sends, and what it \
                  writes is sent (no shell: sh -c '...' is one); SOCKKIT_PEER_ADDR and SOCKKIT_PEER_PORT are in its environment",
          conflicts_with_all = ["send_only", "recv_only", "script", "send", "expect"])]
    exec: Option<CommandLine>,
    #[arg(
        last = true,
        value_name = "CMD",
        help = "Run this program once we listen, with SOCKKIT_LISTEN_PORT in its environment, \
                  and end with it"
    )]
    companion: Vec<OsString>,
    #[command(flatten)]
    script: ScriptArgs,
    #[command(flatten)]
    seeing: SeeingArgs,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    tls: TlsServerArgs,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let _terminal = Terminal::remember(out);
    let mut address = args.address.clone();
    if let Some(address) = &mut address {
        address.transport = args.datagrams.transport(address.transport)?;
    }
    let transport = match &address {
        Some(address) => address.transport,
        None => args.datagrams.transport(Transport::Tcp)?,
    };
    if address.is_none() && transport.is_for_datagrams() {
        let message = "datagrams need a place to listen: sockets of LISTEN_FDS are for streams";
        return Err(Failure::new(Exit::Usage, message).hint("[HOST:]PORT").into());
    }
    let whole = Deadline::maybe(args.timeout.and_then(|limit| limit.0));
    if let Some(address) = address.as_ref().filter(|_| transport.is_for_datagrams()) {
        return hear::run(args, address, whole, out);
    }
    let plan = Plan {
        max_clients: args.max_clients,
        when_full: WhenFull::Wait,
        total: (!args.keep_open).then_some(1),
        // One thread writes standard output: more of them reading would only wait for it.
        workers: 1,
        when_gone: WhenGone::Leave,
    };
    let build = |events: Events, stop| {
        let talk = args.talk(transport, out, events.clone())?;
        let is_led = talk.script.is_some() || talk.exec.is_some();
        let mut payload = Payload::new(out, events.clone(), args.conversation.raw)?;
        let at_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let interactive = at_terminal && !out.is_json() && !args.keep_open && !is_led;
        if interactive {
            payload = payload.in_conversation(out);
        }
        let until =
            if args.keep_open { Until::ProgramEnds } else { args.conversation.output_until() };
        Ok(Listen {
            out,
            keep_open: args.keep_open,
            whole,
            interactive,
            reads: !is_led && args.conversation.sends(),
            talk,
            sink: conversation::print(payload, until)?,
            events,
            stop,
            to_all: Mutex::default(),
            clients: AtomicUsize::new(0),
            left: Notify::new(),
            last: Mutex::default(),
            companion: Mutex::default(),
            timed_out: AtomicBool::new(false),
            cut_off: AtomicBool::new(false),
        })
    };
    let begun = |listen: &Arc<Listen>, addrs: &[Addr]| {
        if let Some(pin) = listen.talk.tls.as_ref().and_then(super::tls::Tls::pin) {
            listen.events.send(Event::Certificate { pin: pin.to_string() });
        }
        tokio::spawn(Arc::clone(listen).watch_the_clock());
        if args.companion.is_empty() {
            return Ok(None);
        }
        let companion = Companion::start(&args.companion, addrs)?;
        let grace = args.server.grace();
        Ok(Some(tokio::spawn(Arc::clone(listen).accompany(companion, grace))))
    };
    let address = address.as_ref();
    let (exit, listen) = server::run(address, &args.server, plan, out, build, begun)?;
    listen.conclude(exit)
}

impl Args {
    /// Makes ready what does not need a connection, and can be wrong.
    fn talk(&self, transport: Transport, out: Output, events: Events) -> anyhow::Result<Talk> {
        let script = self.script.script()?;
        if script.is_some() {
            self.conversation.allow_script()?;
        }
        let host = self.address.as_ref().and_then(ListenAddress::host);
        let later = script.as_ref().is_some_and(Script::starts_tls);
        let tls = self.tls.server(transport, host, later)?;
        let mut seeing = self.seeing.open(out)?;
        if !self.keep_open {
            seeing.show_progress();
        }
        let (flags, exec) = (self.conversation, self.exec.clone());
        // One client and a signal is an interruption; many are let go in order, and a moment
        // before they would be cut off, so that their end is told.
        let grace = self.keep_open.then(|| self.server.grace().saturating_sub(CUT_OFF));
        Ok(Talk { flags, script, exec, tls, seeing, events, tells: true, grace })
    }
}

/// A name is a courtesy; after this long nobody wants it any more.
const NAME_LIMIT: Duration = Duration::from_secs(5);

/// How long the end of a single connection may wait for its name.
const NAME_GRACE: Duration = Duration::from_millis(500);

/// How long before the end of the grace a client is left.
const CUT_OFF: Duration = Duration::from_millis(200);

/// A client that came before the companion ended is accepted within this: the loop has been
/// around once.
const LAST_CLIENT: Duration = Duration::from_millis(100);

struct Listen {
    out: Output,
    keep_open: bool,
    whole: Deadline,
    /// Whether a person has to be prompted.
    interactive: bool,
    /// Whether standard input is sent.
    reads: bool,
    talk: Talk,
    sink: Sink,
    events: Events,
    stop: Stop,
    /// Standard input, once the first of many clients has come.
    to_all: Mutex<Option<Broadcast>>,
    /// Who is here now.
    clients: AtomicUsize,
    left: Notify,
    /// How the connection ended that decides how the program does.
    last: Mutex<Option<anyhow::Result<Exit>>>,
    /// How the program behind `--` ended.
    companion: Mutex<Option<Result<Exit, Failure>>>,
    timed_out: AtomicBool,
    /// A client was still there when the companion's time was over.
    cut_off: AtomicBool,
}

/// A client that is here; however its handler ends, it leaves.
struct Presence<'a>(&'a Listen);

impl<'a> Presence<'a> {
    fn of(listen: &'a Listen) -> Self {
        listen.clients.fetch_add(1, Ordering::Relaxed);
        Self(listen)
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
        self.0.left.notify_waiters();
    }
}

impl Service for Listen {
    async fn handle(self: Arc<Self>, connection: Connection) {
        let _presence = Presence::of(&self);
        let connected = server::connected(&connection);
        self.talk.seeing.record(&connected);
        if self.interactive {
            // In this order. A screen that takes no talk is found out by the payload.
            self.events.deliver(connected).ok();
            self.out.prompt();
        } else {
            self.events.send(connected);
        }
        let name = announce_name(&self.events, &connection.peer);
        let held = self.serve(connection).await;
        if self.interactive {
            self.out.end_conversation();
        }
        if !self.keep_open {
            self.talk.seeing.end_progress();
            // The program ends with this client, and the name with the program: a moment for it.
            Deadline::after(NAME_GRACE).bound(name).await.ok();
        }
        self.conclude_client(held);
    }

    fn notice(&self, notice: Notice) {
        server::tell(&self.events, notice);
    }
}

impl Listen {
    /// Serves one client, until it ends or the server is asked to stop.
    async fn serve(&self, connection: Connection) -> Held {
        let Connection { stream, peer, local, accepted, seat, .. } = connection;
        let input = match self.input() {
            Ok(input) => input,
            Err(error) => {
                let message = format!("cannot read standard input: {}", crate::reason::of(&error));
                self.events.send(Event::Warning { message });
                None
            }
        };
        let call = Call {
            stream,
            peer: &peer,
            local: &local,
            timeline: Timeline::since(accepted),
            input,
            sink: &self.sink,
            pass_empty_end: false,
            handshake: Deadline::after(HANDSHAKE),
            deadline: self.whole,
        };
        let leave = async {
            seat.leave().await;
        };
        self.talk.hold(call, leave).await
    }

    /// Returns what is sent to the next client.
    fn input(&self) -> io::Result<Option<Source>> {
        if !self.reads {
            return Ok(None);
        }
        if !self.keep_open {
            return connect::standard_input().map(Some);
        }
        let mut to_all = lock(&self.to_all);
        if to_all.is_none() {
            *to_all = Some(Broadcast::start(connect::standard_input()?));
        }
        Ok(to_all.as_ref().map(|broadcast| broadcast.subscribe().into()))
    }

    /// Says how a client's connection ended, and keeps it where the program ends with it.
    fn conclude_client(&self, held: Held) {
        self.events.send(held.closed);
        if held.rested && !self.keep_open && !self.interactive {
            self.out.note("the client ended; standard input had not, and was not waited for");
        }
        if held.is_unheard {
            // Nobody reads any more, whoever comes.
            self.stop.drain();
        } else if self.keep_open {
            if let Err(error) = &held.verdict
                && let (_, Some(complaint)) = failure::explain(error)
            {
                let cause = complaint.cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
                let message = format!("{}{cause}", complaint.message);
                self.events.send(Event::Warning { message });
            }
            if self.talk.script.is_none() {
                return;
            }
            // Of many that are tested, the first failure counts.
            let mut last = lock(&self.last);
            if last.as_ref().is_none_or(Result::is_ok) {
                *last = Some(held.verdict);
            }
            return;
        }
        lock(&self.last).get_or_insert(held.verdict);
    }

    /// Ends everything when the time for it is over.
    async fn watch_the_clock(self: Arc<Self>) {
        self.whole.passed().await;
        self.timed_out.store(true, Ordering::Relaxed);
        self.stop.drain();
    }

    /// Ends everything when the companion has ended and its last clients are served.
    async fn accompany(self: Arc<Self>, companion: Companion, grace: Duration) {
        let ended = companion.wait(&self.stop).await;
        *lock(&self.companion) = Some(ended);
        tokio::time::sleep(LAST_CLIENT).await;
        let everybody_left = async {
            loop {
                let left = self.left.notified();
                if self.clients.load(Ordering::Relaxed) == 0 {
                    return;
                }
                left.await;
            }
        };
        let in_time = Deadline::after(grace).bound(everybody_left).await.is_ok();
        self.cut_off.store(!in_time, Ordering::Relaxed);
        self.stop.drain();
    }

    /// Returns what all of it means to the shell.
    fn conclude(&self, exit: Exit) -> anyhow::Result<Exit> {
        self.talk.seeing.finish()?;
        let companion = lock(&self.companion).take().transpose()?;
        let verdict = lock(&self.last).take();
        if self.timed_out.load(Ordering::Relaxed) {
            return Err(Failure::new(Exit::TimedOut, "time was up (--timeout)").into());
        }
        if self.cut_off.load(Ordering::Relaxed) && verdict.as_ref().is_none_or(Result::is_ok) {
            let message = "the program ended, and a client went on beyond --grace";
            return Err(Failure::new(Exit::TimedOut, message).into());
        }
        if verdict.is_none() && self.talk.script.is_some() && companion == Some(Exit::Success) {
            return Err(Failure::new(Exit::Negative, "nobody came to play the script with").into());
        }
        match (companion, verdict) {
            (Some(failed @ Exit::Command(_)), verdict) => {
                if let Some(Err(error)) = verdict {
                    self.out.warn(&error.to_string());
                }
                Ok(failed)
            }
            // A signal says more than the connection it ended.
            (_, Some(verdict)) if exit == Exit::Success => verdict,
            _ => Ok(exit),
        }
    }
}

/// Looks the name of `peer` up beside everything else: nobody waits for it.
pub(super) fn announce_name(events: &Events, peer: &Addr) -> JoinHandle<()> {
    let (ip, peer, events) = (peer.ip(), peer.to_string(), events.clone());
    tokio::spawn(async move {
        if let Some(ip) = ip
            && let Some(name) = names::reverse(ip, Deadline::after(NAME_LIMIT)).await
        {
            events.send(Event::PeerName { peer, name });
        }
    })
}

/// What is guarded here is whole at any moment, whoever panicked meanwhile.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
