//! Options that have no effect together with the rest of the command line, or contradict it.

use super::resolve;
use crate::support::peers::dns_server::{DnsServer, a};
use crate::support::{Sockkit, sockkit};

#[test]
fn an_option_without_an_effect_is_a_usage_error_that_says_why() {
    for (line, reason) in [
        ("@udp://127.0.0.1:9 --tcp", "--tcp: @udp://127.0.0.1:9 has a transport of its own"),
        ("@tcp://127.0.0.1:9 --no-tcp", "--no-tcp applies only to servers over UDP"),
        ("axfr @127.0.0.1:9 --no-tcp", "--no-tcp does not apply to a zone transfer"),
        ("axfr @udp://127.0.0.1:9", "a zone transfer is not possible over UDP"),
        (
            "@127.0.0.1:9 --compare",
            "--compare needs several servers: udp://127.0.0.1:9 is the only one",
        ),
        ("@127.0.0.1:9 --concurrency=2", "--concurrency applies only to --file"),
        ("@127.0.0.1:9 --rate=2", "--rate applies only to --file"),
        ("@127.0.0.1:9 --unordered", "--unordered applies only to --file"),
        (
            "@127.0.0.1:9 --name-timeout=2s",
            "--name-timeout applies only to --file, --wait and --watch",
        ),
        ("mx --system", "--system shows only addresses, and names of addresses"),
        ("--system --class=CH", "--system applies only to the class IN"),
        ("@127.0.0.1:9 --bootstrap=127.0.0.1", "no @SERVER has a name"),
        ("--bootstrap=127.0.0.1", "no @SERVER has a name"),
        ("-p 53", "-p applies only to @SERVER"),
        ("-p 53 @127.0.0.1:9", "-p applies only to an @SERVER without a port"),
        ("@127.0.0.1:9 --ttl-units --short", "--ttl-units cannot be used with --short"),
        ("@127.0.0.1:9 --ttl-units --json", "--ttl-units applies only to tables"),
        ("@127.0.0.1:9 --ttl-units --plain", "--ttl-units applies only to tables"),
        ("--trace --no-follow", "--trace cannot be used with --no-follow"),
        ("--trace --class=CH", "--trace applies only to the class IN"),
        ("--trace axfr", "--trace does not apply to a zone transfer"),
        ("--watch=1s --expect=192.0.2.1", "--expect cannot be used with --watch"),
        ("--trace --random", "--trace cannot be used with --random"),
    ] {
        let ran = sockkit(&format!("resolve t.example {line}")).run().code(2);
        assert_eq!(ran.out(), "", "{line}");
        assert!(ran.stderr.contains(reason), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains("try: ") || ran.stderr.contains("hint"), "{line}");
    }
}

#[test]
fn options_of_dig_contradict_options_of_sockkit_as_these_contradict_each_other() {
    for (line, reason) in [
        ("--tcp +ignore", "--no-tcp cannot be used with --tcp"),
        ("+noedns --nsid", "--no-edns cannot be used with --nsid"),
        ("--no-edns +do", "--no-edns cannot be used with --dnssec"),
        ("--validate +noedns", "--validate cannot be used with --no-edns"),
        ("+trace --compare", "--trace cannot be used with --compare"),
        ("+trace --validate", "--trace cannot be used with --validate"),
        ("+trace --expect=1", "--trace cannot be used with --expect"),
        ("+short --watch=1s", "--short cannot be used with --watch"),
    ] {
        let ran = sockkit(&format!("resolve t.example {line}")).run().code(2);
        assert!(ran.stderr.contains(reason), "{line}: {}", ran.stderr);
    }
}

#[test]
fn a_choice_among_servers_has_a_note_if_there_is_only_one() {
    let server = DnsServer::with_records(vec![a("t.example.", [192, 0, 2, 1])]);
    for option in ["--all", "--fastest", "--random"] {
        let run = resolve(["--short", "t.example", "a", option, &server.argument()]);
        assert_eq!((run.code, run.stdout.as_str()), (0, "192.0.2.1\n"), "{}", run.stderr);
        let address = server.addr;
        let note = format!("note: {option} has no effect: udp://{address} is the only server\n");
        assert_eq!(run.stderr, note);
    }
}

#[test]
fn an_option_that_does_not_fit_many_names_suggests_what_fits() {
    for (option, hint) in [
        ("--all", "the names as arguments"),
        ("--compare", "the names as arguments"),
        ("--system", "the names as arguments"),
        ("--short", "--plain"),
    ] {
        let run = resolve(["-", option, "@127.0.0.1:9"]);
        assert_eq!(run.code, 2, "{option}");
        run.assert_stderr_contains(&format!("{option} cannot be used with names from a file"));
        run.assert_stderr_contains(&format!("try: {hint}\n"));
    }
}

#[test]
fn an_option_for_many_names_applies_to_standard_input() {
    let server = DnsServer::with_records(vec![a("t.example.", [192, 0, 2, 1])]);
    let options = ["--concurrency=2", "--rate=100", "--unordered", "--name-timeout=4s"];
    let words = ["resolve", "-", "a"].into_iter().chain(options);
    let ran = Sockkit::new(words).arg(server.argument()).stdin("t.example\n").run().code(0);
    assert!(ran.out().contains("192.0.2.1"), "{}", ran.out());
}
