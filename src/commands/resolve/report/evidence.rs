//! The evidence of a validation: what the replies say, and the chain of zones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::dns::lookup::Lookup;
use crate::dns::message::rdata;
use crate::dns::message::rdata::text::hex;
use crate::dns::name;
use crate::dns::validation::{
    Claim, KeyVoucher, SignedBy, Validation, Weakness, ZoneKey, ZoneLink,
};
use crate::output::{Cell, Report, Table};

/// The validations of one name.
#[derive(Debug, Default, Serialize)]
pub(in crate::commands::resolve) struct EvidenceReport {
    pub(in crate::commands::resolve) validations: Vec<ValidationReport>,
}

/// The validation of one answer.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "validation")]
pub(in crate::commands::resolve) struct ValidationReport {
    name: String,
    record_type: String,
    security: String,
    cause: Option<String>,
    reason: Option<String>,
    queries: usize,
    claims: Vec<ClaimReport>,
    chain: Vec<LinkReport>,
}

#[derive(Debug, PartialEq, Serialize)]
struct ClaimReport {
    name: String,
    record_type: String,
    absent: bool,
    wildcard: bool,
    security: String,
    cause: Option<String>,
    reason: Option<String>,
    signed_by: Option<SignatureReport>,
}

#[derive(Debug, PartialEq, Serialize)]
struct LinkReport {
    zone: String,
    security: String,
    cause: Option<String>,
    reason: Option<String>,
    trust_anchor: bool,
    ds: Vec<VoucherReport>,
    keys: Vec<ZoneKeyReport>,
    signed_by: Option<SignatureReport>,
}

