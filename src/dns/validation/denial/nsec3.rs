//! Proofs with NSEC3 records (RFC 5155), which name hashes instead of names.

use hickory_proto::dnssec::Nsec3HashAlgorithm;

use crate::dns::Name;
use crate::dns::message::rdata::text::base32;
use crate::dns::message::record_type::RecordType;
use crate::dns::name;
use crate::dns::validation::denial::absence::{Absence, TypeMap};
use crate::dns::validation::rrset::{labels, suffix, wildcard};
use crate::dns::validation::wire::WireReader;
use crate::dns::validation::{Cause, Weakness};

/// The most hash iterations. Zones with more count as insecure (RFC 9276 section 3.2); BIND 9.20
/// and Knot Resolver have the same limit.
const MAX_ITERATIONS: u16 = 50;

/// The only hash algorithm: SHA-1.
const SHA1: u8 = 1;

/// The only flag (RFC 5155 section 3.1.2).
const OPT_OUT: u8 = 1;

/// An NSEC3 record. The hashes are in base 32, which has the order of the hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Nsec3 {
    owner: String,
    next: String,
    opt_out: bool,
    iterations: u16,
    salt: Vec<u8>,
    types: TypeMap,
}

impl Nsec3 {
    /// Reads a record of `zone`; `None` for one to ignore (RFC 5155 section 8.2).
    pub(super) fn read(owner: &Name, zone: &Name, data: &[u8]) -> Option<Self> {
        let mut reader = WireReader(data);
        let (algorithm, flags, iterations) = (reader.u8()?, reader.u8()?, reader.u16()?);
        let salt = reader.counted()?.to_vec();
        let next = base32(reader.counted()?);
        let types = TypeMap(reader.0.to_vec());
        let is_known = algorithm == SHA1 && flags & !OPT_OUT == 0 && owner.base_name() == *zone;
        let label = owner.iter().next().filter(|_| is_known)?;
        let owner = String::from_utf8_lossy(label).to_ascii_uppercase();
        Some(Self { owner, next, opt_out: flags == OPT_OUT, iterations, salt, types })
    }

    fn covers(&self, hash: &str) -> bool {
        let (owner, next) = (self.owner.as_str(), self.next.as_str());
        if owner < next { owner < hash && hash < next } else { hash > owner || hash < next }
    }
}

/// The NSEC3 records of a zone with the same parameters.
pub(super) struct HashedDenials<'a> {
    zone: &'a Name,
    records: Vec<&'a Nsec3>,
    iterations: u16,
    salt: &'a [u8],
}

/// The closest name above a name that exists, and what is proven about the name below it on the
/// way to the name (the "next closer name").
struct ClosestEncloser<'a> {
    labels: usize,
    next_closer: &'a Nsec3,
}

impl<'a> HashedDenials<'a> {
    /// Returns the records that have the parameters of the first.
    ///
    /// # Errors
    /// They demand too many iterations.
    pub(super) fn new(zone: &'a Name, records: &'a [Nsec3]) -> Result<Self, Weakness> {
        let (iterations, salt) =
            records.first().map_or((0, &[][..]), |first| (first.iterations, &first.salt));
        if iterations > MAX_ITERATIONS {
            let text = format!(
                "the NSEC3 records of {} demand {iterations} iterations; zones with more than \
                 {MAX_ITERATIONS} count as insecure (RFC 9276)",
                name::show(zone)
            );
            return Err(Weakness::new(Cause::Iterations, text));
        }
        let is_same = |nsec3: &&Nsec3| nsec3.iterations == iterations && nsec3.salt == salt;
        Ok(Self { zone, records: records.iter().filter(is_same).collect(), iterations, salt })
    }

    /// Returns what the records prove about `wanted` at `name`; `None` for nothing.
    pub(super) fn absence(&self, name: &Name, wanted: RecordType) -> Option<Absence> {
        if let Some(nsec3) = self.matching(name) {
            return nsec3.types.absence(name, wanted);
        }
        let closest = self.closest_encloser(name)?;
        if closest.next_closer.opt_out && wanted == RecordType::DS {
            return Some(Absence::OptOut);
        }
        let wildcard = wildcard(name, closest.labels)?;
        let absence = if let Some(nsec3) = self.matching(&wildcard) {
            nsec3.types.absence(&wildcard, wanted)?;
            Absence::Type
        } else {
            self.covering(&wildcard)?;
            Absence::Name
        };
        Some(if closest.next_closer.opt_out { Absence::OptOut } else { absence })
    }

    /// Returns whether the proof that no name fits better than the wildcard below the last
    /// `closest` labels of `name` has Opt-Out; `None` without proof.
    pub(super) fn uses_wildcard(&self, name: &Name, closest: usize) -> Option<bool> {
        Some(self.covering(&suffix(name, closest + 1))?.opt_out)
    }

    /// Returns the closest encloser of a name that does not exist (RFC 5155 section 8.3).
    fn closest_encloser(&self, name: &Name) -> Option<ClosestEncloser<'_>> {
        for count in (labels(self.zone)..labels(name)).rev() {
            if let Some(nsec3) = self.matching(&suffix(name, count)) {
                if nsec3.types.ends_zone() {
                    return None;
                }
                let next_closer = self.covering(&suffix(name, count + 1))?;
                return Some(ClosestEncloser { labels: count, next_closer });
            }
        }
        None
    }

    fn matching(&self, name: &Name) -> Option<&'a Nsec3> {
        let hash = self.hash(name)?;
        self.records.iter().find(|nsec3| nsec3.owner == hash).copied()
    }

    fn covering(&self, name: &Name) -> Option<&'a Nsec3> {
        let hash = self.hash(name)?;
        self.records.iter().find(|nsec3| nsec3.covers(&hash)).copied()
    }

    fn hash(&self, name: &Name) -> Option<String> {
        let hash = Nsec3HashAlgorithm::SHA1.hash(self.salt, name, self.iterations);
        Some(base32(hash.ok()?.as_ref()))
    }
}
