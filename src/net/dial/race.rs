//! Connecting over TCP: attempts to all addresses race each other (RFC 8305) under one deadline.
//!
//! Every failed attempt is reported with its own reason. A socket that connected to itself, which
//! TCP allows on a loopback port without a server, counts as refused.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::net::address::addr::Addr;
use crate::net::address::endpoint::SourceAddress;
use crate::net::deadline::{Deadline, Elapsed};
use crate::net::error::{ConnectAttempt, Error, Span};
use crate::net::self_connection;
use crate::net::socket_options::SocketOptions;
use crate::net::stream::Stream;

/// An established connection.
#[derive(Debug)]
pub struct Dialed {
    /// The connection.
    pub stream: Stream,
    /// The address of the peer.
    pub peer: Addr,
    /// The local address.
    pub local: Addr,
    /// When the dial began.
    pub began: Instant,
    /// When the successful attempt started and ended.
    pub span: Span,
    /// The attempts that had failed by then.
    pub failed: Vec<ConnectAttempt>,
    /// The attempts that were still pending, with the time that each had run.
    pub unanswered: Vec<(SocketAddr, Span)>,
}

/// Connects to the first of `addrs` that accepts the connection.
///
/// The families alternate, beginning with the family of the first address. The next address is
/// tried when an attempt fails, or 250 ms after the last attempt began (RFC 8305 sections 4 and 5).
///
/// # Errors
/// [`Error::Connect`] with `target` and all attempts, or [`Error::Bind`].
pub async fn connect(
    target: &str,
    addrs: &[SocketAddr],
    settings: ConnectSettings,
    deadline: Deadline,
) -> Result<Dialed, Error> {
    if let [addr] = addrs {
        return connect_to_one(target, *addr, settings, deadline).await;
    }
    let began = Instant::now();
    let mut untried = interleave(addrs);
    let mut running = JoinSet::new();
    // The addresses of running attempts, and when each attempt started.
    let mut pending: Vec<(SocketAddr, Duration)> = Vec::new();
    let mut failed = Vec::new();
    loop {
        if let Some(addr) = untried.pop_front() {
            pending.push((addr, began.elapsed()));
            running.spawn(async move {
                let started = began.elapsed();
                let outcome = attempt(addr, settings).await;
                (addr, Span { started, ended: began.elapsed() }, outcome)
            });
        }
        let head_start =
            if untried.is_empty() { Deadline::NEVER } else { Deadline::after(HEAD_START) };
        tokio::select! {
            biased;
            finished = running.join_next() => {
                // Ends when no attempt is left, or when one panicked, which is a bug in sockkit.
                let Some(Ok((peer, span, outcome))) = finished else { break };
                pending.retain(|(addr, _)| *addr != peer);
                match outcome {
                    Ok((stream, local)) => {
                        let ended = span.ended;
                        let with_span = |(addr, started)| (addr, Span { started, ended });
                        let unanswered = pending.into_iter().map(with_span).collect();
                        return Ok(Dialed {
                            stream,
                            peer: peer.into(),
                            local: local.into(),
                            began,
                            span,
                            failed,
                            unanswered,
                        });
                    }
                    // The same local address would fail with every other peer address too.
                    Err(ConnectFailure::Bind(source)) => {
                        return Err(bind_failed(settings, peer, source));
                    }
                    Err(ConnectFailure::Connect(error)) => {
                        failed.push(ConnectAttempt { addr: peer.into(), error, span: Some(span) });
                    }
                }
                if running.is_empty() && untried.is_empty() {
                    break;
                }
            }
            () = head_start.passed() => {}
            () = deadline.passed() => {
                let ended = began.elapsed();
                let with_span = |(addr, started)| (addr, Some(Span { started, ended }));
                let unstarted = untried.into_iter().map(|addr| (addr, None));
                let unfinished = pending.into_iter().map(with_span).chain(unstarted);
                failed.extend(unfinished.map(|(addr, span)| {
                    ConnectAttempt { addr: addr.into(), error: ErrorKind::TimedOut.into(), span }
                }));
                break;
            }
        }
    }
    let timed_out = deadline.has_passed();
    Err(Error::Connect { target: target.to_owned(), attempts: failed, timed_out })
}

