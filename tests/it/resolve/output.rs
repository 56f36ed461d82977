//! The formats of `resolve`, and how it escapes what a server sends.

use std::path::Path;
use std::process::Command;

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::DNSClass;
use serde_json::{Value, json};

use super::{closed_port, resolve, server_answering, www_records};
use crate::json_doc;
use crate::support::peers::dns_server::{DnsServer, raw, wire};
use crate::support::{Sockkit, Terminal};

#[test]
fn plain_is_tab_separated_without_a_header_and_a_line_always_has_five_fields() {
    let server = DnsServer::with_records(www_records());
    let run = resolve(["--plain", "www.ita.br", &server.argument()]);
    assert_eq!(
        run.stdout,
        "www.ita.br.\tA\t300\t161.24.23.180\t\nwww.ita.br.\tAAAA\t300\t2001:db8::10\t\n"
    );
}

#[test]
fn json_prints_one_object_per_lookup() {
    let server = DnsServer::with_records(www_records());
    let run = resolve(["--json", "www.ita.br", "a", "mx", &server.argument()]);
    assert_eq!(run.code, 0);
    let mut lines = run.json();
    for line in &mut lines {
        let time = line["time_us"].take();
        assert!(time.as_u64().is_some_and(|time| time > 0), "{time}");
    }
    let url = format!("udp://{}", server.addr);
    let found = json!({
        "type": "lookup", "name": "www.ita.br", "query_name": "www.ita.br.",
        "record_type": "A", "server": url,
        "status": "NOERROR", "time_us": null, "tries": 1, "discarded": 0, "flags": ["rd", "ra"],
        "answers": [{"name": "www.ita.br.", "type": "A", "ttl": 300, "data": "161.24.23.180"}],
    });
    let empty = json!({
        "type": "lookup", "name": "www.ita.br", "query_name": "www.ita.br.",
        "record_type": "MX", "server": url,
        "status": "NOERROR", "time_us": null, "tries": 1, "discarded": 0, "flags": ["rd", "ra"],
        "answers": [],
    });
    assert_eq!(lines, [found, empty]);
}

#[test]
fn a_lookup_has_the_documented_fields() {
    let server = DnsServer::with_records(www_records());
    let twice = server.argument();
    let found = resolve(["--json", "--compare", "www.ita.br", "a", &twice, &twice]).json();
    let (_socket, dead) = closed_port();
    let failed = resolve(["--json", "www.ita.br", "a", &dead]).json();
    let second = resolve(["--json", "www.ita.br", "a", &dead, &twice]).json();
    // A reply with every field: an extended error, a foreign record and an invalid one.
    let odd = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.edns = None;
        reply.metadata.response_code = ResponseCode::NXDomain;
        let mut foreign = raw("x.", 16, b"\x01");
        foreign.dns_class = DNSClass::CH;
        reply.add_answer(foreign);
        reply.add_authorities([raw("example.", 6, &[&[0; 2][..], &[0; 20]].concat())]);
        let mut bytes = wire(&reply);
        bytes[11] = 1;
        bytes.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0\x1e\0\x0f\0\x02\0\x09\0\x03\0\x02ns");
        bytes.extend(b"\0\x08\0\x07\0\x01\x18\x10\xc0\0\x02\0\x0a\0\x03abc");
        vec![bytes]
    });
    let odd = resolve(["--json", "www.example", "a", &odd.argument()]).json();
    let negative = server_answering(ResponseCode::NXDomain);
    let negative = resolve(["--json", "www.example", "a", &negative.argument()]).json();
    let idn = DnsServer::with_records(vec![raw("xn--p1ai.", 12, b"\x08xn--p1ai\0")]);
    let idn = resolve(["--json", "рф", "ptr", &idn.argument()]).json();
    json_doc::holds("Reports", &[found, failed, second, odd, negative, soa_reply(), idn].concat());
}

/// The report of a negative answer that has an SOA record.
fn soa_reply() -> Vec<Value> {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.add_authorities([raw("example.", 6, &[&[0; 2][..], &[0; 20]].concat())]);
        vec![wire(&reply)]
    });
    resolve(["--json", "www.example", "a", &server.argument()]).json()
}

#[test]
fn short_and_json_exclude_each_other() {
    for words in [["--short", "--json"], ["+short", "--format=json"]] {
        let run = resolve([words[0], words[1], "www.ita.br", "@127.0.0.1:9"]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""));
        run.assert_stderr_contains("--short");
    }
}

