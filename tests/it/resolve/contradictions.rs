//! Replies that are well-formed only in part, or that contradict themselves.

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::SOA;
use hickory_resolver::proto::rr::{DNSClass, Name, RData, Record};
use serde_json::{Value, json};

use super::{Run, resolve, server_answering};
use crate::support::peers::dns_server::{DnsServer, Query, a, cname, ns, raw, record, wire};

/// Runs a lookup of `t.example A` against a server that sends the message of `reply`.
fn reply_with(reply: impl Fn(&Query) -> Vec<u8> + Send + Sync + 'static) -> (Run, DnsServer) {
    let server = DnsServer::start(move |query| vec![reply(query)]);
    (resolve(["--json", "t.example", "a", &server.argument()]), server)
}

/// A reply with the right answer, changed by `change`.
fn answer(query: &Query, change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut reply = query.reply();
    reply.edns = None;
    reply.add_answer(a(&query.name, [192, 0, 2, 1]));
    change(&mut reply);
    wire(&reply)
}

#[test]
fn nxdomain_with_an_answer_is_a_contradiction_and_exits_9() {
    let (run, server) = reply_with(|query| {
        answer(query, |reply| reply.metadata.response_code = ResponseCode::NXDomain)
    });
    let line = &run.json()[0];
    assert_eq!((run.code, &line["status"]), (9, &json!("NXDOMAIN")));
    assert_eq!(run.data(), ["192.0.2.1"]);
    let reason = "contradicts itself: NXDOMAIN, but with records of t.example.";
    assert_eq!(line["error"], format!("udp://{} {reason}", server.addr));
    run.assert_stderr_contains(reason);
}

#[test]
fn r12_the_records_before_an_unreadable_one_are_shown() {
    let (run, _) = reply_with(|query| {
        let mut bytes = answer(query, |reply| {
            reply.add_answer(a(&query.name, [192, 0, 2, 2]));
        });
        let length = bytes.len() - 5;
        bytes[length] = 200;
        bytes
    });
    assert_eq!((run.code, run.data()), (9, vec!["192.0.2.1".to_owned()]));
    run.assert_stderr_contains("malformed reply: a record's data cannot be read");
}

#[test]
fn r12_a_record_with_invalid_data_is_shown_by_its_octets_and_marked() {
    let (run, server) = reply_with(|query| {
        let mut reply = query.reply();
        reply.add_answer(raw(&query.name, 1, b"\x01\x02"));
        reply.add_answer(a(&query.name, [192, 0, 2, 1]));
        wire(&reply)
    });
    assert_eq!((run.code, run.data()), (9, vec![r"\# 2 0102".to_owned(), "192.0.2.1".to_owned()]));
    let answers = &run.json()[0]["answers"];
    assert_eq!((&answers[0]["invalid"], answers[1].get("invalid")), (&json!(true), None));
    let run = resolve(["t.example", "a", &server.argument()]);
    assert!(run.stdout.contains("\\# 2 0102  invalid data\n"), "{}", run.stdout);
}

#[test]
fn r13_octets_after_the_last_record_are_reported() {
    let (run, _) = reply_with(|query| {
        let mut bytes = answer(query, |_| {});
        bytes.extend([0; 7]);
        bytes
    });
    assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]));
    run.assert_stderr_contains("the reply has 7 octets after its last record");
}

#[test]
fn one_octet_and_one_repeated_record_are_in_the_singular() {
    let (run, _) = reply_with(|query| {
        let mut bytes = answer(query, |reply| {
            reply.add_answer(a(&query.name, [192, 0, 2, 1]));
        });
        bytes.push(0);
        bytes
    });
    run.assert_stderr_contains("1 of the records is repeated in the reply");
    run.assert_stderr_contains("the reply has 1 octet after its last record");
}

#[test]
fn r13_counts_beyond_the_message_exit_9_with_the_records_that_exist() {
    let (run, _) = reply_with(|query| {
        let mut bytes = answer(query, |_| {});
        bytes[6..8].copy_from_slice(&[0xff, 0xff]);
        bytes
    });
    assert_eq!((run.code, run.data()), (9, vec!["192.0.2.1".to_owned()]));
}

/// An OPT record that adds 16 to the response code.
const OPT: &[u8] = b"\0\0\x29\x04\xd0\x01\0\0\0\0\0";

