//! `--validate`: a tree of signed zones on loopback, and what can be wrong with it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use expect_test::expect;
use hickory_proto::dnssec::Algorithm;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinEncodable as _, BinEncoder};
use serde_json::{Value, json};

use super::{Run, resolve};
use crate::json_doc;
use crate::support::peers::dns_server::{DnsServer, Query, a, cname, ns, raw, wire};
use crate::support::peers::signed_zones::{Denial, Zone, ZoneKey, Zones, name};
use crate::support::{Sockkit, skip};

const NSEC3: Denial = Denial::Nsec3 { iterations: 0, opt_out: false };
const OPT_OUT: Denial = Denial::Nsec3 { iterations: 0, opt_out: true };

/// A signed root with the signed zones `test.` (NSEC), `hashed.` (NSEC3) and `optout.` (NSEC3 with
/// Opt-Out), and the unsigned zone `plain.`; `unsigned.` zones below the signed ones.
fn tree() -> Zones {
    let dname = raw("d.test.", 39, b"\x06hashed\0");
    let zone = |origin: &str, denial| {
        let under = |label: &str| format!("{label}.{origin}");
        Zone::new(origin, Some(ZoneKey::new()), denial).with([
            a(&under("www"), [192, 0, 2, 1]),
            a(&under("www"), [192, 0, 2, 2]),
            a(&under("*.wild"), [192, 0, 2, 3]),
            a(&under("a.b"), [192, 0, 2, 4]),
            ns(&under("unsigned"), "ns.test."),
        ])
    };
    let aliases = [
        cname("alias.test.", "WWW.hashed."),
        cname("out.test.", "www.plain."),
        cname("gone.test.", "no.hashed."),
        dname,
    ];
    let zones = vec![
        zone("test.", Denial::Nsec).with(aliases),
        zone("hashed.", NSEC3),
        zone("optout.", OPT_OUT),
    ];
    let mut root = Zone::new(".", Some(ZoneKey::new()), Denial::Nsec);
    for zone in &zones {
        let origin = zone.origin.to_ascii();
        root = root.with([ns(&origin, "ns.test."), zone.key.as_ref().unwrap().ds(&origin)]);
    }
    let mut all = vec![root.with([ns("plain.", "ns.test.")])];
    for origin in ["plain.", "unsigned.test.", "unsigned.hashed.", "unsigned.optout."] {
        let www = a(&format!("www.{origin}"), [192, 0, 2, 9]);
        all.push(Zone::new(origin, None, Denial::Nsec).with([www]));
    }
    all.extend(zones);
    Zones(all)
}

/// Questions about the tree, the exit code, the verdict, and the cause if it is not secure.
const SOUND: [(&str, &str, i32, &str, Option<&str>); 34] = [
    ("www.test", "a", 0, "secure", None),
    ("www.hashed", "a", 0, "secure", None),
    ("www.optout", "a", 0, "secure", None),
    ("test", "soa", 0, "secure", None),
    ("test", "dnskey", 0, "secure", None),
    ("test", "ds", 0, "secure", None),
    (".", "ns", 0, "secure", None),
    ("www.test", "any", 0, "secure", None),
    ("www.test", "txt", 1, "secure", None),
    ("www.hashed", "txt", 1, "secure", None),
    ("b.test", "txt", 1, "secure", None),
    ("b.hashed", "txt", 1, "secure", None),
    ("no.test", "a", 1, "secure", None),
    ("no.www.test", "a", 1, "secure", None),
    ("zzz.test", "a", 1, "secure", None),
    ("no.hashed", "a", 1, "secure", None),
    ("x.no.hashed", "a", 1, "secure", None),
    ("none", "a", 1, "secure", None),
    ("x.wild.test", "a", 0, "secure", None),
    ("x.y.wild.test", "a", 0, "secure", None),
    ("x.wild.hashed", "a", 0, "secure", None),
    ("x.wild.test", "txt", 1, "secure", None),
    ("x.wild.hashed", "txt", 1, "secure", None),
    ("alias.test", "a", 0, "secure", None),
    ("gone.test", "a", 1, "secure", None),
    ("www.d.test", "a", 0, "secure", None),
    ("unsigned.test", "ds", 1, "secure", None),
    ("www.plain", "a", 0, "insecure", Some("unsigned_delegation")),
    ("no.plain", "a", 1, "insecure", Some("unsigned_delegation")),
    ("www.unsigned.test", "a", 0, "insecure", Some("unsigned_delegation")),
    ("www.unsigned.hashed", "a", 0, "insecure", Some("unsigned_delegation")),
    ("www.unsigned.optout", "a", 0, "insecure", Some("opt_out")),
    ("no.optout", "a", 1, "insecure", Some("opt_out")),
    ("out.test", "a", 0, "insecure", Some("unsigned_delegation")),
];

