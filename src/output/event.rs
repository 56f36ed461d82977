//! What servers and streams say while they run.
//!
//! One enum: serde makes the NDJSON of it, [`Event::data_line`] and [`Event::talk_line`] the text.
//! Peers and addresses come as text already: this layer knows no socket.

use anstyle::{AnsiColor, Style};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use crate::output::color::Paint;
use crate::output::figures;
use crate::output::format::Verbosity;
use crate::output::stats::Stats;
use crate::text;

/// Bytes from the network: in JSON `{"text": …}`, or `{"bytes": …}` (base64) where not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetText(pub Vec<u8>);

impl Serialize for NetText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "snake_case")]
        enum Shown<'a> {
            Text(&'a str),
            Bytes(String),
        }
        match std::str::from_utf8(&self.0) {
            Ok(text) => Shown::Text(text),
            Err(_) => Shown::Bytes(STANDARD.encode(&self.0)),
        }
        .serialize(serializer)
    }
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A socket listens.
    Listening {
        /// The real address.
        addr: String,
        /// The real port; none for a Unix socket.
        port: Option<u16>,
        /// Who can reach it, in words, where that is not everybody.
        #[serde(skip)]
        reach: &'static str,
    },
    /// A connection was made or accepted.
    Connected {
        /// The other end.
        peer: String,
        /// Our end.
        local: String,
    },
    /// TLS was put on a connection.
    Secured {
        /// The other end.
        peer: String,
        /// `TLS 1.2` or `TLS 1.3`.
        version: &'static str,
        /// The cipher suite's name at IANA.
        cipher_suite: String,
        /// The application protocol both sides chose.
        alpn: Option<String>,
        /// The fingerprint of the peer's certificate, if it showed one.
        pin: Option<String>,
        /// Whether the peer is known to be who it should be; none where nobody asked.
        verified: Option<bool>,
    },
    /// The certificate a server shows.
    Certificate {
        /// Its fingerprint, as clients pin it.
        pin: String,
    },
    /// The peer's name, looked up meanwhile.
    PeerName {
        /// The address the name belongs to.
        peer: String,
        /// What the system's resolver says.
        name: String,
    },
    /// A connection was turned away or thrown out.
    Refused {
        /// The other end.
        peer: String,
        /// Why.
        reason: &'static str,
    },
    /// Bytes a peer sent.
    Data {
        /// The sender.
        peer: String,
        /// The bytes.
        #[serde(flatten)]
        data: NetText,
    },
    /// A connection ended.
    Closed {
        /// The other end.
        peer: String,
        /// Bytes received.
        bytes_in: u64,
        /// Bytes sent.
        bytes_out: u64,
        /// How long it lasted, in microseconds.
        duration_us: u64,
        /// Why it ended: `eof`, `reset`, `idle`, …
        reason: String,
    },
    /// The figures of a connection that ended.
    Stats {
        /// All of them.
        #[serde(flatten)]
        stats: Box<Stats>,
    },
    /// A user and a password were given.
    Login {
        /// The other end.
        peer: String,
        /// Which connection of this run, from 1.
        conn: u64,
        /// Which attempt of the connection, from 1.
        r#try: u32,
        /// The user name.
        user: NetText,
        /// The password.
        password: NetText,
        /// `recorded` or `failed`.
        result: &'static str,
        /// The record, as it stands in the log.
        #[serde(skip)]
        record: String,
    },
    /// A server's answer to a login.
    Reply {
        /// `accepted` or `refused`.
        result: &'static str,
        /// Its words.
        reply: NetText,
    },
    /// A connection ended in the middle of a login.
    Incomplete {
        /// The other end.
        peer: String,
        /// Bytes of the unfinished line.
        bytes: usize,
    },
    /// Somebody entered the chat.
    Joined {
        /// The other end.
        peer: String,
        /// The nickname.
        nick: String,
    },
    /// Somebody left the chat.
    Left {
        /// The other end.
        peer: String,
        /// The nickname.
        nick: String,
        /// Why.
        reason: String,
    },
    /// A public line of the chat, with its place in the one order everybody sees.
    Said {
        /// The number of the line, from 1.
        seq: u64,
        /// The nickname.
        nick: String,
        /// The line as it was sent to the room.
        line: String,
    },
    /// Something a user should look at.
    Warning {
        /// What.
        message: String,
    },
    /// A server was asked to stop.
    Stopping {
        /// Clients still connected.
        clients: usize,
    },
    /// Events that could not be shown because the screen did not keep up.
    NotShown {
        /// How many.
        count: u64,
    },
}

