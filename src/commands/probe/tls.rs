//! The TLS side of a probe: the handshake, and the certificate that the server sent.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::net::Deadline;
use crate::net::address::host::Host;
use crate::net::stream::Stream;
use crate::net::tls::{
    CertificateRefusal, ClientHandshake, InspectedServer, ServerName, Side, TlsError, TlsProblem,
    starttls,
};
use crate::output::{Cell, Table};
use crate::text;

/// The settings of TLS.
#[derive(Debug)]
pub(super) struct ProbeTls {
    pub(super) client: ClientHandshake,
    pub(super) starttls: Option<starttls::StarttlsProtocol>,
    /// A certificate that expires within this time counts as expired.
    pub(super) expires_within: Option<Duration>,
}

/// The result of a handshake.
#[derive(Debug)]
pub(super) struct TlsResult {
    /// What the server showed; `None` if the handshake failed.
    pub(super) server: Option<InspectedServer>,
    /// Why TLS is not as wanted.
    pub(super) problem: Option<anyhow::Error>,
    /// How long the handshake took.
    pub(super) time: Duration,
    /// Whether the certificate expires too soon, although it is valid now.
    pub(super) expires_soon: bool,
}

impl TlsResult {
    /// Returns whether the server is reached with a certificate that is trusted for long enough.
    pub(super) fn is_good(&self) -> bool {
        self.problem.is_none() && !self.expires_soon
    }

    /// Returns the result in words, to follow those about the connection.
    pub(super) fn words(&self) -> String {
        if let Some(refusal) = self.server.as_ref().and_then(|server| server.refusal.as_ref()) {
            return format!("certificate not trusted: {refusal}");
        }
        if let Some(problem) = &self.problem {
            let text = problem.to_string();
            let (_, why) = text.split_once(" failed: ").unwrap_or(("", &text));
            return format!("TLS failed: {why}");
        }
        let version = self.server.as_ref().map_or("TLS", |server| server.facts.version);
        match self.server.as_ref().and_then(days_left) {
            Some(days) if self.expires_soon => {
                format!("{version}; certificate expires {}", in_days(days))
            }
            Some(days) => format!("{version}, certificate expires {}", in_days(days)),
            None => version.to_owned(),
        }
    }
}

/// Performs the handshake with `peer` within `limit`.
pub(super) async fn handshake(
    stream: &mut Stream,
    host: &Host,
    peer: &str,
    tls: &ProbeTls,
    limit: Option<Duration>,
) -> TlsResult {
    let began = std::time::Instant::now();
    let deadline = Deadline::maybe(limit);
    let inspected: anyhow::Result<InspectedServer> = async {
        if let Some(protocol) = tls.starttls {
            starttls::negotiate(stream, protocol, peer, deadline).await?;
        }
        let name = ServerName::try_from(host)?;
        Ok(tls.client.inspect(stream, &name, peer, deadline).await?)
    }
    .await;
    let time = began.elapsed();
    match inspected {
        Err(problem) => {
            TlsResult { server: None, problem: Some(problem), time, expires_soon: false }
        }
        Ok(server) => {
            let problem = server.refusal.clone().map(|refusal| rejected(peer, refusal, &server));
            let expires_soon =
                tls.expires_within.is_some_and(|limit| expires_within(&server, limit));
            TlsResult { server: Some(server), problem, time, expires_soon }
        }
    }
}

/// Returns the error that a client reports for a certificate that it does not trust.
fn rejected(peer: &str, refusal: CertificateRefusal, server: &InspectedServer) -> anyhow::Error {
    let (side, pin) = (Side::Server, server.facts.peer_pin);
    TlsError { peer: peer.to_owned(), problem: TlsProblem::Certificate { side, refusal, pin } }
        .into()
}

/// The seconds of a day.
const DAY: f64 = 86_400.0;

/// Returns in how many days the certificate of `server` expires; negative if it has expired.
fn days_left(server: &InspectedServer) -> Option<f64> {
    let end = server.chain.first()?.not_after?;
    Some(end.duration_since(Timestamp::now()).as_secs_f64() / DAY)
}

