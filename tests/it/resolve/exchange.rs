//! One exchange with a server: UDP and TCP, EDNS, and replies that do not fit the question.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{DNSClass, Name};
use rustix::net::{AddressFamily, SocketType};
use serde_json::{Value, json};

use super::{Run, assert_ends_soon, resolve, server_answering, silent_server};
use crate::support::Sockkit;
use crate::support::peers::dns_server::{DnsServer, Query, Transport, a, cname, raw, wire};

#[test]
fn r01_a_truncated_reply_is_retried_over_tcp() {
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
fn r02_a_truncated_reply_without_tcp_exits_4() {
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
    assert_eq!(run.stdout, "t.example.\tA\t300\t192.0.2.1\t\n");
}

#[test]
fn r01_verbose_reports_the_retry_over_tcp() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.metadata.truncation = query.via == Transport::Udp;
        reply.add_answer(a("big.example.", [192, 0, 2, 1]));
        vec![wire(&reply)]
    });
    let run = resolve(["-v", "big.example", "a", &server.argument()]);
    run.assert_stderr_contains(", truncated over UDP, retried over TCP");
}

#[test]
fn r03_without_tcp_a_truncated_reply_is_shown_and_marked() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.metadata.truncation = true;
        reply.add_answer(a("big.example.", [192, 0, 2, 1]));
        vec![wire(&reply)]
    });
    for way in ["--no-tcp", "+ignore"] {
        let run = resolve(["--json", "big.example", "a", way, &server.argument()]);
        assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]));
        run.assert_stderr_contains("the reply is truncated: records are missing");
    }
    assert_eq!(server.count(), 2);
}

#[test]
fn r04_a_reply_longer_than_announced_is_shown() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.add_answers((0..100).map(|last| a("big.example.", [192, 0, 2, last])));
        vec![wire(&reply)]
    });
    let run = resolve(["--json", "big.example", "a", &server.argument()]);
    assert_eq!((run.code, run.data().len()), (0, 100));
    assert_eq!(run.json()[0]["server"], format!("udp://{}", server.addr));
}

/// Runs a lookup of `t.example` against a server that sends these messages before the right reply.
fn after(wrong: impl Fn(&Query) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Run {
    let server = DnsServer::start(move |query| {
        let mut right = query.reply();
        right.add_answer(a(&query.name, [192, 0, 2, 1]));
        wrong(query).into_iter().chain([wire(&right)]).collect()
    });
    let run = resolve(["--json", "t.example", "a", &server.argument()]);
    assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]), "{}", run.stderr);
    run
}

/// A reply with a false address.
fn forged(query: &Query) -> Message {
    let mut reply = query.reply();
    reply.add_answer(a(&query.name, [192, 0, 2, 66]));
    reply
}

#[test]
fn r05_a_reply_with_another_id_is_discarded_and_counted() {
    let run = after(|query| {
        let mut wrong_id = forged(query);
        wrong_id.metadata.id ^= 1;
        vec![wire(&wrong_id)]
    });
    assert_eq!(run.json()[0]["discarded"], 1);
    run.assert_stderr_contains("discarded 1 message: 1 with another id");
}

#[test]
fn r06_a_reply_to_another_question_is_discarded_and_counted() {
    let run = after(|query| {
        let mut name = forged(query);
        name.queries[0].name = Name::from_ascii("evil.example.").unwrap();
        let mut kind = forged(query);
        kind.queries[0].query_type = 16.into();
        let mut class = forged(query);
        class.queries[0].query_class = DNSClass::CH;
        let mut twice = forged(query);
        twice.queries.push(twice.queries[0].clone());
        let mut none = forged(query);
        none.queries.clear();
        [name, kind, class, twice, none].iter().map(wire).collect()
    });
    assert_eq!(run.json()[0]["discarded"], 5);
    run.assert_stderr_contains("5 with another question");
}

#[test]
fn r06_a_reply_with_another_opcode_is_discarded_and_counted() {
    let run = after(|query| {
        let mut bytes = wire(&forged(query));
        bytes[2] |= 4 << 3;
        vec![bytes]
    });
    run.assert_stderr_contains("1 with another opcode");
}

#[test]
fn a_timeout_after_discarded_messages_says_what_is_wrong_with_each() {
    let server = DnsServer::start(|query| {
        let mut wrong_id = forged(query);
        wrong_id.metadata.id ^= 1;
        vec![wire(&query.message), wire(&wrong_id)]
    });
    let run = resolve(["t.example", "a", "--timeout=300ms", "+tries=1", &server.argument()]);
    assert_eq!(run.code, 5);
    run.assert_stderr_contains("within 300ms (1 query sent)");
    let expected =
        "cause: every message that arrived was discarded: 1 not a reply, 1 with another id";
    run.assert_stderr_contains(expected);
    // Over a stream, too.
    let run = resolve(["t.example", "a", "--timeout=300ms", "--tcp", &server.argument()]);
    assert_eq!(run.code, 4);
    run.assert_stderr_contains("discarded 2 messages: 1 not a reply, 1 with another id");
}

