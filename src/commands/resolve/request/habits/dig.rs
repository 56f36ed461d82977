//! The `+` options of dig 9.18 and kdig 3.2, and what each means in sockkit.

/// What an option of dig means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DigEffect {
    /// These options of sockkit; without any, sockkit does that anyway.
    Own(&'static str),
    /// The form of dig's output, whatever the value is.
    Layout,
    /// The option of sockkit with the value, a number of this unit to which the last number is
    /// added. Without a value, other options, or an error.
    Number(&'static str, &'static str, Option<&'static str>, u32),
    /// The option of sockkit with the value as it is.
    Text(&'static str),
    /// What sockkit does anyway, without a value or with this one; why there is no other.
    Only(&'static str, &'static str),
    /// The transport with this scheme; the value is the path of a server over HTTP.
    Over(&'static str),
    /// The same, with the method GET.
    OverGet(&'static str),
    /// The option of sockkit with the value, if there is one, and an encrypted transport.
    Tls(&'static str),
    /// What sockkit does anyway, except in this case; what to type then.
    Unless(DigCase, &'static str),
    /// Nothing: why, and what to type instead.
    Not(&'static str, &'static str),
}

/// When an option of dig is not what sockkit does anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DigCase {
    /// The command line names a server.
    WithServer,
    /// The command line names no server.
    WithoutServer,
    /// The command line does not name exactly one server.
    NotOneServer,
    /// A name has letters beyond ASCII.
    WithInternationalName,
}

use DigCase::{NotOneServer, WithInternationalName, WithServer, WithoutServer};
use DigEffect::{Layout, Not, Number, Only, Over, OverGet, Own, Text, Tls, Unless};

/// An option as typed after `+`, with its meaning and that of its opposite.
pub(super) struct DigOption {
    /// The name, with `no` before it if that is the option.
    pub(super) name: String,
    /// What it means.
    pub(super) effect: DigEffect,
    /// What it means with `no`, or without.
    pub(super) opposite: DigEffect,
}

/// Returns the options whose names begin with `start`; only the one of that name if there is one.
pub(super) fn dig_options(start: &str) -> Vec<DigOption> {
    let (no, short) = start.strip_prefix("no").map_or(("", start), |short| ("no", short));
    let start = match SHORT_FORMS.iter().find(|known| known.0 == short) {
        Some((_, name)) => &format!("{no}{name}"),
        None => start,
    };
    let refused = REFUSED.iter().map(|(name, why, instead)| DigOption {
        name: (*name).to_owned(),
        effect: Not(why, instead),
        opposite: NOTHING,
    });
    let known = KNOWN.iter().flat_map(|(name, on, off)| {
        let on_and_off = [(String::new(), on, off), ("no".to_owned(), off, on)];
        on_and_off.map(|(no, effect, opposite)| DigOption {
            name: no + name,
            effect: *effect,
            opposite: *opposite,
        })
    });
    let not_refused = REFUSED.iter().filter(|option| !option.0.starts_with("no")).map(|option| {
        DigOption { name: format!("no{}", option.0), effect: NOTHING, opposite: NOTHING }
    });
    let mut found: Vec<DigOption> = Vec::new();
    for option in refused.chain(known).chain(not_refused) {
        if option.name.starts_with(start) && found.iter().all(|it| it.name != option.name) {
            found.push(option);
        }
    }
    match found.iter().position(|option| option.name == start) {
        Some(at) => vec![found.swap_remove(at)],
        None => found,
    }
}

const NOTHING: DigEffect = Own("");

const SEARCH: DigEffect = Unless(WithServer, "no @SERVER: then the search list applies");

const NO_SEARCH: DigEffect = Unless(WithoutServer, "a dot at the end of the name, as in `www.`");

const RAW_NAME: DigEffect =
    Unless(WithInternationalName, "the name with octets as \\195\\188, as the server has it");

const TIME: DigEffect = Number("seconds", "--timeout {}s", None, 0);

/// The options with a meaning: without `no`, and with it. Options that only change the form of
/// dig's output have no effect.
const KNOWN: &[(&str, DigEffect, DigEffect)] = &[
    ("adflag", Own("--ad"), NOTHING),
    ("alignment", Number("bytes", "--padding {}", Some("--padding 128"), 0), Own("--padding 0")),
    ("all", Layout, Layout),
    ("answer", NOTHING, NOTHING),
    ("badcookie", NOTHING, NOTHING),
    ("besteffort", NOTHING, NOTHING),
    ("bufsize", Number("bytes", "--bufsize {}", Some(""), 0), NOTHING),
    ("cdflag", Own("--cd"), NOTHING),
    ("class", Layout, Layout),
    ("cmd", Layout, Layout),
    ("comments", Layout, Layout),
    ("cookie", Own("--cookie"), NOTHING),
    ("crypto", Layout, Layout),
    ("defname", SEARCH, NO_SEARCH),
    ("dnssec", Own("--dnssec"), NOTHING),
    ("do", Own("--dnssec"), NOTHING),
    ("edns", Only("0", "it sends version 0"), Own("--no-edns")),
    ("ednsnegotiation", NOTHING, NOTHING),
    ("fail", Unless(NotOneServer, "one @SERVER: the others are queried if it fails"), NOTHING),
    ("header", Layout, Layout),
    ("https", Over("https"), NOTHING),
    ("https-get", OverGet("https"), NOTHING),
    ("https-post", Over("https"), NOTHING),
    ("idn", NOTHING, RAW_NAME),
    ("idnin", NOTHING, RAW_NAME),
    ("idnout", NOTHING, NOTHING),
    ("ignore", Own("--no-tcp"), NOTHING),
    ("multiline", Layout, Layout),
    ("nsid", Own("--nsid"), NOTHING),
    ("onesoa", NOTHING, NOTHING),
    ("opcode", Only("query", "it sends only queries"), NOTHING),
    ("opt", Layout, Layout),
    ("opttext", Layout, Layout),
    ("padding", Number("bytes", "--padding {}", Some(""), 0), Own("--padding 0")),
    ("question", Layout, Layout),
    ("quic", Over("quic"), NOTHING),
    ("rdflag", NOTHING, Own("--no-recurse")),
    ("recurse", NOTHING, Own("--no-recurse")),
    ("retry", Number("tries", "--tries {}", None, 1), Own("--tries 1")),
    ("search", SEARCH, NO_SEARCH),
    ("short", Own("--short"), NOTHING),
    ("split", Layout, Layout),
    ("stats", Layout, Layout),
    ("subnet", Text("--ecs"), NOTHING),
    ("tcp", Own("--tcp"), NOTHING),
    ("time", TIME, NOTHING),
    ("timeout", TIME, NOTHING),
    ("tls", Over("tls"), NOTHING),
    ("tls-ca", Tls("--ca"), NOTHING),
    ("tls-hostname", Tls("--servername"), NOTHING),
    ("tls-sni", Tls("--servername"), NOTHING),
    ("trace", Own("--trace"), NOTHING),
    ("tries", Number("tries", "--tries {}", None, 0), NOTHING),
    ("tsig", Layout, Layout),
    ("ttl", Layout, Layout),
    ("ttlid", Layout, Layout),
    ("ttlunits", Own("--ttl-units"), NOTHING),
    ("vc", Own("--tcp"), NOTHING),
];

/// The short forms that dig prefers to other options which begin with them.
const SHORT_FORMS: &[(&str, &str)] = &[
    ("ad", "adflag"),
    ("co", "coflag"),
    ("fa", "fail"),
    ("he", "header-only"),
    ("ht", "https"),
    ("i", "identify"),
    ("op", "opcode"),
    ("p", "padding"),
    ("qu", "question"),
];

const OMIT: &str = "omit it";

const IGNORED_FLAG: &str = "servers ignore this flag of a query";

const NO_CERTIFICATE: &str = "DNS servers get no client certificate";

const NO_PLAIN_HTTP: &str = "it uses HTTP only over TLS";

const OWN_FORM: &str = "it shows the data of known types in their own form";

/// The options without a counterpart: why, and what to type instead. Without those that begin with
/// `no`, each means what sockkit does anyway if `no` is before it.
const REFUSED: &[(&str, &str, &str)] = &[
    ("aaflag", IGNORED_FLAG, OMIT),
    ("aaonly", IGNORED_FLAG, OMIT),
    ("additional", "it shows only the records of the answer", "the names in it as arguments"),
    ("authority", "it shows only the records of the answer", "the type SOA or NS"),
    ("coflag", "it sets no flag of EDNS but DO", "--dnssec"),
    ("dns64prefix", "it derives no prefixes", "sockkit resolve ipv4only.arpa AAAA"),
    ("domain", "the domain is a setting", "LOCALDOMAIN={} sockkit resolve NAME"),
    ("dscp", "it does not mark packets", OMIT),
    ("ednsflags", "it sets no flag of EDNS but DO", "--dnssec"),
    ("ednsopt", "it sends no other options of EDNS", "--nsid, --cookie, --ecs or --padding"),
    ("expandaaaa", "it shows IPv6 addresses in their short form", OMIT),
    ("expire", "it does not ask for the rest of the time of a zone", "the type SOA"),
    ("fastopen", "it queries without TCP Fast Open", OMIT),
    ("fuzztime", "it does not sign queries (TSIG)", OMIT),
    ("generic", OWN_FORM, OMIT),
    ("header-only", "each of its queries has a question", OMIT),
    ("http-plain", NO_PLAIN_HTTP, "@https://HOST/PATH"),
    ("http-plain-get", NO_PLAIN_HTTP, "@https://HOST/PATH{?dns}"),
    ("http-plain-post", NO_PLAIN_HTTP, "@https://HOST/PATH"),
    ("identify", "a line of --short has only data", "--json: the field `server` is the server"),
    ("json", "the option has another form", "--json"),
    ("keepalive", "it does not ask for how long a connection stays open", OMIT),
    ("keepopen", "it keeps connections only for --file and --validate", "--file FILE"),
    ("ndots", "the number is a setting", "RES_OPTIONS=ndots:{} sockkit resolve NAME"),
    ("noanswer", "it shows only the records of the answer", "-q, and only the exit code"),
    ("nobadcookie", "it repeats a query with the server's cookie", OMIT),
    ("nobesteffort", "it shows the readable part of a malformed reply, and exits with 9", OMIT),
    ("noonesoa", "it shows a zone without the SOA record at its end", OMIT),
    (
        "nssearch",
        "it does not look for the servers of a zone",
        "sockkit resolve NAME NS, then: sockkit resolve NAME SOA --all @SERVER @SERVER",
    ),
    ("proxy", "it sends no PROXY header to DNS servers", OMIT),
    ("qid", "the id of each query is random", OMIT),
    ("qr", "it does not show queries", "-v for the status, flags, size and time of each reply"),
    ("raflag", IGNORED_FLAG, OMIT),
    ("rrcomments", "it shows no comments", "--validate for the tags of keys"),
    ("showbadcookie", "it shows only the last reply", OMIT),
    ("showsearch", "the names that were tried are details", "-v, without @SERVER"),
    ("sigchase", "the option has another form", "--validate"),
    ("tcflag", IGNORED_FLAG, OMIT),
    ("tls-certfile", NO_CERTIFICATE, OMIT),
    ("tls-keyfile", NO_CERTIFICATE, OMIT),
    ("tls-ocsp-stapling", "it does not ask for OCSP", OMIT),
    ("tls-pin", "the pin has another form", "--pin sha256:…, the hash of the certificate"),
    ("topdown", "the option has another form", "--validate"),
    ("trusted-key", "the option has another form", "--validate --trust-anchor FILE"),
    ("unknownformat", OWN_FORM, OMIT),
    ("yaml", "its formats are table, plain and JSON", "--json"),
    ("zflag", IGNORED_FLAG, OMIT),
];
