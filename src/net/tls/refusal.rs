//! Why a certificate was rejected, as shown to a user.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, OtherError};

use crate::net::tls::certificate::{CertificateFields, UnusableKey};
use crate::net::tls::verifier::{
    NoRoots, RejectedKey, SeenCertificate, WrongPin, is_ca_as_end_entity,
};
use crate::text;

/// How many of a certificate's names a message lists: about one line.
const MAX_NAMES: usize = 6;

/// The text of the platform verifier's error for a certificate with another purpose. The verifier
/// does not export the error's type.
const WRONG_PURPOSE: &str = "certificate had invalid extensions";

/// Why a certificate was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateRefusal {
    /// It is signed with its own key, and not trusted itself.
    SelfSigned,
    /// Its issuer is not a trusted CA, or the peer did not send the intermediate certificates.
    UnknownIssuer,
    /// This machine has no CA certificates.
    NoRoots,
    /// Its pin is not one of the given pins.
    WrongPin,
    /// It is not valid for the expected name.
    WrongName {
        /// The expected name or address.
        expected: String,
        /// The names and addresses in the certificate, escaped; may be empty.
        presented: Vec<String>,
    },
    /// It has expired; this is when, if known.
    Expired(Option<Timestamp>),
    /// It is not valid yet; this is when it becomes valid, if known.
    NotYetValid(Option<Timestamp>),
    /// It is a CA certificate (`CA:TRUE`), which may only sign other certificates.
    CaAsEndEntity,
    /// It was issued for another purpose (extended key usage).
    WrongPurpose,
    /// It was revoked.
    Revoked,
    /// Its key cannot be used.
    UnusableKey(UnusableKey),
    /// The key of a CA in its chain cannot be used.
    UnusableCaKey(UnusableKey),
    /// A certificate in its chain is signed with an algorithm that is not supported, such as SHA-1.
    UnsupportedSignature,
    /// The peer did not prove that it has the certificate's private key.
    KeyNotProven,
    /// Another reason: the library's message, escaped.
    Other(String),
}

impl CertificateRefusal {
    /// Returns the reason that `error` reports; `seen` is the server's certificate, or `None` for a
    /// client's.
    pub(super) fn of(error: &CertificateError, seen: Option<&SeenCertificate>) -> Self {
        let fields = seen.map(|seen| &seen.fields);
        match error {
            CertificateError::UnknownIssuer
                if fields.is_some_and(CertificateFields::is_self_issued) =>
            {
                Self::SelfSigned
            }
            error if is_ca_as_end_entity(error) => {
                let is_self_issued = fields.is_some_and(CertificateFields::is_self_issued);
                if is_self_issued { Self::SelfSigned } else { Self::CaAsEndEntity }
            }
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            // A server's chain is already verified at this point, so the invalid signature is that
            // of the handshake. A client's may be that of its chain or of its handshake.
            CertificateError::BadSignature if seen.is_some() => Self::KeyNotProven,
            CertificateError::BadSignature => Self::Other("a signature is invalid".to_owned()),
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                Self::UnsupportedSignature
            }
            CertificateError::NotValidForNameContext { expected, presented } => Self::WrongName {
                expected: expected.to_str().into_owned(),
                presented: plain_names(presented, fields.map_or(&[], |fields| &fields.addresses)),
            },
            CertificateError::Expired => Self::Expired(None),
            CertificateError::ExpiredContext { not_after, .. } => {
                Self::Expired(timestamp(*not_after))
            }
            CertificateError::NotValidYet => Self::NotYetValid(None),
            CertificateError::NotValidYetContext { not_before, .. } => {
                Self::NotYetValid(timestamp(*not_before))
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::WrongPurpose
            }
            CertificateError::Revoked => Self::Revoked,
            CertificateError::Other(OtherError(error)) if error.is::<WrongPin>() => Self::WrongPin,
            CertificateError::Other(OtherError(error))
                if let Some(key) = error.downcast_ref::<RejectedKey>() =>
            {
                match key.clone() {
                    RejectedKey::Own(key) => Self::UnusableKey(key),
                    RejectedKey::OfCa(key) => Self::UnusableCaKey(key),
                }
            }
            CertificateError::Other(OtherError(error)) if error.is::<NoRoots>() => Self::NoRoots,
            CertificateError::Other(OtherError(error)) => match &*error.to_string() {
                WRONG_PURPOSE => Self::WrongPurpose,
                message => Self::Other(text::escape(message.as_bytes())),
            },
            error => Self::Other(text::escape(error.to_string().as_bytes())),
        }
    }
}

