//! Verifies a server's certificate and keeps its pin for reports.
//!
//! Whatever the policy, the certificate's key must have signed the handshake: otherwise any server
//! could present a copy of the pinned certificate.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{self, CertificateDer, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use crate::net::tls::{Pin, Trust};

/// How a server's certificate is verified.
#[derive(Clone, Debug)]
pub(super) enum TrustPolicy {
    /// It must have the expected name and a chain to a CA that this verifier trusts.
    Chain(Arc<dyn ServerCertVerifier>),
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
#[derive(Clone, Copy, Debug)]
pub(super) struct SeenCertificate {
    /// Its pin.
    pub(super) pin: Pin,
    /// Whether it was signed with its own key; determined only if it was rejected.
    pub(super) self_signed: bool,
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
        self.seen.get().copied()
    }

    /// Returns the reason for which this verifier accepts a certificate.
    pub(super) fn trust(&self) -> Trust {
        match self.policy {
            TrustPolicy::Chain(_) | TrustPolicy::NoRoots => Trust::Chain,
            TrustPolicy::Pins(_) => Trust::Pinned,
            TrustPolicy::AnyCertificate => Trust::Unchecked,
        }
    }

    /// Returns whether `certificate` verifies with itself as the only CA, regardless of its names.
    fn is_self_signed(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
        let mut roots = RootCertStore::empty();
        if roots.add(certificate.clone()).is_err() {
            return false;
        }
        let builder =
            WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&self.provider));
        let any_name = pki_types::ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into());
        let outcome = builder
            .build()
            .map(|verifier| verifier.verify_server_cert(certificate, &[], &any_name, &[], now));
        // webpki compares names last, so a name error means that the chain is valid.
        matches!(
            outcome,
            Ok(Ok(_)
                | Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName
                        | CertificateError::NotValidForNameContext { .. }
                )))
        )
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
        let outcome = match &self.policy {
            TrustPolicy::AnyCertificate => Ok(ServerCertVerified::assertion()),
            TrustPolicy::Pins(pins) if pins.contains(&pin) => Ok(ServerCertVerified::assertion()),
            TrustPolicy::Pins(_) => Err(rejected(WrongPin)),
            TrustPolicy::NoRoots => Err(rejected(NoRoots)),
            TrustPolicy::Chain(verifier) => verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| match error {
                    // A trusted CA with the issuer's name but another key is not the issuer.
                    Error::InvalidCertificate(CertificateError::BadSignature) => {
                        CertificateError::UnknownIssuer.into()
                    }
                    error => error,
                }),
        };
        // Only the error message for a rejected certificate needs this.
        let self_signed = outcome.is_err() && self.is_self_signed(end_entity, now);
        // A connection has one handshake, so the cell is still empty.
        self.seen.set(SeenCertificate { pin, self_signed }).ok();
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

/// Returns `error` as the library's error for a rejected certificate.
fn rejected(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}
