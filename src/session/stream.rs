//! One conversation on one connection, from the handshake to the verdict.
//!
//! `connect` holds one, `listen` one for each client. It is led by a script, by a program, or by
//! what is read and printed; TLS may come first, and what passes may be watched.

use std::pin::pin;
use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::net::relay::{self, End, Policy};
use crate::net::relay::{Input, Sink, Source};
use crate::net::stream::channel::{Channel, Counts};
use crate::net::stream::{self, Stream};
use crate::net::tls::{Facts, looks_like_tls};
use crate::net::{Addr, Deadline, tls};
use crate::output::{Event, Events};
use crate::script::{self, Script, Stop};
use crate::session::child_process::exec::CommandLine;
use crate::session::observers::Observers;
use crate::session::outcome;
use crate::session::scripted::ScriptedStream;
use crate::session::settings::SessionSettings;
use crate::session::timeline::Timeline;
use crate::session::tls::Tls;

/// How long a peer may take to end, or to read our last words, once all is said.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What is the same for all conversations of a run.
#[derive(Debug)]
pub(crate) struct Talk {
    pub flags: SessionSettings,
    pub script: Option<Script>,
    pub exec: Option<CommandLine>,
    /// Our side of TLS: from the start, or when the script says so.
    pub tls: Option<Tls>,
    pub seeing: Observers,
    pub events: Events,
    /// Whether who is at the other end is of interest, or only what comes from there.
    pub tells: bool,
    /// How long a peer may take to end once we are asked to stop; none to stop at once.
    pub grace: Option<Duration>,
}

/// What one conversation has of its own.
pub(crate) struct Call<'a> {
    pub stream: Stream,
    pub peer: &'a Addr,
    pub local: &'a Addr,
    /// What has taken time so far.
    pub timeline: Timeline,
    /// What is sent, where neither a script nor a program leads.
    pub input: Option<Source>,
    /// Where what comes is printed.
    pub sink: &'a Sink,
    /// Whether an input that ends without a byte ends our side.
    pub pass_empty_end: bool,
    /// When TLS must stand, where it comes first.
    pub handshake: Deadline,
    /// When it must be over.
    pub deadline: Deadline,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Held {
    /// The event that ends the connection.
    pub closed: Event,
    /// What it means to the shell.
    pub verdict: anyhow::Result<Exit>,
    /// Whether nobody reads standard output any more.
    pub is_unheard: bool,
    /// Whether our input was left before its end.
    pub rested: bool,
}

/// How far a conversation got.
enum Outcome {
    /// It was carried on until this.
    Pumped(End),
    /// It went as far as the script, or the program, let it.
    Failed(anyhow::Error, &'static str),
    /// The script was played, and the peer had not ended by then.
    Played,
    /// The script ended it with a reset.
    Reset,
}

impl Talk {
    /// Holds a conversation to its end, or until `stop`.
    pub(crate) async fn hold(&self, call: Call<'_>, stop: impl Future<Output = ()>) -> Held {
        let began = Instant::now();
        let Call { stream, peer, local, mut timeline, input, sink, .. } = call;
        let Call { pass_empty_end, handshake, deadline, .. } = call;
        let name = peer.to_string();
        let mut channel = Channel::new(stream, self.seeing.tap(&name));
        let policy = Policy { grace: self.grace, ..self.flags.policy(pass_empty_end, deadline) };
        let mut stop = pin!(stop);
        let opened = tokio::select! {
            opened = self.open(&mut channel, &name, &mut timeline, deadline.earlier(handshake)) => Some(opened),
            () = &mut stop => None,
        };
        let outcome = match opened {
            None => Outcome::Pumped(End::Stopped),
            Some(Err(error)) => Outcome::Failed(error, "tls"),
            Some(Ok(())) => match (&self.script, &self.exec) {
                (Some(script), _) => {
                    let played = self.play(script, &mut channel, &name, sink, policy);
                    tokio::select! {
                        outcome = played => outcome,
                        () = &mut stop => Outcome::Pumped(End::Stopped),
                    }
                }
                (None, Some(program)) => {
                    let serve = Served { program, peer, local };
                    serve.serve(&mut channel, &name, policy, stop).await
                }
                (None, None) => {
                    let mut input = input;
                    let sink = self.flags.receives.then_some(sink);
                    let end =
                        relay::pump(&mut channel, &name, input.as_mut(), sink, policy, stop).await;
                    Outcome::Pumped(end)
                }
            },
        };
        timeline.first_byte(channel.first_byte());
        let counts = channel.counts();
        if let Some(socket) = channel.socket()
            && let Some(stats) = self.seeing.stats(&name, timeline, counts, socket)
        {
            self.events.send(stats);
        }
        self.explain_plain_tls(&channel, &name);
        let held = self.judge(outcome, &channel, &name, counts, began.elapsed());
        self.seeing.record(&held.closed);
        held
    }

    /// Shakes hands, where that comes first.
    async fn open(
        &self,
        channel: &mut Channel,
        peer: &str,
        timeline: &mut Timeline,
        deadline: Deadline,
    ) -> anyhow::Result<()> {
        if let Some(tls) = self.tls.as_ref().filter(|tls| tls.comes_first()) {
            let facts = tls.begin(channel, peer, deadline).await?;
            timeline.tls(Instant::now());
            self.tell(peer, facts);
        }
        Ok(())
    }

