//! One exchange with a server: UDP and TCP, EDNS, and replies that do not fit the question.

use std::time::Instant;

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use serde_json::json;

use super::{assert_ends_soon, resolve, server_answering};
use crate::support::Sockkit;
use crate::support::peers::dns_server::{DnsServer, Query, Transport, a, raw, wire};

#[test]
fn a_truncated_reply_is_retried_over_tcp() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        match query.via {
            Transport::Udp => reply.metadata.truncation = true,
            Transport::Tcp => {
                let many = (0..200).map(|last| a("big.example.", [192, 0, 2, last]));
                reply.add_answers(many);
            }
        }
        vec![wire(&reply)]
    });
    let run = resolve(["--json", "big.example", "a", &server.argument()]);
    assert_eq!(run.code, 0);
    assert_eq!(run.data().len(), 200);
    assert_eq!(run.json()[0]["server"], format!("tcp://{}", server.addr));
}

#[test]
fn a_truncated_reply_without_tcp_exits_4() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.metadata.truncation = true;
        reply.add_answer(a("big.example.", [192, 0, 2, 1]));
        let over_udp = query.via == Transport::Udp;
        if over_udp { vec![wire(&reply)] } else { Vec::new() }
    });
    let run = resolve(["--json", "big.example", "a", &server.argument()]);
    assert_eq!(run.code, 4);
    assert_eq!(run.json()[0]["status"], "ERROR");
    assert_eq!(run.data(), Vec::<String>::new());
    run.assert_stderr_contains(
        "reply truncated over UDP; retry over TCP failed: connection closed before the reply",
    );
}

#[test]
fn the_tcp_option_sends_no_datagram() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.add_answer(a(&query.name, [192, 0, 2, 1]));
        if query.via == Transport::Tcp { vec![wire(&reply)] } else { Vec::new() }
    });
    let run = resolve(["--tcp", "--plain", "t.example", "a", &server.argument()]);
    assert_eq!(run.stdout, "t.example.\tA\t300\t192.0.2.1\n");
}

#[test]
fn replies_to_other_questions_are_ignored() {
    let forged = |query: &Query| {
        let mut reply = query.reply();
        reply.add_answer(a(&query.name, [192, 0, 2, 66]));
        reply
    };
    let server = DnsServer::start(move |query| {
        let mut wrong_id = forged(query);
        wrong_id.metadata.id ^= 1;
        let mut wrong_name = forged(query);
        wrong_name.queries[0].name = Name::from_ascii("evil.example.").unwrap();
        let mut wrong_type = forged(query);
        wrong_type.queries[0].query_type = 16.into();
        let mut right = query.reply();
        right.add_answer(a(&query.name, [192, 0, 2, 1]));
        let own_query = wire(&query.message);
        let wrong = [wire(&wrong_id), wire(&wrong_name), wire(&wrong_type), own_query];
        let short = [Vec::new(), vec![0; 3]];
        wrong.into_iter().chain(short).chain([wire(&right)]).collect()
    });
    let run = resolve(["--plain", "t.example", "a", &server.argument()]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "t.example.\tA\t300\t192.0.2.1\n"));
    run.assert_stderr_contains("ignored 6 messages that did not match the query");
}

#[test]
fn a_server_without_edns_is_queried_again_without_it() {
    for code in [ResponseCode::FormErr, ResponseCode::NotImp] {
        let server = DnsServer::start(move |query| {
            if query.message.edns.is_some() {
                return vec![query.reply_code(code)];
            }
            let mut reply = query.reply();
            reply.add_answer(a(&query.name, [192, 0, 2, 1]));
            vec![wire(&reply)]
        });
        for way in [&["-v"][..], &["-v", "--tcp"]] {
            let before = server.count();
            let word = server.argument();
            let words = ["resolve", "--plain", "old.example", "a", &word];
            let ran = Sockkit::new(words.iter().chain(way).copied()).run().code(0);
            assert_eq!(ran.out(), "old.example.\tA\t300\t192.0.2.1\n");
            assert!(ran.stderr.contains(", without EDNS"), "{}", ran.stderr);
            assert!(!ran.stderr.contains("passed over"), "{}", ran.stderr);
            assert_eq!(server.count() - before, 2);
        }
    }
}

#[test]
fn a_server_that_rejects_every_query_is_queried_twice() {
    let server = server_answering(ResponseCode::FormErr);
    let run = resolve(["--json", "old.example", "a", &server.argument()]);
    assert_eq!((run.code, &run.json()[0]["status"]), (4, &json!("FORMERR")));
    assert_eq!(server.count(), 2);
    let server = DnsServer::start(|query| match query.message.edns {
        Some(_) => vec![query.reply_code(ResponseCode::NotImp)],
        None => Vec::new(),
    });
    let started = Instant::now();
    let run = resolve(["--json", "old.example", "a", "--timeout=400ms", &server.argument()]);
    assert_ends_soon(started);
    assert_eq!((run.code, &run.json()[0]["status"]), (4, &json!("NOTIMP")));
}

#[test]
fn a_lost_datagram_is_sent_again() {
    let seen = std::sync::Mutex::new(0);
    let server = DnsServer::start(move |query| {
        let mut seen = seen.lock().unwrap();
        *seen += 1;
        let mut reply = query.reply();
        reply.add_answer(a(&query.name, [192, 0, 2, 1]));
        if *seen == 1 { Vec::new() } else { vec![wire(&reply)] }
    });
    let run = resolve(["--plain", "t.example", "a", "--timeout=2s", &server.argument()]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "t.example.\tA\t300\t192.0.2.1\n"));
}

#[test]
fn a_malformed_reply_exits_9() {
    let cases: [fn(&Query) -> Vec<u8>; 3] = [
        |query| {
            let mut bytes = query.message.metadata.id.to_be_bytes().to_vec();
            bytes.extend([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 0xc0, 0x0c, 0xff]);
            bytes
        },
        |query| {
            let mut bytes = wire(&query.reply());
            bytes[6..8].copy_from_slice(&[0xff, 0xff]);
            bytes
        },
        |query| {
            let mut reply = query.reply();
            reply.add_answer(raw(&query.name, 1, b"\x01\x02"));
            wire(&reply)
        },
    ];
    for case in cases {
        let server = DnsServer::start(move |query| vec![case(query)]);
        let run = resolve(["--json", "www.ita.br", "a", &server.argument()]);
        assert_eq!((run.code, &run.json()[0]["status"]), (9, &json!("ERROR")));
        run.assert_stderr_contains("malformed reply: ");
        assert_eq!(run.json()[0]["server"], format!("udp://{}", server.addr));
    }
}
