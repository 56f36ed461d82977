//! How a conversation ended: for the event that says so, and for the shell.

use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net;
use crate::net::channel::Counts;
use crate::net::pump::End;
use crate::output::Event;
use crate::reason;

/// Returns the event that ends a connection.
pub(super) fn closed(peer: &str, counts: Counts, lasted: Duration, end: &End) -> Event {
    let reason = match end {
        End::Receive(error) | End::Send(error) => word(error),
        end => end.to_string(),
    };
    closed_because(peer, counts, lasted, reason)
}

/// Returns the event that ends a connection whose end needs no more than a word.
pub(super) fn closed_because(
    peer: &str,
    counts: Counts,
    lasted: Duration,
    reason: String,
) -> Event {
    let Counts { bytes_in, bytes_out } = counts;
    let duration_us = u64::try_from(lasted.as_micros()).unwrap_or(u64::MAX);
    Event::Closed { peer: peer.to_owned(), bytes_in, bytes_out, duration_us, reason }
}

/// Why a connection failed, in the word events use.
pub(super) fn word(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionReset => "reset".to_owned(),
        ErrorKind::TimedOut => "stalled".to_owned(),
        _ => reason::of(error),
    }
}

/// Returns what the end of a connection means to the shell.
///
/// # Errors
/// Any end but one in order, and a reader that has simply left.
pub(super) fn finish(end: End, peer: &str) -> anyhow::Result<Exit> {
    let stream =
        |operation, source| net::Error::Stream { operation, peer: peer.to_owned(), source };
    match end {
        End::Eof | End::Rested | End::Stopped => Ok(Exit::Success),
        End::Output(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Success),
        End::Output(error) => Err(error.into()),
        End::Receive(error) => Err(stream("reading from", error).into()),
        End::Send(error) => Err(stream("writing to", error).into()),
        End::TimedOut => Err(Failure::new(
            Exit::TimedOut,
            format!("talking to {peer} timed out: time was up (--timeout)"),
        )
        .into()),
        End::Idle => Err(Failure::new(
            Exit::TimedOut,
            format!("talking to {peer} timed out: nothing came or went (--idle-timeout)"),
        )
        .into()),
        End::Lingered => Err(Failure::new(
            Exit::TimedOut,
            format!("{peer} took everything, and did not end within --linger"),
        )
        .into()),
        End::Truncated => Err(Failure::new(
            Exit::Tls,
            format!("{peer} ended without close_notify: what came may be truncated"),
        )
        .cause("its program ended abruptly, or somebody on the way cut the connection")
        .into()),
        End::Input(error) => {
            let message = format!("cannot read standard input: {}", reason::of(&error));
            Err(Failure::new(Exit::File, message).into())
        }
    }
}