    fn tell(&self, peer: &str, facts: Facts) {
        if !self.tells {
            return;
        }
        let verified = facts.peer_pin.map(|_| facts.trust.is_verified());
        self.events.send(Event::Secured {
            peer: peer.to_owned(),
            version: facts.version,
            cipher_suite: facts.cipher_suite,
            alpn: facts.alpn,
            pin: facts.peer_pin.map(|pin| pin.to_string()),
            verified,
        });
    }

    async fn play(
        &self,
        script: &Script,
        channel: &mut Channel,
        peer: &str,
        sink: &Sink,
        policy: Policy,
    ) -> Outcome {
        let secured = |facts| self.tell(peer, facts);
        let printed = self.flags.receives.then_some(sink);
        let tls = self.tls.as_ref();
        let mut line = ScriptedStream { channel, peer, sink: printed, tls, secured: &secured };
        let played = script::play(script, &mut line, policy.deadline).await;
        let flushed =
            policy.deadline.earlier(Deadline::after(LAST_WORDS)).bound(sink.flush()).await;
        match (played, flushed) {
            (Err(Stop::Receive(error)), _) => Outcome::Pumped(relay::failed(error)),
            (Err(stop), _) => match outcome::finish_script(stop, peer) {
                Err(error) => Outcome::Failed(error, "script"),
                Ok(_) => Outcome::Pumped(End::Eof),
            },
            (Ok(_), Ok(Err(error))) => Outcome::Pumped(End::Output(error)),
            (Ok(played), _) if played.reset => Outcome::Reset,
            // What is left is that all we sent arrives, and the peer's end, if it comes soon: the
            // steps have decided, and one that must end is to be met with `expect-end`.
            (Ok(played), _) => {
                let mut nothing = Source::from(Input::empty());
                let linger = policy.linger.or(Some(LAST_WORDS));
                let policy = Policy { pass_empty_end: !played.ended, linger, ..policy };
                let (sink, never) = (Some(sink), std::future::pending());
                match relay::pump(channel, peer, Some(&mut nothing), sink, policy, never).await {
                    End::Lingered => Outcome::Played,
                    end => Outcome::Pumped(end),
                }
            }
        }
    }

    /// Says what a peer speaks that begins with a TLS record where nobody expects one.
    fn explain_plain_tls(&self, channel: &Channel, peer: &str) {
        if !channel.is_tls() && self.tls.is_none() && looks_like_tls(channel.head()) {
            let message = format!("what {peer} says looks like TLS: try --tls");
            self.events.send(Event::Warning { message });
        }
    }

    fn judge(
        &self,
        outcome: Outcome,
        channel: &Channel,
        peer: &str,
        counts: Counts,
        lasted: Duration,
    ) -> Held {
        let because =
            |reason: &str| outcome::closed_because(peer, counts, lasted, reason.to_owned());
        let (closed, verdict) = match outcome {
            Outcome::Reset => (because("reset by us"), Ok(Exit::Success)),
            Outcome::Played => (because("script over"), Ok(Exit::Success)),
            Outcome::Failed(error, reason) => (because(reason), Err(error)),
            Outcome::Pumped(end) => {
                let closed = outcome::closed(peer, counts, lasted, &end);
                let is_unheard = matches!(end, End::Output(_));
                let rested = matches!(end, End::Rested);
                let verdict = self.verdict(end, channel, peer);
                return Held { closed, verdict, is_unheard, rested };
            }
        };
        Held { closed, verdict, is_unheard: false, rested: false }
    }

    fn verdict(&self, end: End, channel: &Channel, peer: &str) -> anyhow::Result<Exit> {
        if let (End::Receive(error) | End::Send(error), Some(tls), true) =
            (&end, &self.tls, channel.is_tls())
            && let Some(error) = tls::Error::after_handshake(peer, tls.peer_side(), error)
        {
            return Err(error.into());
        }
        outcome::finish(end, peer)
    }
}

/// A connection that a program leads.
struct Served<'a> {
    program: &'a CommandLine,
    peer: &'a Addr,
    local: &'a Addr,
}

impl Served<'_> {
    async fn serve(
        self,
        channel: &mut Channel,
        name: &str,
        policy: Policy,
        stop: impl Future<Output = ()>,
    ) -> Outcome {
        let mut program = match self.program.start(self.peer, self.local) {
            Ok(program) => program,
            Err(error) => return Outcome::Failed(error.into(), "exec"),
        };
        // A program has finished speaking when it says so, however long that takes.
        let policy = Policy { pass_empty_end: true, half_open: true, ..policy };
        let (source, sink) = (&mut program.source, &program.sink);
        let end = relay::pump(channel, name, Some(source), Some(sink), policy, stop).await;
        if let End::Output(_) = end
            && let Some(socket) = channel.socket()
        {
            stream::close_gently(socket, Deadline::after(LAST_WORDS)).await;
        }
        match (end, program) {
            (end @ (End::Eof | End::Rested), program) => match program.finish().await {
                Ok(()) => Outcome::Pumped(end),
                Err(failure) => Outcome::Failed(failure.into(), "exec"),
            },
            (end, _killed) => Outcome::Pumped(end),
        }
    }
}
