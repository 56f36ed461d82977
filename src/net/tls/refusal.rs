//! Why a certificate was refused, in a user's words.

use std::fmt;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, OtherError};

use crate::net::tls::verifier::{NoRoots, SeenCertificate, WrongPin};
use crate::text;

/// Names of a certificate that are told: a line's worth.
const MAX_NAMES: usize = 6;

/// How the library calls a CA's certificate that a server shows. The type is that of a crate below
/// it: the words are all there is.
const CA_AS_END_ENTITY: &str = "CaUsedAsEndEntity";

/// How the platform's verifier calls a certificate that was issued for other things, by a type that
/// is its own.
const WRONG_PURPOSE: &str = "certificate had invalid extensions";

/// Why a certificate was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateRefusal {
    /// Nobody but itself vouches for it.
    SelfSigned,
    /// It comes from a CA that is not trusted here, or the server left out what leads to one.
    UnknownIssuer,
    /// No CA at all is known here.
    NoRoots,
    /// It is not one that was pinned.
    WrongPin,
    /// It is for somebody else.
    WrongName {
        /// Who was expected.
        expected: String,
        /// Who it is for, escaped; perhaps nobody.
        presented: Vec<String>,
    },
    /// Its time is over.
    Expired(Option<Timestamp>),
    /// Its time has not come.
    NotYetValid(Option<Timestamp>),
    /// It is a CA's own certificate (`CA:TRUE`), which must vouch for others only.
    CaAsEndEntity,
    /// It was issued for other things than this.
    WrongPurpose,
    /// It was revoked.
    Revoked,
    /// Whoever shows it does not have its key.
    NotItsOwner,
    /// Anything else, in the library's words, escaped.
    Other(String),
}

impl CertificateRefusal {
    pub(super) fn of(error: &CertificateError, seen: Option<SeenCertificate>) -> Self {
        match error {
            CertificateError::UnknownIssuer if seen.is_some_and(|seen| seen.self_signed) => {
                Self::SelfSigned
            }
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            // A server's chain has been looked at by then: it is the handshake's. A client's may be
            // either.
            CertificateError::BadSignature if seen.is_some() => Self::NotItsOwner,
            CertificateError::BadSignature => Self::Other("a signature does not verify".to_owned()),
            CertificateError::NotValidForNameContext { expected, presented } => Self::WrongName {
                expected: expected.to_str().into_owned(),
                presented: presented.iter().map(|name| plain_name(name)).collect(),
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
            CertificateError::Other(OtherError(error)) if error.is::<NoRoots>() => Self::NoRoots,
            CertificateError::Other(OtherError(error)) => match &*error.to_string() {
                CA_AS_END_ENTITY => Self::CaAsEndEntity,
                WRONG_PURPOSE => Self::WrongPurpose,
                words => Self::Other(text::escape(words.as_bytes())),
            },
            error => Self::Other(text::escape(error.to_string().as_bytes())),
        }
    }
}

/// The library gives names as `DnsName("example.com")` or `IpAddress(192.0.2.7)`.
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
        let words = match self {
            Self::SelfSigned => "it is self-signed, so nobody else vouches for it",
            Self::UnknownIssuer => "its issuer is not trusted here",
            Self::NoRoots => "this machine knows no CA that could vouch for it",
            Self::WrongPin => "it is not the pinned one",
            Self::WrongName { expected, presented } => {
                return wrong_name(f, expected, presented);
            }
            Self::Expired(Some(at)) => return write!(f, "it expired at {at}"),
            Self::Expired(None) => "it has expired",
            Self::NotYetValid(Some(at)) => return write!(f, "it is not valid before {at}"),
            Self::NotYetValid(None) => "it is not valid yet",
            Self::CaAsEndEntity => "it is a CA's own (CA:TRUE), which is for signing others only",
            Self::WrongPurpose => "it was issued for other purposes",
            Self::Revoked => "it was revoked",
            Self::NotItsOwner => "whoever shows it does not have its key",
            Self::Other(words) => words,
        };
        f.write_str(words)
    }
}

fn wrong_name(f: &mut fmt::Formatter<'_>, expected: &str, presented: &[String]) -> fmt::Result {
    write!(f, "it is not for {expected}, ")?;
    if presented.is_empty() {
        return f.write_str("and has no name that counts (subjectAltName)");
    }
    let shown = presented.get(..MAX_NAMES).unwrap_or(presented);
    write!(f, "but for {}", shown.join(", "))?;
    match presented.len() - shown.len() {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_as_people_write_them_and_not_all_of_a_hundred() {
        let presented: Vec<_> =
            (0..100).map(|number| plain_name(&format!("DnsName(\"h{number}.example\")"))).collect();
        let refusal = CertificateRefusal::WrongName { expected: "a.example".into(), presented };
        let words = "it is not for a.example, but for h0.example, h1.example, h2.example, \
                     h3.example, h4.example, h5.example and 94 more";
        assert_eq!(refusal.to_string(), words);
        assert_eq!(plain_name("IpAddress(192.0.2.7)"), "192.0.2.7");
        assert_eq!(plain_name("DnsName(\"\u{1b}[2J\")"), "\\u{1b}[2J");
        assert_eq!(plain_name("DirectoryName"), "DirectoryName");
    }
}
