//! The target: TCP to each address, TLS, and the application's first bytes.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::commands::doctor::check::{Check, CheckResult, Layer, Purpose};
use crate::commands::doctor::target::{DoctorTarget, Opening};
use crate::host::{self, NeighborState};
use crate::net::dial::{self, ConnectSettings};
use crate::net::stream::Stream;
use crate::net::tls::{CertificateRefusal, ClientHandshake, ServerName, TlsProblem};
use crate::net::{self, Addr, Deadline};
use crate::{reason, text};

/// The most addresses that are tried: more would only delay the result.
const MAX_ADDRESSES: usize = 8;

/// How long each address may take to accept a connection: enough for one lost packet, which TCP
/// sends again after one second, and for a neighbour that does not answer.
const CONNECT_PATIENCE: Duration = Duration::from_millis(3300);

/// How long a server may wait before its greeting, if it is not known which side speaks first.
const GREETING_PATIENCE: Duration = Duration::from_secs(1);

/// The most bytes of an answer that a check shows.
const MAX_OPENING: usize = 40;

/// A connection to the target.
pub(super) struct OpenTarget {
    pub(super) addr: SocketAddr,
    pub(super) stream: Stream,
}

/// Connects to each address; returns the checks, and the first connection in the order of the
/// addresses.
pub(super) async fn tcp(
    addrs: &[SocketAddr],
    deadline: Deadline,
) -> (Vec<Check>, Option<OpenTarget>) {
    let deadline = deadline.earlier(Deadline::after(CONNECT_PATIENCE));
    let mut running = JoinSet::new();
    for (at, addr) in addrs.iter().copied().enumerate().take(MAX_ADDRESSES) {
        running.spawn(async move {
            let started = Instant::now();
            let settings = ConnectSettings::default();
            let outcome = dial::connect(&addr.to_string(), &[addr], settings, deadline).await;
            (at, addr, outcome, started.elapsed())
        });
    }
    let mut ended = Vec::new();
    while let Some(outcome) = running.join_next().await {
        // A task fails only if it panics, which is a bug that the runtime has reported.
        ended.extend(outcome.ok());
    }
    ended.sort_by_key(|(at, ..)| *at);
    let mut checks = Vec::new();
    let mut first = None;
    for (_, addr, outcome, time) in ended {
        let name = Addr::from(addr).to_string();
        let check = match outcome {
            Ok(dialed) => {
                first.get_or_insert(OpenTarget { addr, stream: dialed.stream });
                Check::new(Layer::Tcp, name, CheckResult::Ok, "connected")
            }
            Err(error) => {
                let (detail, hint) = refusal(addr, &error);
                Check::new(Layer::Tcp, name, CheckResult::Fail, detail).hint(hint)
            }
        };
        checks.push(check.took(time).needed(Purpose::Target, addr.ip()));
    }
    if first.is_some() {
        // Many servers use only one of the loopback addresses of localhost.
        let of_addr = checks.iter_mut().zip(addrs).filter(|(_, addr)| addr.ip().is_loopback());
        for (check, _) in of_addr.filter(|(check, _)| check.result == CheckResult::Fail) {
            check.result = CheckResult::Warn;
        }
    }
    (checks, first)
}

