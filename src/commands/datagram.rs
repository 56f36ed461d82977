//! `connect --udp` and `listen --udp`: datagrams, over UDP and Unix sockets.
//!
//! What the two have in common: their flags, the ends they join, and what an end means.

mod client;
mod server;

use std::io::{self, IsTerminal as _};

pub(super) use self::client::{Exchange, connect};
pub(super) use self::server::{Hear, listen};

use super::conversation::{self, ConversationArgs, Until};
use super::ending;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::bridge::{Sink, Source};
use crate::net::datagram::{Counts, End, MAX_DATAGRAM, Outbox, Split};
use crate::net::endpoint::Transport;
use crate::net::tap::Tap;
use crate::net::{self, Deadline};
use crate::net::{channel, pump};
use crate::output::{Events, Output, Payload};

/// The rules of datagrams, for the help of both commands and the README.
pub(super) const DATAGRAMS: &str = "\
Datagrams (--udp, and with unix:PATH Unix datagrams):
  our input          a line typed at a terminal is a datagram; otherwise what is
                     written together goes together: one ends where the input
                     rests for 50 ms, or ends (--split: by lines or by size)
  our input ends     answers are waited for until nothing has come for 1 s
                     (--linger: so long), then exit 0; `listen` goes on
  nobody is there    the peer's machine refuses, if it says anything: exit 4
  an empty datagram  is a datagram, not an end";

/// The flags of datagrams.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct DatagramArgs {
    /// Speak UDP; with unix:PATH, Unix datagrams
    #[arg(short, long)]
    pub udp: bool,
    /// Send a datagram for each line (lines), or for each so many bytes
    #[arg(long, value_name = "lines|SIZE", value_parser = split)]
    split: Option<Split>,
}

impl DatagramArgs {
    /// Returns the datagrams `source` holds.
    ///
    /// # Errors
    /// A flag asks for what only streams have.
    fn outbox(
        self,
        source: Option<Source>,
        conversation: ConversationArgs,
    ) -> Result<Outbox, Failure> {
        let pump::Policy { half_open, line_ends, delay, .. } =
            conversation.policy(true, Deadline::NEVER);
        if half_open {
            return Err(Failure::new(Exit::Usage, "--half-open is for streams")
                .cause("datagrams have no end a peer could send"));
        }
        let typed = if io::stdin().is_terminal() { Split::Lines } else { Split::Rest };
        Ok(Outbox::new(source, self.split.unwrap_or(typed), line_ends, delay))
    }

    /// Returns how bytes travel, given what the endpoint says.
    ///
    /// # Errors
    /// The two contradict each other.
    pub(super) fn transport(self, named: Transport) -> Result<Transport, Failure> {
        let Some(transport) = named.with_flags(self.udp, false) else {
            return Err(Failure::new(Exit::Usage, "--udp does not go with that endpoint")
                .hint("HOST PORT, udp://HOST:PORT, or unix:PATH"));
        };
        if self.split.is_some() && !transport.is_for_datagrams() {
            return Err(Failure::new(Exit::Usage, "--split is for datagrams").hint("--udp"));
        }
        Ok(transport)
    }
}

/// Parses `lines`, or a size in bytes.
fn split(text: &str) -> Result<Split, String> {
    match text.parse() {
        _ if text == "lines" => Ok(Split::Lines),
        Ok(size @ 1..=MAX_DATAGRAM) => Ok(Split::Size(size)),
        _ => Err(format!("give `lines`, or a number of bytes from 1 to {MAX_DATAGRAM}")),
    }
}

/// What datagrams come from and go to on our side.
pub(super) struct Ends {
    /// What is sent; none for nothing.
    pub source: Option<Source>,
    /// Where what comes goes.
    pub sink: Sink,
    /// Sees every datagram pass.
    pub tap: Option<Box<dyn Tap>>,
    /// What is told.
    pub events: Events,
    /// What is said.
    pub out: Output,
    /// Whether a person has to be prompted.
    pub interactive: bool,
}

impl Ends {
    /// Opens the standard streams.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub(super) fn open(
        conversation: ConversationArgs,
        out: Output,
        events: Events,
        tap: Option<Box<dyn Tap>>,
        interactive: bool,
        raw: bool,
    ) -> anyhow::Result<Self> {
        let mut payload = Payload::new(out, events.clone(), raw)?;
        if interactive {
            payload = payload.in_conversation(out);
        }
        let failed = |source| net::Error::System { operation: "read standard input", source };
        let source = conversation.sends().then(super::connect::standard_input).transpose();
        let source = source.map_err(failed)?;
        let sink = conversation::print(payload, Until::ProgramEnds)?;
        Ok(Self { source, sink, tap, events, out, interactive })
    }
}

/// Returns what the end of a conversation with `peer` means to the shell.
///
/// # Errors
/// Any end but one in order, and a reader that has simply left.
fn finish(end: End, peer: &str) -> anyhow::Result<Exit> {
    let end = match end {
        End::Quiet | End::Stopped => pump::End::Eof,
        End::Refused(error) | End::Receive(error) => pump::End::Receive(error),
        End::Send(error) => pump::End::Send(error),
        End::Input(error) => pump::End::Input(error),
        End::Output(error) => pump::End::Output(error),
        End::Idle => pump::End::Idle,
        End::TimedOut => pump::End::TimedOut,
        End::TooLong => {
            let message = format!(
                "standard input gave more than the {MAX_DATAGRAM} bytes a datagram carries: \
                 nothing of it was sent"
            );
            return Err(Failure::new(Exit::Usage, message)
                .hint("--split lines for a datagram a line, or --split 1400 for pieces")
                .into());
        }
    };
    ending::finish(end, peer)
}

/// What the event at the end counts.
fn bytes(counts: Counts) -> channel::Counts {
    channel::Counts { bytes_in: counts.bytes_in, bytes_out: counts.bytes_out }
}
