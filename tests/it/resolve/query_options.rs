//! What a query asks for besides its question.

use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, ResponseCode};
use serde_json::json;

use super::resolve;
use crate::support::peers::dns_server::{DnsServer, a, wire};

/// A server that answers with an OPT record of these options, and the queries that it received.
fn server(options: &'static [u8]) -> (DnsServer, Arc<Mutex<Vec<Message>>>) {
    let queries = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&queries);
    let server = DnsServer::start(move |query| {
        seen.lock().unwrap().push(query.message.clone());
        let mut reply = query.reply();
        reply.edns = None;
        reply.metadata.authentic_data = true;
        reply.add_answer(a(&query.name, [192, 0, 2, 1]));
        let mut bytes = wire(&reply);
        bytes[11] = 1;
        bytes.extend(b"\0\0\x29\x04\xd0\0\0\0\0");
        bytes.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        bytes.extend(options);
        vec![bytes]
    });
    (server, queries)
}

#[test]
fn the_flags_and_the_size_are_sent_as_asked() {
    let (server, queries) = server(b"");
    let word = server.argument();
    for way in [["--no-recurse", "--cd", "--ad"], ["+norec", "+cdflag", "+adflag"]] {
        let [recurse, cd, ad] = way;
        let run = resolve(["--json", "t.example", "a", recurse, cd, ad, "--dnssec", &word]);
        assert_eq!(run.json()[0]["flags"], json!(["ra", "ad", "cd"]));
        let query = queries.lock().unwrap().pop().unwrap();
        assert!(!query.metadata.recursion_desired);
        assert!(query.metadata.checking_disabled && query.metadata.authentic_data);
        assert!(query.edns.unwrap().flags().dnssec_ok);
    }
    resolve(["t.example", "a", "--bufsize=4096", &word]);
    assert_eq!(queries.lock().unwrap().pop().unwrap().max_payload(), 4096);
    for way in ["--no-edns", "+noedns"] {
        resolve(["t.example", "a", way, &word]);
        assert!(queries.lock().unwrap().pop().unwrap().edns.is_none());
    }
    let run = resolve(["t.example", "a", "--no-edns", "--nsid", &word]);
    assert_eq!(run.code, 2);
}

#[test]
fn the_servers_identifier_the_client_subnet_and_the_cookie_are_shown() {
    let (server, queries) = server(
        b"\0\x03\0\x04ns\x1b1\0\x08\0\x07\0\x01\x18\x10\xc0\0\x02\0\x0a\0\x10\
          clientclserverse",
    );
    let word = server.argument();
    let run = resolve(["--json", "t.example", "a", "--nsid", "--ecs=192.0.2.9", "--cookie", &word]);
    let line = &run.json()[0];
    assert_eq!(line["nsid"], r#""ns\0271""#);
    assert_eq!(
        (&line["client_subnet"], &line["client_subnet_scope"]),
        (&json!("192.0.2.0/24"), &json!(16))
    );
    assert_eq!(line["cookie"], "636C69656E74636C7365727665727365");
    run.assert_stderr_contains(r#"the server's identifier is \"ns\\0271\""#);
    run.assert_stderr_contains("it holds for the first 16 bits");
    let query = queries.lock().unwrap().pop().unwrap();
    assert_eq!(query.edns.unwrap().options().as_ref().len(), 3);
}

#[test]
fn a_query_is_repeated_with_the_cookie_that_the_server_gives() {
    let server = DnsServer::start(|query| {
        let sent = wire(&query.message);
        // The cookie is the last option: 8 octets of the client, and then 8 of the server.
        let is_renewed = sent.ends_with(b"serverse");
        let mut reply = query.reply();
        reply.edns = None;
        reply.metadata.response_code = ResponseCode::NoError;
        if is_renewed {
            reply.add_answer(a(&query.name, [192, 0, 2, 1]));
        }
        let mut bytes = wire(&reply);
        if !is_renewed {
            // BADCOOKIE is 23: 7 in the header, and 1 in the OPT record.
            bytes[3] |= 7;
        }
        bytes[11] = 1;
        bytes.extend(b"\0\0\x29\x04\xd0");
        bytes.extend([u8::from(!is_renewed), 0, 0, 0, 0, 20, 0, 10, 0, 16]);
        bytes.extend(b"clientclserverse");
        vec![bytes]
    });
    let run = resolve(["--json", "t.example", "a", "--cookie", &server.argument()]);
    assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]), "{}", run.stderr);
    assert_eq!(server.count(), 2);
}

#[test]
fn a_cookie_is_suggested_only_to_a_query_without_one() {
    let server = super::server_answering(ResponseCode::BADCOOKIE);
    let run = resolve(["t.example", "a", &server.argument()]);
    assert_eq!(run.code, 4);
    run.assert_stderr_contains("try: --cookie\n");
    let run = resolve(["t.example", "a", "--cookie", &server.argument()]);
    assert_eq!(run.code, 4);
    run.assert_stderr_contains("BADCOOKIE (the query has no cookie that the server accepts)");
    assert!(!run.stderr.contains("--cookie"), "{}", run.stderr);
}

#[test]
fn a_query_is_padded_on_request() {
    let (server, queries) = server(b"");
    resolve(["t.example", "a", "--padding=256", &server.argument()]);
    let query = queries.lock().unwrap().pop().unwrap();
    assert_eq!(wire(&query).len() % 256, 0);
}
