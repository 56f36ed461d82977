//! The TLS client: its settings and its handshake.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ClientConnection, CommonState};

use crate::net::deadline::{Deadline, Elapsed};
use crate::net::stream::Stream;
use crate::net::tls::verifier::{CertificateVerifier, ListedCertificates, TrustPolicy};
use crate::net::tls::{
    Alpn, CertificateRefusal, ChainCertificate, KeyLogFile, KeyPair, Pin, QuicTls, ServerName,
    SetupError, Side, TlsError, TlsFacts, TlsProblem, pem, provider,
};

/// How long a server may take to close after a failed handshake: closing a socket that has unread
/// bytes resets the connection, and the server may then never receive the alert.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// The most certificates of a chain that are shown: more than any real chain has.
const MAX_SHOWN_CHAIN: usize = 10;

/// What a handshake shows of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectedServer {
    /// The negotiated parameters.
    pub facts: TlsFacts,
    /// The certificates that the server sent, its own first.
    pub chain: Vec<ChainCertificate>,
    /// Why the certificate would be rejected; `None` if it is accepted.
    pub refusal: Option<CertificateRefusal>,
}

/// The settings of a TLS client.
#[derive(Clone, Debug, Default)]
pub struct ClientTlsOptions {
    /// Which server certificates to accept.
    pub trust: ClientTrust,
    /// The name to send (SNI) and to require in the certificate; `None` for the host connected to.
    pub server_name: Option<ServerName>,
    /// The application protocols to offer (ALPN), in order of preference; empty to send no offer.
    pub alpn: Vec<Alpn>,
    /// The certificate for a server that requests one.
    pub certificate: Option<KeyPair>,
    /// The file to which the secrets of each connection are appended.
    pub key_log: Option<PathBuf>,
    /// Whether EOF without `close_notify` ends the received data like EOF with it.
    pub accepts_missing_close_notify: bool,
}

/// Which server certificates a client accepts.
#[derive(Clone, Debug, Default)]
pub enum ClientTrust {
    /// Those that this machine's trust store accepts.
    #[default]
    Platform,
    /// Those in a PEM file, those signed by a CA in it, and no others.
    Ca(PathBuf),
    /// Those with one of these pins, whatever their names and issuers.
    Pins(Vec<Pin>),
    /// Any certificate: the connection is encrypted, but the server's identity is unknown.
    AnyCertificate,
}

/// The client side of a handshake, ready to use on any number of connections.
#[derive(Clone, Debug)]
pub struct ClientHandshake {
    config: ClientConfig,
    policy: TrustPolicy,
    provider: Arc<CryptoProvider>,
    server_name: Option<ServerName>,
    accepts_missing_close_notify: bool,
    key_log: Option<Arc<KeyLogFile>>,
}

