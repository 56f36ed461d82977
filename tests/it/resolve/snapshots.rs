//! The whole output of each format, for each kind of result. `UPDATE_EXPECT=1` rewrites them.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use hickory_resolver::proto::op::ResponseCode;

use super::www_records;
use crate::support::peers::dns_server::{DnsServer, a, cname, raw, wire};

/// Asserts the output of a lookup in each format, without its time and the port of the server.
#[track_caller]
fn holds<const N: usize>(server: &DnsServer, words: [&str; N], expected: &Expect) {
    let mut shown = String::new();
    for format in ["--format=table", "--plain", "--short", "--json"] {
        let mut all = words.to_vec();
        let word = server.argument();
        all.extend([format, &word]);
        let run = resolve_words(&all);
        writeln!(shown, "== {format}: exit {}", run.code).unwrap();
        shown += &run.stdout;
        for line in run.stderr.lines() {
            writeln!(shown, "stderr: {line}").unwrap();
        }
    }
    let port = format!(":{}", server.addr.port());
    let mut shown = shown.replace(&port, ":PORT");
    while let Some(at) = shown.find("\"time_us\":") {
        let rest = &shown[at..];
        let end = at + rest.find(',').unwrap();
        shown.replace_range(at..=end, "");
    }
    expected.assert_eq(&shown);
}

fn resolve_words(words: &[&str]) -> super::Run {
    let ran = crate::support::Sockkit::new(["resolve"].iter().chain(words)).run();
    super::Run { code: ran.code, stdout: ran.out(), stderr: ran.stderr }
}