#[derive(Debug, PartialEq, Serialize)]
struct SignatureReport {
    zone: String,
    key_tag: u16,
    algorithm: String,
    expires: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct VoucherReport {
    key_tag: u16,
    algorithm: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
struct ZoneKeyReport {
    key_tag: u16,
    algorithm: String,
    flags: u16,
    public_key: String,
}

impl EvidenceReport {
    /// Returns whether the tables have no rows.
    pub(in crate::commands::resolve) fn is_empty(&self) -> bool {
        self.validations.iter().all(|it| it.claims.is_empty() && it.chain.is_empty())
    }
}

impl ValidationReport {
    pub(in crate::commands::resolve) fn new(validation: &Validation, lookup: &Lookup) -> Self {
        let weakness = validation.weakness();
        Self {
            name: name::show(&lookup.question.name),
            record_type: lookup.question.record_type.to_string(),
            security: validation.security().to_string(),
            cause: weakness.map(|it| it.cause.to_string()),
            reason: reason(weakness),
            queries: validation.queries,
            claims: validation.claims.iter().map(ClaimReport::of).collect(),
            chain: validation.chain.iter().map(LinkReport::of).collect(),
        }
    }
}

fn reason(weakness: Option<&Weakness>) -> Option<String> {
    weakness.map(|weakness| weakness.text.clone())
}

impl ClaimReport {
    fn of(claim: &Claim) -> Self {
        Self {
            name: name::show(&claim.name),
            record_type: claim.record_type.to_string(),
            absent: claim.is_denial,
            wildcard: claim.is_from_wildcard,
            security: claim.security().to_string(),
            cause: claim.weakness.as_ref().map(|weakness| weakness.cause.to_string()),
            reason: reason(claim.weakness.as_ref()),
            signed_by: claim.signed_by.as_ref().map(SignatureReport::of),
        }
    }

    fn row(&self) -> Vec<Cell> {
        let absent = if self.absent { "no " } else { "" };
        let zone = self.signed_by.as_ref().map(|it| it.zone.as_str()).unwrap_or_default();
        let mut row = vec![
            Cell::escaped(&self.name),
            format!("{absent}{}", self.record_type).into(),
            self.security.as_str().into(),
            Cell::escaped(zone),
        ];
        row.extend(signature_cells(self.signed_by.as_ref()));
        row
    }
}

impl LinkReport {
    fn of(link: &ZoneLink) -> Self {
        Self {
            zone: name::show(&link.zone),
            security: link.security().to_string(),
            cause: link.weakness.as_ref().map(|weakness| weakness.cause.to_string()),
            reason: reason(link.weakness.as_ref()),
            trust_anchor: link.is_anchor,
            ds: link.vouchers.iter().map(VoucherReport::of).collect(),
            keys: link.keys.iter().map(ZoneKeyReport::of).collect(),
            signed_by: link.signed_by.as_ref().map(SignatureReport::of),
        }
    }

    fn row(&self) -> Vec<Cell> {
        let mut tags: Vec<String> = self.ds.iter().map(|ds| ds.key_tag.to_string()).collect();
        tags.dedup();
        let ds = if self.trust_anchor {
            "trust anchor".to_owned()
        } else if tags.is_empty() {
            "none".to_owned()
        } else {
            tags.join(" ")
        };
        let mut row = vec![Cell::escaped(&self.zone), self.security.as_str().into(), ds.into()];
        row.extend(signature_cells(self.signed_by.as_ref()));
        row
    }
}

/// Returns the tag and the algorithm of the key, and the last day of the signature.
fn signature_cells(signature: Option<&SignatureReport>) -> [Cell; 3] {
    signature.map_or_else(Default::default, |it| {
        let day = it.expires.split('T').next().unwrap_or_default();
        [it.key_tag.to_string().into(), it.algorithm.as_str().into(), day.into()]
    })
}

impl SignatureReport {
    fn of(signed_by: &SignedBy) -> Self {
        Self {
            zone: name::show(&signed_by.zone),
            key_tag: signed_by.key_tag,
            algorithm: rdata::algorithm(signed_by.algorithm),
            expires: signed_by.expires.to_string(),
        }
    }
}

impl VoucherReport {
    fn of(voucher: &KeyVoucher) -> Self {
        let ds = match voucher {
            KeyVoucher::Digest(ds) => Some(ds),
            KeyVoucher::Key(_) => None,
        };
        Self {
            key_tag: voucher.key_tag(),
            algorithm: rdata::algorithm(voucher.algorithm()),
            digest_type: ds.map(|ds| ds.digest_type),
            digest: ds.map(|ds| hex(&ds.digest)),
        }
    }
}

impl ZoneKeyReport {
    fn of(key: &ZoneKey) -> Self {
        Self {
            key_tag: key.tag,
            algorithm: rdata::algorithm(key.algorithm),
            flags: key.flags,
            public_key: STANDARD.encode(&key.public),
        }
    }
}

impl Report for ValidationReport {
    fn tables(&self) -> Vec<Table> {
        evidence_tables(std::slice::from_ref(self))
    }
}

impl Report for EvidenceReport {
    fn tables(&self) -> Vec<Table> {
        evidence_tables(&self.validations)
    }
}

/// Returns the tables of what the replies say, of the reasons, and of the zones, all without
/// repetitions.
fn evidence_tables(validations: &[ValidationReport]) -> Vec<Table> {
    let mut claims: Vec<&ClaimReport> = Vec::new();
    let mut links: Vec<&LinkReport> = Vec::new();
    for validation in validations {
        let new: Vec<_> = validation.claims.iter().filter(|it| !claims.contains(it)).collect();
        claims.extend(new);
        let new: Vec<_> = validation.chain.iter().filter(|it| !links.contains(it)).collect();
        links.extend(new);
    }
    vec![
        Table {
            label: Some("answer"),
            header: vec!["NAME", "TYPE", "VERDICT", "SIGNED BY", "KEY", "ALGORITHM", "UNTIL"],
            rows: claims.iter().map(|claim| claim.row()).collect(),
            ..Table::default()
        },
        Table {
            label: Some("reason"),
            header: vec!["VERDICT", "REASON"],
            rows: reasons(&claims, &links),
            ..Table::default()
        },
        Table {
            label: Some("zone"),
            header: vec!["ZONE", "VERDICT", "DS", "KEY", "ALGORITHM", "UNTIL"],
            rows: links.iter().map(|link| link.row()).collect(),
            ..Table::default()
        },
    ]
}

/// Returns each reason for a verdict once, and what limits the meaning of one.
fn reasons(claims: &[&ClaimReport], links: &[&LinkReport]) -> Vec<Vec<Cell>> {
    let mut reasons: Vec<(&str, String)> = Vec::new();
    let of_claims = claims.iter().map(|it| (it.security.as_str(), it.reason.clone()));
    let of_links = links.iter().map(|it| (it.security.as_str(), it.reason.clone()));
    let wildcards = claims.iter().filter(|it| it.wildcard).map(|it| {
        let text = format!("{} {} is from a wildcard", it.name, it.record_type);
        (it.security.as_str(), Some(text))
    });
    let outdated = links.iter().filter_map(|it| {
        let signature = it.signed_by.as_ref().filter(|it| OUTDATED.contains(&&*it.algorithm))?;
        let text = format!(
            "the keys of {} have the algorithm {}, with which other validators may count the zone \
             as insecure (RFC 9905)",
            it.zone, signature.algorithm
        );
        Some((it.security.as_str(), Some(text)))
    });
    for (verdict, reason) in of_claims.chain(of_links).chain(wildcards).chain(outdated) {
        let Some(reason) = reason else { continue };
        if reasons.iter().all(|known| known.1 != reason) {
            reasons.push((verdict, reason));
        }
    }
    reasons.iter().map(|(verdict, text)| vec![(*verdict).into(), Cell::escaped(text)]).collect()
}

/// The algorithms with SHA-1.
const OUTDATED: [&str; 2] = ["RSASHA1", "NSEC3RSASHA1"];
