//! How an exchange with a peer ended: a relayed stream, or datagrams.

use std::io::{self, ErrorKind};

use rustix::io::Errno;

use crate::net::address::addr::Addr;
use crate::net::error::{destination_reason, is_local_refusal};

/// Why an exchange ended. `Display` writes the `reason` of the `closed` event.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeEnd {
    /// The peer closed its side cleanly, and everything sent is acknowledged.
    #[error("eof")]
    Eof,
    /// As [`Self::Eof`], but the input had not ended: it was idle when the peer closed.
    #[error("eof")]
    IdleInput,
    /// The input has ended and everything sent is acknowledged; nothing is to be received.
    #[error("sent")]
    Sent,
    /// The input had ended, and there were no datagrams within the linger time.
    #[error("quiet")]
    Quiet,
    /// An ICMP error says that the peer's port is closed or that the peer is unreachable.
    #[error("{}", crate::reason::of(.0))]
    Refused(io::Error),
    /// Receiving failed, for example because the peer reset the connection.
    #[error("{}", close_reason(.0))]
    Receive(io::Error),
    /// TLS ended without `close_notify`: the received data may be incomplete.
    #[error("truncated")]
    Truncated,
    /// Sending failed.
    #[error("{}", close_reason(.0))]
    Send(io::Error),
    /// The input could not be read.
    #[error("cannot read input: {}", crate::reason::of(.0))]
    Input(io::Error),
    /// The input is too long for one datagram.
    #[error("too long")]
    TooLong,
    /// Received data could not be written; `BrokenPipe` if the reader of the output has closed it.
    #[error("cannot write output: {}", crate::reason::of(.0))]
    Output(io::Error),
    /// No traffic in either direction within the idle timeout.
    #[error("idle")]
    Idle,
    /// The deadline of the run passed.
    #[error("timed out")]
    TimedOut,
    /// Everything sent is acknowledged, and the peer did not close its side within the linger time.
    #[error("peer did not close")]
    LingerExpired,
    /// The peer took nothing of a shared input for so long that it was cut off.
    #[error("stalled")]
    CutOff,
    /// A stop ended the exchange after everything that was read from the input had been sent.
    #[error("stopped")]
    Stopped,
    /// A stop ended the exchange, and the peer did not get everything.
    #[error("cut off")]
    StoppedEarly,
}

impl ExchangeEnd {
    /// Returns the end for an error of receiving from a stream.
    pub fn of_receive_error(error: io::Error) -> Self {
        match error.kind() {
            // No socket reports this kind: it is how rustls reports a missing `close_notify`.
            ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Receive(error),
        }
    }

    /// Returns the end for an error of sending a datagram to `to`. `is_first`: nothing was sent
    /// before, so another address of the peer may still work.
    pub(super) fn of_datagram_send_error(error: io::Error, to: &Addr, is_first: bool) -> Self {
        // A route or firewall rule of this machine can begin to discard packets at any time.
        let is_local = is_local_refusal(to, &error);
        let end = if is_local && is_first { Self::Refused } else { Self::Send };
        let named = if is_local { io::Error::other(destination_reason(to, &error)) } else { error };
        Self::of_datagram_error(named, end)
    }

    /// Returns the end for an error of sending or receiving a datagram; `otherwise` wraps an error
    /// that has no variant of its own.
    pub(super) fn of_datagram_error(error: io::Error, otherwise: fn(io::Error) -> Self) -> Self {
        use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
        if matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable) {
            Self::Refused(error)
        } else if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) {
            Self::TooLong
        } else {
            otherwise(error)
        }
    }

    /// Returns whether this side's bytes ended cleanly, so that the peer may get FIN for them.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Eof | Self::IdleInput | Self::Sent | Self::Stopped)
    }

    /// Returns whether a stop ended the exchange.
    pub(super) fn is_stop(&self) -> bool {
        matches!(self, Self::Stopped | Self::StoppedEarly)
    }

    /// Returns whether the exchange ended in time; otherwise an output that blocks must not delay
    /// it further.
    pub(super) fn is_in_time(&self) -> bool {
        !matches!(self, Self::TimedOut | Self::Idle) && !self.is_stop()
    }
}

/// Returns the `reason` of the `closed` event for an error of a stream.
pub fn close_reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionReset => "reset".to_owned(),
        // No socket reports this kind: it is how rustls reports a missing `close_notify`.
        ErrorKind::UnexpectedEof => "truncated".to_owned(),
        ErrorKind::TimedOut => "stalled".to_owned(),
        _ => crate::reason::of(error),
    }
}