fn expires_within(server: &InspectedServer, limit: Duration) -> bool {
    days_left(server).is_none_or(|days| days * DAY <= limit.as_secs_f64())
}

fn in_days(days: f64) -> String {
    match days {
        ..0.0 => format!("{:.0} days ago", -days),
        0.0..2.0 => format!("in {:.0} hours", days * 24.0),
        _ => format!("in {:.0} days", days.floor()),
    }
}

/// The TLS part of the JSON of a probe.
#[derive(Debug, Serialize)]
pub(super) struct TlsReport {
    version: Option<&'static str>,
    cipher_suite: Option<String>,
    alpn: Option<String>,
    trusted: bool,
    problem: Option<String>,
    expires_in_days: Option<f64>,
    handshake_us: u64,
    chain: Vec<CertificateReport>,
}

#[derive(Debug, Serialize)]
struct CertificateReport {
    subject: String,
    issuer: String,
    names: Vec<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    pin: String,
}

impl TlsReport {
    pub(super) fn new(result: &TlsResult) -> Self {
        let server = result.server.as_ref();
        let facts = server.map(|server| &server.facts);
        let problem = result.problem.as_ref().map(|_| result.words());
        let chain = server.map(|server| &server.chain[..]).unwrap_or_default();
        Self {
            version: facts.map(|facts| facts.version),
            cipher_suite: facts.map(|facts| facts.cipher_suite.clone()),
            alpn: facts.and_then(|facts| facts.alpn.clone()),
            trusted: problem.is_none() && facts.is_some_and(|facts| facts.trust.is_verified()),
            problem,
            expires_in_days: server.and_then(days_left).map(|days| (days * 10.0).floor() / 10.0),
            handshake_us: u64::try_from(result.time.as_micros()).unwrap_or(u64::MAX),
            chain: chain
                .iter()
                .map(|certificate| CertificateReport {
                    subject: certificate.subject.clone(),
                    issuer: certificate.issuer.clone(),
                    names: certificate.names.clone(),
                    not_before: certificate.not_before.map(|time| time.to_string()),
                    not_after: certificate.not_after.map(|time| time.to_string()),
                    pin: certificate.pin.to_string(),
                })
                .collect(),
        }
    }

    /// Returns the names and values for a table, below the name of the target.
    pub(super) fn table(&self, target: &str) -> Table {
        let mut rows: Vec<[String; 2]> = vec![["certificate of".to_owned(), target.to_owned()]];
        let mut add = |name: &str, value: Option<&str>| {
            rows.extend(value.map(|value| [name.to_owned(), value.to_owned()]));
        };
        let trusted = if self.trusted { "yes" } else { "not verified" };
        add("trusted", Some(self.problem.as_deref().unwrap_or(trusted)));
        add("protocol", self.version);
        add("cipher suite", self.cipher_suite.as_deref());
        add("ALPN", self.alpn.as_deref());
        if let Some(own) = self.chain.first() {
            add("subject", Some(&own.subject));
            add("names", Some(&own.names.join(" ")));
            add("valid from", own.not_before.as_deref());
            let expires = self.expires_in_days.map(in_days).unwrap_or_default();
            let end = own.not_after.as_ref().map(|end| format!("{end} ({expires})"));
            add("expires", end.as_deref());
            add("pin", Some(&own.pin));
        }
        for (number, certificate) in self.chain.iter().enumerate() {
            let CertificateReport { subject, issuer, .. } = certificate;
            add("chain", Some(&format!("{} {subject}, issued by {issuer}", number + 1)));
        }
        let cell = |text: &String| Cell::escaped(&text::escape_lines(text));
        let rows = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        Table { rows, ..Table::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_until_a_certificate_expires_is_shown_in_days_or_hours() {
        assert_eq!(in_days(90.9), "in 90 days");
        assert_eq!(in_days(1.5), "in 36 hours");
        assert_eq!(in_days(-3.2), "3 days ago");
    }
}
