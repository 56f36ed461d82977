//! Proofs that a name or a type does not exist (RFC 4035 section 5.4, RFC 5155 section 8).
//!
//! The records are verified before they get here; this module only draws the conclusions.

mod absence;
mod nsec;
mod nsec3;
#[cfg(test)]
mod tests;

use crate::dns::Name;
use crate::dns::message::record_type::RecordType;
use crate::dns::name;
pub(super) use crate::dns::validation::denial::absence::Absence;
use crate::dns::validation::denial::nsec::Nsec;
use crate::dns::validation::denial::nsec3::{HashedDenials, Nsec3};
use crate::dns::validation::rrset::RecordSet;
use crate::dns::validation::{Cause, Weakness};

/// The verified NSEC or NSEC3 records of a reply.
pub(super) struct Denials<'a> {
    zone: &'a Name,
    nsec: Vec<Nsec>,
    nsec3: Vec<Nsec3>,
    /// Why others were not verified.
    weakness: Option<Weakness>,
}

impl<'a> Denials<'a> {
    /// Returns the denials of `zone` in these sets, whose signatures the caller has verified.
    /// `weakness` is why it could not verify others.
    pub(super) fn new<'b>(
        zone: &'a Name,
        sets: impl Iterator<Item = &'b RecordSet>,
        weakness: Option<Weakness>,
    ) -> Self {
        let mut denials = Self { zone, nsec: Vec::new(), nsec3: Vec::new(), weakness };
        for set in sets {
            for data in &set.data {
                if set.record_type == RecordType::NSEC {
                    denials.nsec.extend(Nsec::read(&set.name, data));
                } else {
                    denials.nsec3.extend(Nsec3::read(&set.name, zone, data));
                }
            }
        }
        denials
    }

    /// Returns what is proven about records of a type that are not in a reply.
    ///
    /// # Errors
    /// It is not proven that they do not exist.
    pub(super) fn absence(&self, name: &Name, wanted: RecordType) -> Result<Absence, Weakness> {
        let absence = match self.hashed()? {
            Some(hashed) => hashed.absence(name, wanted),
            None => nsec::absence(&self.nsec, name, wanted, self.zone),
        };
        absence.ok_or_else(|| self.unproven(&format!("{} {wanted}", name::show(name))))
    }

    /// Returns whether a proof with Opt-Out says that no name matches `name` better than the
    /// wildcard below its last `closest` labels.
    ///
    /// # Errors
    /// It is not proven.
    pub(super) fn uses_wildcard(&self, name: &Name, closest: usize) -> Result<bool, Weakness> {
        let proven = match self.hashed()? {
            Some(hashed) => hashed.uses_wildcard(name, closest),
            None => nsec::uses_wildcard(&self.nsec, name, closest, self.zone).then_some(false),
        };
        proven.ok_or_else(|| {
            if let Some(weakness) = &self.weakness {
                return weakness.clone();
            }
            let text = format!(
                "{} is answered from a wildcard, without proof that no other name fits better",
                name::show(name)
            );
            Weakness::new(Cause::DenialMissing, text)
        })
    }

    /// Returns the NSEC3 records, if there are any.
    fn hashed(&self) -> Result<Option<HashedDenials<'_>>, Weakness> {
        if self.nsec3.is_empty() || !self.nsec.is_empty() {
            return Ok(None);
        }
        HashedDenials::new(self.zone, &self.nsec3).map(Some)
    }

    fn unproven(&self, what: &str) -> Weakness {
        if let Some(weakness) = &self.weakness {
            return weakness.clone();
        }
        let zone = name::show(self.zone);
        let text = if self.nsec.is_empty() && self.nsec3.is_empty() {
            format!("{zone} gives no signed NSEC or NSEC3 record that denies {what}")
        } else {
            format!("the signed NSEC or NSEC3 records of {zone} do not deny {what}")
        };
        Weakness::new(Cause::DenialMissing, text)
    }
}
