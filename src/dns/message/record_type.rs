//! Record types: mnemonics to numbers and back.
//!
//! The table of hickory is not used: it accepts upper case only, and not the form `TYPE65280` (RFC
//! 3597).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The type of a record or of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    /// An IPv4 address.
    pub const A: Self = Self(1);
    /// A name server of a zone.
    pub const NS: Self = Self(2);
    /// The target of an alias.
    pub const CNAME: Self = Self(5);
    /// The parameters of a zone.
    pub const SOA: Self = Self(6);
    /// The name of an address.
    pub const PTR: Self = Self(12);
    /// The hardware and operating system of a host.
    pub const HINFO: Self = Self(13);
    /// A mail server of a domain.
    pub const MX: Self = Self(15);
    /// Free text.
    pub const TXT: Self = Self(16);
    /// An IPv6 address.
    pub const AAAA: Self = Self(28);
    /// The host and port of a service.
    pub const SRV: Self = Self(33);
    /// A rule that rewrites a name into a service.
    pub const NAPTR: Self = Self(35);
    /// An alias for a whole subtree.
    pub const DNAME: Self = Self(39);
    /// The pseudo-record of EDNS (RFC 6891).
    pub const OPT: Self = Self(41);
    /// The digest of a child zone's key.
    pub const DS: Self = Self(43);
    /// The fingerprint of a host key.
    pub const SSHFP: Self = Self(44);
    /// The certificate or key that a TLS server must present.
    pub const TLSA: Self = Self(52);
    /// A signature of the records of another type.
    pub const RRSIG: Self = Self(46);
    /// The next name of a zone, and the types of this one.
    pub const NSEC: Self = Self(47);
    /// A key of a zone.
    pub const DNSKEY: Self = Self(48);
    /// The next hash of a name of a zone, and the types of this one.
    pub const NSEC3: Self = Self(50);
    /// Not a record type: a question for all types (RFC 8482 lets a server return fewer).
    pub const ANY: Self = Self(255);
    /// The authorities that may issue certificates for a domain.
    pub const CAA: Self = Self(257);

    /// Not a record type: a question for the obsolete types MB, MG and MR.
    pub const MAILB: Self = Self(253);
    /// Not a record type: a question for the obsolete types MD and MF.
    pub const MAILA: Self = Self(254);
    /// A zone transfer (RFC 5936).
    pub const AXFR: Self = Self(252);
    /// A transfer of the changes of a zone (RFC 1995).
    pub const IXFR: Self = Self(251);

    /// Returns whether the type is not one of records, but of a zone transfer.
    pub fn is_transfer(self) -> bool {
        [Self::IXFR, Self::AXFR].contains(&self)
    }

    /// Returns the mnemonic, or the number of a type without one.
    pub fn mnemonic(self) -> Cow<'static, str> {
        match TYPE_MNEMONICS.iter().find(|known| known.0 == self.0) {
            Some(known) => known.1.into(),
            None => format!("TYPE{}", self.0).into(),
        }
    }

    /// Returns whether records of several types answer a question of this type.
    pub fn is_question_for_many(self) -> bool {
        [Self::ANY, Self::MAILA, Self::MAILB].contains(&self) || self.is_transfer()
    }
}

/// The error for text that is not a record type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a record type: give a mnemonic such as MX, or TYPE and a number up to 65535")]
pub struct UnknownType(String);

impl FromStr for RecordType {
    type Err = UnknownType;

    fn from_str(text: &str) -> Result<Self, UnknownType> {
        let known = TYPE_MNEMONICS.iter().find(|known| known.1.eq_ignore_ascii_case(text));
        let number = || type_number(text)?.parse().ok();
        let code = known.map(|known| known.0).or_else(number);
        let code = code.or_else(|| has_serial(text).then_some(Self::IXFR.0));
        code.map(Self).ok_or_else(|| UnknownType(text.to_owned()))
    }
}

/// Returns whether `text` has the form of a record type, even if its number is out of range. The
/// caller must not read such a text as a name.
pub fn looks_like_type(text: &str) -> bool {
    text.parse::<RecordType>().is_ok() || type_number(text).is_some()
}

/// Parses the type of an option, where a number alone is not a name: as for `TYPE65`.
///
/// # Errors
/// The text is not a type.
pub fn type_or_number(text: &str) -> Result<RecordType, UnknownType> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_number && *number > 0).map(RecordType);
    number.map_or_else(|| text.parse(), Ok)
}

/// Returns whether the text is a transfer of the changes since a serial number, as in dig:
/// `IXFR=2026112601`.
fn has_serial(text: &str) -> bool {
    text.split_once('=').is_some_and(|(kind, serial)| {
        kind.eq_ignore_ascii_case("IXFR") && serial.parse::<u32>().is_ok()
    })
}

