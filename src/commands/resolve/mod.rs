//! `resolve`: asks the DNS itself, and says what it said, who said it, and what that means.

mod verdict;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::commands::resolve::verdict::Verdict;
use crate::dns::lookup::{self, Lookup};
use crate::dns::message::Question;
use crate::dns::name::{self, InvalidName};
use crate::dns::query_name::QueryName;
use crate::dns::record::Record;
use crate::dns::record_type::{self, RecordType};
use crate::dns::server::{self, DnsServer, DnsServerName, DnsTransport};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::net::runtime;
use crate::options::values::{self, Limit};
use crate::output::{Cell, Output, Report, Table};

const EXAMPLES: &str = "\
Examples:
  The addresses of a name, from the servers this machine asks
  $ sockkit resolve www.ita.br

  The name of an address
  $ sockkit resolve 127.0.0.1

  The mail servers and the texts of a domain, from a server of your choice
  $ sockkit resolve ita.br mx txt @127.0.0.1

What each word is:
  @HOST, @HOST:PORT   a server, asked when those before it fail
  a, mx, TYPE65280    a record type; a name that looks like one ends in a dot: `mx.`
  anything else       a name; an address asks for its name";

/// Resolve: the arguments
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Names, addresses, record types and @servers, in any order
    #[arg(value_name = "NAME|TYPE|@SERVER", required = true)]
    words: Vec<String>,
    /// Ask for this type (can be repeated) [default: A and AAAA, or PTR]
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    types: Vec<RecordType>,
    /// How long everything may take; without it, or with 0, 5s a server for each lookup
    #[arg(long, value_name = "DURATION", env = "SOCKKIT_TIMEOUT", hide_env_values = true,
          value_parser = values::limit)]
    timeout: Option<Limit>,
    /// Ask over TCP from the beginning
    #[arg(long)]
    tcp: bool,
}

/// Lookups open at once: enough to make many names quick, too few to look like an attack.
const MAX_AT_ONCE: usize = 16;

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let request = Request::sort(args)?;
    let limit = args.timeout.and_then(|Limit(limit)| limit);
    let time = Time { limit, deadline: Deadline::maybe(limit) };
    let runtime = runtime::runtime()?;
    let outcome = runtime.block_on(answer(request, args.tcp, time, out));
    // A question to the system's resolver may still be open in a thread of its own.
    runtime.shutdown_background();
    outcome
}

/// How long the run may take, if anybody said so, and when it is over.
#[derive(Clone, Copy, Debug)]
struct Time {
    limit: Option<Duration>,
    deadline: Deadline,
}

impl Time {
    /// Returns what a server had at most.
    fn each(self) -> Duration {
        self.limit.unwrap_or(lookup::PATIENCE)
    }
}

/// What the words of the command line are.
#[derive(Debug)]
struct Request {
    subjects: Vec<QueryName>,
    types: Vec<RecordType>,
    servers: Vec<DnsServerName>,
}

impl Request {
    fn sort(args: &Args) -> Result<Self, Failure> {
        let mut request =
            Self { subjects: Vec::new(), types: args.types.clone(), servers: Vec::new() };
        for word in &args.words {
            if let Some(server) = word.strip_prefix('@') {
                request.servers.push(server.parse().map_err(|error| {
                    usage(error).hint("a server is @HOST, @HOST:PORT or @[v6]:PORT")
                })?);
            } else if record_type::looks_like_type(word) {
                request.types.push(word.parse().map_err(usage)?);
            } else {
                request.subjects.push(word.parse().map_err(invalid_name)?);
            }
        }
        if request.subjects.is_empty() {
            return Err(no_name(&args.words));
        }
        let mut once = Vec::new();
        for kind in request.types {
            if !once.contains(&kind) {
                once.push(kind);
            }
        }
        request.types = once;
        Ok(request)
    }
}

fn usage(error: impl Error) -> Failure {
    Failure::new(Exit::Usage, error.to_string())
}

fn invalid_name(error: InvalidName) -> Failure {
    let is_unprintable = matches!(error, InvalidName::Unprintable(_));
    let failure = usage(error);
    if is_unprintable {
        failure.hint("its number with a backslash: \\032 for a space")
    } else {
        failure
    }
}

fn no_name(words: &[String]) -> Failure {
    match words.iter().find(|word| !word.starts_with('@')) {
        Some(word) => {
            Failure::new(Exit::Usage, format!("no name given: {word:?} is a record type"))
                .hint(format!("`{word}.`, with a dot, for the name"))
        }
        None => Failure::new(Exit::Usage, "no name given, only servers"),
    }
}

async fn answer(request: Request, tcp: bool, time: Time, out: Output) -> anyhow::Result<Exit> {
    let by_default = request.types.is_empty();
    let transport = if tcp { DnsTransport::Tcp } else { DnsTransport::Udp };
    let servers = servers(&request, transport, time.deadline).await?;
    let limit = time.each();
    let mut exit = Exit::Success;
    let mut report = ResolveReport::default();
    // All are begun at once, and told in the order they were asked for.
    for (subject, pending) in begin(request, &servers, time.deadline) {
        let mut lookups = Vec::new();
        for lookup in pending {
            lookups.push(lookup.await?);
        }
        for lookup in &lookups {
            let entry = LookupReport::new(&subject, lookup, limit);
            if out.is_json() {
                out.report(&entry)?;
            } else {
                report.lookups.push(entry);
            }
        }
        let verdict = Verdict { subject: &subject, lookups: &lookups, limit, by_default };
        verdict.tell(out);
        exit = exit.max(verdict.exit());
    }
    if !out.is_json() {
        out.report(&report)?;
    }
    Ok(exit)
}