#[test]
fn an_opt_record_that_breaks_the_rules_is_not_believed_and_exits_9() {
    for (counts, opt, reason) in [
        ([1, 0, 0], OPT.to_vec(), "an OPT record outside the additional section"),
        ([0, 1, 0], OPT.to_vec(), "an OPT record outside the additional section"),
        ([0, 0, 2], [OPT, OPT].concat(), "an OPT record more than once"),
        ([0, 0, 1], [&b"\x01a"[..], OPT].concat(), "an OPT record with an owner name"),
        (
            [0, 0, 1],
            b"\0\0\x29\x04\xd0\x01\0\0\0\0\x05\0\x0f\0\x02\0".to_vec(),
            "an OPT record with an option of an invalid length",
        ),
        (
            [0, 0, 1],
            b"\0\0\x29\x04\xd0\x01\0\0\0\0\x05\0\x0f\0\x01\0".to_vec(),
            "an OPT record with an option of an invalid length",
        ),
    ] {
        let (run, _) = reply_with(move |query| {
            let mut bytes = answer(query, |_| {});
            let [answers, authorities, additionals] = counts;
            (bytes[7], bytes[9], bytes[11]) = (1 + answers, authorities, additionals);
            bytes.extend(&opt);
            bytes
        });
        assert_eq!((run.code, run.data()), (9, vec!["192.0.2.1".to_owned()]), "{reason}");
        run.assert_stderr_contains(reason);
    }
}

#[test]
fn a_malformed_reply_is_passed_over_if_the_next_server_answers() {
    let bad = DnsServer::start(|query| {
        vec![answer(query, |reply| reply.metadata.response_code = ResponseCode::NXDomain)]
    });
    let good = DnsServer::with_records(vec![a("t.example.", [192, 0, 2, 7])]);
    let run = resolve(["--plain", "t.example", "a", &bad.argument(), &good.argument()]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "t.example.\tA\t300\t192.0.2.7\t\n"));
    run.assert_stderr_contains("no usable answer from udp://");
}

#[test]
fn a_cname_beside_other_data_is_a_contradiction_with_a_warning() {
    let reason = "the reply contradicts itself: t.example. has a CNAME record beside other records";
    let with = |beside: u16| {
        move |query: &Query| {
            answer(query, |reply| {
                reply.answers.clear();
                reply.add_answer(cname(&query.name, "x.example."));
                reply.add_answer(raw(&query.name, beside, &[192, 0, 2, 1]));
                reply.add_answer(a("x.example.", [192, 0, 2, 2]));
            })
        }
    };
    let (run, server) = reply_with(with(1));
    assert_eq!((run.code, &run.json()[0]["notes"]), (0, &json!([reason])));
    run.assert_stderr_contains(reason);
    let run = resolve(["--short", "t.example", "a", &server.argument()]);
    assert_eq!(
        (run.code, run.stdout, run.stderr),
        (0, "192.0.2.1\n".to_owned(), format!("warning: {reason}\n"))
    );
    // Type 30 is NXT, which a signed zone may have there.
    let (run, _) = reply_with(with(30));
    assert_eq!((run.code, run.json()[0].get("notes")), (0, None), "{}", run.stderr);
}

#[test]
fn a_header_with_nxdomain_alone_is_an_answer() {
    let (run, _) = reply_with(|query| {
        let mut reply = query.reply();
        reply.metadata.response_code = ResponseCode::NXDomain;
        reply.queries.clear();
        wire(&reply)
    });
    assert_eq!((run.code, &run.json()[0]["status"]), (1, &json!("NXDOMAIN")));
}

fn soa() -> Record {
    let of = |name: &str| Name::from_ascii(name).unwrap();
    record("example.", RData::SOA(SOA::new(of("ns1.example."), of("h."), 1, 2, 3, 4, 60)))
}

#[test]
fn r14_nxdomain_is_shown_with_its_ttl_if_there_is_an_soa_record() {
    let (run, _) = reply_with(|query| {
        let mut reply = query.reply();
        reply.metadata.response_code = ResponseCode::NXDomain;
        reply.add_authorities([soa()]);
        wire(&reply)
    });
    let line = &run.json()[0];
    assert_eq!(
        (run.code, &line["status"], &line["negative_ttl"]),
        (1, &json!("NXDOMAIN"), &json!(60))
    );
    run.assert_stderr_contains("t.example does not exist");
    run.assert_stderr_contains("which may be cached for 60 s");
    let server = server_answering(ResponseCode::NXDomain);
    let run = resolve(["--json", "t.example", "a", &server.argument()]);
    assert_eq!((run.code, run.json()[0].get("negative_ttl")), (1, None));
}

#[test]
fn r15_no_data_is_told_from_nxdomain_with_and_without_an_soa_record() {
    for with_soa in [true, false] {
        let (run, _) = reply_with(move |query| {
            let mut reply = query.reply();
            if with_soa {
                reply.add_authorities([soa()]);
            }
            wire(&reply)
        });
        assert_eq!((run.code, &run.json()[0]["status"]), (1, &json!("NOERROR")));
        run.assert_stderr_contains("t.example has no A record (the name exists)");
    }
}

