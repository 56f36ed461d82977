//! Octets as text: quoted, in hexadecimal, in base 32 and in base 64.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dns::name;

/// Returns a character-string in quotes, with escapes.
pub(crate) fn quote(octets: &[u8]) -> String {
    quote_with(octets, b"\"\\")
}

/// Returns a character-string in quotes, in which `special` octets are escaped.
pub(super) fn quote_with(octets: &[u8], special: &[u8]) -> String {
    let mut quoted = String::with_capacity(octets.len() + 2);
    quoted.push('"');
    for byte in octets {
        name::push_octet(&mut quoted, *byte, |byte| special.contains(&byte));
    }
    quoted.push('"');
    quoted
}

/// Returns octets in upper-case hexadecimal.
pub(crate) fn hex(octets: &[u8]) -> String {
    let mut digits = String::with_capacity(octets.len() * 2);
    for byte in octets {
        // Writing to a String cannot fail.
        write!(digits, "{byte:02X}").unwrap_or_default();
    }
    digits
}

/// Returns octets in lower-case hexadecimal, each two digits separated by `separator`.
pub(super) fn separated_hex(octets: &[u8], separator: &str) -> String {
    let pairs: Vec<String> = octets.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(separator)
}

/// Returns octets in base 64.
pub(super) fn base64(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// Returns octets in base 32 with the extended hexadecimal alphabet and without padding (RFC 5155
/// section 3.3).
pub(crate) fn base32(octets: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
    let mut digits = String::new();
    for chunk in octets.chunks(5) {
        let mut bits = [0; 8];
        bits[..chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(bits);
        for digit in 0..(chunk.len() * 8).div_ceil(5) {
            let shift = 59 - 5 * digit;
            digits.push(char::from(DIGITS[(bits >> shift & 31) as usize]));
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_32_matches_the_examples_of_rfc_4648() {
        for (octets, digits) in [
            (&b""[..], ""),
            (b"f", "CO"),
            (b"fo", "CPNG"),
            (b"foo", "CPNMU"),
            (b"foob", "CPNMUOG"),
            (b"fooba", "CPNMUOJ1"),
            (b"foobar", "CPNMUOJ1E8"),
        ] {
            assert_eq!(base32(octets), digits);
        }
    }
}
