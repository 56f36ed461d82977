//! Binding one socket for each address of a host, all on the same port.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::Socket;

use crate::net::address::host::{Host, Port};
use crate::net::address::names::{self, Family};
use crate::net::deadline::Deadline;
use crate::net::error::Error;

/// With port 0, how often to let the kernel choose a port until one is free on both families.
const PORT_TRIES: usize = 16;

/// Which machines can reach a listener that names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only this machine: 127.0.0.1 and `::1` are bound.
    Loopback,
    /// Every machine on the network: all interfaces are bound.
    Public,
}

/// Opens one socket for each address of `host`, all on `port`; without a host, for each address of
/// `reach`.
///
/// `bind` creates and binds a socket and returns it with its actual address. After all sockets are
/// bound, `start` makes each of them ready for use.
///
/// # Errors
/// The host has no address, or one of the sockets cannot be opened.
pub(crate) async fn open_all<T>(
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
            // A name may have an address that this machine lacks, such as `::1` of localhost in a
            // container.
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
            // The port that was free on one family is in use on the other: try another port.
            Err(Error::Listen { source, .. })
                if port == 0 && source.kind() == ErrorKind::AddrInUse => {}
            outcome => return outcome,
        }
    }
    open()
}

fn default_addrs(reach: Reach, family: Family, port: u16) -> Vec<SocketAddr> {
    let ips: [IpAddr; 2] = match reach {
        Reach::Loopback => [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        Reach::Public => [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
    };
    let wanted = ips.into_iter().filter(|ip| family.admits(*ip));
    wanted.map(|ip| SocketAddr::new(ip, port)).collect()
}

/// Binds all of `addrs`. With port 0, the port of the first socket is used for the others.
///
/// If `optional` is set, addresses that this machine lacks are skipped, but at least one must be
/// bound.
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

/// Returns whether this machine lacks the address family: no IPv6 in the kernel, or no `::1`.
fn lacks_family(error: &io::Error) -> bool {
    let unsupported = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(unsupported)
}