/// Connects to the only address of an endpoint: there is no race, and no task is started.
async fn connect_to_one(
    target: &str,
    peer: SocketAddr,
    settings: ConnectSettings,
    deadline: Deadline,
) -> Result<Dialed, Error> {
    let began = Instant::now();
    let attempted = deadline.bound(attempt(peer, settings)).await;
    let span = Span { started: Duration::ZERO, ended: began.elapsed() };
    let (error, timed_out) = match attempted {
        Ok(Ok((stream, local))) => {
            let (peer, local) = (peer.into(), local.into());
            let (failed, unanswered) = (Vec::new(), Vec::new());
            return Ok(Dialed { stream, peer, local, began, span, failed, unanswered });
        }
        Ok(Err(ConnectFailure::Bind(source))) => return Err(bind_failed(settings, peer, source)),
        Ok(Err(ConnectFailure::Connect(error))) => (error, false),
        Err(Elapsed) => (ErrorKind::TimedOut.into(), true),
    };
    let attempts = vec![ConnectAttempt { addr: peer.into(), error, span: Some(span) }];
    Err(Error::Connect { target: target.to_owned(), attempts, timed_out })
}

fn bind_failed(settings: ConnectSettings, peer: SocketAddr, source: io::Error) -> Error {
    let addr = settings.from.map_or(peer, |from| from.for_peer(peer)).into();
    Error::Bind { addr, source }
}

/// The Connection Attempt Delay that RFC 8305 section 5 recommends.
const HEAD_START: Duration = Duration::from_millis(250);

/// The settings of a connection attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectSettings {
    /// The local address. Peer addresses of another family are not tried.
    pub from: Option<SourceAddress>,
    /// The options of the socket.
    pub options: SocketOptions,
}

/// Why an attempt failed.
enum ConnectFailure {
    /// The requested local address could not be used.
    Bind(io::Error),
    /// The connection to the peer failed.
    Connect(io::Error),
}

impl From<io::Error> for ConnectFailure {
    fn from(error: io::Error) -> Self {
        Self::Connect(error)
    }
}

async fn attempt(
    addr: SocketAddr,
    settings: ConnectSettings,
) -> Result<(Stream, SocketAddr), ConnectFailure> {
    let socket = Socket::new(Domain::for_address(addr), NEW_STREAM, Some(Protocol::TCP))?;
    if !NEW_STREAM_IS_NONBLOCKING {
        socket.set_nonblocking(true)?;
    }
    settings.options.apply_to_new_stream(&SockRef::from(&socket), addr)?;
    let from = settings.from.map(|from| from.for_peer(addr));
    if let Some(from) = from {
        // As for a listener: a port whose last connection is in TIME_WAIT can be used again.
        socket.set_reuse_address(from.port() != 0)?;
        socket.bind(&from.into()).map_err(ConnectFailure::Bind)?;
    }
    let stream = connect_socket(socket, addr).await.map_err(|error| match error.kind() {
        // The local port already has a connection to this peer (connect(2) on a bound socket).
        ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable if from.is_some() => {
            ConnectFailure::Bind(error)
        }
        // A loopback address cannot reach another machine.
        ErrorKind::InvalidInput if from.is_some_and(|from| from.ip().is_loopback()) => {
            ConnectFailure::Bind(error)
        }
        _ => ConnectFailure::Connect(error),
    })?;
    let local = stream.local_addr()?;
    self_connection::refuse(local, stream.peer_addr()?)?;
    Ok((Stream::try_from(stream)?, local))
}

/// The type of a new socket: on Linux, one system call creates it in non-blocking mode.
#[cfg(target_os = "linux")]
const NEW_STREAM: Type = Type::STREAM.nonblocking();
#[cfg(not(target_os = "linux"))]
const NEW_STREAM: Type = Type::STREAM;

/// Whether sockets of the type [`NEW_STREAM`] are in non-blocking mode.
const NEW_STREAM_IS_NONBLOCKING: bool = cfg!(target_os = "linux");

/// Connects a non-blocking socket.
async fn connect_socket(socket: Socket, addr: SocketAddr) -> io::Result<TcpStream> {
    let addr = addr.into();
    // The answer of a loopback address arrives within the first call, but only the second one
    // returns it. Linux defines what it returns; other systems differ.
    for _ in 0..if cfg!(target_os = "linux") { 2 } else { 1 } {
        match socket.connect(&addr) {
            Ok(()) => return TcpStream::from_std(socket.into()),
            Err(error) if is_connecting(&error) => {}
            Err(error) => return Err(error),
        }
    }
    let stream = TcpStream::from_std(socket.into())?;
    stream.writable().await?;
    stream.take_error()?.map_or(Ok(stream), Err)
}

