//! Resource records: decoded from the wire, shown in zone file format (RFC 1035 section 5.1).
//!
//! Each type is a list of fields, which are decoded and shown one after the other. A type without a
//! list is shown as `\# length hex` (RFC 3597 section 5). The output is always printable ASCII,
//! because a record can contain any bytes.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_resolver::proto::rr::Name;
use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinDecoder, DecodeError};

use crate::dns::name;
use crate::dns::record_type::RecordType;

/// A record, with its data as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The owner name.
    pub name: Name,
    /// The type.
    pub record_type: RecordType,
    /// The class, 1 for the Internet; in an OPT record, the UDP payload size.
    pub class: u16,
    /// The time to live in seconds; in an OPT record, part of the response code and
    /// flags.
    pub ttl: u32,
    /// The data in zone file format.
    pub data: String,
    /// The target of a CNAME record.
    pub alias_of: Option<Name>,
}

/// The Internet class (RFC 1035 section 3.2.4).
pub const CLASS_IN: u16 = 1;

/// Why a reply cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A part of it ends too early, or contains an invalid compressed name.
    #[error("{0} cannot be read")]
    Unreadable(&'static str),
    /// The data does not have the format of the record type.
    #[error("invalid data in a record of type {0}")]
    Data(RecordType),
    /// The reply is truncated although it was sent over TCP, so there is no other way to get it.
    #[error("truncated although sent over TCP")]
    Truncated,
}

impl Record {
    /// Decodes the record at the decoder's position.
    ///
    /// # Errors
    /// The bytes are not a valid record.
    pub(super) fn read(decoder: &mut BinDecoder<'_>) -> Result<Self, Malformed> {
        let head = |decoder: &mut BinDecoder<'_>| -> Result<_, DecodeError> {
            let name = Name::read(decoder)?;
            let record_type = decoder.read_u16()?.unverified();
            let class = decoder.read_u16()?.unverified();
            let ttl = decoder.read_u32()?.unverified();
            let length = usize::from(decoder.read_u16()?.unverified());
            Ok((name, RecordType(record_type), class, ttl, length))
        };
        let (name, record_type, class, ttl, length) =
            head(decoder).map_err(|_| Malformed::Unreadable("a record"))?;
        if length > decoder.len() {
            return Err(Malformed::Unreadable("a record's data"));
        }
        let (data, alias_of) =
            read_data(decoder, record_type, length).map_err(|_| Malformed::Data(record_type))?;
        Ok(Self { name, record_type, class, ttl, data, alias_of })
    }
}

/// The format of one field in a record's data.
#[derive(Clone, Copy)]
enum RdataField {
    V4,
    V6,
    U8,
    U16,
    U32,
    Name,
    /// A character-string: a length octet, then that many octets (RFC 1035 section 3.3).
    Text,
    /// One or more character-strings, up to the end.
    Texts,
    /// A character-string that is a keyword, shown without quotes.
    Keyword,
    /// Octets up to the end, shown as text.
    RestAsText,
    /// Octets up to the end, shown in hexadecimal.
    RestAsHex,
}

fn fields(record_type: RecordType) -> Option<&'static [RdataField]> {
    use RdataField::{Keyword, Name, RestAsHex, RestAsText, Text, Texts, U8, U16, U32, V4, V6};
    Some(match record_type {
        RecordType::A => &[V4],
        RecordType::AAAA => &[V6],
        RecordType::CNAME | RecordType::NS | RecordType::PTR | RecordType::DNAME => &[Name],
        RecordType::MX => &[U16, Name],
        RecordType::TXT => &[Texts],
        RecordType::SOA => &[Name, Name, U32, U32, U32, U32, U32],
        RecordType::SRV => &[U16, U16, U16, Name],
        RecordType::CAA => &[U8, Keyword, RestAsText],
        RecordType::HINFO => &[Text, Text],
        RecordType::NAPTR => &[U16, U16, Text, Text, Text, Name],
        RecordType::DS => &[U16, U8, U8, RestAsHex],
        RecordType::SSHFP => &[U8, U8, RestAsHex],
        RecordType::TLSA => &[U8, U8, U8, RestAsHex],
        _ => return None,
    })
}

fn read_data(
    decoder: &mut BinDecoder<'_>,
    record_type: RecordType,
    length: usize,
) -> Result<(String, Option<Name>), DecodeError> {
    let Some(fields) = fields(record_type) else {
        let octets = decoder.read_slice(length)?.unverified();
        let space = if octets.is_empty() { "" } else { " " };
        return Ok((format!("\\# {length}{space}{}", hex(octets)), None));
    };
    let end = decoder.index() + length;
    let mut shown = String::new();
    let mut alias_of = None;
    for field in fields {
        if !shown.is_empty() {
            shown.push(' ');
        }
        let name = push_field(&mut shown, *field, decoder, end)?;
        if record_type == RecordType::CNAME {
            alias_of = name;
        }
    }
    if decoder.index() == end { Ok((shown, alias_of)) } else { Err(DecodeError::InsufficientBytes) }
}