/// Runs `--validate` with these words, a server and its trust anchor.
fn validate(words: &[&str], server: &DnsServer, anchor: &str) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("anchor");
    fs::write(&file, anchor).unwrap();
    let anchor = format!("--trust-anchor={}", file.display());
    let server = server.argument();
    let all = ["resolve", "--validate", &anchor, &server];
    let ran = Sockkit::new(all.iter().chain(words)).run();
    Run { code: ran.code, stdout: ran.out(), stderr: ran.stderr }
}

/// The validation of a name and type, after a check of the exit code.
#[track_caller]
fn verdict(words: &[&str], server: &DnsServer, anchor: &str, code: i32) -> Value {
    let all: Vec<&str> = [&["--json"], words].concat();
    let run = validate(&all, server, anchor);
    assert_eq!(run.code, code, "{words:?}: {} {}", run.stdout, run.stderr);
    run.json()[0].clone()
}

/// Serves the tree after `change`, with replies that `tamper` changes, and expects of
/// `www.test. A` this verdict, cause and exit code, and the words in the reason.
#[track_caller]
fn broken(
    change: impl Fn(&mut Zones),
    tamper: impl Fn(&Query, &mut Message) + Send + Sync + 'static,
    expected: (&str, &str, i32),
    words: &str,
) {
    let mut zones = tree();
    let anchor = zones.anchor(".");
    change(&mut zones);
    let server = zones.serve_with(Box::new(tamper));
    let (security, cause, code) = expected;
    let verdict = verdict(&["www.test", "a"], &server, &anchor, code);
    assert_eq!((&verdict["security"], &verdict["cause"]), (&json!(security), &json!(cause)));
    let reason = verdict["reason"].as_str().unwrap();
    assert!(reason.contains(words), "{reason}");
}

fn untouched(_: &Query, _: &mut Message) {}

fn unchanged(_: &mut Zones) {}

#[test]
fn r60_signed_answers_are_secure_with_the_chain_as_evidence() {
    let mut zones = tree();
    let anchor = zones.anchor(".");
    let server = zones.serve_with(Box::new(|query, _| {
        let Message { metadata, edns, .. } = &query.message;
        assert!(metadata.checking_disabled, "CD");
        assert!(edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok), "DO");
    }));
    let run = validate(&["--json", "www.test", "a"], &server, &anchor);
    assert_eq!(run.code, 0, "{} {}", run.stdout, run.stderr);
    let lines = run.json();
    let verdict = &lines[0];
    assert_eq!((&verdict["type"], &verdict["security"]), (&json!("validation"), &json!("secure")));
    let zones: Vec<&Value> =
        verdict["chain"].as_array().unwrap().iter().map(|link| &link["zone"]).collect();
    assert_eq!(zones, [".", "test."]);
    assert_eq!(verdict["claims"][0]["signed_by"]["zone"], "test.");
    assert_eq!(verdict["queries"], 3);
    // The signatures are evidence, not data.
    assert_eq!(lines[1]["type"], "lookup");
    assert_eq!(lines[1]["answers"].as_array().unwrap().len(), 2);
    let shown = validate(&["--json", "--dnssec", "www.test", "a"], &server, &anchor);
    assert_eq!(shown.json()[1]["answers"].as_array().unwrap().len(), 3);
}

#[test]
fn r60_each_answer_and_each_denial_of_a_sound_tree_has_its_verdict() {
    let mut zones = tree();
    let anchor = zones.anchor(".");
    let server = zones.serve();
    let mut lines = Vec::new();
    for (of, kind, code, security, cause) in SOUND {
        let verdict = verdict(&[of, kind], &server, &anchor, code);
        let found = (&verdict["security"], &verdict["cause"]);
        assert_eq!(found, (&json!(security), &json!(cause)), "{of} {kind}: {verdict}");
        lines.push(verdict);
    }
    let out = lines.last().unwrap();
    let each: Vec<&Value> =
        out["claims"].as_array().unwrap().iter().map(|claim| &claim["security"]).collect();
    assert_eq!(each, ["secure", "insecure"]);
    assert_eq!(out["reason"], ". proves that plain. has no DS record");
    json_doc::holds("Reports", &lines);
}

