//! Probing streams: TCP ports and Unix sockets.

use std::net::SocketAddr;
use std::time::Duration;

use crate::net::address::unix::UnixPlace;
use crate::net::deadline::Deadline;
use crate::net::dial::{self, ConnectSettings, Dialed};
use crate::net::error::{ConnectAttempt, Error};
use crate::net::probe::state::{Finding, PortState};
use crate::net::stream::Stream;

/// The result of a probe of a stream.
#[derive(Debug)]
pub struct Connected {
    /// What was found.
    pub finding: Finding,
    /// The connection, if the port is open.
    pub stream: Option<Stream>,
}

/// Connects to the first of `addrs` that accepts, as a client would, within `limit` and before
/// `deadline`. If none accepts, the result is the state of the one that is closest to open.
///
/// # Errors
/// This machine cannot open a socket, or the local address of `settings` cannot be used.
pub async fn connect(
    addrs: &[SocketAddr],
    settings: ConnectSettings,
    limit: Option<Duration>,
    deadline: Deadline,
) -> Result<Connected, Error> {
    let deadline = deadline.earlier(Deadline::maybe(limit));
    connected(dial::connect("", addrs, settings, deadline).await, limit)
}

/// Connects to the Unix socket at `place`.
///
/// # Errors
/// This machine cannot open a socket.
pub async fn connect_unix(
    place: &UnixPlace,
    limit: Option<Duration>,
    deadline: Deadline,
) -> Result<Connected, Error> {
    let deadline = deadline.earlier(Deadline::maybe(limit));
    connected(dial::connect_unix(place, deadline).await, limit)
}

fn connected(dialed: Result<Dialed, Error>, limit: Option<Duration>) -> Result<Connected, Error> {
    match dialed {
        Ok(Dialed { stream, peer, span, failed, .. }) => {
            let others: Vec<String> = failed.iter().map(in_words).collect();
            let reason = match others.join("; ").as_str() {
                "" => "accepted the connection".into(),
                others => format!("accepted the connection; {others}").into(),
            };
            let time = Some(span.lasted());
            let finding = Finding { state: PortState::Open, addr: peer, time, reason };
            Ok(Connected { finding, stream: Some(stream) })
        }
        Err(Error::Connect { attempts, .. }) => {
            Ok(Connected { finding: best(attempts, limit)?, stream: None })
        }
        Err(error) => Err(error),
    }
}

/// Returns the finding that is closest to open, with the reasons of all addresses.
fn best(attempts: Vec<ConnectAttempt>, limit: Option<Duration>) -> Result<Finding, Error> {
    let mut findings = Vec::with_capacity(attempts.len());
    for ConnectAttempt { addr, error, .. } in attempts {
        findings.push(Finding::refused(addr, &error, limit)?);
    }
    let reasons: Vec<String> = match &findings[..] {
        [_] => Vec::new(),
        several => several.iter().map(|it| format!("{} {}", it.addr, it.reason)).collect(),
    };
    let best = findings.into_iter().max_by_key(|finding| finding.state);
    let none = Error::Connect { target: String::new(), attempts: Vec::new(), timed_out: false };
    let best = best.ok_or(none)?;
    Ok(if reasons.is_empty() {
        best
    } else {
        Finding { reason: reasons.join("; ").into(), ..best }
    })
}

fn in_words(attempt: &ConnectAttempt) -> String {
    format!("{} {}", attempt.addr, attempt.reason())
}