#[test]
fn r54_records_that_were_not_asked_for_are_marked_and_not_followed() {
    let (run, server) = reply_with(|query| {
        answer(query, |reply| {
            let mut chaos = a(&query.name, [192, 0, 2, 3]);
            chaos.dns_class = DNSClass::CH;
            let foreign =
                [a("evil.example.", [192, 0, 2, 2]), cname("evil.example.", "worse.example.")];
            reply.add_answers(foreign);
            reply.add_answer(chaos);
            reply.add_answer(raw(&query.name, 16, b"\x01x"));
        })
    });
    assert_eq!(run.code, 0);
    let answers = run.json()[0]["answers"].as_array().unwrap().clone();
    let marks: Vec<bool> =
        answers.iter().map(|it| it.get("unasked") == Some(&json!(true))).collect();
    assert_eq!(marks, [false, true, true, true, true]);
    let classes: Vec<Option<&Value>> = answers.iter().map(|it| it.get("class")).collect();
    assert_eq!(classes, [None, None, None, Some(&json!("CH")), None]);
    let run = resolve(["t.example", "a", &server.argument()]);
    assert_eq!(
        run.stdout,
        "NAME           TYPE   TTL  DATA            NOTE\n\
         t.example.     A      300  192.0.2.1\n\
         evil.example.  A      300  192.0.2.2       not asked for\n\
         evil.example.  CNAME  300  worse.example.  not asked for\n\
         t.example.     A      300  \\# 4 C0000203   class CH, not asked for\n\
         t.example.     TXT    300  \"x\"             not asked for\n"
    );
    let run = resolve(["--short", "t.example", "a", &server.argument()]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "192.0.2.1\n"));
    // Only foreign records: the name has no data.
    let (run, _) = reply_with(|query| {
        let mut reply = query.reply();
        reply.add_answer(a("evil.example.", [192, 0, 2, 2]));
        wire(&reply)
    });
    assert_eq!((run.code, &run.json()[0]["answers"][0]["unasked"]), (1, &json!(true)));
}

#[test]
fn r52_ttls_from_2_31_count_as_0() {
    let (run, server) = reply_with(|query| {
        let mut reply = query.reply();
        for (last, ttl) in [(1, 0), (2, 1), (3, 0x7fff_ffff), (4, u32::MAX)] {
            let mut record = a(&query.name, [192, 0, 2, last]);
            record.ttl = ttl;
            reply.add_answer(record);
        }
        wire(&reply)
    });
    let answers = run.json()[0]["answers"].as_array().unwrap().clone();
    let ttls: Vec<u64> = answers.iter().map(|it| it["ttl"].as_u64().unwrap()).collect();
    assert_eq!(ttls, [0, 1, 0x7fff_ffff, u64::from(u32::MAX)]);
    let run = resolve(["--plain", "t.example", "a", &server.argument()]);
    assert!(run.stdout.ends_with("4294967295\t192.0.2.4\tthe TTL counts as 0\n"), "{}", run.stdout);
}

#[test]
fn r53_repeated_records_are_shown_as_received_in_every_format() {
    let (run, server) = reply_with(|query| {
        answer(query, |reply| {
            let mut other = a(&query.name, [192, 0, 2, 1]);
            other.ttl = 7;
            reply.add_answers([a(&query.name, [192, 0, 2, 1]), other]);
        })
    });
    assert_eq!(run.data().len(), 3);
    run.assert_stderr_contains("2 of the records are repeated in the reply");
    let word = server.argument();
    for (format, lines) in [("--format=table", 4), ("--plain", 3), ("--short", 3)] {
        let run = resolve([format, "t.example", "a", &word]);
        assert_eq!(run.stdout.lines().count(), lines, "{format}: {}", run.stdout);
    }
}

