//! Options of `connect` and `listen` for datagrams.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::address::transport::Transport;
use crate::net::datagram::{MAX_DATAGRAM, Split};
use crate::session::settings::SessionSettings;

/// The rules of datagrams, for the help of both commands and the README.
pub(crate) const DATAGRAMS: &str = "\
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
pub(crate) struct DatagramArgs {
    /// Speak UDP; with unix:PATH, Unix datagrams
    #[arg(short, long)]
    udp: bool,
    /// Send a datagram for each line (lines), or for each so many bytes
    #[arg(long, value_name = "lines|SIZE", value_parser = split)]
    split: Option<Split>,
}

impl DatagramArgs {
    /// Returns how the input becomes datagrams; none for the default.
    ///
    /// # Errors
    /// An option of `session` means something for streams only.
    pub(crate) fn split(self, session: &SessionSettings) -> Result<Option<Split>, Failure> {
        if session.half_open {
            return Err(Failure::new(Exit::Usage, "--half-open is for streams")
                .cause("datagrams have no end a peer could send"));
        }
        Ok(self.split)
    }

    /// Returns how bytes travel, given what the endpoint says.
    ///
    /// # Errors
    /// The two contradict each other.
    pub(crate) fn transport(self, named: Transport) -> Result<Transport, Failure> {
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

/// Refuses what leads a conversation over a stream where there are datagrams.
///
/// # Errors
/// `is_led`.
pub(crate) fn refuse_leader(is_led: bool) -> Result<(), Failure> {
    if is_led {
        let message = "scripts, --send, --expect and --exec are for streams, not datagrams";
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(())
}
