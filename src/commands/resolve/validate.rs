//! `--validate`: prints whether each answer is authentic, the chain of zones, and the answers.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::commands::resolve::plan::Plan;
use crate::commands::resolve::report::evidence::{EvidenceReport, ValidationReport};
use crate::commands::resolve::report::name_result::NameResult;
use crate::commands::resolve::report::outcome;
use crate::commands::resolve::request::Request;
use crate::commands::resolve::request::args::Args;
use crate::commands::resolve::request::settings::RunSettings;
use crate::commands::resolve::run::report;
use crate::dns::lookup::{self, Lookup, LookupOutcome, LookupSettings};
use crate::dns::message::class::RecordClass;
use crate::dns::message::query::Question;
use crate::dns::message::record_type::RecordType;
use crate::dns::name::query_name::QueryName;
use crate::dns::validation::anchor::{self, TrustAnchor};
use crate::dns::validation::{Cause, Security, Validation, Validator};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{ErrorReport, Output};
use crate::reason;

/// Returns the trust anchors, if the command line asks for validation.
///
/// # Errors
/// The anchors cannot be read, or the question is not one to validate.
pub(super) fn anchors(args: &Args, request: &Request) -> Result<Option<Vec<TrustAnchor>>, Failure> {
    let usage = |message| Err(Failure::new(Exit::Usage, message));
    if !args.validate {
        return match &args.trust_anchor {
            Some(_) => usage("--trust-anchor applies only to --validate"),
            None => Ok(None),
        };
    }
    if args.has_input() {
        return usage("--validate does not read names from a file or standard input");
    }
    if request.class != RecordClass::IN {
        return usage("--validate applies only to the class IN");
    }
    if request.types.iter().any(|wanted| wanted.is_transfer()) {
        return usage("--validate does not apply to a zone transfer");
    }
    if request.types.contains(&RecordType::RRSIG) {
        return usage("--validate does not apply to RRSIG records: signatures are not signed");
    }
    args.trust_anchor.as_deref().map_or_else(|| Ok(anchor::built_in()), read_anchors).map(Some)
}

fn read_anchors(path: &Path) -> Result<Vec<TrustAnchor>, Failure> {
    let shown = path.display();
    let text = fs::read(path).map_err(|error| {
        Failure::new(Exit::File, format!("cannot read {shown}: {}", reason::of(&error)))
    })?;
    anchor::parse(&String::from_utf8_lossy(&text)).map_err(|error| {
        Failure::new(Exit::Usage, format!("cannot use {shown}: {error}"))
            .hint("lines such as: . IN DS 20326 8 2 E06D44B8…, or . IN DNSKEY 257 3 8 AwEAAa…")
    })
}

/// Looks up and validates each name, and prints the evidence and the results.
///
/// # Errors
/// Standard output cannot be written.
pub(super) async fn run(
    subjects: Vec<QueryName>,
    anchors: Vec<TrustAnchor>,
    plan: Arc<Plan>,
    out: Output,
) -> anyhow::Result<Exit> {
    let RunSettings { lookup: asked, deadline, short, .. } = &plan.settings;
    let settings = with_signatures(asked);
    let of_chain = LookupSettings { follow_aliases: false, ..settings.clone() };
    let fetch =
        async |question| lookup::lookup(question, &plan.servers, &of_chain, *deadline).await;
    let mut validator = Validator::new(anchors, Timestamp::now(), fetch);
    let mut exit = Exit::Success;
    for subject in subjects {
        let types = match &plan.types[..] {
            [] => subject.default_types(),
            types => types,
        };
        let mut validations = Vec::new();
        let mut lookups = Vec::new();
        for record_type in types {
            let (name, class) = (subject.name.clone(), plan.class);
            let question = Question { name, record_type: *record_type, class };
            let mut lookup = lookup::lookup(question, &plan.servers, &settings, *deadline).await;
            let validation = validator.validate(&lookup).await;
            exit = exit.max(validation_exit(&validation, &lookup));
            if *short && validation.security() > Security::Insecure {
                // A script must not take data that is not authentic for an answer.
                lookup.answers.clear();
            } else if !asks_for_signatures(asked) {
                lookup.answers.retain(|it| !is_of_dnssec(it.record.record_type, *record_type));
            }
            validations.push(validation);
            lookups.push(lookup);
        }
        if !short {
            print_evidence(&validations, &lookups, out)?;
        }
        print_verdicts(&subject.given, &validations, &lookups, &plan.settings, out);
        let result = NameResult::of(subject, lookups);
        exit = exit.max(report(&[result], &plan, out)?);
    }
    Ok(exit)
}

