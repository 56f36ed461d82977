//! One exchange with a server: UDP and TCP, EDNS, and replies that do not fit the question.

use std::time::Instant;

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use serde_json::json;

use super::{always, ends_soon, resolve};
use crate::support::Sockkit;
use crate::support::peers::dns_server::{Asked, DnsServer, Via, a, raw, wire};

#[test]
fn a_truncated_reply_is_asked_for_again_over_tcp() {
    let server = DnsServer::start(|asked| {
        let mut reply = asked.reply();
        match asked.via {
            Via::Udp => reply.metadata.truncation = true,
            Via::Tcp => {
                let many = (0..200).map(|last| a("big.example.", [192, 0, 2, last]));
                reply.add_answers(many);
            }
        }
        vec![wire(&reply)]
    });
    let run = resolve(["--json", "big.example", "a", &server.word()]);
    assert_eq!(run.code, 0);
    assert_eq!(run.data().len(), 200);
    assert_eq!(run.json()[0]["server"], format!("tcp://{}", server.addr));
}

#[test]
fn a_truncated_reply_without_tcp_is_no_answer() {
    let server = DnsServer::start(|asked| {
        let mut reply = asked.reply();
        reply.metadata.truncation = true;
        reply.add_answer(a("big.example.", [192, 0, 2, 1]));
        let over_udp = asked.via == Via::Udp;
        if over_udp { vec![wire(&reply)] } else { Vec::new() }
    });
    let run = resolve(["--json", "big.example", "a", &server.word()]);
    assert_eq!(run.code, 4);
    assert_eq!(run.json()[0]["status"], "ERROR");
    assert_eq!(run.data(), Vec::<String>::new());
    run.says("truncated over UDP, and over TCP: connection closed before the reply");
}

#[test]
fn tcp_alone_is_used_on_request() {
    let server = DnsServer::start(|asked| {
        let mut reply = asked.reply();
        reply.add_answer(a(&asked.name, [192, 0, 2, 1]));
        if asked.via == Via::Tcp { vec![wire(&reply)] } else { Vec::new() }
    });
    let run = resolve(["--tcp", "--plain", "t.example", "a", &server.word()]);
    assert_eq!(run.stdout, "t.example.\tA\t300\t192.0.2.1\n");
}

#[test]
fn replies_to_other_questions_are_passed_over() {
    let evil = |asked: &Asked| {
        let mut reply = asked.reply();
        reply.add_answer(a(&asked.name, [192, 0, 2, 66]));
        reply
    };
    let server = DnsServer::start(move |asked| {
        let mut wrong_id = evil(asked);
        wrong_id.metadata.id ^= 1;
        let mut wrong_name = evil(asked);
        wrong_name.queries[0].name = Name::from_ascii("evil.example.").unwrap();
        let mut wrong_type = evil(asked);
        wrong_type.queries[0].query_type = 16.into();
        let mut right = asked.reply();
        right.add_answer(a(&asked.name, [192, 0, 2, 1]));
        let own_query = wire(&asked.message);
        let wrong = [wire(&wrong_id), wire(&wrong_name), wire(&wrong_type), own_query];
        let short = [Vec::new(), vec![0; 3]];
        wrong.into_iter().chain(short).chain([wire(&right)]).collect()
    });
    let run = resolve(["--plain", "t.example", "a", &server.word()]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "t.example.\tA\t300\t192.0.2.1\n"));
    run.says("ignored 6 messages that did not belong to the question");
}

#[test]
fn a_server_from_before_edns_is_asked_in_its_own_words() {
    for code in [ResponseCode::FormErr, ResponseCode::NotImp] {
        let server = DnsServer::start(move |asked| {
            if asked.message.edns.is_some() {
                return vec![asked.reply_code(code)];
            }
            let mut reply = asked.reply();
            reply.add_answer(a(&asked.name, [192, 0, 2, 1]));
            vec![wire(&reply)]
        });
        for way in [&["-v"][..], &["-v", "--tcp"]] {
            let before = server.count();
            let word = server.word();
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
fn a_server_that_understands_nothing_is_asked_twice_and_keeps_its_word() {
    let server = always(ResponseCode::FormErr);
    let run = resolve(["--json", "old.example", "a", &server.word()]);
    assert_eq!((run.code, &run.json()[0]["status"]), (4, &json!("FORMERR")));
    assert_eq!(server.count(), 2);
    let server = DnsServer::start(|asked| match asked.message.edns {
        Some(_) => vec![asked.reply_code(ResponseCode::NotImp)],
        None => Vec::new(),
    });
    let started = Instant::now();
    let run = resolve(["--json", "old.example", "a", "--timeout=400ms", &server.word()]);
    ends_soon(started);
    assert_eq!((run.code, &run.json()[0]["status"]), (4, &json!("NOTIMP")));
}

#[test]
fn a_lost_datagram_costs_a_second_try_and_no_answer() {
    let seen = std::sync::Mutex::new(0);
    let server = DnsServer::start(move |asked| {
        let mut seen = seen.lock().unwrap();
        *seen += 1;
        let mut reply = asked.reply();
        reply.add_answer(a(&asked.name, [192, 0, 2, 1]));
        if *seen == 1 { Vec::new() } else { vec![wire(&reply)] }
    });
    let run = resolve(["--plain", "t.example", "a", "--timeout=2s", &server.word()]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "t.example.\tA\t300\t192.0.2.1\n"));
}

#[test]
fn garbage_in_reply_to_our_question_is_a_broken_answer() {
    let cases: [fn(&Asked) -> Vec<u8>; 3] = [
        |asked| {
            let mut bytes = asked.message.metadata.id.to_be_bytes().to_vec();
            bytes.extend([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 0xc0, 0x0c, 0xff]);
            bytes
        },
        |asked| {
            let mut bytes = wire(&asked.reply());
            bytes[6..8].copy_from_slice(&[0xff, 0xff]);
            bytes
        },
        |asked| {
            let mut reply = asked.reply();
            reply.add_answer(raw(&asked.name, 1, b"\x01\x02"));
            wire(&reply)
        },
    ];
    for case in cases {
        let server = DnsServer::start(move |asked| vec![case(asked)]);
        let run = resolve(["--json", "www.ita.br", "a", &server.word()]);
        assert_eq!((run.code, &run.json()[0]["status"]), (9, &json!("ERROR")));
        run.says("malformed reply: ");
        assert_eq!(run.json()[0]["server"], format!("udp://{}", server.addr));
    }
}
