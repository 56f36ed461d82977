//! The answers to a question: each set of records, and each denial, with its signature.

use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinDecoder};

use crate::dns::Name;
use crate::dns::lookup::{Lookup, LookupOutcome};
use crate::dns::message::query::Question;
use crate::dns::message::rcode::Rcode;
use crate::dns::message::record_type::RecordType;
use crate::dns::name;
use crate::dns::validation::chain::Chain;
use crate::dns::validation::denial::Absence;
use crate::dns::validation::rrset::{MessageSets, RecordSet, labels};
use crate::dns::validation::verifier::SignedBy;
use crate::dns::validation::{Cause, Security, Weakness};

/// What a reply says about one name and type, and whether it is authentic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The name.
    pub name: Name,
    /// The type.
    pub record_type: RecordType,
    /// Whether the claim is that there are no such records.
    pub is_denial: bool,
    /// Whether the records are from a wildcard.
    pub is_from_wildcard: bool,
    /// The signature of the records, or of one that proves their absence.
    pub signed_by: Option<SignedBy>,
    /// Why it is not secure.
    pub weakness: Option<Weakness>,
}

impl Claim {
    /// Returns whether the claim is authentic.
    pub fn security(&self) -> Security {
        Security::of(self.weakness.as_ref())
    }
}

/// Follows a lookup from name to name, and checks what its replies say.
pub(super) struct Claims<'a, F> {
    pub(super) chain: &'a mut Chain<F>,
    pub(super) claims: Vec<Claim>,
}

