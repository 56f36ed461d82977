//! Readiness of a server: inherited sockets, the `listening` events and the port file.

use std::net::SocketAddr;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::host::identity;
use crate::net::accept::inherited;
use crate::net::accept::listener::Listener;
use crate::net::address::names::Family;
use crate::net::{Addr, ListenAddress};
use crate::output::{Event, Events};
use crate::serving::port_file::PortFile;
use crate::serving::settings::ServerSettings;

/// Returns the listening sockets that the parent process passed to sockkit (`LISTEN_FDS`); empty if
/// there are none.
///
/// # Errors
/// One of them does not listen for streams, or a setting applies only to sockets of sockkit's own.
pub(crate) fn inherited_listeners(settings: &ServerSettings) -> Result<Vec<Listener>, Failure> {
    let listeners = inherited::listeners().map_err(|error| {
        let message = format!("cannot use the inherited sockets (LISTEN_FDS): {error}");
        Failure::new(Exit::CannotListen, message)
    })?;
    if !listeners.is_empty() {
        settings.check_inherited()?;
    }
    Ok(listeners)
}

/// Returns the error of a server that has neither an address nor an inherited socket.
pub(crate) fn no_address() -> Failure {
    let message = "no address to listen on, and no inherited socket (LISTEN_FDS)";
    Failure::new(Exit::Usage, message).hint("[HOST:]PORT or unix:PATH")
}

/// Reports each address on which the server listens, and writes the port file if the settings name
/// one. Dropping the returned value removes the file.
///
/// # Errors
/// The port file cannot be written, or no thread can be started to print the events.
pub(crate) fn announce(
    addrs: &[Addr],
    address: Option<&ListenAddress>,
    settings: &ServerSettings,
    events: &Events,
) -> Result<Option<PortFile>, Failure> {
    let failed = |error: std::io::Error| Failure::new(Exit::Internal, error.to_string());
    events.require_thread().map_err(failed)?;
    let port_file = match (&settings.port_file, addrs.iter().find_map(Addr::port)) {
        (Some(path), Some(port)) => PortFile::write(path, port)?,
        _ => None,
    };
    for addr in addrs {
        let reach = match addr {
            Addr::Net(bound) if bound.ip().is_loopback() => {
                // `--public` conflicts with a host, and does not change an inherited socket.
                let opens = address.is_some_and(|address| address.host().is_none());
                let hint = if opens { "; --public opens it" } else { "" };
                format!(" (only this machine can reach it{hint})")
            }
            Addr::Net(bound) if bound.ip().is_unspecified() => reachable_at(*bound),
            _ => String::new(),
        };
        events.send(Event::Listening { addr: addr.to_string(), port: addr.port(), reach });
    }
    Ok(port_file)
}

/// Returns the addresses at which other machines can connect to the wildcard address `bound`, as
/// text to append to it.
fn reachable_at(bound: SocketAddr) -> String {
    let family = Family::of(bound.ip());
    let ips = identity::reachable_ips().into_iter().filter(|ip| family.admits(*ip));
    let addrs: Vec<String> = ips.map(|ip| SocketAddr::new(ip, bound.port()).to_string()).collect();
    if addrs.is_empty() {
        let version = if bound.is_ipv4() { "IPv4" } else { "IPv6" };
        return format!(" (this machine has no {version} address that others can reach)");
    }
    format!(" (other machines: {})", addrs.join(", "))
}
