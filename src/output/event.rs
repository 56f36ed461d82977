//! The events that servers and sessions report while they run.
//!
//! One enum: serde derives the NDJSON line; [`Event::data_line`] and [`Event::diagnostic_line`]
//! return the text. Peers and addresses are already text: this layer knows no socket.

use anstyle::{AnsiColor, Style};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use crate::output::color::Paint;
use crate::output::figures;
use crate::output::format::Verbosity;
use crate::output::stats::Stats;
use crate::text;

/// Bytes from the network: in JSON `{"text": …}`, or `{"bytes": …}` (base64) if not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetText(pub Vec<u8>);

impl Serialize for NetText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "snake_case")]
        enum Encoded<'a> {
            Text(&'a str),
            Bytes(String),
        }
        match std::str::from_utf8(&self.0) {
            Ok(text) => Encoded::Text(text),
            Err(_) => Encoded::Bytes(STANDARD.encode(&self.0)),
        }
        .serialize(serializer)
    }
}

/// One event; each is one JSON line, and most are one line of text.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A socket listens.
    Listening {
        /// The bound address.
        addr: String,
        /// The bound port; `None` for a Unix socket.
        port: Option<u16>,
        /// Which machines can connect, as text to append to the address; empty if not limited.
        #[serde(skip)]
        reach: String,
    },
    /// A connection was established or accepted.
    Connected {
        /// The peer's address.
        peer: String,
        /// The local address.
        local: String,
        /// The peer's host name, if it is known without a lookup. JSON has `peer_name` for it.
        #[serde(skip)]
        name: Option<String>,
    },
    /// A TLS handshake was completed.
    Secured {
        /// The peer's address.
        peer: String,
        /// `TLS 1.2` or `TLS 1.3`.
        version: &'static str,
        /// The cipher suite's IANA name.
        cipher_suite: String,
        /// The negotiated application protocol (ALPN).
        alpn: Option<String>,
        /// The fingerprint of the peer's certificate, if it sent one.
        pin: Option<String>,
        /// Whether the peer's certificate was verified; `None` if the peer sent none.
        verified: Option<bool>,
    },
    /// The certificate that this server sends to its clients.
    Certificate {
        /// Its fingerprint, as `--pin` takes it.
        pin: String,
    },
    /// The peer's host name, in text only if it was found after the connection was reported.
    PeerName {
        /// The peer's address.
        peer: String,
        /// The host name that the system's resolver returned.
        name: String,
    },
    /// A client was rejected, or evicted to make room for another one.
    Refused {
        /// The peer's address.
        peer: String,
        /// The reason.
        reason: &'static str,
    },
    /// A server serves as many clients as it can at once; the next one waits.
    Full {
        /// The number of clients.
        clients: usize,
    },
    /// Bytes that a peer sent.
    Data {
        /// The peer's address.
        peer: String,
        /// The bytes.
        #[serde(flatten)]
        data: NetText,
    },
    /// A connection ended.
    Closed {
        /// The peer's address.
        peer: String,
        /// Bytes received.
        bytes_in: u64,
        /// Bytes sent.
        bytes_out: u64,
        /// The connection's duration, in microseconds.
        duration_us: u64,
        /// Why it ended: `eof`, `reset`, `idle`, …
        reason: String,
    },
    /// The statistics of a connection that ended.
    Stats {
        /// All statistics, as fields of the event itself.
        #[serde(flatten)]
        stats: Box<Stats>,
    },
    /// A client sent a user name and a password.
    Login {
        /// The peer's address.
        peer: String,
        /// The number of the connection in this run, from 1.
        conn: u64,
        /// The number of the attempt on the connection, from 1.
        r#try: u32,
        /// The user name.
        user: NetText,
        /// The password.
        password: NetText,
        /// `recorded` or `failed`.
        result: &'static str,
        /// The record, as the log contains it.
        #[serde(skip)]
        record: String,
    },
    /// A line that a server sent to `login`.
    Reply {
        /// `accepted`, `refused`, or `other` for a line that is not the reply to a login.
        result: &'static str,
        /// The reply's text.
        reply: NetText,
    },
    /// A client disconnected before its login was complete.
    Incomplete {
        /// The peer's address.
        peer: String,
        /// Bytes received of the unfinished login.
        bytes: u64,
    },
    /// A user joined the chat.
    Joined {
        /// The peer's address.
        peer: String,
        /// The nickname.
        nick: String,
    },
    /// A user of the chat has a new nickname.
    Renamed {
        /// The peer's address.
        peer: String,
        /// The nickname until now.
        previous: String,
        /// The new nickname.
        nick: String,
    },
    /// A user left the chat.
    Left {
        /// The peer's address.
        peer: String,
        /// The nickname.
        nick: String,
        /// The reason.
        reason: String,
    },
    /// A public chat line, with its position in the order that every member receives.
    Said {
        /// The number of the line, from 1.
        seq: u64,
        /// The nickname.
        nick: String,
        /// The line as it was sent to the members.
        line: String,
    },
    /// A warning to the user.
    Warning {
        /// The text.
        message: String,
    },
    /// A server received a signal to stop.
    Stopping {
        /// Clients still connected.
        clients: usize,
    },
    /// Events were dropped because standard output or standard error was too slow.
    NotShown {
        /// The number of events.
        count: u64,
    },
}