/// Returns why an address did not accept a connection, and what to try.
fn refusal(addr: SocketAddr, error: &net::Error) -> (String, String) {
    let attempts = match error {
        net::Error::Connect { attempts, .. } => attempts.as_slice(),
        _ => &[],
    };
    let Some(kind) = attempts.first().map(|attempt| attempt.error.kind()) else {
        return (error.to_string(), "`sockkit connect` to see the error".to_owned());
    };
    let is_missing = || {
        let neighbors = host::neighbors().unwrap_or_default();
        let state = neighbors.iter().find(|it| it.ip == addr.ip()).map(|it| (it.state, &it.mac));
        matches!(state, Some((NeighborState::Failed, _) | (NeighborState::Asked, None)))
    };
    let (detail, hint) = match kind {
        ErrorKind::ConnectionRefused => (
            "closed: the machine refuses the connection".to_owned(),
            format!("start the server, or check that it listens on port {}", addr.port()),
        ),
        ErrorKind::TimedOut | ErrorKind::HostUnreachable if is_missing() => (
            "no machine on this link has the address".to_owned(),
            "turn the machine on, or correct the address".to_owned(),
        ),
        ErrorKind::TimedOut => (
            "no answer: packets are dropped on the way, or the machine is off".to_owned(),
            "a firewall on the way or on the server that drops packets".to_owned(),
        ),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => (
            "a router reports that the address is unreachable".to_owned(),
            "`ip route get` for the address; the network behind the gateway".to_owned(),
        ),
        ErrorKind::PermissionDenied => (
            "a firewall or a route forbids the connection".to_owned(),
            "the rules of the firewall of this machine".to_owned(),
        ),
        ErrorKind::ConnectionReset => (
            "the connection is reset at once".to_owned(),
            "a firewall or a proxy on the way".to_owned(),
        ),
        _ => {
            let reasons: Vec<String> =
                attempts.iter().map(|attempt| reason::of(&attempt.error)).collect();
            (reasons.join(", "), "`ip route get` for the address".to_owned())
        }
    };
    (detail, hint)
}

/// What is left of a connection after a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remainder {
    /// It can be used.
    Usable,
    /// The server sent nothing, although TCP delivered what it was sent.
    Silent,
    /// It has failed.
    Failed,
}

/// Performs the TLS handshake; returns the check, and what is left of the connection.
pub(super) async fn tls(
    connected: &mut OpenTarget,
    target: &DoctorTarget,
    handshake: &ClientHandshake,
    deadline: Deadline,
) -> (Check, Remainder) {
    let name = target.host.to_string();
    let Ok(host) = ServerName::try_from(&target.host) else {
        let detail = "no certificate can contain this name";
        return (Check::new(Layer::Tls, name, CheckResult::Fail, detail), Remainder::Failed);
    };
    let started = Instant::now();
    let peer = Addr::from(connected.addr).to_string();
    let outcome = handshake.connect(&mut connected.stream, &host, &peer, deadline).await;
    let time = started.elapsed();
    match outcome {
        Ok(facts) => {
            let detail = format!(
                "{}, certificate is valid for {host_name}",
                facts.version,
                host_name = name
            );
            (Check::new(Layer::Tls, name, CheckResult::Ok, detail).took(time), Remainder::Usable)
        }
        Err(error) => {
            let (detail, hint) = tls_refusal(&error.problem);
            let rest = match error.problem {
                TlsProblem::TimedOut { .. } => Remainder::Silent,
                _ => Remainder::Failed,
            };
            (Check::new(Layer::Tls, name, CheckResult::Fail, detail).took(time).hint(hint), rest)
        }
    }
}

/// Returns why the handshake failed, and what to try.
fn tls_refusal(problem: &TlsProblem) -> (String, String) {
    let now = Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
    let hint = match problem {
        TlsProblem::Certificate { refusal, .. } => match refusal {
            CertificateRefusal::Expired(_) | CertificateRefusal::NotYetValid(_) => format!(
                "renew the certificate; or, if it is valid, set this machine's clock, which says {now}"
            ),
            CertificateRefusal::WrongName { .. } => {
                "one of the names in the certificate, or a certificate with this name".to_owned()
            }
            CertificateRefusal::NoRoots => "install the package ca-certificates".to_owned(),
            CertificateRefusal::SelfSigned | CertificateRefusal::UnknownIssuer => {
                "--ca FILE with the issuer's certificate, or install the missing intermediate \
                 certificate on the server"
                    .to_owned()
            }
            _ => "another certificate on the server".to_owned(),
        },
        TlsProblem::NotTls { .. } | TlsProblem::Echo => {
            "a target without TLS (tcp://HOST:PORT), or the port on which the server uses TLS"
                .to_owned()
        }
        TlsProblem::TimedOut { .. } => {
            "the server's log; a path with a smaller MTU that drops large packets looks the same"
                .to_owned()
        }
        _ => "`openssl s_client -connect HOST:PORT` and the server's log".to_owned(),
    };
    (problem.to_string(), hint)
}

