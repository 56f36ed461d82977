//! The chain of zones from a trust anchor down: each zone's DS records vouch for the keys of the
//! zone below.

use std::rc::Rc;

use jiff::Timestamp;

use crate::dns::Name;
use crate::dns::lookup::Lookup;
use crate::dns::message::class::RecordClass;
use crate::dns::message::query::Question;
use crate::dns::message::rcode::Rcode;
use crate::dns::message::rdata;
use crate::dns::message::record_type::RecordType;
use crate::dns::name;
use crate::dns::validation::anchor::TrustAnchor;
use crate::dns::validation::denial::{Absence, Denials};
use crate::dns::validation::key::{self, DelegationSigner, KeyVoucher, MAX_DS, MAX_KEYS, ZoneKey};
use crate::dns::validation::rrset::{MessageSets, RecordSet, labels, suffix};
use crate::dns::validation::verifier::{SignedBy, Verifier};
use crate::dns::validation::{Cause, Security, Weakness};

/// The most queries for one question: a name of the reverse tree of IPv6 has 34 labels, each of
/// which can be a zone with two queries, and an alias leads to another name.
const MAX_QUERIES: usize = 128;

/// The most sets of NSEC or NSEC3 records that are verified in one reply: a denial needs three.
const MAX_DENIALS: usize = 8;

/// A zone of the chain, or a name at which it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneLink {
    /// The name.
    pub zone: Name,
    /// The trust anchors or DS records that vouch for the keys.
    pub vouchers: Vec<KeyVoucher>,
    /// Whether the vouchers are trust anchors.
    pub is_anchor: bool,
    /// The keys of the zone.
    pub keys: Vec<ZoneKey>,
    /// The signature of the keys; if there are none, that of the proof that there are no DS
    /// records.
    pub signed_by: Option<SignedBy>,
    /// Why the chain ends here.
    pub weakness: Option<Weakness>,
}

impl ZoneLink {
    /// Returns whether the keys of the zone are authentic.
    pub fn security(&self) -> Security {
        Security::of(self.weakness.as_ref())
    }
}

/// A zone whose keys are authentic.
#[derive(Debug)]
pub(super) struct SignedZone {
    pub(super) name: Name,
    keys: Vec<ZoneKey>,
}

/// What is at a name below a zone.
#[derive(Clone, Debug)]
enum Descent {
    /// A signed zone.
    Zone(Rc<SignedZone>),
    /// A name of the same zone.
    SameZone,
    /// No name, and so nothing below.
    Nothing,
}

/// Goes down the chain, and keeps what it learns.
pub(super) struct Chain<F> {
    anchors: Vec<TrustAnchor>,
    fetch: F,
    pub(super) verifier: Verifier,
    links: Vec<ZoneLink>,
    known: Vec<(Name, Result<Descent, Weakness>)>,
    /// The zones that the current question has led to.
    path: Vec<Name>,
    /// The number of queries for the current question.
    pub(super) queries: usize,
    /// The first query for the current question that failed.
    pub(super) failed: Option<Box<Lookup>>,
}

impl<F: AsyncFnMut(Question) -> Lookup> Chain<F> {
    pub(super) fn new(anchors: Vec<TrustAnchor>, now: Timestamp, fetch: F) -> Self {
        Self {
            anchors,
            fetch,
            verifier: Verifier::new(now),
            links: Vec::new(),
            known: Vec::new(),
            path: Vec::new(),
            queries: 0,
            failed: None,
        }
    }

    /// Begins the next question.
    pub(super) fn reset(&mut self) {
        self.verifier.reset();
        self.path.clear();
        self.queries = 0;
        self.failed = None;
    }

    /// Returns the zones that the current question has led to, from the top.
    pub(super) fn links(&self) -> Vec<ZoneLink> {
        let is_on_path = |link: &&ZoneLink| self.path.contains(&link.zone);
        self.links.iter().filter(is_on_path).cloned().collect()
    }

    /// Returns the signed zone that has the records of this name and type. `signer` is the zone
    /// that claims to have signed them; without one, the way down ends only at the name.
    ///
    /// # Errors
    /// The name is in no signed zone, or the chain is broken.
    pub(super) async fn zone_of(
        &mut self,
        name: &Name,
        record_type: RecordType,
        signer: Option<&Name>,
    ) -> Result<Rc<SignedZone>, Weakness> {
        // DS records are in the zone above.
        let is_above = record_type == RecordType::DS && !name.is_root();
        let lowest = if is_above { name.base_name() } else { name.clone() };
        let goal = signer.filter(|signer| signer.zone_of(&lowest)).unwrap_or(&lowest);
        let mut zone = self.anchored(&lowest).await?;
        for count in labels(&zone.name) + 1..=labels(goal) {
            match self.descend(&zone, suffix(goal, count)).await? {
                Descent::Zone(below) => zone = below,
                Descent::SameZone => {}
                Descent::Nothing => break,
            }
        }
        Ok(zone)
    }