/// The colour of an event's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Highlight {
    Neutral,
    Success,
    Problem,
}

impl Event {
    /// Returns the diagnostic line with its first word styled.
    pub(super) fn painted(&self, paint: Paint) -> String {
        // A reason or a name can contain text from a peer.
        let line = text::escape_lines(&self.diagnostic_line());
        let style = match self.highlight() {
            Highlight::Neutral => Style::new().bold(),
            Highlight::Success => AnsiColor::Green.on_default().bold(),
            Highlight::Problem => AnsiColor::Yellow.on_default().bold(),
        };
        match line.split_once(' ') {
            Some((first, rest)) => format!("{} {rest}", paint.paint(style, first)),
            None => paint.paint(style, &line),
        }
    }

    /// Returns the line for standard output; `None` if the event is not data.
    pub(super) fn data_line(&self) -> Option<String> {
        match self {
            Self::Login { record, result: "recorded", .. } => Some(record.clone()),
            Self::Said { line, .. } => Some(line.clone()),
            Self::Reply { reply, .. } => Some(text::escape(&reply.0)),
            _ => None,
        }
    }

    /// Returns the line for standard error.
    fn diagnostic_line(&self) -> String {
        match self {
            Self::Listening { addr, reach, .. } => format!("listening on {addr}{reach}"),
            Self::Connected { peer, local, name: Some(name) } => {
                let name = text::escape(name.as_bytes());
                format!("connected {peer} ({name}), local {local}")
            }
            Self::Connected { peer, local, name: None } => {
                format!("connected {peer} (local {local})")
            }
            Self::Secured { peer, version, cipher_suite, alpn, pin, verified } => {
                let alpn = alpn.as_ref().map(|alpn| format!(", {alpn}")).unwrap_or_default();
                let verification = match verified {
                    Some(true) => ", certificate verified",
                    Some(false) => ", certificate NOT verified",
                    None => "",
                };
                let pin = pin.as_ref().map(|pin| format!(" ({pin})")).unwrap_or_default();
                format!("secured {peer}: {version}, {cipher_suite}{alpn}{verification}{pin}")
            }
            Self::Certificate { pin } => format!("certificate {pin} (for --pin on clients)"),
            Self::PeerName { peer, name } => {
                format!("name {peer} is {}", text::escape(name.as_bytes()))
            }
            Self::Refused { peer, reason } => format!("refused {peer}: {reason}"),
            Self::Full { clients } => format!(
                "full: {clients} client{}; the next one waits",
                if *clients == 1 { "" } else { "s" }
            ),
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
                    "incomplete {peer}: disconnected after {} of a login; \
                     clients that send no line ending need --field-per-read",
                    figures::count(*bytes)
                )
            }
            Self::Joined { peer, nick } => format!("joined {nick} ({peer})"),
            Self::Renamed { peer, previous, nick } => {
                format!("renamed {previous} to {nick} ({peer})")
            }
            Self::Left { peer, nick, reason } => format!("left {nick} ({peer}): {reason}"),
            Self::Said { line, .. } => line.clone(),
            Self::Reply { reply, .. } => text::escape(&reply.0),
            Self::Warning { message } => format!("warning: {}", text::escape_lines(message)),
            Self::Stopping { clients: 0 } => "stopping".to_owned(),
            Self::Stopping { clients } => format!(
                "stopping: {clients} client{} to finish; press Ctrl-C again to stop now",
                if *clients == 1 { "" } else { "s" }
            ),
            Self::NotShown { count } => format!("warning: {}", not_shown(*count)),
        }
    }

    /// Returns the event's size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let texts: &[&[u8]] = match self {
            Self::Listening { addr, reach, .. } => &[addr.as_bytes(), reach.as_bytes()],
            Self::Connected { peer, local, name } => {
                &[peer.as_bytes(), local.as_bytes(), name.as_deref().unwrap_or_default().as_bytes()]
            }
            Self::Secured { peer, cipher_suite, alpn, pin, .. } => &[
                peer.as_bytes(),
                cipher_suite.as_bytes(),
                alpn.as_deref().unwrap_or_default().as_bytes(),
                pin.as_deref().unwrap_or_default().as_bytes(),
            ],
            Self::Certificate { pin } => &[pin.as_bytes()],
            Self::PeerName { peer, name } => &[peer.as_bytes(), name.as_bytes()],
            Self::Refused { peer, .. } | Self::Incomplete { peer, .. } => &[peer.as_bytes()],
            Self::Data { peer, data } => &[peer.as_bytes(), &data.0],
            Self::Closed { peer, reason, .. } => &[peer.as_bytes(), reason.as_bytes()],
            Self::Stats { stats } => return size_of::<Self>() + stats.size(),
            Self::Login { peer, user, password, record, .. } => {
                &[peer.as_bytes(), &user.0, &password.0, record.as_bytes()]
            }
            Self::Reply { reply, .. } => &[&reply.0],
            Self::Joined { peer, nick } => &[peer.as_bytes(), nick.as_bytes()],
            Self::Renamed { peer, previous, nick } => {
                &[peer.as_bytes(), previous.as_bytes(), nick.as_bytes()]
            }
            Self::Left { peer, nick, reason } => {
                &[peer.as_bytes(), nick.as_bytes(), reason.as_bytes()]
            }
            Self::Said { nick, line, .. } => &[nick.as_bytes(), line.as_bytes()],
            Self::Warning { message } => &[message.as_bytes()],
            Self::Full { .. } | Self::Stopping { .. } | Self::NotShown { .. } => &[],
        };
        size_of::<Self>() + texts.iter().map(|text| text.len()).sum::<usize>()
    }

    /// Returns the lowest verbosity at which the event is printed.
    pub(super) fn verbosity(&self) -> Verbosity {
        match self {
            Self::Data { .. } => Verbosity::Verbose,
            // Data, or requested with an option: printed even with `-q`.
            Self::Login { .. } | Self::Said { .. } | Self::Reply { .. } | Self::Stats { .. } => {
                Verbosity::Quiet
            }
            _ => Verbosity::Normal,
        }
    }

    fn highlight(&self) -> Highlight {
        match self {
            Self::Listening { .. } | Self::Connected { .. } | Self::Joined { .. } => {
                Highlight::Success
            }
            Self::Refused { .. }
            | Self::Full { .. }
            | Self::Warning { .. }
            | Self::NotShown { .. }
            | Self::Incomplete { .. } => Highlight::Problem,
            Self::Login { result, .. } if *result != "recorded" => Highlight::Problem,
            _ => Highlight::Neutral,
        }
    }
}
/// Returns in words how many events were lost.
pub(super) fn not_shown(count: u64) -> String {
    match count {
        1 => "1 event not shown".to_owned(),
        count => format!("{count} events not shown"),
    }
}