#[test]
fn r60_a_signature_that_expired_or_is_not_valid_yet_is_bogus_with_the_time() {
    let validity = |begins: i64, ends: i64| {
        move |zones: &mut Zones| zones.zone("test.").validity = (begins * 3600, ends * 3600)
    };
    let (expired, early) = (validity(-48, -24), validity(24, 48));
    broken(expired, untouched, ("bogus", "signature_expired", 9), "test. DNSKEY expired on 20");
    let cause = ("bogus", "signature_not_yet_valid", 9);
    broken(early, untouched, cause, "test. DNSKEY is not valid before 20");
}

#[test]
fn r60_a_zone_whose_keys_do_not_match_its_ds_is_bogus() {
    let other_key = |zones: &mut Zones| zones.zone("test.").key = Some(ZoneKey::new());
    let cause = ("bogus", "key_missing", 9);
    broken(other_key, untouched, cause, "no DNSKEY of test. matches a DS record");
    let no_key = |query: &Query, reply: &mut Message| {
        if query.record_type == RecordType::DNSKEY && query.name == "test." {
            reply.answers.clear();
        }
    };
    broken(unchanged, no_key, cause, "test. has a DS record, but no DNSKEY record");
}

#[test]
fn r60_data_that_was_changed_is_bogus() {
    let forged = |query: &Query, reply: &mut Message| {
        if query.record_type == RecordType::A {
            reply.answers[0].data = RData::A(A([192, 0, 2, 66].into()));
        }
    };
    let cause = ("bogus", "signature_invalid", 9);
    broken(unchanged, forged, cause, "the signature of www.test. A by key");
    let added = |query: &Query, reply: &mut Message| {
        if query.record_type == RecordType::A {
            reply.answers.insert(1, a("www.test.", [192, 0, 2, 66]));
        }
    };
    broken(unchanged, added, cause, "does not verify");
}

#[test]
fn r60_a_missing_signature_or_denial_is_bogus() {
    let without = |kind: RecordType| {
        move |query: &Query, reply: &mut Message| {
            if query.record_type == kind {
                reply.answers.retain(|it| it.record_type() != RecordType::RRSIG);
                reply.authorities.clear();
            }
        }
    };
    let missing = |what: RecordType, words: &str| {
        broken(unchanged, without(what), ("bogus", "signature_missing", 9), words);
    };
    missing(RecordType::A, "www.test. A has no RRSIG, although test. is signed");
    missing(RecordType::DNSKEY, ". DNSKEY has no RRSIG");
    missing(RecordType::DS, "test. DS has no RRSIG");
    // A server that hides the DS record does not make the zone insecure.
    let no_ds = |query: &Query, reply: &mut Message| {
        if query.record_type == RecordType::DS {
            reply.answers.clear();
        }
    };
    broken(unchanged, no_ds, ("bogus", "denial_missing", 9), "that denies test. DS");
}

#[test]
fn r60_an_absence_without_proof_is_bogus() {
    let mut zones = tree();
    let anchor = zones.anchor(".");
    let server = zones.serve_with(Box::new(|query, reply| {
        // Each reply has only the first of its proofs.
        if query.record_type != RecordType::DS && query.record_type != RecordType::DNSKEY {
            let is_proof = |kind| [RecordType::NSEC, RecordType::NSEC3].contains(&kind);
            let first = reply.authorities.iter().find(|it| is_proof(it.record_type())).cloned();
            let is_kept = |it: &Record| {
                !is_proof(it.record_type()) || Some(&it.name) == first.as_ref().map(|it| &it.name)
            };
            reply.authorities.retain(is_kept);
        }
        if query.name == "lost.test." {
            reply.authorities.clear();
        }
        if query.name == "x.wild.hashed." {
            reply.authorities.clear();
        }
        if query.name == "www.test." && query.record_type == RecordType::TXT {
            reply.metadata.response_code = ResponseCode::NXDomain;
        }
    }));
    for words in [
        ["no.test", "a"],
        ["no.hashed", "a"],
        ["lost.test", "a"],
        ["x.wild.hashed", "a"],
        ["www.test", "txt"],
    ] {
        let verdict = verdict(&words, &server, &anchor, 9);
        let found = (&verdict["security"], &verdict["cause"]);
        assert_eq!(found, (&json!("bogus"), &json!("denial_missing")), "{words:?}: {verdict}");
    }
}

