//! Options for connecting, shared by every client command.

use std::net::SocketAddr;
use std::time::Duration;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::net::address::endpoint::{Address, Endpoint, LocalAddress, SourceAddress};
use crate::net::address::host::Host;
use crate::net::address::names::Family;
use crate::net::address::transport::Transport;
use crate::net::dial::{ConnectSettings, DialTarget, Dialer};
use crate::net::socket_options::SocketOptions;
use crate::options::socket::SocketArgs;
use crate::options::values::{self, FamilyArgs, Limit, TimeoutArgs};
use crate::options::{CONNECTION, TIMEOUTS};

/// Options of every client command.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = CONNECTION)]
pub(crate) struct DialArgs {
    /// Retry a failed connection N times, with backoff
    ///
    /// sockkit waits 100 ms before the first retry, and twice as long before each further one, up
    /// to 5 s.
    #[arg(long, value_name = "N", default_value_t = 0)]
    retry: u32,
    #[command(flatten)]
    family: FamilyArgs,
    /// Connect from this local address
    ///
    /// :PORT sets only the port.
    #[arg(long, value_name = "[ADDR][:PORT]", value_parser = values::of_bytes::<LocalAddress>(),
          hide_short_help = true)]
    from: Option<LocalAddress>,
    /// Give up connecting after this long
    ///
    /// The limit covers all addresses of the host; it applies to each retry, and separately to the
    /// TLS handshake. 0 leaves the limit to the kernel.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = values::limit,
          help_heading = TIMEOUTS, display_order = 0)]
    connect_timeout: Limit,
    #[command(flatten)]
    timeout: TimeoutArgs,
    #[command(flatten)]
    options: SocketArgs,
}

impl DialArgs {
    /// Returns the deadline of the whole run, counted from now.
    ///
    /// # Errors
    /// `SOCKKIT_TIMEOUT` is not a time limit.
    pub(crate) fn deadline(&self) -> Result<Deadline, Failure> {
        self.timeout.deadline()
    }

    /// Returns how long connecting may take, and then the handshake; `None` for no limit.
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

    /// Rejects options that do not apply to datagrams.
    ///
    /// # Errors
    /// `--retry` is given: there is no connection that could fail.
    pub(crate) fn allow_datagrams(&self) -> Result<(), Failure> {
        if self.retry > 0 {
            return Err(Failure::new(Exit::Usage, "--retry applies only to streams"));
        }
        Ok(())
    }

    /// Returns the dialer for `endpoint`.
    ///
    /// # Errors
    /// The endpoint is not a stream, or `--from` contradicts it.
    pub(crate) fn dialer(&self, endpoint: &Endpoint) -> Result<Dialer, Failure> {
        let (from, target) = match (&endpoint.address, endpoint.transport) {
            (Address::Net(host, port), Transport::Tcp | Transport::Tls) => {
                let target = DialTarget::Net { host: host.clone(), port: *port };
                (self.local_ip(host)?, target)
            }
            (Address::Unix(place), Transport::Unix) => {
                if self.from.is_some() {
                    let message = format!("--from conflicts with {endpoint}, a stream");
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
    fn local_ip(&self, host: &Host) -> Result<Option<SourceAddress>, Failure> {
        let from = match &self.from {
            None => return Ok(None),
            Some(LocalAddress::Net(from)) => *from,
            Some(LocalAddress::Unix(place)) => {
                let message = format!("--from {} is not a network address", place.addr());
                return Err(
                    Failure::new(Exit::Usage, message).hint("--from ADDR[:PORT] or --from :PORT")
                );
            }
        };
        match host.ip() {
            Some(ip) if !from.family().admits(ip) => {
                let from = from.for_peer(SocketAddr::new(ip, 0)).ip();
                let message = format!("--from {from} and {ip} have different address families");
                Err(Failure::new(Exit::Usage, message))
            }
            _ => Ok(Some(from)),
        }
    }
}
