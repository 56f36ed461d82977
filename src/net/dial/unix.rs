//! Connecting to Unix stream sockets.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tokio::net::UnixStream;

use crate::net::address::unix::UnixPlace;
use crate::net::deadline::Deadline;
use crate::net::dial::race::Dialed;
use crate::net::error::{ConnectAttempt, Error, Span};
use crate::net::stream::Stream;

/// Connects to a Unix socket.
///
/// # Errors
/// [`Error::Connect`] with the only attempt.
pub(in crate::net) async fn connect(
    place: &UnixPlace,
    deadline: Deadline,
) -> Result<Dialed, Error> {
    let peer = place.addr();
    let began = Instant::now();
    let connected = match open(place, deadline).await {
        Ok(stream) => {
            Stream::try_from(stream).and_then(|stream| Ok((stream.local_addr()?, stream)))
        }
        Err(error) => Err(error),
    };
    let span = Span { started: Duration::ZERO, ended: began.elapsed() };
    match connected {
        Ok((local, stream)) => {
            let (failed, unanswered) = (Vec::new(), Vec::new());
            Ok(Dialed { stream, peer, local, began, span, failed, unanswered })
        }
        Err(error) => {
            let attempts = vec![ConnectAttempt { addr: peer.clone(), error, span: Some(span) }];
            let timed_out = deadline.has_passed();
            Err(Error::Connect { target: peer.to_string(), attempts, timed_out })
        }
    }
}

/// The pause before connecting again while the backlog is full: a non-blocking connect(2) does not
/// wait for space, but fails with EAGAIN.
const FULL_PAUSE: Duration = Duration::from_millis(20);

/// Connects to the stream socket at `place`.
///
/// # Errors
/// No process listens there, or the backlog stayed full until `deadline`.
async fn open(place: &UnixPlace, deadline: Deadline) -> io::Result<UnixStream> {
    let addr = place.to_sockaddr()?;
    loop {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&addr) {
            Ok(()) => return UnixStream::from_std(socket.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(place.explain(error)),
        }
        if deadline.bound(tokio::time::sleep(FULL_PAUSE)).await.is_err() {
            return Err(ErrorKind::TimedOut.into());
        }
    }
}