#[test]
fn r60_a_zone_with_unsupported_algorithms_or_too_many_iterations_is_insecure() {
    let ed448 = |zones: &mut Zones| {
        let key = ZoneKey::with_algorithm(Algorithm::Unknown(16));
        let ds = key.ds("test.");
        zones.zone("test.").key = Some(key);
        let is_other = |it: &Record| it.name != name("test.") || it.record_type() != RecordType::DS;
        let root = zones.zone(".");
        root.records.retain(is_other);
        root.records.push(ds);
    };
    let cause = ("insecure", "unsupported_algorithm", 0);
    broken(ed448, untouched, cause, "no DS record of test. has an algorithm that sockkit supports");
    let mut zones = tree();
    let anchor = zones.anchor(".");
    zones.zone("hashed.").denial = Denial::Nsec3 { iterations: 51, opt_out: false };
    zones.zone("optout.").denial = Denial::Nsec3 { iterations: 50, opt_out: false };
    let server = zones.serve();
    let many = verdict(&["no.hashed", "a"], &server, &anchor, 1);
    assert_eq!((&many["security"], &many["cause"]), (&json!("insecure"), &json!("iterations")));
    assert_eq!(verdict(&["no.optout", "a"], &server, &anchor, 1)["security"], "secure");
}

#[test]
fn r60_the_number_of_keys_and_signatures_that_are_tried_is_limited() {
    let many_keys = |zones: &mut Zones| {
        let keys = (0..40).map(|at| raw("test.", 48, &[1, 1, 3, 15, at, 0, 0, 0]));
        zones.zone("test.").records.extend(keys);
    };
    let cause = ("bogus", "limit", 9);
    broken(many_keys, untouched, cause, "test. has 41 DNSKEY records; sockkit accepts 32");
    let many_signatures = |query: &Query, reply: &mut Message| {
        if query.record_type == RecordType::A {
            let is_signature = |it: &&Record| it.record_type() == RecordType::RRSIG;
            let mut octets = Vec::new();
            let good = reply.answers.iter().find(is_signature).unwrap();
            good.data.emit(&mut BinEncoder::new(&mut octets)).unwrap();
            for at in 0..20 {
                // The last octet of a good signature is at most 16.
                *octets.last_mut().unwrap() = 100 + at;
                reply.answers.insert(0, raw("www.test.", 46, &octets));
            }
        }
    };
    broken(unchanged, many_signatures, cause, "too many signatures");
}

#[test]
fn r60_a_chain_that_cannot_be_fetched_is_indeterminate_with_the_query_that_failed() {
    let refused = |query: &Query, reply: &mut Message| {
        if query.record_type == RecordType::DNSKEY && query.name == "test." {
            reply.answers.clear();
            reply.metadata.response_code = ResponseCode::ServFail;
        }
    };
    let cause = ("indeterminate", "no_answer", 4);
    broken(unchanged, refused, cause, "the query for test. DNSKEY failed: udp://127.0.0.1:");
    let mut zones = tree();
    let anchor = zones.anchor("test.");
    let server = zones.serve();
    let outside = verdict(&["www.hashed", "a"], &server, &anchor, 1);
    assert_eq!(outside["security"], "indeterminate");
    assert_eq!(outside["reason"], "no trust anchor is at or above www.hashed.");
    assert_eq!(verdict(&["www.test", "a"], &server, &anchor, 0)["security"], "secure");
}

#[test]
fn r60_the_number_of_queries_is_limited() {
    let deep = |label: &str| format!("{}test.", format!("{label}.").repeat(90));
    let mut zones = tree();
    let anchor = zones.anchor(".");
    let (one, other) = (deep("a"), deep("b"));
    zones.zone("test.").records.extend([cname(&one, &other), a(&other, [192, 0, 2, 1])]);
    let server = zones.serve_with(Box::new(|query, reply| {
        // Without a signature, the way down ends only at the name.
        if query.record_type == RecordType::A {
            reply.answers.retain(|it| it.record_type() != RecordType::RRSIG);
        }
    }));
    let verdict = verdict(&[&one, "a", "--timeout=60s"], &server, &anchor, 9);
    let claims = &verdict["claims"];
    assert_eq!(claims[0]["cause"], "signature_missing", "{verdict}");
    assert_eq!(claims[1]["cause"], "too_many_queries", "{verdict}");
    assert_eq!(verdict["queries"], 128);
}

