//! The settings of every probe of a run.

use std::time::Duration;

use crate::commands::probe::args::Args;
use crate::commands::probe::tls::ProbeTls;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::net::accept::descriptors;
use crate::net::address::endpoint::LocalAddress;
use crate::net::address::names::Family;
use crate::net::address::targets::EndpointSet;
use crate::net::address::transport::Transport;
use crate::net::dial::ConnectSettings;
use crate::net::probe::payload::ProbePayload;
use crate::net::socket_options::SocketOptions;

/// The settings of every probe.
#[derive(Debug)]
pub(super) struct ProbePlan {
    /// The address family to use.
    pub(super) family: Family,
    /// The settings of TCP connections.
    pub(super) connect: ConnectSettings,
    /// The local address of `--from`, for datagrams.
    pub(super) from: Option<LocalAddress>,
    /// The datagram to send; `None` for the one that suits the port.
    pub(super) payload: Option<ProbePayload>,
    /// How long one probe may take.
    pub(super) limit: Option<Duration>,
    /// How long the run may take.
    pub(super) run_limit: Option<Duration>,
    /// The end of the run.
    pub(super) deadline: Deadline,
    /// How many probes run at once.
    pub(super) concurrency: usize,
    /// Whether every address of a name is probed.
    pub(super) each: bool,
    /// The settings of TLS; `None` if no port uses it.
    pub(super) tls: Option<ProbeTls>,
    /// Whether to show what a server sends first.
    pub(super) banner: bool,
}

impl ProbePlan {
    /// Returns the settings that the options choose.
    ///
    /// # Errors
    /// An option is invalid, or names a file that cannot be used.
    pub(super) fn of(args: &Args, sets: &[EndpointSet]) -> anyhow::Result<Self> {
        let from = match &args.from {
            None => None,
            Some(LocalAddress::Net(from)) => Some(*from),
            Some(LocalAddress::Unix(place)) => {
                let message = format!("--from {} is not a network address", place.addr());
                let hint = "--from ADDR[:PORT] or --from :PORT";
                return Err(Failure::new(Exit::Usage, message).hint(hint).into());
            }
        };
        let has_tls = sets.iter().any(|set| set.transport == Transport::Tls);
        let tls = args.tls.for_any_host(has_tls)?.map(|client| ProbeTls {
            client,
            starttls: args.tls.starttls(),
            expires_within: args.expires_within,
        });
        if args.expires_within.is_some() && tls.is_none() {
            let message = "--expires-within applies only to TLS";
            return Err(Failure::new(Exit::Usage, message).hint("--tls").into());
        }
        let run_limit = args.timeout.limit()?;
        let sockets = descriptors::raise_descriptor_limit().clients.max(1);
        Ok(Self {
            family: match (from, args.family.family()) {
                // A socket that is bound to an address of one family cannot reach the other.
                (Some(from), Family::Any) => from.family(),
                (_, family) => family,
            },
            // A probe sends one request at most, so nothing delays it.
            connect: ConnectSettings {
                from,
                options: SocketOptions { nodelay: false, ..SocketOptions::default() },
            },
            from: args.from.clone(),
            payload: args.payload.clone(),
            limit: args.connect_timeout.0,
            run_limit,
            deadline: Deadline::maybe(run_limit)
                .earlier(Deadline::maybe(args.wait.and_then(|limit| limit.0))),
            concurrency: args.concurrency.min(sockets),
            each: args.each,
            tls,
            banner: args.banner,
        })
    }
}