/// How a talk line is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Plain,
    Good,
    Bad,
}

impl Event {
    /// An event's line, with its first word in the event's tone.
    pub(super) fn painted(&self, paint: Paint) -> String {
        // A reason or a name may be a peer's words.
        let line = text::escape_lines(&self.talk_line());
        let style = match self.tone() {
            Tone::Plain => Style::new().bold(),
            Tone::Good => AnsiColor::Green.on_default().bold(),
            Tone::Bad => AnsiColor::Yellow.on_default().bold(),
        };
        match line.split_once(' ') {
            Some((first, rest)) => format!("{} {rest}", paint.paint(style, first)),
            None => paint.paint(style, &line),
        }
    }

    /// The line for standard output, for events that are data.
    pub(super) fn data_line(&self) -> Option<String> {
        match self {
            Self::Login { record, result: "recorded", .. } => Some(record.clone()),
            Self::Said { line, .. } => Some(line.clone()),
            Self::Reply { reply, .. } => Some(text::escape(&reply.0)),
            _ => None,
        }
    }

    /// The line for standard error.
    fn talk_line(&self) -> String {
        match self {
            Self::Listening { addr, reach, .. } => format!("listening on {addr}{reach}"),
            Self::Connected { peer, local } => format!("connected {peer} (here {local})"),
            Self::Secured { peer, version, cipher_suite, alpn, pin, verified } => {
                let alpn = alpn.as_ref().map(|alpn| format!(", {alpn}")).unwrap_or_default();
                let verdict = match verified {
                    Some(true) => ", certificate verified",
                    Some(false) => ", certificate NOT verified",
                    None => "",
                };
                let pin = pin.as_ref().map(|pin| format!(" ({pin})")).unwrap_or_default();
                format!("secured {peer}: {version}, {cipher_suite}{alpn}{verdict}{pin}")
            }
            Self::Certificate { pin } => format!("certificate {pin} (clients take it with --pin)"),
            Self::PeerName { peer, name } => {
                format!("name {peer} is {}", text::escape(name.as_bytes()))
            }
            Self::Refused { peer, reason } => format!("refused {peer}: {reason}"),
            Self::Data { peer, data } => format!("data {peer}: {}", text::quote(&data.0)),
            Self::Closed { peer, bytes_in, bytes_out, duration_us, reason } => format!(
                "closed {peer}: {} in, {} out, {} ({reason})",
                figures::count(*bytes_in),
                figures::count(*bytes_out),
                figures::micros(*duration_us)
            ),
            Self::Stats { stats } => format!("stats {}", stats.peer),
            Self::Login { record, .. } => format!("not recorded: {record}"),
            Self::Incomplete { peer, bytes } => {
                format!(
                    "incomplete {peer}: left after {bytes} bytes of a login; clients that send no line \
                 end need --field-per-read"
                )
            }
            Self::Joined { peer, nick } => format!("joined {nick} ({peer})"),
            Self::Left { peer, nick, reason } => format!("left {nick} ({peer}): {reason}"),
            Self::Said { line, .. } => line.clone(),
            Self::Reply { reply, .. } => text::escape(&reply.0),
            Self::Warning { message } => format!("warning: {}", text::escape_lines(message)),
            Self::Stopping { clients: 0 } => "stopping".to_owned(),
            Self::Stopping { clients } => format!(
                "stopping: {clients} client{} to finish; press Ctrl-C again to force",
                if *clients == 1 { "" } else { "s" }
            ),
            Self::NotShown { count } => format!("warning: {count} events not shown"),
        }
    }