/// Returns the digits of a text such as `TYPE65280`.
fn type_number(text: &str) -> Option<&str> {
    let (word, digits) = text.split_at_checked(4)?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (plain && word.eq_ignore_ascii_case("TYPE")).then_some(digits)
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mnemonic())
    }
}

/// Returns the types in a list such as `a,mx`; `None` if `text` is not a list of types.
pub fn type_list(text: &str) -> Option<Vec<RecordType>> {
    text.contains(',').then(|| text.split(',').map(|item| item.parse().ok()).collect())?
}

/// The types in IANA's "DNS parameters", except those that are only reserved. The data of a type
/// without a format is shown in hexadecimal. A name without a dot that equals a mnemonic needs one
/// at its end.
const TYPE_MNEMONICS: [(u16, &str); 92] = [
    (1, "A"),
    (2, "NS"),
    (3, "MD"),
    (4, "MF"),
    (5, "CNAME"),
    (6, "SOA"),
    (7, "MB"),
    (8, "MG"),
    (9, "MR"),
    (10, "NULL"),
    (11, "WKS"),
    (12, "PTR"),
    (13, "HINFO"),
    (14, "MINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (19, "X25"),
    (20, "ISDN"),
    (21, "RT"),
    (22, "NSAP"),
    (23, "NSAP-PTR"),
    (24, "SIG"),
    (25, "KEY"),
    (26, "PX"),
    (27, "GPOS"),
    (28, "AAAA"),
    (29, "LOC"),
    (30, "NXT"),
    (31, "EID"),
    (32, "NIMLOC"),
    (33, "SRV"),
    (34, "ATMA"),
    (35, "NAPTR"),
    (36, "KX"),
    (37, "CERT"),
    (38, "A6"),
    (39, "DNAME"),
    (40, "SINK"),
    (41, "OPT"),
    (42, "APL"),
    (43, "DS"),
    (44, "SSHFP"),
    (45, "IPSECKEY"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (49, "DHCID"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (53, "SMIMEA"),
    (55, "HIP"),
    (56, "NINFO"),
    (57, "RKEY"),
    (58, "TALINK"),
    (59, "CDS"),
    (60, "CDNSKEY"),
    (61, "OPENPGPKEY"),
    (62, "CSYNC"),
    (63, "ZONEMD"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (66, "DSYNC"),
    (99, "SPF"),
    (100, "UINFO"),
    (101, "UID"),
    (102, "GID"),
    (103, "UNSPEC"),
    (104, "NID"),
    (105, "L32"),
    (106, "L64"),
    (107, "LP"),
    (108, "EUI48"),
    (109, "EUI64"),
    (249, "TKEY"),
    (250, "TSIG"),
    (251, "IXFR"),
    (252, "AXFR"),
    (253, "MAILB"),
    (254, "MAILA"),
    (255, "ANY"),
    (256, "URI"),
    (257, "CAA"),
    (258, "AVC"),
    (259, "DOA"),
    (260, "AMTRELAY"),
    (261, "RESINFO"),
    (262, "WALLET"),
    (32768, "TA"),
    (32769, "DLV"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_one_mnemonic_that_is_read_ignoring_case() {
        for (number, mnemonic) in TYPE_MNEMONICS {
            assert_eq!(mnemonic.parse(), Ok(RecordType(number)));
            assert_eq!(mnemonic.to_lowercase().parse(), Ok(RecordType(number)));
            assert_eq!(RecordType(number).to_string(), mnemonic);
        }
    }

    #[test]
    fn any_type_number_is_accepted() {
        assert_eq!("TYPE28".parse(), Ok(RecordType::AAAA));
        assert_eq!("type65280".parse(), Ok(RecordType(65280)));
        assert_eq!(RecordType(65280).to_string(), "TYPE65280");
    }

    #[test]
    fn an_invalid_record_type_is_rejected() {
        for text in ["", "TYPE", "TYPE65536", "TYPE-1", "TYPE+1", "MXX", "0", "tipé"] {
            assert!(text.parse::<RecordType>().is_err(), "{text}");
        }
        assert_eq!("ixfr=7".parse(), Ok(RecordType::IXFR));
        assert!("ixfr=x".parse::<RecordType>().is_err());
        assert_eq!(type_or_number("65"), Ok(RecordType(65)));
        assert_eq!(type_or_number("mx"), Ok(RecordType::MX));
        assert!(type_or_number("65536").is_err() && type_or_number("0").is_err());
        assert_eq!(type_list("a,MX"), Some(vec![RecordType::A, RecordType::MX]));
        for text in ["a", "a,", "a,mxx", ",", "a b,mx"] {
            assert_eq!(type_list(text), None, "{text}");
        }
        assert!(looks_like_type("TYPE65536"));
        assert!(!looks_like_type("type.example"));
        assert!(!looks_like_type("mx."));
    }
}
