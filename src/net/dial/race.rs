//! Connecting: one deadline over all addresses, which race each other (RFC 8305).
//!
//! Every attempt that failed is reported with its own reason. A connection whose two ends are the
//! same address, which TCP allows on a loopback port nobody listens on, counts as refused: there
//! is nobody at the other end.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::net::address::addr::Addr;
use crate::net::deadline::Deadline;
use crate::net::error::{ConnectAttempt, Error, Span};
use crate::net::self_connection;
use crate::net::socket_options::SocketOptions;
use crate::net::stream::Stream;

/// A connection that was made.
#[derive(Debug)]
pub struct Dialed {
    /// The connection.
    pub stream: Stream,
    /// The address that answered.
    pub peer: Addr,
    /// Our end.
    pub local: Addr,
    /// When the dial began.
    pub began: Instant,
    /// When the address that answered was tried, and did.
    pub span: Span,
    /// The addresses that failed before.
    pub failed: Vec<ConnectAttempt>,
    /// The addresses that had not answered by then, with how long they were given.
    pub unanswered: Vec<(SocketAddr, Span)>,
}

/// Connects to the first of `addrs` that answers, and names `target` where none does.
///
/// The families alternate, beginning with the first address's; an address that says nothing gets
/// a head start of 250 ms over the next (RFC 8305 sections 4 and 5), one that refuses none.
///
/// # Errors
/// [`Error::Connect`] with all attempts.
pub async fn connect(
    target: &str,
    addrs: &[SocketAddr],
    settings: ConnectSettings,
    deadline: Deadline,
) -> Result<Dialed, Error> {
    let began = Instant::now();
    let mut waiting = interleave(addrs);
    let mut running = JoinSet::new();
    // Each with when it was begun.
    let mut open: Vec<(SocketAddr, Duration)> = Vec::new();
    let mut failed = Vec::new();
    loop {
        if let Some(addr) = waiting.pop_front() {
            open.push((addr, began.elapsed()));
            running.spawn(async move {
                let started = began.elapsed();
                let outcome = attempt(addr, settings).await;
                (addr, Span { started, ended: began.elapsed() }, outcome)
            });
        }
        let head_start =
            if waiting.is_empty() { Deadline::NEVER } else { Deadline::after(HEAD_START) };
        tokio::select! {
            biased;
            finished = running.join_next() => {
                // An attempt that panicked is a bug of ours, and none is left when all are done.
                let Some(Ok((peer, span, outcome))) = finished else { break };
                open.retain(|(addr, _)| *addr != peer);
                match outcome {
                    Ok((stream, local)) => {
                        let given = |(addr, started)| (addr, Span { started, ended: span.ended });
                        let unanswered = open.into_iter().map(given).collect();
                        return Ok(Dialed {
                            stream: Stream::Tcp(stream),
                            peer: peer.into(),
                            local: local.into(),
                            began,
                            span,
                            failed,
                            unanswered,
                        });
                    }
                    // No other address will make a port free on this machine.
                    Err(ConnectFailure::Bind(source)) => {
                        let addr = settings.from.unwrap_or(peer).into();
                        return Err(Error::Bind { addr, source });
                    }
                    Err(ConnectFailure::Connect(error)) => {
                        failed.push(ConnectAttempt { addr: peer.into(), error, span: Some(span) });
                    }
                }
                if running.is_empty() && waiting.is_empty() {
                    break;
                }
            }
            () = head_start.passed() => {}
            () = deadline.passed() => {
                let ended = began.elapsed();
                let given = |(addr, started)| (addr, Some(Span { started, ended }));
                let never = waiting.into_iter().map(|addr| (addr, None));
                failed.extend(open.into_iter().map(given).chain(never).map(|(addr, span)| {
                    ConnectAttempt { addr: addr.into(), error: ErrorKind::TimedOut.into(), span }
                }));
                break;
            }
        }
    }
    let timed_out = deadline.has_passed();
    Err(Error::Connect { target: target.to_owned(), attempts: failed, timed_out })
}

/// The Connection Attempt Delay that RFC 8305 section 5 recommends.
const HEAD_START: Duration = Duration::from_millis(250);

/// How a connection is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectSettings {
    /// Our end; port 0 for any. Addresses of the other family are not tried.
    pub from: Option<SocketAddr>,
    /// What is set on the socket.
    pub options: SocketOptions,
}

/// Why an attempt failed.
enum ConnectFailure {
    /// Our own end could not be made as it was asked for.
    Bind(io::Error),
    /// The other end.
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
) -> Result<(TcpStream, SocketAddr), ConnectFailure> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    settings.options.apply_to_stream(&SockRef::from(&socket), addr)?;
    if let Some(from) = settings.from {
        // As a listener does: a port whose last connection is in TIME_WAIT may be used again.
        socket.set_reuse_address(from.port() != 0)?;
        socket.bind(&from.into()).map_err(ConnectFailure::Bind)?;
    }
    let socket = TcpSocket::from_std_stream(socket.into());
    let stream = socket.connect(addr).await.map_err(|error| match error.kind() {
        // The port asked for is taken for this very peer (connect(2) on a bound socket).
        ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable if settings.from.is_some() => {
            ConnectFailure::Bind(error)
        }
        _ => ConnectFailure::Connect(error),
    })?;
    let local = stream.local_addr()?;
    self_connection::refuse(local, stream.peer_addr()?)?;
    Ok((stream, local))
}

/// Alternates the families, each in its own order.
fn interleave(addrs: &[SocketAddr]) -> VecDeque<SocketAddr> {
    let first_is_v6 = addrs.first().is_some_and(SocketAddr::is_ipv6);
    let (mut ours, mut others): (VecDeque<_>, VecDeque<_>) =
        addrs.iter().copied().partition(|addr| addr.is_ipv6() == first_is_v6);
    let mut mixed = VecDeque::with_capacity(addrs.len());
    while let Some(addr) = ours.pop_front() {
        mixed.push_back(addr);
        std::mem::swap(&mut ours, &mut others);
        if ours.is_empty() {
            std::mem::swap(&mut ours, &mut others);
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

    /// A port that refuses for as long as the socket lives: bound, but not listening.
    fn refusing() -> (Socket, SocketAddr) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();
        (socket, addr)
    }

    /// A listener whose backlog is full: the next connection gets no answer.
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
    fn families_alternate_and_none_is_lost() {
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
    fn a_silent_address_delays_a_good_one_by_a_head_start_only() {
        let (_listener, _held, silent) = silent();
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let started = Instant::now();
        let dialed = dial(&[silent, good.local_addr().unwrap()], Duration::from_secs(20)).unwrap();
        assert_eq!(dialed.peer, good.local_addr().unwrap().into());
        assert!(started.elapsed() >= HEAD_START);
        assert!(dialed.span.started >= HEAD_START);
        let [(loser, span)] = dialed.unanswered[..] else { panic!("{dialed:?}") };
        assert_eq!((loser, span.ended), (silent, dialed.span.ended));
        assert!(span.lasted() >= HEAD_START && span.started < dialed.span.started);
    }

    #[test]
    fn the_deadline_is_one_for_all_addresses() {
        let (_listener, _held, silent) = silent();
        let (_socket, refusing) = refusing();
        let error = dial(&[silent, refusing], Duration::from_millis(1500)).unwrap_err();
        assert!(matches!(error, Error::Connect { timed_out: true, .. }));
        assert!(error.to_string().contains(&format!("{silent} timed out")), "{error}");
        assert!(error.to_string().contains(&format!("{refusing} connection refused")), "{error}");
    }
}
