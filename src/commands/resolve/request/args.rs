//! The arguments of `resolve`.

use std::path::PathBuf;
use std::time::Duration;

use crate::dns::message::class::RecordClass;
use crate::dns::message::record_type::{RecordType, type_or_number};
use crate::options::TIMEOUTS;
use crate::options::dns::{BootstrapServer, QueryArgs, SourceArgs};
use crate::options::trust::TrustArgs;
use crate::options::values::{Limit, TimeoutArgs, count, duration, limit};

const EXAMPLES: &str = "\
Examples:
  Look up the addresses of a name, as this machine would
  $ sockkit resolve www.ita.br

  Look up the name of an address
  $ sockkit resolve 127.0.0.1

  Look up the MX and TXT records of a domain, with another DNS server
  $ sockkit resolve ita.br mx txt @127.0.0.1

  Check the DNSSEC signatures of an answer, from the root down
  $ sockkit resolve --validate www.ita.br

  Use the addresses in a script
  $ for ip in $(sockkit resolve --short www.ita.br); do ping -c1 $ip; done

  Look up many names, on as many processors as there are
  $ parallel --pipe -k sockkit resolve --plain - @127.0.0.1 < names";

/// How sockkit recognizes each kind of argument, for the long help.
const WORDS: &str = "\
Arguments, in any order:
  @HOST, @HOST:PORT   a DNS server, queried if those before it fail
  @tls://HOST         the same over TLS; also udp, tcp, quic, and with a path
                      https://HOST/PATH and h3://HOST/PATH (HTTP/3);
                      with {?dns} after the path, requests use GET
  a, mx, TYPE65280    a record type; add a dot to a name like this: `mx.`
  in, ch, hs          a class; add a dot to a name like this: `in.`
  +short, +tls        an option of dig or kdig
  -                   the names are on standard input, one per line
  anything else       a name, or an address to look up the name of

Without @SERVER, sockkit answers as this machine would: localhost names and the
entries of /etc/hosts are answers, short names are searched in the domains of
/etc/resolv.conf, and its servers are queried. The variables LOCALDOMAIN and
RES_OPTIONS apply, too. With @SERVER, only that server is queried, about the name
as it is.

An international name is queried and shown in ASCII, as the DNS has it. A table on a
terminal has its letters in brackets, and --json in fields of their own.

Exit codes: 0 if the name has a record of one of the types, 1 if it has none or does
not exist, 4 if the server failed or cannot be reached, 5 without a reply in time, 9
if the reply is malformed, contradicts itself or loops. Of several names, the highest
counts. A server that is authoritative for an alias, but not for its target, has
answered: 0, with a note. With --validate, 9 also if an answer is bogus; if it cannot
be checked, the code of the query that failed, or 1 without a trust anchor.";

