//! Names as the user writes them, and as sockkit prints them.

use std::path::Path;

use hickory_resolver::proto::op::Message;
use serde_json::json;

use super::{resolve, www_records};
use crate::support::Terminal;
use crate::support::peers::dns_server::{DnsServer, a, raw, wire};

/// A server that answers every question for an address with one, and the names it was asked for.
fn any_name() -> DnsServer {
    DnsServer::start(|query| {
        let mut reply = query.reply();
        let mut record = a("x.", [192, 0, 2, 1]);
        record.name = query.message.queries[0].name().clone();
        reply.add_answer(record);
        vec![wire(&reply)]
    })
}

/// The owner name of the answer to a lookup of `name`.
#[track_caller]
fn looked_up(server: &DnsServer, name: &str) -> String {
    let run = resolve(["--json", "a", &server.argument(), "--", name]);
    assert_eq!(run.code, 0, "{name}: {}", run.stderr);
    run.json()[0]["answers"][0]["name"].as_str().unwrap().to_owned()
}

#[test]
fn r34_every_octet_of_a_label_is_escaped_and_reads_back() {
    let server = any_name();
    for shown in [
        r"a\.b.example.",
        r"a\032b.example.",
        r"\027\[2J.example.",
        r"\255\000.example.",
        r"\@a\$b\;c\(d\)e\\f\034.example.",
        "#a.example.",
        "<a>.example.",
        "a:80.example.",
        "a/b?c#d.example.",
        r"http\://a.example.",
        "[::1].example.",
        "+short.",
        "mx.",
        "192.0.2.1.",
    ] {
        let once = looked_up(&server, shown);
        assert_eq!(looked_up(&server, &once), once, "{shown}");
    }
    assert_eq!(looked_up(&server, r"\027\[2J.\255\000"), r"\027[2J.\255\000.");
    assert_eq!(looked_up(&server, "#a.#.example."), r"\035a.#.example.");
    assert_eq!(looked_up(&server, "<a>.example"), "<a>.example.");
}

#[test]
fn r36_international_names_are_asked_in_ascii() {
    let server = any_name();
    for (name, ascii) in [
        ("bücher.example", "xn--bcher-kva.example."),
        ("BÜCHER.example", "xn--bcher-kva.example."),
        ("faß.de", "xn--fa-hia.de."),
        ("a。b.example", "a.b.example."),
        ("ｗｗｗ.example", "www.example."),
    ] {
        assert_eq!(looked_up(&server, name), ascii);
    }
    assert_eq!(server.count(), 5);
    let nothing = DnsServer::with_records(Vec::new());
    let run = resolve(["bücher.example", "a", &nothing.argument()]);
    assert_eq!(run.code, 1);
    run.assert_stderr_contains("bücher.example (xn--bcher-kva.example) does not exist");
}

#[test]
fn r37_invalid_punycode_is_asked_as_it_is() {
    let server = any_name();
    for name in ["xn--aa.com.", "xn--a.example."] {
        assert_eq!(looked_up(&server, name), name);
        let run = resolve(["--short", name, "a", &server.argument()]);
        let label = name.split('.').next().unwrap();
        assert_eq!(
            run.stderr,
            format!("warning: {name}: the label {label} encodes no letters; queried as it is\n")
        );
    }
}

#[test]
fn r38_an_international_name_in_an_answer_is_shown_in_ascii() {
    let target = b"\x10xn--pple-43d\x2e\x2e\x2e\x2e\x03com\0";
    let server = DnsServer::with_records(vec![raw("p.example.", 12, target)]);
    let run = resolve(["--plain", "p.example", "ptr", &server.argument()]);
    assert!(run.stdout.is_ascii(), "{}", run.stdout);
    let server = DnsServer::with_records(vec![raw("p.example.", 12, b"\x0cxn--pple-43d\x03com\0")]);
    let run = resolve(["--json", "p.example", "ptr", &server.argument()]);
    assert_eq!(run.data(), ["xn--pple-43d.com."]);
    let answer = &run.json()[0]["answers"][0];
    assert_eq!(answer["data_unicode"], "\u{430}pple.com.");
    assert_eq!(answer["deceptive"], true);
}

#[test]
fn r38_the_letters_of_a_name_are_shown_beside_it_on_a_terminal() {
    let server = DnsServer::with_records(vec![
        raw("xn--bcher-kva.example.", 15, b"\0\x0a\x08xn--p1ai\0"),
        raw("xn--bcher-kva.example.", 15, b"\0\x14\x0cxn--pple-43d\x03com\0"),
    ]);
    let program = env!("CARGO_BIN_EXE_sockkit");
    let word = server.argument();
    let script = format!("stty cols 132; {program} resolve bücher.example mx --color=never {word}");
    let terminal = Terminal::of("sh", ["-c", &script], Path::new("."));
    let shown = terminal.full_output();
    for row in [
        "NAME                                      TYPE  TTL  DATA\r\n",
        "xn--bcher-kva.example. (bücher.example.)  MX    300  10 xn--p1ai. (10 рф.)\r\n",
        "20 xn--pple-43d.com. (deceptive: 20 \u{430}pple.com.)\r\n",
    ] {
        assert!(shown.contains(row), "{row:?} not in {shown:?}");
    }
    let run = resolve(["bücher.example", "mx", &server.argument()]);
    assert!(run.stdout.is_ascii(), "{}", run.stdout);
    let run = resolve(["--json", "bücher.example", "mx", &server.argument()]);
    let line = &run.json()[0];
    assert_eq!(
        (&line["name"], &line["query_name"]),
        (&json!("bücher.example"), &json!("xn--bcher-kva.example."))
    );
    assert_eq!(line["answers"][0]["name_unicode"], "bücher.example.");
    assert_eq!(line["answers"][0]["deceptive"], false);
}

