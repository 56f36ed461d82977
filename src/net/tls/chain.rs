//! The certificates that a server sends, as shown to a user.
//!
//! Nothing here decides whether a certificate is trusted: the TLS library does.

use std::net::IpAddr;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::time::ASN1Time;

use crate::net::tls::Pin;
use crate::text;

/// A certificate of a chain. All text is escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainCertificate {
    /// Whose certificate it is, such as `CN=www.example.com`.
    pub subject: String,
    /// The CA that signed it.
    pub issuer: String,
    /// The names and addresses for which it is valid (subjectAltName).
    pub names: Vec<String>,
    /// When it becomes valid.
    pub not_before: Option<Timestamp>,
    /// When it expires.
    pub not_after: Option<Timestamp>,
    /// Its fingerprint.
    pub pin: Pin,
}

/// The most names that are kept of one certificate.
const MAX_CERTIFICATE_NAMES: usize = 200;

impl ChainCertificate {
    /// Reads the certificate `der`; the fields of a malformed one are empty.
    pub(super) fn of(der: &CertificateDer<'_>) -> Self {
        let pin = Pin::of(der);
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            let (subject, issuer) = (String::new(), String::new());
            let names = Vec::new();
            return Self { subject, issuer, names, not_before: None, not_after: None, pin };
        };
        let validity = certificate.validity();
        Self {
            subject: text::escape(certificate.subject().to_string().as_bytes()),
            issuer: text::escape(certificate.issuer().to_string().as_bytes()),
            names: names(&certificate),
            not_before: timestamp(validity.not_before),
            not_after: timestamp(validity.not_after),
            pin,
        }
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => {
            Some(text::escape(name.as_bytes()))
        }
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let ip = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            ip.ok().map(|ip| ip.to_string())
        }
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).take(MAX_CERTIFICATE_NAMES).collect()
}

fn timestamp(time: ASN1Time) -> Option<Timestamp> {
    Timestamp::from_second(time.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn certificate(names: &[&str]) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        rcgen::generate_simple_self_signed(names).unwrap().cert.der().clone()
    }

    #[test]
    fn the_names_and_the_dates_of_a_certificate_are_read() {
        let read = ChainCertificate::of(&certificate(&["a.example", "192.0.2.7", "2001:db8::1"]));
        assert_eq!(read.names, ["a.example", "192.0.2.7", "2001:db8::1"]);
        assert_eq!(read.subject, read.issuer);
        assert!(read.not_before < read.not_after);
    }

    proptest! {
        #[test]
        fn a_damaged_certificate_is_read_without_a_panic(
            at in 0usize..400, byte: u8, len in 0usize..500,
        ) {
            let mut der = certificate(&["192.0.2.7"]).to_vec();
            if let Some(damaged) = der.get_mut(at) {
                *damaged = byte;
            }
            der.truncate(len);
            ChainCertificate::of(&der.into());
        }
    }
}
