//! Options of a session: what is sent and printed, and when the connection ends.

use std::time::Duration;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::relay::LineEnds;
use crate::options::TIMEOUTS;
use crate::options::values::{self, Limit};
use crate::session::settings::SessionSettings;

/// The rules for the end of a stream, in the help of both commands and in the README.
pub(crate) const ENDS: &str = "\
When a connection ends (TCP, TLS, Unix streams):
  standard input ends   send the rest, then FIN (TLS: close_notify); wait for
                        the peer to close (--linger limits the wait;
                        --send-only does not wait; --no-shutdown sends no FIN)
  the peer closes       print everything it sent; send what is left of the
                        input until it ends or pauses for 250 ms, then exit
                        (--half-open: close standard output; send until the
                        input ends)
  both have closed      exit 0 once the peer has acknowledged every byte,
                        however long that takes
  the peer resets       print what arrived, exit 4
  TLS is cut short      no close_notify: print what arrived, exit 6
  a timeout expires     --idle-timeout, --timeout or --linger: exit 5
  stdout is closed      exit 0 without a message
  a signal arrives      stop reading the input; if it has ended or pauses, send
                        the rest, then FIN; exit 128 + the signal's number
FIN says that the data is complete. After any other end, sockkit resets the
connection, so that the peer does not take a part for the whole. (A Unix socket
has no reset: there, only the exit code tells.)";

/// Options of a session.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Input and output")]
pub(crate) struct SessionArgs {
    /// Close the connection after this long without traffic [default: never]
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = values::limit,
          hide_default_value = true, next_line_help = true, help_heading = TIMEOUTS)]
    idle_timeout: Limit,
    /// After the input ends, wait at most this long for the peer to close
    #[arg(long, value_name = "DURATION", value_parser = values::duration,
          help_heading = TIMEOUTS, hide_short_help = true)]
    linger: Option<Duration>,
    /// Send only; exit once the peer has received everything
    ///
    /// Received data is discarded, and the peer's end is not waited for.
    #[arg(long, conflicts_with = "recv_only", hide_short_help = true)]
    send_only: bool,
    /// Receive only; do not read standard input
    #[arg(long, hide_short_help = true)]
    recv_only: bool,
    /// Keep sending until standard input ends, even after the peer has closed its side
    ///
    /// Standard output is closed when the peer closes its side, so that a filter which reads it
    /// sees EOF.
    #[arg(long, conflicts_with = "recv_only", hide_short_help = true)]
    half_open: bool,
    /// Do not send FIN when standard input ends; wait for the peer to close
    ///
    /// For servers that discard their answer when they see the end of the request.
    #[arg(long, conflicts_with_all = ["recv_only", "send_only"], hide_short_help = true)]
    no_shutdown: bool,
    /// Send CR LF at the end of each line
    ///
    /// Received data is not changed.
    #[arg(long, hide_short_help = true)]
    crlf: bool,
    /// Pause this long after each line or datagram sent
    #[arg(long, value_name = "DURATION", value_parser = values::duration, hide_short_help = true)]
    delay: Option<Duration>,
    /// Do not escape control characters on a terminal
    #[arg(long, hide_short_help = true)]
    raw: bool,
}

impl SessionArgs {
    /// Returns the settings that the options give.
    pub(crate) fn settings(&self) -> SessionSettings {
        SessionSettings {
            idle: self.idle_timeout.0,
            sends: !self.recv_only,
            receives: !self.send_only,
            shuts_down: !self.no_shutdown,
            half_open: self.half_open,
            linger: self.linger,
            line_ends: if self.crlf { LineEnds::CrLf } else { LineEnds::Unchanged },
            delay: self.delay,
            raw: self.raw,
        }
    }

    /// Checks that no option is given that a script replaces.
    ///
    /// # Errors
    /// One of these options is given.
    pub(crate) fn allow_script(&self) -> Result<(), Failure> {
        let given = [
            ("--idle-timeout", self.idle_timeout.0.is_some()),
            ("--recv-only", self.recv_only),
            ("--half-open", self.half_open),
            ("--no-shutdown", self.no_shutdown),
            ("--crlf", self.crlf),
            ("--delay", self.delay.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) => {
                let message = format!("{flag} conflicts with --script, --send and --expect");
                let hint =
                    "the script's steps instead: `expect /REGEX/ 5s`, `send TEXT`, `sleep 1s`";
                Err(Failure::new(Exit::Usage, message).hint(hint))
            }
            None => Ok(()),
        }
    }
}
