//! Readiness of a server: inherited sockets, the `listening` events and the port file.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::accept::inherited;
use crate::net::accept::listener::Listener;
use crate::net::{Addr, ListenAddress};
use crate::output::{Event, Events};
use crate::serving::port_file::PortFile;
use crate::serving::settings::ServerSettings;

/// Returns the listening sockets that the parent process passed to sockkit (`LISTEN_FDS`).
///
/// # Errors
/// There is none, or one of them does not listen for streams.
pub(crate) fn inherited_listeners() -> Result<Vec<Listener>, Failure> {
    let hint = "[HOST:]PORT or unix:PATH";
    match inherited::listeners() {
        Ok(none) if none.is_empty() => {
            let message = "no address to listen on, and no inherited socket (LISTEN_FDS)";
            Err(Failure::new(Exit::Usage, message).hint(hint))
        }
        Ok(listeners) => Ok(listeners),
        Err(error) => {
            let message = format!("cannot use the inherited sockets (LISTEN_FDS): {error}");
            Err(Failure::new(Exit::CannotListen, message))
        }
    }
}

/// Reports each address on which the server listens, and writes the port file if the settings name
/// one. Dropping the returned value removes the file.
///
/// # Errors
/// The port file cannot be written.
pub(crate) fn announce(
    addrs: &[Addr],
    address: Option<&ListenAddress>,
    settings: &ServerSettings,
    events: &Events,
) -> Result<Option<PortFile>, Failure> {
    let port_file = match (&settings.port_file, addrs.iter().find_map(Addr::port)) {
        (Some(path), Some(port)) => PortFile::write(path, port)?,
        _ => None,
    };
    for addr in addrs {
        let local = addr.ip().is_none_or(|ip| ip.is_loopback());
        let reach = match (local, addr.port(), address.and_then(ListenAddress::host)) {
            (true, Some(_), None) => " (only this machine can reach it; --public opens it)",
            (true, Some(_), Some(_)) => " (only this machine can reach it)",
            _ => "",
        };
        events.send(Event::Listening { addr: addr.to_string(), port: addr.port(), reach });
    }
    Ok(port_file)
}
