//! Options of `connect` and `listen` that concern datagrams.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::address::transport::Transport;
use crate::net::datagram::{MAX_DATAGRAM, Split};
use crate::options::CONNECTION;
use crate::session::settings::SessionSettings;

/// The rules for datagrams, in the help of both commands and in the README.
pub(crate) const DATAGRAMS: &str = "\
Datagrams (--udp; with unix:PATH, Unix datagrams):
  standard input        at a terminal, each line is one datagram; otherwise a
                        datagram ends where the input pauses for 50 ms, and
                        after 200 ms at the latest (--split: after each line,
                        or after SIZE bytes)
  standard input ends   wait until nothing has been sent or received for 1 s
                        (--linger changes this), then exit 0; `listen` goes on
  the port is closed    exit 4, if the peer's host reports it
  broadcast, multicast  answers are accepted from every address; a note names
                        each sender
  an empty datagram     is sent and received like any other, and is not EOF
  --plain               prints one line for each datagram: sender, tab, escaped
                        payload";

/// Options for datagrams.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = CONNECTION)]
pub(crate) struct DatagramArgs {
    /// Use UDP; with unix:PATH, Unix datagrams
    #[arg(short, long)]
    udp: bool,
    /// Send one datagram per line (lines) or per SIZE bytes
    #[arg(long, value_name = "lines|SIZE", value_parser = split, hide_short_help = true)]
    split: Option<Split>,
}

impl DatagramArgs {
    /// Returns how to divide the input into datagrams; `None` for the default.
    ///
    /// # Errors
    /// `session` has an option that applies only to streams.
    pub(crate) fn split(self, session: &SessionSettings) -> Result<Option<Split>, Failure> {
        if session.half_open {
            return Err(Failure::new(Exit::Usage, "--half-open applies only to streams")
                .cause("datagrams have no EOF"));
        }
        Ok(self.split)
    }

    /// Returns the transport, given the one that the endpoint names.
    ///
    /// # Errors
    /// `--udp` contradicts the endpoint, or `--split` is given for a stream.
    pub(crate) fn transport(self, named: Transport) -> Result<Transport, Failure> {
        let Some(transport) = named.with_flags(self.udp, false) else {
            return Err(Failure::new(Exit::Usage, "--udp conflicts with that endpoint")
                .hint("HOST PORT, udp://HOST:PORT, or unix:PATH"));
        };
        if self.split.is_some() && !transport.is_datagram() {
            return Err(
                Failure::new(Exit::Usage, "--split applies only to datagrams").hint("--udp")
            );
        }
        Ok(transport)
    }
}

/// Parses `lines` or a size in bytes.
fn split(text: &str) -> Result<Split, String> {
    match text.parse() {
        _ if text == "lines" => Ok(Split::Lines),
        Ok(size @ 1..=MAX_DATAGRAM) => Ok(Split::Size(size)),
        _ => Err(format!("give `lines` or a number of bytes from 1 to {MAX_DATAGRAM}")),
    }
}

/// Rejects a script or a program for datagrams.
///
/// # Errors
/// `is_automated`: a script or a program would replace standard input and output.
pub(crate) fn reject_automation(is_automated: bool) -> Result<(), Failure> {
    if is_automated {
        let message = "--script, --send, --expect and --exec apply only to streams";
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(())
}
