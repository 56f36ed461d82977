//! Tests of the options of dig and kdig.

use std::ffi::OsString;

use clap::Parser as _;

use super::*;
use crate::commands::resolve::request::habits::advice::advice;
use crate::commands::resolve::request::habits::tools::TOOLS;
use crate::failure::explain;

#[derive(clap::Parser)]
struct CommandLine {
    #[command(flatten)]
    args: Args,
}

fn parse(line: &str) -> Args {
    CommandLine::try_parse_from(std::iter::once("resolve").chain(line.split(' '))).unwrap().args
}

/// Returns the arguments after the translation, or the message and the hint of the error.
fn translated(line: &str) -> Result<String, (String, String)> {
    translate(&parse(line)).map(|args| format!("{args:?}")).map_err(|failure| {
        let report = explain(&failure.into()).1.unwrap();
        (report.message, report.hint.unwrap_or_default())
    })
}

#[track_caller]
fn assert_means(line: &str, own: &str) {
    assert_eq!(translated(line), Ok(format!("{:?}", parse(own))), "{line}");
}

#[track_caller]
fn assert_refused(line: &str, message: &str, hint: &str) {
    assert_eq!(translated(line), Err((message.to_owned(), hint.to_owned())), "{line}");
}

/// The options in the manual of dig 9.18, in the form of its list.
const DIG_MANUAL: &str = "aaflag noaaflag aaonly noaaonly additional noadditional adflag noadflag \
    all noall answer noanswer authority noauthority badcookie nobadcookie besteffort nobesteffort \
    bufsize bufsize=4096 cd cdflag nocdflag class noclass cmd nocmd coflag co nocoflag noco \
    comments nocomments cookie cookie=0123456789abcdef nocookie crypto nocrypto defname nodefname \
    dns64prefix nodns64prefix dnssec do nodnssec nodo domain=ita.br dscp=10 edns edns=0 edns=1 \
    noedns ednsflags=64 noednsflags ednsnegotiation noednsnegotiation ednsopt=10 ednsopt=10:00 \
    noednsopt expire noexpire fail nofail fuzztime fuzztime=1 nofuzztime header-only \
    noheader-only https https=/x nohttps https-get https-get=/x nohttps-get https-post \
    https-post=/x nohttps-post http-plain http-plain=/x nohttp-plain http-plain-get \
    nohttp-plain-get http-plain-post nohttp-plain-post identify noidentify idnin noidnin idnout \
    noidnout ignore noignore keepalive nokeepalive keepopen nokeepopen multiline nomultiline \
    ndots=2 nsid nonsid nssearch nonssearch onesoa noonesoa opcode=query opcode=notify noopcode \
    padding=128 qid=1 qr noqr question noquestion raflag noraflag rdflag nordflag recurse \
    norecurse retry=2 rrcomments norrcomments search nosearch short noshort showbadcookie \
    noshowbadcookie showsearch noshowsearch sigchase nosigchase split=4 nosplit stats nostats \
    subnet=192.0.2.0/24 subnet=0 nosubnet tcflag notcflag tcp notcp time=2 timeout=2 tls notls \
    tls-ca tls-ca=ca.pem notls-ca tls-certfile=c tls-keyfile=k notls-certfile notls-keyfile \
    tls-hostname=ns.ita.br notls-hostname topdown notopdown trace notrace tries=2 trusted-key=f \
    ttlid nottlid ttlunits nottlunits unknownformat nounknownformat vc novc yaml noyaml zflag \
    nozflag";

/// The shortest forms that dig 9.18 accepts.
const DIG_SHORT: &str = "aa ad an aut badc be bu cd cl cm co com coo cr de dns6 do doma ds ednsf \
    ednsn ednso expi fa fu he ht i idni idno ig keepa keepo mu nd nsi nss on op p qi qu ra rd rec \
    ret rr se shor showb shows si sp st su tcf ti to tra tri ttlu unk v y z";

/// The options in the manual of kdig 3.2 that dig does not have, or has in another form.
const KDIG_MANUAL: &str = "generic nogeneric header noheader opt noopt opttext noopttext tsig \
    notsig ttl nottl fastopen nofastopen tls-pin=x notls-pin tls-sni=ns.ita.br notls-sni \
    tls-ocsp-stapling tls-ocsp-stapling=1 notls-ocsp-stapling https=dns.example/x quic noquic \
    padding nopadding alignment alignment=64 noalignment noretry noednsopt proxy=::1-::1 noproxy \
    json nojson noidn";

#[test]
fn each_option_of_the_manuals_is_accepted_or_refused_with_what_to_type() {
    for option in DIG_MANUAL.split_whitespace().chain(KDIG_MANUAL.split_whitespace()) {
        for server in [" @ns.ita.br", ""] {
            let line = format!("ita.br +{option}{server}");
            if let Err((message, hint)) = translated(&line) {
                assert!(message.contains(&format!("+{option}")), "{line}: {message}");
                assert!(!hint.is_empty() && !hint.contains("--help"), "{line}: {message}: {hint}");
            }
        }
    }
    for option in DIG_SHORT.split_whitespace() {
        for no in ["", "no"] {
            assert!(find("", &format!("{no}{option}")).is_ok(), "+{no}{option}");
        }
    }
}

