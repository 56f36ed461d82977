//! `resolve`: queries DNS servers and prints their answers.

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
use crate::net::address::parse::ParseError;
use crate::net::{Deadline, runtime};
use crate::options::values::TimeoutArgs;
use crate::output::{Cell, Output, Report, Table};

const EXAMPLES: &str = "\
Examples:
  Look up the addresses of a name, with this machine's DNS servers
  $ sockkit resolve www.ita.br

  Look up the name of an address
  $ sockkit resolve 127.0.0.1

  Look up the MX and TXT records of a domain, with another DNS server
  $ sockkit resolve ita.br mx txt @127.0.0.1";

/// How sockkit recognizes each kind of argument, for the long help.
const WORDS: &str = "\
Arguments, in any order:
  @HOST, @HOST:PORT   a DNS server, queried if those before it fail
  a, mx, TYPE65280    a record type; add a dot to a name like this: `mx.`
  anything else       a name, or an address to look up the name of";

/// The arguments of `resolve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{WORDS}"),
    mut_arg("timeout", |arg| {
        arg.long_help("Limit the whole run\n\nWithout it, each lookup waits 5 s for each server.")
    })
)]
pub struct Args {
    /// Names, addresses, types and @servers, in any order
    #[arg(value_name = "NAME|TYPE|@SERVER", required = true)]
    words: Vec<String>,
    /// Look up this record type [default: A and AAAA, or PTR]
    ///
    /// The option can be repeated.
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    types: Vec<RecordType>,
    /// Query over TCP from the start
    ///
    /// By default, sockkit uses UDP, and TCP after a truncated reply.
    #[arg(long)]
    tcp: bool,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

/// The most lookups at once: fast for many names, but not a flood of queries to one server.
const MAX_CONCURRENT_LOOKUPS: usize = 16;

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let request = Request::parse(args)?;
    let limit = args.timeout.limit()?;
    let time = Time { limit, deadline: Deadline::maybe(limit) };
    let runtime = runtime::runtime()?;
    let outcome = runtime.block_on(resolve(request, args.tcp, time, out));
    // Does not wait for a thread that may still be blocked in the system's resolver.
    runtime.shutdown_background();
    outcome
}

/// The limit of the run, if `--timeout` sets one, and the resulting deadline.
#[derive(Clone, Copy, Debug)]
struct Time {
    limit: Option<Duration>,
    deadline: Deadline,
}

impl Time {
    /// Returns the longest time that a server had for its reply.
    fn per_server(self) -> Duration {
        self.limit.unwrap_or(lookup::SERVER_TIMEOUT)
    }
}

/// The words of the command line, by kind.
#[derive(Debug)]
struct Request {
    subjects: Vec<QueryName>,
    types: Vec<RecordType>,
    servers: Vec<DnsServerName>,
}

