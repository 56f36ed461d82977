//! The options of host, dig, kdig, drill, doggo, dog, q and nslookup that begin with a dash, and
//! what each means in sockkit.

use ToolEffect::{Env, More, Not, Words};

/// A DNS tool.
#[derive(Debug)]
pub(super) struct Tool {
    /// The name of its command.
    pub(super) name: &'static str,
    /// Its options, as in `-a`, `-t TYPE`, `--type TYPE` and `-type=`.
    pub(super) options: &'static [(&'static str, ToolEffect)],
    /// Whether the second argument is the server.
    pub(super) server_is_second: bool,
}

/// What an option of another tool means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToolEffect {
    /// These words, with `{}` for the value; without any, sockkit does that anyway.
    Words(&'static str),
    /// The same, with a number that is larger by 1.
    More(&'static str),
    /// This variable of the environment.
    Env(&'static str),
    /// Nothing: why, and what to do instead.
    Not(&'static str, &'static str),
}

const NO_SIGNATURE: ToolEffect =
    Not("it does not sign queries (TSIG)", "dig or kdig, for a server that requires signatures");

const NO_PACKET_FILE: ToolEffect =
    Not("it neither reads nor writes messages in files", "tcpdump or Wireshark");

const NO_MEMORY_FLAG: ToolEffect = Not("it does not trace its use of memory", "omit it");

const NO_QUERY_FLAG: ToolEffect = Not("servers ignore this flag of a query", "omit it");

const OWN_VERSION: ToolEffect = Not("the version is that of sockkit", "sockkit --version");

const ELSEWHERE: ToolEffect =
    Not("it queries only from this machine", "sockkit on the other machine, over ssh");

/// The types that `doggo --any` asks for.
const DOGGO_ANY: ToolEffect = Words("-t a,aaaa,cname,mx,ns,soa,srv,txt,caa");

/// The tools, the best known first.
pub(super) const TOOLS: &[Tool] = &[
    Tool { name: "dig", options: DIG, server_is_second: false },
    Tool { name: "host", options: HOST, server_is_second: true },
    Tool { name: "kdig", options: KDIG, server_is_second: false },
    Tool { name: "drill", options: DRILL, server_is_second: false },
    Tool { name: "doggo", options: DOGGO, server_is_second: false },
    Tool { name: "dog", options: DOG, server_is_second: false },
    Tool { name: "q", options: Q, server_is_second: false },
    Tool { name: "nslookup", options: NSLOOKUP, server_is_second: true },
    Tool { name: "other tools", options: OTHERS, server_is_second: false },
];

const DIG: &[(&str, ToolEffect)] = &[
    ("-4", Words("-4")),
    ("-6", Words("-6")),
    ("-b ADDR", Words("-b {}")),
    ("-c CLASS", Words("-c {}")),
    ("-f FILE", Words("-f {}")),
    ("-i", Words("")),
    ("-k FILE", NO_SIGNATURE),
    ("-m", NO_MEMORY_FLAG),
    ("-p PORT", Words("-p {}")),
    ("-q NAME", Words("{}")),
    ("-r", Words("")),
    ("-t TYPE", Words("-t {}")),
    ("-u", Words("-v")),
    ("-v", OWN_VERSION),
    ("-x ADDR", Words("-x {}")),
    ("-y KEY", NO_SIGNATURE),
];

const HOST: &[(&str, ToolEffect)] = &[
    ("-4", Words("-4")),
    ("-6", Words("-6")),
    ("-a", Words("-v -t ANY")),
    ("-A", Words("-v -t ANY")),
    ("-c CLASS", Words("-c {}")),
    (
        "-C",
        Not(
            "it does not look for the servers of a zone",
            "sockkit resolve NAME NS, then: sockkit resolve NAME SOA --compare @SERVER @SERVER",
        ),
    ),
    ("-d", Words("-v")),
    ("-i", Words("")),
    ("-l", Words("--axfr")),
    ("-la", Words("--axfr")),
    ("-al", Words("--axfr")),
    ("-m FLAG", NO_MEMORY_FLAG),
    ("-N NDOTS", Env("RES_OPTIONS=ndots:{}")),
    ("-p PORT", Words("-p {}")),
    ("-r", Words("--no-recurse")),
    ("-R N", More("--tries {}")),
    ("-s", Not("it queries the next server after SERVFAIL", "one @SERVER")),
    ("-t TYPE", Words("-t {}")),
    ("-T", Words("--tcp")),
    ("-U", Words("")),
    ("-v", Words("-v")),
    ("-V", OWN_VERSION),
    ("-w", Words("--timeout 1h")),
    ("-W N", Words("--timeout {}s")),
];

const KDIG: &[(&str, ToolEffect)] = &[
    ("-4", Words("-4")),
    ("-6", Words("-6")),
    ("-b ADDR", Words("-b {}")),
    ("-c CLASS", Words("-c {}")),
    ("-d", Words("-v")),
    ("-E FILE", NO_PACKET_FILE),
    ("-G FILE", NO_PACKET_FILE),
    ("-k FILE", NO_SIGNATURE),
    ("-p PORT", Words("-p {}")),
    ("-q NAME", Words("{}")),
    ("-t TYPE", Words("-t {}")),
    ("-V", OWN_VERSION),
    ("-x ADDR", Words("-x {}")),
    ("-y KEY", NO_SIGNATURE),
];

const DRILL: &[(&str, ToolEffect)] = &[
    ("-4", Words("-4")),
    ("-6", Words("-6")),
    ("-a", Words("")),
    ("-b BYTES", Words("--bufsize {}")),
    ("-c FILE", Not("it reads only /etc/resolv.conf", "@SERVER")),
    ("-d DOMAIN", Not("a trace begins at the root", "--trace --root-hints FILE")),
    ("-D", Words("--dnssec")),
    ("-f FILE", NO_PACKET_FILE),
    ("-i FILE", NO_PACKET_FILE),
    ("-I ADDR", Words("--from {}")),
    ("-k FILE", Words("--validate --trust-anchor {}")),
    ("-o FLAGS", Not("each flag has an option", "--cd, --ad or --no-recurse")),
    ("-p PORT", Words("-p {}")),
    ("-q FILE", NO_PACKET_FILE),
    ("-Q", Words("-q")),
    ("-r FILE", Words("--root-hints {}")),
    ("-s", Not("it computes no DS records", "the type DS")),
    ("-S", Words("--validate")),
    ("-t", Words("--tcp")),
    ("-T", Words("--trace")),
    ("-u", Words("")),
    ("-v", OWN_VERSION),
    ("-V LEVEL", Words("-v")),
    ("-w FILE", NO_PACKET_FILE),
    ("-x", Words("")),
    ("-y KEY", NO_SIGNATURE),
    ("-z", Words("")),
];

const DOGGO: &[(&str, ToolEffect)] = &[
    ("-4", Words("-4")),
    ("-6", Words("-6")),
    ("-A", Words("--trace")),
    ("-c CLASS", Words("-c {}")),
    ("-J", Words("--json")),
    ("-n ADDR", Words("@{}")),
    ("-q NAME", Words("{}")),
    ("-t TYPE", Words("-t {}")),
    ("-x", Words("")),
    ("--aa", NO_QUERY_FLAG),
    ("--any", DOGGO_ANY),
    ("--authoritative", Words("--trace")),
    ("--color", Words("")),
    ("--color=false", Words("--color never")),
    ("--color=true", Words("--color auto")),
    ("--config FILE", Not("it has no file of settings", "an alias of the shell")),
    ("--debug", Words("-v")),
    ("--do", Words("--dnssec")),
    ("--ede", Words("")),
    ("--gp-from PLACE", ELSEWHERE),
    ("--gp-limit N", ELSEWHERE),
    ("--http3", Not("the transport is part of the server", "@h3://HOST/PATH")),
    ("--ipv4", Words("-4")),
    ("--ipv6", Words("-6")),
    ("--nameserver ADDR", Words("@{}")),
    ("--ndots N", Env("RES_OPTIONS=ndots:{}")),
    ("--padding", Words("--padding 128")),
    ("--query NAME", Words("{}")),
    ("--rd", Words("")),
    ("--rd=false", Words("--no-recurse")),
    ("--reverse", Words("")),
    ("--search", Words("")),
    ("--search=false", Not("short names are searched", "a dot at the end of the name: `www.`")),
    ("--search=true", Words("")),
    ("--skip-hostname-verification", Words("--insecure")),
    ("--strategy=first", Words("")),
    ("--strategy=internal", Not("it does not choose servers by network", "@SERVER")),
    ("--strategy all|random", Words("--{}")),
    ("--time", Words("-v")),
    ("--tls-hostname NAME", Words("--servername {}")),
    ("--version", OWN_VERSION),
    ("--z", NO_QUERY_FLAG),
];

const DOG: &[(&str, ToolEffect)] = &[
    ("-1", Words("--short")),
    ("-H", Words("+https")),
    ("-J", Words("--json")),
    ("-n ADDR", Words("@{}")),
    ("-q NAME", Words("{}")),
    ("-S", Words("+tls")),
    ("-t TYPE", Words("-t {}")),
    ("-T", Words("--tcp")),
    ("-U", Words("")),
    ("-Z FLAG", Not("each flag has an option", "--cd, --ad, --no-recurse or --bufsize")),
    ("--edns MODE", Not("it sends EDNS unless told otherwise", "--no-edns")),
    ("--nameserver ADDR", Words("@{}")),
    ("--query NAME", Words("{}")),
    ("--seconds", Words("")),
    ("--time", Words("-v")),
    ("--txid N", Not("the id of each query is random", "omit it")),
    ("--udp", Words("")),
];

const Q: &[(&str, ToolEffect)] = &[
    ("--http3", Not("the transport is part of the server", "@h3://HOST/PATH")),
    ("--qname NAME", Words("{}")),
    ("--server ADDR", Words("@{}")),
    ("--tls-insecure-skip-verify", Words("--insecure")),
    ("--types TYPE", Words("-t {}")),
];

const NSLOOKUP: &[(&str, ToolEffect)] = &[
    ("-class=", Words("-c {}")),
    ("-debug", Words("-v")),
    ("-domain=", Env("LOCALDOMAIN={}")),
    ("-norecurse", Words("--no-recurse")),
    ("-port=", Words("-p {}")),
    ("-q=", Words("-t {}")),
    ("-query=", Words("-t {}")),
    ("-querytype=", Words("-t {}")),
    ("-retry=", More("--tries {}")),
    ("-timeout=", Words("--timeout {}s")),
    ("-ty=", Words("-t {}")),
    ("-type=", Words("-t {}")),
    ("-vc", Words("--tcp")),
];

/// Options that users expect because other options of this kind exist. With two dashes before it,
/// an option of dig and a record type are such options, too.
const OTHERS: &[(&str, ToolEffect)] = &[
    ("--dns ADDR", Words("@{}")),
    ("--doh", Words("+https")),
    ("--domain NAME", Words("{}")),
    ("--doq", Words("+quic")),
    ("--dot", Words("+tls")),
    ("--host NAME", Words("{}")),
    ("--name NAME", Words("{}")),
    ("--output FORMAT", Words("--format {}")),
    ("--port PORT", Words("-p {}")),
    ("--resolver ADDR", Words("@{}")),
    ("--retries N", More("--tries {}")),
    ("--retry N", More("--tries {}")),
];

impl Tool {
    /// Returns whether the tool stands for all others.
    pub(super) fn is_any(&self) -> bool {
        self.options == OTHERS
    }

    /// Returns the option that `typed` is: with the value after `=`, or with the word `next`.
    pub(super) fn find<'a>(
        &self,
        typed: &'a str,
        next: Option<&'a str>,
    ) -> Option<TypedOption<'a>> {
        let option =
            |&(option, effect), value, uses_next| TypedOption { option, effect, value, uses_next };
        let (name, value) = match typed.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (typed, None),
        };
        let joined = next.map(|next| format!("{typed}={next}"));
        let is_fixed = |known: &&(&str, ToolEffect)| known.0 == typed;
        let is_joined = |known: &&(&str, ToolEffect)| Some(known.0) == joined.as_deref();
        let has_value = |known: &&(&str, ToolEffect)| {
            let long = known.0.split_once(' ').is_some_and(|(known, _)| known == name);
            long || (value.is_some() && known.0.strip_suffix('=') == Some(name))
        };
        let options = || self.options.iter();
        if let Some(known) = options().find(is_fixed) {
            Some(option(known, Some(""), false))
        } else if let Some(known) = options().find(is_joined) {
            Some(option(known, Some(""), true))
        } else {
            let known = options().find(has_value)?;
            Some(option(known, value.or(next), value.is_none()))
        }
    }
}

/// An option of a tool as it is typed.
pub(super) struct TypedOption<'a> {
    /// The option as in the list of the tool.
    pub(super) option: &'static str,
    /// What it means.
    pub(super) effect: ToolEffect,
    /// Its value; empty if it has none, `None` if it is missing.
    pub(super) value: Option<&'a str>,
    /// Whether the next word is the value.
    pub(super) uses_next: bool,
}

/// Returns the name of an option without its value.
pub(super) fn option_name(option: &str) -> &str {
    option.split([' ', '=']).next().unwrap_or(option)
}
