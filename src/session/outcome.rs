//! The outcome of a session: its `closed` event, and its exit code or error.

use std::io::ErrorKind;
use std::time::Duration;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::datagram::{self, MAX_DATAGRAM};
use crate::net::stream::ByteCounts;
use crate::net::tls::TlsFacts;
use crate::net::{self, ExchangeEnd};
use crate::output::{Event, StdoutError};
use crate::reason;
use crate::script::ScriptEnd;
use crate::threads::ThreadLost;

/// Returns the `closed` event of a connection that ended with `end`.
pub(crate) fn closed(peer: &str, counts: ByteCounts, lasted: Duration, end: &ExchangeEnd) -> Event {
    closed_because(peer, counts, lasted, end.to_string())
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

/// Returns the `secured` event of a connection whose TLS handshake negotiated `facts`.
pub(crate) fn secured(peer: String, facts: &TlsFacts) -> Event {
    Event::Secured {
        peer,
        version: facts.version,
        cipher_suite: facts.cipher_suite.clone(),
        alpn: facts.alpn.clone(),
        pin: facts.peer_pin.map(|pin| pin.to_string()),
        verified: facts.peer_pin.map(|_| facts.trust.is_verified()),
    }
}

/// Returns the exit code of an exchange with `peer` that ended with `end`. After a stop, the caller
/// replaces it by the exit code of the signal.
///
/// # Errors
/// The exchange did not end cleanly. It is no error if the reader of standard output has closed
/// it.
pub(crate) fn exit_of(end: ExchangeEnd, peer: &str) -> anyhow::Result<Exit> {
    let stream =
        |operation, source| net::Error::Stream { operation, peer: peer.to_owned(), source };
    match end {
        ExchangeEnd::Eof
        | ExchangeEnd::IdleInput
        | ExchangeEnd::Sent
        | ExchangeEnd::Quiet
        | ExchangeEnd::Stopped => Ok(Exit::Success),
        ExchangeEnd::Output(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Success),
        ExchangeEnd::Output(error) => Err(StdoutError::from(error).into()),
        ExchangeEnd::Receive(error) | ExchangeEnd::Refused(error) => {
            Err(stream("reading from", error).into())
        }
        ExchangeEnd::Send(error) => Err(stream("writing to", error).into()),
        ExchangeEnd::TimedOut => {
            Err(Failure::new(Exit::TimedOut, format!("session with {peer} timed out (--timeout)"))
                .into())
        }
        ExchangeEnd::Idle => Err(Failure::new(
            Exit::TimedOut,
            format!("session with {peer} timed out: no traffic (--idle-timeout)"),
        )
        .into()),
        ExchangeEnd::LingerExpired => Err(Failure::new(
            Exit::TimedOut,
            format!("{peer} received everything but did not close the connection within --linger"),
        )
        .into()),
        ExchangeEnd::Truncated => Err(truncated(peer).into()),
        ExchangeEnd::CutOff => Err(Failure::new(
            Exit::Protocol,
            format!("{peer} was cut off: it acknowledged nothing for 30s and delayed the others"),
        )
        .into()),
        ExchangeEnd::StoppedEarly => Err(Failure::new(
            Exit::TimedOut,
            format!("{peer} was cut off before it had received everything"),
        )
        .into()),
        ExchangeEnd::TooLong => {
            let message = format!(
                "standard input is longer than a datagram of {MAX_DATAGRAM} bytes; it was not sent"
            );
            Err(Failure::new(Exit::Usage, message)
                .hint("--split lines for one datagram per line, or --split 1400 for pieces")
                .into())
        }
        ExchangeEnd::Input(error) => {
            let message = format!("cannot read standard input: {}", reason::of(&error));
            let exit = if ThreadLost::is(&error) { Exit::Internal } else { Exit::File };
            Err(Failure::new(exit, message).into())
        }
    }
}

/// Returns the error for a TLS connection that `peer` ended without `close_notify`.
pub(crate) fn truncated(peer: &str) -> Failure {
    let message = format!("{peer} closed without close_notify: the received data may be truncated");
    Failure::new(Exit::Tls, message)
        .cause("the peer stopped abruptly, or the connection was cut on the way")
        .hint("--ignore-missing-close-notify, if this peer never sends close_notify")
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
        ScriptEnd::Receive(source) => return exit_of(ExchangeEnd::Receive(source), peer),
        ScriptEnd::Send { source, .. } => return exit_of(ExchangeEnd::Send(source), peer),
        ScriptEnd::Output(source) => return exit_of(ExchangeEnd::Output(source), peer),
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
