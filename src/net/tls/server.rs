//! The TLS server: its settings, its handshake and its self-signed certificate.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{ToSpan as _, Zoned, civil};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, SanType};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::{TlsAcceptor, TlsStream};

use crate::net::Deadline;
use crate::net::address::interface;
use crate::net::tls::first_bytes::FirstBytesReader;
use crate::net::tls::pem::CertificateAndKey;
use crate::net::tls::verifier::{ClientCertificateVerifier, ListedCertificates};
use crate::net::tls::{
    Alpn, KeyPair, Pin, SetupError, Side, TlsError, TlsFacts, Trust, key_log, pem, provider,
};

/// How long the server keeps reading after a failed handshake. Closing a socket that has unread
/// bytes resets the connection, and the client may then never receive the alert.
const ALERT_DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// Maximum number of bytes read and discarded after a failed handshake.
const MAX_DISCARDED_AFTER_FAILURE: usize = 64 * 1024;

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
}

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
    acceptor: TlsAcceptor,
    pin: Pin,
    trust: Trust,
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
        config.key_log = key_log::open(options.key_log.as_deref())?;
        // The server resumes no session, so it sends no ticket: a client that closed without having
        // read one would reset the connection.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        let none = SetupError::Library(rustls::Error::NoCertificatesPresented);
        Ok(Self { acceptor: Arc::new(config).into(), pin: pin.ok_or(none)?, trust })
    }

    /// Returns the pin of the server's certificate.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// Performs the handshake with the client on `stream`; `peer` is the client's name in errors.
    ///
    /// # Errors
    /// The handshake fails, the client's certificate is rejected, or `deadline` passes. Unless the
    /// deadline passed, the server has sent an alert if TLS defines one. `stream` is closed.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        peer: &str,
        deadline: Deadline,
    ) -> Result<(TlsStream<S>, TlsFacts), TlsError> {
        let mut first = Vec::new();
        let recorded = FirstBytesReader { stream: &mut stream, first: &mut first };
        let session = match deadline.bound(self.acceptor.accept(recorded)).await {
            Ok(Ok(done)) => done.into_inner().1,
            Ok(Err(error)) => {
                drain_after_failure(&mut stream).await;
                return Err(TlsError::of_handshake(peer, Side::Client, error, first, None));
            }
            Err(_) => return Err(TlsError::of_deadline(peer, Side::Client, first)),
        };
        let facts = TlsFacts::of(&session, self.trust);
        // As in `ClientHandshake::connect`, the session moves to the stream itself, without another
        // handshake.
        let accepted = self.acceptor.accept_with(stream, |new| *new = session).await;
        let fail = |error| TlsError::of_handshake(peer, Side::Client, error, Vec::new(), None);
        Ok((accepted.map_err(fail)?.into(), facts))
    }
}

impl std::fmt::Debug for ServerHandshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerHandshake").field("pin", &self.pin).finish_non_exhaustive()
    }
}

/// Shuts down the write side, then reads until the client closes, within limits.
async fn drain_after_failure<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    let drain = async {
        stream.shutdown().await?;
        let mut rest = MAX_DISCARDED_AFTER_FAILURE;
        let mut buffer = [0; 1024];
        while rest > 0 {
            match stream.read(&mut buffer).await? {
                0 => break,
                len => rest = rest.saturating_sub(len),
            }
        }
        io::Result::Ok(())
    };
    // The caller reports the failed handshake; a failure here adds nothing.
    drop(Deadline::after(ALERT_DRAIN_TIMEOUT).bound(drain).await);
}

/// Generates a self-signed certificate for this machine, and its key.
fn self_signed(names: &[String]) -> Result<CertificateAndKey, SetupError> {
    let host_name = interface::hostname().ok();
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
