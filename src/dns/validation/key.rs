//! Keys of zones (DNSKEY records) and what vouches for them: DS records and trust anchors.

use hickory_proto::dnssec::crypto::Digest;
use hickory_proto::dnssec::{Algorithm, DigestType};

use crate::dns::Name;
use crate::dns::message::query::push_name;
use crate::dns::validation::wire::WireReader;

/// The most keys that a zone may have. Zones have two to four, and some more during a change of
/// keys.
pub(super) const MAX_KEYS: usize = 32;

/// The most DS records that a zone may have: one or two for each of its keys.
pub(super) const MAX_DS: usize = 16;

/// The flag of keys that sign a zone's data (RFC 4034 section 2.1.1).
const ZONE_KEY: u16 = 0x0100;

/// The flag of keys that must not be used any more (RFC 5011 section 2.1).
const REVOKED: u16 = 0x0080;

/// The only value of the field Protocol (RFC 4034 section 2.1.2).
const DNSSEC_PROTOCOL: u8 = 3;

/// A key of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneKey {
    /// The flags.
    pub flags: u16,
    /// The number of the algorithm.
    pub algorithm: u8,
    /// The tag, by which signatures name the key.
    pub tag: u16,
    /// The key itself.
    pub public: Vec<u8>,
    protocol: u8,
    data: Vec<u8>,
}

/// A DS record: the digest of a key of a child zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegationSigner {
    /// The tag of the key.
    pub key_tag: u16,
    /// The number of the key's algorithm.
    pub algorithm: u8,
    /// The number of the digest's algorithm.
    pub digest_type: u8,
    /// The digest.
    pub digest: Vec<u8>,
}

/// What vouches for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyVoucher {
    /// The digest of the key.
    Digest(DelegationSigner),
    /// The key itself, as a trust anchor.
    Key(ZoneKey),
}

impl ZoneKey {
    /// Reads the data of a DNSKEY record.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut reader = WireReader(data);
        let (flags, protocol, algorithm) = (reader.u16()?, reader.u8()?, reader.u8()?);
        let (public, tag) = (reader.0.to_vec(), key_tag(data));
        Some(Self { flags, algorithm, tag, public, protocol, data: data.to_vec() })
    }

    /// Returns whether signatures of the zone's data may be made with this key.
    pub(super) fn signs_zones(&self) -> bool {
        self.flags & ZONE_KEY != 0 && self.flags & REVOKED == 0 && self.protocol == DNSSEC_PROTOCOL
    }

    /// Returns the digest of the key of `zone` (RFC 4034 section 5.1.4); `None` for a type that is
    /// not supported.
    fn digest(&self, zone: &Name, digest_type: u8) -> Option<Digest> {
        let mut data = Vec::new();
        push_name(&mut data, &zone.to_lowercase());
        data.extend(&self.data);
        Digest::new(&data, DigestType::from(digest_type)).ok()
    }
}

impl DelegationSigner {
    /// Reads the data of a DS record.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut reader = WireReader(data);
        Some(Self {
            key_tag: reader.u16()?,
            algorithm: reader.u8()?,
            digest_type: reader.u8()?,
            digest: reader.0.to_vec(),
        })
    }

    fn is_supported(&self) -> bool {
        Algorithm::from_u8(self.algorithm).is_supported()
            && DigestType::from(self.digest_type).is_supported()
    }
}

impl KeyVoucher {
    /// Returns the tag of the key.
    pub fn key_tag(&self) -> u16 {
        match self {
            Self::Digest(ds) => ds.key_tag,
            Self::Key(key) => key.tag,
        }
    }

    /// Returns the algorithm of the key.
    pub fn algorithm(&self) -> u8 {
        match self {
            Self::Digest(ds) => ds.algorithm,
            Self::Key(key) => key.algorithm,
        }
    }

    /// Returns whether it vouches for this key of `zone`.
    pub(super) fn vouches_for(&self, key: &ZoneKey, zone: &Name) -> bool {
        if self.key_tag() != key.tag || self.algorithm() != key.algorithm || !key.signs_zones() {
            return false;
        }
        match self {
            Self::Digest(ds) => key
                .digest(zone, ds.digest_type)
                .is_some_and(|digest| digest.as_ref() == ds.digest.as_slice()),
            Self::Key(anchor) => anchor.data == key.data,
        }
    }
}

/// Returns those vouchers that sockkit can use. SHA-1 does not count beside a better digest (RFC
/// 4509 section 3).
pub(super) fn usable(vouchers: &[KeyVoucher]) -> Vec<&KeyVoucher> {
    let is_supported = |voucher: &&KeyVoucher| match voucher {
        KeyVoucher::Digest(ds) => ds.is_supported(),
        KeyVoucher::Key(key) => Algorithm::from_u8(key.algorithm).is_supported(),
    };
    let is_sha1 = |voucher: &KeyVoucher| {
        matches!(voucher, KeyVoucher::Digest(ds)
            if DigestType::from(ds.digest_type) == DigestType::SHA1)
    };
    let mut usable: Vec<&KeyVoucher> = vouchers.iter().filter(is_supported).collect();
    if usable.iter().any(|voucher| !is_sha1(voucher)) {
        usable.retain(|voucher| !is_sha1(voucher));
    }
    usable
}

/// Returns the tag of the key with this data (RFC 4034 appendix B).
fn key_tag(data: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in data.chunks(2) {
        let [high, low] = [pair[0], pair.get(1).copied().unwrap_or_default()];
        sum += u32::from(u16::from_be_bytes([high, low]));
    }
    // At most 65,535 octets: the sum has at most 31 bits.
    sum += sum >> 16 & 0xffff;
    u16::try_from(sum & 0xffff).unwrap_or_default()
}
