//! The TLS server: its settings, its handshake and its self-signed certificate.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{ToSpan as _, Zoned, civil};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, SanType};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ServerConfig, ServerConnection};

use crate::host::identity;
use crate::net::deadline::{Deadline, Elapsed};
use crate::net::stream::Stream;
use crate::net::tls::pem::CertificateAndKey;
use crate::net::tls::verifier::{ClientCertificateVerifier, ListedCertificates};
use crate::net::tls::{
    Alpn, KeyLogFile, KeyPair, Pin, SetupError, Side, TlsError, TlsFacts, TlsProblem, Trust, pem,
    provider,
};

/// How long the server keeps reading after a failed handshake. Closing a socket that has unread
/// bytes resets the connection, and the client may then never receive the alert.
const ALERT_DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// Days for which a self-signed certificate is valid: some clients reject more than 398.
const VALIDITY_DAYS: i64 = 365;

/// The settings of a TLS server.
#[derive(Clone, Debug)]
pub struct ServerTlsOptions {
    /// The server's certificate and key.
    pub identity: Identity,
    /// A PEM file: each client's certificate must be in it, or signed by a CA in it; `None` to
    /// request no client certificate.
    pub client_ca: Option<PathBuf>,
    /// The supported application protocols (ALPN), in order of preference; empty to select none.
    pub alpn: Vec<Alpn>,
    /// The file to which the secrets of each connection are appended.
    pub key_log: Option<PathBuf>,
    /// Whether EOF without `close_notify` ends the received data like EOF with it.
    pub accepts_missing_close_notify: bool,
}

/// How long a handshake with a client may take.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The source of a server's certificate and key.
#[derive(Clone, Debug)]
pub enum Identity {
    /// PEM files.
    Files(KeyPair),
    /// A certificate for this machine that is generated at start and used for this run only.
    SelfSigned {
        /// More names and addresses, besides localhost, the loopback addresses and the host name.
        names: Vec<String>,
    },
}

/// The server side of a handshake, ready to use on any number of connections.
#[derive(Clone)]
pub struct ServerHandshake {
    config: Arc<ServerConfig>,
    pin: Pin,
    trust: Trust,
    accepts_missing_close_notify: bool,
    key_log: Option<Arc<KeyLogFile>>,
}