#[test]
fn the_timeout_of_a_connection_says_that_no_query_was_sent() {
    // The queue of connections has no free place, so the kernel drops the next SYN.
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let listener = TcpListener::from(socket);
    let addr = listener.local_addr().unwrap();
    let _queued: Vec<_> =
        (0..2).map(|_| TcpStream::connect_timeout(&addr, Duration::from_millis(200))).collect();
    let word = format!("@tcp://{addr}");
    let run = resolve(["--json", "t.example", "a", "--timeout=300ms", &word]);
    assert_eq!((run.code, &run.json()[0]["tries"]), (5, &json!(0)));
    run.assert_stderr_contains("within 300ms (no query sent)");
}

#[test]
fn r07_a_reply_from_another_address_is_not_seen() {
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let seen: Mutex<Option<SocketAddr>> = Mutex::new(None);
    let server = DnsServer::start(move |query| {
        let mut reply = query.reply();
        reply.add_answer(a(&query.name, [192, 0, 2, 1]));
        // The reply of the stranger arrives first.
        let client = seen.lock().unwrap().replace(query.client);
        assert_eq!(client, None);
        stranger.send_to(&wire(&forged(query)), query.client).unwrap();
        vec![wire(&reply)]
    });
    let run = resolve(["--json", "t.example", "a", &server.argument()]);
    assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]));
}

#[test]
fn r08_a_repeated_reply_does_not_answer_the_next_question() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        let last = if query.name == "b.example." { 2 } else { 1 };
        reply.add_answer(match query.name.as_str() {
            "a.example." => cname(&query.name, "b.example."),
            _ => a(&query.name, [192, 0, 2, last]),
        });
        vec![wire(&reply), wire(&reply)]
    });
    let run = resolve(["--json", "a.example", "a", &server.argument()]);
    assert_eq!(run.data(), ["b.example.", "192.0.2.2"]);
}

#[test]
fn r09_an_echo_of_the_query_is_not_a_reply() {
    let run = after(|query| vec![wire(&query.message)]);
    run.assert_stderr_contains("1 not a reply");
}

#[test]
fn r10_short_and_empty_datagrams_are_not_replies() {
    let run = after(|_| vec![vec![0; 3], Vec::new()]);
    run.assert_stderr_contains("2 too short");
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
        let scheme = |way: &[&str]| if way.contains(&"--tcp") { "tcp" } else { "udp" };
        let note = |way: &[&str]| {
            let scheme = scheme(way);
            format!("{scheme}://{} rejected the query with EDNS; repeated without it", server.addr)
        };
        for way in [&[][..], &["--tcp"]] {
            let words = ["--plain", "old.example", "a", &server.argument()];
            let ran = Sockkit::new(["resolve"].iter().chain(&words).chain(way).copied()).run();
            assert_eq!((ran.code, ran.stderr), (0, format!("note: {}\n", note(way))));
        }
        let run = resolve(["--json", "old.example", "a", &server.argument()]);
        assert_eq!(run.json()[0]["notes"], json!([note(&[])]));
        for way in [&["-v"][..], &["-v", "--tcp"]] {
            let before = server.count();
            let word = server.argument();
            let words = ["resolve", "--plain", "old.example", "a", &word];
            let ran = Sockkit::new(words.iter().chain(way).copied()).run().code(0);
            assert_eq!(ran.out(), "old.example.\tA\t300\t192.0.2.1\t\n");
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
fn r30_a_lost_datagram_is_sent_again() {
    let seen = Mutex::new(0);
    let server = DnsServer::start(move |query| {
        let mut seen = seen.lock().unwrap();
        *seen += 1;
        let mut reply = query.reply();
        reply.add_answer(a(&query.name, [192, 0, 2, 1]));
        if *seen == 1 { Vec::new() } else { vec![wire(&reply)] }
    });
    let run = resolve(["--json", "t.example", "a", "--timeout=2s", &server.argument()]);
    assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]));
    assert_eq!(run.json()[0]["tries"], 2);
    let time = run.json()[0]["time_us"].as_u64().unwrap();
    assert!(time < 900_000, "the time of the second try, not {time} µs");
}

#[test]
fn tries_limits_the_number_of_queries() {
    for (tries, count) in [("1", 1), ("4", 4)] {
        let server = silent_server();
        let word = server.argument();
        let args =
            ["resolve", "--json", "t.example", "a", "--timeout=400ms", "--tries", tries, &word];
        let ran = Sockkit::new(args).run().code(5);
        assert_eq!(server.count(), count);
        let line: Value = serde_json::from_str(&ran.out()).unwrap();
        assert_eq!(line["tries"], count);
        let sent = if count == 1 { "(1 query sent)" } else { "(4 queries sent)" };
        assert!(ran.stderr.contains(sent), "{}", ran.stderr);
    }
}

#[test]
fn r11_a_malformed_reply_exits_9() {
    let cases: [fn(&Query) -> Vec<u8>; 5] = [
        |query| {
            let mut bytes = query.message.metadata.id.to_be_bytes().to_vec();
            bytes.extend([0x81, 0x80, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xff, 0xfe]);
            bytes
        },
        |query| {
            let mut bytes = query.message.metadata.id.to_be_bytes().to_vec();
            bytes.extend([0xff; 40]);
            bytes
        },
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
        let run = resolve(["-v", "www.ita.br", "a", &server.argument()]);
        run.assert_stderr_contains("the reply in hexadecimal: ");
    }
}
