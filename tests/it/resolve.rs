//! `resolve`, against a server that says what the test wants.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{AAAA, PTR, SOA};
use hickory_resolver::proto::rr::{Name, RData, Record};
use serde_json::{Value, json};

use crate::dns_server::{Asked, DnsServer, Via, a, cname, ns, raw, record, wire};
use crate::json_doc;
use crate::support::{Sockkit, in_namespace};

struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs `sockkit resolve` with these words.
fn resolve<const N: usize>(words: [&str; N]) -> Run {
    let ran = Sockkit::new(["resolve"].into_iter().chain(words)).run();
    Run { code: ran.code, stdout: ran.out(), stderr: ran.stderr }
}

impl Run {
    /// The objects on standard output.
    fn json(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The data of the first lookup's answers.
    fn data(&self) -> Vec<String> {
        let answers = self.json()[0]["answers"].as_array().unwrap().clone();
        let data = |answer: &Value| answer["data"].as_str().unwrap().to_owned();
        answers.iter().map(data).collect()
    }

    #[track_caller]
    fn says(&self, words: &str) {
        assert!(self.stderr.contains(words), "{words:?} not in {:?}", self.stderr);
    }
}

fn www() -> Vec<Record> {
    vec![
        a("www.ita.br.", [161, 24, 23, 180]),
        record("www.ita.br.", RData::AAAA(AAAA("2001:db8::10".parse().unwrap()))),
    ]
}

/// A server that answers every question with this code.
fn always(code: ResponseCode) -> DnsServer {
    DnsServer::start(move |asked| vec![asked.reply_code(code)])
}

/// A server that never answers.
fn silent() -> DnsServer {
    DnsServer::start(|_| Vec::new())
}

/// A port that refuses datagrams as long as the socket lives: bound, and connected elsewhere.
fn closed_port() -> (UdpSocket, String) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(socket.local_addr().unwrap()).unwrap();
    let word = format!("@{}", socket.local_addr().unwrap());
    (socket, word)
}

