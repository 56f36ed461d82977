//! One conversation on one connection, from the handshake to the verdict.
//!
//! `connect` holds one, `listen` one for each client. It is led by a script, by a program, or by
//! what is read and printed; TLS may come first, and what passes may be watched.

use std::pin::pin;
use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::net::relay::{self, RelaySettings, StreamEnd};
use crate::net::relay::{Input, Sink, Source};
use crate::net::stream::channel::{ByteCounts, Channel};
use crate::net::stream::{self, Stream};
use crate::net::tls::{TlsFacts, looks_like_tls};
use crate::net::{Addr, Deadline, tls};
use crate::output::{Event, Events};
use crate::script::{self, Script, ScriptEnd};
use crate::session::child_process::exec::CommandLine;
use crate::session::observers::Observers;
use crate::session::outcome;
use crate::session::scripted::ScriptedStream;
use crate::session::settings::SessionSettings;
use crate::session::timeline::Timeline;
use crate::session::tls::Tls;

/// How long a peer may take to end, or to read our last words, once all is said.
const PEER_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What is the same for all conversations of a run.
#[derive(Debug)]
pub(crate) struct Session {
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
pub(crate) struct SessionStream<'a> {
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
pub(crate) struct SessionReport {
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
enum SessionEnd {
    /// It was carried on until this.
    Pumped(StreamEnd),
    /// It went as far as the script, or the program, let it.
    Failed(anyhow::Error, &'static str),
    /// The script was played, and the peer had not ended by then.
    Played,
    /// The script ended it with a reset.
    Reset,
}

impl Session {
    /// Holds a conversation to its end, or until `stop`.
    pub(crate) async fn hold(
        &self,
        call: SessionStream<'_>,
        stop: impl Future<Output = ()>,
    ) -> SessionReport {
        let began = Instant::now();
        let SessionStream { stream, peer, local, mut timeline, input, sink, .. } = call;
        let SessionStream { pass_empty_end, handshake, deadline, .. } = call;
        let name = peer.to_string();
        let mut channel = Channel::new(stream, self.seeing.tap(&name));
        let policy =
            RelaySettings { grace: self.grace, ..self.flags.policy(pass_empty_end, deadline) };
        let mut stop = pin!(stop);
        let opened = tokio::select! {
            opened = self.open(&mut channel, &name, &mut timeline, deadline.earlier(handshake)) => Some(opened),
            () = &mut stop => None,
        };
        let outcome = match opened {
            None => SessionEnd::Pumped(StreamEnd::Stopped),
            Some(Err(error)) => SessionEnd::Failed(error, "tls"),
            Some(Ok(())) => match (&self.script, &self.exec) {
                (Some(script), _) => {
                    let played = self.play(script, &mut channel, &name, sink, policy);
                    tokio::select! {
                        outcome = played => outcome,
                        () = &mut stop => SessionEnd::Pumped(StreamEnd::Stopped),
                    }
                }
                (None, Some(program)) => {
                    let serve = ExecSession { program, peer, local };
                    serve.serve(&mut channel, &name, policy, stop).await
                }
                (None, None) => {
                    let mut input = input;
                    let sink = self.flags.receives.then_some(sink);
                    let end =
                        relay::pump(&mut channel, &name, input.as_mut(), sink, policy, stop).await;
                    SessionEnd::Pumped(end)
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

    fn tell(&self, peer: &str, facts: TlsFacts) {
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
        policy: RelaySettings,
    ) -> SessionEnd {
        let secured = |facts| self.tell(peer, facts);
        let printed = self.flags.receives.then_some(sink);
        let tls = self.tls.as_ref();
        let mut line = ScriptedStream { channel, peer, sink: printed, tls, secured: &secured };
        let played = script::play(script, &mut line, policy.deadline).await;
        let flushed =
            policy.deadline.earlier(Deadline::after(PEER_CLOSE_TIMEOUT)).bound(sink.flush()).await;
        match (played, flushed) {
            (Err(ScriptEnd::Receive(error)), _) => SessionEnd::Pumped(relay::failed(error)),
            (Err(stop), _) => match outcome::finish_script(stop, peer) {
                Err(error) => SessionEnd::Failed(error, "script"),
                Ok(_) => SessionEnd::Pumped(StreamEnd::Eof),
            },
            (Ok(_), Ok(Err(error))) => SessionEnd::Pumped(StreamEnd::Output(error)),
            (Ok(played), _) if played.reset => SessionEnd::Reset,
            // What is left is that all we sent arrives, and the peer's end, if it comes soon: the
            // steps have decided, and one that must end is to be met with `expect-end`.
            (Ok(played), _) => {
                let mut nothing = Source::from(Input::empty());
                let linger = policy.linger.or(Some(PEER_CLOSE_TIMEOUT));
                let policy = RelaySettings { pass_empty_end: !played.ended, linger, ..policy };
                let (sink, never) = (Some(sink), std::future::pending());
                match relay::pump(channel, peer, Some(&mut nothing), sink, policy, never).await {
                    StreamEnd::Lingered => SessionEnd::Played,
                    end => SessionEnd::Pumped(end),
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
        outcome: SessionEnd,
        channel: &Channel,
        peer: &str,
        counts: ByteCounts,
        lasted: Duration,
    ) -> SessionReport {
        let because =
            |reason: &str| outcome::closed_because(peer, counts, lasted, reason.to_owned());
        let (closed, verdict) = match outcome {
            SessionEnd::Reset => (because("reset by us"), Ok(Exit::Success)),
            SessionEnd::Played => (because("script over"), Ok(Exit::Success)),
            SessionEnd::Failed(error, reason) => (because(reason), Err(error)),
            SessionEnd::Pumped(end) => {
                let closed = outcome::closed(peer, counts, lasted, &end);
                let is_unheard = matches!(end, StreamEnd::Output(_));
                let rested = matches!(end, StreamEnd::Rested);
                let verdict = self.verdict(end, channel, peer);
                return SessionReport { closed, verdict, is_unheard, rested };
            }
        };
        SessionReport { closed, verdict, is_unheard: false, rested: false }
    }

    fn verdict(&self, end: StreamEnd, channel: &Channel, peer: &str) -> anyhow::Result<Exit> {
        if let (StreamEnd::Receive(error) | StreamEnd::Send(error), Some(tls), true) =
            (&end, &self.tls, channel.is_tls())
            && let Some(error) = tls::TlsError::after_handshake(peer, tls.peer_side(), error)
        {
            return Err(error.into());
        }
        outcome::finish(end, peer)
    }
}

/// A connection that a program leads.
struct ExecSession<'a> {
    program: &'a CommandLine,
    peer: &'a Addr,
    local: &'a Addr,
}

impl ExecSession<'_> {
    async fn serve(
        self,
        channel: &mut Channel,
        name: &str,
        policy: RelaySettings,
        stop: impl Future<Output = ()>,
    ) -> SessionEnd {
        let mut program = match self.program.start(self.peer, self.local) {
            Ok(program) => program,
            Err(error) => return SessionEnd::Failed(error.into(), "exec"),
        };
        // A program has finished speaking when it says so, however long that takes.
        let policy = RelaySettings { pass_empty_end: true, half_open: true, ..policy };
        let (source, sink) = (&mut program.source, &program.sink);
        let end = relay::pump(channel, name, Some(source), Some(sink), policy, stop).await;
        if let StreamEnd::Output(_) = end
            && let Some(socket) = channel.socket()
        {
            stream::close_gently(socket, Deadline::after(PEER_CLOSE_TIMEOUT)).await;
        }
        match (end, program) {
            (end @ (StreamEnd::Eof | StreamEnd::Rested), program) => match program.finish().await {
                Ok(()) => SessionEnd::Pumped(end),
                Err(failure) => SessionEnd::Failed(failure.into(), "exec"),
            },
            (end, _killed) => SessionEnd::Pumped(end),
        }
    }
}
