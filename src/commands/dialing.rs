//! What all clients have in common: which addresses they try, and for how long.

use std::net::SocketAddr;
use std::time::Duration;

use super::conversation::ConversationArgs;
use super::datagram::{DatagramArgs, Exchange};
use super::options::OptionArgs;
use super::values::{self, FamilyArgs, Limit};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::dial::{self, Dialed, Way};
use crate::net::endpoint::{Address, Endpoint, Origin, Transport};
use crate::net::error::Attempt;
use crate::net::names::{self, Family};
use crate::net::{self, Deadline};
use crate::output::Output;
use crate::output::figures::time;
use crate::reason;

/// The flags of every client.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DialArgs {
    #[command(flatten)]
    family: FamilyArgs,
    /// Connect from this address of ours; 0.0.0.0:PORT for a port alone
    #[arg(long, value_name = "ADDR[:PORT]")]
    from: Option<Origin>,
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
    options: OptionArgs,
}

/// The pause before the first retry; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl DialArgs {
    /// Returns when the whole run must be over, counted from now.
    pub(super) fn whole(&self) -> Deadline {
        Deadline::maybe(self.timeout.and_then(|limit| limit.0))
    }

    /// Returns when a handshake that begins now must be over.
    pub(super) fn handshake(&self) -> Deadline {
        Deadline::maybe(self.connect_timeout.0)
    }

    /// Returns how to exchange datagrams with `endpoint`, within `whole`.
    ///
    /// # Errors
    /// `--retry`: a datagram that went nowhere is nothing to try again.
    pub(super) fn exchange<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        whole: Deadline,
        conversation: ConversationArgs,
        datagrams: DatagramArgs,
    ) -> Result<Exchange<'a>, Failure> {
        if self.retry > 0 {
            return Err(Failure::new(Exit::Usage, "--retry is for streams, not datagrams"));
        }
        Ok(Exchange {
            endpoint,
            family: self.family.family(),
            from: self.from.as_ref(),
            options: self.options.options(),
            resolved_by: whole.earlier(Deadline::maybe(self.connect_timeout.0)),
            whole,
            conversation,
            datagrams,
        })
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
    ) -> anyhow::Result<Dialed> {
        let mut pause = FIRST_PAUSE;
        for left in (0..self.retry).rev() {
            let last = self.dial_once(endpoint, whole, out).await;
            match &last {
                Err(error) if is_passing(error) && !whole.has_passed() => {
                    let tries =
                        if left == 0 { "last try".to_owned() } else { format!("{left} more") };
                    out.note(&format!("{error}; trying again in {pause:?} ({tries})"));
                }
                _ => return last,
            }
            if whole.bound(tokio::time::sleep(pause)).await.is_err() {
                // Why it failed says more than that there was no time for another try.
                return last;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.dial_once(endpoint, whole, out).await
    }

    async fn dial_once(
        &self,
        endpoint: &Endpoint,
        whole: Deadline,
        out: Output,
    ) -> anyhow::Result<Dialed> {
        let deadline = whole.earlier(Deadline::maybe(self.connect_timeout.0));
        let (host, port) = match (&endpoint.address, endpoint.transport) {
            (Address::Net(host, port), Transport::Tcp | Transport::Tls) => (host, port),
            (Address::Unix(place), Transport::Unix) => {
                if self.from.is_some() {
                    let message = format!("--from does not go with {endpoint}, a stream");
                    return Err(Failure::new(Exit::Usage, message).into());
                }
                return Ok(dial::connect_unix(place, deadline).await?);
            }
            _ => {
                return Err(Failure::new(Exit::Usage, format!("{endpoint} is not a stream"))
                    .hint("HOST PORT, tcp://HOST:PORT or unix:PATH")
                    .into());
            }
        };
        let way = Way { from: self.origin()?, options: self.options.options() };
        if let (Some(from), net::Host::Ip(ip)) = (way.from, host)
            && from.is_ipv4() != ip.is_ipv4()
        {
            let message = format!("--from {} is of another family than {ip}", from.ip());
            return Err(Failure::new(Exit::Usage, message).into());
        }
        let family = match (way.from, self.family.family()) {
            // From an address of one family no other is reached.
            (Some(from), Family::Any) => Family::of(from.ip()),
            (_, family) => family,
        };
        let addrs = names::resolve(host, port.0, family, deadline)
            .await
            .map_err(|source| net::Error::Name { name: host.to_string(), source })?;
        let dialed = dial::connect(&endpoint.to_string(), &addrs, way, deadline).await;
        tell_race(&dialed, out);
        Ok(dialed?)
    }

    /// Returns our own end, as `--from` says.
    fn origin(&self) -> Result<Option<SocketAddr>, Failure> {
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

/// Says what became of each address, in the order in which it was known.
fn tell_race(dialed: &Result<Dialed, net::Error>, out: Output) {
    let (failed, dialed) = match dialed {
        Ok(dialed) => (&dialed.failed, Some(dialed)),
        Err(net::Error::Connect { attempts, .. }) => (attempts, None),
        Err(_) => return,
    };
    for Attempt { addr, error, span } in failed {
        out.detail(&match span {
            Some(span) => format!("{addr} {} after {}", reason::of(error), time(span.lasted())),
            None => format!("{addr} was not tried: time was up"),
        });
    }
    if let Some(Dialed { peer, span, unanswered, .. }) = dialed {
        out.detail(&format!("{peer} answered after {}", time(span.lasted())));
        for (addr, span) in unanswered {
            out.detail(&format!("{addr} had not answered after {}", time(span.lasted())));
        }
    }
}

/// Whether what failed may succeed a moment later.
fn is_passing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(net::Error::Connect { .. } | net::Error::Name { .. }))
}
