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
use self::peer_name::PeerNames;
use self::service::Listen;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::accept::WhenFull;
use crate::net::address::transport::Transport;
use crate::net::relay::StopRule;
use crate::net::{Addr, Deadline, ListenAddress};
use crate::options::CONNECTION;
use crate::options::datagram::{self, DATAGRAMS, DatagramArgs};
use crate::options::listen::ListenArgs;
use crate::options::observers::ObserverArgs;
use crate::options::script::ScriptArgs;
use crate::options::session::{ENDS, SessionArgs};
use crate::options::tls::TlsServerArgs;
use crate::options::values::{self, TimeoutArgs};
use crate::output::{Event, EventQueue, Events, Output, Payload, WhenGone};
use crate::script::Script;
use crate::serving::events::ClientEvents;
use crate::serving::{self, ServerPlan};
use crate::session::child_process::command::CommandProcess;
use crate::session::observers::{ObserverSettings, WhenBlocked};
use crate::session::signals::Hangup;
use crate::session::standard_io::{self, OutputEnd};
use crate::session::stream::Session;
use crate::session::terminal::{self, TerminalGuard};
use crate::session::tls::Tls;

const EXAMPLES: &str = "\
Examples:
  Accept one client on port 5666 and print what it sends
  $ sockkit listen 5666

  Serve many clients at once, until Ctrl-C
  $ sockkit listen 5666 --keep-open

  Test a client against a server that follows a script
  $ sockkit listen 0 --script server.txt -- ./client-test.sh

  Receive a file
  $ sockkit listen 5666 > received.bin";

/// The arguments of `listen`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{ENDS}\n\n{DATAGRAMS}"),
    // The summary must fit on one screen.
    mut_arg("max_clients", |arg| arg.hide_short_help(true)),
    mut_arg("hexdump", |arg| arg.hide_short_help(true)),
    mut_arg("stats", |arg| arg.hide_short_help(true))
)]
#[expect(clippy::doc_markdown, reason = "clap prints the text unchanged, so it has no markup")]
pub struct Args {
    /// Port (0 for any free), HOST:PORT or unix:PATH
    ///
    /// Without it, sockkit uses the sockets that a service manager passes to it (LISTEN_FDS).
    #[arg(value_name = "[HOST:]PORT", value_parser = values::of_bytes::<ListenAddress>())]
    address: Option<ListenAddress>,
    /// Run CMD once the socket listens; exit when CMD exits
    ///
    /// CMD's environment contains SOCKKIT_LISTEN_ADDR and SOCKKIT_LISTEN_PORT. The exit code is
    /// that of CMD; if CMD exits with 0, it is that of the connection. Processes that CMD leaves in
    /// the background are ended when sockkit exits.
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
    /// Serve many clients at once, until stopped
    ///
    /// Standard input is sent to every client connected at that moment.
    #[arg(short, long, help_heading = CONNECTION)]
    keep_open: bool,
    #[command(flatten)]
    datagrams: DatagramArgs,
    #[command(flatten)]
    tls: TlsServerArgs,
    #[command(flatten)]
    session: SessionArgs,
    #[command(flatten)]
    timeout: TimeoutArgs,
    #[command(flatten)]
    script: ScriptArgs,
    #[command(flatten)]
    observers: ObserverArgs,
    #[command(flatten)]
    server: ListenArgs,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let terminal = TerminalGuard::save(out);
    let mut address = args.address.clone();
    if let Some(address) = &mut address {
        address.transport = args.datagrams.transport(address.transport)?;
    }
    let transport = match &address {
        Some(address) => address.transport,
        None => args.datagrams.transport(Transport::Tcp)?,
    };
    if address.is_none() && transport.is_datagram() {
        let message = "cannot listen for datagrams: inherited sockets (LISTEN_FDS) are for streams";
        return Err(Failure::new(Exit::Usage, message).hint("[HOST:]PORT").into());
    }
    let deadline = args.timeout.deadline()?;
    if let Some(address) = address.as_ref().filter(|_| transport.is_datagram()) {
        return args.run_datagrams(address, deadline, out);
    }
    let plan = ServerPlan {
        default_port: None,
        // The sessions themselves start TLS, because a script may do so later.
        tls: None,
        observers: ObserverSettings::default(),
        when_full: WhenFull::Wait,
        total: (!args.keep_open).then_some(1),
        // All clients share the one thread that writes standard output, so more workers would only
        // wait for it.
        workers: 1,
        when_gone: WhenGone::Stop,
        hangup: Hangup::Stops,
    };
    let build = |events: ClientEvents, stop| {
        let events = events.queue().clone();
        let session = args.prepare_session(transport, out, events.clone())?;
        let settings = session.settings;
        let is_automated = session.script.is_some() || session.exec.is_some();
        let mut payload = Payload::new(out, events.clone(), settings.raw)?;
        if args.keep_open {
            payload.label_peers();
        }
        let at_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let interactive = at_terminal && !out.is_json() && !is_automated;
        if interactive {
            terminal::begin_session(&payload, out)?;
        }
        let until = if args.keep_open { OutputEnd::AtExit } else { settings.output_end() };
        Ok(Listen {
            out,
            keep_open: args.keep_open,
            deadline,
            interactive,
            reads_input: !is_automated && settings.sends,
            session,
            sink: standard_io::print(payload, until)?,
            events,
            names: PeerNames::read(out),
            stop,
            shared_input: Mutex::default(),
            clients: TaskTracker::new(),
            receivers: TaskTracker::new(),
            result: Mutex::default(),
            command_result: Mutex::default(),
            timed_out: AtomicBool::new(false),
            still_connected: AtomicBool::new(false),
            cut_off: AtomicBool::new(false),
        })
    };
    let on_listening = |listen: &Arc<Listen>, addrs: &[Addr]| {
        if let Some(pin) = listen.session.tls.as_ref().and_then(Tls::pin) {
            listen.events.send(Event::Certificate { pin: pin.to_string() });
        }
        tokio::spawn(Arc::clone(listen).stop_at_deadline());
        if listen.interactive {
            tokio::spawn(Arc::clone(listen).end_session_at_stop());
        }
        if args.command.is_empty() {
            return Ok(None);
        }
        let command = CommandProcess::start(&args.command, addrs)?;
        let grace = args.server.settings().grace;
        Ok(Some(tokio::spawn(Arc::clone(listen).stop_after_command(command, grace))))
    };
    let (address, settings) = (address.as_ref(), args.server.settings());
    let conclude = |listen: &Listen, end| {
        let outcome = listen.finish(end);
        // The error is printed after this.
        drop(terminal);
        outcome
    };
    serving::run(address, &settings, plan, out, build, on_listening, conclude)
}

