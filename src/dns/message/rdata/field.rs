//! The formats of the fields in a record's data.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;

use crate::dns::message::rdata::reader::DataReader;
use crate::dns::message::rdata::text::{base32, base64, hex, quote, separated_hex};
use crate::dns::message::rdata::{address, location, service};
use crate::dns::message::record_type::RecordType;
use crate::dns::name;

/// The format of one field in a record's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RdataField {
    V4,
    V6,
    U8,
    U16,
    U32,
    Name,
    /// The number of a record type.
    Type,
    /// The type that a SIG record covers: 0 for none (RFC 2931 section 3).
    CoveredType,
    /// A time in seconds since 1970, modulo 2^32 (RFC 4034 section 3.1.5).
    Time,
    /// The type of a certificate (RFC 4398 section 2.1).
    CertificateType,
    /// The scheme of a DSYNC record (RFC 9859 section 2.1).
    Scheme,
    /// A DNSSEC algorithm, shown by its mnemonic.
    Algorithm,
    /// A character-string (RFC 1035 section 3.3).
    Text,
    /// A character-string that can be missing at the end.
    OptionalText,
    /// One or more character-strings, up to the end.
    Texts,
    /// A character-string that is a keyword of at least one octet (RFC 8659 section 4.1), shown
    /// without quotes.
    Keyword,
    /// Octets up to the end, shown as text.
    Uri,
    /// Octets up to the end, in hexadecimal.
    Hex,
    /// Octets up to the end, in base 64.
    Base64,
    /// At least one octet up to the end, in base 64.
    NonEmptyBase64,
    /// Octets up to the end, in base 64; `-` for none.
    OptionalBase64,
    /// A length and octets in hexadecimal; `-` for none.
    Salt,
    /// A length of at least 1 and octets in base 32 (RFC 5155 section 3.2).
    Base32,
    /// A bit for each record type (RFC 4034 section 4.1.2).
    Types,
    /// A bit for each port (RFC 1035 section 3.4.2).
    Ports,
    /// An interface's identifier of this many octets (RFC 7043).
    Eui(usize),
    /// 64 bits as four groups of hexadecimal digits (RFC 6742).
    Groups,
    /// An address of the OSI protocols (RFC 1706).
    Nsap,
    /// A position on the Earth (RFC 1876).
    Location,
    /// Address prefixes (RFC 3123).
    Prefixes,
    /// The data of an IPSECKEY record (RFC 4025).
    Gateway,
    /// The data of an AMTRELAY record (RFC 8777).
    AmtRelay,
    /// The data of a HIP record (RFC 8005).
    Hip,
    /// The parameters of a service (RFC 9460).
    Parameters,
}

impl RdataField {
    /// Reads the field and returns its text; `None` if the data does not have this format.
    pub(super) fn show(self, reader: &mut DataReader<'_, '_>) -> Option<String> {
        Some(match self {
            Self::V4 => Ipv4Addr::from(reader.array()?).to_string(),
            Self::V6 => address::show_v6(Ipv6Addr::from(reader.array::<16>()?)),
            Self::U8 => reader.u8()?.to_string(),
            Self::U16 => reader.u16()?.to_string(),
            Self::U32 => reader.u32()?.to_string(),
            Self::Name => name::show(&reader.name()?),
            Self::Type => RecordType(reader.u16()?).to_string(),
            Self::CoveredType => match reader.u16()? {
                0 => "0".to_owned(),
                covered => RecordType(covered).to_string(),
            },
            Self::Time => time(reader.u32()?, Timestamp::now())?,
            Self::CertificateType => mnemonic(&CERTIFICATE_TYPES, reader.u16()?),
            Self::Scheme => mnemonic(&[(1, "NOTIFY")], reader.u8()?.into()),
            Self::Algorithm => mnemonic(&ALGORITHMS, reader.u8()?.into()),
            Self::OptionalText if reader.left() == 0 => String::new(),
            Self::Text | Self::OptionalText => quote(reader.counted()?),
            Self::Texts => {
                let mut texts = vec![quote(reader.counted()?)];
                while reader.left() > 0 {
                    texts.push(quote(reader.counted()?));
                }
                texts.join(" ")
            }
            Self::Keyword => {
                let mut keyword = String::new();
                for byte in reader.counted().filter(|octets| !octets.is_empty())? {
                    name::push_octet(&mut keyword, *byte, |byte| !byte.is_ascii_alphanumeric());
                }
                keyword
            }
            Self::Uri => quote(reader.rest()?),
            Self::Hex => hex(reader.rest()?),
            Self::OptionalBase64 if reader.left() == 0 => "-".to_owned(),
            Self::NonEmptyBase64 if reader.left() == 0 => return None,
            Self::Base64 | Self::NonEmptyBase64 | Self::OptionalBase64 => base64(reader.rest()?),
            Self::Salt => match reader.counted()? {
                [] => "-".to_owned(),
                salt => hex(salt),
            },
            Self::Base32 => base32(reader.counted().filter(|octets| !octets.is_empty())?),
            Self::Types => types(reader)?,
            Self::Ports => ports(reader.rest()?),
            Self::Eui(length) => separated_hex(reader.octets(length)?, "-"),
            Self::Groups => {
                let groups = reader.array::<8>()?;
                let (groups, []) = groups.as_chunks::<2>() else { return None };
                let groups = groups.iter().map(|group| u16::from_be_bytes(*group));
                groups.map(|group| format!("{group:x}")).collect::<Vec<String>>().join(":")
            }
            Self::Nsap => format!("0x{}", separated_hex(reader.rest()?, "")),
            Self::Location => location::show(&reader.array()?)?,
            Self::Prefixes => address::prefixes(reader)?,
            Self::Gateway => address::gateway(reader)?,
            Self::AmtRelay => address::relay(reader)?,
            Self::Hip => address::host_identity(reader)?,
            Self::Parameters => service::parameters(reader)?,
        })
    }
}

