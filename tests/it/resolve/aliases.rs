//! CNAME chains.

use serde_json::json;

use super::resolve;
use crate::support::peers::dns_server::{DnsServer, a, cname, raw, wire};

#[test]
fn r21_an_alias_is_followed_across_several_replies() {
    let server = DnsServer::with_records(vec![
        cname("www.example.", "a.example."),
        cname("a.example.", "b.example."),
        a("b.example.", [192, 0, 2, 7]),
    ]);
    let run = resolve(["www.example", &server.argument()]);
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
fn r24_an_alias_whose_target_does_not_exist_names_the_target() {
    let server = DnsServer::with_records(vec![cname("www.example.", "gone.example.")]);
    let run = resolve(["--json", "www.example", "a", &server.argument()]);
    assert_eq!(run.code, 1);
    assert_eq!(run.json()[0]["status"], "NXDOMAIN");
    assert_eq!(run.data(), ["gone.example."]);
    run.assert_stderr_contains("www.example is an alias of gone.example, which does not exist");
}

#[test]
fn r22_an_alias_loop_or_an_endless_chain_exits_9() {
    let circle = DnsServer::with_records(vec![
        cname("a.example.", "b.example."),
        cname("b.example.", "a.example."),
    ]);
    let run = resolve(["--json", "a.example", "a", &circle.argument()]);
    assert_eq!((run.code, &run.json()[0]["status"]), (9, &json!("ERROR")));
    run.assert_stderr_contains("CNAME loop: a.example. -> b.example. -> a.example.");
    let endless = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.add_answer(cname(&query.name, &format!("x{}", &query.name)));
        vec![wire(&reply)]
    });
    let run = resolve(["n.example", "a", &endless.argument()]);
    assert_eq!(run.code, 9);
    run.assert_stderr_contains("more than 16 CNAMEs in a row");
    assert_eq!(endless.count(), 17);
}

#[test]
fn r20_a_chain_in_one_reply_is_shown_in_order() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.add_answer(cname("www.example.", "a.example."));
        reply.add_answer(cname("a.example.", "b.example."));
        reply.add_answer(a("b.example.", [192, 0, 2, 7]));
        vec![wire(&reply)]
    });
    let run = resolve(["--json", "www.example", "a", &server.argument()]);
    assert_eq!(run.data(), ["a.example.", "b.example.", "192.0.2.7"]);
    assert_eq!(server.count(), 1);
}

#[test]
fn r21_no_follow_shows_the_alias_alone() {
    let records = vec![cname("www.example.", "a.example."), a("a.example.", [192, 0, 2, 7])];
    let server = DnsServer::with_records(records);
    let run = resolve(["--json", "--no-follow", "www.example", "a", &server.argument()]);
    assert_eq!((run.code, run.data()), (0, vec!["a.example.".to_owned()]));
    assert_eq!(server.count(), 1);
}

#[test]
fn r23_a_chain_of_12_is_followed() {
    let link = |at: u8| cname(&format!("c{at}.example."), &format!("c{}.example.", at + 1));
    let mut records: Vec<_> = (0..12).map(link).collect();
    records.push(a("c12.example.", [192, 0, 2, 7]));
    let server = DnsServer::with_records(records);
    let run = resolve(["--json", "c0.example", "a", &server.argument()]);
    assert_eq!((run.code, run.data().len()), (0, 13));
}

#[test]
fn r25_a_dname_is_shown_with_the_cname_made_from_it_and_followed_without() {
    for with_cname in [true, false] {
        let server = DnsServer::start(move |query| {
            let mut reply = query.reply();
            match query.name.as_str() {
                "x.old.example." => {
                    reply.add_answer(raw("old.example.", 39, b"\x03new\x07example\0"));
                    if with_cname {
                        reply.add_answer(cname("x.old.example.", "x.new.example."));
                    }
                }
                _ => {
                    reply.add_answer(a(&query.name, [192, 0, 2, 7]));
                }
            }
            vec![wire(&reply)]
        });
        let run = resolve(["--json", "x.old.example", "a", &server.argument()]);
        let mut expected = vec!["new.example.", "x.new.example.", "192.0.2.7"];
        if !with_cname {
            expected.remove(1);
        }
        assert_eq!((run.code, run.data()), (0, expected.into_iter().map(str::to_owned).collect()));
    }
}

#[test]
fn verbose_shows_each_reply_of_a_chain() {
    let server = DnsServer::with_records(vec![
        cname("www.example.", "a.example."),
        cname("a.example.", "b.example."),
        a("b.example.", [192, 0, 2, 7]),
    ]);
    let run = resolve(["-v", "www.example", "a", &server.argument()]);
    let url = format!("udp://{}", server.addr);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{}", run.stderr);
    for (line, (name, status)) in lines.iter().zip([
        ("www.example", "NOERROR (an alias of a.example)"),
        ("a.example", "NOERROR (an alias of b.example)"),
        ("b.example", "NOERROR"),
    ]) {
        let beginning = format!("note: {url} answered {name} A: {status}, ");
        assert!(line.starts_with(&beginning), "{line}");
    }
}
