//! Listening sockets inherited from the parent process (`sd_listen_fds(3)`).

use std::io;

use listenfd::ListenFd;

use crate::net::accept::listener::Listener;

/// Returns the inherited listening sockets; empty if there are none.
///
/// # Errors
/// An inherited descriptor is not a listening stream socket.
pub fn listeners() -> io::Result<Vec<Listener>> {
    let mut inherited = ListenFd::from_env();
    let mut listeners = Vec::with_capacity(inherited.len());
    for number in 0..inherited.len() {
        // `take_tcp_listener` checks the type of the socket and does not take another type.
        if let Ok(Some(listener)) = inherited.take_tcp_listener(number) {
            if !rustix::net::sockopt::socket_acceptconn(&listener)? {
                let message = "one of them is not listening";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            listener.set_nonblocking(true)?;
            listeners.push(Listener::Tcp(listener));
        } else if let Some(listener) = inherited.take_unix_listener(number)? {
            listener.set_nonblocking(true)?;
            // The file belongs to the process that created it.
            listeners.push(Listener::Unix(listener, None));
        }
    }
    Ok(listeners)
}