/// The servers the user names, at all of their addresses, or else the system's.
async fn servers(
    request: &Request,
    transport: DnsTransport,
    deadline: Deadline,
) -> anyhow::Result<Vec<DnsServer>> {
    if request.servers.is_empty() {
        return Ok(server::of_system(transport));
    }
    let mut servers = Vec::new();
    for name in &request.servers {
        let left = deadline.remaining().unwrap_or(lookup::PATIENCE);
        let deadline = Deadline::after(left);
        servers.extend(name.locate(transport, deadline).await?);
    }
    Ok(servers)
}

type Pending = (QueryName, Vec<JoinHandle<Lookup>>);

fn begin(request: Request, servers: &[DnsServer], deadline: Deadline) -> Vec<Pending> {
    let places = Arc::new(Semaphore::new(MAX_AT_ONCE));
    let servers: Arc<[DnsServer]> = servers.into();
    let types = request.types;
    let begin_one = |subject: &QueryName, record_type| {
        let (places, servers) = (Arc::clone(&places), Arc::clone(&servers));
        let question = Question { name: subject.name.clone(), record_type };
        tokio::spawn(async move {
            // Nobody closes the semaphore.
            let _place = places.acquire().await;
            lookup::lookup(question, &servers, deadline).await
        })
    };
    let begin_all = |subject: QueryName| {
        let types = match &types[..] {
            [] => subject.default_types(),
            types => types,
        };
        let pending = types.iter().map(|kind| begin_one(&subject, *kind)).collect();
        (subject, pending)
    };
    request.subjects.into_iter().map(begin_all).collect()
}

#[derive(Debug, Default, Serialize)]
struct ResolveReport {
    lookups: Vec<LookupReport>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "lookup")]
struct LookupReport {
    /// As the user wrote it.
    name: String,
    record_type: String,
    server: Option<String>,
    status: String,
    time_us: u64,
    answers: Vec<Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Answer {
    name: String,
    r#type: String,
    ttl: u32,
    data: String,
}

impl LookupReport {
    fn new(subject: &QueryName, lookup: &Lookup, limit: Duration) -> Self {
        let status = verdict::status(lookup);
        let unanswered = matches!(status.as_str(), verdict::TIMEOUT | verdict::ERROR);
        let server = lookup.answered_by().as_ref().map(ToString::to_string);
        let answer = |record: &Record| Answer {
            name: name::show(&record.name),
            r#type: record.record_type.to_string(),
            ttl: record.ttl,
            data: record.data.clone(),
        };
        Self {
            name: subject.given.clone(),
            record_type: lookup.question.record_type.to_string(),
            server,
            time_us: u64::try_from(lookup.time.as_micros()).unwrap_or(u64::MAX),
            answers: lookup.answers.iter().map(answer).collect(),
            error: unanswered.then(|| verdict::failure(lookup, limit)),
            status,
        }
    }

    fn rows(&self) -> impl Iterator<Item = Vec<Cell>> {
        self.answers.iter().map(|answer| {
            let Answer { name, r#type, ttl, data } = answer;
            vec![Cell::escaped(name), r#type.into(), ttl.to_string().into(), Cell::escaped(data)]
        })
    }
}

impl Report for LookupReport {
    fn tables(&self) -> Vec<Table> {
        vec![table(self.rows().collect())]
    }
}

impl Report for ResolveReport {
    fn tables(&self) -> Vec<Table> {
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        // The aliases on the way are the same for every type.
        for row in self.lookups.iter().flat_map(LookupReport::rows) {
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
        vec![table(rows)]
    }
}

fn table(rows: Vec<Vec<Cell>>) -> Table {
    Table { header: vec!["NAME", "TYPE", "TTL", "DATA"], rows, ..Table::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn sort(words: &[&str]) -> Result<Request, String> {
        let line = ["resolve"].iter().chain(words);
        let line = Line::try_parse_from(line).map_err(|error| error.to_string())?;
        Request::sort(&line.args).map_err(|failure| failure.to_string())
    }

    #[test]
    fn words_are_told_apart_by_their_shape() {
        let request = sort(&["www.ita.br", "Mx", "@::1", "type99", "mx.", "-t", "A", "a"]).unwrap();
        let names: Vec<&str> = request.subjects.iter().map(|it| it.given.as_str()).collect();
        assert_eq!(names, ["www.ita.br", "mx."]);
        assert_eq!(request.types, [RecordType::A, RecordType::MX, RecordType(99)]);
        assert_eq!(request.servers.len(), 1);
    }

    #[test]
    fn a_line_without_a_name_is_refused_and_told_why() {
        let refused = |words| sort(words).unwrap_err();
        assert_eq!(refused(&["mx"]), "no name given: \"mx\" is a record type");
        assert_eq!(refused(&["@::1", "ns"]), "no name given: \"ns\" is a record type");
        assert_eq!(refused(&["@127.0.0.1"]), "no name given, only servers");
        assert!(refused(&["TYPE65536"]).contains("is not a record type"));
        assert!(refused(&["a.example", "@"]).contains("no host given"));
    }
}
