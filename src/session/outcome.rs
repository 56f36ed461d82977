//! The outcome of a session: its `closed` event, and its exit code or error.

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
use crate::threads::ThreadLost;

/// Returns the `closed` event of a connection that ended with `end`.
pub(crate) fn closed(peer: &str, counts: ByteCounts, lasted: Duration, end: &StreamEnd) -> Event {
    let reason = match end {
        StreamEnd::Receive(error) | StreamEnd::Send(error) => close_reason(error),
        end => end.to_string(),
    };
    closed_because(peer, counts, lasted, reason)
}

/// Returns the `closed` event of a connection with the given reason.
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

/// Returns the `reason` of the `closed` event for an error of the connection.
pub(crate) fn close_reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionReset => "reset".to_owned(),
        ErrorKind::TimedOut => "stalled".to_owned(),
        _ => reason::of(error),
    }
}

/// Returns the exit code of a connection that ended with `end`.
///
/// # Errors
/// The connection did not end cleanly. It is no error if the reader of standard output has closed
/// it.
pub(crate) fn exit_of_stream(end: StreamEnd, peer: &str) -> anyhow::Result<Exit> {
    let stream =
        |operation, source| net::Error::Stream { operation, peer: peer.to_owned(), source };
    match end {
        StreamEnd::Eof | StreamEnd::IdleInput | StreamEnd::Stopped => Ok(Exit::Success),
        StreamEnd::Output(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Success),
        StreamEnd::Output(error) => Err(error.into()),
        StreamEnd::Receive(error) => Err(stream("reading from", error).into()),
        StreamEnd::Send(error) => Err(stream("writing to", error).into()),
        StreamEnd::TimedOut => {
            Err(Failure::new(Exit::TimedOut, format!("session with {peer} timed out (--timeout)"))
                .into())
        }
        StreamEnd::Idle => Err(Failure::new(
            Exit::TimedOut,
            format!("session with {peer} timed out: no traffic (--idle-timeout)"),
        )
        .into()),
        StreamEnd::LingerExpired => Err(Failure::new(
            Exit::TimedOut,
            format!("{peer} received everything but did not close the connection within --linger"),
        )
        .into()),
        StreamEnd::Truncated => Err(Failure::new(
            Exit::Tls,
            format!("{peer} closed without close_notify: the received data may be truncated"),
        )
        .cause("the peer stopped abruptly, or the connection was cut on the way")
        .hint("--ignore-missing-close-notify, if this peer never sends close_notify")
        .into()),
        StreamEnd::Input(error) => {
            let message = format!("cannot read standard input: {}", reason::of(&error));
            let exit = if ThreadLost::is(&error) { Exit::Internal } else { Exit::File };
            Err(Failure::new(exit, message).into())
        }
    }
}

/// Returns the exit code of a datagram exchange with `peer` that ended with `end`.
///
/// # Errors
/// The exchange failed or timed out. It is no error if the reader of standard output has closed it.
pub(crate) fn exit_of_datagrams(end: datagram::DatagramEnd, peer: &str) -> anyhow::Result<Exit> {
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
                "standard input is longer than a datagram of {MAX_DATAGRAM} bytes; it was not sent"
            );
            return Err(Failure::new(Exit::Usage, message)
                .hint("--split lines for one datagram per line, or --split 1400 for pieces")
                .into());
        }
    };
    exit_of_stream(end, peer)
}

/// Returns the byte counts of a datagram exchange, for the `closed` event.
pub(crate) fn byte_counts(counts: datagram::DatagramCounts) -> ByteCounts {
    ByteCounts { bytes_in: counts.bytes_in, bytes_out: counts.bytes_out }
}

/// Returns the exit code of a script that stopped before its last step.
///
/// # Errors
/// The script failed. It is no error if the reader of standard output has closed it.
pub(crate) fn exit_of_script<E: Into<anyhow::Error>>(
    end: ScriptEnd<E>,
    peer: &str,
) -> anyhow::Result<Exit> {
    let message = end.to_string();
    let failure = match end {
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
        ScriptEnd::Receive(source) => return exit_of_stream(StreamEnd::Receive(source), peer),
        ScriptEnd::Send { source, .. } => return exit_of_stream(StreamEnd::Send(source), peer),
        ScriptEnd::Output(source) => return exit_of_stream(StreamEnd::Output(source), peer),
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
        let (exit, report) = failure::explain(&failure.into());
        let report = report.unwrap();
        let parts = [Some(report.message), report.cause, report.hint];
        (exit, parts.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn an_unmet_expectation_is_exit_1_with_the_received_data() {
        let step = StepLabel { text: "expect /^220/".to_owned(), place: "smtp.txt:3".to_owned() };
        let got = Excerpt { bytes: b"421 busy\r\n".to_vec(), omitted: 0, received_any: true };
        let unmet = Unmet { step, why: UnmetReason::PeerClosed, got };
        let end: ScriptEnd<anyhow::Error> = ScriptEnd::Unmet(unmet);
        let (exit, text) = explain(exit_of_script(end, "peer").unwrap_err());
        assert_eq!(exit, Exit::Negative);
        assert_eq!(
            text,
            "expect /^220/ was not met before the peer closed (smtp.txt:3)\n\
             received \"421 busy\\r\\n\""
        );
    }
}
