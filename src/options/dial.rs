//! Options for connecting, shared by every client command.

use std::net::SocketAddr;
use std::time::Duration;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::net::address::endpoint::{Address, Endpoint, LocalAddress};
use crate::net::address::host::Host;
use crate::net::address::names::Family;
use crate::net::address::transport::Transport;
use crate::net::dial::{ConnectSettings, DialTarget, Dialer};
use crate::net::socket_options::SocketOptions;
use crate::options::socket::SocketArgs;
use crate::options::values::{self, FamilyArgs, Limit};

/// The flags of every client.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DialArgs {
    #[command(flatten)]
    family: FamilyArgs,
    /// Connect from this address of ours; 0.0.0.0:PORT for a port alone
    #[arg(long, value_name = "ADDR[:PORT]")]
    from: Option<LocalAddress>,
    /// How long each try to connect may take, over all addresses; 0 for as long as the system tries
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = values::limit)]
    connect_timeout: Limit,
    /// How long everything may take; 0 for no limit
    #[arg(long, value_name = "DURATION", env = "SOCKKIT_TIMEOUT", hide_env_values = true,
          value_parser = values::limit)]
    timeout: Option<Limit>,
    /// Where connecting fails, try again up to N times, after 100 ms, 200 ms, … 5 s
    #[arg(long, value_name = "N", default_value_t = 0)]
    retry: u32,
    #[command(flatten)]
    options: SocketArgs,
}

impl DialArgs {
    /// Returns when the whole run must be over, counted from now.
    pub(crate) fn whole(&self) -> Deadline {
        Deadline::maybe(self.timeout.and_then(|limit| limit.0))
    }

    /// Returns how long connecting, or a handshake after it, may take; none for no limit.
    pub(crate) fn connect_timeout(&self) -> Option<Duration> {
        self.connect_timeout.0
    }

    /// Returns the address family to use.
    pub(crate) fn family(&self) -> Family {
        self.family.family()
    }

    /// Returns the local address of `--from`.
    pub(crate) fn from(&self) -> Option<&LocalAddress> {
        self.from.as_ref()
    }

    /// Returns the socket options.
    pub(crate) fn socket_options(&self) -> SocketOptions {
        self.options.options()
    }

    /// Refuses options that mean nothing for datagrams.
    ///
    /// # Errors
    /// `--retry`: a datagram that is lost is no failed connection.
    pub(crate) fn allow_datagrams(&self) -> Result<(), Failure> {
        if self.retry > 0 {
            return Err(Failure::new(Exit::Usage, "--retry is for streams, not datagrams"));
        }
        Ok(())
    }

    /// Returns what connects to `endpoint`.
    ///
    /// # Errors
    /// The endpoint is no stream, or `--from` contradicts it.
    pub(crate) fn dialer(&self, endpoint: &Endpoint) -> Result<Dialer, Failure> {
        let (from, target) = match (&endpoint.address, endpoint.transport) {
            (Address::Net(host, port), Transport::Tcp | Transport::Tls) => {
                let target = DialTarget::Net { host: host.clone(), port: *port };
                (self.local_ip(host)?, target)
            }
            (Address::Unix(place), Transport::Unix) => {
                if self.from.is_some() {
                    let message = format!("--from does not go with {endpoint}, a stream");
                    return Err(Failure::new(Exit::Usage, message));
                }
                (None, DialTarget::Unix(place.clone()))
            }
            _ => {
                return Err(Failure::new(Exit::Usage, format!("{endpoint} is not a stream"))
                    .hint("HOST PORT, tcp://HOST:PORT or unix:PATH"));
            }
        };
        Ok(Dialer {
            name: endpoint.to_string(),
            target,
            family: self.family(),
            settings: ConnectSettings { from, options: self.socket_options() },
            connect_timeout: self.connect_timeout.0,
            retries: self.retry,
        })
    }

    /// Returns the IP address and port of `--from` for a connection to `host`.
    fn local_ip(&self, host: &Host) -> Result<Option<SocketAddr>, Failure> {
        let from = match &self.from {
            None => return Ok(None),
            Some(LocalAddress::Net(addr)) => *addr,
            Some(LocalAddress::Unix(place)) => {
                let message = format!("{} is no address to connect from", place.addr());
                return Err(Failure::new(Exit::Usage, message).hint("--from ADDR[:PORT]"));
            }
        };
        match host {
            Host::Ip(ip) if from.is_ipv4() != ip.is_ipv4() => {
                let message = format!("--from {} is of another family than {ip}", from.ip());
                Err(Failure::new(Exit::Usage, message))
            }
            _ => Ok(Some(from)),
        }
    }
}
