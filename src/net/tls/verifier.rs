//! Verifies a server's certificate and keeps its pin for reports.
//!
//! Whatever the policy, the certificate's key must have signed the handshake: otherwise any server
//! could present a copy of the pinned certificate.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{self, CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use crate::net::tls::certificate::CertificateFields;
use crate::net::tls::{Pin, Trust};

/// The text of webpki's error for a CA certificate that a server presents. rustls does not export
/// the error's type, so only the text identifies it.
const CA_AS_END_ENTITY: &str = "CaUsedAsEndEntity";

/// How a server's certificate is verified.
#[derive(Clone, Debug)]
pub(super) enum TrustPolicy {
    /// It must have the expected name and a chain to a CA that this verifier trusts.
    Chain(Arc<dyn ServerCertVerifier>),
    /// Like `Chain`, or it is one of these certificates itself.
    ChainOrListed(Arc<dyn ServerCertVerifier>, Arc<[CertificateDer<'static>]>),
    /// Like `Chain`, on a machine that has no CA certificates: every certificate is rejected.
    NoRoots,
    /// Its pin must be one of these.
    Pins(Arc<[Pin]>),
    /// Any certificate is accepted.
    AnyCertificate,
}

/// The certificate verifier of one connection.
#[derive(Debug)]
pub(super) struct CertificateVerifier {
    policy: TrustPolicy,
    provider: Arc<CryptoProvider>,
    seen: OnceLock<SeenCertificate>,
}

/// The certificate that a server sent.
#[derive(Clone, Debug)]
pub(super) struct SeenCertificate {
    /// Its pin.
    pub(super) pin: Pin,
    /// Its fields.
    pub(super) fields: CertificateFields,
}

/// The certificate's pin is not one of the given pins.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not a pinned certificate")]
pub(super) struct WrongPin;

/// This machine has no CA certificates.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no CA certificates")]
pub(super) struct NoRoots;

impl CertificateVerifier {
    pub(super) fn new(policy: TrustPolicy, provider: Arc<CryptoProvider>) -> Self {
        Self { policy, provider, seen: OnceLock::new() }
    }

    /// Returns the server's certificate, or `None` before the server has sent it.
    pub(super) fn seen(&self) -> Option<SeenCertificate> {
        self.seen.get().cloned()
    }

    /// Returns the reason for which this verifier accepts a certificate.
    pub(super) fn trust(&self) -> Trust {
        match self.policy {
            TrustPolicy::Chain(_) | TrustPolicy::ChainOrListed(..) | TrustPolicy::NoRoots => {
                Trust::Chain
            }
            TrustPolicy::Pins(_) => Trust::Pinned,
            TrustPolicy::AnyCertificate => Trust::Unchecked,
        }
    }
}

impl ServerCertVerifier for CertificateVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &pki_types::ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let pin = Pin::of(end_entity);
        let chain = |verifier: &Arc<dyn ServerCertVerifier>| {
            verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| match error {
                    // A trusted CA with the issuer's name but another key is not the issuer.
                    Error::InvalidCertificate(CertificateError::BadSignature) => {
                        CertificateError::UnknownIssuer.into()
                    }
                    error => error,
                })
        };
        let outcome = match &self.policy {
            TrustPolicy::AnyCertificate => Ok(ServerCertVerified::assertion()),
            TrustPolicy::Pins(pins) if pins.contains(&pin) => Ok(ServerCertVerified::assertion()),
            TrustPolicy::Pins(_) => Err(rejected(WrongPin)),
            TrustPolicy::NoRoots => Err(rejected(NoRoots)),
            TrustPolicy::Chain(verifier) => chain(verifier),
            TrustPolicy::ChainOrListed(verifier, listed) => match chain(verifier) {
                // The library verifies the dates before it looks for an issuer.
                Err(Error::InvalidCertificate(error))
                    if listed.contains(end_entity)
                        && (error == CertificateError::UnknownIssuer
                            || is_ca_as_end_entity(&error)) =>
                {
                    let certificate = ParsedCertificate::try_from(end_entity)?;
                    verify_server_name(&certificate, server_name)
                        .map(|()| ServerCertVerified::assertion())
                }
                outcome => outcome,
            },
        };
        let fields = CertificateFields::of(end_entity);
        // A connection has one handshake, so the cell is still empty.
        self.seen.set(SeenCertificate { pin, fields }).ok();
        outcome
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Returns whether a server presented a CA certificate.
pub(super) fn is_ca_as_end_entity(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(OtherError(error)) if error.to_string() == CA_AS_END_ENTITY)
}

/// Returns `error` as the library's error for a rejected certificate.
fn rejected(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}