/// Returns the settings with the flags DO and CD: with signatures, and also for data that the
/// server finds to be bogus.
fn with_signatures(settings: &LookupSettings) -> LookupSettings {
    let mut settings = settings.clone();
    settings.exchange.query.checking_disabled = true;
    settings.exchange.query.edns.get_or_insert_default().dnssec = true;
    settings
}

fn asks_for_signatures(settings: &LookupSettings) -> bool {
    settings.exchange.query.edns.as_ref().is_some_and(|edns| edns.dnssec)
}

/// Returns whether records of a type are only evidence, because another type was asked for.
fn is_of_dnssec(record_type: RecordType, wanted: RecordType) -> bool {
    let of_dnssec = [RecordType::RRSIG, RecordType::NSEC, RecordType::NSEC3];
    of_dnssec.contains(&record_type) && record_type != wanted && wanted != RecordType::ANY
}

/// Returns the exit code of a validation. An answer that is proven to be insecure is an answer.
fn validation_exit(validation: &Validation, lookup: &Lookup) -> Exit {
    match validation.security() {
        Security::Secure | Security::Insecure => Exit::Success,
        Security::Bogus => Exit::Protocol,
        Security::Indeterminate => {
            let failed = validation.failed.as_deref().unwrap_or(lookup);
            outcome::exit(failed).max(Exit::Negative)
        }
    }
}

fn print_evidence(
    validations: &[Validation],
    lookups: &[Lookup],
    out: Output,
) -> anyhow::Result<()> {
    let pairs = validations.iter().zip(lookups);
    let reports = pairs.map(|(validation, lookup)| ValidationReport::new(validation, lookup));
    let mut evidence = EvidenceReport::default();
    for report in reports {
        if out.is_json() {
            out.report(&report)?;
        } else {
            evidence.validations.push(report);
        }
    }
    if !evidence.is_empty() {
        out.report(&evidence)?;
        if out.is_table() {
            out.verbatim(b"\n")?;
        }
    }
    Ok(())
}

/// Prints why an answer is not secure: an error if it is bogus or could not be checked, and a note
/// if it is insecure and the evidence is not printed.
fn print_verdicts(
    given: &str,
    validations: &[Validation],
    lookups: &[Lookup],
    settings: &RunSettings,
    out: Output,
) {
    let mut known: Vec<String> = Vec::new();
    for (validation, lookup) in validations.iter().zip(lookups) {
        // The report of the lookup says why there is no answer.
        if matches!(lookup.outcome, LookupOutcome::NoAnswer | LookupOutcome::Aliases(_)) {
            continue;
        }
        let security = validation.security();
        let Some(weakness) = validation.weakness() else {
            out.detail(&format!("{given} {} is secure", lookup.question.record_type));
            continue;
        };
        let message = format!("{given} is {security}: {}", weakness.text);
        if known.contains(&message) {
            continue;
        }
        if security == Security::Insecure {
            if settings.short {
                out.note(&message);
            } else {
                out.detail(&message);
            }
        } else {
            out.error(&ErrorReport {
                code: validation_exit(validation, lookup).code(),
                message: message.clone(),
                cause: None,
                hint: hint(validation, weakness.cause, settings),
            });
        }
        known.push(message);
    }
}

/// Returns what to try after a failed validation.
fn hint(validation: &Validation, cause: Cause, settings: &RunSettings) -> Option<String> {
    let top = validation.chain.first();
    let fails_at_top = top.is_some_and(|link| link.security() == Security::Bogus);
    let has_keys = top.is_some_and(|link| !link.keys.is_empty());
    match cause {
        Cause::KeyMissing if fails_at_top && has_keys => {
            Some("--trust-anchor FILE, if the server has a root of its own".to_owned())
        }
        Cause::SignatureMissing | Cause::KeyMissing if fails_at_top => {
            Some("another server, as @HOST: this one may not pass on DNSSEC records".to_owned())
        }
        Cause::NoTrustAnchor => Some("another --trust-anchor FILE".to_owned()),
        Cause::NoAnswer => outcome::hint(validation.failed.as_deref()?, settings),
        _ => None,
    }
}
