//! `listen`: accepts connections, reports each client and prints what it sends.

mod datagrams;
mod peer_name;
mod service;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::task::TaskTracker;

use self::datagrams::DatagramListen;
use self::service::Listen;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::accept::WhenFull;
use crate::net::address::transport::Transport;
use crate::net::{Addr, Deadline, ListenAddress};
use crate::options::datagram::{self, DATAGRAMS, DatagramArgs};
use crate::options::listen::ListenArgs;
use crate::options::observers::ObserverArgs;
use crate::options::script::ScriptArgs;
use crate::options::session::{ENDS, SessionArgs};
use crate::options::tls::TlsServerArgs;
use crate::options::values::{self, Limit};
use crate::output::{Event, EventQueue, Events, Output, Payload, WhenGone};
use crate::script::Script;
use crate::serving::{self, ServerPlan};
use crate::session::child_process::command::CommandProcess;
use crate::session::child_process::exec::CommandLine;
use crate::session::standard_io::{self, OutputEnd};
use crate::session::stream::Session;
use crate::session::terminal::TerminalGuard;
use crate::session::tls::Tls;

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
    conversation: SessionArgs,
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
    seeing: ObserverArgs,
    #[command(flatten)]
    server: ListenArgs,
    #[command(flatten)]
    tls: TlsServerArgs,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let _terminal = TerminalGuard::remember(out);
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
        return args.run_datagrams(address, whole, out);
    }
    let plan = ServerPlan {
        max_clients: args.max_clients,
        when_full: WhenFull::Wait,
        total: (!args.keep_open).then_some(1),
        // One thread writes standard output: more of them reading would only wait for it.
        workers: 1,
        when_gone: WhenGone::Leave,
    };
    let build = |events: Events, stop| {
        let talk = args.talk(transport, out, events.clone())?;
        let settings = talk.flags;
        let is_led = talk.script.is_some() || talk.exec.is_some();
        let mut payload = Payload::new(out, events.clone(), settings.raw)?;
        let at_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let interactive = at_terminal && !out.is_json() && !args.keep_open && !is_led;
        if interactive {
            payload = payload.in_conversation(out);
        }
        let until = if args.keep_open { OutputEnd::ProgramEnds } else { settings.output_until() };
        Ok(Listen {
            out,
            keep_open: args.keep_open,
            whole,
            interactive,
            reads: !is_led && settings.sends,
            talk,
            sink: standard_io::print(payload, until)?,
            events,
            stop,
            to_all: Mutex::default(),
            clients: TaskTracker::new(),
            last: Mutex::default(),
            companion: Mutex::default(),
            timed_out: AtomicBool::new(false),
            cut_off: AtomicBool::new(false),
        })
    };
    let begun = |listen: &Arc<Listen>, addrs: &[Addr]| {
        if let Some(pin) = listen.talk.tls.as_ref().and_then(Tls::pin) {
            listen.events.send(Event::Certificate { pin: pin.to_string() });
        }
        tokio::spawn(Arc::clone(listen).watch_the_clock());
        if args.companion.is_empty() {
            return Ok(None);
        }
        let companion = CommandProcess::start(&args.companion, addrs)?;
        let grace = args.server.settings().grace;
        Ok(Some(tokio::spawn(Arc::clone(listen).accompany(companion, grace))))
    };
    let address = address.as_ref();
    let (exit, listen) = serving::run(address, &args.server.settings(), plan, out, build, begun)?;
    listen.conclude(exit)
}

impl Args {
    fn run_datagrams(
        &self,
        address: &ListenAddress,
        whole: Deadline,
        out: Output,
    ) -> anyhow::Result<Exit> {
        let queue = EventQueue::start(out, WhenGone::Leave);
        let talk = self.talk(address.transport, out, queue.events())?;
        datagram::refuse_leader(talk.script.is_some() || talk.exec.is_some())?;
        if !self.companion.is_empty() {
            return Err(Failure::new(Exit::Usage, "-- CMD is for streams, not datagrams").into());
        }
        let settings = talk.flags;
        let hear = DatagramListen {
            address,
            server: self.server.settings(),
            keep_open: self.keep_open,
            max_peers: self.max_clients,
            whole,
            settings,
            split: self.datagrams.split(&settings)?,
        };
        datagrams::run(&hear, &talk.seeing, queue, out)
    }

    /// Makes ready what does not need a connection, and can be wrong.
    fn talk(&self, transport: Transport, out: Output, events: Events) -> anyhow::Result<Session> {
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
        let (flags, exec) = (self.conversation.settings(), self.exec.clone());
        // One client and a signal is an interruption; many are let go in order, and a moment
        // before they would be cut off, so that their end is told.
        let grace = self.keep_open.then(|| self.server.settings().grace.saturating_sub(CUT_OFF));
        Ok(Session { flags, script, exec, tls, seeing, events, tells: true, grace })
    }
}

/// How long before the end of the grace a client is left.
const CUT_OFF: Duration = Duration::from_millis(200);