impl ServerHandshake {
    /// Reads the files that `options` names, or generates a certificate.
    ///
    /// # Errors
    /// A file cannot be read or used, or no certificate can be generated.
    pub fn new(options: &ServerTlsOptions) -> Result<Self, SetupError> {
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(SetupError::Library)?;
        let (builder, trust) = match &options.client_ca {
            None => (builder.with_no_client_auth(), Trust::NotRequested),
            Some(path) => {
                let listed = ListedCertificates(pem::certificates(path)?.into());
                let roots = Arc::new(pem::roots(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let damaged = |error: rustls::server::VerifierBuilderError| SetupError::Damaged {
                    path: path.clone(),
                    why: error.to_string(),
                };
                let verifier = verifier.build().map_err(damaged)?;
                let verifier = Arc::new(ClientCertificateVerifier::new(verifier, listed));
                (builder.with_client_cert_verifier(verifier), Trust::Chain)
            }
        };
        let (chain, key) = match &options.identity {
            Identity::Files(pair) => pair.read()?,
            Identity::SelfSigned { names } => self_signed(names)?,
        };
        let pin = chain.first().map(Pin::of);
        let setup_error = |error| match &options.identity {
            Identity::Files(pair) => pair.setup_error(error),
            Identity::SelfSigned { .. } => SetupError::Library(error),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(setup_error)?;
        config.alpn_protocols = options.alpn.iter().map(|name| name.0.clone()).collect();
        let key_log = KeyLogFile::open(options.key_log.as_deref())?;
        if let Some(key_log) = &key_log {
            config.key_log = Arc::<KeyLogFile>::clone(key_log);
        }
        // The server resumes no session, so it sends no ticket: a client that closed without having
        // read one would reset the connection.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        let none = SetupError::Library(rustls::Error::NoCertificatesPresented);
        Ok(Self {
            config: Arc::new(config),
            pin: pin.ok_or(none)?,
            trust,
            accepts_missing_close_notify: options.accepts_missing_close_notify,
            key_log,
        })
    }

    /// Returns the key log; `None` if there is none.
    pub fn key_log(&self) -> Option<Arc<KeyLogFile>> {
        self.key_log.clone()
    }

    /// Returns the pin of the server's certificate.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// Performs the handshake with the client on `stream`; from then on, the stream uses TLS.
    /// `peer` is the client's name in errors.
    ///
    /// # Errors
    /// The handshake fails, the client's certificate is rejected, or `deadline` passes. The client
    /// has then received an alert if TLS defines one, and FIN.
    pub async fn accept(
        &self,
        stream: &mut Stream,
        peer: &str,
        deadline: Deadline,
    ) -> Result<TlsFacts, TlsError> {
        if self.accepts_missing_close_notify {
            stream.accept_missing_close_notify();
        }
        let side = Side::Client;
        let failed = |problem| TlsError { peer: peer.to_owned(), problem };
        let tls = ServerConnection::new(Arc::clone(&self.config));
        let tls = tls.map_err(|error| failed(TlsProblem::of(&error, side)))?;
        match deadline.bound(stream.start_tls(tls.into())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                stream.finish(Deadline::after(ALERT_DRAIN_TIMEOUT)).await;
                let first = stream.handshake_bytes();
                return Err(TlsError::of_handshake(peer, side, error, first, None));
            }
            Err(Elapsed) => {
                return Err(TlsError::of_deadline(peer, side, stream.handshake_bytes()));
            }
        }
        let name = stream.server_name();
        let facts = stream.tls().map(|tls| TlsFacts::of(tls, name, self.trust));
        facts.ok_or_else(|| failed(TlsProblem::Closed(side)))
    }
}

impl std::fmt::Debug for ServerHandshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerHandshake").field("pin", &self.pin).finish_non_exhaustive()
    }
}

/// Generates a self-signed certificate for this machine, and its key.
fn self_signed(names: &[String]) -> Result<CertificateAndKey, SetupError> {
    let host_name = identity::hostname().ok();
    let loopback = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut distinct: Vec<String> = Vec::new();
    for name in loopback.into_iter().chain(host_name).chain(names.iter().cloned()) {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    // A name that a certificate cannot contain is skipped; clients can still use the pin.
    let names: Vec<SanType> = distinct.iter().filter_map(|name| subject_alt_name(name)).collect();
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, "sockkit self-signed certificate");
    params.distinguished_name = subject;
    params.subject_alt_names = names;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Valid since yesterday, for clients with a slow clock or in another time zone.
    let today = Zoned::now().date();
    let day = |date: civil::Date| {
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        rcgen::date_time_ymd(date.year().into(), month, day)
    };
    params.not_before = day(today.saturating_sub(1.day()));
    params.not_after = day(today.saturating_add(VALIDITY_DAYS.days()));
    let key = rcgen::KeyPair::generate().map_err(SetupError::Generate)?;
    let certificate = params.self_signed(&key).map_err(SetupError::Generate)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok((vec![certificate.der().clone()], key))
}

/// Returns `name` as a subjectAltName; `None` if a certificate cannot contain it.
fn subject_alt_name(name: &str) -> Option<SanType> {
    if let Ok(ip) = name.parse() {
        return Some(SanType::IpAddress(ip));
    }
    // A certificate's names are ASCII, and an IPv6 zone is not allowed.
    let valid = rustls::pki_types::DnsName::try_from_str(name).is_ok();
    if valid { name.try_into().ok().map(SanType::DnsName) } else { None }
}