/// Waits for the application's first bytes; asks for them where the client speaks first.
pub(super) async fn app(
    connected: &mut OpenTarget,
    target: &DoctorTarget,
    deadline: Deadline,
) -> (Check, Remainder) {
    let started = Instant::now();
    let stream = &mut connected.stream;
    let (answer, asked) = match target.opening {
        Opening::Http => (request(stream, target, deadline).await, true),
        Opening::Client => {
            let detail = "not checked: the client speaks first in the protocol of this port";
            return (Check::skip(Layer::App, detail), Remainder::Usable);
        }
        Opening::Greeting => (first_bytes(stream, deadline).await, false),
        Opening::Unknown => {
            let patience = deadline.earlier(Deadline::after(GREETING_PATIENCE));
            match first_bytes(stream, patience).await {
                FirstBytes::Silence => (request(stream, target, deadline).await, true),
                answer => (answer, false),
            }
        }
    };
    let hint = "the log of the server's program: it accepts connections but does not serve them";
    let check = |result, detail: String| {
        Check::new(Layer::App, target.to_string(), result, detail).took(started.elapsed())
    };
    let rest = match answer {
        FirstBytes::Bytes(_) => Remainder::Usable,
        FirstBytes::Silence => Remainder::Silent,
        FirstBytes::Closed(_) => Remainder::Failed,
    };
    let check = match answer {
        FirstBytes::Bytes(bytes) => {
            let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or(&bytes);
            let shown = text::quote(&line[..line.len().min(MAX_OPENING)]);
            match http_status(line) {
                Some(status) if status >= 500 => {
                    check(CheckResult::Fail, format!("answers {shown}: the server reports a fault"))
                        .hint("the log of the server, or of the server behind it")
                }
                _ => check(CheckResult::Ok, format!("answers {shown}")),
            }
        }
        FirstBytes::Silence => {
            let detail = "accepts the connection and sends nothing";
            check(CheckResult::Fail, detail.to_owned()).hint(hint)
        }
        // A server that does not speak HTTP may close; that it was asked shows that it reads.
        FirstBytes::Closed(_) if asked && target.opening == Opening::Unknown => {
            check(CheckResult::Warn, "closes the connection after an HTTP request".to_owned())
        }
        FirstBytes::Closed(how) => {
            check(CheckResult::Fail, format!("{how} without sending anything")).hint(hint)
        }
    };
    (check, rest)
}

/// What the server sent first.
pub(super) enum FirstBytes {
    Bytes(Vec<u8>),
    Silence,
    Closed(&'static str),
}

pub(super) async fn first_bytes(stream: &mut Stream, deadline: Deadline) -> FirstBytes {
    match deadline.bound(stream.read(|_, bytes| bytes.to_vec())).await {
        Err(_) => FirstBytes::Silence,
        Ok(Ok(bytes)) if bytes.is_empty() => FirstBytes::Closed("closes the connection"),
        Ok(Ok(bytes)) => FirstBytes::Bytes(bytes),
        Ok(Err(error)) => FirstBytes::Closed(broken(&error)),
    }
}

/// Sends an HTTP request and waits for the first bytes of the reply.
async fn request(stream: &mut Stream, target: &DoctorTarget, deadline: Deadline) -> FirstBytes {
    let request = format!(
        "HEAD / HTTP/1.1\r\nHost: {target}\r\nUser-Agent: sockkit\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    match stream.write_all(request.as_bytes(), deadline).await {
        Ok(()) => first_bytes(stream, deadline).await,
        Err(error) if error.kind() == ErrorKind::TimedOut => FirstBytes::Silence,
        Err(error) => FirstBytes::Closed(broken(&error)),
    }
}

fn broken(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "resets the connection",
        ErrorKind::UnexpectedEof => "closes the connection without close_notify",
        _ => "breaks the connection",
    }
}

/// Returns the status of an HTTP reply that begins with `line`.
pub(super) fn http_status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_an_http_reply_is_recognised() {
        assert_eq!(http_status(b"HTTP/1.1 502 Bad Gateway"), Some(502));
        assert_eq!(http_status(b"SSH-2.0-x"), None);
        assert_eq!(http_status(b"HTTP/1.1"), None);
    }
}