/// Returns whether a non-blocking connect(2) goes on in the background.
fn is_connecting(error: &io::Error) -> bool {
    let pending = [Errno::INPROGRESS, Errno::ALREADY, Errno::INTR];
    Errno::from_io_error(error).is_some_and(|error| pending.contains(&error))
}

/// Returns `addrs` with the families alternating, and the order within each family kept.
fn interleave(addrs: &[SocketAddr]) -> VecDeque<SocketAddr> {
    let first_is_v6 = addrs.first().is_some_and(SocketAddr::is_ipv6);
    let (mut current, mut other): (VecDeque<_>, VecDeque<_>) =
        addrs.iter().copied().partition(|addr| addr.is_ipv6() == first_is_v6);
    let mut mixed = VecDeque::with_capacity(addrs.len());
    while let Some(addr) = current.pop_front() {
        mixed.push_back(addr);
        std::mem::swap(&mut current, &mut other);
        if current.is_empty() {
            std::mem::swap(&mut current, &mut other);
        }
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn dial(addrs: &[SocketAddr], limit: Duration) -> Result<Dialed, Error> {
        let runtime = crate::net::runtime::runtime().unwrap();
        runtime.block_on(connect("test", addrs, ConnectSettings::default(), Deadline::after(limit)))
    }

    /// Returns a bound socket that does not listen: while it is open, its port refuses connections.
    fn refusing() -> (Socket, SocketAddr) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();
        (socket, addr)
    }

    /// Returns a listener whose backlog is full: the next connection attempt gets no reply.
    fn silent() -> (Socket, Vec<std::net::TcpStream>, SocketAddr) {
        let (socket, addr) = refusing();
        socket.listen(0).unwrap();
        let mut held = Vec::new();
        while let Ok(stream) =
            std::net::TcpStream::connect_timeout(&addr, Duration::from_millis(200))
        {
            held.push(stream);
        }
        (socket, held, addr)
    }

    #[test]
    fn address_families_alternate_and_no_address_is_lost() {
        let parse = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|addr| addr.parse().unwrap()).collect()
        };
        let addrs = parse(&["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1", "127.0.0.2:1"]);
        let expected = parse(&["[::1]:1", "127.0.0.1:1", "[::2]:1", "127.0.0.2:1", "[::3]:1"]);
        assert_eq!(interleave(&addrs), expected);
        assert_eq!(interleave(&[]), []);
    }

    #[test]
    fn every_failed_attempt_is_reported_with_its_own_reason() {
        let (_socket, first) = refusing();
        let (_other, second) = refusing();
        let error = dial(&[first, second], Duration::from_secs(20)).unwrap_err();
        let expected = format!(
            "cannot connect to test: {first} connection refused, {second} connection refused"
        );
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn an_unresponsive_address_delays_the_next_one_by_the_head_start_only() {
        let (_listener, _held, silent) = silent();
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let started = Instant::now();
        let dialed = dial(&[silent, good.local_addr().unwrap()], Duration::from_secs(20)).unwrap();
        assert_eq!(dialed.peer, good.local_addr().unwrap().into());
        assert!(started.elapsed() >= HEAD_START);
        assert!(dialed.span.started >= HEAD_START);
        let [(unanswered, span)] = dialed.unanswered[..] else { panic!("{dialed:?}") };
        assert_eq!((unanswered, span.ended), (silent, dialed.span.ended));
        assert!(span.lasted() >= HEAD_START && span.started < dialed.span.started);
    }

    #[test]
    fn one_deadline_limits_the_attempts_to_all_addresses() {
        let (_listener, _held, silent) = silent();
        let (_socket, refusing) = refusing();
        let error = dial(&[silent, refusing], Duration::from_millis(1500)).unwrap_err();
        assert!(matches!(error, Error::Connect { timed_out: true, .. }));
        assert!(error.to_string().contains(&format!("{silent} timed out")), "{error}");
        assert!(error.to_string().contains(&format!("{refusing} connection refused")), "{error}");
    }
}