    /// Verifies a set with the keys of a zone.
    pub(super) fn verify(
        &mut self,
        set: &RecordSet,
        zone: &SignedZone,
    ) -> Result<SignedBy, Weakness> {
        let keys: Vec<&ZoneKey> = zone.keys.iter().filter(|key| key.signs_zones()).collect();
        self.verifier.verify(set, &zone.name, &keys)
    }

    /// Returns the verified denials among the sets of an authority section, and the signature of
    /// one.
    pub(super) fn denials<'a>(
        &mut self,
        sets: &[RecordSet],
        zone: &'a SignedZone,
    ) -> (Denials<'a>, Option<SignedBy>) {
        let mut verified = Vec::new();
        let mut signed_by = None;
        let mut weakness = None;
        for set in sets.iter().filter(|set| set.denies()).take(MAX_DENIALS) {
            match self.verify(set, zone) {
                // A denial that was made from a wildcard would deny any name (RFC 4035 section
                // 5.4).
                Ok(by) if by.labels == set.name.num_labels() && zone.name.zone_of(&set.name) => {
                    verified.push(set);
                    signed_by.get_or_insert(by);
                }
                Ok(_) => {}
                Err(reason) => {
                    weakness.get_or_insert(reason);
                }
            }
        }
        (Denials::new(&zone.name, verified.into_iter(), weakness), signed_by)
    }

    /// Returns the zone of the lowest trust anchor at or above a name.
    async fn anchored(&mut self, name: &Name) -> Result<Rc<SignedZone>, Weakness> {
        let above = self.anchors.iter().filter(|anchor| anchor.zone.zone_of(name));
        let Some(zone) = above.map(|anchor| &anchor.zone).max_by_key(|zone| labels(zone)).cloned()
        else {
            let text = format!("no trust anchor is at or above {}", name::show(name));
            return Err(Weakness::new(Cause::NoTrustAnchor, text));
        };
        if let Some(known) = self.known(&zone) {
            return match known? {
                Descent::Zone(zone) => Ok(zone),
                // An anchor is always looked up as a zone.
                _ => Err(Weakness::new(Cause::KeyMissing, name::show(&zone))),
            };
        }
        let of_zone = self.anchors.iter().filter(|anchor| anchor.zone == zone);
        let vouchers: Vec<KeyVoucher> = of_zone.map(|anchor| anchor.key.clone()).collect();
        let entered = self.enter(zone.clone(), vouchers, true).await;
        self.known.push((zone, entered.clone().map(Descent::Zone)));
        entered
    }

    /// Returns what is at `name`, one label or more below the zone.
    async fn descend(&mut self, zone: &SignedZone, name: Name) -> Result<Descent, Weakness> {
        if let Some(known) = self.known(&name) {
            return known;
        }
        let found = self.look_below(zone, &name).await;
        if let Err(weakness) = &found
            && self.links.iter().all(|link| link.zone != name)
        {
            self.end_at(name.clone(), None, weakness.clone());
        }
        self.known.push((name, found.clone()));
        found
    }

    /// Returns what was found out about a name before, and adds the name to the path.
    fn known(&mut self, name: &Name) -> Option<Result<Descent, Weakness>> {
        let known = self.known.iter().find(|known| known.0 == *name)?.1.clone();
        self.path.push(name.clone());
        Some(known)
    }

    async fn look_below(&mut self, zone: &SignedZone, name: &Name) -> Result<Descent, Weakness> {
        let (sets, rcode) = self.ask(name, RecordType::DS).await?;
        let of_name = |kind| {
            sets.answers.iter().find(move |set| set.name == *name && set.record_type == kind)
        };
        if let Some(set) = of_name(RecordType::DS) {
            let signed_by = self.verify(set, zone)?;
            if signed_by.labels != name.num_labels() {
                let text = format!("{} is from a wildcard", set.title());
                return Err(Weakness::new(Cause::SignatureInvalid, text));
            }
            if set.data.len() > MAX_DS {
                let text = format!("{} has more than {MAX_DS} records", set.title());
                return Err(Weakness::new(Cause::Limit, text));
            }
            let read = set.data.iter().filter_map(|data| DelegationSigner::read(data));
            let vouchers = read.map(KeyVoucher::Digest).collect();
            return self.enter(name.clone(), vouchers, false).await.map(Descent::Zone);
        }
        if let Some(set) = of_name(RecordType::CNAME) {
            // An alias has no other records (RFC 1034 section 3.6.2), so it is no delegation.
            if set.signatures.iter().any(|signature| signature.signer == zone.name) {
                self.verify(set, zone)?;
                return Ok(Descent::SameZone);
            }
        }
        let is_above =
            |set: &&RecordSet| set.record_type == RecordType::DNAME && set.name.zone_of(name);
        if let Some(set) = sets.answers.iter().find(is_above) {
            // The zone has no names below a DNAME (RFC 6672 section 2.4).
            self.verify(set, zone)?;
            return Ok(Descent::Nothing);
        }
        let (denials, signed_by) = self.denials(&sets.authorities, zone);
        let (above, below) = (name::show(&zone.name), name::show(name));
        let weakness = match denials.absence(name, RecordType::DS)? {
            Absence::Name if rcode == Rcode::NXDOMAIN => return Ok(Descent::Nothing),
            Absence::Name | Absence::Type => return Ok(Descent::SameZone),
            Absence::UnsignedDelegation => Weakness::new(
                Cause::UnsignedDelegation,
                format!("{above} proves that {below} has no DS record"),
            ),
            Absence::OptOut => Weakness::new(
                Cause::OptOut,
                format!("{above} proves with Opt-Out that no signed zone is at {below}"),
            ),
        };
        self.end_at(name.clone(), signed_by, weakness.clone());
        Err(weakness)
    }

    /// Verifies the keys of a zone, and adds it to the chain.
    async fn enter(
        &mut self,
        zone: Name,
        vouchers: Vec<KeyVoucher>,
        is_anchor: bool,
    ) -> Result<Rc<SignedZone>, Weakness> {
        let mut link = ZoneLink {
            zone: zone.clone(),
            vouchers,
            is_anchor,
            keys: Vec::new(),
            signed_by: None,
            weakness: None,
        };
        let checked = self.check_keys(&mut link).await;
        link.weakness = checked.err();
        let result = match &link.weakness {
            None => Ok(Rc::new(SignedZone { name: zone.clone(), keys: link.keys.clone() })),
            Some(weakness) => Err(weakness.clone()),
        };
        self.path.push(zone);
        self.links.push(link);
        result
    }

    async fn check_keys(&mut self, link: &mut ZoneLink) -> Result<(), Weakness> {
        let zone = name::show(&link.zone);
        let source = if link.is_anchor { "trust anchor" } else { "DS record" };
        let usable = key::usable(&link.vouchers);
        if usable.is_empty() {
            let mut algorithms: Vec<String> =
                link.vouchers.iter().map(|it| rdata::algorithm(it.algorithm())).collect();
            algorithms.dedup();
            let text = format!(
                "no {source} of {zone} has an algorithm that sockkit supports ({})",
                algorithms.join(", ")
            );
            return Err(Weakness::new(Cause::UnsupportedAlgorithm, text));
        }
        let (sets, _) = self.ask(&link.zone, RecordType::DNSKEY).await?;
        let is_keys =
            |set: &&RecordSet| set.record_type == RecordType::DNSKEY && set.name == link.zone;
        let Some(set) = sets.answers.iter().find(is_keys) else {
            let text = format!("{zone} has a {source}, but no DNSKEY record");
            return Err(Weakness::new(Cause::KeyMissing, text));
        };
        if set.data.len() > MAX_KEYS {
            let text =
                format!("{zone} has {} DNSKEY records; sockkit accepts {MAX_KEYS}", set.data.len());
            return Err(Weakness::new(Cause::Limit, text));
        }
        link.keys = set.data.iter().filter_map(|data| ZoneKey::read(data)).collect();
        let vouched = |key: &&ZoneKey| usable.iter().any(|it| it.vouches_for(key, &link.zone));
        let entries: Vec<&ZoneKey> = link.keys.iter().filter(vouched).collect();
        if entries.is_empty() {
            let tags = usable.iter().map(|voucher| voucher.key_tag());
            let text = format!(
                "no DNSKEY of {zone} matches a {source} (the keys are {}, the {source}s {})",
                list(link.keys.iter().map(|key| key.tag)),
                list(tags)
            );
            return Err(Weakness::new(Cause::KeyMissing, text));
        }
        link.signed_by = Some(self.verifier.verify(set, &link.zone, &entries)?);
        Ok(())
    }

    /// Adds a name to the chain at which it ends.
    fn end_at(&mut self, zone: Name, signed_by: Option<SignedBy>, weakness: Weakness) {
        self.path.push(zone.clone());
        self.links.push(ZoneLink {
            zone,
            vouchers: Vec::new(),
            is_anchor: false,
            keys: Vec::new(),
            signed_by,
            weakness: Some(weakness),
        });
    }

    /// Asks a question of the chain.
    async fn ask(
        &mut self,
        name: &Name,
        record_type: RecordType,
    ) -> Result<(MessageSets, Rcode), Weakness> {
        if self.queries >= MAX_QUERIES {
            let text = format!("the chain needs more than {MAX_QUERIES} queries");
            return Err(Weakness::new(Cause::TooManyQueries, text));
        }
        self.queries += 1;
        let question = Question { name: name.clone(), record_type, class: RecordClass::IN };
        let lookup = (self.fetch)(question).await;
        let read = lookup.answered.as_ref().and_then(|exchanged| {
            Some((MessageSets::read(&exchanged.reply.octets)?, exchanged.reply.rcode))
        });
        read.ok_or_else(|| {
            let reason = lookup
                .decisive_failure()
                .map(|attempt| format!(": {} {}", attempt.server, attempt.failure));
            let reason = reason.unwrap_or_default();
            let text = format!("the query for {} {record_type} failed{reason}", name::show(name));
            self.failed.get_or_insert_with(|| Box::new(lookup));
            Weakness::new(Cause::NoAnswer, text)
        })
    }
}

/// Returns numbers as a list for a sentence.
fn list(numbers: impl Iterator<Item = u16>) -> String {
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    numbers.join(", ")
}