/// Returns the text of the time nearest to `now` that has these last 32 bits, as dig does (RFC 4034
/// section 3.1.5).
fn time(seconds: u32, now: Timestamp) -> Option<String> {
    let now = now.as_second();
    let low = u32::try_from(now & i64::from(u32::MAX)).ok()?;
    let distance = seconds.wrapping_sub(low).cast_signed();
    let time = Timestamp::from_second(now + i64::from(distance)).ok()?;
    Some(time.strftime("%Y%m%d%H%M%S").to_string())
}

pub(super) fn mnemonic(table: &[(u16, &str)], number: u16) -> String {
    let known = table.iter().find(|known| known.0 == number);
    known.map_or_else(|| number.to_string(), |known| known.1.to_owned())
}

/// Reads windows of a type bit map, each with a number, a length from 1 to 32, and its bits.
fn types(reader: &mut DataReader<'_, '_>) -> Option<String> {
    let mut types = Vec::new();
    let mut last_window = None;
    while reader.left() > 0 {
        let window = reader.u8()?;
        let bits = reader.counted()?;
        if last_window.is_some_and(|last| last >= window) || !(1..=32).contains(&bits.len()) {
            return None;
        }
        last_window = Some(window);
        let base = u16::from(window) << 8;
        types.extend(set_bits(bits).map(|bit| RecordType(base | bit).to_string()));
    }
    Some(types.join(" "))
}

fn ports(bits: &[u8]) -> String {
    let ports: Vec<String> = set_bits(bits).map(|port| port.to_string()).collect();
    ports.join(" ")
}

/// Returns the numbers of the bits that are set, from the most significant bit of the first octet.
fn set_bits(bits: &[u8]) -> impl Iterator<Item = u16> {
    let is_set = |number: &u16| {
        let octet = bits.get(usize::from(number / 8));
        octet.is_some_and(|octet| octet & (0x80 >> (number % 8)) != 0)
    };
    // WKS has at most 65,536 ports; longer data has no more.
    let end = u16::try_from(bits.len() * 8).unwrap_or(u16::MAX);
    (0..end).filter(is_set)
}

/// IANA's registry "CERT RR Certificate Types".
const CERTIFICATE_TYPES: [(u16, &str); 10] = [
    (1, "PKIX"),
    (2, "SPKI"),
    (3, "PGP"),
    (4, "IPKIX"),
    (5, "ISPKI"),
    (6, "IPGP"),
    (7, "ACPKIX"),
    (8, "IACPKIX"),
    (253, "URI"),
    (254, "OID"),
];

/// IANA's registry "DNS Security Algorithm Numbers".
pub(super) const ALGORITHMS: [(u16, &str); 15] = [
    (1, "RSAMD5"),
    (2, "DH"),
    (3, "DSA"),
    (5, "RSASHA1"),
    (6, "NSEC3DSA"),
    (7, "NSEC3RSASHA1"),
    (8, "RSASHA256"),
    (10, "RSASHA512"),
    (12, "ECCGOST"),
    (13, "ECDSAP256SHA256"),
    (14, "ECDSAP384SHA384"),
    (15, "ED25519"),
    (16, "ED448"),
    (253, "PRIVATEDNS"),
    (254, "PRIVATEOID"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_nearest_one_with_these_32_bits() {
        for (seconds, now, text) in [
            (1_700_000_000, 1_795_000_000, "20231114221320"),
            (u32::MAX, 1_795_000_000, "19691231235959"),
            (u32::MAX, 4_294_967_290, "21060207062815"),
            (0, 4_294_967_290, "21060207062816"),
        ] {
            let now = Timestamp::from_second(now).unwrap();
            assert_eq!(time(seconds, now).as_deref(), Some(text), "{seconds} {now}");
        }
    }
}
