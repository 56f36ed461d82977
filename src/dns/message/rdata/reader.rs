//! Reads the fields of a record's data, within its length.

use hickory_resolver::proto::rr::Name;
use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinDecoder};

/// The data of a record that is being read. Every method returns `None` if the data ends too early.
pub(super) struct DataReader<'a, 'b> {
    decoder: &'a mut BinDecoder<'b>,
    end: usize,
}

impl<'a, 'b> DataReader<'a, 'b> {
    /// Returns a reader of the next `length` octets.
    pub(super) fn new(decoder: &'a mut BinDecoder<'b>, length: usize) -> Self {
        let end = decoder.index() + length;
        Self { decoder, end }
    }

    /// Returns the number of octets left; 0 after a name that runs past the end.
    pub(super) fn left(&self) -> usize {
        self.end.saturating_sub(self.decoder.index())
    }

    /// Returns whether exactly the whole data has been read.
    pub(super) fn is_complete(&self) -> bool {
        self.decoder.index() == self.end
    }

    pub(super) fn octets(&mut self, count: usize) -> Option<&'b [u8]> {
        if count > self.left() {
            return None;
        }
        Some(self.decoder.read_slice(count).ok()?.unverified())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.octets(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn rest(&mut self) -> Option<&'b [u8]> {
        self.octets(self.left())
    }

    /// Reads a length octet and that many octets, such as a character-string (RFC 1035 section
    /// 3.3).
    pub(super) fn counted(&mut self) -> Option<&'b [u8]> {
        let length = self.u8()?;
        self.octets(length.into())
    }

    /// Reads a name, which can be compressed.
    pub(super) fn name(&mut self) -> Option<Name> {
        let name = Name::read(self.decoder).ok()?;
        (self.decoder.index() <= self.end).then_some(name)
    }
}