#[test]
fn the_options_of_dig_become_those_of_sockkit() {
    for (options, own) in [
        ("+noall +answer +nocomm +nocmd +nostat +multi +split=4 +nocrypto +ttlid", ""),
        ("+edns=0 +opcode=QUERY +recurse +rdflag +idnout +nofail +badcookie +onesoa", ""),
        ("+shor", " --short"),
        ("+vc", " --tcp"),
        ("+ignore", " --no-tcp"),
        ("+cd +ad +do +nsid +cook", " --cd --ad --dnssec --nsid --cookie"),
        ("+norec", " --no-recurse"),
        ("+nordflag +recurse", ""),
        ("+short +noshort +tcp +notcp +cookie +nocookie", ""),
        ("+edns +noedns", " --no-edns"),
        ("+noedns +edns", ""),
        ("+time=2 +retry=2", " --timeout 2s --tries 3"),
        ("+time=0 +tries=0", " --timeout 1s --tries 1"),
        ("+retry=0", " --tries 1"),
        ("+tim=2 +noretry", " --timeout 2s --tries 1"),
        ("+bufsize +bufs=4096 +subnet=0", " --bufsize 4096 --ecs 0"),
        ("+padding=256", " --padding 256"),
        ("+alignment", " --padding 128"),
        ("+nopadding", " --padding 0"),
        ("+SHORT +ttlunits", " --short --ttl-units"),
    ] {
        let line = |options: &str| format!("ita.br{options}");
        assert_means(&line(&format!(" {options}")), &line(own));
    }
}

#[test]
fn an_option_of_dig_chooses_the_transport_of_the_servers() {
    for (options, own) in [
        ("@::1 +tls", "@tls://::1"),
        ("+quic @ns.ita.br:8853", "@quic://ns.ita.br:8853"),
        ("+https @ns.ita.br", "@https://ns.ita.br"),
        ("+https=/q @ns.ita.br", "@https://ns.ita.br/q"),
        ("+https-get @ns.ita.br", "@https://ns.ita.br/dns-query{?dns}"),
        ("+tls @tls://::1 @::2", "@tls://::1 @tls://::2"),
        ("+tls +notls @::1", "@::1"),
        ("+tls-ca=c +tls-hostname=n @::1", "@tls://::1 --ca c --servername n"),
        ("+tls-ca +https @::1", "@https://::1"),
    ] {
        assert_means(&format!("ita.br {options}"), &format!("ita.br {own}"));
    }
    for (options, message, hint) in [
        ("+tls", "+tls needs a server", "@tls://HOST"),
        ("+https-get", "+https-get needs a server", "@https://HOST/dns-query{?dns}"),
        ("+tls @tcp://::1", "+tls: @tcp://::1 has a transport of its own", "one of the two"),
        (
            "+https=dns.example/q @::1",
            "+https=dns.example/q: the host is that of @SERVER",
            "@https://dns.example/q",
        ),
    ] {
        assert_refused(&format!("ita.br {options}"), message, hint);
    }
}

#[test]
fn an_option_of_dig_without_a_counterpart_is_refused_with_the_reason() {
    for (options, message, hint) in [
        ("+qid=7", "sockkit has no +qid=7: the id of each query is random", "omit it"),
        ("+edns=1", "sockkit has no +edns=1: it sends version 0", "omit it"),
        (
            "+ndots=2",
            "sockkit has no +ndots=2: the number is a setting",
            "RES_OPTIONS=ndots:2 sockkit resolve NAME",
        ),
        ("+bufsize=x", "+bufsize=x: \"x\" is not a number of bytes", "+bufsize=1232"),
        ("+json", "sockkit has no +json: the option has another form", "--json"),
        (
            "+search @::1",
            "sockkit has no +search: with @SERVER, names are queried as they are",
            "no @SERVER: then the search list applies",
        ),
        (
            "+nosearch",
            "sockkit has no +nosearch: without @SERVER, short names are searched",
            "a dot at the end of the name, as in `www.`",
        ),
        ("+time=x", "+time=x: \"x\" is not a number of seconds", "+time=3"),
        ("+short=1", "+short=1: the option has no value", "+short"),
        (
            "+no",
            "+no is short for several options of dig",
            "the whole name, such as +noanswer or +nobadcookie or +nobesteffort or +noonesoa",
        ),
        (
            "+mx",
            "+mx is not an option that sockkit knows from dig",
            "sockkit resolve --help, or `+mx.` to look up that name",
        ),
    ] {
        assert_refused(&format!("ita.br {options}"), message, hint);
    }
    assert_means("ita.br +search", "ita.br");
    assert_means("ita.br +nosearch @::1", "ita.br @::1");
    assert!(translated("bücher.example +noidnin").is_err());
    assert_means("ita.br +noidnin +noidnout", "ita.br");
}

#[test]
fn each_option_of_the_other_tools_is_that_of_sockkit_or_has_advice() {
    for tool in TOOLS {
        for (option, _) in tool.options {
            let (name, value) = option.split_once(' ').unwrap_or((option, ""));
            let typed = if name.ends_with('=') { format!("{name}7") } else { name.to_owned() };
            let value = value.replace(char::is_uppercase, "7");
            let words = ["sockkit", "resolve", &typed, &value, "t.example"].map(OsString::from);
            let words: Vec<OsString> = words.into_iter().filter(|word| !word.is_empty()).collect();
            let unknown = typed.split('=').next();
            let found = advice(&words, 2, unknown, "", &|_| true).map(|failure| {
                let report = explain(&failure.into()).1.unwrap();
                (report.message, report.hint.unwrap_or_default())
            });
            let own = ["-4", "-6", "-b", "-c", "-f", "-p", "-t", "-v", "-x"];
            if own.contains(&name) {
                continue;
            }
            let (message, hint) = found.unwrap_or_default();
            assert!(message.contains(unknown.unwrap()), "{} {option}: {message}", tool.name);
            assert!(!hint.is_empty() && !hint.contains("{}"), "{} {option}: {hint}", tool.name);
        }
    }
}
