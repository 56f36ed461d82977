//! What is proven about data that is not there, and the types that a name has.

use crate::dns::Name;
use crate::dns::message::record_type::RecordType;

/// What is proven about the data that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dns::validation) enum Absence {
    /// The name exists, in this zone, without the type.
    Type,
    /// The name is a delegation without DS records.
    UnsignedDelegation,
    /// The name does not exist.
    Name,
    /// There is no signed name, but there may be an unsigned delegation (Opt-Out, RFC 5155
    /// section 6).
    OptOut,
}

/// The types in a type bit map (RFC 4034 section 4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TypeMap(pub(super) Vec<u8>);

impl TypeMap {
    /// Returns whether the type is in the map. A malformed map ends at its first invalid window.
    fn has(&self, wanted: RecordType) -> bool {
        let [window, low] = wanted.0.to_be_bytes();
        let mut rest = self.0.as_slice();
        while let [number, length, after @ ..] = rest {
            let Some((bits, next)) = after.split_at_checked(usize::from(*length)) else {
                return false;
            };
            if *number == window {
                let octet = bits.get(usize::from(low / 8));
                return octet.is_some_and(|octet| octet & (0x80 >> (low % 8)) != 0);
            }
            rest = next;
        }
        false
    }

    /// Returns whether the name is a delegation, seen from the zone above.
    fn is_delegation(&self) -> bool {
        self.has(RecordType::NS) && !self.has(RecordType::SOA)
    }

    /// Returns whether names below the name are not in the zone of the map.
    pub(super) fn ends_zone(&self) -> bool {
        self.is_delegation() || self.has(RecordType::DNAME)
    }

    /// Returns what the map of a name proves about a type: that it is absent, or nothing.
    pub(super) fn absence(&self, name: &Name, wanted: RecordType) -> Option<Absence> {
        if self.has(wanted) || self.has(RecordType::CNAME) {
            return None;
        }
        if wanted == RecordType::DS {
            // The map of the child's own apex says nothing about the parent's DS records.
            return match (self.is_delegation(), self.has(RecordType::SOA)) {
                (true, _) => Some(Absence::UnsignedDelegation),
                (false, true) if !name.is_root() => None,
                _ => Some(Absence::Type),
            };
        }
        (!self.is_delegation()).then_some(Absence::Type)
    }
}
