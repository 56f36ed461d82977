//! Where a server listens and for whom, as the command line gives it.

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
    /// Whether to listen on all interfaces instead of loopback only.
    pub(crate) public: bool,
    /// The address family to listen on.
    pub(crate) family: Family,
    /// The file that holds the port while the server listens.
    pub(crate) port_file: Option<PathBuf>,
    /// How long clients may take to finish when the server is stopped.
    pub(crate) grace: Duration,
    /// The only networks and hosts that may connect; none for all.
    pub(crate) allow: Vec<AccessRule>,
    /// Networks and hosts that may not connect.
    pub(crate) deny: Vec<AccessRule>,
    /// The permissions of a Unix socket's file.
    pub(crate) mode: Option<u32>,
    /// Socket options of each connection.
    pub(crate) options: SocketOptions,
}

/// Looking up the host to listen on takes this long at most; it is usually a literal or local.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);

impl ServerSettings {
    /// Opens what `address` stands for.
    ///
    /// # Errors
    /// The settings contradict each other, or a socket cannot listen.
    pub(crate) async fn listen(&self, address: &ListenAddress) -> anyhow::Result<Vec<Listener>> {
        self.check(address)?;
        if matches!(address.transport, Transport::Udp | Transport::UnixDatagram) {
            let message = "this server speaks over streams, not datagrams";
            return Err(Failure::new(Exit::Usage, message).hint("[HOST:]PORT or unix:PATH").into());
        }
        match &address.place {
            ListenPlace::Unix(place) => Ok(listener::listen_unix(place, self.mode)?),
            ListenPlace::Net(host, port) => {
                let deadline = Deadline::after(RESOLVE_LIMIT);
                let family = self.family;
                Ok(listener::listen(host.as_ref(), *port, self.reach(), family, deadline).await?)
            }
        }
    }

    /// Opens what `address` stands for, for datagrams.
    ///
    /// # Errors
    /// The flags contradict each other, or a socket cannot be bound.
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
        let deadline = Deadline::after(RESOLVE_LIMIT);
        Ok(datagram::DatagramSocket::listen(bound, self.options, deadline).await?)
    }

    /// Refuses flags that contradict `address`.
    fn check(&self, address: &ListenAddress) -> Result<(), Failure> {
        if let (true, Some(host)) = (self.public, address.host()) {
            let message = format!("--public listens everywhere, {host} says where");
            return Err(Failure::new(Exit::Usage, message).hint("one of the two"));
        }
        let is_unix = matches!(address.place, ListenPlace::Unix(_));
        if self.mode.is_some() && !is_unix {
            return Err(Failure::new(Exit::Usage, "--mode is for a Unix socket's file"));
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
                let message = format!("{flag}: a Unix socket is on no network and has no port");
                Err(Failure::new(Exit::Usage, message).hint("--mode says who may connect"))
            }
            None => Ok(()),
        }
    }

    fn reach(&self) -> Reach {
        if self.public { Reach::Public } else { Reach::Loopback }
    }

    /// Returns who may come.
    ///
    /// # Errors
    /// A name that stands for nobody.
    pub(crate) async fn access(&self) -> Result<Access, net::Error> {
        let deadline = Deadline::after(RESOLVE_LIMIT);
        let access = Access::resolve(&self.allow, &self.deny, deadline).await;
        access.map_err(|(name, source)| net::Error::Name { name, source })
    }
}
