//! Records of one name and type with their signatures, in the canonical form that signatures cover
//! (RFC 4034 section 6).
//!
//! They are read from the message again, because the data of decoded records can hold compressed
//! names. The form is sockkit's own: hickory does not have all types whose names are in lower case,
//! and sorts records by their TTL first.

use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinDecoder};

use crate::dns::Name;
use crate::dns::message::class::RecordClass;
use crate::dns::message::query::push_name;
use crate::dns::message::record_type::RecordType;
use crate::dns::name;
use crate::dns::validation::signature::Signature;

/// The records of one name, class and type (an `RRset`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RecordSet {
    /// The owner name.
    pub(super) name: Name,
    /// The class.
    pub(super) class: RecordClass,
    /// The type.
    pub(super) record_type: RecordType,
    /// The data in canonical form and order, each once.
    pub(super) data: Vec<Vec<u8>>,
    /// The signatures of the set.
    pub(super) signatures: Vec<Signature>,
}

/// The sets of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MessageSets {
    /// Those of the answer section.
    pub(super) answers: Vec<RecordSet>,
    /// Those of the authority section.
    pub(super) authorities: Vec<RecordSet>,
}

impl MessageSets {
    /// Reads a message; `None` if it is malformed.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let mut decoder = BinDecoder::new(message);
        let mut header = [0; 6];
        for field in &mut header {
            *field = decoder.read_u16().ok()?.unverified();
        }
        let [_, _, questions, answers, authorities, _] = header;
        for _ in 0..questions {
            Name::read(&mut decoder).ok()?;
            decoder.read_slice(4).ok()?;
        }
        Some(Self {
            answers: read_section(&mut decoder, answers)?,
            authorities: read_section(&mut decoder, authorities)?,
        })
    }
}

impl RecordSet {
    /// Returns the name and the type, for a sentence.
    pub(super) fn title(&self) -> String {
        format!("{} {}", name::show(&self.name), self.record_type)
    }

    /// Returns whether the records deny names or types.
    pub(super) fn denies(&self) -> bool {
        [RecordType::NSEC, RecordType::NSEC3].contains(&self.record_type)
    }

    /// Returns the data that `signature` covers (RFC 4035 section 5.3.2); `None` if the signature
    /// has more labels than the name.
    pub(super) fn signed_data(&self, signature: &Signature) -> Option<Vec<u8>> {
        let mut owner = Vec::new();
        let labels = self.name.num_labels();
        if signature.labels > labels {
            return None;
        }
        if signature.labels < labels {
            owner.extend(b"\x01*");
        }
        push_name(&mut owner, &suffix(&self.name, signature.labels.into()).to_lowercase());
        if signature.labels == labels {
            // With the first label `*`, which does not count.
            owner.clear();
            push_name(&mut owner, &self.name.to_lowercase());
        }
        let mut signed = signature.head.clone();
        for data in &self.data {
            signed.extend(&owner);
            signed.extend(self.record_type.0.to_be_bytes());
            signed.extend(self.class.0.to_be_bytes());
            signed.extend(signature.original_ttl.to_be_bytes());
            // Data is not longer than a message; only names in it can have become longer.
            signed.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
            signed.extend(data);
        }
        Some(signed)
    }
}

/// Returns the number of labels of a name, including a first label `*`, and without the root.
pub(super) fn labels(name: &Name) -> usize {
    name.iter().count()
}

/// Returns the last `count` labels of a name as a name; the name itself if it has no more.
pub(super) fn suffix(name: &Name, count: usize) -> Name {
    name.trim_to(count)
}

/// Returns `*` below the last `count` labels of a name.
pub(super) fn wildcard(name: &Name, count: usize) -> Option<Name> {
    suffix(name, count).prepend_label("*").ok()
}

/// Reads the records of a section, and groups them into sets.
fn read_section(decoder: &mut BinDecoder<'_>, count: u16) -> Option<Vec<RecordSet>> {
    let mut sets: Vec<RecordSet> = Vec::new();
    let mut signatures: Vec<(Name, RecordClass, Signature)> = Vec::new();
    for _ in 0..count {
        let name = Name::read(decoder).ok()?;
        let record_type = RecordType(decoder.read_u16().ok()?.unverified());
        let class = RecordClass(decoder.read_u16().ok()?.unverified());
        decoder.read_u32().ok()?;
        let length = usize::from(decoder.read_u16().ok()?.unverified());
        let mut inside = decoder.clone(u16::try_from(decoder.index()).ok()?);
        decoder.read_slice(length).ok()?;
        let data = canonical(record_type, &mut inside, length)?;
        if record_type == RecordType::RRSIG {
            signatures.push((name, class, Signature::read(&data)?));
            continue;
        }
        let is_same = |set: &&mut RecordSet| {
            set.record_type == record_type && set.class == class && set.name == name
        };
        match sets.iter_mut().find(is_same) {
            Some(set) => set.data.push(data),
            None => sets.push(RecordSet {
                name,
                class,
                record_type,
                data: vec![data],
                signatures: Vec::new(),
            }),
        }
    }
    for (name, class, signature) in signatures {
        let is_covered = |set: &&mut RecordSet| {
            set.record_type == signature.covered && set.class == class && set.name == name
        };
        // A signature without its records proves nothing.
        if let Some(set) = sets.iter_mut().find(is_covered) {
            set.signatures.push(signature);
        }
    }
    // The chain of signatures is that of the Internet class.
    sets.retain(|set| set.class == RecordClass::IN);
    for set in &mut sets {
        set.data.sort();
        set.data.dedup();
    }
    Some(sets)
}

/// Returns the data of a record with its names uncompressed and, for the types of RFC 4034 section
/// 6.2 except NSEC (RFC 6840 section 5.1), in lower case.
fn canonical(
    record_type: RecordType,
    decoder: &mut BinDecoder<'_>,
    length: usize,
) -> Option<Vec<u8>> {
    let end = decoder.index() + length;
    // Octets and character-strings before the names, and the number of names.
    let (octets, texts, names) = match record_type.0 {
        2 | 3 | 4 | 5 | 7 | 8 | 9 | 12 | 39 | 47 => (0, 0, 1),
        6 | 14 | 17 => (0, 0, 2),
        15 | 18 | 21 | 36 => (2, 0, 1),
        24 | 46 => (18, 0, 1),
        26 => (2, 0, 2),
        33 => (6, 0, 1),
        35 => (4, 3, 1),
        _ => (0, 0, 0),
    };
    let mut data = decoder.read_slice(octets).ok()?.unverified().to_vec();
    for _ in 0..texts {
        let length = decoder.read_u8().ok()?.unverified();
        data.push(length);
        data.extend(decoder.read_slice(length.into()).ok()?.unverified());
    }
    for _ in 0..names {
        let name = Name::read(decoder).ok()?;
        let is_kept = record_type == RecordType::NSEC;
        push_name(&mut data, &if is_kept { name } else { name.to_lowercase() });
    }
    let rest = end.checked_sub(decoder.index())?;
    data.extend(decoder.read_slice(rest).ok()?.unverified());
    Some(data)
}
