//! The fields of an X.509 certificate that decide what a message says (RFC 5280 section 4.1).
//!
//! Nothing here decides whether a certificate is trusted: the TLS library does.

use std::fmt;
use std::net::IpAddr;

/// Fields of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CertificateFields {
    /// The name of the CA that signed it, in DER.
    issuer: Vec<u8>,
    /// Its own name, in DER.
    subject: Vec<u8>,
    /// Why the TLS library cannot use the public key, if it cannot.
    pub(super) unusable_key: Option<UnusableKey>,
    /// The addresses in the subjectAltName.
    pub(super) addresses: Vec<IpAddr>,
}

/// A public key that the TLS library cannot use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnusableKey {
    /// An RSA key with this many bits, fewer than 2,048.
    TooShort(usize),
    /// An RSA key with this many bits, more than 8,192.
    TooLong(usize),
    /// A key on an elliptic curve, or of an algorithm, that the library does not know.
    Algorithm(&'static str),
}

/// The most CAs in a chain: more than any real chain has.
const MAX_CHAIN: usize = 8;

/// The sizes of RSA keys that ring verifies.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The object identifier of RSA keys (RFC 3279 section 2.3.1), in DER.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// The object identifier of elliptic-curve keys (RFC 3279 section 2.3.5).
const ELLIPTIC_CURVE: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// The object identifier of Ed25519 keys (RFC 8410).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The curves that ring knows: P-256 and P-384 (RFC 5480 section 2.1.1.1).
const KNOWN_CURVES: [&[u8]; 2] =
    [&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], &[0x2b, 0x81, 0x04, 0x00, 0x22]];

/// The names of other curves.
const OTHER_CURVES: [(&[u8], &str); 2] = [
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "the curve P-521"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "the curve secp256k1"),
];

/// The object identifier of the extension subjectAltName (RFC 5280 section 4.2.1.6).
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

impl CertificateFields {
    /// Reads the fields of `der`; those of a malformed certificate stay empty.
    pub(super) fn of(der: &[u8]) -> Self {
        Self::read(der).unwrap_or_default()
    }

    /// Returns whether the issuer and the subject are the same.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject && !self.subject.is_empty()
    }

    /// Returns why the TLS library cannot use the key of a CA in the chain of this certificate;
    /// `cas` are the certificates of all CAs that are known.
    pub(super) fn unusable_ca_key(&self, cas: &[Self]) -> Option<UnusableKey> {
        let mut certificate = self;
        for _ in 0..MAX_CHAIN {
            let issuers = || cas.iter().filter(|ca| ca.subject == certificate.issuer);
            if let Some(key) = issuers().find_map(|ca| ca.unusable_key.clone()) {
                return Some(key);
            }
            certificate = issuers().find(|ca| !ca.is_self_issued())?;
        }
        None
    }

    fn read(der: &[u8]) -> Option<Self> {
        let mut tbs =
            DerReader(DerReader(DerReader(der).expect(SEQUENCE_TAG)?).expect(SEQUENCE_TAG)?);
        if tbs.next()?.0 == VERSION_TAG {
            tbs.next()?; // The serial number.
        }
        tbs.next()?; // The signature algorithm.
        let issuer = tbs.next()?.1;
        tbs.next()?; // The validity.
        let subject = tbs.next()?.1;
        let key = tbs.expect(SEQUENCE_TAG)?;
        let mut addresses = Vec::new();
        while let Some((tag, value)) = tbs.next() {
            if tag == EXTENSIONS_TAG {
                addresses = alternative_addresses(value).unwrap_or_default();
            }
        }
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        Some(Self { issuer, subject, unusable_key: unusable_key(key), addresses })
    }
}

/// Returns why ring cannot use the key in a `SubjectPublicKeyInfo`.
fn unusable_key(info: &[u8]) -> Option<UnusableKey> {
    let mut info = DerReader(info);
    let mut algorithm = DerReader(info.expect(SEQUENCE_TAG)?);
    match algorithm.expect(OBJECT_ID_TAG)? {
        RSA => {
            // The first byte of a bit string counts its unused bits.
            let (_, key) = info.expect(BIT_STRING_TAG)?.split_first()?;
            let modulus = DerReader(DerReader(key).expect(SEQUENCE_TAG)?).expect(INTEGER_TAG)?;
            let first = modulus.iter().position(|byte| *byte != 0)?;
            let leading = usize::try_from(modulus[first].leading_zeros()).ok()?;
            let bits = modulus[first..].len() * 8 - leading;
            match bits {
                _ if bits < *RSA_BITS.start() => Some(UnusableKey::TooShort(bits)),
                _ if bits > *RSA_BITS.end() => Some(UnusableKey::TooLong(bits)),
                _ => None,
            }
        }
        ELLIPTIC_CURVE => {
            let curve = algorithm.expect(OBJECT_ID_TAG)?;
            if KNOWN_CURVES.contains(&curve) {
                return None;
            }
            let named = OTHER_CURVES.iter().find(|(id, _)| *id == curve);
            Some(UnusableKey::Algorithm(named.map_or("its elliptic curve", |(_, name)| name)))
        }
        ED25519 => None,
        _ => Some(UnusableKey::Algorithm("the algorithm of its key")),
    }
}

