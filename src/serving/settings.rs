//! The settings of a server: where it listens and which clients it accepts.

use std::path::PathBuf;
use std::time::Duration;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::accept::access::{Access, AccessRule};
use crate::net::accept::listener::{self, Listener};
use crate::net::address::listen::ListenPlace;
use crate::net::address::names::Family;
use crate::net::address::transport::Transport;
use crate::net::bind::Reach;
use crate::net::datagram::{self, DatagramBind};
use crate::net::socket_options::SocketOptions;
use crate::net::{self, Deadline, ListenAddress};

/// The settings that every server has.
#[derive(Clone, Debug)]
pub(crate) struct ServerSettings {
    /// The most clients to serve at once.
    pub(crate) max_clients: usize,
    /// Whether to listen on all interfaces instead of loopback only.
    pub(crate) public: bool,
    /// The address family to listen on.
    pub(crate) family: Family,
    /// The file that holds the port while the server listens.
    pub(crate) port_file: Option<PathBuf>,
    /// How long clients may take to finish when the server is stopped.
    pub(crate) grace: Duration,
    /// The only networks and hosts that may connect; all may if this is empty.
    pub(crate) allow: Vec<AccessRule>,
    /// Networks and hosts that may not connect, even if `allow` contains them.
    pub(crate) deny: Vec<AccessRule>,
    /// The permissions of a Unix socket's file.
    pub(crate) mode: Option<u32>,
    /// Socket options of each connection.
    pub(crate) options: SocketOptions,
}

/// How long resolving a host in the settings may take. The host is usually an address or a local
/// name.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

impl ServerSettings {
    /// Opens the listening sockets for `address`.
    ///
    /// # Errors
    /// A setting contradicts `address`, or a socket cannot listen.
    pub(crate) async fn listen(&self, address: &ListenAddress) -> anyhow::Result<Vec<Listener>> {
        self.check(address)?;
        if matches!(address.transport, Transport::Udp | Transport::UnixDatagram) {
            let message = "this server serves streams, not datagrams";
            return Err(Failure::new(Exit::Usage, message).hint("[HOST:]PORT or unix:PATH").into());
        }
        match &address.place {
            ListenPlace::Unix(place) => Ok(listener::listen_unix(place, self.mode)?),
            ListenPlace::Net(host, port) => {
                let deadline = Deadline::after(RESOLVE_TIMEOUT);
                let family = self.family;
                Ok(listener::listen(host.as_ref(), *port, self.reach(), family, deadline).await?)
            }
        }
    }

    /// Opens the datagram sockets for `address`.
    ///
    /// # Errors
    /// A setting contradicts `address`, or a socket cannot be bound.
    pub(crate) async fn listen_for_datagrams(
        &self,
        address: &ListenAddress,
    ) -> anyhow::Result<Vec<datagram::DatagramSocket>> {
        self.check(address)?;
        let bound = match &address.place {
            ListenPlace::Unix(place) => DatagramBind::Unix(place, self.mode),
            ListenPlace::Net(host, port) => {
                DatagramBind::Net(host.as_ref(), *port, self.reach(), self.family)
            }
        };
        let deadline = Deadline::after(RESOLVE_TIMEOUT);
        Ok(datagram::DatagramSocket::listen(bound, self.options, deadline).await?)
    }

    /// Checks that no setting contradicts `address`.
    fn check(&self, address: &ListenAddress) -> Result<(), Failure> {
        if let (true, Some(host)) = (self.public, address.host()) {
            let message = format!("--public conflicts with {host}");
            return Err(Failure::new(Exit::Usage, message).hint("--public PORT or HOST:PORT"));
        }
        let is_unix = matches!(address.place, ListenPlace::Unix(_));
        if self.mode.is_some() && !is_unix {
            return Err(Failure::new(Exit::Usage, "--mode applies only to Unix sockets"));
        }
        let rules = !self.allow.is_empty() || !self.deny.is_empty();
        let for_networks = [
            (self.public, "--public"),
            (self.family != Family::Any, "-4 and -6"),
            (self.port_file.is_some(), "--port-file"),
            (rules, "--allow and --deny"),
        ];
        match for_networks.iter().find(|(given, _)| *given && is_unix) {
            Some((_, flag)) => {
                let message = format!("{flag} conflicts with unix: addresses");
                Err(Failure::new(Exit::Usage, message)
                    .hint("--mode MODE to control which users may connect"))
            }
            None => Ok(()),
        }
    }

    /// Checks that no setting applies only to sockets that sockkit opens itself.
    pub(crate) fn check_inherited(&self) -> Result<(), Failure> {
        let for_opening = [
            (self.public, "--public"),
            (self.family != Family::Any, "-4 and -6"),
            (self.mode.is_some(), "--mode"),
        ];
        match for_opening.iter().find(|(given, _)| *given) {
            Some((_, flag)) => {
                let message = format!("{flag} cannot change an inherited socket (LISTEN_FDS)");
                Err(Failure::new(Exit::Usage, message).hint("[HOST:]PORT to open another socket"))
            }
            None => Ok(()),
        }
    }

    fn reach(&self) -> Reach {
        if self.public { Reach::Public } else { Reach::Loopback }
    }

    /// Returns the rules of `--allow` and `--deny`, with host names resolved.
    ///
    /// # Errors
    /// A host name has no address.
    pub(crate) async fn access(&self) -> Result<Access, net::Error> {
        let deadline = Deadline::after(RESOLVE_TIMEOUT);
        let access = Access::resolve(&self.allow, &self.deny, deadline).await;
        access.map_err(|(name, source)| net::Error::Name { name, source })
    }
}
