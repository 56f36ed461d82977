//! Why a QUIC connection or stream ended, in words.

use std::io;

use quinn::{ConnectionError, ReadError, TransportErrorCode, WriteError};

use crate::dns::exchange::course::ExchangeError;
use crate::net::tls::{AlertBy, QuicTls, TlsError};
use crate::text;

/// The longest part of a server's own words that is shown, in bytes.
const MAX_REASON: usize = 200;

/// The codes of QUIC that stand for a TLS alert (RFC 9001 section 4.8).
const ALERTS: std::ops::Range<u64> = 0x100..0x200;

/// Names of the codes with which a server ends a stream or a connection: those of RFC 9250 section
/// 8.4, and those of RFC 9114 section 8.1 and RFC 9204 section 6 for HTTP/3.
const CODE_NAMES: [(u64, &str); 27] = [
    (0x0, "DOQ_NO_ERROR"),
    (0x1, "DOQ_INTERNAL_ERROR"),
    (0x2, "DOQ_PROTOCOL_ERROR"),
    (0x3, "DOQ_REQUEST_CANCELLED"),
    (0x4, "DOQ_EXCESSIVE_LOAD"),
    (0x5, "DOQ_UNSPECIFIED_ERROR"),
    (0xd098_ea5e, "DOQ_ERROR_RESERVED"),
    (0x100, "H3_NO_ERROR"),
    (0x101, "H3_GENERAL_PROTOCOL_ERROR"),
    (0x102, "H3_INTERNAL_ERROR"),
    (0x103, "H3_STREAM_CREATION_ERROR"),
    (0x104, "H3_CLOSED_CRITICAL_STREAM"),
    (0x105, "H3_FRAME_UNEXPECTED"),
    (0x106, "H3_FRAME_ERROR"),
    (0x107, "H3_EXCESSIVE_LOAD"),
    (0x108, "H3_ID_ERROR"),
    (0x109, "H3_SETTINGS_ERROR"),
    (0x10a, "H3_MISSING_SETTINGS"),
    (0x10b, "H3_REQUEST_REJECTED"),
    (0x10c, "H3_REQUEST_CANCELLED"),
    (0x10d, "H3_REQUEST_INCOMPLETE"),
    (0x10e, "H3_MESSAGE_ERROR"),
    (0x10f, "H3_CONNECT_ERROR"),
    (0x110, "H3_VERSION_FALLBACK"),
    (0x200, "QPACK_DECOMPRESSION_FAILED"),
    (0x201, "QPACK_ENCODER_STREAM_ERROR"),
    (0x202, "QPACK_DECODER_STREAM_ERROR"),
];

/// Returns why a connection ended; `peer` is the server's address.
pub(super) fn of_connection(error: ConnectionError, tls: &QuicTls, peer: &str) -> ExchangeError {
    let of_tls = |problem| ExchangeError::Tls(TlsError { peer: peer.to_owned(), problem });
    ExchangeError::Quic(match error {
        ConnectionError::TransportError(error) => {
            if let Some(alert) = alert(error.code) {
                return of_tls(tls.problem(AlertBy::Client, alert, &error.reason));
            }
            let why = text::escape(error.to_string().as_bytes());
            format!("the server broke the QUIC protocol: {why}")
        }
        ConnectionError::ConnectionClosed(close) => match alert(close.error_code) {
            Some(alert) => return of_tls(tls.problem(AlertBy::Server, alert, "")),
            None if close.error_code == TransportErrorCode::CONNECTION_REFUSED => {
                format!("the server refused the QUIC connection{}", said(&close.reason))
            }
            None => format!(
                "the server closed the QUIC connection: {:?}{}",
                close.error_code,
                said(&close.reason)
            ),
        },
        ConnectionError::ApplicationClosed(close) => format!(
            "the server closed the QUIC connection: {}{}",
            code_name(close.error_code.into_inner()),
            said(&close.reason)
        ),
        ConnectionError::VersionMismatch => "the server does not speak QUIC version 1".to_owned(),
        ConnectionError::Reset => "the server no longer knows the QUIC connection".to_owned(),
        ConnectionError::TimedOut => "the QUIC connection timed out".to_owned(),
        ConnectionError::LocallyClosed | ConnectionError::CidsExhausted => {
            "the QUIC connection is closed".to_owned()
        }
    })
}

/// Returns why reading or writing a stream failed.
pub(super) fn of_stream(error: io::Error, tls: &QuicTls, peer: &str) -> ExchangeError {
    let Some(inner) = error.get_ref() else { return error.into() };
    if let Some(lost) = inner.downcast_ref::<ConnectionError>() {
        return of_connection(lost.clone(), tls, peer);
    }
    match (inner.downcast_ref(), inner.downcast_ref()) {
        (Some(ReadError::Reset(code)), _) => {
            let code = code_name(code.into_inner());
            ExchangeError::Quic(format!("the server reset the stream of the query: {code}"))
        }
        (_, Some(WriteError::Stopped(code))) => stopped(code.into_inner()),
        (Some(ReadError::ConnectionLost(lost)), _)
        | (_, Some(WriteError::ConnectionLost(lost))) => of_connection(lost.clone(), tls, peer),
        _ => error.into(),
    }
}

/// Returns the error for a server that does not read the query. RFC 9250 section 4.3.3 forbids it.
pub(super) fn stopped(code: u64) -> ExchangeError {
    let code = code_name(code);
    ExchangeError::Quic(format!("the server does not read the query (STOP_SENDING): {code}"))
}

/// Returns the name of a code of DNS over QUIC or of HTTP/3, or its number.
fn code_name(code: u64) -> String {
    let name = CODE_NAMES.iter().find(|entry| entry.0 == code).map(|entry| entry.1);
    name.map_or_else(|| format!("error {code:#x}"), str::to_owned)
}

/// Returns the TLS alert that a code stands for.
fn alert(code: TransportErrorCode) -> Option<u8> {
    let code = u64::from(code);
    ALERTS.contains(&code).then(|| u8::try_from(code & 0xff).unwrap_or(u8::MAX))
}

/// Returns what the server said, in quotes, as the end of a sentence.
fn said(reason: &[u8]) -> String {
    let shown = &reason[..reason.len().min(MAX_REASON)];
    if shown.is_empty() { String::new() } else { format!(" ({})", text::quote(shown)) }
}