impl<F: AsyncFnMut(Question) -> Lookup> Claims<'_, F> {
    /// Checks all replies of a lookup.
    pub(super) async fn check(&mut self, lookup: &Lookup) {
        let wanted = lookup.question.record_type;
        let mut names = vec![lookup.question.name.clone()];
        for exchanged in lookup.earlier.iter().chain(&lookup.answered) {
            let reply = &exchanged.reply;
            let Some(sets) = MessageSets::read(&reply.octets) else { continue };
            let before = self.claims.len();
            let name = self.follow(&mut names, wanted, &sets).await;
            self.check_others(&names, wanted, &sets, before).await;
            let is_last =
                lookup.answered.as_ref().is_some_and(|last| std::ptr::eq(last, exchanged));
            let is_negative =
                matches!(lookup.outcome, LookupOutcome::NoData(_) | LookupOutcome::NoSuchName(_));
            if is_last && is_negative {
                self.check_denial(&name, wanted, &sets, reply.rcode).await;
            }
        }
    }

    /// Checks the records of the last name and of the names to which its aliases lead within the
    /// reply, and adds those. Returns the last of them.
    async fn follow(
        &mut self,
        names: &mut Vec<Name>,
        wanted: RecordType,
        sets: &MessageSets,
    ) -> Name {
        let mut name = names[names.len() - 1].clone();
        // The lookup has limited the number of aliases, and each step takes another set.
        for _ in 0..=sets.answers.len() {
            let is_wanted = |set: &&RecordSet| {
                set.name == name && (set.record_type == wanted || wanted.is_question_for_many())
            };
            let found: Vec<&RecordSet> = sets.answers.iter().filter(is_wanted).collect();
            if !found.is_empty() {
                for set in found {
                    self.check_set(set, sets).await;
                }
                return name;
            }
            match self.follow_alias(&name, sets).await {
                Some(target) => {
                    names.push(target.clone());
                    name = target;
                }
                None => return name,
            }
        }
        name
    }

    /// Checks the other records that the lookup shows: those that the reply has of the names that
    /// the question has led to before.
    async fn check_others(
        &mut self,
        names: &[Name],
        wanted: RecordType,
        sets: &MessageSets,
        before: usize,
    ) {
        for set in &sets.answers {
            let is_shown = set.record_type == wanted || set.record_type == RecordType::CNAME;
            let is_same =
                |claim: &Claim| claim.name == set.name && claim.record_type == set.record_type;
            let is_known = self.claims[before..].iter().any(is_same);
            if is_shown && names.contains(&set.name) && !is_known {
                self.check_set(set, sets).await;
            }
        }
    }

    /// Checks the alias at a name, and returns its target.
    async fn follow_alias(&mut self, name: &Name, sets: &MessageSets) -> Option<Name> {
        let is_alias = |set: &&RecordSet| set.name == *name && set.record_type == RecordType::CNAME;
        let cname = sets.answers.iter().find(is_alias);
        let is_above = |set: &&RecordSet| {
            set.record_type == RecordType::DNAME && set.name != *name && set.name.zone_of(name)
        };
        let dname = sets.answers.iter().find(is_above);
        let renamed = dname.and_then(|set| Some((set, rename(name, set)?)));
        let target = cname.and_then(target);
        match (cname, renamed) {
            // A CNAME that a DNAME implies has no signature (RFC 6672 section 5.3.1).
            (Some(cname), Some((dname, renamed)))
                if cname.signatures.is_empty() && target.as_ref() == Some(&renamed) =>
            {
                self.check_set(dname, sets).await;
                let implied = self.claims.last().cloned();
                self.claims.extend(implied.map(|claim| Claim {
                    name: name.clone(),
                    record_type: RecordType::CNAME,
                    ..claim
                }));
            }
            (Some(cname), _) => self.check_set(cname, sets).await,
            (None, Some((dname, renamed))) => {
                self.check_set(dname, sets).await;
                return Some(renamed);
            }
            (None, None) => {}
        }
        target
    }

    async fn check_set(&mut self, set: &RecordSet, sets: &MessageSets) {
        let (signed_by, weakness) = match self.verify_set(set, sets).await {
            Ok((signed_by, weakness)) => (Some(signed_by), weakness),
            Err(weakness) => (None, Some(weakness)),
        };
        let is_fewer = |by: &SignedBy| by.labels < set.name.num_labels();
        self.claims.push(Claim {
            name: set.name.clone(),
            record_type: set.record_type,
            is_denial: false,
            is_from_wildcard: signed_by.as_ref().is_some_and(is_fewer),
            signed_by,
            weakness,
        });
    }

    /// Returns the signature of a set, and what limits its meaning.
    async fn verify_set(
        &mut self,
        set: &RecordSet,
        sets: &MessageSets,
    ) -> Result<(SignedBy, Option<Weakness>), Weakness> {
        let signer = set.signatures.iter().map(|signature| &signature.signer);
        let signer = signer.filter(|signer| signer.zone_of(&set.name)).max_by_key(|it| labels(it));
        let zone = self.chain.zone_of(&set.name, set.record_type, signer).await?;
        let signed_by = self.chain.verify(set, &zone)?;
        if signed_by.labels >= set.name.num_labels() {
            return Ok((signed_by, None));
        }
        // RFC 4035 section 5.3.4: the name itself must not exist.
        let closest = usize::from(signed_by.labels);
        let (denials, _) = self.chain.denials(&sets.authorities, &zone);
        let has_opt_out = match denials.uses_wildcard(&set.name, closest) {
            Ok(has_opt_out) => has_opt_out,
            Err(weakness) => return Ok((signed_by, Some(weakness))),
        };
        let weakness = has_opt_out.then(|| {
            let text = format!(
                "{} is from a wildcard, and there may be an unsigned zone instead (Opt-Out)",
                set.title()
            );
            Weakness::new(Cause::OptOut, text)
        });
        Ok((signed_by, weakness))
    }

    async fn check_denial(
        &mut self,
        name: &Name,
        wanted: RecordType,
        sets: &MessageSets,
        rcode: Rcode,
    ) {
        let (signed_by, weakness) = match self.verify_denial(name, wanted, sets, rcode).await {
            Ok((signed_by, weakness)) => (signed_by, weakness),
            Err(weakness) => (None, Some(weakness)),
        };
        self.claims.push(Claim {
            name: name.clone(),
            record_type: wanted,
            is_denial: true,
            is_from_wildcard: false,
            signed_by,
            weakness,
        });
    }

    async fn verify_denial(
        &mut self,
        name: &Name,
        wanted: RecordType,
        sets: &MessageSets,
        rcode: Rcode,
    ) -> Result<(Option<SignedBy>, Option<Weakness>), Weakness> {
        let denials = sets.authorities.iter().filter(|set| set.denies());
        let signers = denials.flat_map(|set| set.signatures.iter().map(|it| &it.signer));
        let signer = signers.filter(|signer| signer.zone_of(name)).max_by_key(|it| labels(it));
        let zone = self.chain.zone_of(name, wanted, signer).await?;
        let (denials, signed_by) = self.chain.denials(&sets.authorities, &zone);
        let absence = match denials.absence(name, wanted) {
            Ok(absence) => absence,
            Err(weakness) => return Ok((signed_by, Some(weakness))),
        };
        let shown = name::show(name);
        let weakness = match absence {
            Absence::Type | Absence::UnsignedDelegation if rcode == Rcode::NXDOMAIN => {
                let zone = name::show(&zone.name);
                let text = format!("the reply is NXDOMAIN, but {zone} proves that {shown} exists");
                Some(Weakness::new(Cause::DenialMissing, text))
            }
            Absence::OptOut => {
                let text = format!("there may be an unsigned zone at {shown} (Opt-Out)");
                Some(Weakness::new(Cause::OptOut, text))
            }
            _ => None,
        };
        Ok((signed_by, weakness))
    }
}

/// Returns the target of the first alias of a set.
fn target(set: &RecordSet) -> Option<Name> {
    Name::read(&mut BinDecoder::new(set.data.first()?)).ok()
}

/// Returns the name to which a DNAME record moves a name below its owner (RFC 6672 section 2.2).
fn rename(name: &Name, dname: &RecordSet) -> Option<Name> {
    let target = target(dname)?;
    let kept = labels(name).checked_sub(labels(&dname.name))?;
    Name::from_labels(name.iter().take(kept).chain(target.iter())).ok()
}
