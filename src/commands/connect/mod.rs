//! `connect`: talks to a server, as a person at a prompt, as a pipe, or by a script.

mod datagrams;

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use self::datagrams::DatagramExchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::address::endpoint::{Address, Endpoint, Target};
use crate::net::relay::Source;
use crate::net::{self, Deadline, Port, runtime};
use crate::options::datagram::{self, DATAGRAMS, DatagramArgs};
use crate::options::dial::DialArgs;
use crate::options::observers::ObserverArgs;
use crate::options::script::ScriptArgs;
use crate::options::session::{ENDS, SessionArgs};
use crate::options::tls::TlsClientArgs;
use crate::output::{Event, EventQueue, Output, Payload, WhenGone};
use crate::script::Script;
use crate::session::child_process::exec::CommandLine;
use crate::session::datagrams::DatagramIo;
use crate::session::stream::{Session, SessionStream};
use crate::session::timeline::Timeline;
use crate::session::{dial, standard_io, terminal};

const EXAMPLES: &str = "\
Examples:
  Talk to the echo server at a prompt; Ctrl-D ends it
  $ sockkit connect 127.0.0.1 21567

  Send a request through a pipe and print the whole answer
  $ printf 'GET / HTTP/1.0\\r\\n\\r\\n' | sockkit connect localhost:80

  The same through TLS, and show where the time went
  $ printf 'GET / HTTP/1.0\\r\\n\\r\\n' | sockkit connect localhost:443 --tls --stats

  Ask and check the answer in a script: exit 1 where another one comes
  $ sockkit connect localhost:6379 --send 'PING\\r\\n' --expect '^\\+PONG'";

/// Connect: the arguments
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{ENDS}\n\n{DATAGRAMS}"))]
pub struct Args {
    /// Where to: HOST and PORT, HOST:PORT, tls://HOST:PORT or unix:PATH; IPv6 before a colon in
    /// brackets
    #[arg(value_name = "HOST")]
    target: Target,
    /// The port, or a service's name
    port: Option<Port>,
    #[command(flatten)]
    conversation: SessionArgs,
    #[command(flatten)]
    datagrams: DatagramArgs,
    /// Run this program at our end: it reads what comes, and what it writes is sent (no shell:
    /// sh -c '...' is one)
    #[arg(long, value_name = "COMMAND",
          conflicts_with_all = ["send_only", "recv_only", "script", "send", "expect"])]
    exec: Option<CommandLine>,
    #[command(flatten)]
    script: ScriptArgs,
    #[command(flatten)]
    seeing: ObserverArgs,
    #[command(flatten)]
    dial: DialArgs,
    #[command(flatten)]
    tls: TlsClientArgs,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let mut endpoint = Endpoint::join(args.target.clone(), args.port)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    endpoint.transport = args.datagrams.transport(endpoint.transport)?;
    let whole = args.dial.whole();
    let runtime = runtime::runtime()?;
    let queue = EventQueue::start(out, WhenGone::Leave);
    let conversation = converse(&endpoint, args, whole, out, &queue);
    let outcome = runtime.block_on(terminal::keep(out, conversation));
    // However slow the reader is, it gets the last events, if time is left.
    let left = match outcome {
        Ok(Exit::Signal(_)) => Some(Duration::ZERO),
        _ => whole.remaining(),
    };
    let printed = queue.finish(left.map(|left| left.max(LAST_EVENTS_TIMEOUT)));
    runtime.shutdown_background();
    let exit = outcome?;
    printed?;
    Ok(exit)
}

/// How long the end waits for a blocked reader once time is up.
const LAST_EVENTS_TIMEOUT: Duration = Duration::from_secs(1);

async fn converse(
    endpoint: &Endpoint,
    args: &Args,
    whole: Deadline,
    out: Output,
    queue: &EventQueue,
) -> anyhow::Result<Exit> {
    let mut talk = args.talk(endpoint, out, queue)?;
    let settings = talk.flags;
    let is_led = talk.script.is_some() || talk.exec.is_some();
    let interactive =
        !is_led && io::stdin().is_terminal() && io::stdout().is_terminal() && !out.is_json();
    // In a pipe the two ends are of interest to those who ask only.
    talk.tells = interactive || out.is_verbose() || out.is_json();
    if endpoint.transport.is_for_datagrams() {
        datagram::refuse_leader(is_led)?;
        args.dial.allow_datagrams()?;
        let split = args.datagrams.split(&settings)?;
        let exchange = DatagramExchange { endpoint, dial: &args.dial, whole, settings, split };
        let tap = talk.seeing.tap(&endpoint.to_string());
        let ends = DatagramIo::open(settings, out, queue.events(), tap, interactive)?;
        let exit = datagrams::connect(&exchange, ends).await;
        talk.seeing.end_progress();
        let exit = exit?;
        talk.seeing.finish()?;
        return Ok(exit);
    }
    let mut timeline = Timeline::since(Instant::now());
    let dialed = dial::dial(&args.dial.dialer(endpoint)?, whole, out).await?;
    timeline.dialed(endpoint, &dialed);
    let (peer, local) = (dialed.peer.to_string(), dialed.local.to_string());
    let events = queue.events();
    let mut payload = Payload::new(out, events.clone(), settings.raw)?;
    let connected = Event::Connected { peer: peer.clone(), local };
    talk.seeing.record(&connected);
    if talk.tells {
        events.deliver(connected)?;
    }
    if interactive {
        payload = payload.in_conversation(out);
        out.prompt();
    }
    let reads = !is_led && settings.sends;
    let input = reads.then(standard_io::standard_input).transpose();
    let input =
        input.map_err(|source| net::Error::System { operation: "read standard input", source })?;
    let sink = standard_io::print(payload, settings.output_until())?;
    let call = SessionStream {
        stream: dialed.stream,
        peer: &dialed.peer,
        local: &dialed.local,
        timeline,
        input: input.map(Source::from),
        sink: &sink,
        pass_empty_end: true,
        handshake: Deadline::maybe(args.dial.connect_timeout()),
        deadline: whole,
    };
    // Signals end a client the way they end any program.
    let held = talk.hold(call, std::future::pending()).await;
    talk.seeing.end_progress();
    if interactive {
        out.end_conversation();
    } else if held.rested {
        out.note(&format!("{peer} ended; standard input had not, and was not waited for"));
    }
    if talk.tells {
        events.send(held.closed);
    }
    let exit = held.verdict?;
    talk.seeing.finish()?;
    Ok(exit)
}

impl Args {
    /// Makes ready what does not need a connection, and can be wrong.
    fn talk(
        &self,
        endpoint: &Endpoint,
        out: Output,
        queue: &EventQueue,
    ) -> anyhow::Result<Session> {
        let script = self.script.script()?;
        if script.is_some() {
            self.conversation.allow_script()?;
        }
        let host = match &endpoint.address {
            Address::Net(host, _) => Some(host),
            Address::Unix(_) => None,
        };
        let later = script.as_ref().is_some_and(Script::starts_tls);
        let tls = self.tls.client(endpoint.transport, host, later)?;
        if tls.is_some() && self.tls.trusts_anyone() {
            out.warn("the certificate is not verified (--insecure): the peer may be anybody");
        }
        let mut seeing = self.seeing.open(out)?;
        seeing.show_progress();
        let (flags, exec, events) =
            (self.conversation.settings(), self.exec.clone(), queue.events());
        Ok(Session { flags, script, exec, tls, seeing, events, tells: false, grace: None })
    }
}