/// Returns the names in plain form. The addresses are taken from the certificate, because the
/// library writes IPv6 addresses in a notation of its own.
fn plain_names(presented: &[String], addresses: &[IpAddr]) -> Vec<String> {
    let mut addresses = addresses.iter();
    let plain = |name: &String| {
        let address = name.starts_with("IpAddress(").then(|| addresses.next()).flatten();
        address.map_or_else(|| plain_name(name), ToString::to_string)
    };
    presented.iter().map(plain).collect()
}

/// Returns the name inside rustls's `DnsName("example.com")` or `IpAddress(192.0.2.7)`, escaped.
fn plain_name(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    let bare = inner.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(inner);
    text::escape(bare.as_bytes())
}

fn timestamp(time: UnixTime) -> Option<Timestamp> {
    i64::try_from(time.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok())
}

impl fmt::Display for CertificateRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self {
            Self::SelfSigned => "it is self-signed",
            Self::UnknownIssuer => "its issuer is not trusted",
            Self::NoRoots => "this machine has no CA certificates",
            Self::WrongPin => "it is not a pinned certificate",
            Self::WrongName { expected, presented } => {
                return wrong_name(f, expected, presented);
            }
            Self::Expired(Some(at)) => return write!(f, "it expired at {at}"),
            Self::Expired(None) => "it has expired",
            Self::NotYetValid(Some(at)) => return write!(f, "it is not valid before {at}"),
            Self::NotYetValid(None) => "it is not valid yet",
            Self::CaAsEndEntity => {
                "it is a CA certificate (CA:TRUE), which may only sign other certificates"
            }
            Self::WrongPurpose => "it was issued for other purposes",
            Self::Revoked => "it was revoked",
            Self::UnusableKey(key) => return key.fmt(f),
            Self::UnusableCaKey(key) => {
                return write!(f, "a CA of its chain cannot be used: {key}");
            }
            Self::UnsupportedSignature => {
                "its chain has a signature with an algorithm that sockkit does not support"
            }
            Self::KeyNotProven => "the peer does not have its private key",
            Self::Other(message) => message,
        };
        f.write_str(reason)
    }
}

fn wrong_name(f: &mut fmt::Formatter<'_>, expected: &str, presented: &[String]) -> fmt::Result {
    write!(f, "it is not valid for {expected}, ")?;
    if presented.is_empty() {
        return f.write_str("and contains no host name or address (subjectAltName)");
    }
    let shown = presented.get(..MAX_NAMES).unwrap_or(presented);
    write!(f, "only for {}", shown.join(", "))?;
    match presented.len() - shown.len() {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_names_are_shown_in_plain_form_and_at_most_six() {
        let presented: Vec<_> =
            (0..100).map(|number| plain_name(&format!("DnsName(\"h{number}.example\")"))).collect();
        let refusal = CertificateRefusal::WrongName { expected: "a.example".into(), presented };
        let message = "it is not valid for a.example, only for h0.example, h1.example, \
                       h2.example, h3.example, h4.example, h5.example and 94 more";
        assert_eq!(refusal.to_string(), message);
        assert_eq!(plain_name("IpAddress(192.0.2.7)"), "192.0.2.7");
        assert_eq!(plain_name("DnsName(\"\u{1b}[2J\")"), "\\u{1b}[2J");
        assert_eq!(plain_name("DirectoryName"), "DirectoryName");
    }
}
