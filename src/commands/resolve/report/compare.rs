//! Where the answers of several servers differ, or those of the DNS and the system's resolver.

use crate::commands::resolve::report::name_result::NameResult;
use crate::commands::resolve::report::outcome;
use crate::dns::lookup::Lookup;
use crate::dns::message::record_type::RecordType;
use crate::exit::Exit;

/// What a server says about a question, without TTLs and order.
#[derive(PartialEq, Eq)]
struct Content {
    status: String,
    data: Vec<String>,
}

impl Content {
    fn of(lookup: &Lookup) -> Self {
        let asked_for = lookup.answers.iter().filter(|answer| answer.was_asked_for);
        let mut data: Vec<String> = asked_for
            .map(|answer| format!("{} {}", answer.record.record_type, answer.record.data))
            .collect();
        data.sort();
        data.dedup();
        Self { status: outcome::status(lookup).into_owned(), data }
    }
}

/// Returns a line for each record type about which the servers that answered differ.
pub(in crate::commands::resolve) fn differences(result: &NameResult) -> Vec<String> {
    let differing = types(result).into_iter().filter(|record_type| differs(result, *record_type));
    let line = |record_type| {
        let each: Vec<String> = answered(result, record_type).map(say).collect();
        format!("the servers differ on {} {record_type}: {}", result.subject.given, each.join("; "))
    };
    differing.map(line).collect()
}

/// Returns whether the servers that answered differ about a record type.
pub(in crate::commands::resolve) fn differs(result: &NameResult, record_type: RecordType) -> bool {
    let mut contents = answered(result, record_type).map(Content::of);
    let first = contents.next();
    contents.any(|content| Some(content) != first)
}

/// Returns the exit code of the comparison: that of the failures if fewer than two servers answered
/// about a record type.
pub(in crate::commands::resolve) fn exit(result: &NameResult) -> Exit {
    let mut exit = Exit::Success;
    for record_type in types(result) {
        if differs(result, record_type) {
            exit = exit.max(Exit::Negative);
        }
        if answered(result, record_type).count() < 2 {
            let of_type = result.lookups.iter().filter(|it| it.question.record_type == record_type);
            exit = of_type.map(outcome::exit).max().unwrap_or(Exit::Success).max(exit);
        }
    }
    exit
}

/// Returns a line for each record type for which programs on this machine get other data than the
/// DNS has.
pub(in crate::commands::resolve) fn system_differences(result: &NameResult) -> Vec<String> {
    let line = |record_type| {
        let mut of_type = result.lookups.iter().filter(|it| it.question.record_type == record_type);
        let by_system = of_type.clone().find(|lookup| lookup.local.is_some())?;
        let by_dns = of_type.find(|lookup| lookup.answered.is_some())?;
        let sorted = |lookup: &Lookup| {
            let mut data: Vec<String> = lookup.data().map(str::to_owned).collect();
            data.sort();
            data
        };
        let (by_system, by_dns) = (sorted(by_system), sorted(by_dns));
        let say = |data: &[String]| match data {
            [] => "nothing".to_owned(),
            data => data.join(", "),
        };
        let (got, has) = (say(&by_system), say(&by_dns));
        (by_system != by_dns).then(|| {
            let given = &result.subject.given;
            format!(
                "programs on this machine get {got} for {given} {record_type}; the DNS has {has}"
            )
        })
    };
    types(result).into_iter().filter_map(line).collect()
}

/// Returns the record types of the lookups, each once.
pub(in crate::commands::resolve) fn types(result: &NameResult) -> Vec<RecordType> {
    let mut types: Vec<RecordType> = Vec::new();
    for lookup in &result.lookups {
        if !types.contains(&lookup.question.record_type) {
            types.push(lookup.question.record_type);
        }
    }
    types
}

/// Returns the lookups that servers answered.
fn answered(result: &NameResult, record_type: RecordType) -> impl Iterator<Item = &Lookup> {
    let is_answered = move |lookup: &&Lookup| {
        lookup.question.record_type == record_type && lookup.answered.is_some()
    };
    result.lookups.iter().filter(is_answered)
}

fn say(lookup: &Lookup) -> String {
    let server = lookup.answered_by().map_or_else(String::new, ToString::to_string);
    let mut data: Vec<&str> = lookup.data().collect();
    data.sort_unstable();
    if data.is_empty() {
        return format!("{server} has none ({})", outcome::status(lookup));
    }
    format!("{server} has {}", data.join(", "))
}