#[test]
fn r55_an_answer_to_any_with_hinfo_is_explained() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.add_answer(raw(&query.name, 13, b"\x07RFC8482\0"));
        vec![wire(&reply)]
    });
    let run = resolve(["--json", "t.example", "any", &server.argument()]);
    assert_eq!((run.code, run.data()), (0, vec![r#""RFC8482" """#.to_owned()]));
    run.assert_stderr_contains("does not answer ANY with all records (RFC 8482)");
}

#[test]
fn r17_a_failure_is_explained_by_its_extended_error() {
    let explained = |code| {
        move |query: &Query| {
            let mut bytes = query.reply_code(code);
            // Without hickory's OPT record; this one has EDE 9 with a text.
            let mut message = Message::from_vec(&bytes).unwrap();
            message.edns = None;
            bytes = wire(&message);
            bytes[11] = 1;
            bytes.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0\x0a\0\x0f\0\x06\0\x09no\x1b!");
            bytes
        }
    };
    let (run, _) = reply_with(explained(ResponseCode::ServFail));
    assert_eq!((run.code, &run.json()[0]["status"]), (4, &json!("SERVFAIL")));
    let expected = json!([{"code": 9, "meaning": "DNSKEY Missing", "text": "no\u{1b}!"}]);
    assert_eq!(run.json()[0]["extended_errors"], expected);
    run.assert_stderr_contains("EDE 9 (DNSKEY Missing): ");
    assert!(!run.stderr.contains('\u{1b}'));
    let (run, _) = reply_with(explained(ResponseCode::NXDomain));
    assert_eq!(run.code, 1);
    run.assert_stderr_contains("the server says EDE 9 (DNSKEY Missing)");
}

#[test]
fn a_referral_after_an_alias_of_an_authoritative_server_is_no_failure() {
    for (refers, said) in [(true, "referred to a.root."), (false, "REFUSED")] {
        let server = DnsServer::start(move |query| {
            let mut reply = query.reply();
            reply.metadata.recursion_available = false;
            match query.name.as_str() {
                "x.dname.ita.br." => {
                    reply.metadata.authoritative = true;
                    reply.add_answer(raw("dname.ita.br.", 39, b"\x05other\x04test\0"));
                    reply.add_answer(cname("x.dname.ita.br.", "x.other.test."));
                }
                _ if refers => {
                    reply.add_authorities([ns(".", "a.root.")]);
                }
                _ => reply.metadata.response_code = ResponseCode::Refused,
            }
            vec![wire(&reply)]
        });
        let run = resolve(["--json", "x.dname.ita.br", "a", &server.argument()]);
        assert_eq!((run.code, &run.json()[0]["status"]), (0, &json!("NOERROR")), "{}", run.stderr);
        assert_eq!(run.data(), ["other.test.", "x.other.test."]);
        run.assert_stderr_contains(&format!(
            "x.dname.ita.br is an alias of x.other.test, which udp://{} does not serve ({said}",
            server.addr
        ));
        let run = resolve(["--short", "x.dname.ita.br", &server.argument()]);
        assert_eq!((run.code, run.stdout.as_str()), (0, ""));
    }
}

#[test]
fn r16_a_name_that_only_has_names_below_it_has_no_data() {
    let (run, _) = reply_with(|query| {
        let mut reply = query.reply();
        reply.metadata.authoritative = true;
        reply.add_authorities([soa()]);
        wire(&reply)
    });
    assert_eq!((run.code, &run.json()[0]["status"]), (1, &json!("NOERROR")));
    run.assert_stderr_contains("(the name exists)");
}

#[test]
fn several_aliases_of_one_name_are_a_contradiction_and_exit_9() {
    let (run, server) = reply_with(|query| {
        let mut reply = query.reply();
        reply.add_answer(cname(&query.name, "a.example."));
        reply.add_answer(cname(&query.name, "b.example."));
        reply.add_answer(a("a.example.", [192, 0, 2, 1]));
        reply.add_answer(a("b.example.", [192, 0, 2, 2]));
        wire(&reply)
    });
    let line = &run.json()[0];
    assert_eq!((run.code, &line["status"]), (9, &json!("ERROR")));
    let reason = "contradicts itself: several CNAME records of t.example.";
    assert_eq!(line["error"], format!("udp://{} {reason}", server.addr));
    let unasked: Vec<bool> = line["answers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| answer.get("unasked").is_some())
        .collect();
    assert_eq!(unasked, [false, true, false, true]);
    let run = resolve(["t.example", "cname", &server.argument()]);
    assert_eq!(run.code, 9);
    run.assert_stderr_contains(reason);
    // The same alias twice is only a repetition.
    let (run, _) = reply_with(|query| {
        let mut reply = query.reply();
        reply.add_answer(cname(&query.name, "A.example."));
        reply.add_answer(cname(&query.name, "a.example."));
        reply.add_answer(a("a.example.", [192, 0, 2, 1]));
        wire(&reply)
    });
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn an_alias_beside_a_record_of_the_same_name_is_marked_as_not_asked_for() {
    let (run, _) = reply_with(|query| {
        let mut reply = query.reply();
        reply.add_answer(cname(&query.name, "a.example."));
        reply.add_answer(a(&query.name, [192, 0, 2, 1]));
        wire(&reply)
    });
    let answers = &run.json()[0]["answers"];
    assert_eq!((run.code, &answers[0]["unasked"]), (0, &json!(true)));
    assert_eq!(answers[1].get("unasked"), None);
}