/// Decodes one field and appends its text to `shown`. Returns the name if the field is a name.
fn push_field(
    shown: &mut String,
    field: RdataField,
    decoder: &mut BinDecoder<'_>,
    end: usize,
) -> Result<Option<Name>, DecodeError> {
    let rest = end.checked_sub(decoder.index());
    let rest = rest.ok_or(DecodeError::InsufficientBytes)?;
    let plain = match field {
        RdataField::V4 => Ipv4Addr::from(decoder.read_u32()?.unverified()).to_string(),
        RdataField::V6 => {
            let octets = decoder.read_slice(16)?.unverified();
            let octets = <[u8; 16]>::try_from(octets);
            Ipv6Addr::from(octets.map_err(|_| DecodeError::InsufficientBytes)?).to_string()
        }
        RdataField::U8 => decoder.read_u8()?.unverified().to_string(),
        RdataField::U16 => decoder.read_u16()?.unverified().to_string(),
        RdataField::U32 => decoder.read_u32()?.unverified().to_string(),
        RdataField::Name => {
            let name = Name::read(decoder)?;
            shown.push_str(&name::show(&name));
            return Ok(Some(name));
        }
        RdataField::Text => quote(decoder.read_character_data()?.unverified()),
        RdataField::Texts => {
            let mut texts = Vec::new();
            while texts.is_empty() || decoder.index() < end {
                texts.push(quote(decoder.read_character_data()?.unverified()));
            }
            texts.join(" ")
        }
        RdataField::Keyword => {
            let octets = decoder.read_character_data()?.unverified();
            let mut keyword = String::new();
            for byte in octets {
                name::push_octet(&mut keyword, *byte, |byte| !byte.is_ascii_alphanumeric());
            }
            keyword
        }
        RdataField::RestAsText => quote(decoder.read_slice(rest)?.unverified()),
        RdataField::RestAsHex => hex(decoder.read_slice(rest)?.unverified()),
    };
    shown.push_str(&plain);
    Ok(None)
}

/// Returns a character-string in quotes, with escapes.
fn quote(octets: &[u8]) -> String {
    let mut quoted = String::with_capacity(octets.len() + 2);
    quoted.push('"');
    for byte in octets {
        name::push_octet(&mut quoted, *byte, |byte| byte == b'"' || byte == b'\\');
    }
    quoted.push('"');
    quoted
}

fn hex(octets: &[u8]) -> String {
    let mut digits = String::with_capacity(octets.len() * 2);
    for byte in octets {
        // Writing to a String cannot fail.
        write!(digits, "{byte:02X}").unwrap_or_default();
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes a record of the root with the given type and data, and returns the data as text.
    fn read(record_type: RecordType, data: &[u8]) -> Result<String, Malformed> {
        let mut bytes = vec![0];
        bytes.extend(record_type.0.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 1, 44]);
        bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(data);
        let record = Record::read(&mut BinDecoder::new(&bytes))?;
        assert_eq!((record.class, record.ttl), (CLASS_IN, 300));
        Ok(record.data)
    }

    #[test]
    fn every_type_is_shown_in_zone_file_format() {
        let unknown = RecordType(65280);
        for (record_type, data, shown) in [
            (RecordType::A, &b"\xc0\0\x02\x0a"[..], "192.0.2.10"),
            (RecordType::AAAA, b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x10", "2001:db8::10"),
            (RecordType::CNAME, b"\x01a\x01b\0", "a.b."),
            (RecordType::NS, b"\0", "."),
            (RecordType::DNAME, b"\x03a.b\0", "a\\.b."),
            (RecordType::PTR, b"\x02\x1b\xff\0", "\\027\\255."),
            (RecordType::MX, b"\0\x0a\x01m\0", "10 m."),
            (
                RecordType::SOA,
                b"\x01n\0\x01h\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\xff\xff\xff\xff",
                "n. h. 1 2 3 4 4294967295",
            ),
            (RecordType::SRV, b"\0\x01\0\x02\x01\xbb\x01t\0", "1 2 443 t."),
            (RecordType::CAA, b"\x80\x05issueca.example;\x1b", "128 issue \"ca.example;\\027\""),
            (RecordType::HINFO, b"\x03x86\0", "\"x86\" \"\""),
            (
                RecordType::NAPTR,
                b"\0\x01\0\x02\x01U\x03E2U\x06!^.*$!\0",
                "1 2 \"U\" \"E2U\" \"!^.*$!\" .",
            ),
            (RecordType::DS, b"\x30\x39\x08\x02\xab\xcd", "12345 8 2 ABCD"),
            (RecordType::SSHFP, b"\x04\x02\x01\xff", "4 2 01FF"),
            (RecordType::TLSA, b"\x03\x01\x01\xaa", "3 1 1 AA"),
            (RecordType::TXT, b"\x03a\"b\x02\\c\0", r#""a\"b" "\\c" """#),
            (RecordType::TXT, b"\x04\x1b]0\x07", "\"\\027]0\\007\""),
            (RecordType::TXT, b"\x04caf\xe9", "\"caf\\233\""),
            (unknown, b"\x01\x02\x03\xff", "\\# 4 010203FF"),
            (unknown, b"", "\\# 0"),
        ] {
            assert_eq!(read(record_type, data).as_deref(), Ok(shown), "{record_type}");
        }
    }

    #[test]
    fn data_that_does_not_fit_its_type_is_malformed() {
        for (record_type, data) in [
            (RecordType::A, &b"\x01\x02\x03"[..]),
            (RecordType::A, b"\x01\x02\x03\x04\x05"),
            (RecordType::A, b""),
            (RecordType::AAAA, b"\x01"),
            (RecordType::MX, b"\0\x0a"),
            (RecordType::CNAME, b"\x05ab"),
            (RecordType::CNAME, b"\xc0\x0b"),
            (RecordType::TXT, b""),
            (RecordType::TXT, b"\x05ab"),
            (RecordType::CAA, b"\0\x09ab"),
        ] {
            assert_eq!(read(record_type, data), Err(Malformed::Data(record_type)));
        }
    }

    proptest! {
        #[test]
        fn any_record_data_is_shown_in_printable_ascii(
            record_type in prop::sample::select(vec![1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 35, 39, 43, 44, 52, 257, 9999]),
            data in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            if let Ok(shown) = read(RecordType(record_type), &data) {
                prop_assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{shown:?}");
            }
        }
    }
}
