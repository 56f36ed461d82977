//! `connect`: talks to a server, as a person at a prompt or as a pipe.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use super::conversation::{self, ConversationArgs, ENDS};
use super::datagram::{self, DATAGRAMS, DatagramArgs, Ends};
use super::dialing::DialArgs;
use super::ending;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::bridge::Source;
use crate::net::channel::{Channel, Way};
use crate::net::dial::Dialed;
use crate::net::endpoint::{Endpoint, Target};
use crate::net::pump::{self, End};
use crate::net::{self, Deadline, Port, serve};
use crate::output::{Event, EventQueue, Output, Payload, WhenGone};
use crate::patient::Reader;

const EXAMPLES: &str = "\
Examples:
  Talk to the echo server at a prompt; Ctrl-D ends it
  $ sockkit connect 127.0.0.1 21567

  Send a request through a pipe and print the whole answer
  $ printf 'GET / HTTP/1.0\\r\\n\\r\\n' | sockkit connect localhost:80";

/// Connect: the arguments
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{ENDS}\n\n{DATAGRAMS}"))]
pub struct Args {
    /// Where to: HOST and PORT, HOST:PORT or tcp://HOST:PORT; IPv6 before a colon in brackets
    #[arg(value_name = "HOST")]
    target: Target,
    /// The port, or a service's name
    port: Option<Port>,
    #[command(flatten)]
    conversation: ConversationArgs,
    #[command(flatten)]
    datagrams: DatagramArgs,
    #[command(flatten)]
    dial: DialArgs,
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let mut endpoint = Endpoint::join(args.target.clone(), args.port)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    endpoint.transport = args.datagrams.transport(endpoint.transport)?;
    let whole = args.dial.whole();
    let runtime = serve::runtime()?;
    let queue = EventQueue::start(out, WhenGone::Leave);
    let outcome = runtime.block_on(converse(&endpoint, args, whole, out, &queue));
    // However slow the reader is, it gets the last events, if time is left.
    let printed = queue.finish(whole.remaining().map(|left| left.max(LAST_WORDS)));
    runtime.shutdown_background();
    let exit = outcome?;
    printed?;
    Ok(exit)
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
    if endpoint.transport.is_for_datagrams() {
        let talk = args.dial.talk(endpoint, whole, args.conversation, args.datagrams);
        let raw = args.conversation.raw;
        let ends = Ends::open(talk.conversation, out, queue.events(), interactive, raw)?;
        return datagram::connect(&talk, ends).await;
    }
    let Dialed { stream, peer, local, .. } = args.dial.dial(endpoint, whole, out).await?;
    let mut channel = Channel::new(Way::Plain(stream));
    let peer = peer.to_string();
    let events = queue.events();
    let started = Instant::now();
    let mut payload = Payload::new(out, events.clone(), args.conversation.raw)?;
    if tells {
        events.deliver(Event::Connected { peer: peer.clone(), local: local.to_string() })?;
    }
    if interactive {
        payload = payload.in_conversation(out);
        out.prompt();
    }
    let system = |operation| move |source| net::Error::System { operation, source };
    let source = args.conversation.sends().then(|| standard_input(out)).transpose();
    let mut source = source.map_err(system("read standard input"))?;
    let sink = conversation::print(payload)?;
    let policy = args.conversation.policy(true, whole);
    let sink = args.conversation.receives().then_some(&sink);
    // Ctrl-C ends a client the way it ends any program.
    let never = std::future::pending();
    let (counts, end) = pump::pump(&mut channel, &peer, source.as_mut(), sink, policy, never).await;
    if interactive {
        out.end_conversation();
    } else if let End::Rested = end {
        out.note(&format!("{peer} ended; standard input had not, and was not waited for"));
    }
    if tells {
        events.send(ending::closed(&peer, counts, started.elapsed(), &end));
    }
    ending::finish(end, &peer)
}

/// Starts to read standard input.
pub(super) fn standard_input(out: Output) -> io::Result<Source> {
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    Source::start(Typed { stdin: Reader(stdin), out })
}

/// Standard input, of which the terminal is told when it answers the prompt.
struct Typed {
    stdin: Reader,
    out: Output,
}

impl Read for Typed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.stdin.read(buffer)?;
        if buffer[..len].ends_with(b"\n") {
            self.out.prompt_answered();
        }
        Ok(len)
    }
}
