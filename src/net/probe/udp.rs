//! Probing datagram sockets. Only an answer proves that a UDP port is open.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::net::address::addr::Addr;
use crate::net::address::endpoint::LocalAddress;
use crate::net::address::unix::UnixPlace;
use crate::net::datagram::{DatagramSocket, DatagramTarget, OpenError};
use crate::net::deadline::Deadline;
use crate::net::error::Error;
use crate::net::probe::state::{Finding, PortState, no_answer};
use crate::net::socket_options::SocketOptions;

/// How many times the payload is sent: a datagram can be lost, and a host limits how many refusals
/// it sends.
const SENDS: u32 = 3;

/// The longest answer that is read whole; of a longer one, the rest is discarded.
const ANSWER_BUFFER: usize = 2048;

/// Sends `payload` to `addr`, and again if no answer arrives, until `limit` or `deadline`.
///
/// # Errors
/// This machine cannot open a socket, or `from` cannot be used.
pub async fn ask_udp(
    addr: SocketAddr,
    payload: &[u8],
    from: Option<&LocalAddress>,
    limit: Option<Duration>,
    deadline: Deadline,
) -> Result<Finding, Error> {
    let begun = Instant::now();
    let limit = limit.unwrap_or(LONGEST_WAIT);
    let deadline = deadline.earlier(Deadline::after(limit));
    let target = DatagramTarget::Net(addr);
    let asked = match DatagramSocket::connected(target, from, SocketOptions::default()) {
        Ok(socket) => ask(&socket, payload, limit / SENDS, deadline).await,
        Err(OpenError::Peer(error)) => Err(error),
        Err(OpenError::Local(error)) => return Err(error),
    };
    let addr = Addr::from(addr);
    match asked {
        Ok(Some(len)) => Ok(Finding {
            state: PortState::Open,
            addr,
            time: Some(begun.elapsed()),
            reason: format!("answered with {len} bytes").into(),
        }),
        Ok(None) => Ok(Finding {
            state: PortState::OpenOrFiltered,
            addr,
            time: None,
            reason: no_answer(Some(limit)),
        }),
        Err(error) => Finding::refused(addr, &error, Some(limit)),
    }
}

/// Connects a datagram socket to the Unix socket at `place`, and sends nothing: the kernel knows
/// whether a process has bound it.
///
/// # Errors
/// This machine cannot open a socket.
pub fn ask_unix(place: &UnixPlace) -> Result<Finding, Error> {
    let begun = Instant::now();
    let (addr, target) = (place.addr(), DatagramTarget::Unix(place));
    match DatagramSocket::connected(target, None, SocketOptions::default()) {
        Ok(_) => Ok(Finding {
            state: PortState::Open,
            addr,
            time: Some(begun.elapsed()),
            reason: "a process has bound the socket".into(),
        }),
        Err(OpenError::Peer(error)) => Finding::refused(addr, &error, None),
        Err(OpenError::Local(error)) => Err(error),
    }
}

/// How long to wait for an answer if the user sets no limit: the kernel sets none either.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// Returns the length of the answer; `None` if there is none.
async fn ask(
    socket: &DatagramSocket,
    payload: &[u8],
    pause: Duration,
    deadline: Deadline,
) -> io::Result<Option<usize>> {
    let mut buffer = vec![0; ANSWER_BUFFER];
    for left in (0..SENDS).rev() {
        socket.send(payload, None).await?;
        let until = if left == 0 { deadline } else { deadline.earlier(Deadline::after(pause)) };
        loop {
            match until.bound(socket.readable()).await {
                Err(_) => break,
                Ok(ready) => ready?,
            }
            match socket.try_receive(&mut buffer) {
                Ok(received) => return Ok(Some(received.len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if deadline.has_passed() {
            break;
        }
    }
    Ok(None)
}
