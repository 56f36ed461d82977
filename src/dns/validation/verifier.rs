//! The verification of signatures (RFC 4035 section 5.3), within limits.

use hickory_proto::dnssec::{Algorithm, PublicKey as _, PublicKeyBuf};
use jiff::Timestamp;

use crate::dns::Name;
use crate::dns::message::rdata;
use crate::dns::name;
use crate::dns::validation::key::ZoneKey;
use crate::dns::validation::rrset::RecordSet;
use crate::dns::validation::signature::Signature;
use crate::dns::validation::{Cause, Weakness};

/// The most signatures of a set that are tried. Zones have one or two, for each of their algorithms
/// and during a change of keys. The limits on tries bound the work that a hostile zone can cause
/// (CVE-2023-50387).
const MAX_SIGNATURES: usize = 8;

/// The most keys with the tag of a signature that are tried. Tags are 16 bits, so that two keys of
/// a zone rarely have the same.
const MAX_SAME_TAG: usize = 4;

/// The most signatures that are verified for one question: the longest names have about 130 zones
/// and denials, with two or three signatures each.
const MAX_VERIFICATIONS: usize = 400;

/// The key and the validity of a signature that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBy {
    /// The zone of the key.
    pub zone: Name,
    /// The tag of the key.
    pub key_tag: u16,
    /// The number of the algorithm.
    pub algorithm: u8,
    /// The end of the validity.
    pub expires: Timestamp,
    /// The number of labels of the name that was signed: lower than that of the name if the
    /// records are from a wildcard.
    pub(super) labels: u8,
}

/// Verifies signatures at one point in time, within the limits of one question.
#[derive(Clone, Debug)]
pub(super) struct Verifier {
    now: Timestamp,
    verifications: usize,
}

impl Verifier {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { now, verifications: 0 }
    }

    /// Begins the next question.
    pub(super) fn reset(&mut self) {
        self.verifications = 0;
    }

    /// Returns the first signature of the set that one of the keys of `zone` made.
    ///
    /// # Errors
    /// There is none. The weakness is that of the signature that comes closest.
    pub(super) fn verify(
        &mut self,
        set: &RecordSet,
        zone: &Name,
        keys: &[&ZoneKey],
    ) -> Result<SignedBy, Weakness> {
        let title = set.title();
        let zone_name = name::show(zone);
        let Some(first) = set.signatures.first() else {
            let text = format!("{title} has no RRSIG, although {zone_name} is signed");
            return Err(Weakness::new(Cause::SignatureMissing, text));
        };
        let mut of_zone = set.signatures.iter().filter(|signature| signature.signer == *zone);
        let mut weakness = Weakness::new(
            Cause::SignatureInvalid,
            format!("{title} is signed by {}, not by {zone_name}", name::show(&first.signer)),
        );
        let mut closeness = 0;
        for signature in of_zone.by_ref().take(MAX_SIGNATURES) {
            match self.check(set, signature, &title, &zone_name, keys) {
                Ok(expires) => {
                    return Ok(SignedBy {
                        zone: zone.clone(),
                        key_tag: signature.key_tag,
                        algorithm: signature.algorithm,
                        expires,
                        labels: signature.labels,
                    });
                }
                Err((close, reason)) if close > closeness => {
                    (closeness, weakness) = (close, reason);
                }
                Err(_) => {}
            }
        }
        if of_zone.next().is_some() {
            let text = format!("{title} has too many signatures; none of {MAX_SIGNATURES} is good");
            weakness = Weakness::new(Cause::Limit, text);
        }
        Err(weakness)
    }

    /// Returns the end of the validity of a signature, or how close it comes and the weakness.
    fn check(
        &mut self,
        set: &RecordSet,
        signature: &Signature,
        title: &str,
        zone: &str,
        keys: &[&ZoneKey],
    ) -> Result<Timestamp, (u8, Weakness)> {
        let Signature { key_tag, algorithm, .. } = signature;
        let fails = |close, cause, text| Err((close, Weakness::new(cause, text)));
        let number = Algorithm::from_u8(*algorithm);
        if !number.is_supported() {
            let shown = rdata::algorithm(*algorithm);
            let text = format!(
                "{title} is signed with the algorithm {shown} alone, which sockkit does not support"
            );
            return fails(1, Cause::SignatureInvalid, text);
        }
        let fits = |key: &&&ZoneKey| key.tag == *key_tag && key.algorithm == *algorithm;
        let mut fitting = keys.iter().filter(fits).peekable();
        if fitting.peek().is_none() {
            let text = format!("{title} is signed with key {key_tag}, which {zone} does not have");
            return fails(2, Cause::KeyMissing, text);
        }
        let (begins, expires) = (self.time(signature.begins), self.time(signature.expires));
        if expires < self.now {
            let text = format!("the signature of {title} expired on {}", words(expires));
            return fails(4, Cause::SignatureExpired, text);
        }
        if begins > self.now {
            let text = format!("the signature of {title} is not valid before {}", words(begins));
            return fails(4, Cause::SignatureNotYetValid, text);
        }
        let text = format!("the signature of {title} by key {key_tag} of {zone} does not verify");
        let invalid = Weakness::new(Cause::SignatureInvalid, text);
        let Some(signed) = set.signed_data(signature) else {
            return Err((3, invalid));
        };
        for key in fitting.take(MAX_SAME_TAG) {
            self.verifications += 1;
            if self.verifications > MAX_VERIFICATIONS {
                let text = format!("more than {MAX_VERIFICATIONS} signatures to verify");
                return fails(5, Cause::Limit, text);
            }
            let public = PublicKeyBuf::new(key.public.clone(), number);
            if public.verify(&signed, &signature.octets).is_ok() {
                return Ok(expires);
            }
        }
        Err((3, invalid))
    }

    /// Returns the time that a field of 32 bits means: the one closest to now (RFC 4034 section
    /// 3.1.5).
    fn time(&self, seconds: u32) -> Timestamp {
        let now = self.now.as_second();
        // Only the lower 32 bits count; as a signed number, they are the distance.
        let distance = i64::from(seconds).wrapping_sub(now) & 0xffff_ffff;
        let distance = if distance >= 1 << 31 { distance - (1 << 32) } else { distance };
        Timestamp::from_second(now + distance).unwrap_or(self.now)
    }
}

/// Returns a time for a sentence.
fn words(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
