//! What `connect` and `listen` have in common: how a conversation goes and how it ends.

use std::io;
use std::time::Duration;

use super::values::{self, Limit};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::bridge::{Sink, Writer};
use crate::net::pump::{LineEnds, Policy};
use crate::net::{self, Deadline};
use crate::output::{Payload, end_standard_output};

/// The table of ends, for the help of both commands and the README.
pub(super) const ENDS: &str = "\
How a conversation ends (TCP, TLS, Unix streams):
  our input ends     what is left is sent, our side is ended (FIN, close_notify),
                     and the peer's end is waited for (--linger: so long)
  the peer ends      everything it sent is printed; what our input still gives is
                     sent, until it ends or rests for 250 ms (--half-open: until
                     it ends; and standard output ends with the peer's side)
  both have ended    exit 0, once the peer's TCP has acknowledged every byte
  the peer resets    everything that came is printed, exit 4
  a cut TLS stream   (no close_notify) everything that came is printed, exit 6
  time is up         --idle-timeout, --timeout, --linger: exit 5
  our reader leaves  (standard output's) exit 0, quietly";

/// How a conversation goes.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct ConversationArgs {
    /// End a conversation when nothing has come or gone for so long; 0 for never
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = values::limit)]
    idle_timeout: Limit,
    /// Only send: what comes is read and thrown away
    #[arg(long, conflicts_with = "recv_only")]
    send_only: bool,
    /// Only receive: standard input is not read, and our side stays open
    #[arg(long)]
    recv_only: bool,
    /// After the peer's end, end standard output too, and go on sending until our input ends
    #[arg(long, conflicts_with = "recv_only")]
    half_open: bool,
    /// After our end, wait so long at most for the peer's
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    linger: Option<Duration>,
    /// Send CR LF at every line's end; what comes stays as it is
    #[arg(long)]
    crlf: bool,
    /// Wait so long after each line that is sent
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    delay: Option<Duration>,
    /// Show a terminal what the peer sends untouched, control characters and all
    #[arg(long)]
    pub raw: bool,
}

impl ConversationArgs {
    /// Returns whether standard input is read.
    pub(super) fn sends(&self) -> bool {
        !self.recv_only
    }

    /// Returns whether what comes is printed.
    pub(super) fn receives(&self) -> bool {
        !self.send_only
    }

    /// Refuses the flags that mean nothing where a script says what is sent and waited for.
    ///
    /// # Errors
    /// One of them was given.
    pub(super) fn allow_script(&self) -> Result<(), Failure> {
        let given = [
            ("--idle-timeout", self.idle_timeout.0.is_some()),
            ("--recv-only", self.recv_only),
            ("--half-open", self.half_open),
            ("--crlf", self.crlf),
            ("--delay", self.delay.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) => {
                let message = format!("{flag} does not go with a script, --send or --expect");
                let hint = "the script's own steps: how long each waits, and what it sends";
                Err(Failure::new(Exit::Usage, message).hint(hint))
            }
            None => Ok(()),
        }
    }

    /// Returns how long nothing may come or go.
    pub(super) fn idle(&self) -> Option<Duration> {
        self.idle_timeout.0
    }

    /// Returns when standard output ends, of a conversation that has only one peer.
    pub(super) fn output_until(&self) -> Until {
        if self.half_open { Until::PeerEnds } else { Until::ProgramEnds }
    }

    /// Returns how bytes are to be pumped until `deadline`. `pass_empty_end`: whether an input
    /// that ends without a byte ends our side.
    pub(super) fn policy(&self, pass_empty_end: bool, deadline: Deadline) -> Policy {
        Policy {
            pass_empty_end,
            half_open: self.half_open,
            linger: self.linger,
            line_ends: if self.crlf { LineEnds::CrLf } else { LineEnds::AsTheyAre },
            delay: self.delay,
            idle: self.idle(),
            grace: None,
            deadline,
        }
    }
}

/// Refuses what leads a conversation over a stream where there are datagrams.
///
/// # Errors
/// `is_led`.
pub(super) fn refuse_leader(is_led: bool) -> Result<(), Failure> {
    if is_led {
        let message = "scripts, --send, --expect and --exec are for streams, not datagrams";
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(())
}

/// When standard output ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// With the program.
    ProgramEnds,
    /// With the only peer's side: whoever reads it may have to see the end to begin with what we
    /// are to send.
    PeerEnds,
}

/// Standard output, where what peers send goes; none once it has ended.
struct Screen(Option<Payload>, Until);

impl Writer for Screen {
    fn write(&mut self, from: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), |payload| payload.write(from, bytes))
    }

    fn end(&mut self) {
        if self.1 == Until::PeerEnds {
            self.0 = None;
            end_standard_output();
        }
    }
}

/// Starts to print what peers send.
///
/// # Errors
/// No thread could be started.
pub(super) fn print(payload: Payload, until: Until) -> Result<Sink, net::Error> {
    let mut until = until;
    match payload.verbatim() {
        Some(stdout) => {
            let close: Option<fn()> = (until == Until::PeerEnds).then_some(end_standard_output);
            if let Some(sink) = Sink::of_pipe(stdout, close) {
                return Ok(sink);
            }
        }
        // A terminal, or a stream of events, has more to show than what the peer sends.
        None => until = Until::ProgramEnds,
    }
    let failed = |source| net::Error::System { operation: "start a thread", source };
    Sink::start(Screen(Some(payload), until)).map_err(failed)
}
