//! The self-test: an echo over the loopback interface, through sockkit's own server and client.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;

use crate::commands::doctor::check::{Check, CheckResult, Layer};
use crate::net::accept::access::Access;
use crate::net::accept::listener::{self, Listener};
use crate::net::accept::{AcceptNotice, AcceptSettings, Connection, Service, WhenFull, serve};
use crate::net::address::host::{Host, Port};
use crate::net::address::names::Family;
use crate::net::bind::Reach;
use crate::net::dial::{self, ConnectSettings};
use crate::net::socket_options::SocketOptions;
use crate::net::stream::Stream;
use crate::net::{self, Deadline, Stop};

/// How long the echo may take. It needs milliseconds; a busy machine may need longer.
const STEP_TIMEOUT: Duration = Duration::from_secs(6);

/// The size of a message whose round trip is measured, in bytes.
const SMALL: usize = 64;

/// How many round trips are measured; the fastest one counts.
const ROUNDS: usize = 8;

/// The size of a block of the throughput test: it fits into the buffers of both sockets.
const BLOCK: usize = 64 * 1024;

/// How long blocks are sent: enough for a figure.
const THROUGHPUT_TIME: Duration = Duration::from_millis(30);

/// Returns a check for each family.
pub(super) async fn checks() -> Vec<Check> {
    let (v4, v6) = tokio::join!(
        check(Ipv4Addr::LOCALHOST.into(), "echo over IPv4"),
        check(Ipv6Addr::LOCALHOST.into(), "echo over IPv6")
    );
    vec![v4, v6]
}

async fn check(ip: IpAddr, name: &str) -> Check {
    let started = Instant::now();
    match echo(ip).await {
        Ok(figures) => {
            Check::new(Layer::Machine, name, CheckResult::Ok, figures).took(started.elapsed())
        }
        Err(SelfTestError::NoFamily) if ip.is_ipv6() => {
            Check::new(Layer::Machine, name, CheckResult::Skip, "this machine has no IPv6 loopback")
        }
        Err(problem) => Check::new(Layer::Machine, name, CheckResult::Fail, problem.to_string())
            .took(started.elapsed())
            .hint("`ip link set lo up`, and a firewall that leaves the loopback interface alone"),
    }
}

/// Why the echo failed.
#[derive(Debug, thiserror::Error)]
enum SelfTestError {
    #[error("the loopback address does not exist")]
    NoFamily,
    #[error(transparent)]
    Net(#[from] net::Error),
    #[error("the echo broke off: {}", crate::reason::of(.0))]
    Stream(#[from] io::Error),
    #[error("the echo differs from what was sent")]
    Differs,
}

/// Listens on `ip`, connects, and measures; returns the figures in words.
async fn echo(ip: IpAddr) -> Result<String, SelfTestError> {
    let deadline = Deadline::after(STEP_TIMEOUT);
    let host = Host::Ip(ip);
    let listeners =
        listener::listen(Some(&host), Port(0), Reach::Loopback, Family::Any, deadline).await;
    let listeners = listeners.map_err(|error| match error {
        net::Error::Listen { source, .. } if ip.is_ipv6() && is_missing(&source) => {
            SelfTestError::NoFamily
        }
        error => error.into(),
    })?;
    let addr = listeners.first().map(Listener::addr).transpose()?;
    let port = addr.and_then(|addr| addr.port()).unwrap_or_default();
    let stop = Stop::new();
    let server =
        tokio::spawn(serve(listeners, accept_settings(), stop.clone(), Arc::new(LoopbackEcho)));
    let figures = measure(SocketAddr::new(ip, port), deadline).await;
    stop.drain();
    // The server ends once its only client has left; a panic in it is a bug that is reported.
    deadline.bound(server).await.ok();
    figures
}

fn is_missing(error: &io::Error) -> bool {
    let unsupported = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(unsupported)
}

async fn measure(addr: SocketAddr, deadline: Deadline) -> Result<String, SelfTestError> {
    let settings = ConnectSettings::default();
    let dialed = dial::connect(&addr.to_string(), &[addr], settings, deadline).await?;
    let connect = dialed.span.lasted();
    let mut stream = dialed.stream;
    let mut round_trip = Duration::MAX;
    let (small, block) = (pattern(SMALL), pattern(BLOCK));
    for _ in 0..ROUNDS {
        let started = Instant::now();
        exchange(&mut stream, &small, deadline).await?;
        round_trip = round_trip.min(started.elapsed());
    }
    let (started, mut bytes) = (Instant::now(), 0_u64);
    while started.elapsed() < THROUGHPUT_TIME {
        exchange(&mut stream, &block, deadline).await?;
        bytes += u64::try_from(block.len()).unwrap_or(u64::MAX);
    }
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX).max(1);
    Ok(format!(
        "connect {}, round trip {}, echo {} MB/s",
        crate::output::figures::time(connect),
        crate::output::figures::time(round_trip),
        bytes / micros
    ))
}

/// Returns bytes without a repetition that a lost block could hide in.
fn pattern(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

/// Sends `bytes` and waits until they have come back.
async fn exchange(
    stream: &mut Stream,
    bytes: &[u8],
    deadline: Deadline,
) -> Result<(), SelfTestError> {
    stream.write_all(bytes, deadline).await?;
    let mut received = vec![0; bytes.len()];
    let read = deadline.bound(stream.read_exact(&mut received)).await;
    read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    if received == bytes { Ok(()) } else { Err(SelfTestError::Differs) }
}

fn accept_settings() -> AcceptSettings {
    AcceptSettings {
        access: Access::default(),
        options: SocketOptions::default(),
        max_clients: 4,
        when_full: WhenFull::Refuse,
        total: None,
        grace: Duration::from_millis(100),
        max_closing: 4,
        tls: None,
        observe: None,
        workers: 1,
    }
}

/// Sends back what its client sends.
struct LoopbackEcho;

impl Service for LoopbackEcho {
    async fn handle(self: Arc<Self>, mut connection: Connection) {
        let stream = &mut connection.stream;
        while let Ok(Ok(Some(unsent))) = stream.read(reply).await {
            if stream.write_rest(unsent, STEP_TIMEOUT).await.is_err() {
                break;
            }
        }
    }

    fn notice(&self, _notice: AcceptNotice) {}
}

fn reply(stream: &mut Stream, bytes: &[u8]) -> io::Result<Option<net::stream::Unsent>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    stream.start_write(bytes).map(Some)
}
