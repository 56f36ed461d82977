//! Readiness: which sockets a server listens on, and who is told.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::accept::inherited;
use crate::net::accept::listener::Listener;
use crate::net::{Addr, ListenAddress};
use crate::output::{Event, Events};
use crate::serving::port_file::PortFile;
use crate::serving::settings::ServerSettings;

/// Returns the sockets that whoever started us has opened for us.
pub(crate) fn inherited_listeners() -> Result<Vec<Listener>, Failure> {
    let hint = "[HOST:]PORT or unix:PATH; or systemd with a socket unit";
    match inherited::listeners() {
        Ok(none) if none.is_empty() => {
            let message = "nowhere to listen was given, and no socket was handed over (LISTEN_FDS)";
            Err(Failure::new(Exit::Usage, message).hint(hint))
        }
        Ok(listeners) => Ok(listeners),
        Err(error) => {
            let message = format!("cannot use the sockets of LISTEN_FDS: {error}");
            Err(Failure::new(Exit::CannotListen, message))
        }
    }
}

/// Says where the server listens; the file holds the port for as long as it is kept.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn announce(
    addrs: &[Addr],
    address: Option<&ListenAddress>,
    settings: &ServerSettings,
    events: &Events,
) -> Result<Option<PortFile>, Failure> {
    let mut port_file = None;
    for addr in addrs {
        if let (None, Some(path), Some(port)) = (&port_file, &settings.port_file, addr.port()) {
            port_file = Some(PortFile::write(path, port)?);
        }
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
