//! Options that have no effect together with the rest of the command line, or contradict it. clap
//! finds some of them, but not those that dig's options stand for, or that depend on the words.

use crate::commands::resolve::request::Request;
use crate::commands::resolve::request::args::Args;
use crate::dns::message::class::RecordClass;
use crate::dns::message::record_type::RecordType;
use crate::dns::server::{DnsServerName, DnsTransport};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::address::host::Host;

/// Checks that each option has an effect.
///
/// # Errors
/// An option has none, or contradicts another one.
pub(in crate::commands::resolve) fn check(args: &Args, request: &Request) -> Result<(), Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    if let Some((first, second)) = pair(args) {
        return Err(usage(format!("{first} cannot be used with {second}")).hint("one of the two"));
    }
    if let Some(word) = own_transport(args, request) {
        let message = format!("--tcp: {word} has a transport of its own");
        return Err(usage(message).hint("@tcp://HOST"));
    }
    if let (Some(port), Some(address)) = (args.port, request.address_as_server()) {
        let message = "-p applies only to @SERVER".to_owned();
        return Err(usage(message).hint(format!("@{address} -p {port}")));
    }
    for (is_idle, message, hint) in idle(args, request) {
        if is_idle {
            return Err(usage(message.to_owned()).hint(hint));
        }
    }
    Ok(())
}

/// Returns two options that contradict each other.
fn pair(args: &Args) -> Option<(&'static str, &'static str)> {
    let of_one_query = [
        (args.all, "--all"),
        (args.compare, "--compare"),
        (args.fastest, "--fastest"),
        (args.random, "--random"),
        (args.no_follow, "--no-follow"),
        (args.system, "--system"),
        (args.validate, "--validate"),
        (args.expect.is_some(), "--expect"),
        (args.wait.is_some(), "--wait"),
        (args.watch.is_some(), "--watch"),
    ];
    let with_trace = of_one_query.iter().filter(|it| args.trace && it.0);
    let with_trace = with_trace.map(|option| ("--trace", option.1));
    let without_edns = args.query.options_of_edns().filter(|_| args.query.is_without_edns());
    let without_edns = without_edns.map(|option| ("--no-edns", option));
    let pairs = [
        (args.tcp && args.no_tcp, ("--no-tcp", "--tcp")),
        (args.short && args.watch.is_some(), ("--short", "--watch")),
        (args.expect.is_some() && args.watch.is_some(), ("--expect", "--watch")),
        (args.short && args.ttl_units, ("--ttl-units", "--short")),
        (args.validate && args.query.is_without_edns(), ("--validate", "--no-edns")),
    ];
    let pairs = pairs.into_iter().filter_map(|(is_given, pair)| is_given.then_some(pair));
    with_trace.chain(without_edns).chain(pairs).next()
}

/// Returns the server among the words that is not queried over TCP although `--tcp` is given.
fn own_transport<'a>(args: &'a Args, request: &Request) -> Option<&'a str> {
    let is_other = |server: &DnsServerName| {
        let others = [DnsTransport::Udp, DnsTransport::Quic, DnsTransport::H3];
        server.transport.is_some_and(|transport| others.contains(&transport))
    };
    let words = args.words.iter().filter(|word| word.starts_with('@'));
    let mut servers = words.zip(&request.servers);
    let (word, _) = servers.find(|(_, server)| args.tcp && is_other(server))?;
    Some(word)
}

/// Returns, for options that need something else on the command line, whether it is missing, the
/// message, and the hint.
fn idle(args: &Args, request: &Request) -> [(bool, &'static str, &'static str); 15] {
    let Request { types, class, servers, .. } = request;
    let of_system = [RecordType::A, RecordType::AAAA, RecordType::PTR];
    let is_udp = |server: &DnsServerName| server.transport == Some(DnsTransport::Udp);
    let is_over_udp = |server: &DnsServerName| {
        server.transport.is_none_or(|transport| transport == DnsTransport::Udp)
    };
    let has_udp = servers.is_empty() || servers.iter().any(is_over_udp);
    let has_name = servers.iter().any(|server| matches!(server.host, Host::Name(_)));
    let looks_again = args.wait.is_some() || args.watch.is_some() || args.expect.is_some();
    let is_for_few = !args.has_input();
    let applies_to_file = "the names in a file, or on standard input: --file FILE or -";
    [
        (
            args.trace && !servers.is_empty(),
            "--trace begins at the root: it cannot be used with @SERVER",
            "omit @SERVER, or --root-hints FILE to begin elsewhere",
        ),
        (
            args.trace && *class != RecordClass::IN,
            "--trace applies only to the class IN",
            "omit --trace",
        ),
        (
            args.trace && types.contains(&RecordType::AXFR),
            "--trace does not apply to a zone transfer",
            "the type NS to find the servers of the zone, and the transfer from one of them",
        ),
        (
            args.no_tcp && types.contains(&RecordType::AXFR),
            "--no-tcp does not apply to a zone transfer, which needs TCP",
            "omit --no-tcp",
        ),
        (
            types.contains(&RecordType::AXFR) && servers.iter().any(is_udp),
            "a zone transfer is not possible over UDP",
            "@tcp://HOST",
        ),
        (args.no_tcp && !has_udp, "--no-tcp applies only to servers over UDP", "omit --no-tcp"),
        (
            args.system && !types.is_empty() && !types.iter().any(|it| of_system.contains(it)),
            "--system shows only addresses, and names of addresses",
            "the type A, AAAA or PTR, or omit --system",
        ),
        (
            args.system && *class != RecordClass::IN,
            "--system applies only to the class IN",
            "omit --system",
        ),
        (
            args.bootstrap.is_some() && !has_name,
            "--bootstrap resolves the names of servers, and no @SERVER has a name",
            "@tls://dns.example, or omit --bootstrap",
        ),
        (is_idle_port(args) && servers.is_empty(), "-p applies only to @SERVER", "@HOST:PORT"),
        (is_idle_port(args), "-p applies only to an @SERVER without a port", "omit -p"),
        (is_for_few && args.unordered, "--unordered applies only to --file", applies_to_file),
        (is_for_few && args.rate.is_some(), "--rate applies only to --file", applies_to_file),
        (
            is_for_few && args.concurrency.is_some(),
            "--concurrency applies only to --file",
            applies_to_file,
        ),
        (
            is_for_few && !looks_again && args.name_timeout.is_some(),
            "--name-timeout applies only to --file, --wait and --watch",
            "--timeout to limit the run",
        ),
    ]
}

/// Returns whether `-p` is given, but is the port of no server.
fn is_idle_port(args: &Args) -> bool {
    let is_own = |word: &String| {
        word.strip_prefix('@').is_none_or(|server| {
            DnsServerName::parse(server, args.port) == DnsServerName::parse(server, None)
        })
    };
    args.port.is_some() && !args.trace && args.words.iter().all(is_own)
}
