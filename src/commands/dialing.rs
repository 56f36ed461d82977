//! What all clients have in common: which addresses they try, and for how long.

use super::values::{self, FamilyArgs, Limit};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::dial::{self, Dialed};
use crate::net::endpoint::{Address, Endpoint, Transport};
use crate::net::error::Attempt;
use crate::net::names;
use crate::net::{self, Deadline};
use crate::output::Output;
use crate::output::figures::time;
use crate::reason;

/// The flags of every client.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct DialArgs {
    #[command(flatten)]
    family: FamilyArgs,
    /// How long connecting may take, over all addresses; 0 for as long as the system tries
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = values::limit)]
    connect_timeout: Limit,
    /// How long everything may take; 0 for no limit
    #[arg(long, value_name = "DURATION", env = "SOCKKIT_TIMEOUT", hide_env_values = true,
          value_parser = values::limit)]
    timeout: Option<Limit>,
}

impl DialArgs {
    /// Returns when the whole run must be over, counted from now.
    pub(super) fn whole(&self) -> Deadline {
        Deadline::maybe(self.timeout.and_then(|limit| limit.0))
    }

    /// Resolves and connects, within `whole` and the limit for connecting.
    ///
    /// # Errors
    /// The endpoint is not TCP, its name gives no address, or none of its addresses answers.
    pub(super) async fn dial(
        &self,
        endpoint: &Endpoint,
        whole: Deadline,
        out: Output,
    ) -> anyhow::Result<Dialed> {
        let (Address::Net(host, port), Transport::Tcp) = (&endpoint.address, endpoint.transport)
        else {
            return Err(Failure::new(Exit::Usage, format!("{endpoint} is not a TCP endpoint"))
                .hint("HOST PORT, or tcp://HOST:PORT: this version speaks TCP")
                .into());
        };
        let family = self.family.family();
        let deadline = whole.earlier(Deadline::maybe(self.connect_timeout.0));
        let addrs = names::resolve(host, port.0, family, deadline)
            .await
            .map_err(|source| net::Error::Name { name: host.to_string(), source })?;
        let dialed = dial::connect(&endpoint.to_string(), &addrs, deadline).await;
        tell_race(&dialed, out);
        Ok(dialed?)
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
