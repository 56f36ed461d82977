//! Opens, tunes and binds sockets: std's, made with socket2 for what std lacks.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;

use socket2::{Domain, Protocol, Socket, Type};

use super::addr::Addr;
use super::deadline::Deadline;
use super::endpoint::{Host, Port};
use super::error::Error;
use super::names::{self, Family};
use super::unix::{self, SocketFile, UnixPlace};

/// Connections the kernel keeps until they are accepted. std's 128 made opening 8,000 connections
/// take 43 s instead of 0.2 s; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Ports tried for 0, before giving up finding one that is free on both families.
const PORT_TRIES: usize = 16;

/// Who may reach a listener that names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// This machine only: 127.0.0.1 and `::1`.
    Loopback,
    /// Every interface.
    Public,
}

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
    let (listener, file) = unix::listen(place, mode, BACKLOG)?;
    Ok(vec![Listener::Unix(listener, file)])
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

/// Opens the sockets `host` and `port` stand for: all of them are made and bound by `bind`, which
/// returns the real address, before the first is put to work by `start`.
///
/// # Errors
/// The host has no address, or one of the sockets cannot be opened.
pub(super) async fn open_all<T>(
    host: Option<&Host>,
    port: Port,
    reach: Reach,
    family: Family,
    deadline: Deadline,
    bind: impl Fn(SocketAddr) -> io::Result<(Socket, SocketAddr)>,
    start: impl Fn(Socket) -> io::Result<T>,
) -> Result<Vec<T>, Error> {
    let port = port.0;
    let (addrs, optional) = match host {
        Some(host) => {
            let found = names::resolve(host, port, family, deadline).await;
            let error = |source| Error::Name { name: host.to_string(), source };
            // A name may stand for addresses this machine lacks: localhost for ::1, in a container.
            (found.map_err(error)?, matches!(host, Host::Name(_)))
        }
        None => (default_addrs(reach, family, port), family == Family::Any),
    };
    let open = || {
        let bound = bind_all(&addrs, optional, &bind)?.into_iter();
        let started = bound.map(|(socket, addr)| {
            start(socket).map_err(|source| Error::Listen { addr: addr.into(), source })
        });
        started.collect()
    };
    for _ in 1..PORT_TRIES {
        match open() {
            // The port that was free on one family is taken on the other: draw again.
            Err(Error::Listen { source, .. })
                if port == 0 && source.kind() == ErrorKind::AddrInUse => {}
            done => return done,
        }
    }
    open()
}

/// Raises the soft limit of open files to the hard one and returns how many clients fit into it.
pub fn raise_descriptor_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where this fails the old limit stands, and is what is returned.
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).ok();
    match getrlimit(Resource::Nofile).current {
        Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(RESERVED),
        None => usize::MAX,
    }
}

/// Descriptors a server needs beside its clients: streams, listeners, logs, the runtimes' own.
const RESERVED: usize = 32;

fn default_addrs(reach: Reach, family: Family, port: u16) -> Vec<SocketAddr> {
    let ips: [IpAddr; 2] = match reach {
        Reach::Loopback => [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        Reach::Public => [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
    };
    let wanted = ips.into_iter().filter(|ip| family.admits(*ip));
    wanted.map(|ip| SocketAddr::new(ip, port)).collect()
}

/// Binds all of `addrs`. With port 0 the first one's port is taken for the others. `optional`: a
/// family the machine lacks may be missing, but not all of them.
fn bind_all(
    addrs: &[SocketAddr],
    optional: bool,
    bind: &impl Fn(SocketAddr) -> io::Result<(Socket, SocketAddr)>,
) -> Result<Vec<(Socket, SocketAddr)>, Error> {
    let mut bound: Vec<(Socket, SocketAddr)> = Vec::new();
    let mut missing = None;
    for addr in addrs {
        let mut addr = *addr;
        if let (0, Some((_, first))) = (addr.port(), bound.first()) {
            addr.set_port(first.port());
        }
        match bind(addr) {
            Ok(socket) => bound.push(socket),
            Err(source) if optional && lacks_family(&source) => {
                missing = Some(Error::Listen { addr: addr.into(), source });
            }
            Err(source) => return Err(Error::Listen { addr: addr.into(), source }),
        }
    }
    match missing {
        Some(error) if bound.is_empty() => Err(error),
        _ => Ok(bound),
    }
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

/// Whether the machine does not have this family at all: no IPv6 in the kernel, or no `::1`.
fn lacks_family(error: &io::Error) -> bool {
    let unsupported = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(unsupported)
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