/// The arguments of `resolve`.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{WORDS}"),
    mut_arg("timeout", |arg| {
        arg.help("Limit the whole run [env: SOCKKIT_TIMEOUT] [default: 5s]").long_help(
            "Limit the whole run [env: SOCKKIT_TIMEOUT] [default: 5s]\n\nThe servers share the \
             time equally. With 0, each server has 5 s.")
    })
)]
pub struct Args {
    /// Names, addresses, types and @servers, in any order
    #[arg(value_name = "NAME|TYPE|@SERVER")]
    pub(in crate::commands::resolve) words: Vec<String>,
    /// Look up this record type [default: A and AAAA, or PTR]
    ///
    /// The option can be repeated, and can have several types: `mx,txt`.
    #[arg(short = 't', long = "type", value_name = "TYPE", value_delimiter = ',',
          value_parser = type_or_number)]
    pub(in crate::commands::resolve) types: Vec<RecordType>,
    /// Look up the name of this address
    ///
    /// The option can be repeated. An address among the arguments means the same.
    #[arg(short = 'x', long = "reverse", value_name = "ADDRESS")]
    pub(in crate::commands::resolve) reverse: Vec<String>,
    /// Ask about this class: IN, CH or HS [default: IN]
    #[arg(long, short_alias = 'c', value_name = "CLASS", hide_short_help = true)]
    pub(in crate::commands::resolve) class: Option<RecordClass>,
    /// Print only the data of the records, one per line
    ///
    /// By default, these are the addresses of the name. Aliases are left out.
    #[arg(long)]
    pub(in crate::commands::resolve) short: bool,
    /// Show TTLs as 5m or 1h30m instead of seconds
    #[arg(long, hide_short_help = true)]
    pub(in crate::commands::resolve) ttl_units: bool,
    /// Query over TCP from the start
    ///
    /// By default, sockkit uses UDP, and TCP after a truncated reply.
    #[arg(long)]
    pub(in crate::commands::resolve) tcp: bool,
    /// Show a truncated reply instead of asking again over TCP
    #[arg(long, conflicts_with = "tcp", hide_short_help = true)]
    pub(in crate::commands::resolve) no_tcp: bool,
    /// Do not ask again for the target of an alias
    #[arg(long, hide_short_help = true)]
    pub(in crate::commands::resolve) no_follow: bool,
    /// Send each query up to N times over UDP [default: 2]
    ///
    /// The tries share the time that the server has.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_QUERY_TRIES),
          hide_short_help = true)]
    pub(in crate::commands::resolve) tries: Option<u32>,
    /// Query all servers, and show the answer of each
    #[arg(long, conflicts_with_all = ["fastest", "random"], hide_short_help = true)]
    pub(in crate::commands::resolve) all: bool,
    /// Query all servers, and exit with 1 if their answers differ
    ///
    /// TTLs and the order of records do not count.
    #[arg(long, conflicts_with_all = ["fastest", "random"], hide_short_help = true)]
    pub(in crate::commands::resolve) compare: bool,
    /// Query all servers at once, and use the first answer
    #[arg(long, conflicts_with = "random", hide_short_help = true)]
    pub(in crate::commands::resolve) fastest: bool,
    /// Query the servers in random order
    #[arg(long, hide_short_help = true)]
    pub(in crate::commands::resolve) random: bool,
    /// Resolve the names of servers with the DNS server at this address
    #[arg(long, value_name = "ADDRESS[:PORT]", hide_short_help = true)]
    pub(in crate::commands::resolve) bootstrap: Option<BootstrapServer>,
    /// Show what programs on this machine get beside the DNS answer
    ///
    /// Programs ask the system's resolver, which uses /etc/hosts, mDNS and other sources as
    /// /etc/nsswitch.conf says.
    #[arg(long)]
    pub(in crate::commands::resolve) system: bool,
    /// Look up the names in this file, one per line; - for standard input
    ///
    /// Each line is a name, and record types after it if they differ from those of the command
    /// line; empty lines and lines that begin with # are skipped. Each name and type has one line
    /// of output: name, type, status and data. The default type is A.
    #[arg(short = 'f', long, value_name = "FILE", help_heading = BULK, hide_short_help = true)]
    pub(in crate::commands::resolve) file: Option<PathBuf>,
    /// Print each result of --file as soon as it is known
    #[arg(long, help_heading = BULK, hide_short_help = true)]
    pub(in crate::commands::resolve) unordered: bool,
    /// Look up at most N names of --file at once [default: 50]
    #[arg(long, value_name = "N", value_parser = count, help_heading = BULK,
          hide_short_help = true)]
    pub(in crate::commands::resolve) concurrency: Option<usize>,
    /// Start at most N lookups of --file per second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..),
          help_heading = BULK, hide_short_help = true)]
    pub(in crate::commands::resolve) rate: Option<u32>,
    /// Limit the lookup of each name with --file, --wait and --watch [default: 5s]
    #[arg(long, value_name = "DURATION", value_parser = limit, help_heading = TIMEOUTS,
          hide_short_help = true)]
    pub(in crate::commands::resolve) name_timeout: Option<Limit>,
    /// Exit with 1 unless a record has this data
    ///
    /// VALUE is the data as `--short` prints it, without regard to case. Each name must have such
    /// a record; with --all and --compare, each server must have it.
    #[arg(long, value_name = "VALUE", help_heading = WATCHING, hide_short_help = true)]
    pub(in crate::commands::resolve) expect: Option<String>,
    /// Look up again each second until there is a record, or the one of --expect
    ///
    /// With --compare, the servers must agree, too. After this long, sockkit exits with 5.
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = WATCHING,
          conflicts_with_all = ["watch", "file"], hide_short_help = true)]
    pub(in crate::commands::resolve) wait: Option<Duration>,
    /// Look up again each time that DURATION has passed, and print what has changed
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = WATCHING,
          conflicts_with_all = ["file", "short"], hide_short_help = true)]
    pub(in crate::commands::resolve) watch: Option<Duration>,
    /// Transfer the whole zone over TCP or TLS, as with the type AXFR
    #[arg(long, hide_short_help = true)]
    pub(in crate::commands::resolve) axfr: bool,
    /// Follow the name from the root down, and show each query
    #[arg(long, conflicts_with_all = ["all", "compare", "fastest", "system", "file", "wait", "watch",
          "expect"], hide_short_help = true)]
    pub(in crate::commands::resolve) trace: bool,
    /// Begin --trace at the servers in this file, which has the format of IANA's named.root
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(in crate::commands::resolve) root_hints: Option<PathBuf>,
    /// Check the DNSSEC signatures from the root down, and show the chain of zones
    ///
    /// Each answer is secure, insecure (a zone above proves that it does not sign it), bogus or
    /// indeterminate, with the reason. Only DNS servers are asked, about the name as it is. With
    /// --short, sockkit prints only data that is secure or insecure.
    #[arg(long, conflicts_with_all = ["trace", "all", "compare", "fastest", "system", "file", "wait",
          "watch", "expect", "no_edns", "axfr"])]
    pub(in crate::commands::resolve) validate: bool,
    /// Begin --validate with the DS or DNSKEY records in this file instead of the root's keys
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(in crate::commands::resolve) trust_anchor: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::commands::resolve) source: SourceArgs,
    #[command(flatten)]
    pub(in crate::commands::resolve) query: QueryArgs,
    #[command(flatten)]
    pub(in crate::commands::resolve) tls: TrustArgs,
    /// The port of each @SERVER without one; for users of dig.
    #[arg(short = 'p', value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..),
          hide = true)]
    pub(in crate::commands::resolve) port: Option<u16>,
    #[command(flatten)]
    pub(in crate::commands::resolve) timeout: TimeoutArgs,
}

