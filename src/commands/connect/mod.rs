//! `connect`: connects to a server, with an interactive prompt, through a pipe, or by a script.

mod datagrams;

use std::io::{self, ErrorKind, IsTerminal as _};
use std::time::{Duration, Instant};

use self::datagrams::DatagramExchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::address::endpoint::{Endpoint, Target, destination_port};
use crate::net::relay::{FinRule, Source, StopRule};
use crate::net::{self, Deadline, Port, Stop, runtime};
use crate::options::datagram::{self, DATAGRAMS, DatagramArgs};
use crate::options::dial::DialArgs;
use crate::options::observers::ObserverArgs;
use crate::options::script::ScriptArgs;
use crate::options::session::{ENDS, SessionArgs};
use crate::options::tls::TlsClientArgs;
use crate::options::values;
use crate::output::{Event, EventQueue, Events, Output, Payload, WhenGone};
use crate::script::Script;
use crate::session::datagrams::DatagramIo;
use crate::session::observers::{ONLY_CONNECTION, WhenBlocked};
use crate::session::stream::{Session, SessionStream};
use crate::session::timeline::Timeline;
use crate::session::tls::{Tls, finish_key_log};
use crate::session::{dial, ending, standard_io, terminal};

const EXAMPLES: &str = "\
Examples:
  Connect to the echo server, with an interactive prompt; Ctrl-D ends the input
  $ sockkit connect localhost 21567

  Send a request and print the whole reply
  $ printf 'GET / HTTP/1.0\\r\\n\\r\\n' | sockkit connect example.com 80

  Check a reply: exit 1 if it does not match
  $ sockkit connect localhost 6379 --send 'PING\\r\\n' --expect '^\\+PONG'

  Connect over TLS and print where the time went
  $ sockkit connect example.com 443 --tls --stats < request.txt";

/// The arguments of `connect`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{ENDS}\n\n{DATAGRAMS}")
)]
pub struct Args {
    /// Host name, address, HOST:PORT, tls://HOST:PORT or unix:PATH
    #[arg(
        value_name = "HOST",
        value_parser = values::of_bytes::<Target>(),
        long_help = "Host name, address, HOST:PORT, tls://HOST:PORT or unix:PATH\n\n\
                     An IPv6 address before a colon needs brackets: [::1]:80."
    )]
    target: Target,
    /// Port number or service name
    #[arg(value_parser = destination_port)]
    port: Option<Port>,
    #[command(flatten)]
    datagrams: DatagramArgs,
    #[command(flatten)]
    tls: TlsClientArgs,
    #[command(flatten)]
    session: SessionArgs,
    #[command(flatten)]
    script: ScriptArgs,
    #[command(flatten)]
    observers: ObserverArgs,
    #[command(flatten)]
    dial: DialArgs,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let mut endpoint = Endpoint::join(args.target.clone(), args.port)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    endpoint.transport = args.datagrams.transport(endpoint.transport)?;
    let deadline = args.dial.deadline()?;
    let runtime = runtime::runtime()?;
    let queue = EventQueue::start(out, WhenGone::Stop);
    let events = queue.events();
    let outcome = args.prepare_session(&endpoint, out, &queue).and_then(|session| {
        let key_log = session.tls.as_ref().and_then(Tls::key_log);
        let run = |stop| run_session(session, &endpoint, args, deadline, out, &events, stop);
        let outcome = runtime.block_on(terminal::restore_after(out, &events, run));
        finish_key_log(key_log.as_deref(), &events);
        outcome
    });
    let exit = ending::finish_client(queue, out, outcome, deadline);
    runtime.shutdown_background();
    Ok(exit)
}

/// After a signal, how long the peer may take to acknowledge what is owed to it: the default of a
/// server's `--grace`.
const STOP_GRACE: Duration = Duration::from_secs(5);

