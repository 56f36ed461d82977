//! Listening sockets inherited from the parent process (`sd_listen_fds(3)`).

use std::io;
use std::os::fd::AsFd;

use listenfd::ListenFd;

use crate::net::accept::listener::Listener;

/// Returns the inherited listening sockets; empty if there are none, or if `LISTEN_PID` does not
/// say that they are for this process: its descriptors may be something else then.
///
/// # Errors
/// An inherited descriptor is not a listening stream socket.
pub fn listeners() -> io::Result<Vec<Listener>> {
    let pid = std::env::var("LISTEN_PID").ok().and_then(|pid| pid.parse().ok());
    if pid != Some(std::process::id()) {
        return Ok(Vec::new());
    }
    let mut inherited = ListenFd::from_env();
    let mut listeners = Vec::with_capacity(inherited.len());
    for number in 0..inherited.len() {
        // `take_tcp_listener` checks the type of the socket and does not take another type.
        if let Ok(Some(listener)) = inherited.take_tcp_listener(number) {
            check_listens(&listener)?;
            listener.set_nonblocking(true)?;
            listeners.push(Listener::Tcp(listener));
        } else if let Some(listener) = inherited.take_unix_listener(number)? {
            check_listens(&listener)?;
            listener.set_nonblocking(true)?;
            // The file belongs to the process that created it.
            listeners.push(Listener::Unix(listener, None));
        }
    }
    Ok(listeners)
}

/// Returns an error unless `socket` listens (`SO_ACCEPTCONN`, socket(7)).
fn check_listens(socket: impl AsFd) -> io::Result<()> {
    if rustix::net::sockopt::socket_acceptconn(socket)? {
        return Ok(());
    }
    let message = "one of them does not listen; the service manager must call listen(2)";
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}
