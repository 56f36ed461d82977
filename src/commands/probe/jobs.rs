//! The ports to probe, with the addresses of their hosts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::commands::probe::plan::ProbePlan;
use crate::commands::probe::result::ProbeResult;
use crate::net::Deadline;
use crate::net::address::host::Host;
use crate::net::address::names::{self, NameError};
use crate::net::address::targets::{AddressSet, EndpointSet};
use crate::net::address::transport::Transport;
use crate::net::address::unix::UnixPlace;
use crate::net::probe::PortState;

/// One port to probe, or one Unix socket.
#[derive(Clone, Debug)]
pub(super) struct ProbeJob {
    /// The transport.
    pub(super) transport: Transport,
    /// What to probe.
    pub(super) place: ProbePlace,
}

/// The destination of a probe.
#[derive(Clone, Debug)]
pub(super) enum ProbePlace {
    /// A port of a host.
    Net(Arc<Host>, u16, Resolved),
    /// A Unix socket.
    Unix(UnixPlace),
}

/// The addresses of a host, with port 0, or why it has none.
pub(super) type Resolved = Result<Arc<[SocketAddr]>, Arc<NameError>>;

/// The addresses of all hosts of a run.
#[derive(Debug, Default)]
pub(super) struct Hosts(HashMap<String, Resolved>);

/// How long looking up a name may take: as long as the system's resolver waits for one server.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// How many names are looked up at once. Each lookup needs a thread.
const MAX_LOOKUPS: usize = 32;

impl Hosts {
    /// Looks up the hosts of `sets` whose addresses are not known.
    pub(super) async fn resolve(&mut self, sets: &[EndpointSet], plan: &ProbePlan) {
        let family = plan.family;
        let deadline = plan.deadline.earlier(Deadline::after(LOOKUP_TIMEOUT));
        let mut lookups = JoinSet::new();
        for set in sets {
            let AddressSet::Net(host, _) = &set.address else { continue };
            if self.0.contains_key(&host.to_string()) {
                continue;
            }
            let host = host.clone();
            if host.ip().is_some() {
                let found = names::resolve(&host, 0, family, deadline).await;
                self.insert(&host, found);
                continue;
            }
            if lookups.len() >= MAX_LOOKUPS {
                self.next(&mut lookups).await;
            }
            // Until the result is there, the name is not looked up again.
            self.insert(&host, Err(NameError::TimedOut));
            lookups.spawn(async move {
                let found = names::resolve(&host, 0, family, deadline).await;
                (host, found)
            });
        }
        while !lookups.is_empty() {
            self.next(&mut lookups).await;
        }
    }

    async fn next(&mut self, lookups: &mut JoinSet<(Host, Result<Vec<SocketAddr>, NameError>)>) {
        // A lookup that panicked, which is a bug that the runtime has reported, has timed out.
        if let Some(Ok((host, found))) = lookups.join_next().await {
            self.insert(&host, found);
        }
    }

    fn insert(&mut self, host: &Host, found: Result<Vec<SocketAddr>, NameError>) {
        self.0.insert(host.to_string(), found.map(Arc::from).map_err(Arc::new));
    }

    /// Makes the next call of [`Self::resolve`] look up the hosts again whose ports are not open:
    /// their addresses may have changed.
    pub(super) fn forget_failed(&mut self, results: &[ProbeResult]) {
        let failed = results.iter().filter(|result| result.state() != Some(PortState::Open));
        for host in failed.filter_map(|result| result.host.as_ref()) {
            self.0.remove(&host.to_string());
        }
    }

    /// Returns the addresses of `host`.
    fn get(&self, host: &Host) -> Resolved {
        let known = self.0.get(&host.to_string()).cloned();
        known.unwrap_or_else(|| Err(Arc::new(NameError::TimedOut)))
    }

    /// Returns the ports of `sets`, in their order.
    pub(super) fn jobs(&self, sets: &[EndpointSet], each: bool) -> Vec<ProbeJob> {
        let mut jobs = Vec::new();
        for EndpointSet { transport, address } in sets {
            let transport = *transport;
            let (host, ports) = match address {
                AddressSet::Net(host, ports) => (host, ports),
                AddressSet::Unix(place) => {
                    jobs.push(ProbeJob { transport, place: ProbePlace::Unix(place.clone()) });
                    continue;
                }
            };
            let resolved = self.get(host);
            let host = Arc::new(host.clone());
            for port in ports.ports() {
                let single: Vec<Resolved> = match &resolved {
                    // Datagrams have no connection that shows which address serves.
                    Ok(addrs) if each || transport.is_datagram() && addrs.len() > 1 => {
                        addrs.iter().map(|addr| Ok(Arc::from([*addr]))).collect()
                    }
                    other => vec![other.clone()],
                };
                jobs.extend(single.into_iter().map(|resolved| {
                    let place = ProbePlace::Net(Arc::clone(&host), port.0, resolved);
                    ProbeJob { transport, place }
                }));
            }
        }
        jobs
    }
}