#[test]
fn r60_the_chain_is_fetched_within_the_timeout_of_the_run() {
    let mut zones = tree();
    let anchor = zones.anchor(".");
    let server = DnsServer::start(move |query| {
        let is_silent = query.record_type == RecordType::DS;
        if is_silent { Vec::new() } else { vec![wire(&zones.reply(query))] }
    });
    let started = Instant::now();
    let words = ["www.test", "www.hashed", "a", "--timeout=3s"];
    let verdict = verdict(&words, &server, &anchor, 5);
    assert!(started.elapsed() < Duration::from_secs(25));
    assert_eq!(
        (&verdict["security"], &verdict["cause"]),
        (&json!("indeterminate"), &json!("no_answer"))
    );
    let reason = verdict["reason"].as_str().unwrap();
    assert!(reason.contains("the query for test. DS failed"), "{reason}");
}

#[test]
fn a_record_that_a_later_reply_adds_for_an_earlier_name_is_checked_too() {
    let mut zones = tree();
    let anchor = zones.anchor(".");
    let server = zones.serve_with(Box::new(|query, reply| {
        // The target is asked for separately, and its reply holds a forged record of the alias.
        if query.name == "alias.test." {
            reply.answers.truncate(2);
        }
        if query.name == "WWW.hashed." && query.record_type == RecordType::A {
            reply.answers.push(a("alias.test.", [192, 0, 2, 66]));
        }
    }));
    let verdict = verdict(&["alias.test", "a"], &server, &anchor, 9);
    assert_eq!(verdict["cause"], "signature_missing", "{verdict}");
}

#[test]
fn short_output_has_no_data_that_is_bogus() {
    let mut zones = tree();
    let anchor = zones.anchor(".");
    let server = zones.serve_with(Box::new(|query, reply| {
        if query.name == "www.hashed." && query.record_type == RecordType::A {
            reply.answers[0].data = RData::A(A([192, 0, 2, 66].into()));
        }
    }));
    let run = validate(&["--short", "www.hashed"], &server, &anchor);
    assert_eq!((run.code, run.stdout.as_str()), (9, ""));
    run.assert_stderr_contains("error: www.hashed is bogus: the signature of www.hashed. A by key");
    let run = validate(&["--plain", "x.wild.test", "a"], &server, &anchor);
    assert!(run.stdout.contains("reason\tsecure\tx.wild.test. A is from a wildcard\n"));
    let run = validate(&["--short", "www.test", "www.plain", "a"], &server, &anchor);
    assert_eq!((run.code, run.stdout.as_str()), (0, "192.0.2.1\n192.0.2.2\n192.0.2.9\n"));
    run.assert_stderr_contains(
        "note: www.plain is insecure: . proves that plain. has no DS record",
    );
}

#[test]
fn the_tables_show_each_answer_and_each_zone_with_its_key() {
    let mut zones = tree();
    let anchor = zones.anchor(".");
    let tags = [".", "test."].map(|origin| zones.zone(origin).key.as_ref().unwrap().tag());
    let server = zones.serve();
    let run = validate(&["--plain", "www.test", "www.plain", "a"], &server, &anchor);
    let until = run.stdout.lines().next().unwrap().split('\t').next_back().unwrap().to_owned();
    let expected = format!(
        "answer\twww.test.\tA\tsecure\ttest.\t{test}\tED25519\t{until}\n\
         zone\t.\tsecure\ttrust anchor\t{root}\tED25519\t{until}\n\
         zone\ttest.\tsecure\t{test}\t{test}\tED25519\t{until}\n",
        root = tags[0],
        test = tags[1],
    );
    assert!(run.stdout.starts_with(&expected), "{}", run.stdout);
    let zone = format!("zone\tplain.\tinsecure\tnone\t{}\tED25519\t{until}\n", tags[0]);
    let reason = "reason\tinsecure\t. proves that plain. has no DS record\n";
    assert!(run.stdout.contains(&zone) && run.stdout.contains(reason), "{}", run.stdout);
    assert!(run.stdout.contains("\nwww.test.\tA\t300\t192.0.2.1\t\n"), "{}", run.stdout);
    assert!(!run.stdout.contains("\n\n"), "{}", run.stdout);
}

