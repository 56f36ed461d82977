//! The lines of a recording, version 2 of the format that `docs/json.md` describes.

use jiff::Timestamp;
use serde::Serialize;

use crate::net::stream::observer::{SideEnd, StreamSide};
use crate::net::tls::TlsFacts;
use crate::output::{Direction, NetText};

/// The version of the format that `docs/json.md` describes.
const VERSION: u32 = 2;

/// The connection that a line belongs to.
#[derive(Clone, Copy, Debug, Serialize)]
pub(in crate::session) struct RecordedConnection<'a> {
    /// Its number in this run, from 1.
    pub(in crate::session) conn: u64,
    /// The address of the peer.
    pub(in crate::session) peer: &'a str,
}

/// A line of the file.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum RecordingLine<'a> {
    Record {
        version: u32,
        started: String,
    },
    Lost {
        lines: u64,
    },
    Connected {
        #[serde(flatten)]
        at: LineStart<'a>,
        local: &'a str,
    },
    Secured {
        #[serde(flatten)]
        at: LineStart<'a>,
        version: &'a str,
        cipher_suite: &'a str,
        alpn: Option<&'a str>,
        server_name: Option<&'a str>,
        pin: Option<String>,
        verified: Option<bool>,
    },
    Data {
        #[serde(flatten)]
        at: LineStart<'a>,
        direction: Direction,
        #[serde(flatten)]
        data: NetText,
    },
    End {
        #[serde(flatten)]
        at: LineStart<'a>,
        side: &'a str,
        how: &'a str,
    },
    Closed {
        #[serde(flatten)]
        at: LineStart<'a>,
        bytes_in: u64,
        bytes_out: u64,
        reason: &'a str,
    },
}

/// The fields of every line after the first.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct LineStart<'a> {
    /// Microseconds since the first line.
    pub(super) time_us: u64,
    #[serde(flatten)]
    pub(super) connection: RecordedConnection<'a>,
}

impl<'a> RecordingLine<'a> {
    /// Returns the first line of a recording that starts `now`.
    pub(super) fn record(now: Timestamp) -> Self {
        let started = now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        Self::Record { version: VERSION, started }
    }

    /// Returns the line for a completed TLS handshake.
    pub(super) fn secured(at: LineStart<'a>, facts: &'a TlsFacts) -> Self {
        Self::Secured {
            at,
            version: facts.version,
            cipher_suite: &facts.cipher_suite,
            alpn: facts.alpn.as_deref(),
            server_name: facts.server_name.as_deref(),
            pin: facts.peer_pin.map(|pin| pin.to_string()),
            verified: facts.peer_pin.map(|_| facts.trust.is_verified()),
        }
    }

    /// Returns the line for the end of one side of a connection.
    pub(super) fn end(at: LineStart<'a>, side: StreamSide, how: SideEnd) -> Self {
        let side = match side {
            StreamSide::Local => "local",
            StreamSide::Peer => "peer",
        };
        let how = match how {
            SideEnd::Fin => "fin",
            SideEnd::Reset => "reset",
            SideEnd::CloseNotify => "close_notify",
            SideEnd::Cut => "cut",
        };
        Self::End { at, side, how }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::{Pin, Trust};
    use serde_json::{Value, json};

    const AT: LineStart<'_> =
        LineStart { time_us: 7, connection: RecordedConnection { conn: 3, peer: "192.0.2.1:80" } };

    /// The facts of a handshake in which the peer presented no certificate.
    fn facts() -> TlsFacts {
        TlsFacts {
            version: "TLS 1.3",
            cipher_suite: "TLS_AES_128_GCM_SHA256".to_owned(),
            alpn: Some("h2".to_owned()),
            server_name: Some("a.example".to_owned()),
            peer_pin: None,
            trust: Trust::NotRequested,
        }
    }

    /// Asserts that `line` has the start of [`AT`] and these fields.
    #[track_caller]
    fn holds(line: &RecordingLine<'_>, fields: &Value) {
        let mut expected = json!({"time_us": 7, "conn": 3, "peer": "192.0.2.1:80"});
        expected.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(serde_json::to_value(line).unwrap(), expected);
    }

    #[test]
    fn each_line_has_the_documented_fields() {
        let started = "2026-11-25T18:30:00.000007Z";
        let first = RecordingLine::record(started.parse().unwrap());
        let expected = json!({"type": "record", "version": 2, "started": started});
        assert_eq!(serde_json::to_value(first).unwrap(), expected);
        let local = "192.0.2.7:40112";
        let line = RecordingLine::Connected { at: AT, local };
        holds(&line, &json!({"type": "connected", "local": local}));
        let (direction, data) = (Direction::Out, NetText("olá\u{1b}\n".into()));
        let line = RecordingLine::Data { at: AT, direction, data };
        holds(&line, &json!({"type": "data", "direction": "out", "text": "olá\u{1b}\n"}));
        let (direction, data) = (Direction::In, NetText(b"caf\xe9".to_vec()));
        let line = RecordingLine::Data { at: AT, direction, data };
        holds(&line, &json!({"type": "data", "direction": "in", "bytes": "Y2Fm6Q=="}));
        let lost = serde_json::to_value(RecordingLine::Lost { lines: 5 }).unwrap();
        assert_eq!(lost, json!({"type": "lost", "lines": 5}));
        let line = RecordingLine::Closed { at: AT, bytes_in: 4, bytes_out: 6, reason: "eof" };
        let closed = json!({"type": "closed", "bytes_in": 4, "bytes_out": 6, "reason": "eof"});
        holds(&line, &closed);
    }

    #[test]
    fn a_secured_line_has_the_facts_and_whether_a_certificate_was_verified() {
        let mut expected = json!({
            "type": "secured", "version": "TLS 1.3", "cipher_suite": "TLS_AES_128_GCM_SHA256",
            "alpn": "h2", "server_name": "a.example", "pin": null, "verified": null
        });
        holds(&RecordingLine::secured(AT, &facts()), &expected);
        let pin: Pin = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
        expected["pin"] = pin.to_string().into();
        for (trust, verified) in [(Trust::Unchecked, false), (Trust::Pinned, true)] {
            expected["verified"] = verified.into();
            let facts = TlsFacts { peer_pin: Some(pin), trust, ..facts() };
            holds(&RecordingLine::secured(AT, &facts), &expected);
        }
    }

    #[test]
    fn an_end_line_names_the_side_and_how_it_ended() {
        let ends = [
            (StreamSide::Local, SideEnd::Fin, "local", "fin"),
            (StreamSide::Peer, SideEnd::Reset, "peer", "reset"),
            (StreamSide::Local, SideEnd::CloseNotify, "local", "close_notify"),
            (StreamSide::Peer, SideEnd::Cut, "peer", "cut"),
        ];
        for (side, how, side_name, how_name) in ends {
            let line = RecordingLine::end(AT, side, how);
            holds(&line, &json!({"type": "end", "side": side_name, "how": how_name}));
        }
    }
}