impl Request {
    fn parse(args: &Args) -> Result<Self, Failure> {
        let mut request =
            Self { subjects: Vec::new(), types: args.types.clone(), servers: Vec::new() };
        for word in &args.words {
            if let Some(server) = word.strip_prefix('@') {
                request.servers.push(server.parse().map_err(|error: ParseError| {
                    Failure::new(Exit::Usage, format!("{word}: {error}"))
                        .hint("@HOST, @HOST:PORT or @[v6]:PORT")
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
        let mut distinct = Vec::new();
        for record_type in request.types {
            if !distinct.contains(&record_type) {
                distinct.push(record_type);
            }
        }
        request.types = distinct;
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
        failure.hint("a backslash and three decimal digits, such as \\032 for a space")
    } else {
        failure
    }
}

fn no_name(words: &[String]) -> Failure {
    match words.iter().find(|word| !word.starts_with('@')) {
        Some(word) => {
            Failure::new(Exit::Usage, format!("no name given: {word:?} is a record type"))
                .hint(format!("`{word}.`, with a trailing dot, to look up that name"))
        }
        None => Failure::new(Exit::Usage, "no name given, only servers"),
    }
}

async fn resolve(request: Request, tcp: bool, time: Time, out: Output) -> anyhow::Result<Exit> {
    let by_default = request.types.is_empty();
    let transport = if tcp { DnsTransport::Tcp } else { DnsTransport::Udp };
    let servers = servers(&request, transport, time.deadline).await?;
    let limit = time.per_server();
    let mut exit = Exit::Success;
    let mut report = ResolveReport::default();
    // The lookups run concurrently, and their results are reported in the order of the arguments.
    for (subject, pending) in start_lookups(request, &servers, time.deadline) {
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
        verdict.report(out);
        exit = exit.max(verdict.exit());
    }
    if !out.is_json() {
        out.report(&report)?;
    }
    Ok(exit)
}

/// Returns the servers of the command line, each with all of its addresses, or else the system's.
async fn servers(
    request: &Request,
    transport: DnsTransport,
    deadline: Deadline,
) -> anyhow::Result<Vec<DnsServer>> {
    if request.servers.is_empty() {
        return Ok(server::system_servers(transport));
    }
    let mut servers = Vec::new();
    for name in &request.servers {
        let left = deadline.remaining().unwrap_or(lookup::SERVER_TIMEOUT);
        let deadline = Deadline::after(left);
        servers.extend(name.locate(transport, deadline).await?);
    }
    Ok(servers)
}

/// A name and its running lookups, one for each record type.
type Pending = (QueryName, Vec<JoinHandle<Lookup>>);

fn start_lookups(request: Request, servers: &[DnsServer], deadline: Deadline) -> Vec<Pending> {
    let permits = Arc::new(Semaphore::new(MAX_CONCURRENT_LOOKUPS));
    let servers: Arc<[DnsServer]> = servers.into();
    let types = request.types;
    let start_one = |subject: &QueryName, record_type| {
        let (permits, servers) = (Arc::clone(&permits), Arc::clone(&servers));
        let question = Question { name: subject.name.clone(), record_type };
        tokio::spawn(async move {
            // Cannot fail, because the semaphore is never closed.
            let _permit = permits.acquire().await;
            lookup::lookup(question, &servers, deadline).await
        })
    };
    let start_all = |subject: QueryName| {
        let types = match &types[..] {
            [] => subject.default_types(),
            types => types,
        };
        let pending = types.iter().map(|kind| start_one(&subject, *kind)).collect();
        (subject, pending)
    };
    request.subjects.into_iter().map(start_all).collect()
}

#[derive(Debug, Default, Serialize)]
struct ResolveReport {
    lookups: Vec<LookupReport>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "lookup")]
struct LookupReport {
    /// The name as the user typed it.
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
        // The alias records are the same for every type, and are shown once.
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
    struct CommandLine {
        #[command(flatten)]
        args: Args,
    }

    fn parse(words: &[&str]) -> Result<Request, String> {
        let words = ["resolve"].iter().chain(words);
        let line = CommandLine::try_parse_from(words).map_err(|error| error.to_string())?;
        Request::parse(&line.args).map_err(|failure| failure.to_string())
    }

    #[test]
    fn servers_record_types_and_names_are_recognized_by_their_form() {
        let request =
            parse(&["www.ita.br", "Mx", "@::1", "type99", "mx.", "-t", "A", "a"]).unwrap();
        let names: Vec<&str> = request.subjects.iter().map(|it| it.given.as_str()).collect();
        assert_eq!(names, ["www.ita.br", "mx."]);
        assert_eq!(request.types, [RecordType::A, RecordType::MX, RecordType(99)]);
        assert_eq!(request.servers.len(), 1);
    }

    #[test]
    fn an_invalid_command_line_is_an_error_with_the_reason() {
        let error = |words| parse(words).unwrap_err();
        assert_eq!(error(&["mx"]), "no name given: \"mx\" is a record type");
        assert_eq!(error(&["@::1", "ns"]), "no name given: \"ns\" is a record type");
        assert_eq!(error(&["@127.0.0.1"]), "no name given, only servers");
        assert!(error(&["TYPE65536"]).contains("is not a record type"));
        assert!(error(&["a.example", "@"]).contains("no host given"));
    }
}
