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

/// Connections the kernel keeps until they are accepted. std's 128 made opening 8,000 connections
/// take 43 s instead of 0.2 s; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// A socket that listens for streams.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket, with the file that goes when it goes.
    Unix(UnixListener, Option<SocketFile>),
}

impl Listener {
    /// Returns where it listens.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn addr(&self) -> io::Result<Addr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Addr::canonical),
            Self::Unix(listener, _) => Ok(Addr::of_unix(&listener.local_addr()?)),
        }
    }
}

/// Listens on a Unix socket; `mode` is what its file may be used by, in place of the umask.
///
/// # Errors
/// The place is taken, or cannot be written.
pub fn listen_unix(place: &UnixPlace, mode: Option<u32>) -> Result<Vec<Listener>, Error> {
    let failed = |source| Error::Listen { addr: place.addr(), source };
    let (socket, file) = socket_file::bind(place, Type::STREAM, mode).map_err(failed)?;
    // Clients can connect only from here on.
    socket.listen(BACKLOG).map_err(failed)?;
    Ok(vec![Listener::Unix(socket.into(), file)])
}

/// Opens the listening sockets `host` and `port` stand for: one an address, all on one port.
///
/// Without a host both families are bound; a family this machine does not have is left out, a
/// port in use on either is a failure.
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
    // A port in TIME_WAIT may be taken at once; one that is listened on may not (on Linux).
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    let real = socket.local_addr()?.as_socket().unwrap_or(addr);
    Ok((socket, real))
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
    fn a_port_in_use_on_either_family_is_a_failure() {
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