#[test]
fn an_answer() {
    let server = DnsServer::with_records(www_records());
    holds(
        &server,
        ["www.ita.br"],
        &expect![[r#"
        == --format=table: exit 0
        NAME         TYPE  TTL  DATA
        www.ita.br.  A     300  161.24.23.180
        www.ita.br.  AAAA  300  2001:db8::10
        == --plain: exit 0
        www.ita.br.	A	300	161.24.23.180	
        www.ita.br.	AAAA	300	2001:db8::10	
        == --short: exit 0
        161.24.23.180
        2001:db8::10
        == --json: exit 0
        {"type":"lookup","name":"www.ita.br","query_name":"www.ita.br.","record_type":"A","server":"udp://127.0.0.1:PORT","status":"NOERROR","tries":1,"discarded":0,"flags":["rd","ra"],"answers":[{"name":"www.ita.br.","type":"A","ttl":300,"data":"161.24.23.180"}]}
        {"type":"lookup","name":"www.ita.br","query_name":"www.ita.br.","record_type":"AAAA","server":"udp://127.0.0.1:PORT","status":"NOERROR","tries":1,"discarded":0,"flags":["rd","ra"],"answers":[{"name":"www.ita.br.","type":"AAAA","ttl":300,"data":"2001:db8::10"}]}
    "#]],
    );
}

#[test]
fn several_types() {
    let mut records = www_records();
    records.push(raw("www.ita.br.", 15, b"\0\x0a\x04mail\0"));
    records.push(raw("www.ita.br.", 16, b"\x07v=spf1 \x01\x1b"));
    records.push(raw("www.ita.br.", 65280, b"\x01\xff"));
    let server = DnsServer::with_records(records);
    holds(
        &server,
        ["www.ita.br", "a", "mx", "txt", "caa", "type65280"],
        &expect![[r#"
        == --format=table: exit 0
        NAME         TYPE       TTL  DATA
        www.ita.br.  A          300  161.24.23.180
        www.ita.br.  MX         300  10 mail.
        www.ita.br.  TXT        300  "v=spf1 " "\027"
        www.ita.br.  TYPE65280  300  \# 2 01FF
        stderr: note: www.ita.br has no CAA record (the name exists)
        == --plain: exit 0
        www.ita.br.	A	300	161.24.23.180	
        www.ita.br.	MX	300	10 mail.	
        www.ita.br.	TXT	300	"v=spf1 " "\027"	
        www.ita.br.	TYPE65280	300	\# 2 01FF	
        stderr: note: www.ita.br has no CAA record (the name exists)
        == --short: exit 0
        161.24.23.180
        10 mail.
        "v=spf1 " "\027"
        \# 2 01FF
        stderr: note: www.ita.br has no CAA record (the name exists)
        == --json: exit 0
        {"type":"lookup","name":"www.ita.br","query_name":"www.ita.br.","record_type":"A","server":"udp://127.0.0.1:PORT","status":"NOERROR","tries":1,"discarded":0,"flags":["rd","ra"],"answers":[{"name":"www.ita.br.","type":"A","ttl":300,"data":"161.24.23.180"}]}
        {"type":"lookup","name":"www.ita.br","query_name":"www.ita.br.","record_type":"MX","server":"udp://127.0.0.1:PORT","status":"NOERROR","tries":1,"discarded":0,"flags":["rd","ra"],"answers":[{"name":"www.ita.br.","type":"MX","ttl":300,"data":"10 mail."}]}
        {"type":"lookup","name":"www.ita.br","query_name":"www.ita.br.","record_type":"TXT","server":"udp://127.0.0.1:PORT","status":"NOERROR","tries":1,"discarded":0,"flags":["rd","ra"],"answers":[{"name":"www.ita.br.","type":"TXT","ttl":300,"data":"\"v=spf1 \" \"\\027\""}]}
        {"type":"lookup","name":"www.ita.br","query_name":"www.ita.br.","record_type":"CAA","server":"udp://127.0.0.1:PORT","status":"NOERROR","tries":1,"discarded":0,"flags":["rd","ra"],"answers":[]}
        {"type":"lookup","name":"www.ita.br","query_name":"www.ita.br.","record_type":"TYPE65280","server":"udp://127.0.0.1:PORT","status":"NOERROR","tries":1,"discarded":0,"flags":["rd","ra"],"answers":[{"name":"www.ita.br.","type":"TYPE65280","ttl":300,"data":"\\# 2 01FF"}]}
        stderr: {"type":"note","message":"www.ita.br has no CAA record (the name exists)"}
    "#]],
    );
}

#[test]
fn an_alias() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.add_answer(cname("www.ita.br.", "web.ita.br."));
        reply.add_answer(a("web.ita.br.", [192, 0, 2, 1]));
        reply.add_answer(a("other.example.", [192, 0, 2, 66]));
        vec![wire(&reply)]
    });
    holds(
        &server,
        ["www.ita.br", "a"],
        &expect![[r#"
        == --format=table: exit 0
        NAME            TYPE   TTL  DATA         NOTE
        www.ita.br.     CNAME  300  web.ita.br.
        web.ita.br.     A      300  192.0.2.1
        other.example.  A      300  192.0.2.66   not asked for
        == --plain: exit 0
        www.ita.br.	CNAME	300	web.ita.br.	
        web.ita.br.	A	300	192.0.2.1	
        other.example.	A	300	192.0.2.66	not asked for
        == --short: exit 0
        192.0.2.1
        == --json: exit 0
        {"type":"lookup","name":"www.ita.br","query_name":"www.ita.br.","record_type":"A","server":"udp://127.0.0.1:PORT","status":"NOERROR","tries":1,"discarded":0,"flags":["rd","ra"],"answers":[{"name":"www.ita.br.","type":"CNAME","ttl":300,"data":"web.ita.br."},{"name":"web.ita.br.","type":"A","ttl":300,"data":"192.0.2.1"},{"name":"other.example.","type":"A","ttl":300,"data":"192.0.2.66","unasked":true}]}
    "#]],
    );
}

#[test]
fn a_name_that_does_not_exist() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.metadata.response_code = ResponseCode::NXDomain;
        reply.add_authorities([raw("ita.br.", 6, &[&[0; 2][..], &[0; 18], &[1, 44]].concat())]);
        vec![wire(&reply)]
    });
    holds(
        &server,
        ["nope.ita.br"],
        &expect![[r#"
        == --format=table: exit 1
        stderr: note: nope.ita.br does not exist (NXDOMAIN from udp://127.0.0.1:PORT, which may be cached for 300 s)
        == --plain: exit 1
        stderr: note: nope.ita.br does not exist (NXDOMAIN from udp://127.0.0.1:PORT, which may be cached for 300 s)
        == --short: exit 1
        stderr: note: nope.ita.br does not exist (NXDOMAIN from udp://127.0.0.1:PORT, which may be cached for 300 s)
        == --json: exit 1
        {"type":"lookup","name":"nope.ita.br","query_name":"nope.ita.br.","record_type":"A","server":"udp://127.0.0.1:PORT","status":"NXDOMAIN","tries":1,"discarded":0,"flags":["rd","ra"],"answers":[],"negative_ttl":300}
        {"type":"lookup","name":"nope.ita.br","query_name":"nope.ita.br.","record_type":"AAAA","server":"udp://127.0.0.1:PORT","status":"NXDOMAIN","tries":1,"discarded":0,"flags":["rd","ra"],"answers":[],"negative_ttl":300}
        stderr: {"type":"note","message":"nope.ita.br does not exist (NXDOMAIN from udp://127.0.0.1:PORT, which may be cached for 300 s)"}
    "#]],
    );
}

#[test]
fn a_name_without_records_of_the_type() {
    let server = DnsServer::with_records(www_records());
    holds(
        &server,
        ["www.ita.br", "mx"],
        &expect![[r#"
        == --format=table: exit 1
        stderr: note: www.ita.br has no MX record (the name exists)
        == --plain: exit 1
        stderr: note: www.ita.br has no MX record (the name exists)
        == --short: exit 1
        stderr: note: www.ita.br has no MX record (the name exists)
        == --json: exit 1
        {"type":"lookup","name":"www.ita.br","query_name":"www.ita.br.","record_type":"MX","server":"udp://127.0.0.1:PORT","status":"NOERROR","tries":1,"discarded":0,"flags":["rd","ra"],"answers":[]}
        stderr: {"type":"note","message":"www.ita.br has no MX record (the name exists)"}
    "#]],
    );
}

#[test]
fn a_failure_with_an_extended_error() {
    let server = DnsServer::start(|query| {
        let mut bytes = query.reply_code(ResponseCode::ServFail);
        // The OPT record of the query, without an option, ends the message.
        let length = bytes.len();
        bytes.truncate(length - 2);
        bytes.extend(b"\0\x0d\0\x0f\0\x09\0\x09no \x1bkey");
        vec![bytes]
    });
    holds(
        &server,
        ["www.ita.br", "a"],
        &expect![[r#"
        == --format=table: exit 4
        stderr: error: cannot look up www.ita.br: udp://127.0.0.1:PORT answered SERVFAIL (the server could not complete the query)
        stderr: cause: EDE 9 (DNSKEY Missing): "no \u{1b}key"
        stderr: try: another server, as @HOST; `sockkit info` lists the default servers
        == --plain: exit 4
        stderr: error: cannot look up www.ita.br: udp://127.0.0.1:PORT answered SERVFAIL (the server could not complete the query)
        stderr: cause: EDE 9 (DNSKEY Missing): "no \u{1b}key"
        stderr: try: another server, as @HOST; `sockkit info` lists the default servers
        == --short: exit 4
        stderr: error: cannot look up www.ita.br: udp://127.0.0.1:PORT answered SERVFAIL (the server could not complete the query)
        stderr: cause: EDE 9 (DNSKEY Missing): "no \u{1b}key"
        stderr: try: another server, as @HOST; `sockkit info` lists the default servers
        == --json: exit 4
        {"type":"lookup","name":"www.ita.br","query_name":"www.ita.br.","record_type":"A","server":"udp://127.0.0.1:PORT","status":"SERVFAIL","tries":1,"discarded":0,"flags":["rd","ra"],"answers":[],"extended_errors":[{"code":9,"meaning":"DNSKEY Missing","text":"no \u001bkey"}]}
        stderr: {"type":"error","code":4,"message":"cannot look up www.ita.br: udp://127.0.0.1:PORT answered SERVFAIL (the server could not complete the query)","cause":"EDE 9 (DNSKEY Missing): \"no \\u{1b}key\"","hint":"another server, as @HOST; `sockkit info` lists the default servers"}
    "#]],
    );
}

#[test]
fn a_truncated_reply() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.metadata.truncation = true;
        reply.add_answer(a("www.ita.br.", [192, 0, 2, 1]));
        vec![wire(&reply)]
    });
    holds(
        &server,
        ["www.ita.br", "a", "--no-tcp"],
        &expect![[r#"
        == --format=table: exit 0
        NAME         TYPE  TTL  DATA
        www.ita.br.  A     300  192.0.2.1
        stderr: warning: the reply is truncated: records are missing
        == --plain: exit 0
        www.ita.br.	A	300	192.0.2.1	
        stderr: warning: the reply is truncated: records are missing
        == --short: exit 0
        192.0.2.1
        stderr: warning: the reply is truncated: records are missing
        == --json: exit 0
        {"type":"lookup","name":"www.ita.br","query_name":"www.ita.br.","record_type":"A","server":"udp://127.0.0.1:PORT","status":"NOERROR","tries":1,"discarded":0,"flags":["tc","rd","ra"],"answers":[{"name":"www.ita.br.","type":"A","ttl":300,"data":"192.0.2.1"}],"notes":["the reply is truncated: records are missing"]}
        stderr: {"type":"warning","message":"the reply is truncated: records are missing"}
    "#]],
    );
}
