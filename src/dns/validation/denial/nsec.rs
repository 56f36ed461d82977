//! Proofs with NSEC records (RFC 4034 section 4), each of which names the next name of its zone.

use crate::dns::Name;
use crate::dns::message::record_type::RecordType;
use crate::dns::validation::denial::absence::{Absence, TypeMap};
use crate::dns::validation::rrset::wildcard;
use crate::dns::validation::wire::WireReader;

/// An NSEC record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Nsec {
    owner: Name,
    next: Name,
    types: TypeMap,
}

impl Nsec {
    pub(super) fn read(owner: &Name, data: &[u8]) -> Option<Self> {
        let mut reader = WireReader(data);
        let next = reader.name()?;
        Some(Self { owner: owner.clone(), next, types: TypeMap(reader.0.to_vec()) })
    }

    /// Returns whether no name of the zone is where `name` would be, and no delegation or DNAME
    /// above it takes it out of the zone. The next name can be below it.
    fn covers(&self, name: &Name, zone: &Name) -> bool {
        // The last NSEC record of a zone names the apex as the next name.
        let is_before = *name < self.next || self.next == *zone;
        let is_taken_out = self.owner.zone_of(name) && self.types.ends_zone();
        self.owner < *name && is_before && !is_taken_out
    }

    /// Returns the number of labels of the closest name above a covered name that exists.
    fn closest_encloser(&self, name: &Name) -> usize {
        common_labels(&self.owner, name).max(common_labels(&self.next, name))
    }
}

/// Returns what the records prove about `wanted` at `name`; `None` for nothing.
pub(super) fn absence(
    records: &[Nsec],
    name: &Name,
    wanted: RecordType,
    zone: &Name,
) -> Option<Absence> {
    if let Some(nsec) = records.iter().find(|nsec| nsec.owner == *name) {
        return nsec.types.absence(name, wanted);
    }
    let nsec = records.iter().find(|nsec| nsec.covers(name, zone))?;
    if name.zone_of(&nsec.next) {
        // An empty non-terminal: only names below it have records.
        return Some(Absence::Type);
    }
    let wildcard = wildcard(name, nsec.closest_encloser(name))?;
    match records.iter().find(|nsec| nsec.owner == wildcard) {
        Some(nsec) => nsec.types.absence(&wildcard, wanted).map(|_| Absence::Type),
        None => records.iter().any(|nsec| nsec.covers(&wildcard, zone)).then_some(Absence::Name),
    }
}

/// Returns whether `name` does not exist, and the closest name above that exists has `closest`
/// labels.
pub(super) fn uses_wildcard(records: &[Nsec], name: &Name, closest: usize, zone: &Name) -> bool {
    records.iter().any(|nsec| {
        let covers = nsec.covers(name, zone) && !name.zone_of(&nsec.next);
        covers && nsec.closest_encloser(name) == closest
    })
}

fn common_labels(one: &Name, other: &Name) -> usize {
    let pairs = one.iter().rev().zip(other.iter().rev());
    pairs.take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count()
}