#[test]
fn r39_names_that_are_no_host_names_are_asked() {
    let server = any_name();
    for name in ["_sip._tcp.ita.br.", "_dmarc.ita.br.", "-a.example.", "*.ita.br."] {
        assert_eq!(looked_up(&server, name), name);
    }
}

#[test]
fn r40_the_limits_of_labels_and_names_are_checked_before_any_query() {
    let server = any_name();
    let label = |length: usize| "a".repeat(length);
    let three = [label(63), label(63), label(63)].join(".");
    let longest = format!("{three}.{}.", label(61));
    assert_eq!(looked_up(&server, &longest), longest);
    for (name, limit) in [
        (format!("{}.example", label(64)), "63"),
        (format!("{three}.{}", label(62)), "253"),
        (format!("{three}.{}", label(63)), "253"),
    ] {
        let run = resolve(["a", &name, &server.argument()]);
        assert_eq!(run.code, 2, "{name}");
        run.assert_stderr_contains(&format!("the maximum is {limit}"));
    }
    assert_eq!(server.count(), 1);
}

#[test]
fn r41_empty_labels_exit_2() {
    for (name, reason) in
        [("a..b", "empty label"), (".a", "empty label"), ("", "empty"), ("  ", "empty")]
    {
        let run = resolve([name, "@127.0.0.1:9"]);
        assert_eq!(run.code, 2, "{name:?}");
        run.assert_stderr_contains(reason);
    }
}

#[test]
fn r42_the_root_is_asked() {
    let server = DnsServer::with_records(vec![raw(".", 2, b"\x01a\x04root\0")]);
    let run = resolve(["--plain", ".", "ns", &server.argument()]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ".\tNS\t300\ta.root.\t\n"));
}

#[test]
fn r44_a_url_an_endpoint_or_a_mail_address_suggests_its_name() {
    for word in ["http://www.ita.br/x", "www.ita.br:443"] {
        let run = resolve([word, "@127.0.0.1:9"]);
        assert_eq!(run.code, 2);
        run.assert_stderr_contains("did you mean www.ita.br?");
    }
    let run = resolve(["user@ita.br", "@127.0.0.1:9"]);
    assert_eq!(run.code, 2);
    run.assert_stderr_contains("did you mean ita.br?");
}

#[test]
fn r46_the_zone_of_an_address_is_not_part_of_its_name_but_of_a_server() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.add_answer(raw(&query.name, 12, b"\x04host\0"));
        vec![wire(&reply)]
    });
    let run = resolve(["--json", "fe80::1%eth0", &server.argument()]);
    assert_eq!((run.code, run.data()), (0, vec!["host.".to_owned()]));
    run.assert_stderr_contains("the zone eth0 is not part of the reverse name of fe80::1");
    let run = resolve(["www.ita.br", "@fe80::1%nowhere0"]);
    assert_eq!(run.code, 2);
    run.assert_stderr_contains("@fe80::1%nowhere0: \"nowhere0\" is not an interface");
}

#[test]
fn r49_types_ignore_case_and_have_numbers() {
    let server = DnsServer::with_records(www_records());
    for word in ["aaaa", "AaAa", "TYPE28", "type28"] {
        let run = resolve(["--json", "www.ita.br", word, &server.argument()]);
        assert_eq!((run.code, &run.json()[0]["record_type"]), (0, &json!("AAAA")), "{word}");
    }
    let run = resolve(["--json", "www.ita.br", "type65535", &server.argument()]);
    assert_eq!(run.json()[0]["record_type"], "TYPE65535");
    for (option, word) in [("-t", "0"), ("-t", "TYPE65536"), ("-t", "MXX")] {
        let run = resolve(["www.ita.br", option, word, &server.argument()]);
        assert_eq!(run.code, 2, "{word}");
    }
}

#[test]
fn r51_a_wildcard_is_shown_with_the_name_asked_for() {
    let server = any_name();
    assert_eq!(looked_up(&server, "x.wild.ita.br"), "x.wild.ita.br.");
}

#[test]
fn r56_a_server_that_changes_the_case_of_the_question_is_accepted() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.add_answer(a(&query.name, [192, 0, 2, 1]));
        let lower = wire(&reply).to_ascii_lowercase();
        assert!(Message::from_vec(&lower).is_ok());
        vec![[&wire(&reply)[..12], &lower[12..]].concat()]
    });
    assert_eq!(looked_up(&server, "WWW.Ita.Br"), "www.ita.br.");
}
