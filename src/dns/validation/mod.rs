//! DNSSEC validation (RFC 4035 section 5): whether a chain of signatures leads from a trust anchor
//! to the answer of a lookup.
//!
//! The cryptography is hickory's: the verification of signatures, digests and the hash of NSEC3.
//! The way down the zones is sockkit's own, because hickory's and that of the crate `domain` keep
//! neither the chain nor the reasons, and send their queries themselves. The caller passes a
//! function that asks a question, so nothing here uses a socket.

pub mod anchor;
mod answer;
mod chain;
mod denial;
mod key;
mod rrset;
mod signature;
mod verifier;
mod weakness;
mod wire;

use jiff::Timestamp;

use crate::dns::lookup::{Lookup, LookupOutcome};
use crate::dns::message::query::Question;
use crate::dns::name;
use crate::dns::validation::anchor::TrustAnchor;
pub use crate::dns::validation::answer::Claim;
use crate::dns::validation::answer::Claims;
use crate::dns::validation::chain::Chain;
pub use crate::dns::validation::chain::ZoneLink;
pub use crate::dns::validation::key::{DelegationSigner, KeyVoucher, ZoneKey};
pub use crate::dns::validation::verifier::SignedBy;
pub use crate::dns::validation::weakness::{Cause, Security, Weakness};

/// Whether the answer of a lookup is authentic, with the evidence.
#[derive(Debug)]
pub struct Validation {
    /// What the replies say, each with its signature: aliases, and records or their absence.
    pub claims: Vec<Claim>,
    /// Why the lookup has no answer to check.
    pub unanswered: Option<Weakness>,
    /// The zones that were passed, from the top.
    pub chain: Vec<ZoneLink>,
    /// The number of queries for the chain.
    pub queries: usize,
    /// The first query that failed.
    pub failed: Option<Box<Lookup>>,
}

/// Validates the answers of lookups. What it learns about zones serves for the next lookup.
pub struct Validator<F> {
    chain: Chain<F>,
}

impl<F: AsyncFnMut(Question) -> Lookup> Validator<F> {
    /// Returns a validator for the time `now` that asks its questions with `fetch`. The queries
    /// must have the flags DO and CD.
    pub fn new(anchors: Vec<TrustAnchor>, now: Timestamp, fetch: F) -> Self {
        Self { chain: Chain::new(anchors, now, fetch) }
    }

    /// Checks the answer of a lookup whose queries had the flags DO and CD.
    pub async fn validate(&mut self, lookup: &Lookup) -> Validation {
        self.chain.reset();
        let mut claims = Claims { chain: &mut self.chain, claims: Vec::new() };
        claims.check(lookup).await;
        let claims = claims.claims;
        Validation {
            unanswered: unanswered(lookup, &claims),
            claims,
            chain: self.chain.links(),
            queries: self.chain.queries,
            failed: self.chain.failed.take(),
        }
    }
}

impl Validation {
    /// Returns whether the answer is authentic: as much as the worst of what it consists of.
    pub fn security(&self) -> Security {
        Security::of(self.weakness())
    }

    /// Returns the first reason for that; `None` if the answer is secure.
    pub fn weakness(&self) -> Option<&Weakness> {
        let claims = self.claims.iter().filter_map(|claim| claim.weakness.as_ref());
        let mut worst: Option<&Weakness> = None;
        for weakness in claims.chain(&self.unanswered) {
            if worst.is_none_or(|worst| worst.security() < weakness.security()) {
                worst = Some(weakness);
            }
        }
        worst
    }
}

/// Returns why a lookup has no answer, or none that `claims` are about.
fn unanswered(lookup: &Lookup, claims: &[Claim]) -> Option<Weakness> {
    let shown = name::show(&lookup.question.name);
    let wanted = lookup.question.record_type;
    let is_checked = claims.iter().any(|claim| match &lookup.outcome {
        LookupOutcome::NoData(_) | LookupOutcome::NoSuchName(_) => claim.is_denial,
        LookupOutcome::Found => claim.record_type == wanted || wanted.is_question_for_many(),
        _ => true,
    });
    let text = match &lookup.outcome {
        LookupOutcome::Found
        | LookupOutcome::NoData(_)
        | LookupOutcome::NoSuchName(_)
        | LookupOutcome::AliasOf(_) => {
            let text = format!("the reply about {shown} has nothing that can be checked");
            return (!is_checked).then(|| Weakness::new(Cause::SignatureInvalid, text));
        }
        LookupOutcome::LedElsewhere(target) => {
            format!("{shown} leads to {}, which the server does not serve", name::show(target))
        }
        LookupOutcome::Aliases(error) => error.to_string(),
        LookupOutcome::NoAnswer | LookupOutcome::SystemFailed(_) | LookupOutcome::ServerLoop(_) => {
            format!("{shown} has no answer to check")
        }
    };
    Some(Weakness::new(Cause::NoAnswer, text))
}
