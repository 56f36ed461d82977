//! Listening stream sockets: TCP on one or both families, or a Unix socket.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;

use socket2::{Domain, Protocol, Socket, Type};

use crate::net::address::addr::Addr;
use crate::net::address::host::{Host, Port};
use crate::net::address::names::Family;
use crate::net::address::unix::UnixPlace;
use crate::net::bind::{Reach, open_all};
use crate::net::deadline::Deadline;
use crate::net::error::Error;
use crate::net::socket_file::{self, SocketFile};

/// Connections that the kernel queues until they are accepted, capped at `net.core.somaxconn`. With
/// the 128 of `std`, opening 8,000 connections took 43 s instead of 0.2 s.
const BACKLOG: i32 = 4096;

/// A socket that listens for streams.
#[derive(Debug)]
pub enum Listener {
    /// A TCP socket.
    Tcp(TcpListener),
    /// A Unix socket, with the file to remove when the listener is dropped.
    Unix(UnixListener, Option<SocketFile>),
}

impl Listener {
    /// Returns the local address.
    ///
    /// # Errors
    /// getsockname(2) failed.
    pub fn addr(&self) -> io::Result<Addr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Addr::canonical),
            Self::Unix(listener, _) => Ok(Addr::of_unix(&listener.local_addr()?)),
        }
    }
}

/// Listens on a Unix socket; `mode` sets the permissions of its file, in place of the umask.
///
/// # Errors
/// The path is in use, or cannot be written.
pub fn listen_unix(place: &UnixPlace, mode: Option<u32>) -> Result<Vec<Listener>, Error> {
    let failed = |source| Error::Listen { addr: place.addr(), source };
    let (socket, file) = socket_file::bind(place, Type::STREAM, mode).map_err(failed)?;
    // No client can connect before this call.
    socket.listen(BACKLOG).map_err(failed)?;
    Ok(vec![Listener::Unix(socket.into(), file)])
}

/// Opens one listening socket for each address of `host`, all on the same port.
///
/// Without a host, both families are bound. A family that this machine lacks is skipped; a port
/// that is in use on either family is an error.
///
/// # Errors
/// The host has no address, or one of the sockets cannot listen.
pub async fn listen(
    host: Option<&Host>,
    port: Port,
    reach: Reach,
    family: Family,
    deadline: Deadline,
) -> Result<Vec<Listener>, Error> {
    let listen = |socket: Socket| {
        socket.listen(BACKLOG)?;
        Ok(Listener::Tcp(socket.into()))
    };
    open_all(host, port, reach, family, deadline, bind, listen).await
}

fn bind(addr: SocketAddr) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // Allows a port in TIME_WAIT but, on Linux, not one on which another socket listens.
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    let actual = socket.local_addr()?.as_socket().unwrap_or(addr);
    Ok((socket, actual))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(port: u16) -> Result<Vec<Listener>, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(listen(None, Port(port), Reach::Loopback, Family::Any, Deadline::NEVER))
    }

    #[test]
    fn both_families_get_the_same_port() {
        let listeners = run(0).unwrap();
        let mut ports = listeners.iter().map(|listener| listener.addr().unwrap().port().unwrap());
        let first = ports.next().unwrap();
        assert_ne!(first, 0);
        assert!(ports.all(|port| port == first));
    }

    #[test]
    fn a_port_in_use_on_either_family_is_an_error() {
        for other in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(taken) = TcpListener::bind(other) else {
                continue;
            };
            let port = taken.local_addr().unwrap().port();
            let error = run(port).unwrap_err();
            let expected = format!("cannot listen on {}: ", taken.local_addr().unwrap());
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
    }
}