impl ClientHandshake {
    /// Reads the files that `options` names.
    ///
    /// # Errors
    /// A file cannot be read or used.
    pub fn new(options: &ClientTlsOptions) -> Result<Self, SetupError> {
        let provider = provider();
        let policy = trust_policy(&options.trust, &provider)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(SetupError::Library)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(CertificateVerifier::new(
                policy.clone(),
                Arc::clone(&provider),
            )));
        let mut config = match &options.certificate {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let (chain, key) = pair.read()?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| pair.setup_error(error))?
            }
        };
        config.alpn_protocols = options.alpn.iter().map(|name| name.0.clone()).collect();
        let key_log = KeyLogFile::open(options.key_log.as_deref())?;
        if let Some(key_log) = &key_log {
            config.key_log = Arc::<KeyLogFile>::clone(key_log);
        }
        // Every connection makes a full handshake, so that sockkit verifies and reports the
        // server's certificate each time.
        config.resumption = Resumption::disabled();
        Ok(Self {
            config,
            policy,
            provider,
            server_name: options.server_name.clone(),
            accepts_missing_close_notify: options.accepts_missing_close_notify,
            key_log,
        })
    }

    /// Returns the key log; `None` if there is none.
    pub fn key_log(&self) -> Option<Arc<KeyLogFile>> {
        self.key_log.clone()
    }

    /// Performs the handshake with the server on `stream`; from then on, the stream uses TLS.
    ///
    /// The certificate must be valid for `host`, unless the options set another server name.
    /// `peer` is the server's name in errors.
    ///
    /// # Errors
    /// The handshake fails, the certificate is rejected, or `deadline` passes. The server has then
    /// received an alert if TLS defines one, and FIN.
    pub async fn connect(
        &self,
        stream: &mut Stream,
        host: &ServerName,
        peer: &str,
        deadline: Deadline,
    ) -> Result<TlsFacts, TlsError> {
        let (facts, _) = self.handshake(stream, host, peer, deadline, false).await?;
        Ok(facts)
    }

    /// Performs the handshake as [`Self::connect`] does, but goes on with a certificate that is
    /// rejected, and returns the reason. The stream must carry no data then.
    ///
    /// # Errors
    /// The handshake fails for another reason, or `deadline` passes.
    pub async fn inspect(
        &self,
        stream: &mut Stream,
        host: &ServerName,
        peer: &str,
        deadline: Deadline,
    ) -> Result<InspectedServer, TlsError> {
        let (facts, verifier) = self.handshake(stream, host, peer, deadline, true).await?;
        let sent = stream.tls().and_then(CommonState::peer_certificates).unwrap_or_default();
        let seen = verifier.seen();
        let refusal = |error| CertificateRefusal::of(error, seen.as_ref());
        Ok(InspectedServer {
            facts,
            chain: sent.iter().take(MAX_SHOWN_CHAIN).map(ChainCertificate::of).collect(),
            refusal: verifier.rejection().map(refusal),
        })
    }

    /// Returns the same client, which offers only this application protocol (ALPN).
    #[must_use]
    pub fn offering(&self, protocol: &str) -> Self {
        let mut offering = self.clone();
        offering.config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        offering
    }

    /// Returns the TLS of a QUIC connection to `host`.
    ///
    /// The certificate must be valid for `host`, unless the options set another server name.
    pub fn for_quic(&self, host: &ServerName) -> QuicTls {
        let (config, verifier) = self.of_connection(false);
        let host = self.server_name.as_ref().unwrap_or(host);
        QuicTls { config, server_name: host.to_string(), verifier }
    }

    /// Returns the configuration of one connection, and its verifier. Each connection has its own
    /// verifier, because the verifier stores the server's certificate.
    fn of_connection(&self, inspects: bool) -> (ClientConfig, Arc<CertificateVerifier>) {
        let verifier = CertificateVerifier::new(self.policy.clone(), Arc::clone(&self.provider));
        let verifier = Arc::new(if inspects { verifier.inspecting() } else { verifier });
        let mut config = self.config.clone();
        config.dangerous().set_certificate_verifier(Arc::clone(&verifier) as _);
        (config, verifier)
    }

    async fn handshake(
        &self,
        stream: &mut Stream,
        host: &ServerName,
        peer: &str,
        deadline: Deadline,
        inspects: bool,
    ) -> Result<(TlsFacts, Arc<CertificateVerifier>), TlsError> {
        if self.accepts_missing_close_notify {
            stream.accept_missing_close_notify();
        }
        let host = self.server_name.as_ref().unwrap_or(host);
        let (config, verifier) = self.of_connection(inspects);
        let tls = ClientConnection::new(Arc::new(config), host.0.clone());
        let side = Side::Server;
        let failed = |error| TlsError { peer: peer.to_owned(), problem: error };
        let tls = tls.map_err(|error| failed(TlsProblem::of(&error, side)))?;
        match deadline.bound(stream.start_tls(tls.into())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                stream.finish(Deadline::after(CLOSE_TIMEOUT)).await;
                let (seen, first) = (verifier.seen(), stream.handshake_bytes());
                return Err(TlsError::of_handshake(peer, side, error, first, seen.as_ref()));
            }
            Err(Elapsed) => {
                return Err(TlsError::of_deadline(peer, side, stream.handshake_bytes()));
            }
        }
        let facts = stream.tls().map(|tls| TlsFacts::of(tls, host.sni(), verifier.trust()));
        let facts = facts.ok_or_else(|| failed(TlsProblem::Closed(side)))?;
        Ok((facts, verifier))
    }
}

fn trust_policy(
    trust: &ClientTrust,
    provider: &Arc<CryptoProvider>,
) -> Result<TrustPolicy, SetupError> {
    Ok(match trust {
        // The platform verifier fails where the system has no CA certificates, as in a minimal
        // container.
        ClientTrust::Platform => rustls_platform_verifier::Verifier::new(Arc::clone(provider))
            .map_or(TrustPolicy::NoRoots, |verifier| TrustPolicy::Chain(Arc::new(verifier))),
        ClientTrust::Ca(path) => {
            let listed = pem::certificates(path)?;
            let roots = Arc::new(pem::roots(path)?);
            let verifier =
                WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
            // `build` fails only without a CA or with an invalid revocation list; the file has at
            // least one CA, and no list is set.
            let verifier = verifier.map_err(|error| SetupError::Damaged {
                path: path.clone(),
                why: error.to_string(),
            })?;
            TrustPolicy::ChainOrListed(verifier, ListedCertificates(listed.into()))
        }
        ClientTrust::Pins(pins) => TrustPolicy::Pins(pins.clone().into()),
        ClientTrust::AnyCertificate => TrustPolicy::AnyCertificate,
    })
}
