//! Listening sockets that whoever started us has opened already (`sd_listen_fds(3)`).

use std::io;

use listenfd::ListenFd;

use crate::net::accept::listener::Listener;

/// Returns the listening sockets that were handed to this process: none, if none were.
///
/// # Errors
/// Something was handed over that is no stream socket.
pub fn listeners() -> io::Result<Vec<Listener>> {
    let mut handed = ListenFd::from_env();
    let mut listeners = Vec::with_capacity(handed.len());
    for number in 0..handed.len() {
        // Which kind it is, the kernel says: the wrong question leaves the socket where it is.
        if let Ok(Some(listener)) = handed.take_tcp_listener(number) {
            if !rustix::net::sockopt::socket_acceptconn(&listener)? {
                let message = "one of them is bound, and does not listen";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            listener.set_nonblocking(true)?;
            listeners.push(Listener::Tcp(listener));
        } else if let Some(listener) = handed.take_unix_listener(number)? {
            listener.set_nonblocking(true)?;
            // Its file belongs to whoever made it.
            listeners.push(Listener::Unix(listener, None));
        }
    }
    Ok(listeners)
}