impl Args {
    fn run_datagrams(
        &self,
        address: &ListenAddress,
        deadline: Deadline,
        out: Output,
    ) -> anyhow::Result<Exit> {
        let queue = EventQueue::start(out, WhenGone::Stop);
        let session = self.prepare_session(address.transport, out, queue.events())?;
        datagram::reject_automation(session.script.is_some() || session.exec.is_some())?;
        if !self.command.is_empty() {
            return Err(Failure::new(Exit::Usage, "-- CMD applies only to streams").into());
        }
        let settings = session.settings;
        let request = DatagramListen {
            address,
            server: self.server.settings(),
            keep_open: self.keep_open,
            deadline,
            settings,
            split: self.datagrams.split(&settings)?,
        };
        datagrams::run(&request, &session.observers, queue, out)
    }

    /// Prepares everything that needs no connection, so that its errors appear before listening.
    fn prepare_session(
        &self,
        transport: Transport,
        out: Output,
        events: Events,
    ) -> anyhow::Result<Session> {
        let script = self.script.script()?;
        if script.is_some() {
            self.session.allow_script()?;
        }
        let host = self.address.as_ref().and_then(ListenAddress::host);
        let later = script.as_ref().is_some_and(Script::starts_tls);
        let tls = self.tls.server(transport, host, later)?;
        let when_blocked = if self.keep_open { WhenBlocked::GoOn } else { WhenBlocked::Wait };
        let mut observers = self.observers.open(out, events.clone(), when_blocked)?;
        let (settings, exec) = (self.session.settings(), self.script.exec());
        if !self.keep_open {
            observers.show_progress(settings.sends && script.is_none() && exec.is_none());
        }
        // Each session ends shortly before `--grace` expires, so that its `closed` event is still
        // reported.
        let grace = self.server.settings().grace;
        let grace = grace.saturating_sub(GRACE_MARGIN.min(grace / 2));
        // With --keep-open, a stop lets the clients finish; else it interrupts the only one.
        let stop = StopRule { grace, waits_for_peer: self.keep_open };
        Ok(Session { settings, script, exec, tls, observers, events, reports_peer: true, stop })
    }
}

/// How long before `--grace` expires a session ends, at most half of it.
const GRACE_MARGIN: Duration = Duration::from_millis(1200);