/// Returns the addresses in the subjectAltName of the extensions.
fn alternative_addresses(extensions: &[u8]) -> Option<Vec<IpAddr>> {
    let mut extensions = DerReader(DerReader(extensions).expect(SEQUENCE_TAG)?);
    while let Some(extension) = extensions.expect(SEQUENCE_TAG) {
        let mut extension = DerReader(extension);
        if extension.expect(OBJECT_ID_TAG)? != SUBJECT_ALT_NAME {
            continue;
        }
        let (mut tag, mut value) = extension.next()?;
        if tag == BOOLEAN_TAG {
            (tag, value) = extension.next()?; // After `critical`.
        }
        let mut names =
            DerReader((tag == OCTET_STRING_TAG).then(|| DerReader(value).expect(SEQUENCE_TAG))??);
        let mut addresses = Vec::new();
        while let Some((tag, value)) = names.next() {
            let v4 = <[u8; 4]>::try_from(value).map(IpAddr::from);
            let ip = v4.or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from));
            if let (IP_ADDRESS_TAG, Ok(ip)) = (tag, ip) {
                addresses.push(ip);
            }
        }
        return Some(addresses);
    }
    None
}

const BOOLEAN_TAG: u8 = 0x01;
const INTEGER_TAG: u8 = 0x02;
const BIT_STRING_TAG: u8 = 0x03;
const OCTET_STRING_TAG: u8 = 0x04;
const OBJECT_ID_TAG: u8 = 0x06;
const SEQUENCE_TAG: u8 = 0x30;
/// The context-specific tag of a certificate's version.
const VERSION_TAG: u8 = 0xa0;
/// The context-specific tag of a certificate's extensions.
const EXTENSIONS_TAG: u8 = 0xa3;
/// The context-specific tag of an address in the subjectAltName.
const IP_ADDRESS_TAG: u8 = 0x87;

/// Reads DER values one after the other.
struct DerReader<'a>(&'a [u8]);

impl<'a> DerReader<'a> {
    /// Returns the tag and the content of the next value; `None` at the end, or if it is malformed.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let mut len = usize::from(*first);
        if *first >= 0x80 {
            let (digits, after) = rest.split_at_checked(usize::from(*first & 0x7f))?;
            rest = after;
            len = 0;
            for digit in digits {
                len = len.checked_mul(256)?.checked_add(usize::from(*digit))?;
            }
        }
        let (content, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((*tag, content))
    }

    /// Returns the content of the next value if it has this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|next| next.0 == tag).map(|next| next.1)
    }
}

impl fmt::Display for UnusableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort(bits) => write!(f, "RSA key of {bits} bits is too short"),
            Self::TooLong(bits) => write!(f, "RSA key of {bits} bits is too long"),
            Self::Algorithm(name) => write!(f, "sockkit does not support {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn certificate(names: &[&str]) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        rcgen::generate_simple_self_signed(names).unwrap().cert.der().to_vec()
    }

    #[test]
    fn the_addresses_of_a_certificate_are_read_among_its_names() {
        let fields = CertificateFields::of(&certificate(&[
            "a.example",
            "192.0.2.7",
            "2001:db8:0:0:1::1",
            "::1",
        ]));
        let shown: Vec<String> = fields.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["192.0.2.7", "2001:db8::1:0:0:1", "::1"]);
        assert!(fields.is_self_issued());
        assert_eq!(fields.unusable_key, None);
    }

    #[test]
    fn an_rsa_key_is_measured_and_an_unknown_curve_named() {
        let value = |tag: u8, content: &[u8]| {
            let len = u16::try_from(content.len()).unwrap().to_be_bytes();
            [&[tag, 0x82], &len[..], content].concat()
        };
        let rsa = |modulus: &[u8]| {
            let algorithm = value(SEQUENCE_TAG, &value(OBJECT_ID_TAG, RSA));
            let key = value(SEQUENCE_TAG, &value(INTEGER_TAG, modulus));
            [algorithm, value(BIT_STRING_TAG, &[&[0], &key[..]].concat())].concat()
        };
        assert_eq!(unusable_key(&rsa(&[0xff; 128])), Some(UnusableKey::TooShort(1024)));
        assert_eq!(unusable_key(&rsa(&[[0; 1].as_slice(), &[0xff; 256]].concat())), None);
        assert_eq!(unusable_key(&rsa(&[0xff; 2048])), Some(UnusableKey::TooLong(16384)));
        let ids = [value(OBJECT_ID_TAG, ELLIPTIC_CURVE), value(OBJECT_ID_TAG, OTHER_CURVES[0].0)];
        let curve = unusable_key(&value(SEQUENCE_TAG, &ids.concat())).unwrap();
        assert_eq!(curve.to_string(), "sockkit does not support the curve P-521");
    }

    #[test]
    fn an_unusable_key_is_found_at_any_ca_of_the_chain() {
        let named = |subject: &[u8], issuer: &[u8], unusable_key| CertificateFields {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            unusable_key,
            addresses: Vec::new(),
        };
        let short = Some(UnusableKey::TooShort(1024));
        let leaf = named(b"leaf", b"ca", None);
        let root = named(b"root", b"root", short.clone());
        assert_eq!(leaf.unusable_ca_key(&[named(b"ca", b"root", None), root.clone()]), short);
        assert_eq!(leaf.unusable_ca_key(&[named(b"ca", b"ca", short.clone())]), short);
        assert_eq!(leaf.unusable_ca_key(&[root]), None);
        assert_eq!(leaf.unusable_ca_key(&[named(b"ca", b"ca", None)]), None);
        // CAs that name each other.
        let circle = [named(b"ca", b"other", None), named(b"other", b"ca", None)];
        assert_eq!(leaf.unusable_ca_key(&circle), None);
    }

    proptest! {
        #[test]
        fn a_damaged_certificate_is_read_without_a_panic(
            at in 0usize..300, byte: u8, len in 0usize..400,
        ) {
            let mut der = certificate(&["192.0.2.7"]);
            if let Some(damaged) = der.get_mut(at) {
                *damaged = byte;
            }
            der.truncate(len);
            CertificateFields::of(&der);
        }
    }
}