/// The help heading of the options for many names.
const BULK: &str = "Many names";

/// The help heading of the options that look up again.
const WATCHING: &str = "Waiting and watching";

/// How many names of a file are looked up at once by default: a server answers them in time, and a
/// few that it does not answer do not delay the others.
const DEFAULT_CONCURRENCY: usize = 50;

/// The limit of the lookup of each name by default.
const DEFAULT_NAME_TIMEOUT: Duration = Duration::from_secs(5);

/// The most tries: more queries in a short time would be a flood.
const MAX_QUERY_TRIES: i64 = 100;

impl Args {
    /// Returns whether the names are in a file or on standard input.
    pub(in crate::commands::resolve) fn has_input(&self) -> bool {
        self.file.is_some() || self.words.iter().any(|word| word == STANDARD_INPUT)
    }

    /// Returns how many names of a file are looked up at once.
    pub(in crate::commands::resolve) fn concurrency(&self) -> usize {
        self.concurrency.unwrap_or(DEFAULT_CONCURRENCY)
    }

    /// Returns the limit of the lookup of each name; `None` for no limit.
    pub(in crate::commands::resolve) fn name_timeout(&self) -> Option<Duration> {
        self.name_timeout.map_or(Some(DEFAULT_NAME_TIMEOUT), |limit| limit.0)
    }
}

/// The word for standard input.
pub(in crate::commands::resolve) const STANDARD_INPUT: &str = "-";