#[test]
fn r31_r32_r33_text_records_are_printed_escaped() {
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
    let run = resolve(["--json", "t.example", "txt", &server.argument()]);
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
        let run = resolve([format, "t.example", "txt", &server.argument()]);
        let hostile = |byte: u8| byte != b'\n' && byte != b'\t' && !(b' '..=b'~').contains(&byte);
        assert!(!run.stdout.bytes().any(hostile), "{format}");
        assert!(run.stdout.contains(&long), "{format}: nothing is cut");
    }
}

#[test]
fn r34_names_in_answers_are_printed_escaped() {
    let server = DnsServer::with_records(vec![raw("p.example.", 12, b"\x04\x1b[2J\x03a.b\0")]);
    let run = resolve(["--json", "p.example", "ptr", &server.argument()]);
    assert_eq!(run.data(), [r"\027[2J.a\.b."]);
}

#[test]
fn r50_an_unknown_type_is_shown_by_number_and_in_hexadecimal() {
    let server = DnsServer::with_records(vec![raw("u.example.", 65280, b"\x01\x02\x03\xff")]);
    let run = resolve(["u.example", "TYPE65280", "--json", &server.argument()]);
    let line = &run.json()[0];
    assert_eq!(line["record_type"], "TYPE65280");
    assert_eq!(line["answers"][0]["type"], "TYPE65280");
    assert_eq!(run.data(), [r"\# 4 010203FF"]);
}

#[test]
fn r64_a_reader_that_closed_the_pipe_exits_0() {
    let server = DnsServer::with_records(www_records());
    for format in ["--json", "--plain", "--format=table"] {
        let program = env!("CARGO_BIN_EXE_sockkit");
        let line = format!("{program} resolve www.ita.br {} {format}", server.argument());
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{line} | true; exit ${{PIPESTATUS[0]}}")]);
        let ran = Sockkit::of(command).run().code(0);
        assert_eq!(ran.stderr, "", "{format}");
    }
}

#[test]
fn r64_a_dumb_terminal_no_color_and_a_narrow_terminal_get_whole_records() {
    let long = format!("{}.example.", "x".repeat(60));
    let server = DnsServer::with_records(vec![raw(&long, 16, b"\x0atext \x1b[1mx")]);
    let program = env!("CARGO_BIN_EXE_sockkit");
    let line = format!("{program} resolve {long} txt {}", server.argument());
    for variables in ["TERM=dumb", "NO_COLOR=1", "COLUMNS=20 NO_COLOR=1"] {
        let terminal =
            Terminal::of("env", variables.split(' ').chain(line.split(' ')), Path::new("."));
        let shown = terminal.full_output();
        assert!(!shown.contains('\u{1b}'), "{variables}: {shown:?}");
        let joined: String = shown.split_whitespace().collect();
        assert!(joined.contains(r"\027[1mx"), "{variables}: {shown}");
    }
    // One value per line, because the columns do not fit.
    for columns in ["1", "20", "40"] {
        let script = format!("stty cols {columns}; {line} --color=never");
        let terminal = Terminal::of("sh", ["-c", &script], Path::new("."));
        let shown = terminal.full_output();
        let letters = shown.matches('x').count();
        assert!(letters >= 61 && shown.contains("DATA  \"text"), "{columns}: {shown}");
    }
    // COLUMNS is that of a terminal, and says nothing about a pipe.
    let ran = Sockkit::new(line.split(' ').skip(1)).env("COLUMNS", "20").run().code(0);
    assert!(ran.out().lines().nth(1).unwrap().starts_with(&format!("{long}  TXT")));
}

#[test]
fn r35_control_characters_are_escaped_in_every_type_that_has_text() {
    for (record_type, data, shown) in [
        (13, &b"\x02\x1b[\x01\x07"[..], r#""\027[" "\007""#),
        (257, b"\0\x05is\x1bue\x9b", r#"0 is\027ue "\155""#),
        (35, b"\0\x01\0\x02\x01\x1b\x01\x07\x01\x7f\0", r#"1 2 "\027" "\007" "\127" ."#),
        (256, b"\0\x01\0\x02\x1b]", r#"1 2 "\027]""#),
        (
            65,
            b"\0\x01\0\0\x01\0\x03\x02\x1b[\xff\xfe\0\x01\x1b",
            r#"1 . alpn="\027[" key65534="\027""#,
        ),
        (15, b"\0\x01\x02\x1b[\0", r"1 \027[."),
    ] {
        let server = DnsServer::with_records(vec![raw("t.example.", record_type, data)]);
        let word = format!("TYPE{record_type}");
        let run = resolve(["--json", "t.example", &word, &server.argument()]);
        assert_eq!((run.code, run.data()), (0, vec![shown.to_owned()]), "{record_type}");
    }
}
