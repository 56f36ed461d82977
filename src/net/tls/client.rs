//! The side that connects.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, TlsStream};

use crate::net::Deadline;
use crate::net::tls::first_bytes::FirstBytesReader;
use crate::net::tls::verifier::{CertificateVerifier, TrustPolicy};
use crate::net::tls::{
    Alpn, KeyPair, Pin, ServerName, SetupError, Side, TlsError, TlsFacts, key_log, pem, provider,
};

/// What a client may be told.
#[derive(Clone, Debug, Default)]
pub struct ClientTlsOptions {
    /// Whom to trust.
    pub trust: ClientTrust,
    /// The name to ask for and to find in the certificate; none for the host's own.
    pub server_name: Option<ServerName>,
    /// The application protocols to offer, the best first; empty for no offer.
    pub alpn: Vec<Alpn>,
    /// What to show a server that asks who we are.
    pub certificate: Option<KeyPair>,
    /// Where to write the secrets of each connection.
    pub key_log: Option<PathBuf>,
}

/// Whom a client trusts.
#[derive(Clone, Debug, Default)]
pub enum ClientTrust {
    /// Whoever this machine trusts.
    #[default]
    Platform,
    /// The CAs of a PEM file, and no others.
    Ca(PathBuf),
    /// The certificates with one of these pins, whatever their names and issuers.
    Pins(Vec<Pin>),
    /// Anybody: the connection is private, but with whom is unknown.
    Anyone,
}

/// A client that is ready to connect.
#[derive(Clone, Debug)]
pub struct ClientHandshake {
    config: ClientConfig,
    law: TrustPolicy,
    provider: Arc<CryptoProvider>,
    server_name: Option<ServerName>,
}

impl ClientHandshake {
    /// Reads what `options` names.
    ///
    /// # Errors
    /// A file cannot be read or used.
    pub fn new(options: &ClientTlsOptions) -> Result<Self, SetupError> {
        let provider = provider();
        let law = law(&options.trust, &provider)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(SetupError::Library)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(CertificateVerifier::new(
                law.clone(),
                Arc::clone(&provider),
            )));
        let mut config = match &options.certificate {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let (chain, key) = pair.read()?;
                builder.with_client_auth_cert(chain, key).map_err(|error| pair.refused(error))?
            }
        };
        config.alpn_protocols = options.alpn.iter().map(|name| name.0.clone()).collect();
        config.key_log = key_log::open(options.key_log.as_deref())?;
        // Each connection shows its whole handshake.
        config.resumption = Resumption::disabled();
        Ok(Self { config, law, provider, server_name: options.server_name.clone() })
    }

    /// Shakes hands with the server behind `stream`: `host` is who it should be, unless the
    /// options name another; `peer` is what errors call it.
    ///
    /// # Errors
    /// What the peer did, or what is wrong with its certificate; the stream is closed then.
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        host: &ServerName,
        peer: &str,
        deadline: Deadline,
    ) -> Result<(TlsStream<S>, TlsFacts), TlsError> {
        let name = self.server_name.as_ref().unwrap_or(host).0.clone();
        // What one server shows must not be mixed up with what another does.
        let judge =
            Arc::new(CertificateVerifier::new(self.law.clone(), Arc::clone(&self.provider)));
        let mut config = self.config.clone();
        config.dangerous().set_certificate_verifier(Arc::clone(&judge) as _);
        let connector = TlsConnector::from(Arc::new(config));
        let mut first = Vec::new();
        let heard = FirstBytesReader { stream: &mut stream, first: &mut first };
        let session = match deadline.bound(connector.connect(name.clone(), heard)).await {
            Ok(Ok(done)) => done.into_inner().1,
            Ok(Err(error)) => {
                return Err(TlsError::of_handshake(peer, Side::Server, error, first, judge.seen()));
            }
            Err(_) => return Err(TlsError::of_deadline(peer, Side::Server, first)),
        };
        let facts = TlsFacts::of(&session, judge.trust());
        // The session moves to the bare stream: nothing is written down from here on. There is no
        // handshake left to do, so this does not wait.
        let connected = connector.connect_with(name, stream, |fresh| *fresh = session).await;
        let fail = |error| TlsError::of_handshake(peer, Side::Server, error, Vec::new(), None);
        Ok((connected.map_err(fail)?.into(), facts))
    }
}

fn law(trust: &ClientTrust, provider: &Arc<CryptoProvider>) -> Result<TrustPolicy, SetupError> {
    Ok(match trust {
        // It fails where it finds no CA, as in a bare container.
        ClientTrust::Platform => rustls_platform_verifier::Verifier::new(Arc::clone(provider))
            .map_or(TrustPolicy::NoRoots, |verifier| TrustPolicy::Chain(Arc::new(verifier))),
        ClientTrust::Ca(path) => {
            let roots = Arc::new(pem::roots(path)?);
            let verifier =
                WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
            // There is at least one CA, and no revocation list to be wrong.
            TrustPolicy::Chain(verifier.map_err(|error| SetupError::Damaged {
                path: path.clone(),
                why: error.to_string(),
            })?)
        }
        ClientTrust::Pins(pins) => TrustPolicy::Pins(pins.clone().into()),
        ClientTrust::Anyone => TrustPolicy::Anyone,
    })
}
