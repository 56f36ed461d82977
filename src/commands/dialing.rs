//! What all clients have in common: which addresses they try, and for how long.

use std::time::{Duration, Instant};

use super::options::OptionArgs;
use super::values::{self, FamilyArgs, Limit};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::dial::{self, Dialed, Way};
use crate::net::endpoint::{Address, Endpoint, Origin, Transport};
use crate::net::names;
use crate::net::{self, Deadline};
use crate::output::Output;
use crate::reason;

/// The flags of every client.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DialArgs {
    #[command(flatten)]
    family: FamilyArgs,
    /// Connect from this address of ours, or from this port
    #[arg(long, value_name = "ADDR[:PORT]")]
    from: Option<Origin>,
    /// How long connecting may take, over all addresses; 0 for as long as the system tries
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
    options: OptionArgs,
}

/// The pause before the first retry; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A connection, and how long it took.
#[derive(Debug)]
pub(super) struct Reached {
    /// The connection.
    pub dialed: Dialed,
    /// How long its name took; none where there was nothing to resolve.
    pub resolving: Option<Duration>,
    /// How long connecting took after that.
    pub connecting: Duration,
}

impl DialArgs {
    /// Returns when the whole run must be over, counted from now.
    pub(super) fn whole(&self) -> Deadline {
        Deadline::maybe(self.timeout.and_then(|limit| limit.0))
    }

    /// Resolves and connects, within `whole` and, for each try, the limit for connecting.
    ///
    /// # Errors
    /// The endpoint is no stream, its name gives no address, or none of its addresses answers.
    pub(super) async fn dial(
        &self,
        endpoint: &Endpoint,
        whole: Deadline,
        out: Output,
    ) -> anyhow::Result<Reached> {
        let mut pause = FIRST_PAUSE;
        for left in (0..self.retry).rev() {
            match self.dial_once(endpoint, whole, out).await {
                Err(error) if is_passing(&error) && !whole.has_passed() => {
                    let tries =
                        if left == 0 { "last try".to_owned() } else { format!("{left} more") };
                    out.note(&format!("{error}; trying again in {pause:?} ({tries})"));
                }
                done => return done,
            }
            whole.bound(tokio::time::sleep(pause)).await.ok();
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.dial_once(endpoint, whole, out).await
    }

    async fn dial_once(
        &self,
        endpoint: &Endpoint,
        whole: Deadline,
        out: Output,
    ) -> anyhow::Result<Reached> {
        let deadline = whole.earlier(Deadline::maybe(self.connect_timeout.0));
        let began = Instant::now();
        let (host, port) = match (&endpoint.address, endpoint.transport) {
            (Address::Net(host, port), Transport::Tcp | Transport::Tls) => (host, port),
            (Address::Unix(place), Transport::Unix) => {
                if self.from.is_some() {
                    let message = format!("--from does not go with {endpoint}, a stream");
                    return Err(Failure::new(Exit::Usage, message).into());
                }
                let dialed = dial::connect_unix(place, deadline).await?;
                return Ok(Reached { dialed, resolving: None, connecting: began.elapsed() });
            }
            _ => {
                return Err(Failure::new(Exit::Usage, format!("{endpoint} is not a stream"))
                    .hint("HOST PORT, tcp://HOST:PORT or unix:PATH")
                    .into());
            }
        };
        let way = Way { from: self.origin()?, options: self.options.options() };
        let addrs = names::resolve(host, port.0, self.family.family(), deadline)
            .await
            .map_err(|source| net::Error::Name { name: host.to_string(), source })?;
        let resolving = matches!(host, net::Host::Name(_)).then(|| began.elapsed());
        let connecting = Instant::now();
        let dialed = dial::connect(&endpoint.to_string(), &addrs, way, deadline).await?;
        for attempt in &dialed.failed {
            out.detail(&format!("{} {}", attempt.addr, reason::of(&attempt.error)));
        }
        Ok(Reached { dialed, resolving, connecting: connecting.elapsed() })
    }

    /// Returns our own end, as `--from` says.
    fn origin(&self) -> Result<Option<std::net::SocketAddr>, Failure> {
        match &self.from {
            None => Ok(None),
            Some(Origin::Net(addr)) => Ok(Some(*addr)),
            Some(Origin::Unix(place)) => {
                let message = format!("{} is no address to connect from", place.addr());
                Err(Failure::new(Exit::Usage, message).hint("--from ADDR[:PORT]"))
            }
        }
    }
}

/// Whether what failed may succeed a moment later.
fn is_passing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(net::Error::Connect { .. } | net::Error::Name { .. }))
}
