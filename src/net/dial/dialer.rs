//! Dialling an endpoint: name resolution, the race over its addresses, and retries.
//!
//! Prints nothing; the caller receives a notice of each attempt.

use std::net::SocketAddr;
use std::time::Duration;

use crate::net::address::host::{Host, Port};
use crate::net::address::names::{self, Family};
use crate::net::address::unix::UnixPlace;
use crate::net::deadline::Deadline;
use crate::net::dial::race::Dialed;
use crate::net::dial::race::{self, ConnectSettings};
use crate::net::dial::unix;
use crate::net::error::Error;

/// The pause before the first retry, doubled before each further one up to
/// [`LONGEST_RETRY_PAUSE`].
const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause before a retry.
const LONGEST_RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Connects to one stream endpoint.
#[derive(Clone, Debug)]
pub struct Dialer {
    /// The name of the endpoint in errors.
    pub name: String,
    /// The endpoint.
    pub target: DialTarget,
    /// The address family to use.
    pub family: Family,
    /// The settings of each connection attempt.
    pub settings: ConnectSettings,
    /// How long one attempt over all addresses may take; `None` for no limit.
    pub connect_timeout: Option<Duration>,
    /// How many times a failed attempt is repeated.
    pub retries: u32,
}

/// A stream endpoint.
#[derive(Clone, Debug)]
pub enum DialTarget {
    /// A TCP port.
    Net {
        /// The host.
        host: Host,
        /// The port.
        port: Port,
    },
    /// A Unix stream socket.
    Unix(UnixPlace),
}

/// The progress of [`Dialer::dial`], for the caller to report.
#[derive(Debug)]
pub enum DialNotice<'a> {
    /// An attempt failed and will be repeated.
    Retrying {
        /// Why it failed.
        error: &'a Error,
        /// How long until the next attempt.
        pause: Duration,
        /// How many attempts are left after the next one.
        left: u32,
    },
    /// All addresses of a host were tried, or one of them was connected to.
    Raced(&'a Result<Dialed, Error>),
}

impl Dialer {
    /// Connects within `deadline` and, for each attempt, the connect timeout; calls `report` with
    /// each notice.
    ///
    /// # Errors
    /// [`Error::Name`] or [`Error::Connect`] of the last attempt; [`Error::Bind`] at once.
    pub async fn dial(
        &self,
        deadline: Deadline,
        report: impl Fn(DialNotice<'_>),
    ) -> Result<Dialed, Error> {
        let mut pause = FIRST_RETRY_PAUSE;
        for left in (0..self.retries).rev() {
            let outcome = self.dial_once(deadline, &report).await;
            match &outcome {
                Err(error) if is_retryable(error) && !deadline.has_passed() => {
                    report(DialNotice::Retrying { error, pause, left });
                }
                _ => return outcome,
            }
            if deadline.bound(tokio::time::sleep(pause)).await.is_err() {
                // The last failure is more specific than a timeout during the pause.
                return outcome;
            }
            pause = (pause * 2).min(LONGEST_RETRY_PAUSE);
        }
        self.dial_once(deadline, &report).await
    }

    async fn dial_once(
        &self,
        deadline: Deadline,
        report: &impl Fn(DialNotice<'_>),
    ) -> Result<Dialed, Error> {
        let deadline = deadline.earlier(Deadline::maybe(self.connect_timeout));
        let (host, port) = match &self.target {
            DialTarget::Unix(place) => return unix::connect(place, deadline).await,
            DialTarget::Net { host, port } => (host, port.0),
        };
        let addrs = self.resolve(host, port, deadline).await?;
        let outcome = race::connect(&self.name, &addrs, self.settings, deadline).await;
        report(DialNotice::Raced(&outcome));
        outcome
    }

    async fn resolve(
        &self,
        host: &Host,
        port: u16,
        deadline: Deadline,
    ) -> Result<Vec<SocketAddr>, Error> {
        let family = match (self.settings.from, self.family) {
            // A socket that is bound to an address of one family cannot connect to the other.
            (Some(from), Family::Any) => from.family(),
            (_, family) => family,
        };
        let found = names::resolve(host, port, family, deadline).await;
        found.map_err(|source| Error::Name { name: host.to_string(), source })
    }
}

/// Returns whether the failed operation may succeed when it is repeated.
fn is_retryable(error: &Error) -> bool {
    matches!(error, Error::Connect { .. } | Error::Name { .. })
}