#[test]
fn the_table_begins_with_the_answer_and_shows_the_chain_from_the_top() {
    let mut zones = tree();
    let anchor = zones.anchor(".");
    let keys = [(".", "root"), ("test.", "test")];
    let tags = keys
        .map(|(origin, word)| (zones.zone(origin).key.as_ref().unwrap().tag().to_string(), word));
    let server = zones.serve();
    let run = validate(&["out.test", "a"], &server, &anchor);
    let words = |line: &str| {
        let shown = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        let cell = |cell: &str| match tags.iter().find(|(tag, _)| tag == cell) {
            Some((_, word)) => (*word).to_owned(),
            None if cell.starts_with("20") => "day".to_owned(),
            None => cell.to_owned(),
        };
        shown.map(cell).collect::<Vec<String>>().join(" | ")
    };
    let shown: Vec<String> = run.stdout.lines().map(words).collect();
    expect![[r#"
        NAME | TYPE | VERDICT | SIGNED BY | KEY | ALGORITHM | UNTIL
        out.test. | CNAME | secure | test. | test | ED25519 | day
        www.plain. | A | insecure

        VERDICT | REASON
        insecure | . proves that plain. has no DS record

        ZONE | VERDICT | DS | KEY | ALGORITHM | UNTIL
        . | secure | trust anchor | root | ED25519 | day
        test. | secure | test | test | ED25519 | day
        plain. | insecure | none | root | ED25519 | day

        NAME | TYPE | TTL | DATA
        out.test. | CNAME | 300 | www.plain.
        www.plain. | A | 300 | 192.0.2.9
    "#]]
    .assert_eq(&(shown.join("\n") + "\n"));
}

/// What delv says about a question, in one of sockkit's words. It does not tell apart an answer
/// that it cannot validate and one that is bogus.
fn delv(of: &str, kind: &str, server: &DnsServer, anchors: &Path) -> &'static str {
    let [ip, port] = [server.addr.ip().to_string(), server.addr.port().to_string()];
    let mut command = Command::new("delv");
    command.args([&format!("@{ip}"), "-p", &port, "-a"]).arg(anchors);
    command.args(["+root=.", &format!("{of}."), kind]);
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    if said.contains("unsigned answer") {
        "insecure"
    } else if said.contains("fully validated") {
        "secure"
    } else {
        "bogus"
    }
}

#[test]
fn the_verdicts_are_those_of_delv() {
    if Command::new("delv").arg("-v").output().is_err() {
        return skip("the verdicts of delv", "delv is not installed");
    }
    let mut zones = tree();
    let anchor = zones.anchor(".");
    zones.zone("optout.").validity = (-7200, -3600);
    let server = zones.serve();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("anchors");
    let fields: Vec<&str> = anchor.split_whitespace().collect();
    let [_, _, _, tag, algorithm, digest_type, digest] = fields[..] else { panic!("{anchor}") };
    let statement = format!(
        "trust-anchors {{ \".\" static-ds {tag} {algorithm} {digest_type} \"{digest}\"; }};\n"
    );
    fs::write(&file, statement).unwrap();
    for (of, kind, code, ..) in SOUND {
        // delv does not ask for all types, and gives an alias the verdict of its first part.
        if kind == "any" || of == "out.test" || of == "." {
            continue;
        }
        let code = if of.ends_with("optout") { 9 } else { code };
        let own = verdict(&[of, kind], &server, &anchor, code);
        assert_eq!(own["security"], delv(of, kind, &server, &file), "{of} {kind}: {own}");
    }
}

#[test]
fn validation_options_that_do_not_fit_are_usage_errors() {
    for words in [
        ["--validate", "--no-edns", "www.test"],
        ["--validate", "www.test", "axfr"],
        ["--validate", "www.test", "rrsig"],
        ["--validate", "www.test", "ch"],
        ["--validate", "--trust-anchor=/dev/null", "www.test"],
        ["--trust-anchor=/dev/null", "www.test", "a"],
        ["--validate", "--trace", "www.test"],
    ] {
        assert_eq!(resolve(words).code, 2, "{words:?}");
    }
    assert_eq!(resolve(["--validate", "--trust-anchor=/nonexistent", "www.test"]).code, 8);
}
