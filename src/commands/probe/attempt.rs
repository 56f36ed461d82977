//! One probe: of one port or of one Unix socket.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::commands::probe::jobs::{ProbeJob, ProbePlace};
use crate::commands::probe::plan::ProbePlan;
use crate::commands::probe::result::ProbeResult;
use crate::commands::probe::tls;
use crate::net::address::host::Host;
use crate::net::address::names::NameError;
use crate::net::address::transport::Transport;
use crate::net::probe::payload::ProbePayload;
use crate::net::probe::{self, Banner, Connected, Finding};
use crate::net::{Deadline, Error};
use crate::text;

/// Probes the destination of `job`.
///
/// # Errors
/// This machine cannot open a socket, or the local address of `--from` cannot be used.
pub(super) async fn probe(job: ProbeJob, plan: &ProbePlan) -> Result<ProbeResult, Error> {
    let ProbeJob { transport, place } = job;
    let (host, port, addrs) = match place {
        ProbePlace::Unix(place) if transport.is_datagram() => {
            return Ok(bare(None, None, transport, Ok(probe::ask_unix(&place)?)));
        }
        ProbePlace::Unix(place) => {
            let connected = probe::connect_unix(&place, plan.limit, Deadline::NEVER).await?;
            return Ok(go_on(None, None, transport, connected, plan).await);
        }
        ProbePlace::Net(host, port, Err(error)) => {
            return Ok(bare(Some(host), Some(port), transport, Err(error)));
        }
        ProbePlace::Net(host, port, Ok(addrs)) => (host, port, addrs),
    };
    let with_port = |addr: &SocketAddr| {
        let mut addr = *addr;
        addr.set_port(port);
        addr
    };
    let connected = match &addrs[..] {
        [addr] if transport == Transport::Udp => {
            let default = ProbePayload::for_port(port);
            let payload = plan.payload.as_ref().unwrap_or(&default).bytes();
            let (addr, from) = (with_port(addr), plan.from.as_ref());
            let finding = probe::ask_udp(addr, payload, from, plan.limit, Deadline::NEVER).await?;
            return Ok(bare(Some(host), Some(port), transport, Ok(finding)));
        }
        // A scan allocates no list for each port.
        [addr] => {
            let addrs = [with_port(addr)];
            probe::connect(&addrs, plan.connect, plan.limit, Deadline::NEVER).await?
        }
        addrs => {
            let addrs: Vec<SocketAddr> = addrs.iter().map(with_port).collect();
            probe::connect(&addrs, plan.connect, plan.limit, Deadline::NEVER).await?
        }
    };
    if connected.stream.is_none() {
        return Ok(bare(Some(host), Some(port), transport, Ok(connected.finding)));
    }
    // Boxed, because most ports of a scan are closed.
    Ok(Box::pin(go_on(Some(host), Some(port), transport, connected, plan)).await)
}

/// Returns the result of a probe that has no connection.
fn bare(
    host: Option<Arc<Host>>,
    port: Option<u16>,
    transport: Transport,
    finding: Result<Finding, Arc<NameError>>,
) -> ProbeResult {
    ProbeResult { host, port, transport, finding, tls: None, banner: None }
}

/// Performs the TLS handshake and reads the banner, as the settings say.
async fn go_on(
    host: Option<Arc<Host>>,
    port: Option<u16>,
    transport: Transport,
    connected: Connected,
    plan: &ProbePlan,
) -> ProbeResult {
    let Connected { mut finding, stream } = connected;
    let (mut tls, mut banner) = (None, None);
    if let Some(mut stream) = stream {
        if let (Transport::Tls, Some(settings), Some(host)) = (transport, &plan.tls, &host) {
            let peer = format!("{host}:{}", port.unwrap_or_default());
            let result = tls::handshake(&mut stream, host, &peer, settings, plan.limit).await;
            finding.reason = format!("{}; {}", finding.reason, result.words()).into();
            tls = Some(Arc::new(result));
        }
        // A server that is not trusted gets no data.
        if plan.banner && tls.as_ref().is_none_or(|tls| tls.problem.is_none()) {
            banner = probe::banner(&mut stream).await.map(Box::new);
            finding.reason = format!("{}; {}", finding.reason, words(banner.as_deref())).into();
        }
    }
    ProbeResult { host, port, transport, finding: Ok(finding), tls, banner }
}

/// Describes a banner: its protocol and its first line.
fn words(banner: Option<&Banner>) -> String {
    let Some(Banner { bytes, protocol, was_asked }) = banner else {
        return "sent nothing".to_owned();
    };
    let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let protocol = protocol.map(|protocol| format!("{protocol} ")).unwrap_or_default();
    let after = if *was_asked { " after a request" } else { "" };
    format!("sent {protocol}{}{after}", text::quote(line))
}
