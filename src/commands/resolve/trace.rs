//! `--trace`: prints each query from the root down, and then the result.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::commands::resolve::plan::Plan;
use crate::commands::resolve::report::name_result::NameResult;
use crate::commands::resolve::request::args::Args;
use crate::commands::resolve::run::report;
use crate::dns::machine::system::DNS_PORT;
use crate::dns::message::query::Question;
use crate::dns::name::query_name::QueryName;
use crate::dns::name::{self, bare, zone_in_words};
use crate::dns::trace::hints::{self, ZoneServer};
use crate::dns::trace::{self, AnswerKind, Hop, HopResult, TraceSettings};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Cell, Output, Report, Table};
use crate::reason;

/// Where a trace begins.
pub(super) struct TraceStart {
    roots: Vec<ZoneServer>,
    port: u16,
}

/// Returns where the trace begins, if the command line asks for one.
///
/// # Errors
/// The hints cannot be read or have no server.
pub(super) fn start(args: &Args) -> Result<Option<TraceStart>, Failure> {
    if !args.trace {
        return match &args.root_hints {
            Some(_) => Err(Failure::new(Exit::Usage, "--root-hints applies only to --trace")),
            None => Ok(None),
        };
    }
    let roots = match &args.root_hints {
        None => hints::built_in(),
        Some(path) => read_hints(path)?,
    };
    Ok(Some(TraceStart { roots, port: args.port.unwrap_or(DNS_PORT) }))
}

fn read_hints(path: &Path) -> Result<Vec<ZoneServer>, Failure> {
    let shown = path.display();
    let text = fs::read(path).map_err(|error| {
        Failure::new(Exit::File, format!("cannot read {shown}: {}", reason::of(&error)))
    })?;
    let roots = hints::parse(&String::from_utf8_lossy(&text));
    if roots.is_empty() {
        let message = format!("{shown} has no address of a root server");
        return Err(Failure::new(Exit::Usage, message).hint("lines such as: a.root. A 127.0.0.2"));
    }
    Ok(roots)
}

/// Follows each name, and prints the queries and the results.
///
/// # Errors
/// Standard output cannot be written.
pub(super) async fn run(
    subjects: Vec<QueryName>,
    start: TraceStart,
    plan: Arc<Plan>,
    out: Output,
) -> anyhow::Result<Exit> {
    let mut exchange = plan.settings.lookup.exchange.clone();
    exchange.query.recursion = false;
    let settings = TraceSettings {
        roots: start.roots,
        port: start.port,
        transport: plan.settings.transport,
        family: plan.settings.family,
        exchange,
        deadline: plan.settings.deadline,
    };
    let mut exit = Exit::Success;
    for subject in subjects {
        let types = match &plan.types[..] {
            [] => &subject.default_types()[..1],
            types => types,
        };
        let mut result = NameResult::of(subject.clone(), Vec::new());
        for record_type in types {
            let question = Question {
                name: subject.name.clone(),
                record_type: *record_type,
                class: plan.class,
            };
            let (hops, lookup) = trace::trace(question, &settings).await;
            print_hops(&hops, &plan, out)?;
            result.lookups.push(lookup);
        }
        if out.is_table() && !plan.settings.short {
            out.verbatim(b"\n")?;
        }
        exit = exit.max(report(&[result], &plan, out)?);
    }
    Ok(exit)
}

fn print_hops(hops: &[Hop], plan: &Plan, out: Output) -> anyhow::Result<()> {
    if plan.settings.short {
        return Ok(());
    }
    let hops: Vec<HopReport> = hops.iter().map(HopReport::of).collect();
    if out.is_json() {
        for hop in &hops {
            out.report(hop)?;
        }
    } else {
        out.report(&HopsReport { hops })?;
    }
    Ok(())
}

#[derive(Serialize)]
struct HopsReport {
    hops: Vec<HopReport>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "hop")]
struct HopReport {
    name: String,
    zone: String,
    server_name: String,
    server: String,
    status: Option<String>,
    time_us: u64,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referred_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    servers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    glue: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The result in words.
    #[serde(skip)]
    words: String,
}

impl HopReport {
    fn of(hop: &Hop) -> Self {
        let mut report = Self {
            name: name::show(&hop.name),
            zone: name::show(&hop.zone),
            server_name: name::show(&hop.server_name),
            server: hop.server.to_string(),
            status: hop.rcode.map(|rcode| rcode.to_string()),
            time_us: u64::try_from(hop.time.as_micros()).unwrap_or(u64::MAX),
            result: "answer",
            answer: None,
            referred_to: None,
            servers: None,
            glue: None,
            reason: None,
            words: String::new(),
        };
        match &hop.result {
            HopResult::Answer(kind) => {
                let (answer, words) = answer(kind);
                report.answer = Some(answer);
                report.words = words;
            }
            HopResult::Referral { zone, servers, with_address } => {
                report.result = "referral";
                report.referred_to = Some(name::show(zone));
                report.servers = Some(servers.iter().map(name::show).collect());
                report.glue = Some(*with_address);
                let (all, zone) = (servers.len(), zone_in_words(zone));
                let s = if all == 1 { "" } else { "s" };
                report.words =
                    format!("refers to {zone}: {all} server{s}, {with_address} with addresses");
            }
            HopResult::Lame(reason) => {
                report.result = "lame";
                report.reason = Some(reason.clone());
                let (server, zone) = (bare(&hop.server_name), zone_in_words(&hop.zone));
                report.words = format!("lame: {server} does not serve {zone}: {reason}");
            }
            HopResult::Failed(reason) => {
                report.result = "failed";
                report.reason = Some(reason.clone());
                report.words.clone_from(reason);
            }
        }
        report
    }
}

/// Returns what an answer says, for scripts and in words.
fn answer(kind: &AnswerKind) -> (&'static str, String) {
    match kind {
        AnswerKind::Records(1) => ("records", "answers: 1 record".to_owned()),
        AnswerKind::Records(count) => ("records", format!("answers: {count} records")),
        AnswerKind::Alias(target) => ("alias", format!("answers: an alias of {}", bare(target))),
        AnswerKind::NoData => ("no_data", "answers: no data (the name exists)".to_owned()),
        AnswerKind::NoSuchName => ("no_such_name", "answers: no such name (NXDOMAIN)".to_owned()),
    }
}

impl Report for HopReport {
    fn tables(&self) -> Vec<Table> {
        vec![hop_table(std::slice::from_ref(self))]
    }
}

impl Report for HopsReport {
    fn tables(&self) -> Vec<Table> {
        vec![hop_table(&self.hops)]
    }
}

fn hop_table(hops: &[HopReport]) -> Table {
    let row = |hop: &HopReport| {
        // The trace also asks for the names of servers and for the targets of aliases.
        let name = hop.name.strip_suffix('.').filter(|name| !name.is_empty());
        let name = match name.unwrap_or(&hop.name) {
            _ if hop.name == hops[0].name => String::new(),
            other => format!("for {other}: "),
        };
        let time = format!("{}.{} ms", hop.time_us / 1000, hop.time_us / 100 % 10);
        vec![
            Cell::escaped(&hop.zone),
            Cell::escaped(&hop.server_name),
            hop.server.as_str().into(),
            time.into(),
            Cell::escaped(&format!("{name}{}", hop.words)),
        ]
    };
    let header = vec!["ZONE", "SERVER", "ADDRESS", "TIME", "RESULT"];
    let rows = hops.iter().map(row).collect();
    Table { label: Some("hop"), header, rows, ..Table::default() }
}
