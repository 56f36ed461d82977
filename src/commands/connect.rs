//! `connect`: talks to a server, as a person at a prompt or as a pipe.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use super::dialing::DialArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::dial::Dialed;
use crate::net::endpoint::{Endpoint, Target};
use crate::net::pump::{self, Counts, End, Policy, Sink, Source};
use crate::net::{self, Deadline, Port, serve};
use crate::output::{Event, EventQueue, Output, Payload};
use crate::reason;

const EXAMPLES: &str = "\
Examples:
  Talk to the echo server at a prompt; Ctrl-D ends it
  $ sockkit connect 127.0.0.1 21567

  Send a request through a pipe and print the whole answer
  $ printf 'GET / HTTP/1.0\\r\\n\\r\\n' | sockkit connect localhost:80

Ends of input (TCP):
  ours      sends what is left, ends our side, and waits for the peer's end
  the peer  everything it sent is printed, and the exit code is 0
  a reset   everything that came is printed, and the exit code is 4";

/// Connect: the arguments
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where to: HOST and PORT, HOST:PORT or tcp://HOST:PORT; IPv6 before a colon in brackets
    #[arg(value_name = "HOST")]
    target: Target,
    /// The port, or a service's name
    port: Option<Port>,
    /// Show a terminal what the peer sends untouched, control characters and all
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    dial: DialArgs,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let endpoint = Endpoint::join(args.target.clone(), args.port)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let whole = args.dial.whole();
    let runtime = serve::runtime()?;
    let queue = EventQueue::start(out);
    let outcome = runtime.block_on(converse(&endpoint, args, whole, out, &queue));
    // Data events are payload: however slow their reader is, they are delivered, if time is left.
    queue.finish(whole.remaining().map(|left| left.max(LAST_WORDS)));
    runtime.shutdown_background();
    outcome
}

/// How long the end waits for a blocked reader once time is up.
const LAST_WORDS: Duration = Duration::from_secs(1);

async fn converse(
    endpoint: &Endpoint,
    args: &Args,
    whole: Deadline,
    out: Output,
    queue: &EventQueue,
) -> anyhow::Result<Exit> {
    let interactive = io::stdin().is_terminal() && io::stdout().is_terminal() && !out.is_json();
    // In a pipe the two ends are of interest to those who ask only.
    let tells = interactive || out.is_verbose() || out.is_json();
    let Dialed { stream, peer, local, .. } = args.dial.dial(endpoint, whole, out).await?;
    let peer = peer.to_string();
    let events = queue.events();
    let started = Instant::now();
    if tells {
        events.send(Event::Connected { peer: peer.clone(), local: local.to_string() });
    }
    let mut payload = Payload::new(out, events.clone(), args.raw)?;
    if interactive {
        payload = payload.with_prompt(out);
    }
    let system = |operation| move |source| net::Error::System { operation, source };
    let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(system("read standard input"))?;
    let mut source = Source::start(File::from(stdin)).map_err(system("start a thread"))?;
    let sink = Sink::start(move |peer, bytes| payload.write(peer, bytes));
    let sink = sink.map_err(system("start a thread"))?;
    // Ctrl-C ends a client the way it ends any program.
    let never = std::future::pending();
    let policy = Policy { pass_empty_end: true, deadline: whole };
    let (counts, end) = pump::pump(&stream, &peer, Some(&mut source), &sink, policy, never).await;
    if tells {
        events.send(closed(&peer, counts, started.elapsed(), &end));
    }
    finish(end, &peer)
}

/// Returns the event that ends a connection.
pub(super) fn closed(peer: &str, counts: Counts, lasted: Duration, end: &End) -> Event {
    Event::Closed {
        peer: peer.to_owned(),
        bytes_in: counts.bytes_in,
        bytes_out: counts.bytes_out,
        duration_us: u64::try_from(lasted.as_micros()).unwrap_or(u64::MAX),
        reason: match end {
            End::Receive(error) | End::Send(error) => super::server::end_reason(error),
            end => end.to_string(),
        },
    }
}

/// Returns what the end of a connection means to the shell.
pub(super) fn finish(end: End, peer: &str) -> anyhow::Result<Exit> {
    let peer = peer.to_owned();
    let stream = |operation, source| net::Error::Stream { operation, peer, source };
    match end {
        End::Eof | End::Stopped => Ok(Exit::Success),
        End::Output(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Success),
        End::Output(error) => Err(error.into()),
        End::Receive(error) => Err(stream("reading from", error).into()),
        End::Send(error) => Err(stream("writing to", error).into()),
        End::TimedOut => Err(stream("talking to", ErrorKind::TimedOut.into()).into()),
        End::Input(error) => {
            let message = format!("cannot read standard input: {}", reason::of(&error));
            Err(Failure::new(Exit::File, message).into())
        }
    }
}
