//! Who decides on a server's certificate, and remembers it.
//!
//! Whatever is decided on the certificate, its key must have signed the handshake: without that
//! anybody could show a certificate that is pinned.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{self, CertificateDer, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use crate::net::tls::{Pin, Trust};

/// What a certificate is held against.
#[derive(Clone, Debug)]
pub(super) enum TrustPolicy {
    /// It must have the right name and come from a CA that this knows.
    Chain(Arc<dyn ServerCertVerifier>),
    /// The same, where no CA is known at all.
    NoRoots,
    /// It must be one of these.
    Pins(Arc<[Pin]>),
    /// Any will do.
    Anyone,
}

/// A verifier for one connection.
#[derive(Debug)]
pub(super) struct CertificateVerifier {
    law: TrustPolicy,
    provider: Arc<CryptoProvider>,
    seen: OnceLock<SeenCertificate>,
}

/// The certificate a server showed.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeenCertificate {
    /// Its pin.
    pub(super) pin: Pin,
    /// Whether its own key signed it.
    pub(super) self_signed: bool,
}

/// The certificate is not among the pinned ones.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not the pinned certificate")]
pub(super) struct WrongPin;

/// There is no CA that could vouch for anybody.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no CA is known")]
pub(super) struct NoRoots;

impl CertificateVerifier {
    pub(super) fn new(law: TrustPolicy, provider: Arc<CryptoProvider>) -> Self {
        Self { law, provider, seen: OnceLock::new() }
    }

    /// Returns what was shown, once it was.
    pub(super) fn seen(&self) -> Option<SeenCertificate> {
        self.seen.get().copied()
    }

    /// Returns what it means that this judge accepted a certificate.
    pub(super) fn trust(&self) -> Trust {
        match self.law {
            TrustPolicy::Chain(_) | TrustPolicy::NoRoots => Trust::Chain,
            TrustPolicy::Pins(_) => Trust::Pinned,
            TrustPolicy::Anyone => Trust::Unchecked,
        }
    }

    /// Returns whether a certificate would be accepted if it were a CA itself, names aside.
    fn is_self_signed(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
        let mut roots = RootCertStore::empty();
        if roots.add(certificate.clone()).is_err() {
            return false;
        }
        let builder =
            WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&self.provider));
        let anybody = pki_types::ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into());
        let outcome = builder
            .build()
            .map(|verifier| verifier.verify_server_cert(certificate, &[], &anybody, &[], now));
        // Names are compared last: who gets there has a chain.
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
        let outcome = match &self.law {
            TrustPolicy::Anyone => Ok(ServerCertVerified::assertion()),
            TrustPolicy::Pins(pins) if pins.contains(&pin) => Ok(ServerCertVerified::assertion()),
            TrustPolicy::Pins(_) => Err(other(WrongPin)),
            TrustPolicy::NoRoots => Err(other(NoRoots)),
            TrustPolicy::Chain(verifier) => verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| match error {
                    // A CA that has the issuer's name and another key is not the issuer.
                    Error::InvalidCertificate(CertificateError::BadSignature) => {
                        CertificateError::UnknownIssuer.into()
                    }
                    error => error,
                }),
        };
        // Of interest to an explanation only.
        let self_signed = outcome.is_err() && self.is_self_signed(end_entity, now);
        // A connection has one handshake: nothing stands there yet.
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

fn other(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}