fn ends_soon(started: Instant) {
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[test]
fn both_families_are_asked_for_by_default() {
    let server = DnsServer::with_records(www());
    let run = resolve(["www.ita.br", &server.word()]);
    assert_eq!(run.code, 0);
    assert_eq!(
        run.stdout,
        "NAME         TYPE  TTL  DATA\n\
         www.ita.br.  A     300  161.24.23.180\n\
         www.ita.br.  AAAA  300  2001:db8::10\n"
    );
    assert_eq!(run.stderr, "");
    assert_eq!(server.count(), 2);
}

#[test]
fn a_family_that_is_missing_is_only_spoken_of_on_request() {
    let server = DnsServer::with_records(vec![a("v4.example.", [192, 0, 2, 1])]);
    let run = resolve(["v4.example", &server.word()]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let run = resolve(["v4.example", &server.word(), "-v"]);
    run.says("v4.example has no AAAA record (the name exists)");
    let run = resolve(["v4.example", "a", "aaaa", &server.word()]);
    assert_eq!(run.code, 0);
    run.says("v4.example has no AAAA record (the name exists)");
}

#[test]
fn plain_is_tab_separated_without_a_header() {
    let server = DnsServer::with_records(www());
    let run = resolve(["--plain", "www.ita.br", &server.word()]);
    assert_eq!(
        run.stdout,
        "www.ita.br.\tA\t300\t161.24.23.180\nwww.ita.br.\tAAAA\t300\t2001:db8::10\n"
    );
}

#[test]
fn json_is_one_documented_object_a_lookup() {
    let server = DnsServer::with_records(www());
    let run = resolve(["--json", "www.ita.br", "a", "mx", &server.word()]);
    assert_eq!(run.code, 0);
    let mut lines = run.json();
    for line in &mut lines {
        let time = line["time_us"].take();
        assert!(time.as_u64().is_some_and(|time| time > 0), "{time}");
    }
    let url = format!("udp://{}", server.addr);
    let found = json!({
        "type": "lookup", "name": "www.ita.br", "record_type": "A", "server": url,
        "status": "NOERROR", "time_us": null,
        "answers": [{"name": "www.ita.br.", "type": "A", "ttl": 300, "data": "161.24.23.180"}],
    });
    let empty = json!({
        "type": "lookup", "name": "www.ita.br", "record_type": "MX", "server": url,
        "status": "NOERROR", "time_us": null, "answers": [],
    });
    assert_eq!(lines, [found, empty]);
}

#[test]
fn a_lookup_has_the_documented_fields() {
    let server = DnsServer::with_records(www());
    let found = resolve(["--json", "www.ita.br", "a", &server.word()]).json();
    let (_socket, dead) = closed_port();
    let failed = resolve(["--json", "www.ita.br", "a", &dead]).json();
    json_doc::holds("Reports", &[found, failed].concat());
}

#[test]
fn an_address_asks_for_its_name() {
    let target = RData::PTR(PTR(Name::from_ascii("host.example.").unwrap()));
    let server = DnsServer::with_records(vec![record("10.2.0.192.in-addr.arpa.", target)]);
    for word in ["192.0.2.10", "::ffff:192.0.2.10", "10.2.0.192.in-addr.arpa"] {
        let run = resolve(["--json", word, &server.word()]);
        assert_eq!(run.code, 0, "{word}");
        let line = &run.json()[0];
        assert_eq!((&line["record_type"], &line["name"]), (&json!("PTR"), &json!(word)));
        assert_eq!(run.data(), ["host.example."]);
    }
    let run = resolve(["2001:db8::10", &server.word()]);
    assert_eq!(run.code, 1);
    run.says("8.b.d.0.1.0.0.2.ip6.arpa (the reverse name of 2001:db8::10) does not exist");
}

#[test]
fn whatever_a_text_record_holds_arrives_escaped() {
    let long = "x".repeat(255);
    let mut texts = vec![
        b"\x08\x1b]0;p\x07\r\n".to_vec(),
        b"\x07a\"b\\c \xff".to_vec(),
        b"\x04caf\xe9\x00".to_vec(),
        b"\x05\xe2\x80\xae\xc2\x9b".to_vec(),
    ];
    texts.push([&[255], long.as_bytes()].concat());
    let records = texts.iter().map(|text| raw("t.example.", 16, text));
    let server = DnsServer::with_records(records.collect());
    let run = resolve(["--json", "t.example", "txt", &server.word()]);
    assert_eq!(
        run.data(),
        [
            r#""\027]0;p\007\013\010""#,
            r#""a\"b\\c \255""#,
            r#""caf\233" """#,
            r#""\226\128\174\194\155""#,
            &format!("\"{long}\""),
        ]
    );
    for format in ["--json", "--plain", "--format=table"] {
        let run = resolve([format, "t.example", "txt", &server.word()]);
        let hostile = |byte: u8| byte != b'\n' && byte != b'\t' && !(b' '..=b'~').contains(&byte);
        assert!(!run.stdout.bytes().any(hostile), "{format}");
        assert!(run.stdout.contains(&long), "{format}: nothing is cut");
    }
}

#[test]
fn names_in_answers_are_escaped_too() {
    let server = DnsServer::with_records(vec![raw("p.example.", 12, b"\x04\x1b[2J\x03a.b\0")]);
    let run = resolve(["--json", "p.example", "ptr", &server.word()]);
    assert_eq!(run.data(), [r"\027[2J.a\.b."]);
}

#[test]
fn an_unknown_type_is_shown_by_number_and_in_hexadecimal() {
    let server = DnsServer::with_records(vec![raw("u.example.", 65280, b"\x01\x02\x03\xff")]);
    let run = resolve(["u.example", "TYPE65280", "--json", &server.word()]);
    let line = &run.json()[0];
    assert_eq!(line["record_type"], "TYPE65280");
    assert_eq!(line["answers"][0]["type"], "TYPE65280");
    assert_eq!(run.data(), [r"\# 4 010203FF"]);
}

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
fn a_name_that_does_not_exist_and_one_without_records_are_told_apart() {
    let server = DnsServer::with_records(www());
    let run = resolve(["nope.ita.br", &server.word()]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    let expected =
        format!("note: nope.ita.br does not exist (NXDOMAIN, says udp://{})\n", server.addr);
    assert_eq!(run.stderr, expected);
    let run = resolve(["www.ita.br", "mx", "txt", &server.word()]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert_eq!(run.stderr, "note: www.ita.br has no MX or TXT record (the name exists)\n");
    let run = resolve(["--json", "nope.ita.br", "a", &server.word()]);
    assert_eq!(run.json()[0]["status"], "NXDOMAIN");
}

#[test]
fn a_server_that_fails_or_refuses_is_named_with_its_words() {
    for (code, status) in [
        (ResponseCode::ServFail, "SERVFAIL"),
        (ResponseCode::Refused, "REFUSED"),
        (ResponseCode::BADCOOKIE, "BADCOOKIE"),
    ] {
        let server = always(code);
        let run = resolve(["--json", "www.ita.br", "a", &server.word()]);
        assert_eq!(run.code, 4);
        let line = &run.json()[0];
        assert_eq!(line["status"], status);
        assert_eq!(line["server"], format!("udp://{}", server.addr));
        assert_eq!(line.get("error"), None);
        let complaint: Value = serde_json::from_str(run.stderr.trim()).unwrap();
        assert_eq!((&complaint["type"], &complaint["code"]), (&json!("error"), &json!(4)));
        run.says(&format!("udp://{} answered {status}", server.addr));
    }
}

#[test]
fn a_server_that_only_refers_to_others_has_not_answered() {
    let refers = || {
        DnsServer::start(|asked| {
            let mut reply = asked.reply();
            reply.metadata.recursion_available = false;
            reply.add_authorities([ns("example.", "ns1.example."), ns("example.", "ns2.example.")]);
            vec![wire(&reply)]
        })
    };
    let server = refers();
    let run = resolve(["--json", "www.example", "a", &server.word()]);
    assert_eq!(run.code, 4);
    let line = &run.json()[0];
    let url = format!("udp://{}", server.addr);
    assert_eq!((&line["status"], &line["server"]), (&json!("ERROR"), &json!(url)));
    let reason = format!("{url} referred to ns1.example. (it does not recurse)");
    assert_eq!(line["error"], reason);
    run.says(&format!("cannot look up www.example: {reason}"));
    let good = DnsServer::with_records(vec![a("www.example.", [192, 0, 2, 1])]);
    let run = resolve(["--plain", "www.example", "a", &server.word(), &good.word()]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "www.example.\tA\t300\t192.0.2.1\n"));
    run.says(&format!("passed over {url}: referred to ns1.example. (it does not recurse)"));
}

#[test]
fn name_servers_in_a_reply_with_authority_are_no_referral() {
    let soa = || {
        let of = |name: &str| Name::from_ascii(name).unwrap();
        record("example.", RData::SOA(SOA::new(of("ns1.example."), of("h."), 1, 2, 3, 4, 5)))
    };
    let nothing: [fn(&mut Message, Record); 2] = [
        |reply, _| reply.metadata.authoritative = true,
        |reply, soa| {
            reply.add_authorities([soa]);
        },
    ];
    for says_so in nothing {
        let server = DnsServer::start(move |asked| {
            let mut reply = asked.reply();
            reply.add_authorities([ns("example.", "ns1.example.")]);
            says_so(&mut reply, soa());
            vec![wire(&reply)]
        });
        let run = resolve(["--json", "www.example", "a", &server.word()]);
        assert_eq!((run.code, &run.json()[0]["status"]), (1, &json!("NOERROR")));
        run.says("www.example has no A record (the name exists)");
    }
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
fn a_socket_that_meets_itself_is_a_closed_port() {
    // With one port to ask from, asking that port meets oneself, here under another address.
    let setup = "ip link set lo up; echo '40000 40000' > /proc/sys/net/ipv4/ip_local_port_range";
    for way in ["", "--tcp"] {
        let args = format!("resolve www.ita.br a @0.0.0.0:40000 {way}");
        let Some(resolve) = in_namespace("a question to oneself", setup, &args) else { return };
        let ran = resolve.run().code(4);
        assert!(ran.stderr.contains("0.0.0.0:40000 connection refused"), "{}", ran.stderr);
    }
}

#[test]
fn a_closed_port_is_told_at_once() {
    let (_socket, word) = closed_port();
    let started = Instant::now();
    let run = resolve(["--json", "www.ita.br", "a", &word]);
    ends_soon(started);
    assert_eq!(run.code, 4);
    let line = &run.json()[0];
    assert_eq!((&line["status"], &line["server"]), (&json!("ERROR"), &Value::Null));
    let reason = format!("no server reachable: {} connection refused", &word[1..]);
    assert_eq!(line["error"], reason);
    run.says(&reason);
}

#[test]
fn silence_ends_at_the_timeout() {
    let server = silent();
    let started = Instant::now();
    let run = resolve(["--json", "www.ita.br", "--timeout", "400ms", &server.word()]);
    assert!(started.elapsed() >= Duration::from_millis(400));
    ends_soon(started);
    assert_eq!(run.code, 5);
    let reason = format!("no answer from udp://{} within 400ms", server.addr);
    for line in run.json() {
        assert_eq!((&line["status"], &line["server"]), (&json!("TIMEOUT"), &Value::Null));
        assert_eq!(line["error"], reason);
    }
    assert!(server.count() <= 4, "two types, two tries at most");
    run.says(&reason);
}

#[test]
fn the_timeout_is_one_for_all_lookups() {
    let server = silent();
    let names: Vec<String> = (0..49).map(|at| format!("n{at}.example")).collect();
    let word = server.word();
    let words = ["resolve", "--json", "a", "--timeout=1s", &word];
    let started = Instant::now();
    let ran = Sockkit::new(words.into_iter().chain(names.iter().map(String::as_str))).run();
    ends_soon(started);
    let run = Run { code: ran.code, stdout: ran.out(), stderr: ran.stderr };
    assert_eq!(run.code, 5);
    let lines = run.json();
    assert_eq!(lines.len(), names.len());
    let reason = format!("no answer from udp://{} within 1s", server.addr);
    for line in lines {
        assert_eq!((&line["status"], &line["error"]), (&json!("TIMEOUT"), &json!(reason)));
    }
    assert!(server.count() <= 32, "those whose time was over before their turn are not asked");
}

#[test]
fn without_a_timeout_each_server_has_its_own_time() {
    let started = Instant::now();
    let (mute, good) = (silent(), DnsServer::with_records(www()));
    let alone = Sockkit::new(["resolve", "www.ita.br", "a", &mute.word()]).start();
    let run = resolve(["--plain", "www.ita.br", "a", &mute.word(), &good.word()]);
    assert!(started.elapsed() >= Duration::from_secs(5));
    assert_eq!((run.code, run.stdout.as_str()), (0, "www.ita.br.\tA\t300\t161.24.23.180\n"));
    let ran = alone.wait().code(5);
    let words = format!("no answer from udp://{} within 5s\n", mute.addr);
    assert!(ran.stderr.contains(&words), "{}", ran.stderr);
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
fn the_next_server_is_asked_when_one_is_of_no_use() {
    let good = DnsServer::with_records(www());
    let (_socket, dead) = closed_port();
    let failing = always(ResponseCode::ServFail);
    let mute = silent();
    for bad in [dead.clone(), failing.word(), mute.word()] {
        let run = resolve(["--json", "www.ita.br", "a", &bad, &good.word(), "--timeout=2s"]);
        assert_eq!((run.code, run.data()), (0, vec!["161.24.23.180".to_owned()]), "{bad}");
        assert_eq!(run.json()[0]["server"], format!("udp://{}", good.addr));
        run.says("passed over udp://");
    }
    let run = resolve(["www.ita.br", "a", &dead, &mute.word(), &failing.word(), "--timeout=2s"]);
    assert_eq!(run.code, 4);
    run.says("answered SERVFAIL");
    run.says("connection refused, udp://");
}

#[test]
fn an_alias_is_followed_over_several_replies() {
    let server = DnsServer::with_records(vec![
        cname("www.example.", "a.example."),
        cname("a.example.", "b.example."),
        a("b.example.", [192, 0, 2, 7]),
    ]);
    let run = resolve(["www.example", &server.word()]);
    assert_eq!(run.code, 0);
    assert_eq!(
        run.stdout,
        "NAME          TYPE   TTL  DATA\n\
         www.example.  CNAME  300  a.example.\n\
         a.example.    CNAME  300  b.example.\n\
         b.example.    A      300  192.0.2.7\n"
    );
}

#[test]
fn an_alias_of_nothing_says_what_is_missing() {
    let server = DnsServer::with_records(vec![cname("www.example.", "gone.example.")]);
    let run = resolve(["--json", "www.example", "a", &server.word()]);
    assert_eq!(run.code, 1);
    assert_eq!(run.json()[0]["status"], "NXDOMAIN");
    assert_eq!(run.data(), ["gone.example."]);
    run.says("www.example is an alias of gone.example, which does not exist");
}

#[test]
fn aliases_in_a_circle_or_without_end_are_a_broken_answer() {
    let circle = DnsServer::with_records(vec![
        cname("a.example.", "b.example."),
        cname("b.example.", "a.example."),
    ]);
    let run = resolve(["--json", "a.example", "a", &circle.word()]);
    assert_eq!((run.code, &run.json()[0]["status"]), (9, &json!("ERROR")));
    run.says("CNAME loop: a.example. -> b.example. -> a.example.");
    let endless = DnsServer::start(|asked| {
        let mut reply = asked.reply();
        reply.add_answer(cname(&asked.name, &format!("x{}", &asked.name)));
        vec![wire(&reply)]
    });
    let run = resolve(["n.example", "a", &endless.word()]);
    assert_eq!(run.code, 9);
    run.says("more than 16 CNAMEs in a row");
    assert_eq!(endless.count(), 17);
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

#[test]
fn of_several_names_the_highest_code_wins() {
    let server = DnsServer::start(|asked| {
        let code = match asked.name.as_str() {
            "broken.example." => ResponseCode::ServFail,
            "no.example." => ResponseCode::NXDomain,
            _ => {
                let mut reply = asked.reply();
                reply.add_answer(a(&asked.name, [192, 0, 2, 1]));
                return vec![wire(&reply)];
            }
        };
        vec![asked.reply_code(code)]
    });
    let word = server.word();
    assert_eq!(resolve(["yes.example", "also.example", "a", &word]).code, 0);
    assert_eq!(resolve(["no.example", "yes.example", "a", &word]).code, 1);
    let run = resolve(["--json", "broken.example", "no.example", "yes.example", "a", &word]);
    assert_eq!(run.code, 4);
    let names: Vec<Value> = run.json().iter().map(|line| line["name"].clone()).collect();
    assert_eq!(names, ["broken.example", "no.example", "yes.example"]);
}

#[test]
fn a_name_that_looks_like_a_type_is_written_with_a_dot() {
    let server = DnsServer::with_records(vec![a("mx.", [192, 0, 2, 5])]);
    let run = resolve(["mx.", "--plain", &server.word()]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "mx.\tA\t300\t192.0.2.5\n"));
    let run = resolve(["mx", &server.word()]);
    assert_eq!(run.code, 2);
    run.says("no name given: \"mx\" is a record type");
    run.says("try: `mx.`");
}

#[test]
fn what_cannot_be_a_name_is_refused_before_anything_is_asked() {
    let server = DnsServer::with_records(www());
    for (word, reason) in [
        ("a..b", "empty label"),
        ("http://www.ita.br/x", "did you mean www.ita.br?"),
        ("www.ita.br:443", "did you mean www.ita.br?"),
        ("TYPE99999", "is not a record type"),
        ("\u{1b}[31mred.example", "holds white space or a control character"),
        ("", "a name cannot be empty"),
    ] {
        let run = resolve([word, &server.word()]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{word:?}");
        run.says(reason);
        assert!(!run.stderr.contains('\u{1b}'), "{word:?}");
    }
    assert_eq!(server.count(), 0);
}

#[test]
fn a_server_without_an_address_is_a_step_that_failed() {
    let run = resolve(["www.ita.br", "@no such host"]);
    assert_eq!(run.code, 2);
    let run = resolve(["www.ita.br", "@tls://127.0.0.1"]);
    assert_eq!(run.code, 2);
    // A zone that is no interface: the system's resolver knows without asking anybody.
    let run = resolve(["www.ita.br", "@fe80::1%nowhere0"]);
    assert_eq!(run.code, 3);
    run.says("cannot resolve fe80::1%nowhere0");
}

#[test]
fn a_reader_that_has_left_is_no_failure() {
    let server = DnsServer::with_records(www());
    for format in ["--json", "--plain", "--format=table"] {
        let program = env!("CARGO_BIN_EXE_sockkit");
        let line = format!("{program} resolve www.ita.br {} {format}", server.word());
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{line} | true; exit ${{PIPESTATUS[0]}}")]);
        let ran = Sockkit::of(command).run().code(0);
        assert_eq!(ran.stderr, "", "{format}");
    }
}
