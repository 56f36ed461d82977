//! How a conversation ended: for the event that says so, and for the shell.

use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net;
use crate::net::datagram::{self, MAX_DATAGRAM};
use crate::net::relay::StreamEnd;
use crate::net::stream::channel::ByteCounts;
use crate::output::Event;
use crate::reason;
use crate::script::ScriptEnd;

/// Returns the event that ends a connection.
pub(crate) fn closed(peer: &str, counts: ByteCounts, lasted: Duration, end: &StreamEnd) -> Event {
    let reason = match end {
        StreamEnd::Receive(error) | StreamEnd::Send(error) => word(error),
        end => end.to_string(),
    };
    closed_because(peer, counts, lasted, reason)
}

/// Returns the event that ends a connection whose end needs no more than a word.
pub(crate) fn closed_because(
    peer: &str,
    counts: ByteCounts,
    lasted: Duration,
    reason: String,
) -> Event {
    let ByteCounts { bytes_in, bytes_out } = counts;
    let duration_us = u64::try_from(lasted.as_micros()).unwrap_or(u64::MAX);
    Event::Closed { peer: peer.to_owned(), bytes_in, bytes_out, duration_us, reason }
}

/// Why a connection failed, in the word events use.
pub(crate) fn word(error: &io::Error) -> String {
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
pub(crate) fn finish(end: StreamEnd, peer: &str) -> anyhow::Result<Exit> {
    let stream =
        |operation, source| net::Error::Stream { operation, peer: peer.to_owned(), source };
    match end {
        StreamEnd::Eof | StreamEnd::Rested | StreamEnd::Stopped => Ok(Exit::Success),
        StreamEnd::Output(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Success),
        StreamEnd::Output(error) => Err(error.into()),
        StreamEnd::Receive(error) => Err(stream("reading from", error).into()),
        StreamEnd::Send(error) => Err(stream("writing to", error).into()),
        StreamEnd::TimedOut => Err(Failure::new(
            Exit::TimedOut,
            format!("talking to {peer} timed out: time was up (--timeout)"),
        )
        .into()),
        StreamEnd::Idle => Err(Failure::new(
            Exit::TimedOut,
            format!("talking to {peer} timed out: nothing came or went (--idle-timeout)"),
        )
        .into()),
        StreamEnd::Lingered => Err(Failure::new(
            Exit::TimedOut,
            format!("{peer} took everything, and did not end within --linger"),
        )
        .into()),
        StreamEnd::Truncated => Err(Failure::new(
            Exit::Tls,
            format!("{peer} ended without close_notify: what came may be truncated"),
        )
        .cause("its program ended abruptly, or somebody on the way cut the connection")
        .into()),
        StreamEnd::Input(error) => {
            let message = format!("cannot read standard input: {}", reason::of(&error));
            Err(Failure::new(Exit::File, message).into())
        }
    }
}

/// Returns what the end of a conversation with `peer` means to the shell.
///
/// # Errors
/// Any end but one in order, and a reader that has simply left.
pub(crate) fn finish_datagrams(end: datagram::DatagramEnd, peer: &str) -> anyhow::Result<Exit> {
    let end = match end {
        datagram::DatagramEnd::Quiet | datagram::DatagramEnd::Stopped => StreamEnd::Eof,
        datagram::DatagramEnd::Refused(error) | datagram::DatagramEnd::Receive(error) => {
            StreamEnd::Receive(error)
        }
        datagram::DatagramEnd::Send(error) => StreamEnd::Send(error),
        datagram::DatagramEnd::Input(error) => StreamEnd::Input(error),
        datagram::DatagramEnd::Output(error) => StreamEnd::Output(error),
        datagram::DatagramEnd::Idle => StreamEnd::Idle,
        datagram::DatagramEnd::TimedOut => StreamEnd::TimedOut,
        datagram::DatagramEnd::TooLong => {
            let message = format!(
                "standard input gave more than the {MAX_DATAGRAM} bytes a datagram carries: \
                 nothing of it was sent"
            );
            return Err(Failure::new(Exit::Usage, message)
                .hint("--split lines for a datagram a line, or --split 1400 for pieces")
                .into());
        }
    };
    finish(end, peer)
}

/// What the event at the end counts.
pub(crate) fn byte_counts(counts: datagram::DatagramCounts) -> ByteCounts {
    ByteCounts { bytes_in: counts.bytes_in, bytes_out: counts.bytes_out }
}

/// Returns what a script that did not come to its end means to the shell.
///
/// # Errors
/// Whatever stopped it; only standard output's reader may leave without one.
pub(crate) fn finish_script<E: Into<anyhow::Error>>(
    stop: ScriptEnd<E>,
    peer: &str,
) -> anyhow::Result<Exit> {
    let message = stop.to_string();
    let failure = match stop {
        ScriptEnd::Unmet(unmet) => {
            let failure = Failure::new(Exit::Negative, message).cause(unmet.got.to_string());
            match unmet.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
        ScriptEnd::TimedOut { got, .. } => {
            Failure::new(Exit::TimedOut, message).cause(got.to_string())
        }
        ScriptEnd::Stalled { .. } => Failure::new(Exit::TimedOut, message),
        ScriptEnd::File { .. } => Failure::new(Exit::File, message),
        ScriptEnd::Receive(source) => return finish(StreamEnd::Receive(source), peer),
        ScriptEnd::Send { source, .. } => return finish(StreamEnd::Send(source), peer),
        ScriptEnd::Output(source) => return finish(StreamEnd::Output(source), peer),
        ScriptEnd::StartTls { error, .. } => return Err(error.into()),
    };
    Err(failure.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure;
    use crate::script::{Excerpt, StepLabel, Unmet, UnmetReason};

    fn explain(failure: impl Into<anyhow::Error>) -> (Exit, String) {
        let (exit, complaint) = failure::explain(&failure.into());
        let complaint = complaint.unwrap();
        let parts = [Some(complaint.message), complaint.cause, complaint.hint];
        (exit, parts.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn an_unmet_expectation_is_exit_1_with_what_came_instead() {
        let step = StepLabel { text: "expect /^220/".to_owned(), place: "smtp.txt:3".to_owned() };
        let got = Excerpt { bytes: b"421 busy\r\n".to_vec(), omitted: 0, was_heard: true };
        let unmet = Unmet { step, why: UnmetReason::PeerEnded, got };
        let outcome: ScriptEnd<anyhow::Error> = ScriptEnd::Unmet(unmet);
        let (exit, said) = explain(finish_script(outcome, "peer").unwrap_err());
        assert_eq!(exit, Exit::Negative);
        assert_eq!(
            said,
            "expect /^220/ was not met before the peer's end (smtp.txt:3)\n\
             what came instead: \"421 busy\\r\\n\""
        );
    }
}
