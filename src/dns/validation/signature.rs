//! Signatures (RRSIG records, RFC 4034 section 3).

use crate::dns::Name;
use crate::dns::message::record_type::RecordType;
use crate::dns::validation::wire::WireReader;

/// A signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// The type of the records that it covers.
    pub(super) covered: RecordType,
    pub(super) algorithm: u8,
    /// The number of labels of the name that was signed, without a first label `*`.
    pub(super) labels: u8,
    pub(super) original_ttl: u32,
    pub(super) expires: u32,
    pub(super) begins: u32,
    pub(super) key_tag: u16,
    /// The zone whose key made it.
    pub(super) signer: Name,
    /// The data up to the signature itself, in canonical form, which is signed too.
    pub(super) head: Vec<u8>,
    /// The signature itself.
    pub(super) octets: Vec<u8>,
}

impl Signature {
    /// Reads the data of an RRSIG record in canonical form.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut reader = WireReader(data);
        Some(Self {
            covered: RecordType(reader.u16()?),
            algorithm: reader.u8()?,
            labels: reader.u8()?,
            original_ttl: reader.u32()?,
            expires: reader.u32()?,
            begins: reader.u32()?,
            key_tag: reader.u16()?,
            signer: reader.name()?,
            head: data[..data.len() - reader.0.len()].to_vec(),
            octets: reader.0.to_vec(),
        })
    }
}
