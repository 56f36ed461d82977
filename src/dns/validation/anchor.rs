//! Trust anchors: the keys with which chains of signatures begin.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dns::Name;
use crate::dns::name;
use crate::dns::validation::key::{DelegationSigner, KeyVoucher, ZoneKey};

/// A key that is trusted without a signature, and its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustAnchor {
    /// The zone.
    pub zone: Name,
    /// The key or its digest.
    pub key: KeyVoucher,
}

/// Why a text has no trust anchors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAnchor {
    /// A line is not a DS or DNSKEY record.
    #[error("line {0} is no DS or DNSKEY record in zone file format")]
    Line(usize),
    /// There is no record.
    #[error("there is no DS or DNSKEY record")]
    None,
}

/// The keys of the root, from <https://data.iana.org/root-anchors/root-anchors.xml>: KSK-2017,
/// valid since 2017-02-02, and KSK-2024, valid since 2024-07-18. IANA has set an end for neither.
const ROOT_ANCHORS: &str = "\
. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
. IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16
";

/// Returns the anchors that IANA publishes for the root.
pub fn built_in() -> Vec<TrustAnchor> {
    // This cannot fail: a test parses the constant.
    parse(ROOT_ANCHORS).unwrap_or_default()
}

/// Reads DS and DNSKEY records in zone file format: a name, then a TTL and a class if given, the
/// type and the data. Parentheses join lines, and a semicolon begins a comment.
///
/// # Errors
/// Another record or text is in it, or nothing.
pub fn parse(text: &str) -> Result<Vec<TrustAnchor>, InvalidAnchor> {
    let mut anchors = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    let mut depth = 0;
    for (at, line) in text.lines().enumerate() {
        let line = line.split(';').next().unwrap_or_default();
        for word in line.split_inclusive(['(', ')']).flat_map(str::split_whitespace) {
            depth += word.matches('(').count();
            depth = depth.saturating_sub(word.matches(')').count());
            words.extend(Some(word.trim_matches(['(', ')'])).filter(|word| !word.is_empty()));
        }
        if depth == 0 && !words.is_empty() {
            anchors.push(record(&words).ok_or(InvalidAnchor::Line(at + 1))?);
            words.clear();
        }
    }
    if words.is_empty() && !anchors.is_empty() {
        Ok(anchors)
    } else if words.is_empty() {
        Err(InvalidAnchor::None)
    } else {
        Err(InvalidAnchor::Line(text.lines().count()))
    }
}

/// Reads the words of a record.
fn record(words: &[&str]) -> Option<TrustAnchor> {
    let (zone, rest) = words.split_first()?;
    let is_kind = |word: &&str| ["DS", "DNSKEY"].iter().any(|kind| kind.eq_ignore_ascii_case(word));
    // At most a TTL and a class are before the type.
    let at = rest.iter().take(3).position(is_kind)?;
    let (kind, fields) = rest[at..].split_first()?;
    let [first, second, third, data @ ..] = fields else { return None };
    let data = data.concat();
    let (first, second, third) =
        (first.parse::<u16>().ok()?, second.parse::<u8>().ok()?, third.parse::<u8>().ok()?);
    let key = if kind.eq_ignore_ascii_case("DS") {
        KeyVoucher::Digest(DelegationSigner {
            key_tag: first,
            algorithm: second,
            digest_type: third,
            digest: from_hex(&data)?,
        })
    } else {
        let mut octets = first.to_be_bytes().to_vec();
        octets.extend([second, third]);
        octets.extend(STANDARD.decode(data).ok()?);
        KeyVoucher::Key(ZoneKey::read(&octets)?)
    };
    Some(TrustAnchor { zone: name::parse(zone).ok()?, key })
}

/// Reads octets in hexadecimal; `None` for none.
fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let octet = |pair: &[u8; 2]| {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        u8::try_from(high? * 16 + low?).ok()
    };
    pairs.iter().map(octet).collect::<Option<Vec<u8>>>().filter(|octets| !octets.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::dnssec::{PublicKey as _, PublicKeyBuf, TrustAnchors};

    #[test]
    fn the_built_in_anchors_are_the_two_keys_of_the_root() {
        let tags: Vec<u16> = built_in().iter().map(|anchor| anchor.key.key_tag()).collect();
        assert_eq!(tags, [20326, 38696]);
        assert!(built_in().iter().all(|anchor| anchor.zone.is_root()));
    }

    #[test]
    fn the_built_in_digests_are_those_of_the_keys_that_hickory_contains() {
        let keys = TrustAnchors::default();
        for anchor in built_in() {
            let is_vouched = |key: &PublicKeyBuf| {
                let data = [&[1, 1, 3, 8], key.public_bytes()].concat();
                anchor.key.vouches_for(&ZoneKey::read(&data).unwrap(), &anchor.zone)
            };
            let mut all = (0..keys.len()).filter_map(|at| keys.get(at));
            assert!(all.any(is_vouched), "{anchor:?}");
        }
    }

    #[test]
    fn anchors_are_read_from_zone_files_and_the_output_of_dig() {
        let text = "; comment\n\
            test. 3600 IN DS 1 13 2 AB (\n  CD ) ; more\n\
            \n\
            a.test.\tIN\tDNSKEY\t257 3 13 AQID BAUG\n";
        let anchors = parse(text).unwrap();
        assert_eq!(anchors.len(), 2);
        let KeyVoucher::Digest(ds) = &anchors[0].key else { panic!("{anchors:?}") };
        assert_eq!((ds.key_tag, ds.digest.as_slice()), (1, &[0xab, 0xcd][..]));
        let KeyVoucher::Key(key) = &anchors[1].key else { panic!("{anchors:?}") };
        assert_eq!(key.public, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_text_that_is_no_anchor_is_refused_with_its_line() {
        for (text, line) in [
            ("test. DS 1 13 2 AB\ntest. A 192.0.2.1\n", 2),
            ("test. DS 1 13 2 ABC\n", 1),
            ("test. DS 1 13 2\n", 1),
            ("test. DNSKEY 257 3 13 ?\n", 1),
            ("test. DS 70000 13 2 AB\n", 1),
            ("test. DS 1 13 2 ( AB\n\n", 2),
        ] {
            assert_eq!(parse(text), Err(InvalidAnchor::Line(line)), "{text}");
        }
        assert_eq!(parse("; nothing\n"), Err(InvalidAnchor::None));
    }
}
