//! The side that accepts.

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
use crate::net::tls::{
    Alpn, KeyPair, Pin, SetupError, Side, TlsError, TlsFacts, Trust, key_log, pem, provider,
};

/// How long a client that failed is listened to, so that it hears why: a socket that is closed
/// while bytes lie unread resets the connection, and the alert may be lost with it.
const FAREWELL: Duration = Duration::from_millis(500);

/// How much of such a client's bytes is read, at most.
const MAX_DISCARDED_AFTER_FAILURE: usize = 64 * 1024;

/// Days for which a certificate of ours is valid: some clients refuse more than 398.
const VALIDITY_DAYS: i64 = 365;

/// What a server may be told.
#[derive(Clone, Debug)]
pub struct ServerTlsOptions {
    /// Who it is.
    pub identity: Identity,
    /// The CAs (a PEM file) of which every client must have a certificate; none to ask for none.
    pub client_ca: Option<PathBuf>,
    /// The application protocols it speaks, the best first; empty for no choice.
    pub alpn: Vec<Alpn>,
    /// Where to write the secrets of each connection.
    pub key_log: Option<PathBuf>,
}

/// Who a server is.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Whoever its certificate says.
    Files(KeyPair),
    /// This machine, by a certificate that is made now and for this run only.
    SelfSigned {
        /// Names and addresses it goes by, beside those every machine has.
        names: Vec<String>,
    },
}

/// A server that is ready to accept.
#[derive(Clone)]
pub struct ServerHandshake {
    acceptor: TlsAcceptor,
    pin: Pin,
    trust: Trust,
}

impl ServerHandshake {
    /// Reads what `options` names, or makes it.
    ///
    /// # Errors
    /// A file cannot be read or used.
    pub fn new(options: &ServerTlsOptions) -> Result<Self, SetupError> {
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(SetupError::Library)?;
        let (builder, trust) = match &options.client_ca {
            None => (builder.with_no_client_auth(), Trust::NotAsked),
            Some(path) => {
                let roots = Arc::new(pem::roots(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let damaged = |error: rustls::server::VerifierBuilderError| SetupError::Damaged {
                    path: path.clone(),
                    why: error.to_string(),
                };
                let verifier = verifier.build().map_err(damaged)?;
                (builder.with_client_cert_verifier(verifier), Trust::Chain)
            }
        };
        let (chain, key) = match &options.identity {
            Identity::Files(pair) => pair.read()?,
            Identity::SelfSigned { names } => self_signed(names)?,
        };
        let pin = chain.first().map(Pin::of);
        let refused = |error| match &options.identity {
            Identity::Files(pair) => pair.refused(error),
            Identity::SelfSigned { .. } => SetupError::Library(error),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(refused)?;
        config.alpn_protocols = options.alpn.iter().map(|name| name.0.clone()).collect();
        config.key_log = key_log::open(options.key_log.as_deref())?;
        // Nothing is resumed. A ticket that a client leaves unread would also turn its end into a
        // reset.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        let none = SetupError::Library(rustls::Error::NoCertificatesPresented);
        Ok(Self { acceptor: Arc::new(config).into(), pin: pin.ok_or(none)?, trust })
    }

    /// Returns the pin of the server's certificate, for its clients.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// Shakes hands with the client behind `stream`, which errors call `peer`.
    ///
    /// # Errors
    /// What the client did, or what is wrong with its certificate. It has been told, as far as TLS
    /// has words for it, and the stream is closed.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        peer: &str,
        deadline: Deadline,
    ) -> Result<(TlsStream<S>, TlsFacts), TlsError> {
        let mut first = Vec::new();
        let heard = FirstBytesReader { stream: &mut stream, first: &mut first };
        let session = match deadline.bound(self.acceptor.accept(heard)).await {
            Ok(Ok(done)) => done.into_inner().1,
            Ok(Err(error)) => {
                farewell(&mut stream).await;
                return Err(TlsError::of_handshake(peer, Side::Client, error, first, None));
            }
            Err(_) => return Err(TlsError::of_deadline(peer, Side::Client, first)),
        };
        let facts = TlsFacts::of(&session, self.trust);
        // As in a client: the session moves to the bare stream, without another handshake.
        let accepted = self.acceptor.accept_with(stream, |fresh| *fresh = session).await;
        let fail = |error| TlsError::of_handshake(peer, Side::Client, error, Vec::new(), None);
        Ok((accepted.map_err(fail)?.into(), facts))
    }
}

impl std::fmt::Debug for ServerHandshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("pin", &self.pin).finish_non_exhaustive()
    }
}

/// Ends our side, and reads until the client has ended its own.
async fn farewell<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
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
    // What goes wrong now is no longer worth a word.
    drop(Deadline::after(FAREWELL).bound(drain).await);
}

/// Makes a certificate for this machine, and its key.
fn self_signed(names: &[String]) -> Result<CertificateAndKey, SetupError> {
    let own = interface::hostname().ok();
    let always = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut known: Vec<String> = Vec::new();
    for name in always.into_iter().chain(own).chain(names.iter().cloned()) {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    // A host's name that no certificate can have is left out: the pin counts.
    let names: Vec<SanType> = known.iter().filter_map(|name| san(name)).collect();
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, "sockkit self-signed certificate");
    params.distinguished_name = subject;
    params.subject_alt_names = names;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // From yesterday on, for clients whose clocks are behind or in another zone.
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

fn san(name: &str) -> Option<SanType> {
    if let Ok(ip) = name.parse() {
        return Some(SanType::IpAddress(ip));
    }
    // As certificates have them: ASCII, without a zone.
    let valid = rustls::pki_types::DnsName::try_from_str(name).is_ok();
    if valid { name.try_into().ok().map(SanType::DnsName) } else { None }
}
