//! `resolve`: queries DNS servers and prints their answers.

mod bulk;
mod plan;
mod report;
mod request;
mod run;
mod trace;
mod validate;
mod watch;

use std::sync::Arc;

use crate::commands::resolve::plan::Plan;
pub(super) use crate::commands::resolve::request::args::Args;
pub(super) use crate::commands::resolve::request::habits::advice::advice;
use crate::commands::resolve::request::settings::{RunSettings, Strategy};
use crate::commands::resolve::request::{Request, conflicts, habits, servers, settings};
use crate::dns::exchange::ExchangeOptions;
use crate::dns::lookup::LookupSettings;
use crate::dns::machine::system;
use crate::dns::server::{DnsServer, DnsServerName, DnsTransport};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::address::endpoint::SourceAddress;
use crate::net::{Deadline, runtime};
use crate::options::dns::tls_client;
use crate::output::Output;
use crate::session::ending;

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let (args, request) = understood(args)?;
    if args.short && out.is_json() {
        let message = "--short prints data without JSON: it cannot be used with --json";
        return Err(Failure::new(Exit::Usage, message).hint("one of the two").into());
    }
    if args.ttl_units && !out.is_table() {
        let message = "--ttl-units applies only to tables: --json and --plain have TTLs in seconds";
        return Err(Failure::new(Exit::Usage, message).hint("omit --ttl-units").into());
    }
    if let Some(address) = request.address_as_server() {
        out.note(&format!("{address} is looked up; to query that server, write @{address}"));
    }
    let settings = run_settings(&args, &request, out)?;
    let _running = ending::end_if_blocked(out, settings.limit, None);
    let input = bulk::input(&args, &request)?;
    let watch = watch::WatchSettings::of(&args)?;
    let trace = trace::start(&args)?;
    let anchors = validate::anchors(&args, &request)?;
    let runtime = runtime::runtime()?;
    let outcome = runtime.block_on(async {
        let servers = match &trace {
            // A trace queries the servers that it finds.
            Some(_) => Vec::new(),
            None => servers::locate(&request, &settings, out).await?,
        };
        check_choice(&args, &servers, out)?;
        let source_port = settings.lookup.exchange.from.and_then(SourceAddress::port);
        let concurrency = match source_port {
            // Two sockets cannot have the same port.
            Some(_) => 1,
            None if input.is_some() => args.concurrency(),
            None => settings::CONCURRENCY,
        };
        let connections = settings.lookup.exchange.connections.clone();
        let Request { subjects, types, class, .. } = request;
        let plan = Plan::new(settings, servers, types, class, concurrency);
        let outcome = match (input, watch, trace, anchors) {
            (Some(input), ..) => bulk::run(input, plan.for_many(), out).await,
            (_, Some(watch), ..) => watch::run(subjects, watch, plan.into(), out).await,
            (_, _, Some(start), _) => trace::run(subjects, start, plan.into(), out).await,
            (.., Some(anchors)) => validate::run(subjects, anchors, plan.into(), out).await,
            _ => run::resolve(subjects, plan.into(), out).await,
        };
        if let Some(connections) = connections {
            connections.close().await;
        }
        outcome
    });
    // Does not wait for a thread that may still be blocked in the system's resolver.
    runtime.shutdown_background();
    outcome
}

/// Returns the arguments without the options of dig, and what they ask for.
///
/// # Errors
/// A word is invalid, or an option has no effect.
fn understood(args: &Args) -> Result<(Args, Request), Failure> {
    let args = habits::translate(args)?;
    let request = Request::parse(&args)?;
    conflicts::check(&args, &request)?;
    Ok((args, request))
}

/// Returns whether the command line `args` can be run, as far as that is known without reading a
/// file.
pub(super) fn is_sound(args: &Args) -> bool {
    let is_trace = args.trace || args.root_hints.is_none();
    let is_validation = args.validate || args.trust_anchor.is_none();
    understood(args).is_ok() && is_trace && is_validation
}

/// Checks that there are several servers if an option chooses among them.
///
/// # Errors
/// There is nothing to compare. The other options have the same result with one server, and a
/// script may have a variable number of servers.
fn check_choice(args: &Args, servers: &[DnsServer], out: Output) -> Result<(), Failure> {
    let [server] = servers else { return Ok(()) };
    if args.compare {
        let message = format!("--compare needs several servers: {server} is the only one");
        return Err(Failure::new(Exit::Usage, message).hint("@SERVER @SERVER"));
    }
    let options = [(args.all, "--all"), (args.fastest, "--fastest"), (args.random, "--random")];
    if let Some((_, option)) = options.iter().find(|option| option.0) {
        out.note(&format!("{option} has no effect: {server} is the only server"));
    }
    Ok(())
}

fn run_settings(args: &Args, request: &Request, out: Output) -> anyhow::Result<RunSettings> {
    let limit = if args.has_input() || args.watch.is_some() || args.wait.is_some() {
        // The limit of each name is another option.
        args.timeout.limit()?
    } else {
        args.timeout.limit_or(settings::DEFAULT_TIMEOUT)?
    };
    let system = system::settings();
    let by_machine = request.servers.is_empty();
    let tries = args.tries.or_else(|| by_machine.then_some(system.tries));
    let default = ExchangeOptions::default();
    let over_tcp = args.tcp || (by_machine && system.over_tcp);
    let transport = if over_tcp { DnsTransport::Tcp } else { DnsTransport::Udp };
    let is_encrypted =
        |server: &DnsServerName| server.transport.is_some_and(DnsTransport::is_encrypted);
    let (family, from) = args.source.settings()?;
    if args.fastest && from.is_some_and(|from| from.port().is_some()) {
        let message = "--fastest queries servers at once: it cannot be used with a port in --from";
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let tls = tls_client(&args.tls, request.servers.iter().any(is_encrypted))?;
    if args.tls.trusts_anyone() {
        out.warn("the server's certificate is not verified (--insecure)");
    }
    let has_many_queries = (args.has_input() || args.validate) && from.is_none();
    Ok(RunSettings {
        lookup: LookupSettings {
            exchange: ExchangeOptions {
                query: args.query.settings()?,
                tries: tries.unwrap_or(default.tries),
                tcp_after_truncation: !args.no_tcp,
                tls: tls.map(Arc::new),
                from,
                // An idle socket would keep a port of the user's choice.
                sockets: (args.has_input() && from.is_none()).then(Arc::default),
                connections: has_many_queries.then(Arc::default),
            },
            follow_aliases: !args.no_follow,
            // The C library limits each query, not the whole run.
            server_timeout: (by_machine && !args.timeout.is_given()?)
                .then(|| system.timeout * tries.unwrap_or(default.tries)),
        },
        transport,
        family,
        random_order: args.random || (by_machine && system.rotate),
        strategy: match (args.all || args.compare, args.fastest) {
            (true, _) => Strategy::Each,
            (_, true) => Strategy::Fastest,
            _ => Strategy::First,
        },
        trace: args.trace,
        compare: args.compare,
        by_machine,
        bootstrap: args.bootstrap.map(|server| server.0),
        with_system: args.system,
        ttl_units: args.ttl_units,
        short: args.short,
        limit,
        deadline: Deadline::maybe(limit),
        system,
    })
}
