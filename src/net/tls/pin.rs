//! Pins: SHA-256 fingerprints of certificates.

use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use rustls::pki_types::CertificateDer;

/// The prefix of a pin: the name of the digest.
const PREFIX: &str = "sha256:";

/// The prefix in the output of `openssl x509 -fingerprint -sha256`.
const OPENSSL_PREFIX: &str = "sha256 Fingerprint=";

/// The SHA-256 of a certificate's DER: what `openssl x509 -fingerprint -sha256` prints.
///
/// It is displayed as `sha256:` and 64 hexadecimal digits. Parsing also accepts upper case, a colon
/// between every two digits, openssl's complete output line, and the digits without a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin([u8; SHA256_OUTPUT_LEN]);

/// The error for text that is not a pin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected sha256: and 64 hexadecimal digits, \
     or the output of `openssl x509 -fingerprint -sha256`"
)]
pub struct InvalidPin;

impl Pin {
    /// Returns the pin of a certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(bytes)
    }
}

impl FromStr for Pin {
    type Err = InvalidPin;

    fn from_str(text: &str) -> Result<Self, InvalidPin> {
        let after = |prefix: &str| {
            let (start, digits) = text.split_at_checked(prefix.len())?;
            start.eq_ignore_ascii_case(prefix).then_some(digits)
        };
        // Without a prefix, the text must be the digits.
        let digits = after(PREFIX).or_else(|| after(OPENSSL_PREFIX)).unwrap_or(text);
        // Colons separate either all bytes or none.
        let colons = digits.contains(':');
        let mut rest = digits;
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        for (number, byte) in bytes.iter_mut().enumerate() {
            if colons && number > 0 {
                rest = rest.strip_prefix(':').ok_or(InvalidPin)?;
            }
            let (pair, later) = rest.split_at_checked(2).ok_or(InvalidPin)?;
            // `from_str_radix` alone would accept a sign.
            if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(InvalidPin);
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidPin)?;
            rest = later;
        }
        if rest.is_empty() { Ok(Self(bytes)) } else { Err(InvalidPin) }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pin_is_the_sha256_of_the_whole_certificate() {
        // The digest of "abc", FIPS 180-2 appendix B.1.
        let pin = Pin::of(&CertificateDer::from(b"abc".to_vec()));
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(pin.to_string(), text);
        assert_eq!(text.parse(), Ok(pin));
    }

    #[test]
    fn a_pin_is_parsed_from_every_documented_form_and_no_other() {
        let pairs = vec!["AB"; 32];
        let openssl = format!("sha256:{}", pairs.join(":"));
        assert_eq!(openssl.parse::<Pin>().unwrap(), Pin([0xab; 32]));
        for text in [
            format!("SHA256:{}", pairs.concat()),
            format!("sha256 Fingerprint={}", pairs.join(":")),
            pairs.join(":"),
            pairs.concat(),
        ] {
            assert_eq!(text.parse::<Pin>(), Ok(Pin([0xab; 32])), "{text}");
        }
        for wrong in [
            "",
            "sha256:",
            "sha1:00",
            &format!("sha256:{}", vec!["AB"; 31].concat()),
            &format!("sha256:{}", vec!["AB"; 33].concat()),
            &format!("sha256:{}", vec!["+1"; 32].concat()),
            &format!("sha256:AB:{}", vec!["AB"; 31].concat()),
            "sha25é:00",
        ] {
            assert_eq!(wrong.parse::<Pin>(), Err(InvalidPin), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_a_displayed_pin_parses_back(
            text in any::<String>(),
            bytes in any::<[u8; 32]>(),
        ) {
            text.parse::<Pin>().ok();
            format!("sha256:{text}").parse::<Pin>().ok();
            prop_assert_eq!(Pin(bytes).to_string().parse(), Ok(Pin(bytes)));
        }
    }
}