    /// How much of it a peer decides, in bytes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Data { data, .. } => data.0.len(),
            _ => 0,
        }
    }

    pub(super) fn verbosity(&self) -> Verbosity {
        match self {
            Self::Data { .. } => Verbosity::Verbose,
            // Data, or asked for, and printed whatever is said beside it.
            Self::Login { .. } | Self::Said { .. } | Self::Reply { .. } | Self::Stats { .. } => {
                Verbosity::Quiet
            }
            _ => Verbosity::Normal,
        }
    }

    fn tone(&self) -> Tone {
        match self {
            Self::Listening { .. } | Self::Connected { .. } | Self::Joined { .. } => Tone::Good,
            Self::Refused { .. }
            | Self::Warning { .. }
            | Self::NotShown { .. }
            | Self::Incomplete { .. } => Tone::Bad,
            Self::Login { result, .. } if *result != "recorded" => Tone::Bad,
            _ => Tone::Plain,
        }
    }
}

#[cfg(test)]
#[path = "../../tests/it/json_doc.rs"]
pub(crate) mod json_doc;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Phase, TcpFigures};
    use std::collections::BTreeSet;

    use serde_json::Value;

    /// An example of each of these variants. One that is left out does not compile.
    macro_rules! all {
        ($($variant:ident { $($field:ident: $value:expr),* }),* $(,)?) => {{
            let _all_there_are = |event: &Event| match event {
                $(Event::$variant { .. } => (),)*
            };
            vec![$(Event::$variant { $($field: $value),* }),*]
        }};
    }

    /// One of each, with these bytes from the network.
    fn one_of_each(bytes: &[u8]) -> Vec<Event> {
        let text = || NetText(bytes.to_vec());
        let peer = || "192.0.2.1:40112".to_owned();
        let word = || "word".to_owned();
        all![
            Listening { addr: peer(), port: Some(40112), reach: "" },
            Connected { peer: peer(), local: peer() },
            Secured {
                peer: peer(),
                version: "TLS 1.3",
                cipher_suite: word(),
                alpn: Some(word()),
                pin: None,
                verified: Some(true)
            },
            Certificate { pin: word() },
            PeerName { peer: peer(), name: word() },
            Refused { peer: peer(), reason: "server full" },
            Data { peer: peer(), data: text() },
            Closed { peer: peer(), bytes_in: 1, bytes_out: 2, duration_us: 3, reason: word() },
            Stats { stats: Box::new(stats(bytes)) },
            Login {
                peer: peer(),
                conn: 1,
                r#try: 1,
                user: text(),
                password: text(),
                result: "recorded",
                record: word()
            },
            Reply { result: "accepted", reply: text() },
            Incomplete { peer: peer(), bytes: 1 },
            Joined { peer: peer(), nick: word() },
            Left { peer: peer(), nick: word(), reason: word() },
            Said { seq: 1, nick: word(), line: word() },
            Warning { message: word() },
            Stopping { clients: 1 },
            NotShown { count: 1 },
        ]
    }

    /// With everything where the bytes are text, and as little as can be where they are not.
    fn stats(bytes: &[u8]) -> Stats {
        if std::str::from_utf8(bytes).is_err() {
            return Stats::default();
        }
        let phases = vec![Phase { name: "connect", start_us: 0, duration_us: 1 }];
        let tcp = Some(TcpFigures::default());
        Stats { phases, duration_us: 2, tcp, ..Stats::default() }.with_rates()
    }

    #[test]
    fn events_are_what_the_document_says() {
        let json = |event: &Event| serde_json::to_value(event).unwrap();
        let utf8: Vec<Value> = one_of_each(b"caf\xc3\xa9").iter().map(json).collect();
        let latin: Vec<Value> = one_of_each(b"caf\xe9").iter().map(json).collect();
        let mut kinds = BTreeSet::new();
        for (utf8, latin) in utf8.into_iter().zip(latin) {
            kinds.insert(utf8["type"].as_str().unwrap().to_owned());
            json_doc::holds("Events", &[utf8, latin]);
        }
        let documented: BTreeSet<String> =
            json_doc::kinds("Events").into_iter().map(str::to_owned).collect();
        assert_eq!(kinds, documented);
    }
}
