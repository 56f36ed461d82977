//! Options of an exchange over a stream: what is sent and printed, and when it ends.

use std::time::Duration;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::relay::LineEnds;
use crate::options::values::{self, Limit};
use crate::session::settings::SessionSettings;

/// The table of ends, for the help of both commands and the README.
pub(crate) const ENDS: &str = "\
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

/// The options of `connect` and `listen` that say how an exchange goes.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct SessionArgs {
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
    raw: bool,
}

impl SessionArgs {
    /// Returns what the options say.
    pub(crate) fn settings(&self) -> SessionSettings {
        SessionSettings {
            idle: self.idle_timeout.0,
            sends: !self.recv_only,
            receives: !self.send_only,
            half_open: self.half_open,
            linger: self.linger,
            line_ends: if self.crlf { LineEnds::CrLf } else { LineEnds::AsTheyAre },
            delay: self.delay,
            raw: self.raw,
        }
    }

    /// Refuses the flags that mean nothing where a script says what is sent and waited for.
    ///
    /// # Errors
    /// One of them was given.
    pub(crate) fn allow_script(&self) -> Result<(), Failure> {
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
}
