//! Reads the fields of canonical data, in which names are not compressed.

use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinDecoder};

use crate::dns::Name;

/// The octets that are left. Every method returns `None` if there are too few.
pub(super) struct WireReader<'a>(pub(super) &'a [u8]);

impl<'a> WireReader<'a> {
    pub(super) fn octets(&mut self, count: usize) -> Option<&'a [u8]> {
        let (octets, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(octets)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.octets(1)?.first().copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.octets(2)?.try_into().ok()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.octets(4)?.try_into().ok()?))
    }

    /// Reads a length octet and that many octets.
    pub(super) fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.octets(length.into())
    }

    pub(super) fn name(&mut self) -> Option<Name> {
        let mut decoder = BinDecoder::new(self.0);
        let name = Name::read(&mut decoder).ok()?;
        self.octets(decoder.index())?;
        Some(name)
    }
}
