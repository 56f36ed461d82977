//! The data of records in zone file format (RFC 1035 section 5.1).
//!
//! Each type is a list of fields, which are decoded and shown one after the other. A type without a
//! list is shown as `\# length hex` (RFC 3597 section 5). The output is always printable ASCII,
//! because a record can contain any bytes.
//!
//! The formats are sockkit's own: hickory passes control characters through, and the crate `domain`
//! lacks half of the types, such as LOC, URI, CERT and APL. The tests compare with `domain`.

mod address;
mod field;
mod location;
mod reader;
mod service;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use hickory_resolver::proto::rr::Name;
use hickory_resolver::proto::serialize::binary::BinDecoder;

use crate::dns::message::class::RecordClass;
use crate::dns::message::rdata::field::RdataField;
use crate::dns::message::rdata::reader::DataReader;
use crate::dns::message::record_type::RecordType;

/// Data as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// The data in zone file format.
    pub(super) text: String,
    /// The name in the data of a CNAME or DNAME record.
    pub(super) target: Option<Name>,
}

impl Shown {
    /// Returns data in the format for unknown types.
    pub(super) fn generic(octets: &[u8]) -> Self {
        let space = if octets.is_empty() { "" } else { " " };
        let text = format!("\\# {}{space}{}", octets.len(), text::hex(octets));
        Self { text, target: None }
    }
}

/// Decodes `length` octets of data at the decoder's position; `None` if they do not have the format
/// of the type.
pub(super) fn show(
    record_type: RecordType,
    class: RecordClass,
    decoder: &mut BinDecoder<'_>,
    length: usize,
) -> Option<Shown> {
    let mut reader = DataReader::new(decoder, length);
    let Some(fields) = fields(record_type, class) else {
        return Some(Shown::generic(reader.rest()?));
    };
    let mut shown = Shown { text: String::new(), target: None };
    for field in fields {
        if *field == RdataField::Name
            && matches!(record_type, RecordType::CNAME | RecordType::DNAME)
        {
            let name = reader.name()?;
            shown.text = crate::dns::name::show(&name);
            shown.target = Some(name);
            continue;
        }
        let text = field.show(&mut reader)?;
        if !shown.text.is_empty() && !text.is_empty() {
            shown.text.push(' ');
        }
        shown.text.push_str(&text);
    }
    reader.is_complete().then_some(shown)
}

/// Returns the mnemonic of an algorithm of DNSSEC, or its number.
pub(crate) fn algorithm(number: u8) -> String {
    field::mnemonic(&field::ALGORITHMS, number.into())
}

/// Returns the fields of a type; `None` if they are unknown.
fn fields(record_type: RecordType, class: RecordClass) -> Option<&'static [RdataField]> {
    use RdataField::{
        Algorithm, AmtRelay, Base32, Base64, CertificateType, CoveredType, Eui, Gateway, Groups,
        Hex, Hip, Keyword, Location, Name, NonEmptyBase64, Nsap, OptionalBase64, OptionalText,
        Parameters, Ports, Prefixes, Salt, Scheme, Text, Texts, Time, Type, Types, U8, U16, U32,
        Uri, V4, V6,
    };
    Some(match record_type.0 {
        // A Chaosnet address is a domain and a 16-bit number in octal.
        1 if class == RecordClass::CH => return None,
        1 => &[V4],
        2 | 3 | 4 | 5 | 7 | 8 | 9 | 12 | 23 | 39 => &[Name],
        6 => &[Name, Name, U32, U32, U32, U32, U32],
        11 => &[V4, U8, Ports],
        13 => &[Text, Text],
        14 | 17 | 58 => &[Name, Name],
        15 | 18 | 21 | 36 | 107 => &[U16, Name],
        16 | 56 | 99 | 258 | 261 | 262 => &[Texts],
        19 => &[Text],
        20 => &[Text, OptionalText],
        22 => &[Nsap],
        24 => &[CoveredType, U8, U8, U32, Time, Time, U16, Name, Base64],
        46 => &[Type, U8, U8, U32, Time, Time, U16, Name, Base64],
        25 | 48 | 57 | 60 => &[U16, U8, U8, Base64],
        26 => &[U16, Name, Name],
        27 => &[Text, Text, Text],
        28 => &[V6],
        29 => &[Location],
        33 => &[U16, U16, U16, Name],
        35 => &[U16, U16, Text, Text, Text, Name],
        37 => &[CertificateType, U16, Algorithm, Base64],
        42 => &[Prefixes],
        43 | 59 | 32768 | 32769 => &[U16, U8, U8, Hex],
        44 => &[U8, U8, Hex],
        45 => &[Gateway],
        47 => &[Name, Types],
        49 | 61 => &[NonEmptyBase64],
        50 => &[U8, U8, U16, Salt, Base32, Types],
        51 => &[U8, U8, U16, Salt],
        52 | 53 => &[U8, U8, U8, Hex],
        55 => &[Hip],
        62 => &[U32, U16, Types],
        63 => &[U32, U8, U8, Hex],
        64 | 65 => &[U16, Name, Parameters],
        66 => &[Type, Scheme, U16, Name],
        104 | 106 => &[U16, Groups],
        105 => &[U16, V4],
        108 => &[Eui(6)],
        109 => &[Eui(8)],
        256 => &[U16, U16, Uri],
        257 => &[U8, Keyword, Uri],
        259 => &[U32, U32, U8, Text, OptionalBase64],
        260 => &[AmtRelay],
        _ => return None,
    })
}
