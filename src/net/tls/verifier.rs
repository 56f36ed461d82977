//! Verifies the certificate of a server, whose pin it keeps for reports, or of a client.
//!
//! Whatever the policy, the certificate's key must have signed the handshake: otherwise any server
//! could present a copy of the pinned certificate.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{self, CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

use crate::net::tls::certificate::{CertificateFields, UnusableKey};
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
    ChainOrListed(Arc<dyn ServerCertVerifier>, ListedCertificates),
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
    /// Whether a handshake continues with a certificate that is rejected, to show it.
    inspects: bool,
    rejection: OnceLock<CertificateError>,
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

/// A key that the library cannot use signed the handshake or a certificate.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a key that cannot be used")]
pub(super) enum RejectedKey {
    /// The key of the peer's own certificate.
    Own(UnusableKey),
    /// The key of a CA in its chain.
    OfCa(UnusableKey),
}

/// This machine has no CA certificates.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no CA certificates")]
pub(super) struct NoRoots;

impl CertificateVerifier {
    pub(super) fn new(policy: TrustPolicy, provider: Arc<CryptoProvider>) -> Self {
        let (seen, rejection) = (OnceLock::new(), OnceLock::new());
        Self { policy, provider, seen, inspects: false, rejection }
    }

    /// Returns a verifier with which a handshake continues with a certificate that it rejects.
    pub(super) fn inspecting(self) -> Self {
        Self { inspects: true, ..self }
    }

    /// Returns why the certificate was rejected.
    pub(super) fn rejection(&self) -> Option<&CertificateError> {
        self.rejection.get()
    }

    /// Returns the server's certificate, or `None` before the server has sent it.
    pub(super) fn seen(&self) -> Option<SeenCertificate> {
        self.seen.get().cloned()
    }

    /// Keeps the reason if the certificate is rejected: QUIC reports only an alert.
    fn remember<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::InvalidCertificate(error)) = &outcome {
            self.rejection.set(error.clone()).ok();
        }
        outcome
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
        let chain =
            |verifier: &Arc<dyn ServerCertVerifier>, listed: &ListedCertificates| match verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            {
                Err(error) if listed.accept(end_entity, &error) => {
                    let certificate = ParsedCertificate::try_from(end_entity)?;
                    verify_server_name(&certificate, server_name)
                        .map(|()| ServerCertVerified::assertion())
                }
                outcome => {
                    outcome.map_err(|error| listed.explain(error, end_entity, intermediates))
                }
            };
        let outcome = match &self.policy {
            TrustPolicy::AnyCertificate => Ok(ServerCertVerified::assertion()),
            TrustPolicy::Pins(pins) if pins.contains(&pin) => Ok(ServerCertVerified::assertion()),
            TrustPolicy::Pins(_) => Err(rejected(WrongPin)),
            TrustPolicy::NoRoots => Err(rejected(NoRoots)),
            TrustPolicy::Chain(verifier) => chain(verifier, &ListedCertificates::default()),
            TrustPolicy::ChainOrListed(verifier, listed) => chain(verifier, listed),
        };
        let fields = CertificateFields::of(end_entity);
        // A connection has one handshake, so the cell is still empty.
        self.seen.set(SeenCertificate { pin, fields }).ok();
        match self.remember(outcome) {
            Err(Error::InvalidCertificate(_)) if self.inspects => {
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
            .map_err(|error| explain_signature(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let verified = verify_tls13_signature(message, certificate, signed, algorithms);
        self.remember(verified.map_err(|error| explain_signature(error, certificate)))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The verifier of the certificates of clients.
#[derive(Debug)]
pub(super) struct ClientCertificateVerifier {
    chain: Arc<dyn ClientCertVerifier>,
    listed: ListedCertificates,
}

impl ClientCertificateVerifier {
    /// Returns a verifier that accepts what `chain` accepts, and the listed certificates
    /// themselves.
    pub(super) fn new(chain: Arc<dyn ClientCertVerifier>, listed: ListedCertificates) -> Self {
        Self { chain, listed }
    }
}

impl ClientCertVerifier for ClientCertificateVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.chain.verify_client_cert(end_entity, intermediates, now) {
            Err(error) if self.listed.accept(end_entity, &error) => {
                Ok(ClientCertVerified::assertion())
            }
            outcome => {
                outcome.map_err(|error| self.listed.explain(error, end_entity, intermediates))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.chain.verify_tls12_signature(message, certificate, signed);
        verified.map_err(|error| explain_signature(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.chain.verify_tls13_signature(message, certificate, signed);
        verified.map_err(|error| explain_signature(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// The certificates in a file of the user: CAs, and peers that are trusted themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct ListedCertificates(pub(super) Arc<[CertificateDer<'static>]>);

impl ListedCertificates {
    /// Returns whether `end_entity` is listed itself, and `error` only says that no CA vouches for
    /// it. The library verifies the dates before it looks for an issuer.
    fn accept(&self, end_entity: &CertificateDer<'_>, error: &Error) -> bool {
        let lacks_ca = match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
            Error::InvalidCertificate(error) if is_ca_as_end_entity(error) => true,
            error => is_invalid_signature(error),
        };
        lacks_ca && self.0.contains(end_entity)
    }

    /// Returns the error of a chain that cannot be verified, or a clearer one.
    fn explain(
        &self,
        error: Error,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Error {
        if !is_invalid_signature(&error) {
            return error;
        }
        let fields = CertificateFields::of(end_entity);
        let cas = intermediates.iter().chain(&*self.0).map(|ca| CertificateFields::of(ca));
        match fields.unusable_ca_key(&cas.collect::<Vec<_>>()) {
            Some(key) if fields.is_self_issued() => rejected(RejectedKey::Own(key)),
            Some(key) => rejected(RejectedKey::OfCa(key)),
            // A trusted CA with the issuer's name but another key is not the issuer.
            None if error == CertificateError::BadSignature.into() => {
                CertificateError::UnknownIssuer.into()
            }
            None => error,
        }
    }
}

/// Returns the error of a handshake's signature by the key of `certificate`, or a clearer one.
fn explain_signature(error: Error, certificate: &CertificateDer<'_>) -> Error {
    match CertificateFields::of(certificate).unusable_key {
        Some(key) if is_invalid_signature(&error) => rejected(RejectedKey::Own(key)),
        _ => error,
    }
}

/// Returns whether a signature is invalid, as the library reports it also for a key that it cannot
/// use.
fn is_invalid_signature(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::BadSignature
                | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        )
    )
}

/// Returns whether a peer presented a CA certificate.
pub(super) fn is_ca_as_end_entity(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(OtherError(error)) if error.to_string() == CA_AS_END_ENTITY)
}

/// Returns `error` as the library's error for a rejected certificate.
fn rejected(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}