async fn run_session(
    mut session: Session,
    endpoint: &Endpoint,
    args: &Args,
    deadline: Deadline,
    out: Output,
    events: &Events,
    stop: Stop,
) -> anyhow::Result<Exit> {
    let settings = session.settings;
    let is_automated = session.script.is_some() || session.exec.is_some();
    let interactive =
        !is_automated && io::stdin().is_terminal() && io::stdout().is_terminal() && !out.is_json();
    // In a pipe, the addresses and the end of the connection are reported only on request.
    session.reports_peer = interactive || out.is_verbose() || out.is_json();
    if endpoint.transport.is_datagram() {
        datagram::reject_automation(is_automated)?;
        args.dial.allow_datagrams()?;
        let split = args.datagrams.split(&settings)?;
        let exchange = DatagramExchange {
            endpoint,
            dial: &args.dial,
            deadline,
            settings,
            split,
            allowance: out.allowance(),
        };
        let observer = session.observers.datagram_observer();
        let payload = Payload::of_datagrams(out, events.clone(), settings.raw)?;
        let io = DatagramIo::open(payload, settings, out, events.clone(), observer, interactive)?;
        let exit = datagrams::connect(&exchange, io, &stop).await;
        session.observers.end_progress();
        return session.observers.finish(exit, deadline, stop.draining()).await;
    }
    let mut timeline = Timeline::since(Instant::now());
    let route = args.dial.dialer(endpoint)?;
    let dialed = terminal::until(&stop, dial::dial(&route, deadline, events)).await;
    // The exit code of a stop is that of the signal.
    let Some(dialed) = dialed.transpose()? else { return Ok(Exit::Success) };
    timeline.dialed(endpoint, &dialed);
    let (peer, local) = (dialed.peer.to_string(), dialed.local.to_string());
    let connected = Event::Connected { peer: peer.clone(), local, name: None };
    session.observers.record(ONLY_CONNECTION, &connected);
    let open = async {
        let payload = Payload::new(out, events.clone(), settings.raw)?;
        if interactive || out.is_json() {
            let announced = terminal::announce(events, connected, &peer, deadline, &stop);
            if announced.await?.is_none() {
                return Ok(None);
            }
        } else if session.reports_peer {
            events.send(connected);
        }
        if interactive {
            terminal::begin_session(&payload, out)?;
            terminal::until(&stop, deadline.bound(events.prompt())).await;
        }
        let reads_input = !is_automated && settings.sends;
        let input = reads_input.then(|| standard_io::standard_input(out)).transpose()?;
        let sink = standard_io::print(payload, settings.output_end())?;
        anyhow::Ok(Some((input.map(Source::from), sink)))
    };
    let mut stream = dialed.stream;
    let (input, sink) = match open.await {
        Ok(Some(opened)) => opened,
        Ok(None) => {
            stream.abort();
            return Ok(Exit::Success);
        }
        Err(error) => {
            let (peer, began) = (&dialed.peer, dialed.began);
            let exit = session.cancel(stream, ONLY_CONNECTION, peer, began, error).exit;
            return session.observers.finish(exit, deadline, stop.draining()).await;
        }
    };
    let stream = SessionStream {
        stream,
        conn: ONLY_CONNECTION,
        peer: &dialed.peer,
        local: &dialed.local,
        timeline,
        input,
        sink: &sink,
        fin: FinRule::InputEnd,
        handshake: Deadline::maybe(args.dial.connect_timeout()),
        deadline,
    };
    let report = session.run(stream, stop.draining()).await;
    session.observers.end_progress();
    if interactive {
        events.end_session();
    } else if report.input_left {
        events.note(&format!("{peer} closed the connection; unread standard input was discarded"));
    }
    let got_no_answer = matches!(report.closed, Event::Closed { bytes_in: 0, bytes_out: 1.., .. });
    if session.reports_peer {
        events.send(report.closed);
    }
    let exit = match report.exit {
        Err(error) if got_no_answer && session.tls.is_none() => Err(suggest_tls(error)),
        exit => exit,
    };
    let exit = standard_io::check_written(&sink, events, exit);
    session.observers.finish(exit, deadline, stop.draining()).await
}

/// Adds a hint to the error of a connection that the server reset instead of answering, as many
/// TLS servers do when they receive plain text.
fn suggest_tls(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<net::Error>() {
        Some(net::Error::Stream { source, .. })
            if matches!(source.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) =>
        {
            let hint = "--tls, if the server expects TLS";
            Failure::new(Exit::Network, error.to_string()).hint(hint).into()
        }
        _ => error,
    }
}

impl Args {
    /// Prepares everything that needs no connection, so that its errors appear before connecting.
    fn prepare_session(
        &self,
        endpoint: &Endpoint,
        out: Output,
        queue: &EventQueue,
    ) -> anyhow::Result<Session> {
        let script = self.script.script()?;
        if script.is_some() {
            self.session.allow_script()?;
        }
        let later = script.as_ref().is_some_and(Script::starts_tls);
        let tls = self.tls.client(endpoint, later, &queue.events())?;
        let mut observers = self.observers.open(out, queue.events(), WhenBlocked::Wait)?;
        let (settings, exec, events) =
            (self.session.settings(), self.script.exec(), queue.events());
        observers.show_progress(settings.sends && script.is_none() && exec.is_none());
        Ok(Session {
            settings,
            script,
            exec,
            tls,
            observers,
            events,
            reports_peer: false,
            stop: StopRule { grace: STOP_GRACE, waits_for_peer: false },
        })
    }
}
