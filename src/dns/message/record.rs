//! Resource records, decoded from the wire.

use hickory_resolver::proto::rr::Name;
use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinDecoder, DecodeError};

use crate::dns::message::class::RecordClass;
use crate::dns::message::rdata::{self, Shown};
use crate::dns::message::record_type::RecordType;

/// A record, with its data as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The owner name.
    pub name: Name,
    /// The type.
    pub record_type: RecordType,
    /// The class; in an OPT record, the UDP payload size.
    pub class: RecordClass,
    /// The time to live in seconds; in an OPT record, part of the response code and flags.
    pub ttl: u32,
    /// The data in zone file format; in the format of RFC 3597 if `is_invalid`.
    pub data: String,
    /// The data as received, in which names can be compressed.
    pub octets: Vec<u8>,
    /// The target of a CNAME or DNAME record.
    pub target: Option<Name>,
    /// Whether the data does not have the format of the type.
    pub is_invalid: bool,
}

/// TTLs from here on count as 0 (RFC 2181 section 8).
pub const TTL_LIMIT: u32 = 1 << 31;

/// Why a reply is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A part of it ends too early, or contains an invalid compressed name.
    #[error("{0} cannot be read")]
    Unreadable(&'static str),
    /// The data does not have the format of the record type.
    #[error("invalid data in a record of type {0}")]
    Data(RecordType),
    /// An OPT record breaks the rules of EDNS (RFC 6891).
    #[error("an OPT record {0}")]
    Opt(&'static str),
    /// The response code says that the name does not exist, but the answer has records of it.
    #[error("NXDOMAIN, but with records of {0}")]
    Contradiction(String),
    /// The answer has several CNAME records of this name, of which there can be only one (RFC 2181
    /// section 10.1).
    #[error("several CNAME records of {0}")]
    Aliases(String),
    /// A zone transfer was not complete at the deadline.
    #[error("the transfer did not end in time")]
    Unfinished,
    /// A zone transfer is not complete.
    #[error("the transfer {0}")]
    Transfer(&'static str),
    /// The reply is truncated, and the records that are left do not answer the question.
    #[error("truncated before the answer")]
    Incomplete,
    /// The reply is truncated although it was sent over TCP, so there is no other way to get it.
    #[error("truncated although sent over TCP")]
    Truncated,
}

impl Record {
    /// Decodes the record at the decoder's position, and moves the decoder behind it. Data that
    /// does not have the format of the type is no error, because the next record can be found.
    ///
    /// # Errors
    /// The record does not fit into the message, or its owner name is invalid.
    pub(super) fn read(decoder: &mut BinDecoder<'_>) -> Result<Self, Malformed> {
        let head = |decoder: &mut BinDecoder<'_>| -> Result<_, DecodeError> {
            let name = Name::read(decoder)?;
            let record_type = decoder.read_u16()?.unverified();
            let class = decoder.read_u16()?.unverified();
            let ttl = decoder.read_u32()?.unverified();
            let length = usize::from(decoder.read_u16()?.unverified());
            Ok((name, RecordType(record_type), RecordClass(class), ttl, length))
        };
        let (name, record_type, class, ttl, length) =
            head(decoder).map_err(|_| Malformed::Unreadable("a record"))?;
        let unreadable = |_| Malformed::Unreadable("a record's data");
        // The position is below 65,536, because a message is not longer.
        let mut inside = decoder.clone(u16::try_from(decoder.index()).unwrap_or(u16::MAX));
        let octets = decoder.read_slice(length).map_err(unreadable)?.unverified();
        let shown = rdata::show(record_type, class, &mut inside, length);
        let is_invalid = shown.is_none();
        let Shown { text: data, target } = shown.unwrap_or_else(|| Shown::generic(octets));
        let octets = octets.to_vec();
        Ok(Self { name, record_type, class, ttl, data, octets, target, is_invalid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_invalid_data_is_shown_by_its_octets_and_the_next_one_is_read() {
        let bytes = [
            &b"\x01a\0\0\x01\0\x01\0\0\x01\x2c\0\x02\xc0\0"[..],
            b"\xc0\0\0\x01\0\x01\0\0\0\x07\0\x04\xc0\0\x02\x01",
        ]
        .concat();
        let mut decoder = BinDecoder::new(&bytes);
        let first = Record::read(&mut decoder).unwrap();
        assert_eq!((first.data.as_str(), first.is_invalid, first.ttl), (r"\# 2 C000", true, 300));
        let second = Record::read(&mut decoder).unwrap();
        assert_eq!((second.data.as_str(), second.is_invalid), ("192.0.2.1", false));
        assert_eq!(second.name, first.name);
        let end = Record::read(&mut decoder);
        assert_eq!(end, Err(Malformed::Unreadable("a record")));
        let cut = Record::read(&mut BinDecoder::new(&bytes[..bytes.len() - 1]).clone(15));
        assert_eq!(cut, Err(Malformed::Unreadable("a record's data")));
    }
}
